//! One HTTP/2 connection to one endpoint, with or without TLS.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};

use super::address::Address;
use crate::options::V3Options;

/// gRPC's own lower bound: servers hang up on clients that ping more often.
const SHORTEST_KEEPALIVE: Duration = Duration::from_secs(10);

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Connects; the reason of a failure in a few words.
pub(super) async fn connect(address: &Address, options: &V3Options) -> Result<Channel, String> {
    let port = address.port;
    // What follows is HTTP/2 over whatever the connector gives; for TLS it is the connector that does it.
    let host = if address.host.contains(':') { format!("[{}]", address.host) } else { address.host.clone() };
    let endpoint = Endpoint::from_shared(format!("http://{host}:{port}")).map_err(|error| reason(&error))?;
    let endpoint = endpoint
        .connect_timeout(options.dial_timeout)
        .http2_keep_alive_interval(options.keepalive_time.max(SHORTEST_KEEPALIVE))
        .keep_alive_timeout(options.keepalive_timeout);
    let tls = options.tls.as_ref().filter(|_| address.tls).map(|tls| {
        let mut tls = rustls::ClientConfig::clone(tls);
        tls.alpn_protocols = vec![b"h2".to_vec()];
        Arc::new(tls)
    });
    let host = address.host.clone();
    let connector = tower::service_fn(move |_: Uri| dial(host.clone(), port, tls.clone()));
    match timeout(options.dial_timeout, endpoint.connect_with_connector(connector)).await {
        Ok(outcome) => outcome.map_err(|error| reason(&error)),
        Err(_) => Err("i/o timeout".to_owned()),
    }
}

async fn dial(
    host: String,
    port: u16,
    tls: Option<Arc<rustls::ClientConfig>>,
) -> io::Result<TokioIo<Box<dyn Stream>>> {
    let stream = TcpStream::connect((host.as_str(), port)).await?;
    stream.set_nodelay(true)?;
    let Some(tls) = tls else { return Ok(TokioIo::new(Box::new(stream))) };
    let name = ServerName::try_from(host).map_err(io::Error::other)?;
    let stream = TlsConnector::from(tls).connect(name, stream).await?;
    Ok(TokioIo::new(Box::new(stream)))
}

/// The innermost cause says what happened.
fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match cause.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => "connection refused".to_owned(),
        Some(io::ErrorKind::ConnectionReset) => "connection reset by peer".to_owned(),
        _ => crate::error::shorten(&cause.to_string()),
    }
}
