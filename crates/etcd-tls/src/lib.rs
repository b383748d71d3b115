//! Certificates and TLS for a member: PEM files and flags in, [`rustls`] configurations out.
//!
//! - [`Tls`] is everything that one port (client or peer) needs: its own certificate, whom it trusts, which names and
//!   which serial numbers it accepts. [`Tls::check_files`] takes over changed files; connections that stand are not
//!   touched, and a file that cannot be used leaves the old material in place.
//! - [`Acceptor`] makes handshakes that end in time and whose number is bounded.
//! - [`auto`] makes and renews certificates for `--auto-tls`.
//! - [`client_config`] is for clients of other servers.
//!
//! One crypto provider is compiled in, ring, and it is named in every configuration: nothing depends on a default of
//! the process. Private keys appear in no log and in no debug output.
//!
//! It reads files and the system's certificates, and the clock. It does not listen, dial or speak HTTP.
//!
//! ```
//! use std::time::SystemTime;
//! use etcd_tls::{Options, Tls, auto};
//!
//! let directory = tempfile::tempdir()?;
//! let pair = auto::ensure(directory.path(), &["127.0.0.1".to_owned()], 1, SystemTime::now())?;
//! let tls = Tls::load(Options { server: Some(pair), ..Options::default() })?;
//! assert!(tls.server_config().is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod options;
mod suites;

mod facts;
mod pem;
mod revoked;
mod roots;
mod rules;
mod verify;

mod tls;

mod accept;
pub mod address;
pub mod auto;

pub use accept::{Acceptor, HandshakeError};
pub use error::LoadError;
pub use facts::common_name;
pub use options::{Options, Pair, Version};
pub use suites::{CipherSuites, UnavailableSuites};
pub use tls::{Certificate, Change, Role, Tls, client_config};
pub use {rustls, tokio_rustls};

#[cfg(test)]
mod tests;
