//! Which server binary to run.

use std::path::PathBuf;

/// No server binary was named, or the named one is not a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BinaryError {
    /// `ETCD_BIN` is not set.
    #[error("ETCD_BIN is not set; `cargo xtask test` builds the server and sets it")]
    NotNamed,
    /// `ETCD_BIN` names no file.
    #[error("ETCD_BIN names {path}, which is not a file")]
    Missing {
        /// What the variable says.
        path: PathBuf,
    },
}

/// The server under test: the file that the environment variable `ETCD_BIN` names.
///
/// # Errors
/// When the variable is unset, or names no file.
pub fn server_binary() -> Result<PathBuf, BinaryError> {
    let path = PathBuf::from(std::env::var_os("ETCD_BIN").ok_or(BinaryError::NotNamed)?);
    if path.is_file() { Ok(path) } else { Err(BinaryError::Missing { path }) }
}
