//! The two stream formats: how Raft messages become bytes on a stream, and back.
//!
//! # Source
//! etcd `server/etcdserver/api/rafthttp/msg_codec.go` and `msgappv2_codec.go`.

mod decoder;
mod encoder;
mod frame;
#[cfg(test)]
mod tests;

use etcd_proto::raftpb::{Message, MessageType};

pub use decoder::{DecodeError, Decoder};
pub use encoder::Encoder;

/// Which of the two streams between a pair of members.
///
/// ```text
/// Message   | length u64 BE | raftpb.Message |                          every kind of message
///
/// MsgApp    | 0 |                                                       link heartbeat
///           | 1 | n u64 BE | n x (length u64 BE, raftpb.Entry) | commit u64 BE |
///           | 2 | length u64 BE | raftpb.Message |
/// ```
///
/// Form 1 leaves out what the reader can tell from the frame before it: term, log term and previous index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamKind {
    /// Everything but log replication.
    Message,
    /// Log replication, and messages of that type only.
    MsgApp,
}

impl StreamKind {
    /// The path that the reader asks for; its own id follows.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Message => "/raft/stream/message/",
            Self::MsgApp => "/raft/stream/msgapp/",
        }
    }

    /// How logs call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::MsgApp => "msgapp",
        }
    }
}

/// A heartbeat of the stream itself: Raft never sends a message without sender and receiver.
pub(crate) fn is_link_heartbeat(message: &Message) -> bool {
    message.r#type == MessageType::MsgHeartbeat as i32 && message.from == 0 && message.to == 0
}

pub(crate) fn link_heartbeat() -> Message {
    Message { r#type: MessageType::MsgHeartbeat as i32, ..Message::default() }
}
