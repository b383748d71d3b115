//! The data directory: where a member keeps its log and its database.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tracing::warn;

/// The paths below one data directory, as etcd lays them out.
#[derive(Debug, Clone)]
pub(crate) struct DataDir {
    /// `--data-dir`.
    root: PathBuf,
    /// `<data-dir>/member/wal`, or `--wal-dir`.
    pub(crate) wal: PathBuf,
    /// `<data-dir>/member/snap`.
    pub(crate) snap: PathBuf,
    /// The database.
    pub(crate) database: PathBuf,
}

/// The data directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataDirError {
    /// A directory cannot be created or read.
    #[error("cannot use data directory {path}; check --data-dir, --wal-dir and who owns it")]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It belongs to a v2 proxy.
    #[error("data directory {path} belongs to a v2 proxy, which this server does not have")]
    Proxy {
        /// The directory.
        path: PathBuf,
    },
    /// There is a log but the database that belongs to it is gone.
    #[error("database file ({path}) of the backend is missing")]
    DatabaseMissing {
        /// Where it should be.
        path: PathBuf,
    },
}

impl DataDir {
    /// The paths; nothing is created.
    pub(crate) fn locate(data_dir: &Path, wal_dir: Option<&Path>) -> Self {
        let member = data_dir.join("member");
        let snap = member.join("snap");
        Self {
            root: data_dir.to_owned(),
            wal: wal_dir.map_or_else(|| member.join("wal"), Path::to_owned),
            database: snap.join("db"),
            snap,
        }
    }

    /// Creates what is missing, with mode 0700, warns of what does not belong there, and removes databases whose
    /// receiving was interrupted: the leader sends them again.
    ///
    /// # Errors
    /// [`DataDirError`] when a directory cannot be used.
    pub(crate) fn prepare(&self) -> Result<(), DataDirError> {
        create(&self.root)?;
        check_mode(&self.root)?;
        check_entries(&self.root)?;
        create(&self.snap)?;
        if let Some(parent) = self.wal.parent() {
            create(parent)?;
        }
        remove_unfinished(&self.snap)
    }

    /// # Errors
    /// `DatabaseMissing` when there is none.
    pub(crate) fn require_database(&self) -> Result<(), DataDirError> {
        match self.database.try_exists() {
            Ok(true) => Ok(()),
            Ok(false) => Err(DataDirError::DatabaseMissing { path: self.database.clone() }),
            Err(source) => Err(unusable(&self.database, source)),
        }
    }

    /// Where a received database is written until it replaces the current one.
    pub(crate) fn incoming(&self, index: u64) -> PathBuf {
        self.snap.join(format!("{index:016x}{RECEIVED}"))
    }
}

const RECEIVED: &str = ".snap.db";

fn create(path: &Path) -> Result<(), DataDirError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|source| unusable(path, source))
}

fn check_mode(path: &Path) -> Result<(), DataDirError> {
    let mode = fs::metadata(path).map_err(|source| unusable(path, source))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        warn!(path = %path.display(), mode = format!("{mode:o}"), "others may read the data directory; its mode should be 700");
    }
    Ok(())
}

fn check_entries(path: &Path) -> Result<(), DataDirError> {
    let mut strangers = Vec::new();
    for entry in fs::read_dir(path).map_err(|source| unusable(path, source))? {
        let name = entry.map_err(|source| unusable(path, source))?.file_name();
        match name.to_str() {
            Some("member" | "fixtures" | "lost+found") => {}
            Some("proxy") => return Err(DataDirError::Proxy { path: path.to_owned() }),
            _ => strangers.push(name.to_string_lossy().into_owned()),
        }
    }
    if !strangers.is_empty() {
        warn!(path = %path.display(), entries = strangers.join(", "), "found invalid file under data directory");
    }
    Ok(())
}

fn remove_unfinished(snap: &Path) -> Result<(), DataDirError> {
    for entry in fs::read_dir(snap).map_err(|source| unusable(snap, source))? {
        let path = entry.map_err(|source| unusable(snap, source))?.path();
        if path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.ends_with(RECEIVED)) {
            fs::remove_file(&path).map_err(|source| unusable(&path, source))?;
        }
    }
    Ok(())
}

fn unusable(path: &Path, source: io::Error) -> DataDirError {
    DataDirError::Unusable { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_private_and_leftovers_go() -> anyhow::Result<()> {
        let root = tempfile::tempdir()?;
        let path = root.path().join("a/b.etcd");
        let dir = DataDir::locate(&path, None);
        assert!(!path.try_exists()?, "locating creates nothing");
        dir.prepare()?;
        for made in [&path, &path.join("member"), &dir.snap] {
            assert_eq!(fs::metadata(made)?.permissions().mode() & 0o777, 0o700, "{}", made.display());
        }
        let leftover = dir.incoming(0x2a);
        fs::write(&leftover, "half")?;
        fs::write(&dir.database, "")?;
        dir.prepare()?;
        assert!(!leftover.try_exists()?);
        dir.require_database()?;
        Ok(())
    }

    #[test]
    fn a_proxy_directory_and_a_lost_database_are_refused() -> anyhow::Result<()> {
        let root = tempfile::tempdir()?;
        let dir = DataDir::locate(root.path(), None);
        let error = dir.require_database().err();
        assert!(matches!(error, Some(DataDirError::DatabaseMissing { .. })), "{error:?}");
        fs::create_dir(root.path().join("proxy"))?;
        let error = dir.prepare().err();
        assert!(matches!(error, Some(DataDirError::Proxy { .. })), "{error:?}");
        Ok(())
    }
}
