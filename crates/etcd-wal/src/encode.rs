//! From records to bytes, in one pass.
//!
//! ```text
//! frame   | length: u64 LE            | record              | zeros to a multiple of 8 |
//! length  | bits 0-55: record bytes   | bits 56-58: padding bytes | bit 63: set when padded |
//! record  | 08 type | 10 crc (varint) | 1a length data      |
//! ```
//! `crc` is CRC-32C over the data of this and all records before it. Records that carry a segment's starting
//! checksum have no data.
//!
//! Fields are written even when they are zero, as Go etcd writes them, so that equal logs are equal bytes.

use crc32c::crc32c_append;
use etcd_proto::prost::Message as _;
use etcd_proto::raftpb::{Entry, HardState};
use etcd_proto::walpb;

use crate::Metadata;

/// Record types of etcd's `walpb`.
pub(crate) mod kind {
    pub(crate) const METADATA: u8 = 1;
    pub(crate) const ENTRY: u8 = 2;
    pub(crate) const STATE: u8 = 3;
    pub(crate) const CRC: u8 = 4;
    pub(crate) const SNAPSHOT: u8 = 5;
}

/// More than a frame ever adds to an entry's data: length word, record header, entry header, padding.
pub(crate) const FRAME_OVERHEAD: usize = 96;

/// Encodes records into one buffer that is reused, carrying the checksum along.
#[derive(Debug)]
pub(crate) struct Encoder {
    crc: u32,
    buffer: Vec<u8>,
}

impl Encoder {
    pub(crate) fn new(crc: u32) -> Self {
        Self { crc, buffer: Vec::new() }
    }

    /// What was encoded since the last [`clear`](Self::clear).
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// Empties the buffer; gives memory back after an unusually large batch.
    pub(crate) fn clear(&mut self) {
        const KEEP: usize = 4 << 20;
        self.buffer.clear();
        if self.buffer.capacity() > KEEP {
            self.buffer.shrink_to(KEEP);
        }
    }

    pub(crate) fn reserve(&mut self, bytes: usize) {
        self.buffer.reserve(bytes);
    }

    /// The first records of every segment.
    pub(crate) fn header(&mut self, metadata: Metadata, state: &HardState) {
        self.frame(kind::CRC, None);
        self.metadata(metadata);
        if *state != HardState::default() {
            self.state(state);
        }
    }

    pub(crate) fn entry(&mut self, entry: &Entry) {
        let mut head = Small::new();
        // An enum value is an int32: a negative one is sign-extended, as protobuf has it.
        head.field(1, i64::from(entry.r#type) as u64);
        head.field(2, entry.term);
        head.field(3, entry.index);
        if !entry.data.is_empty() {
            head.push(0x22);
            head.varint(entry.data.len() as u64);
        }
        self.frame(kind::ENTRY, Some((head.bytes(), &entry.data)));
    }

    pub(crate) fn state(&mut self, state: &HardState) {
        let mut head = Small::new();
        head.field(1, state.term);
        head.field(2, state.vote);
        head.field(3, state.commit);
        self.frame(kind::STATE, Some((head.bytes(), &[])));
    }

    pub(crate) fn snapshot(&mut self, mark: &walpb::Snapshot) {
        let mut head = Small::new();
        head.field(1, mark.index);
        head.field(2, mark.term);
        let mut tail = Vec::new();
        if let Some(conf_state) = &mark.conf_state {
            tail.push(0x1a);
            tail.extend_from_slice(&conf_state.encode_length_delimited_to_vec());
        }
        self.frame(kind::SNAPSHOT, Some((head.bytes(), &tail)));
    }

    fn metadata(&mut self, metadata: Metadata) {
        let mut head = Small::new();
        head.field(1, metadata.node_id);
        head.field(2, metadata.cluster_id);
        self.frame(kind::METADATA, Some((head.bytes(), &[])));
    }

    /// Appends one frame whose data is the two given parts.
    fn frame(&mut self, kind: u8, data: Option<(&[u8], &[u8])>) {
        let mut record = Small::new();
        let (head, tail) = data.unwrap_or_default();
        self.crc = crc32c_append(crc32c_append(self.crc, head), tail);
        record.field(1, u64::from(kind));
        record.field(2, u64::from(self.crc));
        if data.is_some() {
            record.push(0x1a);
            record.varint((head.len() + tail.len()) as u64);
        }
        let length = record.bytes().len() + head.len() + tail.len();
        let (word, padding) = length_word(length);
        self.buffer.extend_from_slice(&word.to_le_bytes());
        self.buffer.extend_from_slice(record.bytes());
        self.buffer.extend_from_slice(head);
        self.buffer.extend_from_slice(tail);
        self.buffer.extend_from_slice(&[0; 8][..padding]);
    }
}

/// The length word of a record of `length` bytes, and how many bytes of padding follow it.
///
/// Source: etcd `server/storage/wal/encoder.go` encodeFrameSize.
pub(crate) fn length_word(length: usize) -> (u64, usize) {
    let padding = length.wrapping_neg() % 8;
    let flags = if padding == 0 { 0 } else { 0x80 | padding as u64 };
    (length as u64 | flags << 56, padding)
}

/// A short message on the stack.
struct Small {
    bytes: [u8; 48],
    length: usize,
}

impl Small {
    fn new() -> Self {
        Self { bytes: [0; 48], length: 0 }
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn push(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.push(value as u8);
    }

    /// A varint field, below number 16.
    fn field(&mut self, number: u8, value: u64) {
        self.push(number << 3);
        self.varint(value);
    }
}

#[cfg(test)]
mod tests;
