//! Responses as messages, and as the bytes of gRPC frames.

use std::iter;
use std::ops::Range;
use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use etcd_proto::etcdserverpb::{ResponseHeader, WatchResponse};
use etcd_proto::prost::encoding;
use etcd_watch::{ALL_WATCHERS, Event, Events, Response};
use tonic::Status;

use super::Session;
use super::fragment::split;
use crate::Replica;
use crate::grpc::{MESSAGE_LIMIT, PREFIX, encode_into};

/// Fields of `etcdserverpb.WatchResponse`.
const HEADER: u32 = 1;
const WATCH_ID: u32 = 2;
const FRAGMENT: u32 = 7;

/// A field of a `true`.
const FLAG_BYTES: usize = 2;

/// What one batch of responses has in common.
pub(super) struct Encoder<'a, R> {
    session: &'a Session<R>,
    header: ResponseHeader,
    /// The header as a field, for the revision in it.
    field: BytesMut,
}

impl<'a, R: Replica> Encoder<'a, R> {
    pub(super) fn new(session: &'a Session<R>) -> Self {
        let standing = session.api.replica.standing();
        let header = ResponseHeader {
            cluster_id: standing.cluster_id.get(),
            member_id: standing.member_id.get(),
            revision: -1,
            raft_term: standing.term,
        };
        Self { session, header, field: BytesMut::new() }
    }

    /// Appends the frames of `response`, and counts them. The bytes of an event are copied here, from the one place
    /// where they were encoded.
    ///
    /// # Errors
    /// A message is larger than gRPC allows.
    pub(super) fn frames(&mut self, response: &Response, out: &mut BytesMut) -> Result<usize, Status> {
        let Response::Events(events) = response else {
            encode_into(&self.plain(response), out)?;
            return Ok(1);
        };
        if !events.fragment {
            self.frame(events, 0..events.events.len(), out)?;
            return Ok(1);
        }
        let parts = self.parts(events);
        let count = parts.len();
        for part in parts {
            self.frame(events, part, out)?;
        }
        Ok(count)
    }

    /// The messages of `response`.
    pub(super) fn messages(&mut self, response: &Response) -> Vec<WatchResponse> {
        let Response::Events(events) = response else { return vec![self.plain(response)] };
        let parts =
            if events.fragment { self.parts(events) } else { iter::once(0..events.events.len()).collect() };
        self.set_revision(events.revision);
        let message = |event: &Arc<Event>| {
            if events.previous {
                event.message_with_previous(self.session.stream.store())
            } else {
                event.message().clone()
            }
        };
        let part = |part: Range<usize>| WatchResponse {
            header: Some(self.header),
            watch_id: events.id,
            fragment: part.end < events.events.len(),
            events: events.events[part].iter().map(message).collect(),
            ..WatchResponse::default()
        };
        parts.into_iter().map(part).collect()
    }

    /// Appends the frame of some of the events.
    fn frame(&mut self, events: &Events, part: Range<usize>, out: &mut BytesMut) -> Result<(), Status> {
        self.set_revision(events.revision);
        let has_more = part.end < events.events.len();
        let part = &events.events[part];
        let size = self.fixed_size(events.id)
            + if has_more { FLAG_BYTES } else { 0 }
            + part.iter().map(|event| self.field_of(event, events).len()).sum::<usize>();
        let length = u32::try_from(size).ok().filter(|_| size <= MESSAGE_LIMIT);
        let length = length.ok_or_else(|| Status::resource_exhausted("a watch response is too large"))?;
        out.reserve(PREFIX + size);
        out.put_u8(0);
        out.put_u32(length);
        out.put_slice(&self.field);
        if events.id != 0 {
            encoding::int64::encode(WATCH_ID, &events.id, out);
        }
        if has_more {
            encoding::bool::encode(FRAGMENT, &true, out);
        }
        part.iter().for_each(|event| out.put_slice(self.field_of(event, events)));
        Ok(())
    }

    /// How a response is to be split.
    fn parts(&mut self, events: &Events) -> Vec<Range<usize>> {
        self.set_revision(events.revision);
        let sizes: Vec<usize> =
            events.events.iter().map(|event| self.field_of(event, events).len()).collect();
        let fixed = self.fixed_size(events.id) + FLAG_BYTES;
        split(&sizes, fixed, self.session.api.options.receive_limit())
    }

    /// The size of header and id.
    fn fixed_size(&self, id: i64) -> usize {
        self.field.len() + if id == 0 { 0 } else { encoding::int64::encoded_len(WATCH_ID, &id) }
    }

    fn field_of<'e>(&self, event: &'e Event, events: &Events) -> &'e Bytes {
        if events.previous {
            event.encoded_with_previous(self.session.stream.store())
        } else {
            event.encoded()
        }
    }

    fn set_revision(&mut self, revision: i64) {
        if self.header.revision != revision {
            self.header.revision = revision;
            self.field.clear();
            encoding::message::encode(HEADER, &self.header, &mut self.field);
        }
    }

    /// Any response but events.
    fn plain(&self, response: &Response) -> WatchResponse {
        let answer = |revision, watch_id| WatchResponse {
            header: Some(ResponseHeader { revision, ..self.header }),
            watch_id,
            ..WatchResponse::default()
        };
        match response {
            Response::Created { id, revision } => WatchResponse { created: true, ..answer(*revision, *id) },
            Response::Refused { reason, revision } => WatchResponse {
                created: true,
                canceled: true,
                cancel_reason: reason.clone().into_owned(),
                ..answer(*revision, ALL_WATCHERS)
            },
            Response::Canceled { id, revision } => WatchResponse { canceled: true, ..answer(*revision, *id) },
            // As in etcd, the header has no revision here.
            Response::Compacted { id, compact_revision } => {
                let compact_revision = *compact_revision;
                WatchResponse { canceled: true, compact_revision, ..answer(0, *id) }
            }
            Response::Progress { id, revision } => answer(*revision, *id),
            _ => WatchResponse::default(),
        }
    }
}
