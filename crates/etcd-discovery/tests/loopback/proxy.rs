//! A real HTTP proxy between client and service.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use etcd_discovery::Password;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::keys::{Keys, join, member, unhurried};
use crate::tls::Https;

/// Forwards requests in absolute form and opens tunnels, one connection for each; counts both.
struct Proxy {
    address: String,
    forwarded: Arc<AtomicUsize>,
    tunnels: Arc<AtomicUsize>,
}

impl Proxy {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let proxy = Self { address, forwarded: Arc::default(), tunnels: Arc::default() };
        let (forwarded, tunnels) = (Arc::clone(&proxy.forwarded), Arc::clone(&proxy.tunnels));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (forwarded, tunnels) = (Arc::clone(&forwarded), Arc::clone(&tunnels));
                tokio::spawn(async move { pass(stream, &forwarded, &tunnels).await });
            }
        });
        proxy
    }
}

async fn pass(mut client: TcpStream, forwarded: &AtomicUsize, tunnels: &AtomicUsize) -> Option<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        client.read_buf(&mut head).await.ok().filter(|length| *length > 0)?;
    }
    let text = String::from_utf8(head).ok()?;
    let (line, rest) = text.split_once("\r\n")?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    if method == "CONNECT" {
        tunnels.fetch_add(1, Ordering::Relaxed);
        let mut server = TcpStream::connect(target).await.ok()?;
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.ok()?;
        copy_bidirectional(&mut client, &mut server).await.ok()?;
        return Some(());
    }
    forwarded.fetch_add(1, Ordering::Relaxed);
    let (host, path) = target.strip_prefix("http://")?.split_once('/')?;
    let mut server = TcpStream::connect(host).await.ok()?;
    // One request for a connection, so that each is seen here.
    let request = format!("{method} /{path} HTTP/1.1\r\nconnection: close\r\n{rest}");
    server.write_all(request.as_bytes()).await.ok()?;
    copy_bidirectional(&mut client, &mut server).await.ok()?;
    Some(())
}

#[tokio::test]
async fn requests_pass_through_the_proxy() {
    let keys = Keys::new("2");
    keys.put("1", "infra1=http://10.0.0.11:2380");
    let url = keys.serve().await;
    let proxy = Proxy::start().await;
    for prefix in ["", "http://"] {
        let mut options = unhurried(&url);
        options.proxy = Password::new(format!("{prefix}{}", proxy.address));
        let before = proxy.forwarded.load(Ordering::Relaxed);
        let joined = join(&options, 0).await;
        assert!(joined.is_ok() || !prefix.is_empty(), "{joined:?}");
        assert!(proxy.forwarded.load(Ordering::Relaxed) > before);
    }
    assert_eq!(proxy.tunnels.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn https_passes_through_a_tunnel() {
    let https = Https::start(false).await;
    let proxy = Proxy::start().await;
    let mut options = unhurried(&https.url);
    options.tls = Some(https.client(false));
    options.proxy = Password::new(&proxy.address);
    let (name, urls) = member(0);
    let found = etcd_discovery::join_v2(&options, &name, &urls).await.unwrap();
    assert_eq!(found.members.len(), 1);
    assert!(proxy.tunnels.load(Ordering::Relaxed) > 0);
}
