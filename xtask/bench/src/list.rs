//! One client lists a large keyspace while others write: what that costs them, and the members' memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use bytes::{BufMut as _, Bytes, BytesMut};
use etcd_proto::etcdserverpb::{PutRequest, RangeRequest, RequestOp, TxnRequest, request_op};
use etcd_proto::prost::Message as _;
use etcd_testkit::{Cluster, Usage};
use http_body_util::{BodyExt as _, Full};
use tokio::task::JoinSet;

use crate::compare;
use crate::connection::{Client, Connection};
use crate::keys::Random;
use crate::load::Call;
use crate::measures::{Measures, Recorder};
use crate::options::List;
use crate::progress::Progress;

/// Pairs that are written in one transaction while the keyspace is filled.
const PAIRS_AT_ONCE: u64 = 100;
/// Transactions under way while it is filled.
const FILLERS: usize = 8;
/// Keys of the pairs that are listed begin with this byte, those that are written meanwhile with the next one.
const LISTED: u8 = b'l';
const WRITTEN: u8 = b'w';
/// Between two looks at the members' memory.
const LOOK: Duration = Duration::from_millis(10);

/// Fills a fresh cluster of three, then writes at a steady rate: first alone, then beside a client that lists everything.
pub(crate) fn run(options: &List) -> anyhow::Result<()> {
    let binary = compare::binary(options.binary.as_deref())?;
    let cluster = Cluster::builder(binary).members(3).argument("--quota-backend-bytes=8589934592").start()?;
    let addresses: Vec<_> =
        cluster.members().iter().map(|member| format!("127.0.0.1:{}", member.spec().client_port)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(fill(&addresses[0], options))?;
    println!("{} pairs with values of {} B", options.pairs, options.val_size);

    let (idle, ()) = runtime.block_on(async {
        let client = Client::connect(&addresses[0], false).await?;
        // The disk is still busy with what was filled in: that belongs to no half.
        write_while(&client, options, tokio::time::sleep(options.time())).await?;
        write_while(&client, options, tokio::time::sleep(options.time())).await
    })?;
    show("alone", &idle);
    let memory = Memory::watch(&cluster)?;
    let (beside, lists) = runtime.block_on(async {
        let client = Client::connect(&addresses[0], false).await?;
        write_while(&client, options, list_for(&addresses[0], options.time())).await
    })?;
    let growth = memory.growth()?;
    show("beside lists", &beside);
    let lists = lists?;
    println!(
        "{} lists of {:.2} GB: {:.0} MB/s",
        lists.count,
        lists.bytes as f64 / lists.count as f64 / 1e9,
        lists.bytes as f64 / lists.seconds / 1e6
    );
    println!(
        "p99 of a put beside lists, by the p99 of a put alone: {:.2} ×",
        beside.latency_ms[2] / idle.latency_ms[2]
    );
    let growth: Vec<_> =
        growth.iter().map(|bytes| format!("{:.0}", *bytes as f64 / f64::from(1 << 20))).collect();
    println!("largest growth of each member's memory meanwhile, MiB: {}", growth.join(", "));
    Ok(())
}

fn show(when: &str, puts: &Measures) {
    println!(
        "{} puts, {when}: p50 {:.2} ms, p99 {:.2} ms, longest {:.2} ms",
        puts.requests, puts.latency_ms[0], puts.latency_ms[2], puts.latency_ms[4]
    );
}

async fn fill(address: &str, options: &List) -> anyhow::Result<()> {
    let progress = Progress::new("filling");
    let client = Client::connect(address, false).await?;
    let value = Random::new(1).bytes(options.val_size);
    let mut tasks = JoinSet::new();
    let mut done = 0;
    for first in (0..options.pairs).step_by(usize::try_from(PAIRS_AT_ONCE)?) {
        if tasks.len() >= FILLERS {
            tasks.join_next().await.context("no task")???;
        }
        let last = (first + PAIRS_AT_ONCE).min(options.pairs);
        let put = |number| put(LISTED, number, &value);
        let success = (first..last)
            .map(|number| RequestOp { request: Some(request_op::Request::RequestPut(put(number))) })
            .collect();
        let mut client = client.clone();
        tasks.spawn(async move {
            client
                .call(Call::Txn(TxnRequest { success, ..TxnRequest::default() }))
                .await
                .context("cannot fill")
        });
        done += last - first;
        progress.show(done as f64 / options.pairs as f64, done);
    }
    while let Some(outcome) = tasks.join_next().await {
        outcome??;
    }
    Ok(())
}

fn put(kind: u8, number: u64, value: &Bytes) -> PutRequest {
    let mut key = BytesMut::with_capacity(9);
    key.put_u8(kind);
    key.put_u64(number);
    PutRequest { key: key.freeze(), value: value.clone(), ..PutRequest::default() }
}

/// Writes at the given rate until `other` is done. Latency counts from when a put was due.
async fn write_while<T>(
    client: &Client,
    options: &List,
    other: impl Future<Output = T>,
) -> anyhow::Result<(Measures, T)> {
    let value = Random::new(2).bytes(256);
    let begun = Instant::now();
    let mut due = tokio::time::interval(Duration::from_secs(1) / u32::try_from(options.rate)?);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    let mut tasks: JoinSet<Result<Duration, tonic::Status>> = JoinSet::new();
    let mut recorder = Recorder::new();
    let mut number = 0;
    let mut other = std::pin::pin!(other);
    let outcome = loop {
        tokio::select! {
            outcome = &mut other => break outcome,
            Some(ended) = tasks.join_next() => count(&mut recorder, ended?),
            at = due.tick() => {
                let put = put(WRITTEN, number % 1000, &value);
                number += 1;
                let mut client = client.clone();
                tasks.spawn(async move {
                    client.call(Call::Put(put)).await.map(|()| at.elapsed())
                });
            }
        }
    };
    while let Some(ended) = tasks.join_next().await {
        count(&mut recorder, ended?);
    }
    let measures = recorder.measures(begun.elapsed().as_secs_f64());
    match measures.first_failure {
        None => Ok((measures, outcome)),
        Some(failure) => Err(anyhow!("a put failed: {failure}")),
    }
}

fn count(recorder: &mut Recorder, outcome: Result<Duration, tonic::Status>) {
    match outcome {
        Ok(took) => recorder.success(took),
        Err(status) => recorder.failure(status.message()),
    }
}

/// What was listed.
struct Lists {
    count: u64,
    bytes: u64,
    seconds: f64,
}

/// Lists everything, again and again, until the time is over; what was begun is finished.
async fn list_for(address: &str, time: Duration) -> anyhow::Result<Lists> {
    let connection = Connection::open(address).await?;
    let begun = Instant::now();
    let mut lists = Lists { count: 0, bytes: 0, seconds: 0.0 };
    while lists.count == 0 || begun.elapsed() < time {
        lists.bytes += list(&connection, address).await?;
        lists.count += 1;
    }
    lists.seconds = begun.elapsed().as_secs_f64();
    Ok(lists)
}

/// One `KV.Range` over all listed pairs. Its answer is counted and not decoded, so that the client costs little.
async fn list(connection: &Connection, address: &str) -> anyhow::Result<u64> {
    let request = RangeRequest {
        key: Bytes::from_static(&[LISTED]),
        range_end: Bytes::from_static(&[LISTED + 1]),
        ..RangeRequest::default()
    };
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(request.encoded_len())?);
    request.encode(&mut frame)?;
    let request = http::Request::post(format!("http://{address}/etcdserverpb.KV/Range"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(tonic::body::Body::new(Full::new(frame.freeze())))?;
    let mut body = connection.send(request).await?.into_body();
    let mut bytes = 0;
    let mut status = None;
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(data) => bytes += data.len() as u64,
            Err(frame) => {
                status = frame.into_trailers().ok().and_then(|trailers| trailers.get("grpc-status").cloned())
            }
        }
    }
    ensure!(status.as_ref().is_some_and(|status| status == "0"), "the list failed: {status:?}");
    Ok(bytes)
}

