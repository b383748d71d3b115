//! Name servers that answer wrongly, or not at all.

use std::time::Duration;

use etcd_dns::{DnsError, Resolver, find_members};
use tokio::net::UdpSocket;

use crate::options;

/// Answers each packet with what `answer` makes of it.
async fn server(answer: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + 'static) -> Resolver {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut packet = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut packet).await {
            if let Some(answer) = answer(&packet[..length]) {
                let _sent = socket.send_to(&answer, from).await;
            }
        }
    });
    Resolver::at(&address.to_string()).await.unwrap()
}

async fn error_of(resolver: &Resolver) -> DnsError {
    find_members(&options("infra0", "http://127.0.1.10:2380"), resolver).await.unwrap_err()
}

/// The question, as an answer with this code.
fn with_code(packet: &[u8], code: u8) -> Vec<u8> {
    let mut answer = packet.to_vec();
    answer[2] |= 0x80;
    answer[3] = 0x80 | code;
    answer
}

#[tokio::test]
async fn servers_that_fail() {
    let resolver = server(|packet| Some(with_code(packet, 2))).await;
    let error = error_of(&resolver).await.to_string();
    assert!(error.contains("server misbehaving"), "{error}");
    let resolver = server(|packet| Some(with_code(packet, 5))).await;
    let error = error_of(&resolver).await.to_string();
    assert!(error.contains("server misbehaving"), "{error}");
}

#[tokio::test]
async fn servers_that_are_silent_or_talk_nonsense() {
    for answer in [None, Some(vec![0xff; 600]), Some(Vec::new())] {
        let resolver = server(move |_| answer.clone()).await;
        let mut options = options("infra0", "http://127.0.1.10:2380");
        options.limit = Duration::from_secs(1);
        let error = find_members(&options, &resolver).await.unwrap_err();
        assert!(matches!(error, DnsError::Timeout { .. } | DnsError::NothingFound { .. }), "{error:?}");
    }
}

/// Cut off over UDP, and nobody listens on TCP.
#[tokio::test]
async fn answers_that_cannot_be_had() {
    let resolver = server(|packet| {
        let mut answer = with_code(packet, 0);
        answer[2] |= 0x02;
        Some(answer)
    })
    .await;
    let mut options = options("infra0", "http://127.0.1.10:2380");
    options.limit = Duration::from_secs(10);
    let error = find_members(&options, &resolver).await.unwrap_err();
    assert!(matches!(error, DnsError::NothingFound { .. } | DnsError::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn servers_that_are_none() {
    for text in ["", "127.0.0.1", "nohost.invalid:53", "127.0.0.1:dns?"] {
        assert!(Resolver::at(text).await.is_err(), "{text}");
    }
}
