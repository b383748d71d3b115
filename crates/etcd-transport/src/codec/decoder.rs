//! Bytes of a stream to Raft messages.

use bytes::{Buf as _, Bytes, BytesMut};
use etcd_membership::MemberId;
use etcd_proto::prost::{self, Message as _};
use etcd_proto::raftpb::{Entry, Message, MessageType};

use super::frame::{Element, Place, Step, scan, step};
use super::{StreamKind, is_link_heartbeat};

/// What an entry costs besides its bytes on the wire, so that a message of empty entries is bounded too.
const ENTRY_COST: usize = 64;
/// A buffer that one huge message made larger than this is not kept.
const KEEP_BUFFER: usize = 4 << 20;

/// The bytes are not a stream of this kind; nothing after them can be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The length of a message is beyond what the reader accepts, in bytes.
    #[error("message exceeds the limit of {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// A frame of the `msgapp` stream has an unknown first byte.
    #[error("unknown form {form} in the msgapp stream")]
    Form {
        /// The byte.
        form: u8,
    },
    /// A message or an entry is not what its length promised.
    #[error("malformed raft message")]
    Malformed {
        /// What protobuf found.
        source: prost::DecodeError,
    },
}

/// Reads one stream.
///
/// Payloads of what it returns share memory with the messages that arrived beside them, never with the buffer that
/// the connection reads into, so that a small entry kept for long does not keep a large buffer.
#[derive(Debug)]
pub struct Decoder {
    kind: StreamKind,
    local: u64,
    remote: u64,
    limit: usize,
    place: Place,
    /// Last term and index seen on the `msgapp` stream.
    term: u64,
    index: u64,
    /// A form 1 message whose entries are still arriving, and what it costs so far.
    partial: Message,
    partial_cost: usize,
    /// Bytes of an element that is not complete.
    buffer: BytesMut,
    need: usize,
}

impl Decoder {
    /// Reads a stream of this kind, from `remote` to `local`; one message may take `limit` bytes.
    pub fn new(kind: StreamKind, local: MemberId, remote: MemberId, limit: usize) -> Self {
        Self {
            kind,
            local: local.get(),
            remote: remote.get(),
            limit,
            place: Place::Head,
            term: 0,
            index: 0,
            partial: Message::default(),
            partial_cost: 0,
            buffer: BytesMut::new(),
            need: 0,
        }
    }

    /// Takes the next bytes of the stream, in pieces of any size, and appends the messages they complete.
    /// Link heartbeats are swallowed.
    ///
    /// # Errors
    /// The stream is unusable from here on; messages appended before are good.
    pub fn feed(&mut self, chunk: &[u8], messages: &mut Vec<Message>) -> Result<(), DecodeError> {
        if self.buffer.is_empty() {
            let (end, need) = scan(self.kind, self.place, chunk, self.limit)?;
            self.decode(Bytes::copy_from_slice(&chunk[..end]), messages)?;
            self.buffer.extend_from_slice(&chunk[end..]);
            self.need = need;
            return Ok(());
        }
        self.buffer.extend_from_slice(chunk);
        if self.buffer.len() < self.need {
            return Ok(());
        }
        let (end, need) = scan(self.kind, self.place, &self.buffer, self.limit)?;
        let complete = Bytes::copy_from_slice(&self.buffer[..end]);
        self.buffer.advance(end);
        if self.buffer.is_empty() && self.buffer.capacity() > KEEP_BUFFER {
            self.buffer = BytesMut::new();
        }
        self.need = need;
        self.decode(complete, messages)
    }

    /// Bytes held of an element that is not complete; at most the limit and one chunk.
    pub fn held(&self) -> usize {
        self.buffer.len()
    }

    /// Decodes elements that are all complete.
    fn decode(&mut self, mut bytes: Bytes, messages: &mut Vec<Message>) -> Result<(), DecodeError> {
        while !bytes.is_empty() {
            let Step::Element { element, len, next } = step(self.kind, self.place, &bytes, self.limit)?
            else {
                unreachable!("the scan ended at an element's end");
            };
            self.place = next;
            let frame = bytes.split_to(len);
            if let Some(message) = self.element(element, frame)? {
                messages.push(message);
            }
        }
        Ok(())
    }

    fn element(&mut self, element: Element, frame: Bytes) -> Result<Option<Message>, DecodeError> {
        match element {
            Element::LinkHeartbeat => Ok(None),
            Element::Message(body) => self.message(frame.slice(body..)),
            Element::EntriesHead(count) => {
                self.partial_cost = 0;
                self.charge(count.saturating_mul(8))?;
                self.partial = Message {
                    r#type: MessageType::MsgApp as i32,
                    from: self.remote,
                    to: self.local,
                    term: self.term,
                    log_term: self.term,
                    index: self.index,
                    ..Message::default()
                };
                Ok(None)
            }
            Element::Entry(body) => {
                self.charge((frame.len() + ENTRY_COST) as u64)?;
                let entry = Entry::decode(frame.slice(body..)).map_err(malformed)?;
                self.index = self.index.wrapping_add(1);
                self.partial.entries.push(entry);
                Ok(None)
            }
            Element::Commit(commit) => {
                self.partial.commit = commit;
                Ok(Some(std::mem::take(&mut self.partial)))
            }
        }
    }

    fn message(&mut self, body: Bytes) -> Result<Option<Message>, DecodeError> {
        let message = Message::decode(body).map_err(malformed)?;
        if is_link_heartbeat(&message) {
            return Ok(None);
        }
        if self.kind == StreamKind::MsgApp {
            self.term = message.term;
            self.index = message.entries.last().map_or(message.index, |entry| entry.index);
        }
        Ok(Some(message))
    }

    fn charge(&mut self, bytes: u64) -> Result<(), DecodeError> {
        let cost = usize::try_from(bytes).unwrap_or(usize::MAX);
        self.partial_cost = self.partial_cost.saturating_add(cost);
        if self.partial_cost > self.limit {
            return Err(DecodeError::TooLarge { limit: self.limit });
        }
        Ok(())
    }
}

fn malformed(source: prost::DecodeError) -> DecodeError {
    DecodeError::Malformed { source }
}
