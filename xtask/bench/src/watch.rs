//! The fan-out load: one key, many watchers of it on many connections.
//!
//! A put is done when every watcher has its event, and a bounded number of puts is under way; so the servers are asked
//! for as much as they can deliver, and not for a backlog. What is counted and timed are events, from when their put
//! was sent until they came out of the client's stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use etcd_proto::etcdserverpb::watch_request::RequestUnion;
use etcd_proto::etcdserverpb::{PutRequest, WatchCreateRequest, WatchRequest, WatchResponse};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_stream::StreamExt as _;
use tonic::Streaming;

use crate::connection::Client;
use crate::keys::Random;
use crate::load::{Call, Load};
use crate::measures::{Measures, Recorder};
use crate::options::Run;
use crate::progress::Progress;
use crate::round::{Spending, share};
use crate::target::Target;

const KEY: &[u8] = b"watched";

/// Bytes of a value that say which put it is.
const NUMBER_BYTES: usize = 8;

/// How long one put may take to reach everybody.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(60);

/// What putters and readers share.
struct Shared {
    base: Instant,
    /// When each put was sent, in nanoseconds since `base`.
    sent: Vec<AtomicU64>,
    /// How many watchers have yet to see it.
    left: Vec<AtomicU64>,
    /// Puts that may be under way.
    window: Semaphore,
    /// Puts before the round.
    warm_up: u64,
}

/// Measures one round.
pub(crate) fn measure(
    target: &Target,
    load: &Load,
    watchers: u64,
    run: &Run,
    label: &str,
) -> anyhow::Result<Measures> {
    let addresses = target.spread(load.connections, run.target)?;
    let puts = load.warm_up + load.total.context("a watch load needs a number of puts")?;
    let count = |_| AtomicU64::new(watchers);
    let shared = Arc::new(Shared {
        base: Instant::now(),
        sent: (0..puts).map(|_| AtomicU64::new(0)).collect(),
        left: (0..puts).map(count).collect(),
        window: Semaphore::new(usize::try_from(load.clients)?),
        warm_up: load.warm_up,
    });
    let threads = run.threads().min(addresses.len());
    let (ready, readied) = mpsc::channel();
    let readers: Vec<_> = (0..threads)
        .map(|thread| {
            let own: Vec<_> = addresses.iter().skip(thread).step_by(threads).cloned().collect();
            let watchers = share(watchers, own.len(), addresses.len(), thread, threads);
            let (shared, ready) = (Arc::clone(&shared), ready.clone());
            let is_tls = target.is_tls;
            std::thread::spawn(move || read(&own, is_tls, watchers, &shared, &ready))
        })
        .collect();
    for _ in &readers {
        readied.recv().context("a thread of the load client ended")?.context("cannot watch")?;
    }
    let putter = Putter::connect(&addresses[0], target.is_tls, load, shared)?;
    putter.put(0..load.warm_up, &Progress::new(&format!("{label}: warming up")))?;
    let before = Spending::begin(target)?;
    putter.put(load.warm_up..puts, &Progress::new(label))?;
    let spent = before.end(target)?;
    let mut all = Recorder::new();
    for reader in readers {
        let outcome = reader.join().map_err(|_| anyhow!("a thread of the load client panicked"))?;
        all.merge(&outcome.context("a watch failed")?);
    }
    Ok(spent.measures(&all))
}

/// Sends the puts, on the calling thread.
struct Putter {
    runtime: Runtime,
    client: Client,
    value: Bytes,
    window: u32,
    shared: Arc<Shared>,
}

impl Putter {
    fn connect(address: &str, is_tls: bool, load: &Load, shared: Arc<Shared>) -> anyhow::Result<Self> {
        let runtime = runtime()?;
        let client = runtime.block_on(Client::connect(address, is_tls))?;
        let value = Random::new(1).bytes(load.value_size);
        Ok(Self { runtime, client, value, window: u32::try_from(load.clients)?, shared })
    }

    /// Sends these puts, and returns when every watcher has seen them all.
    fn put(&self, numbers: std::ops::Range<u64>, progress: &Progress) -> anyhow::Result<()> {
        self.runtime.block_on(async {
            let mut tasks = JoinSet::new();
            let total = (numbers.end - numbers.start) as f64;
            for (done, number) in numbers.enumerate() {
                self.take(1).await?;
                while let Some(ended) = tasks.try_join_next() {
                    ended.context("a put panicked")??;
                }
                progress.show(done as f64 / total, done as u64);
                tasks.spawn(put(self.client.clone(), self.request(number), number, Arc::clone(&self.shared)));
            }
            while let Some(ended) = tasks.join_next().await {
                ended.context("a put panicked")??;
            }
            self.take(self.window).await?;
            self.shared.window.add_permits(self.window as usize);
            Ok(())
        })
    }