/// Watches how the members' memory grows.
struct Memory {
    ends: Arc<AtomicBool>,
    watcher: JoinHandle<Vec<u64>>,
}

impl Memory {
    fn watch(cluster: &Cluster) -> anyhow::Result<Self> {
        let pids: Vec<u32> = cluster.members().iter().filter_map(etcd_testkit::Member::pid).collect();
        let resident = move || -> Vec<u64> {
            pids.iter().map(|pid| Usage::read(*pid).unwrap_or_default().resident_bytes).collect()
        };
        let before = resident();
        ensure!(before.iter().all(|bytes| *bytes > 0), "a member has ended");
        let ends = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&ends);
        let watcher = std::thread::spawn(move || {
            let mut most = vec![0; before.len()];
            while !ended.load(Ordering::Relaxed) {
                for ((most, now), before) in most.iter_mut().zip(resident()).zip(&before) {
                    *most = now.saturating_sub(*before).max(*most);
                }
                std::thread::sleep(LOOK); // between two looks
            }
            most
        });
        Ok(Self { ends, watcher })
    }

    /// The largest growth of each member, in bytes.
    fn growth(self) -> anyhow::Result<Vec<u64>> {
        self.ends.store(true, Ordering::Relaxed);
        self.watcher.join().map_err(|_| anyhow!("the thread that watches memory panicked"))
    }
}
