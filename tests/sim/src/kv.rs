//! The state machine: a few keys, and a digest of everything that was applied.

use std::collections::BTreeMap;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use etcd_consensus::Position;
use etcd_proto::raftpb;

/// The state at one place in the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Kv {
    pub(crate) position: Position,
    pub(crate) conf_state: raftpb::ConfState,
    /// Depends on every entry up to here: equal digests mean equal histories.
    pub(crate) digest: u64,
    pub(crate) keys: BTreeMap<u8, u64>,
}

/// A write: a unique number, put under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Write {
    pub(crate) number: u64,
    pub(crate) key: u8,
}

impl Write {
    /// Payloads vary in size, so that records cross sectors and segments.
    pub(crate) fn encode(self) -> Bytes {
        let padding = usize::try_from(self.number * 37 % 400).unwrap_or(0);
        let mut bytes = BytesMut::with_capacity(9 + padding);
        bytes.put_u64(self.number);
        bytes.put_u8(self.key);
        bytes.put_bytes(0xa5, padding);
        bytes.freeze()
    }

    pub(crate) fn decode(mut data: Bytes) -> Option<Self> {
        (data.len() >= 9).then(|| Self { number: data.get_u64(), key: data.get_u8() })
    }
}

impl Kv {
    /// Applies one entry, but for what a change of the configuration does.
    pub(crate) fn apply(&mut self, entry: &raftpb::Entry) -> Option<Write> {
        assert_eq!(entry.index, self.position.index + 1, "entries are applied in order, each once");
        self.position = Position { index: entry.index, term: entry.term };
        self.digest = digest(self.digest, entry);
        let write = (entry.r#type == 0).then(|| Write::decode(entry.data.clone())).flatten();
        if let Some(write) = write {
            self.keys.insert(write.key, write.number);
        }
        write
    }
}

fn digest(before: u64, entry: &raftpb::Entry) -> u64 {
    const PRIME: u64 = 0x0100_0000_01b3;
    let head = [entry.index, entry.term, entry.r#type.unsigned_abs().into()];
    let numbers = head.into_iter().chain(entry.data.iter().map(|byte| u64::from(*byte)));
    numbers.fold(before ^ 0xcbf2_9ce4_8422_2325, |hash, number| (hash ^ number).wrapping_mul(PRIME))
}
