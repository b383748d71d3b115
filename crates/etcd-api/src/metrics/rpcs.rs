//! Counters per call: `grpc_server_*` and the bytes of all calls.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use tonic::Code;

use super::Detail;
use super::times::{SHARDS, Times, shard};
use crate::grpc::Rpc;

/// The codes as grpc-go names them, by number.
const CODES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];

/// Upper ends of the buckets of `grpc_server_handling_seconds`, in microseconds.
const BUCKETS: [u64; 11] =
    [5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000];

/// Counters of every call. Counting is one uncontended atomic addition.
#[derive(Debug, Default)]
pub(crate) struct Rpcs {
    shards: [Shard; SHARDS],
    /// How long calls take, by call; only with `--metrics=extensive`.
    times: Option<Box<[Times]>>,
}

/// One thread's copy; aligned so that no two share a pair of cache lines.
#[derive(Debug)]
#[repr(align(128))]
struct Shard {
    calls: [Counters; Rpc::ALL.len()],
    received_bytes: AtomicU64,
    sent_bytes: AtomicU64,
}

impl Default for Shard {
    fn default() -> Self {
        let calls = std::array::from_fn(|_| Counters::default());
        Self { calls, received_bytes: AtomicU64::new(0), sent_bytes: AtomicU64::new(0) }
    }
}

#[derive(Debug, Default)]
struct Counters {
    started: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
    handled: [AtomicU64; CODES.len()],
}

/// A call in progress; counted as cancelled when it is dropped before it is done.
pub(crate) struct Handled<'a> {
    shard: &'a Shard,
    rpc: Rpc,
    /// None once somebody else counts the end.
    code: Option<Code>,
    timed: Option<(&'a Times, Instant)>,
}

/// A call in progress that belongs to nobody's stack: a stream. Counted as cancelled when it is dropped before it is
/// done.
pub(crate) struct Ongoing {
    rpcs: Arc<Rpcs>,
    rpc: Rpc,
    code: Code,
    /// None when times are not measured.
    started: Option<Instant>,
}

/// A call in progress, of either kind.
pub(crate) trait Count {
    /// How the call ended.
    fn done(&mut self, code: Code);
}

impl Count for Handled<'_> {
    fn done(&mut self, code: Code) {
        self.code = Some(code);
    }
}

impl Count for Ongoing {
    fn done(&mut self, code: Code) {
        self.code = code;
    }
}

impl Rpcs {
    pub(crate) fn new(detail: Detail) -> Self {
        let times = || Rpc::ALL.iter().map(|_| Times::new(&BUCKETS)).collect();
        Self { times: (detail == Detail::Extensive).then(times), ..Self::default() }
    }

    /// Counts the start of a call.
    pub(crate) fn start(&self, rpc: Rpc) -> Handled<'_> {
        let shard = self.shard();
        add(&shard.calls[rpc as usize].started, 1);
        self.handled(rpc)
    }

    fn handled(&self, rpc: Rpc) -> Handled<'_> {
        let timed = self.times.as_ref().map(|times| (&times[rpc as usize], Instant::now()));
        Handled { shard: self.shard(), rpc, code: Some(Code::Cancelled), timed }
    }

    /// Counts a received message of `size` bytes.
    pub(crate) fn received(&self, rpc: Rpc, size: usize) {
        let shard = self.shard();
        add(&shard.calls[rpc as usize].received, 1);
        add(&shard.received_bytes, size as u64);
    }

    fn shard(&self) -> &Shard {
        &self.shards[shard() % SHARDS]
    }

    fn sum(&self, read: impl Fn(&Shard) -> &AtomicU64) -> u64 {
        self.shards.iter().map(|shard| read(shard).load(Ordering::Relaxed)).sum()
    }
}

