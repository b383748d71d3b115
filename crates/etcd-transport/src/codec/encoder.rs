//! Raft messages to bytes of a stream.

use std::collections::VecDeque;

use bytes::{BufMut as _, Bytes, BytesMut};
use etcd_proto::prost::{self, Message as _};
use etcd_proto::raftpb::{Entry, Message};

use super::{StreamKind, is_link_heartbeat, link_heartbeat};

/// A payload from this size on travels as a chunk of its own, uncopied; below it, a copy is cheaper than a chunk.
const SHARE: usize = 8 << 10;
/// Tag of `Entry.data`: field 4, length-delimited.
const ENTRY_DATA: u8 = 4 << 3 | 2;

/// Writes one stream. Fresh for every connection: the reader's decoder starts from nothing too.
#[derive(Debug)]
pub struct Encoder {
    kind: StreamKind,
    /// Last term and index written on the `msgapp` stream.
    term: u64,
    index: u64,
    buffer: BytesMut,
    chunks: VecDeque<Bytes>,
    pending: usize,
}

impl Encoder {
    /// Writes a stream of this kind.
    pub fn new(kind: StreamKind) -> Self {
        Self { kind, term: 0, index: 0, buffer: BytesMut::new(), chunks: VecDeque::new(), pending: 0 }
    }

    /// Appends `message`; on a [`StreamKind::MsgApp`] stream it must be one.
    pub fn encode(&mut self, message: &Message) {
        match self.kind {
            StreamKind::Message => self.whole(message),
            StreamKind::MsgApp if is_link_heartbeat(message) => self.buffer.put_u8(0),
            StreamKind::MsgApp if self.follows(message) => self.entries(message),
            StreamKind::MsgApp => {
                self.buffer.put_u8(2);
                self.whole(message);
                self.term = message.term;
                self.index = message.entries.last().map_or(message.index, |entry| entry.index);
            }
        }
    }

    /// Appends what keeps an idle stream alive.
    pub fn heartbeat(&mut self) {
        self.encode(&link_heartbeat());
    }

    /// Bytes appended and not yet taken.
    pub fn pending(&self) -> usize {
        self.pending + self.buffer.len()
    }

    /// Takes the next bytes to write; `None` when all are taken.
    pub fn next_chunk(&mut self) -> Option<Bytes> {
        if let Some(chunk) = self.chunks.pop_front() {
            self.pending -= chunk.len();
            return Some(chunk);
        }
        (!self.buffer.is_empty()).then(|| self.buffer.split().freeze())
    }

    /// Whether the reader can tell everything but entries and commit index from what came before.
    fn follows(&self, message: &Message) -> bool {
        message.index == self.index && message.log_term == self.term && message.log_term == message.term
    }

    fn whole(&mut self, message: &Message) {
        let len = message.encoded_len();
        self.buffer.reserve(8 + len);
        self.buffer.put_u64(len as u64);
        message.encode_raw(&mut self.buffer);
    }

    fn entries(&mut self, message: &Message) {
        self.buffer.put_u8(1);
        self.buffer.put_u64(message.entries.len() as u64);
        for entry in &message.entries {
            self.entry(entry);
            self.index = self.index.wrapping_add(1);
        }
        self.buffer.put_u64(message.commit);
    }

    fn entry(&mut self, entry: &Entry) {
        let len = entry.encoded_len();
        if entry.data.len() < SHARE {
            self.buffer.reserve(8 + len);
            self.buffer.put_u64(len as u64);
            entry.encode_raw(&mut self.buffer);
            return;
        }
        self.buffer.put_u64(len as u64);
        let head = Entry { r#type: entry.r#type, term: entry.term, index: entry.index, data: Bytes::new() };
        head.encode_raw(&mut self.buffer);
        self.buffer.put_u8(ENTRY_DATA);
        self.buffer.reserve(prost::length_delimiter_len(entry.data.len()));
        prost::encode_length_delimiter(entry.data.len(), &mut self.buffer)
            .expect("the buffer has just been given room");
        self.share(entry.data.clone());
    }

    fn share(&mut self, data: Bytes) {
        let before = self.buffer.split().freeze();
        self.pending += before.len() + data.len();
        self.chunks.push_back(before);
        self.chunks.push_back(data);
    }
}
