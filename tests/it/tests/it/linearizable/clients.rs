//! Clients that ask at random, and the history of what they were told.

use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use etcd_it::DEADLINE;
use etcd_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use etcd_proto::etcdserverpb::kv_client::KvClient;
use etcd_proto::etcdserverpb::request_op::Request;
use etcd_proto::etcdserverpb::response_op::Response;
use etcd_proto::etcdserverpb::watch_client::WatchClient;
use etcd_proto::etcdserverpb::watch_request::RequestUnion;
use etcd_proto::etcdserverpb::{
    Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, ResponseHeader, ResponseOp, TxnRequest,
    WatchCreateRequest, WatchRequest,
};
use etcd_proto::mvccpb::KeyValue;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

use super::model::{History, KEYS, Key, Log, Op, Output, Pair};
use crate::load::await_more;

const CLIENTS: usize = 6;
/// After that nobody knows what came of a request.
const PATIENCE: Duration = Duration::from_secs(4);

/// Clients at work.
pub(super) struct Clients {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    history: Mutex<History>,
    answered: AtomicUsize,
    values: AtomicU32,
    over: AtomicBool,
}

impl Clients {
    /// Starts them, each with a connection to every member, and with random choices that follow from `random`.
    pub(super) fn start(runtime: &Runtime, urls: &[String], random: &mut StdRng) -> Self {
        let shared = Arc::new(Shared::default());
        let connect = |url: &String| {
            let endpoint = Endpoint::from_shared(url.clone()).expect("a URL");
            KvClient::new(endpoint.timeout(PATIENCE).connect_timeout(PATIENCE).connect_lazy())
        };
        let _guard = runtime.enter();
        let tasks = (0..CLIENTS)
            .map(|_| {
                let members = urls.iter().map(connect).collect();
                let random = StdRng::seed_from_u64(random.random());
                runtime.spawn(work(members, random, Arc::clone(&shared)))
            })
            .collect();
        Self { shared, tasks }
    }

    /// Waits until so many more operations are answered.
    pub(super) fn wait_for_answers(&self, more: usize) {
        await_more("answer", more, || self.shared.answered.load(Ordering::Relaxed));
    }

    /// Ends the work, and gives what has happened.
    pub(super) fn stop(self, runtime: &Runtime) -> History {
        self.shared.over.store(true, Ordering::Relaxed);
        for task in self.tasks {
            runtime.block_on(task).unwrap();
        }
        std::mem::take(&mut *self.shared.history.lock().unwrap())
    }
}

/// Everything that was ever written, as this member has it up to `revision`.
pub(super) async fn log(url: &str, revision: i64) -> Log {
    let create = WatchCreateRequest {
        key: "key".into(),
        range_end: "kez".into(),
        start_revision: 2,
        ..WatchCreateRequest::default()
    };
    let create = WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
    let mut client = WatchClient::connect(url.to_owned()).await.unwrap().max_decoding_message_size(64 << 20);
    // The stream of requests stays open.
    let requests = futures_util::StreamExt::chain(tokio_stream::once(create), tokio_stream::pending());
    let mut responses = client.watch(requests).await.unwrap().into_inner();
    let mut log = Log::new();
    while log.last_key_value().map_or(1, |(last, _)| *last) < revision {
        let response = tokio::time::timeout(DEADLINE, responses.message()).await.expect("events in time");
        for event in response.unwrap().expect("the stream stays open").events {
            let changed = event.kv.expect("an event has a pair");
            let name = std::str::from_utf8(&changed.key).unwrap();
            let key = name.strip_prefix("key").unwrap().parse().unwrap();
            let value = if event.r#type == 0 { value(&changed.value) } else { 0 };
            log.entry(changed.mod_revision).or_default().push((key, value));
        }
    }
    log
}

async fn work(mut members: Vec<KvClient<Channel>>, mut random: StdRng, shared: Arc<Shared>) {
    // The revisions in which this client has last seen each key changed.
    let mut seen = [0; KEYS];
    while !shared.over.load(Ordering::Relaxed) {
        let op = choose(&mut random, &shared, &seen);
        let member = random.random_range(0..members.len());
        let id = shared.history.lock().unwrap().call(op);
        match ask(&mut members[member], op).await {
            Ok(output) => {
                for (key, pair) in op.keys().into_iter().zip(&output.pairs) {
                    let modified = pair.map_or(0, |pair| pair.modified);
                    seen[key] = if output.wrote { output.revision } else { modified };
                }
                shared.history.lock().unwrap().give(id, output);
                shared.answered.fetch_add(1, Ordering::Relaxed);
            }
            Err(status) => {
                if matches!(op, Op::Get(_)) || was_not_sent(&status) {
                    shared.history.lock().unwrap().forget(id);
                }
                // The member is down; another is asked, but not in a hot loop.
                tokio::time::sleep(Duration::from_millis(5)).await; // between two looks
            }
        }
    }
}

