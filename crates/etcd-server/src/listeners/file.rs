//! Sockets in the file system.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

/// The file of a socket that this process listens on. Removed when dropped, which is to be after the listener, unless
/// somebody else listens there by then.
#[derive(Debug)]
pub(crate) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        if is_left(&self.0) {
            // What stays is taken for what it is at the next start.
            let _stays = fs::remove_file(&self.0);
        }
    }
}

/// Listens on `path`. A socket there that nobody listens on is what a killed server left, and is replaced; any other
/// file stays, and so does a socket in use (etcd removes whatever is there). Who may connect is up to the directory and
/// the process's umask.
///
/// # Errors
/// `AddrInUse` when something is there, and what the system says.
/// # Source
/// etcd `client/pkg/transport/unix_listener.go`.
pub(super) fn open(path: &str) -> io::Result<(UnixListener, SocketFile)> {
    let path = Path::new(path);
    if is_left(path) {
        fs::remove_file(path)?;
    }
    Ok((UnixListener::bind(path)?, SocketFile(path.to_owned())))
}

/// Whether there is a socket that nobody listens on.
fn is_left(path: &Path) -> bool {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    is_socket
        && UnixStream::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_in_the_way_stays_unless_nobody_listens() -> anyhow::Result<()> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("a.sock").display().to_string();
        let kind = |path: &str| open(path).err().map(|error| error.kind());

        let (listener, file) = open(&path)?;
        assert_eq!(kind(&path), Some(io::ErrorKind::AddrInUse), "somebody listens");
        drop(listener);
        // The file is still there, as after a kill.
        let (listener, second) = open(&path)?;
        drop(file);
        assert!(Path::new(&path).exists(), "somebody listens");
        drop(listener);
        drop(second);
        assert!(!Path::new(&path).exists());

        fs::write(&path, "precious")?;
        assert_eq!(kind(&path), Some(io::ErrorKind::AddrInUse));
        assert_eq!(fs::read_to_string(&path)?, "precious");
        Ok(())
    }
}
