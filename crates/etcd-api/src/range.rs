//! Long ranges: `KV.RangeStream`, and a `KV.Range` of many keys.
//!
//! Pairs go from the database's pages into the frames that are sent, in one copy: a stored row is, byte for byte, what a
//! pair is in an answer. An answer of one message begins with its length, so a large one is read twice: once for the
//! length, and once to be sent. What is in memory is a few chunks, whatever the size of the answer.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use bytes::{BufMut as _, Bytes, BytesMut};
use etcd_proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use etcd_proto::etcdserverpb::{RangeRequest, RangeResponse, RangeStreamResponse, ResponseHeader};
use etcd_proto::prost::Message as _;
use etcd_proto::prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

use crate::api::Shared;
use crate::grpc::{Finished, Producer, Rpc, Shape, Sink, StreamCall};
use crate::replica::{RangeCursor, RangePlace, RangeTail};
use crate::serve::Remote;
use crate::{Error, Replica, validate};

/// A range of more keys than this may be long.
const FEW_KEYS: i64 = 256;

/// How much is collected before it is handed over.
const CHUNK_BYTES: usize = 64 << 10;

/// An answer that is not larger is read once.
const SPOOL_BYTES: usize = 2 << 20;

/// The first message of a stream is small, so that it comes soon.
const FIRST_MESSAGE_BYTES: usize = 16 << 10;

/// What later messages of a stream have at least; clients take 4 MiB unless told otherwise.
const MESSAGE_BYTES: usize = 512 << 10;

/// Room before the pairs for what is known last.
const HEAD_ROOM: usize = 64;

/// gRPC's flag and length.
const PREFIX: usize = 5;

/// What grpc-go sends at most.
const SEND_LIMIT: u64 = i32::MAX as u64;

/// Field numbers of `RangeResponse` and of `RangeStreamResponse`.
mod field {
    pub(super) const HEADER: u32 = 1;
    pub(super) const KVS: u32 = 2;
    pub(super) const MORE: u32 = 3;
    pub(super) const COUNT: u32 = 4;
    pub(super) const RANGE_RESPONSE: u32 = 1;
}

/// Whether the answer may be so large that it must not be in memory as a whole.
pub(crate) fn may_be_long(request: &RangeRequest) -> bool {
    let bounded = request.limit > 0 && request.limit <= FEW_KEYS;
    !request.range_end.is_empty()
        && !bounded
        && !request.count_only
        && !request.keys_only
        // A target without an order sorts by that target; in a stream it does not.
        && request.sort_target == SortTarget::Key as i32
        && is_key_order(request)
        && !has_filter(request)
}

fn is_key_order(request: &RangeRequest) -> bool {
    let by_key = request.sort_target == SortTarget::Key as i32;
    request.sort_order == SortOrder::None as i32 || (by_key && request.sort_order == SortOrder::Ascend as i32)
}

fn has_filter(request: &RangeRequest) -> bool {
    request.min_mod_revision != 0
        || request.max_mod_revision != 0
        || request.min_create_revision != 0
        || request.max_create_revision != 0
}

/// `KV.RangeStream`.
pub(crate) struct Streamed;

impl<R: Replica> StreamCall<R> for Streamed {
    const RPC: Rpc = Rpc::RangeStream;
    type Request = RangeRequest;

    async fn prepare(request: RangeRequest, api: &Arc<Shared<R>>) -> Result<Producer, Error> {
        validate::range(&request)?;
        if !is_key_order(&request) {
            return Err(Error::StreamSorted);
        }
        if has_filter(&request) {
            return Err(Error::StreamFiltered);
        }
        match api.replica.open_range(request.clone()).await? {
            Some(cursor) => {
                let header = header(&**api, cursor.revision());
                Ok(Box::new(move |sink| stream(&*cursor, &header, sink)))
            }
            None => {
                let mut answer = api.replica.range(request).await?;
                api.fill(&mut answer.header);
                let message = RangeStreamResponse { range_response: Some(answer) };
                Ok(Box::new(move |sink| sink.send(&message)))
            }
        }
    }
}

fn header<R: Replica>(api: &Shared<R>, revision: i64) -> ResponseHeader {
    let mut header = Some(ResponseHeader { revision, ..ResponseHeader::default() });
    api.fill(&mut header);
    header.unwrap_or_default()
}

