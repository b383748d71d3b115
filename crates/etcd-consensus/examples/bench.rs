//! Measures proposals: one member with a log in memory, and three members with real logs, all in one process.
//!
//! `cargo run --profile cluster -p etcd-consensus --example bench [proposals] [in flight] [bytes]`
//!
//! Prints proposals per second, CPU time per proposal (all threads of all members, as the kernel counts it), and
//! how many proposals shared a write to the log.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use bytes::Bytes;
use etcd_consensus::{
    Appended, ApplyContext, CoreOptions, Log, Options, Outbox, Raft, RecoveredLog, Round, StateMachine, Stop,
    bootstrap, start,
};
use etcd_proto::prost::Message as _;
use etcd_proto::raftpb;
use etcd_wal::{AppendError, FsDisk, Metadata, ReleaseError, Wal};

/// Counts what it applies.
struct Counting {
    applied: Arc<AtomicU64>,
    index: u64,
    /// Who waits for the count.
    client: Thread,
}

impl StateMachine for Counting {
    type Snapshot = ();

    fn apply(&mut self, entries: &[raftpb::Entry], context: &ApplyContext) -> Result<(), Stop> {
        for entry in entries {
            if entry.r#type() == raftpb::EntryType::EntryConfChange {
                let change = raftpb::ConfChange::decode(entry.data.clone())
                    .map_err(|error| Stop::new(error.to_string()))?;
                context.apply_conf_change(change).map_err(|error| Stop::new(error.to_string()))?;
            }
            self.index = entry.index;
        }
        let normal = entries.iter().filter(|entry| entry.r#type == 0 && !entry.data.is_empty()).count();
        self.applied.fetch_add(normal as u64, Ordering::Release);
        self.client.unpark();
        Ok(())
    }

    fn durable_index(&self) -> u64 {
        self.index
    }

    fn snapshot_for(&mut self, _: u64) -> Result<(raftpb::SnapshotMetadata, ()), Stop> {
        Err(Stop::new("no member falls behind here"))
    }

    fn install(&mut self, _: &raftpb::SnapshotMetadata) -> Result<(), Stop> {
        Err(Stop::new("no member falls behind here"))
    }
}

/// Hands messages over in memory.
#[derive(Default)]
struct Wire(RwLock<BTreeMap<u64, Raft>>);

impl Outbox<()> for Wire {
    fn send(&self, messages: Vec<raftpb::Message>) {
        let Ok(members) = self.0.read() else { return };
        for message in messages {
            if let Some(member) = members.get(&message.to) {
                // Raft repeats what is lost to a full queue.
                let _ = member.step(message);
            }
        }
    }

    fn send_snapshot(&self, _: raftpb::Message, (): ()) {}
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

fn main() -> Result<(), Box<dyn Error>> {
    let numbers: Vec<u64> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let [count, in_flight, bytes] =
        [(0, 100_000), (1, 1000), (2, 256)].map(|(at, default)| *numbers.get(at).unwrap_or(&default));
    let payload = Bytes::from(vec![b'x'; usize::try_from(bytes)?]);
    measure("1 member, log in memory", 1, None, count, in_flight, &payload)?;
    let dir = tempfile::tempdir_in(std::env::current_dir()?)?;
    measure("1 member, log on disk", 1, Some(&dir.path().join("1")), count, in_flight, &payload)?;
    measure("3 members, logs on disk", 3, Some(&dir.path().join("3")), count, in_flight, &payload)?;
    measure(
        "3 members, logs on disk, one at a time",
        3,
        Some(&dir.path().join("4")),
        count.min(2000),
        1,
        &payload,
    )
}

fn measure(
    what: &str,
    members: u64,
    dir: Option<&Path>,
    count: u64,
    in_flight: u64,
    payload: &Bytes,
) -> Result<(), Box<dyn Error>> {
    let wire = Arc::new(Wire::default());
    let applied = Arc::new(AtomicU64::new(0));
    for id in 1..=members {
        let applied = if id == 1 { applied.clone() } else { Arc::default() };
        let raft = member(id, members, dir, applied, &wire)?;
        wire.0.write().map_err(|_| "a member panicked")?.insert(id, raft);
    }
    let first = wire.0.read().map_err(|_| "a member panicked")?[&1].clone();
    first.advance_ticks();
    while first.status().leader != 1 {
        thread::yield_now();
        if first.status().leader > 1 {
            let leader = wire.0.read().map_err(|_| "a member panicked")?[&first.status().leader].clone();
            tokio::runtime::Builder::new_current_thread().build()?.block_on(leader.transfer_leader(1)).ok();
            thread::sleep(Duration::from_millis(100));
        }
    }
    let (begun, cpu) = (Instant::now(), cpu_time()?);
    let mut proposed = 0;
    while applied.load(Ordering::Acquire) < count {
        while proposed < count
            && proposed - applied.load(Ordering::Acquire) < in_flight
            && first.propose(payload.clone()).is_ok()
        {
            proposed += 1;
        }
        thread::park_timeout(Duration::from_millis(1));
    }
    let (took, used) = (begun.elapsed(), cpu_time()?.saturating_sub(cpu));
    let metrics = first.metrics();
    writeln!(
        std::io::stdout(),
        "{what}: {:.0} proposals/s, {:.1} µs CPU and {:.1} µs each, {:.1} per write, {:.1} per round",
        count as f64 / took.as_secs_f64(),
        used.as_micros() as f64 / count as f64,
        took.as_micros() as f64 / count as f64,
        count as f64 / metrics.writes.get().max(1) as f64,
        count as f64 / metrics.rounds.get().max(1) as f64,
    )?;
    let members = std::mem::take(&mut *wire.0.write().map_err(|_| "a member panicked")?);
    members.values().for_each(Raft::stop);
    Ok(())
}

fn member(
    id: u64,
    members: u64,
    dir: Option<&Path>,
    applied: Arc<AtomicU64>,
    wire: &Arc<Wire>,
) -> Result<Raft, Box<dyn Error>> {
    let begin = bootstrap((1..=members).map(|id| (id, Bytes::from_static(b"{}"))));
    let recovered = RecoveredLog {
        entries: begin.entries.clone(),
        hard_state: begin.hard_state,
        conf_state: begin.conf_state,
        ..RecoveredLog::default()
    };
    let options = Options::new(CoreOptions::new(id, id), 0);
    let machine = Counting { applied, index: 0, client: thread::current() };
    let Some(dir) = dir else { return Ok(start(options, recovered, NoLog, machine, wire.clone())?) };
    let dir = dir.join(id.to_string());
    let metadata = Metadata { node_id: id, cluster_id: 1 };
    std::fs::create_dir_all(dir.parent().unwrap_or(&dir))?;
    let mut wal = Wal::create(Arc::new(FsDisk), &dir, metadata, etcd_wal::Options::default())?;
    wal.append(&begin.entries, Some(&begin.hard_state), true)?;
    Ok(start(options, recovered, wal, machine, wire.clone())?)
}

/// CPU time of this process, from `/proc`, in units of 10 ms.
fn cpu_time() -> Result<Duration, Box<dyn Error>> {
    const TICK: Duration = Duration::from_millis(10);
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap_or("").split(' ').collect();
    let ticks = |at: usize| fields.get(at).unwrap_or(&"0").parse::<u32>();
    Ok(TICK * (ticks(11)? + ticks(12)?))
}
