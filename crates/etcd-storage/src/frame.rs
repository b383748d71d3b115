//! The snapshot stream.
//!
//! ```text
//! header   "etcd-rs snapshot"  version: u32  mark: u64
//! row      bucket: u8 (1..)  key length: u32  value length: u32  key  value
//! ...      buckets ascending, keys ascending within a bucket
//! end      0: u8  rows: u64
//! trailer  crc32c of everything before: u32
//! ```
//!
//! Numbers are little-endian. Up to 511 zeros may follow.

/// What every snapshot begins with.
pub(crate) const MAGIC: &[u8; 16] = b"etcd-rs snapshot";

/// The layout that this code reads and writes.
pub(crate) const VERSION: u32 = 1;

/// Magic, version and mark.
pub(crate) const HEADER_BYTES: usize = MAGIC.len() + 4 + 8;

/// What a row has beside key and value: bucket and two lengths.
pub(crate) const ROW_BYTES: usize = 1 + 4 + 4;

/// End marker and row count.
pub(crate) const END_BYTES: usize = 1 + 8;

/// The checksum.
pub(crate) const TRAILER_BYTES: usize = 4;

/// The longest key.
pub(crate) const MAX_KEY_BYTES: usize = 1 << 20;

/// The longest value.
pub(crate) const MAX_VALUE_BYTES: usize = 1 << 30;
