//! A client's connection, with or without TLS.

use etcd_tls::tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

use super::socket::Socket;

/// The right one speaks TLS.
pub(super) type Stream = Either<Socket, Box<TlsStream<Socket>>>;

/// The client's own certificate, which is verified; DER.
pub(super) fn certificate(stream: &Stream) -> Option<&[u8]> {
    match stream {
        Either::Left(_) => None,
        Either::Right(stream) => Some(stream.get_ref().1.peer_certificates()?.first()?.as_ref()),
    }
}
