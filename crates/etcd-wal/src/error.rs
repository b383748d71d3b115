//! What can go wrong, by operation.

use std::io;
use std::path::{Path, PathBuf};

/// In what way a segment is damaged. Damage is never repaired: the record may have been acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// A length word that no writer writes, or that its record contradicts.
    #[error("bad record length")]
    Length,
    /// The checksum of a complete record is wrong.
    #[error("checksum mismatch")]
    Checksum,
    /// Bytes after a record that should be zero.
    #[error("bad padding")]
    Padding,
    /// A record type that is unknown, or not allowed at this place.
    #[error("unexpected record type")]
    Kind,
    /// The content is not what the record's type says.
    #[error("bad record content")]
    Content,
    /// The segment does not continue the checksum of the one before.
    #[error("checksum does not continue the segment before")]
    Chain,
    /// The segment belongs to another member or cluster than the one before.
    #[error("conflicting metadata")]
    Metadata,
    /// An entry that does not follow the ones before it.
    #[error("entries are not continuous")]
    Gap,
    /// An entry that would replace one that is known to be committed.
    #[error("entry replaces a committed one")]
    Committed,
    /// A term lower than the one before.
    #[error("term goes back")]
    Term,
    /// A hard state that commits entries the log does not have.
    #[error("commit index is beyond the last entry")]
    Commit,
    /// An incomplete record that a crash does not explain: it is followed by another segment, or is a segment's
    /// header, or the storage already holds what it would be.
    #[error("incomplete record")]
    Incomplete,
}

/// Why a log could not be created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// There is a log already.
    #[error("a write-ahead log exists in {}", dir.display())]
    AlreadyExists {
        /// The log's directory.
        dir: PathBuf,
    },
    /// Another process is creating it.
    #[error("{} is locked by another process", path.display())]
    Locked {
        /// The locked file.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("no space left on device for {}", path.display())]
    NoSpace {
        /// What was being written.
        path: PathBuf,
    },
    /// Any other failure of the disk.
    #[error("could not create {}", path.display())]
    Io {
        /// What was being created.
        path: PathBuf,
        /// What the system reported.
        source: io::Error,
    },
}

/// Why a log could not be opened or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The directory has no segments.
    #[error("no write-ahead log in {}", dir.display())]
    NotFound {
        /// The log's directory.
        dir: PathBuf,
    },
    /// Another process has the log open.
    #[error("{} is locked by another process", path.display())]
    Locked {
        /// The locked segment.
        path: PathBuf,
    },
    /// A segment between others is missing.
    #[error("a segment is missing before {}", path.display())]
    MissingSegment {
        /// The segment after the gap.
        path: PathBuf,
    },
    /// A segment is damaged; nothing was changed.
    #[error("{} is damaged at byte {offset}: {damage}", path.display())]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where the damaged record begins.
        offset: u64,
        /// In what way.
        damage: Damage,
    },
    /// No mark at or before what the storage holds is left: log and storage do not belong together.
    #[error("no snapshot mark at or before index {at_or_before} in {}", dir.display())]
    NoMark {
        /// The log's directory.
        dir: PathBuf,
        /// What was asked for.
        at_or_before: u64,
    },
    /// A segment is too large to be one.
    #[error("{} is too large: {length} bytes", path.display())]
    TooLarge {
        /// The segment.
        path: PathBuf,
        /// Its length in bytes.
        length: u64,
    },
    /// The disk is full: the repaired or the new part could not be written.
    #[error("no space left on device for {}", path.display())]
    NoSpace {
        /// What was being written.
        path: PathBuf,
    },
    /// Any other failure of the disk.
    #[error("could not open {}", path.display())]
    Io {
        /// What was being read or written.
        path: PathBuf,
        /// What the system reported.
        source: io::Error,
    },
}

/// Why records could not be appended.
///
/// After `NoSpace`, `Io` or `Poisoned` it is unknown what is on the disk: the log has to be opened anew.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// An earlier write or sync failed.
    #[error("the write-ahead log has failed before")]
    Poisoned,
    /// The disk is full.
    #[error("no space left on device for {}", path.display())]
    NoSpace {
        /// What was being written.
        path: PathBuf,
    },
    /// Any other failure of the disk.
    #[error("could not write {}", path.display())]
    Io {
        /// What was being written.
        path: PathBuf,
        /// What the system reported.
        source: io::Error,
    },
    /// What was given cannot follow what is in the log. Nothing was written, and the log stays usable.
    #[error("invalid append: {reason}")]
    Invalid {
        /// What is wrong with it, as reading it back would find.
        reason: Damage,
    },
}

/// Why old segments could not be removed. The log stays usable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// The disk failed.
    #[error("could not remove {}", path.display())]
    Remove {
        /// What was being removed.
        path: PathBuf,
        /// What the system reported.
        source: io::Error,
    },
}

/// An error of the disk, before it is known to which operation it belongs.
#[derive(Debug)]
pub(crate) struct DiskError {
    pub(crate) path: PathBuf,
    pub(crate) source: io::Error,
}

/// Says where an error of the disk happened.
pub(crate) trait At<T> {
    fn at(self, path: &Path) -> Result<T, DiskError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: &Path) -> Result<T, DiskError> {
        self.map_err(|source| DiskError { path: path.to_path_buf(), source })
    }
}

macro_rules! from_disk_error {
    ($($error:ident),*) => {$(
        impl From<DiskError> for $error {
            fn from(DiskError { path, source }: DiskError) -> Self {
                match source.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace { path },
                    _ => Self::Io { path, source },
                }
            }
        }
    )*};
}
from_disk_error!(CreateError, OpenError, AppendError);
