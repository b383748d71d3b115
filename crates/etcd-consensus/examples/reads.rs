//! Measures linearizable reads: three members with logs in memory, in one process, and readers at each of them.
//!
//! `cargo run --profile cluster -p etcd-consensus --example reads [reads] [readers] [network delay in µs]`
//!
//! Prints reads per second, CPU time per read (all threads, as the kernel counts it), how many rounds of
//! heartbeats the leader needed to confirm that it leads, and how many messages there were in all.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use etcd_consensus::{
    Appended, ApplyContext, CoreOptions, Log, Options, Outbox, Raft, RecoveredLog, Round, StateMachine, Stop,
    bootstrap, start,
};
use etcd_proto::prost::Message as _;
use etcd_proto::raftpb::{self, MessageType};
use etcd_wal::{AppendError, ReleaseError};

const MEMBERS: u64 = 3;

/// Knows how far it is.
struct Place(u64);

impl StateMachine for Place {
    type Snapshot = ();

    fn apply(&mut self, entries: &[raftpb::Entry], context: &ApplyContext) -> Result<(), Stop> {
        for entry in entries {
            if entry.r#type() == raftpb::EntryType::EntryConfChange {
                let change = raftpb::ConfChange::decode(entry.data.clone())
                    .map_err(|error| Stop::new(error.to_string()))?;
                context.apply_conf_change(change).map_err(|error| Stop::new(error.to_string()))?;
            }
            self.0 = entry.index;
        }
        Ok(())
    }

    fn durable_index(&self) -> u64 {
        self.0
    }

    fn snapshot_for(&mut self, _: u64) -> Result<(raftpb::SnapshotMetadata, ()), Stop> {
        Err(Stop::new("no member falls behind here"))
    }

    fn install(&mut self, _: &raftpb::SnapshotMetadata) -> Result<(), Stop> {
        Err(Stop::new("no member falls behind here"))
    }
}

/// Keeps nothing.
struct NoLog;

impl Log for NoLog {
    fn append(&mut self, _: &[Round<'_>], _: bool) -> Result<Appended, AppendError> {
        Ok(Appended::default())
    }

    fn save_mark(&mut self, _: &raftpb::SnapshotMetadata) -> Result<(), AppendError> {
        Ok(())
    }

    fn release_to(&mut self, _: u64) -> Result<(), ReleaseError> {
        Ok(())
    }
}

type Members = Arc<RwLock<BTreeMap<u64, Raft>>>;

/// One member's network: delivers in order, some time later.
struct Wire {
    queue: Sender<(Instant, raftpb::Message)>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    messages: AtomicU64,
    /// Heartbeats that ask for a confirmation.
    confirmations: AtomicU64,
}

impl Outbox<()> for Wire {
    fn send(&self, messages: Vec<raftpb::Message>) {
        let now = Instant::now();
        for message in messages {
            let confirms = message.r#type() == MessageType::MsgHeartbeat && !message.context.is_empty();
            self.counts.messages.fetch_add(1, Ordering::Relaxed);
            self.counts.confirmations.fetch_add(u64::from(confirms), Ordering::Relaxed);
            // The other end goes when the process does.
            let _ = self.queue.send((now, message));
        }
    }

    fn send_snapshot(&self, _: raftpb::Message, (): ()) {}
}

fn deliver(queue: &Receiver<(Instant, raftpb::Message)>, members: &Members, delay: Duration) {
    for (sent, message) in queue {
        thread::sleep((sent + delay).saturating_duration_since(Instant::now()));
        let Ok(members) = members.read() else { return };
        if let Some(member) = members.get(&message.to) {
            // Raft repeats what is lost to a full queue.
            let _ = member.step(message);
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let numbers: Vec<u64> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let [reads, readers, delay] =
        [(0, 100_000), (1, 999), (2, 50)].map(|(at, default)| *numbers.get(at).unwrap_or(&default));
    let (members, counts) = cluster(Duration::from_micros(delay))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    let all: Vec<Raft> = members.read().map_err(|_| "a member panicked")?.values().cloned().collect();
    all[0].advance_ticks();
    while all.iter().any(|raft| raft.status().leader == 0) {
        thread::yield_now();
    }
    runtime.block_on(all[0].read_index())?;

    let before = [&counts.messages, &counts.confirmations].map(|count| count.load(Ordering::Relaxed));
    let (begun, cpu) = (Instant::now(), cpu_time()?);
    let each = reads / readers.max(1);
    let tasks: Vec<_> = all.iter().cycle().take(usize::try_from(readers)?).cloned().collect();
    let tasks: Vec<_> = tasks.into_iter().map(|raft| runtime.spawn(read(raft, each))).collect();
    for task in tasks {
        runtime.block_on(task)??;
    }
    let (took, used) = (begun.elapsed(), cpu_time()?.saturating_sub(cpu));
    let after = [&counts.messages, &counts.confirmations].map(|count| count.load(Ordering::Relaxed));
    let done = (each * readers) as f64;
    let per_thousand = |at: usize| (after[at] - before[at]) as f64 * 1000.0 / done;
    writeln!(
        std::io::stdout(),
        "{readers} readers at {MEMBERS} members: {:.0} reads/s, {:.1} µs CPU each; per 1000 reads {:.1} rounds \
         of heartbeats, {:.1} messages",
        done / took.as_secs_f64(),
        used.as_micros() as f64 / done,
        per_thousand(1) / (MEMBERS - 1) as f64,
        per_thousand(0),
    )?;
    members.write().map_err(|_| "a member panicked")?.clear();
    all.iter().for_each(Raft::stop);
    Ok(())
}

async fn read(raft: Raft, times: u64) -> Result<(), etcd_consensus::SubmitError> {
    for _ in 0..times {
        raft.read_index().await?;
    }
    Ok(())
}

fn cluster(delay: Duration) -> Result<(Members, Arc<Counts>), Box<dyn Error>> {
    let (members, counts) = (Members::default(), Arc::new(Counts::default()));
    for id in 1..=MEMBERS {
        let begin = bootstrap((1..=MEMBERS).map(|id| (id, Bytes::from_static(b"{}"))));
        let recovered = RecoveredLog {
            entries: begin.entries,
            hard_state: begin.hard_state,
            conf_state: begin.conf_state,
            ..RecoveredLog::default()
        };
        let options = Options::new(CoreOptions::new(id, id), 0);
        let (queue, end) = channel();
        let peers = members.clone();
        thread::spawn(move || deliver(&end, &peers, delay));
        let wire = Arc::new(Wire { queue, counts: counts.clone() });
        let raft = start(options, recovered, NoLog, Place(0), wire)?;
        members.write().map_err(|_| "a member panicked")?.insert(id, raft);
    }
    Ok((members, counts))
}

/// CPU time of this process, from `/proc`, in units of 10 ms.
fn cpu_time() -> Result<Duration, Box<dyn Error>> {
    const TICK: Duration = Duration::from_millis(10);
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap_or("").split(' ').collect();
    let ticks = |at: usize| fields.get(at).unwrap_or(&"0").parse::<u32>();
    Ok(TICK * (ticks(11)? + ticks(12)?))
}
