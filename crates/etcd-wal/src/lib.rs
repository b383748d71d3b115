//! The Raft log on disk, in etcd's file format.
mod create;
mod cursor;
mod decode;
pub mod disk;
mod dump;
mod encode;
mod error;
mod open;
mod options;
mod pipeline;
mod read;
mod release;
mod repair;
mod replay;
mod segment;
pub mod sim;
mod syndrome;
mod wal;

use std::io;
use std::path::Path;

pub use decode::{Located, Record};
pub use disk::{Disk, DiskFile, FsDisk};
pub use dump::{Decoded, Dump, decode_all};
pub use error::{AppendError, CreateError, Damage, OpenError, ReleaseError};
pub use options::{Metadata, Options, Recovered, Repair};
pub use wal::{Round, Wal, Written};

/// Whether there is a log in `dir`: any file that has a segment's name.
///
/// # Errors
/// What the disk reports; a missing directory is no error.
pub fn exists(disk: &dyn Disk, dir: &Path) -> io::Result<bool> {
    match segment::list(disk, dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        names => Ok(!names?.is_empty()),
    }
}
