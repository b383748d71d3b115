//! TLS on both ports, seen by `curl`, `openssl s_client` and `etcdctl`.

mod guide;
mod handshakes;
mod keys;
mod listeners;
pub(crate) mod material;
mod matrix;
mod members;
mod rotation;
mod stalled;
mod start;
mod users;
