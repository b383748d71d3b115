use etcd_proto::mvccpb::KeyValue;
use tokio::runtime::Runtime;

use super::*;
use crate::grpc::{Taken, take};

/// Rows in order.
struct Rows {
    rows: Vec<Vec<u8>>,
    limit: usize,
}

impl RangeCursor for Rows {
    fn revision(&self) -> i64 {
        9
    }

    fn read(
        &self,
        from: &RangePlace,
        visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Result<RangeTail, RangePlace>, Error> {
        for (number, row) in self.rows.iter().enumerate().skip(from.shown).take(self.limit - from.shown) {
            if visit(row).is_break() {
                return Ok(Err(RangePlace { after: Bytes::new(), shown: number + 1 }));
            }
        }
        let count = (self.rows.len() - from.shown) as i64;
        Ok(Ok(RangeTail { more: self.rows.len() > self.limit, count }))
    }
}

fn pairs(count: usize, size: usize) -> Vec<KeyValue> {
    let pair = |n: usize| KeyValue {
        key: format!("key-{n:06}").into(),
        create_revision: n as i64,
        mod_revision: 2,
        version: 1,
        value: vec![n as u8; size].into(),
        lease: 0,
    };
    (0..count).map(pair).collect()
}

const HEADER: ResponseHeader =
    ResponseHeader { cluster_id: u64::MAX, member_id: u64::MAX, revision: i64::MAX, raft_term: u64::MAX };

fn cursor(pairs: &[KeyValue], limit: usize) -> Box<Rows> {
    let rows = pairs.iter().map(|pair| pair.encode_to_vec()).collect();
    Box::new(Rows { rows, limit })
}

fn expected(pairs: &[KeyValue], limit: usize) -> RangeResponse {
    RangeResponse {
        header: Some(HEADER),
        kvs: pairs.iter().take(limit).cloned().collect(),
        more: pairs.len() > limit,
        count: pairs.len() as i64,
    }
}

/// The messages in the parts that were sent.
fn messages(taken: &Taken) -> Vec<Bytes> {
    let mut rest = Bytes::from(taken.parts.concat());
    let mut messages = Vec::new();
    while !rest.is_empty() {
        let prefix = rest.split_to(PREFIX);
        assert_eq!(prefix[0], 0);
        let length = u32::from_be_bytes(prefix[1..].try_into().unwrap()) as usize;
        messages.push(rest.split_to(length));
    }
    messages
}

const CASES: [(usize, usize, usize); 8] = [
    (0, 0, 10),
    (1, 10, 10),
    (300, 100, 1000),
    (300, 100, 200),
    // Larger than what is read once.
    (40, 100_000, 1000),
    (40, 100_000, 30),
    (3, 3_000_000, 3),
    (30_000, 100, 30_000),
];

#[test]
fn one_message_is_what_an_encoder_makes_of_it() {
    let runtime = Runtime::new().unwrap();
    for (count, size, limit) in CASES {
        let pairs = pairs(count, size);
        let whole = Whole {
            cursor: cursor(&pairs, limit),
            shape: Shape::default(),
            request_size: 0,
            started: Instant::now(),
            remote: Remote::Tcp(([127, 0, 0, 1], 1).into()),
        };
        let taken = take(&runtime, move |sink| whole.send_with(&HEADER, sink).map(drop));
        taken.ended.as_ref().unwrap();
        let found = messages(&taken);
        assert_eq!(found.len(), 1, "{count} x {size}");
        assert!(found[0] == expected(&pairs, limit).encode_to_vec(), "{count} x {size}, limit {limit}");
        assert!(taken.parts.iter().all(|part| part.len() < CHUNK_BYTES + size + 1000));
        if count * size <= 50_000 {
            assert_eq!(taken.parts.len(), 1, "a short answer is sent at once");
        }
    }
}

#[test]
fn the_messages_of_a_stream_make_the_same_answer() {
    let runtime = Runtime::new().unwrap();
    for (count, size, limit) in CASES {
        let pairs = pairs(count, size);
        let rows = cursor(&pairs, limit);
        let taken = take(&runtime, move |sink| stream(&*rows, &HEADER, sink));
        taken.ended.as_ref().unwrap();
        let mut whole = RangeResponse::default();
        let messages = messages(&taken);
        for (number, message) in messages.iter().enumerate() {
            let part = RangeStreamResponse::decode(message.clone()).unwrap().range_response.unwrap();
            let is_last = number + 1 == messages.len();
            assert_eq!(
                (part.header.is_some(), part.count != 0 || count == 0),
                (is_last, is_last || count == 0)
            );
            whole.merge(part.encode_to_vec().as_slice()).unwrap();
        }
        assert!(whole == expected(&pairs, limit), "{count} x {size}, limit {limit}");
    }
}

#[test]
fn only_what_comes_in_key_order_may_be_long() {
    let all = || RangeRequest { key: "a".into(), range_end: "z".into(), ..RangeRequest::default() };
    for (request, long) in [
        (all(), true),
        (RangeRequest { limit: 1000, ..all() }, true),
        (RangeRequest { limit: 10, ..all() }, false),
        (RangeRequest { range_end: Bytes::new(), ..all() }, false),
        (RangeRequest { count_only: true, ..all() }, false),
        (RangeRequest { keys_only: true, ..all() }, false),
        (RangeRequest { sort_order: SortOrder::Descend as i32, ..all() }, false),
        (RangeRequest { sort_order: SortOrder::Ascend as i32, ..all() }, true),
        (RangeRequest { sort_order: 1, sort_target: SortTarget::Mod as i32, ..all() }, false),
        (RangeRequest { sort_target: SortTarget::Value as i32, ..all() }, false),
        (RangeRequest { max_create_revision: 5, ..all() }, false),
    ] {
        assert_eq!(may_be_long(&request), long, "{request:?}");
    }
}
