//! The Raft log of one member on disk, in etcd's file format: Go etcd reads what this crate writes, and the reverse.
//!
//! It appends entries and hard states durably, finds them again after a crash, and removes what the storage has made
//! superfluous. It knows nothing of elections or of what entries mean, and it is not a database: it is read once,
//! when it is opened.
//!
//! # Files
//! A directory of segments `<seq>-<index>.wal`: a counter, and the index of the first entry that follows. Each is a
//! row of frames, then zeros:
//! ```text
//! segment | crc | metadata | hard state | (entry | hard state | mark)* | zeros to its full length |
//! frame   | length: u64, little-endian | record | zeros to a multiple of 8 |
//! record  | type | CRC-32C of the data of all records so far | data |
//! ```
//! A segment is zero-filled before it is used, the next one on a helper thread, so that a sync writes data only. When
//! a batch does not fit, the segment is cut to its records and the next one gets its name, with a durable header.
//!
//! # Invariants
//! - What a call with `sync` wrote is found again, or opening fails: nothing that was acknowledged is dropped in
//!   silence.
//! - One call is one write and at most one sync, however many rounds it has.
//! - After a failed write or sync the log is poisoned: it is unknown what is on the disk, and nothing is tried again.
//! - What reading would take for damage is not written: entries are continuous, committed ones are not replaced, terms
//!   and the commit index do not go back.
//! - Every length that is read is checked against what there is before it is used.
//!
//! # Torn or damaged
//! A crash leaves each 512-byte sector of what was not synced as it was written or as it was before: zeros. So the
//! last segment is *torn*, and repaired, when its last record has a whole sector of zeros, or the file ends in it. A
//! copy stays in `<segment>.broken`, and the rest of the segment is zeroed. Everything else is *damage*: the error
//! names file, offset and kind, and nothing is changed. That covers single flipped bits also where no checksum is:
//! in lengths, types and padding, and beside sectors of zeros that a client has stored. And a tail that would take
//! away what the storage already holds is damage, however torn it looks.
//!
//! Where a lost sector and a flipped bit leave the same bytes, the record is put right instead: see the last word of
//! a record in the decoder. What stays undecided is one bit as all that a larger lost part held: that is damage.
//!
//! # Use
//! ```
//! use std::{path::Path, sync::Arc};
//! use etcd_proto::raftpb::{Entry, HardState};
//! use etcd_wal::{Metadata, Options, Wal, sim::SimDisk};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (disk, dir) = (SimDisk::new(), Path::new("/wal"));
//! let options = Options { segment_bytes: 1 << 14, ..Options::default() };
//! let mut wal = Wal::create(Arc::new(disk.clone()), dir, Metadata { node_id: 1, cluster_id: 2 }, options)?;
//! let entry = Entry { term: 1, index: 1, data: "put".into(), ..Entry::default() };
//! wal.append(&[entry.clone()], Some(&HardState { term: 1, vote: 1, commit: 0 }), true)?;
//!
//! disk.crash(7);
//! let (_, recovered) = Wal::open(Arc::new(disk), dir, options, 0)?;
//! assert_eq!(recovered.entries, [entry]);
//! # Ok(())
//! # }
//! ```

mod create;
mod cursor;
mod decode;
pub mod disk;
mod dump;
mod encode;
mod error;
mod header;
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
mod write;

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