/// Whether there was nobody to send the request to.
fn was_not_sent(status: &Status) -> bool {
    let mut error: Option<&dyn Error> = Some(status);
    while let Some(cause) = error {
        let refused = cause.downcast_ref::<io::Error>();
        if refused.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            return true;
        }
        error = cause.source();
    }
    false
}

fn choose(random: &mut StdRng, shared: &Shared, seen: &[i64; KEYS]) -> Op {
    let key = random.random_range(0..KEYS);
    let value = || 1 + shared.values.fetch_add(1, Ordering::Relaxed);
    match random.random_range(0..10) {
        0..4 => Op::Get(key),
        4..7 => Op::Put(key, value()),
        7 => Op::Delete(key),
        _ => {
            let other = (key + random.random_range(1..KEYS)) % KEYS;
            Op::Swap { key, other, modified: seen[key], value: value() }
        }
    }
}

impl Op {
    fn keys(self) -> Vec<Key> {
        match self {
            Self::Get(key) | Self::Put(key, _) | Self::Delete(key) => vec![key],
            Self::Swap { key, other, .. } => vec![key, other],
        }
    }
}

async fn ask(client: &mut KvClient<Channel>, op: Op) -> Result<Output, Status> {
    match op {
        Op::Get(key) => {
            let answer = client.range(range(key)).await?.into_inner();
            Ok(output(answer.header, vec![answer.kvs.first().map(pair)], false))
        }
        Op::Put(key, value) => {
            let answer = client.put(put(key, value)).await?.into_inner();
            Ok(output(answer.header, vec![answer.prev_kv.as_ref().map(pair)], true))
        }
        Op::Delete(key) => {
            let request =
                DeleteRangeRequest { key: name(key), prev_kv: true, ..DeleteRangeRequest::default() };
            let answer = client.delete_range(request).await?.into_inner();
            Ok(output(answer.header, vec![answer.prev_kvs.first().map(pair)], answer.deleted > 0))
        }
        Op::Swap { key, other, modified, value } => {
            let answer = client.txn(swap(key, other, modified, value)).await?.into_inner();
            let pairs = answer.responses.iter().map(pair_of).collect();
            Ok(output(answer.header, pairs, answer.succeeded))
        }
    }
}

fn swap(key: Key, other: Key, modified: i64, value: u32) -> TxnRequest {
    let op = |request| RequestOp { request: Some(request) };
    let compare = Compare {
        result: CompareResult::Equal as i32,
        target: CompareTarget::Mod as i32,
        key: name(key),
        target_union: Some(TargetUnion::ModRevision(modified)),
        ..Compare::default()
    };
    TxnRequest {
        compare: vec![compare],
        success: [key, other].map(|key| op(Request::RequestPut(put(key, value)))).to_vec(),
        failure: [key, other].map(|key| op(Request::RequestRange(range(key)))).to_vec(),
    }
}

fn range(key: Key) -> RangeRequest {
    RangeRequest { key: name(key), ..RangeRequest::default() }
}

fn put(key: Key, value: u32) -> PutRequest {
    PutRequest { key: name(key), value: value.to_string().into(), prev_kv: true, ..PutRequest::default() }
}

fn name(key: Key) -> bytes::Bytes {
    format!("key{key}").into()
}

fn output(header: Option<ResponseHeader>, pairs: Vec<Option<Pair>>, wrote: bool) -> Output {
    Output { revision: header.expect("every answer has a header").revision, pairs, wrote }
}

fn pair_of(response: &ResponseOp) -> Option<Pair> {
    match response.response.as_ref().expect("an operation has an answer") {
        Response::ResponseRange(range) => range.kvs.first().map(pair),
        Response::ResponsePut(put) => put.prev_kv.as_ref().map(pair),
        other => panic!("nobody asked for {other:?}"),
    }
}

fn pair(pair: &KeyValue) -> Pair {
    Pair {
        value: value(&pair.value),
        created: pair.create_revision,
        modified: pair.mod_revision,
        version: pair.version,
    }
}

fn value(bytes: &[u8]) -> u32 {
    let text = std::str::from_utf8(bytes).expect("values are numbers");
    text.parse().expect("values are numbers")
}