    /// Takes the right to have puts under way.
    async fn take(&self, count: u32) -> anyhow::Result<()> {
        let permits = tokio::time::timeout(DELIVERY_TIMEOUT, self.shared.window.acquire_many(count)).await;
        permits
            .with_context(|| format!("no put has reached everybody within {DELIVERY_TIMEOUT:?}"))??
            .forget();
        Ok(())
    }

    fn request(&self, number: u64) -> PutRequest {
        let mut value = number.to_be_bytes().to_vec();
        value.extend_from_slice(self.value.get(NUMBER_BYTES..).unwrap_or_default());
        PutRequest { key: Bytes::from_static(KEY), value: value.into(), ..PutRequest::default() }
    }
}

async fn put(
    mut client: Client,
    request: PutRequest,
    number: u64,
    shared: Arc<Shared>,
) -> anyhow::Result<()> {
    let now = u64::try_from(shared.base.elapsed().as_nanos()).unwrap_or(u64::MAX);
    shared.sent[index(number)].store(now, Ordering::Relaxed);
    client.call(Call::Put(request)).await.context("a put failed")
}

/// Watches on every connection, until everything has come.
fn read(
    addresses: &[String],
    is_tls: bool,
    watchers: u64,
    shared: &Arc<Shared>,
    ready: &mpsc::Sender<anyhow::Result<()>>,
) -> anyhow::Result<Recorder> {
    let runtime = runtime()?;
    let opened = runtime.block_on(open(addresses, is_tls, watchers));
    let (streams, opened) = match opened {
        Ok(streams) => (streams, Ok(())),
        Err(error) => (Vec::new(), Err(error)),
    };
    // Nobody listens when another thread has failed.
    let _unheard = ready.send(opened);
    let recorder = runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for (stream, watchers) in streams {
            tasks.spawn(follow(stream, watchers, Arc::clone(shared)));
        }
        let mut all = Recorder::new();
        while let Some(ended) = tasks.join_next().await {
            all.merge(&ended.context("a watch panicked")??);
        }
        anyhow::Ok(all)
    })?;
    Ok(recorder)
}

/// Opens one stream a connection, with its share of the watchers, all of which are there afterwards.
async fn open(
    addresses: &[String],
    is_tls: bool,
    watchers: u64,
) -> anyhow::Result<Vec<(Streaming<WatchResponse>, u64)>> {
    let mut streams = Vec::with_capacity(addresses.len());
    for (number, address) in addresses.iter().enumerate() {
        let own = share(watchers, 1, addresses.len(), number, addresses.len());
        let create = WatchCreateRequest { key: Bytes::from_static(KEY), ..WatchCreateRequest::default() };
        let create = WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
        let mut client = Client::connect(address, is_tls).await?;
        // Left open: a stream whose client has nothing more to ask may be taken for one that is over.
        let requests = tokio_stream::iter(vec![create; usize::try_from(own)?]).chain(tokio_stream::pending());
        let mut stream = client.watch(requests).await.context("no watch stream")?;
        for _ in 0..own {
            let created = stream.message().await.context("no watcher")?.context("no watcher")?;
            anyhow::ensure!(created.created && !created.canceled, "no watcher: {created:?}");
        }
        streams.push((stream, own));
    }
    Ok(streams)
}

async fn follow(
    mut stream: Streaming<WatchResponse>,
    watchers: u64,
    shared: Arc<Shared>,
) -> anyhow::Result<Recorder> {
    let mut recorder = Recorder::new();
    let mut missing = watchers * shared.sent.len() as u64;
    while missing > 0 {
        let response = stream.message().await.context("a stream failed")?.context("a stream ended")?;
        let now = u64::try_from(shared.base.elapsed().as_nanos()).unwrap_or(u64::MAX);
        for event in &response.events {
            let value = event.kv.as_ref().map_or(&[][..], |pair| &pair.value);
            let number = value.first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
            let number = number.filter(|number| index(*number) < shared.sent.len());
            let number = number.context("an event that nobody has put")?;
            missing = missing.checked_sub(1).context("an event came twice")?;
            if number >= shared.warm_up {
                let sent = shared.sent[index(number)].load(Ordering::Relaxed);
                recorder.success(Duration::from_nanos(now.saturating_sub(sent)));
            }
            if shared.left[index(number)].fetch_sub(1, Ordering::Relaxed) == 1 {
                shared.window.add_permits(1);
            }
        }
    }
    Ok(recorder)
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start a runtime")
}
