//! What a commit costs while many watch its key, and how long they take to get it.
#![expect(clippy::print_stdout, reason = "an example")]

use std::collections::VecDeque;
use std::error::Error;
use std::task::{Context, Waker};
use std::time::Instant;

use etcd_mvcc::Store;
use etcd_proto::etcdserverpb::PutRequest;
use etcd_storage::Storage;
use etcd_watch::{Hub, Options, Response, Watch};

const COMMITS: u64 = 1000;
const STREAMS: usize = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let storage = Storage::open(etcd_storage::Options::new(dir.path().join("db")))?;
    let (store, mut writer) = Store::open(storage, etcd_mvcc::Options::default())?;
    let hub = Hub::start(store, Options::default())?;
    let streams: Vec<_> = (0..STREAMS).map(|_| hub.stream()).collect();
    let mut mark = 0;
    for watchers in [0, 1, 10] {
        for _ in 0..watchers {
            for stream in &streams {
                stream.watch(Watch { key: "watched".into(), ..Watch::default() })?;
            }
        }
        let (mut committing, mut reading, mut events) = (0.0, 0.0, 0);
        for _ in 0..COMMITS {
            mark += 1;
            let started = Instant::now();
            let mut txn = writer.begin(mark);
            txn.put(&PutRequest { key: "watched".into(), value: "value".into(), ..PutRequest::default() })?;
            txn.commit()?;
            committing += started.elapsed().as_secs_f64();
            let started = Instant::now();
            events += streams.iter().map(read).sum::<usize>();
            reading += started.elapsed().as_secs_f64();
        }
        let micros = |seconds: f64| seconds * 1e6 / COMMITS as f64;
        println!(
            "{:4} watchers: {:6.1} µs a commit, {:6.1} µs to read {} events",
            hub.stats().watchers,
            micros(committing),
            micros(reading),
            events / COMMITS as usize
        );
    }
    Ok(())
}

/// Takes what is there, and counts the events.
fn read(stream: &etcd_watch::Stream) -> usize {
    let mut batch = VecDeque::new();
    let mut context = Context::from_waker(Waker::noop());
    if stream.poll_batch(&mut context, &mut batch).is_pending() {
        return 0;
    }
    let count = |response: &Response| match response {
        Response::Events(events) => events.events.len(),
        _ => 0,
    };
    batch.iter().map(count).sum()
}