impl Handled<'_> {
    /// Counts a sent message of `size` bytes.
    pub(crate) fn sent(&self, size: usize) {
        add(&self.shard.calls[self.rpc as usize].sent, 1);
        add(&self.shard.sent_bytes, size as u64);
    }

    /// Goes on counting where the call outlives this stack; `rpcs` are the counters that it was started with.
    pub(crate) fn outlive(mut self, rpcs: Arc<Rpcs>) -> Ongoing {
        self.code = None;
        Ongoing {
            rpcs,
            rpc: self.rpc,
            code: Code::Cancelled,
            started: self.timed.map(|(_, started)| started),
        }
    }
}

impl Ongoing {
    pub(crate) fn start(rpcs: Arc<Rpcs>, rpc: Rpc) -> Self {
        add(&rpcs.shard().calls[rpc as usize].started, 1);
        let started = rpcs.times.is_some().then(Instant::now);
        Self { rpcs, rpc, code: Code::Cancelled, started }
    }

    /// Counts sent messages of `size` bytes together.
    pub(crate) fn sent(&self, messages: usize, size: usize) {
        let shard = self.rpcs.shard();
        add(&shard.calls[self.rpc as usize].sent, messages as u64);
        add(&shard.sent_bytes, size as u64);
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        add(&self.rpcs.shard().calls[self.rpc as usize].handled[self.code as usize], 1);
        if let (Some(times), Some(started)) = (&self.rpcs.times, self.started) {
            times[self.rpc as usize].observe(started.elapsed());
        }
    }
}

impl Drop for Handled<'_> {
    fn drop(&mut self) {
        let Some(code) = self.code else { return };
        add(&self.shard.calls[self.rpc as usize].handled[code as usize], 1);
        if let Some((times, started)) = self.timed {
            times.observe(started.elapsed());
        }
    }
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

impl Collector for Rpcs {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        type Read = fn(&Counters) -> &AtomicU64;
        let families: [(&str, &str, Read); 3] = [
            ("grpc_server_started", "Total number of RPCs started on the server", |c| &c.started),
            ("grpc_server_msg_received", "Total number of messages received from clients", |c| &c.received),
            ("grpc_server_msg_sent", "Total number of messages sent to clients", |c| &c.sent),
        ];
        for (name, help, read) in families {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for &rpc in Rpc::ALL {
                let count = self.sum(|shard| read(&shard.calls[rpc as usize]));
                ConstCounter::new(count).encode(family.encode_family(&labels(rpc))?)?;
            }
        }
        let help = "Total number of RPCs completed on the server, regardless of success or failure";
        let mut family = encoder.encode_descriptor("grpc_server_handled", help, None, MetricType::Counter)?;
        for &rpc in Rpc::ALL {
            for (number, code) in CODES.into_iter().enumerate() {
                let count = self.sum(|shard| &shard.calls[rpc as usize].handled[number]);
                let labels = (labels(rpc), [("grpc_code", code)]);
                ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
            }
        }
        if let Some(times) = &self.times {
            let name = "grpc_server_handling_seconds";
            let help = "How long calls take on the server, in seconds";
            let family = times.iter().zip(Rpc::ALL).map(|(times, &rpc)| (labels(rpc), times));
            Times::encode_family(&mut encoder, name, help, family)?;
        }
        bytes(&mut encoder, "received", "received from", self.sum(|shard| &shard.received_bytes))?;
        bytes(&mut encoder, "sent", "sent to", self.sum(|shard| &shard.sent_bytes))
    }
}

fn labels(rpc: Rpc) -> [(&'static str, &'static str); 3] {
    let [kind, service, method] = rpc.labels();
    [("grpc_type", kind), ("grpc_service", service), ("grpc_method", method)]
}

fn bytes(encoder: &mut DescriptorEncoder<'_>, name: &str, verb: &str, count: u64) -> Result<(), fmt::Error> {
    let name = format!("etcd_network_client_grpc_{name}_bytes");
    let help = format!("The total number of bytes {verb} grpc clients");
    ConstCounter::new(count).encode(encoder.encode_descriptor(&name, &help, None, MetricType::Counter)?)
}