/// Sends the pairs in messages of about the same size, the rest with the last one.
fn stream(cursor: &dyn RangeCursor, header: &ResponseHeader, sink: &Sink) -> Result<(), Error> {
    let mut message = Pairs::new();
    let mut limit = FIRST_MESSAGE_BYTES;
    let mut refused = None;
    let tail = read_all(cursor, &RangePlace::default(), &mut |row| {
        message.push(row);
        if message.len() < limit {
            return ControlFlow::Continue(());
        }
        limit = MESSAGE_BYTES;
        match sink.send_frame(std::mem::replace(&mut message, Pairs::new()).into_stream_frame()) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                refused = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    match (refused, tail) {
        (Some(error), _) => Err(error),
        (None, Some(tail)) => {
            let rest =
                RangeResponse { header: Some(*header), kvs: Vec::new(), more: tail.more, count: tail.count };
            rest.encode_raw(&mut message.bytes);
            sink.send_frame(message.into_stream_frame())
        }
        (None, None) => Err(Error::Canceled),
    }
}

/// Reads to the end; none if `visit` broke.
fn read_all(
    cursor: &dyn RangeCursor,
    from: &RangePlace,
    visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<Option<RangeTail>, Error> {
    Ok(cursor.read(from, visit)?.ok())
}

/// A long range as an answer of one message.
pub(crate) struct Whole {
    pub(crate) cursor: Box<dyn RangeCursor>,
    pub(crate) shape: Shape,
    pub(crate) request_size: usize,
    pub(crate) started: Instant,
    pub(crate) remote: Remote,
}

impl Whole {
    /// Reads and sends it.
    pub(crate) fn send<R: Replica>(&self, api: &Shared<R>, sink: &Sink) -> Result<(), Error> {
        let header = header(api, self.cursor.revision());
        let (size, count) = self.send_with(&header, sink)?;
        let finished = Finished {
            path: Rpc::Range.path(),
            remote: self.remote,
            request: &self.shape,
            request_size: self.request_size,
            response_count: count,
            response_size: size,
        };
        let took = self.started.elapsed();
        api.metrics.requests().answered(Rpc::Range, false, true, took);
        api.slow.note(took, &finished);
        Ok(())
    }

    /// Returns the size of the frame, and how many keys the range has.
    fn send_with(&self, header: &ResponseHeader, sink: &Sink) -> Result<(usize, i64), Error> {
        let mut spool = Spool::default();
        let read = self.cursor.read(&RangePlace::default(), &mut |row| {
            spool.push(row);
            if spool.bytes < SPOOL_BYTES as u64 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        let (place, length, tail) = match read {
            Ok(tail) => (None, spool.bytes, tail),
            Err(place) => {
                let mut rest = 0;
                let tail = self.cursor.read(&place, &mut |row| {
                    rest += encoded_len(row);
                    ControlFlow::Continue(())
                })?;
                let tail = tail.map_err(|_| Error::Canceled)?;
                let count = tail.count + i64::try_from(place.shown).unwrap_or(i64::MAX);
                (Some(place), spool.bytes + rest, RangeTail { count, ..tail })
            }
        };
        let ends = Ends::new(header, length, &tail)?;
        let size = ends.size;
        sink.count_message(size);
        let Some(place) = place else {
            spool.finish(ends).into_iter().try_for_each(|part| sink.send_part(part))?;
            return Ok((size, tail.count));
        };
        let (head, tail_bytes) = (ends.head, ends.tail);
        sink.send_part(head)?;
        let mut sent = spool.bytes;
        spool.into_parts().into_iter().try_for_each(|part| sink.send_part(part))?;
        let mut pairs = Pairs::new();
        let mut refused = None;
        self.cursor
            .read(&place, &mut |row| {
                sent += encoded_len(row);
                pairs.push(row);
                if pairs.len() < CHUNK_BYTES {
                    return ControlFlow::Continue(());
                }
                match sink.send_part(std::mem::replace(&mut pairs, Pairs::new()).into_part()) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(error) => {
                        refused = Some(error);
                        ControlFlow::Break(())
                    }
                }
            })?
            .map_err(|_| refused.take().unwrap_or(Error::Canceled))?;
        if sent != length {
            return Err(Error::Unknown("etcdserver: the range changed while it was read".into()));
        }
        pairs.bytes.extend_from_slice(&tail_bytes);
        sink.send_part(pairs.into_part())?;
        Ok((size, tail.count))
    }
}

/// What a pair takes in an answer.
fn encoded_len(row: &[u8]) -> u64 {
    (1 + encoded_len_varint(row.len() as u64) + row.len()) as u64
}

/// Encoded pairs, with room before them.
struct Pairs {
    bytes: BytesMut,
}

impl Pairs {
    fn new() -> Self {
        let mut bytes = BytesMut::with_capacity(HEAD_ROOM + CHUNK_BYTES + (8 << 10));
        bytes.put_bytes(0, HEAD_ROOM);
        Self { bytes }
    }

    /// Without the room.
    fn len(&self) -> usize {
        self.bytes.len() - HEAD_ROOM
    }

    fn push(&mut self, row: &[u8]) {
        encode_key(field::KVS, WireType::LengthDelimited, &mut self.bytes);
        encode_varint(row.len() as u64, &mut self.bytes);
        self.bytes.extend_from_slice(row);
    }

    /// The pairs alone.
    fn into_part(self) -> Bytes {
        self.bytes.freeze().slice(HEAD_ROOM..)
    }

    /// The pairs after `head`.
    fn into_part_after(mut self, head: &[u8]) -> Bytes {
        let start = HEAD_ROOM - head.len();
        self.bytes[start..HEAD_ROOM].copy_from_slice(head);
        self.bytes.freeze().slice(start..)
    }

    /// A whole `RangeStreamResponse` in its frame.
    fn into_stream_frame(self) -> Bytes {
        let inner = self.len();
        let mut field = BytesMut::with_capacity(16);
        encode_key(field::RANGE_RESPONSE, WireType::LengthDelimited, &mut field);
        encode_varint(inner as u64, &mut field);
        let mut head = BytesMut::with_capacity(32);
        head.put_u8(0);
        // A message has some megabytes at most.
        head.put_u32((field.len() + inner) as u32);
        head.extend_from_slice(&field);
        self.into_part_after(&head)
    }
}

/// The beginning of an answer, in chunks.
#[derive(Default)]
struct Spool {
    full: Vec<Pairs>,
    last: Option<Pairs>,
    /// All of it.
    bytes: u64,
}

impl Spool {
    fn push(&mut self, row: &[u8]) {
        let last = self.last.get_or_insert_with(Pairs::new);
        last.push(row);
        self.bytes += encoded_len(row);
        if last.len() >= CHUNK_BYTES {
            self.full.extend(self.last.take());
        }
    }

    fn into_parts(self) -> Vec<Bytes> {
        self.full.into_iter().chain(self.last).map(Pairs::into_part).collect()
    }

    /// The whole answer: one part, if it is small.
    fn finish(self, ends: Ends) -> Vec<Bytes> {
        let mut chunks = self.full;
        chunks.extend(self.last);
        if chunks.is_empty() {
            chunks.push(Pairs::new());
        }
        let last = chunks.len() - 1;
        chunks[last].bytes.extend_from_slice(&ends.tail);
        let mut head = Some(ends.head);
        let part = |pairs: Pairs| match head.take() {
            Some(head) => pairs.into_part_after(&head),
            None => pairs.into_part(),
        };
        chunks.into_iter().map(part).collect()
    }
}

/// What is before and after the pairs of an answer of one message.
struct Ends {
    /// gRPC's prefix and the header.
    head: Bytes,
    tail: Bytes,
    /// Of the whole frame.
    size: usize,
}

impl Ends {
    /// For `pairs` bytes of pairs.
    ///
    /// # Errors
    /// The answer is larger than gRPC allows.
    fn new(header: &ResponseHeader, pairs: u64, tail: &RangeTail) -> Result<Self, Error> {
        let mut fields = BytesMut::with_capacity(HEAD_ROOM);
        let header_len = header.encoded_len();
        encode_key(field::HEADER, WireType::LengthDelimited, &mut fields);
        encode_varint(header_len as u64, &mut fields);
        header.encode_raw(&mut fields);
        let mut rest = BytesMut::new();
        if tail.more {
            encode_key(field::MORE, WireType::Varint, &mut rest);
            encode_varint(1, &mut rest);
        }
        if tail.count != 0 {
            encode_key(field::COUNT, WireType::Varint, &mut rest);
            encode_varint(tail.count.cast_unsigned(), &mut rest);
        }
        let size = fields.len() as u64 + pairs + rest.len() as u64;
        if size > SEND_LIMIT {
            return Err(Error::AnswerTooLarge { size, limit: SEND_LIMIT });
        }
        let mut head = BytesMut::with_capacity(PREFIX + fields.len());
        head.put_u8(0);
        head.put_u32(size as u32);
        head.extend_from_slice(&fields);
        debug_assert!(head.len() <= HEAD_ROOM, "a header has four numbers");
        Ok(Self { head: head.freeze(), tail: rest.freeze(), size: PREFIX + size as usize })
    }
}

#[cfg(test)]
mod tests;
