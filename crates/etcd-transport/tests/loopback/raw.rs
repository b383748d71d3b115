//! HTTP as bytes, for requests that no client would send.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct Raw {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Raw {
    pub(crate) async fn open(address: SocketAddr, request: &[u8]) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request).await.unwrap();
        Self { stream, read: Vec::new() }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Everything until the other side closes.
    pub(crate) async fn rest(mut self) -> String {
        let outcome = timeout(DEADLINE, self.stream.read_to_end(&mut self.read)).await;
        // A reset after the answer is an end, too.
        let _ = outcome.expect("the connection stays open");
        String::from_utf8_lossy(&self.read).into_owned()
    }

    /// Everything until `text` has come.
    pub(crate) async fn until(&mut self, text: &str) -> String {
        let wait = async {
            loop {
                let so_far = String::from_utf8_lossy(&self.read).into_owned();
                if so_far.contains(text) {
                    return so_far;
                }
                let mut buffer = [0; 4096];
                let read = self.stream.read(&mut buffer).await.unwrap();
                assert!(read > 0, "closed after {so_far}");
                self.read.extend_from_slice(&buffer[..read]);
            }
        };
        timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("no {text}"))
    }
}

/// A request with these header lines, and a body if there is one.
pub(crate) fn request(line: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("{line} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    text += "\r\n";
    [text.as_bytes(), body].concat()
}

/// Status, headers in lower case, and body of an answer.
pub(crate) async fn ask(
    address: SocketAddr,
    line: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> (u16, String, String) {
    let answer = Raw::open(address, &request(line, headers, body)).await.rest().await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), body.to_owned())
}
