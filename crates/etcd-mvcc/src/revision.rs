//! Revisions, and how rows are keyed by them.

use bytes::{BufMut as _, Bytes, BytesMut};
use etcd_proto::mvccpb::KeyValue;
use etcd_proto::prost::Message as _;

/// The length of a row key without the mark of a tombstone.
pub(crate) const ROW_KEY_BYTES: usize = 17;

/// One change: `main` counts transactions, `sub` the changes within one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Revision {
    pub(crate) main: i64,
    pub(crate) sub: u32,
}

/// A revision and what kind of change it was, packed: the index holds many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Change {
    pub(crate) main: i64,
    sub: u32,
    pub(crate) tombstone: bool,
}

impl Revision {
    /// The key of a row that holds a value.
    ///
    /// ```text
    /// main: i64 big-endian  '_'  sub: i64 big-endian
    /// ```
    ///
    /// # Source
    /// etcd `server/storage/mvcc/revision.go` BucketKeyToBytes.
    pub(crate) fn row_key(self) -> [u8; ROW_KEY_BYTES] {
        let mut key = [b'_'; ROW_KEY_BYTES];
        key[..8].copy_from_slice(&self.main.to_be_bytes());
        key[9..].copy_from_slice(&u64::from(self.sub).to_be_bytes());
        key
    }
}

impl Change {
    pub(crate) fn new(revision: Revision, tombstone: bool) -> Self {
        Self { main: revision.main, sub: revision.sub, tombstone }
    }

    pub(crate) fn revision(self) -> Revision {
        Revision { main: self.main, sub: self.sub }
    }

    /// The key of its row: a tombstone has a `t` at the end.
    pub(crate) fn row_key(self) -> Bytes {
        let key = self.revision().row_key();
        if self.tombstone {
            let mut marked = [b't'; ROW_KEY_BYTES + 1];
            marked[..ROW_KEY_BYTES].copy_from_slice(&key);
            Bytes::copy_from_slice(&marked)
        } else {
            Bytes::copy_from_slice(&key)
        }
    }

    /// Reads a row key; none if it is not one.
    pub(crate) fn from_row_key(key: &[u8]) -> Option<Self> {
        let (plain, mark) = key.split_at_checked(ROW_KEY_BYTES)?;
        let tombstone = match mark {
            [] => false,
            [b't'] => true,
            _ => return None,
        };
        let main = i64::from_be_bytes(plain[..8].try_into().ok()?);
        let sub = u64::from_be_bytes(plain[9..].try_into().ok()?);
        if plain[8] != b'_' || main < 0 {
            return None;
        }
        Some(Self { main, sub: u32::try_from(sub).ok()?, tombstone })
    }

    /// Key and value of its row, in one allocation.
    pub(crate) fn row(self, kv: &KeyValue) -> (Bytes, Bytes) {
        let key_bytes = ROW_KEY_BYTES + usize::from(self.tombstone);
        let mut row = BytesMut::with_capacity(key_bytes + kv.encoded_len());
        row.put_slice(&self.revision().row_key());
        if self.tombstone {
            row.put_u8(b't');
        }
        kv.encode(&mut row).expect("the buffer was sized for the message, and grows");
        let key = row.split_to(key_bytes).freeze();
        (key, row.freeze())
    }
}
