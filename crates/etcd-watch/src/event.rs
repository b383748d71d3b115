//! One change, shared by everybody who gets it.

use std::sync::OnceLock;

use bytes::{Bytes, BytesMut};
use etcd_mvcc::Store;
use etcd_proto::etcdserverpb::RangeRequest;
use etcd_proto::mvccpb::event::EventType;
use etcd_proto::mvccpb::{self, KeyValue};
use etcd_proto::prost::encoding;

/// The field `events` of an `etcdserverpb.WatchResponse`.
const FIELD: u32 = 11;

/// A change of one key. Its encoded forms are made when first asked for, once for everybody.
#[derive(Debug)]
pub struct Event {
    message: mvccpb::Event,
    plain: OnceLock<Bytes>,
    previous: OnceLock<Option<KeyValue>>,
    with_previous: OnceLock<Bytes>,
}

impl Event {
    pub(crate) fn new(message: mvccpb::Event) -> Self {
        let (plain, previous, with_previous) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self { message, plain, previous, with_previous }
    }

    /// The event, without the previous pair.
    pub fn message(&self) -> &mvccpb::Event {
        &self.message
    }

    /// The event with the pair that it replaced or deleted, if there was one and it is not compacted.
    pub fn message_with_previous(&self, store: &Store) -> mvccpb::Event {
        mvccpb::Event { prev_kv: self.previous(store).cloned(), ..self.message.clone() }
    }

    /// The event as the field `events` of an `etcdserverpb.WatchResponse`: tag, length, message.
    pub fn encoded(&self) -> &Bytes {
        self.plain.get_or_init(|| encode(&self.message))
    }

    /// The same with the previous pair.
    pub fn encoded_with_previous(&self, store: &Store) -> &Bytes {
        match self.previous(store) {
            None => self.encoded(),
            Some(_) => self.with_previous.get_or_init(|| encode(&self.message_with_previous(store))),
        }
    }

    pub(crate) fn key(&self) -> &[u8] {
        key(&self.message)
    }

    /// About what it holds in memory, in bytes.
    pub(crate) fn cost(&self) -> usize {
        const FIXED: usize = 192;
        FIXED + self.message.kv.as_ref().map_or(0, |pair| pair.key.len() + pair.value.len())
    }

    /// Read when first wanted: most watchers do not, and the writer must not wait for it.
    fn previous(&self, store: &Store) -> Option<&KeyValue> {
        let read = || {
            let pair = self.message.kv.as_ref()?;
            let is_create = !is_delete(&self.message) && pair.create_revision == pair.mod_revision;
            if is_create {
                return None;
            }
            let revision = pair.mod_revision - 1;
            let request = RangeRequest { key: pair.key.clone(), revision, ..RangeRequest::default() };
            // It may be compacted by now; then there is none, as in etcd.
            store.range(&request).ok()?.0.kvs.pop()
        };
        self.previous.get_or_init(read).as_ref()
    }
}

pub(crate) fn key(message: &mvccpb::Event) -> &[u8] {
    message.kv.as_ref().map_or(&[], |pair| &pair.key)
}

pub(crate) fn is_delete(message: &mvccpb::Event) -> bool {
    message.r#type == EventType::Delete as i32
}

fn encode(message: &mvccpb::Event) -> Bytes {
    let mut bytes = BytesMut::with_capacity(encoding::message::encoded_len(FIELD, message));
    encoding::message::encode(FIELD, message, &mut bytes);
    bytes.freeze()
}
