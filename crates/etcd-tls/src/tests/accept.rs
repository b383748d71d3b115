//! Handshakes that stall.

use std::sync::Arc;
use std::time::Duration;

use super::material::{Authority, Leaf, REMOTE, tls};
use crate::{Acceptor, HandshakeError, Options};

fn acceptor(limit: usize, timeout: Duration) -> Acceptor {
    let authority = Authority::new("all");
    let tls = tls(Options { server: Some(authority.pair("server", &Leaf::default())), ..Options::default() });
    Acceptor::with_timeout("client", tls, limit, timeout)
}

#[tokio::test]
async fn a_stalled_handshake_is_given_up() {
    let (near, _far) = tokio::io::duplex(64);
    let outcome = acceptor(4, Duration::from_millis(10)).accept(near, REMOTE).await;
    assert!(matches!(outcome, Err(HandshakeError::Timeout)));
}

#[tokio::test]
async fn the_oldest_of_too_many_goes() {
    let acceptor = acceptor(2, Duration::from_secs(600));
    let mut stalled = Vec::new();
    for _ in 0..2 {
        let (near, far) = tokio::io::duplex(64);
        let acceptor = acceptor.clone();
        stalled.push(Box::pin(async move {
            let outcome = acceptor.accept(near, REMOTE).await.map(drop);
            drop(far);
            outcome
        }));
        assert!(futures_poll(stalled.last_mut().unwrap()).await.is_none());
    }
    let connector = tokio_rustls::TlsConnector::from(
        tls(Options { skip_verify: true, ..Options::default() }).client_config().unwrap(),
    );
    let (near, far) = tokio::io::duplex(1 << 14);
    let name = rustls::pki_types::ServerName::try_from("a.test").unwrap();
    let (accepted, connected) = tokio::join!(acceptor.accept(near, REMOTE), connector.connect(name, far));
    assert!(accepted.is_ok() && connected.is_ok(), "who does not stall gets through");
    assert!(matches!(futures_poll(&mut stalled[0]).await, Some(Err(HandshakeError::Crowded))));
    assert!(futures_poll(&mut stalled[1]).await.is_none(), "the younger one may go on");
}

#[tokio::test]
async fn plain_text_is_refused_and_a_hang_up_is_silent() {
    use tokio::io::AsyncWriteExt as _;
    let acceptor = acceptor(2, Duration::from_secs(600));
    let (near, mut far) = tokio::io::duplex(1 << 14);
    far.write_all(b"GET /health HTTP/1.1\r\n\r\n").await.unwrap();
    let error = acceptor.accept(near, REMOTE).await.unwrap_err();
    assert!(matches!(error, HandshakeError::PlainText), "{error}");
    let (near, far) = tokio::io::duplex(64);
    drop(far);
    assert!(acceptor.accept(near, REMOTE).await.unwrap_err().is_silent());
    let without = Acceptor::new("client", tls(Options { skip_verify: true, ..Options::default() }), 1);
    let (near, _far) = tokio::io::duplex(64);
    assert!(matches!(without.accept(near, REMOTE).await, Err(HandshakeError::NoCertificate)));
    assert!(Arc::strong_count(without.tls()) >= 1);
}

/// Polls once.
async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(cx) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}
