//! Puts the threads together.

use std::any::Any;
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crossbeam_channel::{bounded, unbounded};
use etcd_wal::AppendError;

use super::apply_thread::ApplyThread;
use super::checkpoint::Checkpoints;
use super::handle::{Inner, Raft};
use super::log::{Log, Round};
use super::machine::{ApplyContext, StateMachine, Stop};
use super::options::Options;
use super::outbox::Outbox;
use super::pace::Pace;
use super::raft_thread::{Queues, RaftThread};
use super::shared::Shared;
use super::wal_thread::WalThread;
use crate::barrier::ReadBarrier;
use crate::{Core, LoadError, RecoveredLog};

/// Rare requests that may wait; whoever makes one waits while there are more.
const MAX_CONTROLS: usize = 1024;

/// Why a member did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Log and state machine do not fit together, or the options are out of range.
    #[error("cannot continue from the log")]
    Load {
        /// Why.
        source: LoadError,
    },
    /// The log could not be started again after an installed snapshot.
    #[error("could not write the log")]
    Log {
        /// Why.
        source: AppendError,
    },
    /// A thread could not be started.
    #[error("could not start a thread")]
    Thread {
        /// Why.
        source: io::Error,
    },
}

/// Starts a member on what was recovered, with the log that it was recovered from.
///
/// # Errors
/// Nothing runs.
pub fn start<L: Log, M: StateMachine>(
    options: Options,
    recovered: RecoveredLog,
    mut log: L,
    machine: M,
    outbox: Arc<dyn Outbox<M::Snapshot>>,
) -> Result<Raft, StartError> {
    let core = Core::new(options.core.clone(), recovered).map_err(|source| StartError::Load { source })?;
    restart_log(&core, &mut log).map_err(|source| StartError::Log { source })?;
    let status = core.status();
    let shared = Arc::new(Shared::new(status.leadership, status.applied));
    let (proposals, proposals_end) = bounded(options.max_queued_proposals);
    let (inbound, inbound_end) = bounded(options.max_queued_messages);
    let (reads, reads_end) = sync_channel(options.max_readers);
    let (controls, controls_end) = sync_channel(MAX_CONTROLS);
    // Bounded by the raft thread: rounds by their number, entries by their bytes.
    let (wal, wal_jobs) = unbounded();
    let (apply, apply_jobs) = unbounded();

    let inner = Inner {
        id: options.core.id,
        max_apply_gap: options.max_apply_gap,
        election_ticks: options.core.election_ticks,
        tick: options.tick,
        proposals,
        inbound,
        reads,
        controls: controls.clone(),
        shared: shared.clone(),
        threads: Mutex::default(),
    };
    let apply_thread = ApplyThread {
        machine,
        jobs: apply_jobs,
        context: ApplyContext::new(controls.clone(), shared.clone(), core.conf_state()),
        controls,
        outbox: outbox.clone(),
        shared: shared.clone(),
        checkpoints: Checkpoints::new(options.snapshot_count, status.applied),
    };
    let wal_thread = WalThread {
        log,
        jobs: wal_jobs,
        apply: apply.clone(),
        outbox: outbox.clone(),
        shared: shared.clone(),
    };
    let raft_thread = RaftThread {
        core,
        queues: Queues {
            proposals: proposals_end,
            inbound: inbound_end,
            reads: reads_end,
            controls: controls_end,
        },
        wal,
        apply,
        outbox,
        shared: shared.clone(),
        barrier: ReadBarrier::new(options.first_read_context, options.in_ticks(options.read_retry)),
        unsent: Vec::new(),
        forwarded: VecDeque::new(),
        rounds: VecDeque::new(),
        installing: None,
        next_tick: Instant::now() + options.tick,
        announces_at: None,
        pace: Pace::new(options.tick, Instant::now()),
        options,
    };
    // Should one of them fail to start, dropping the others' ends of the channels stops what runs.
    let threads = [
        spawn("wal", &shared, move || wal_thread.run()),
        spawn("apply", &shared, move || apply_thread.run()),
        spawn("raft", &shared, move || raft_thread.run()),
    ];
    let threads: io::Result<Vec<_>> = threads.into_iter().collect();
    let threads = threads.map_err(|source| StartError::Thread { source })?;
    inner.threads.lock().unwrap_or_else(PoisonError::into_inner).extend(threads);
    Ok(Raft::new(inner))
}

/// A snapshot that was installed, and that the log never heard of, gets its mark now.
fn restart_log(core: &Core, log: &mut impl Log) -> Result<(), AppendError> {
    let Some(mark) = core.restarts_at() else { return Ok(()) };
    log.save_mark(mark)?;
    log.append(&[Round { entries: &[], hard_state: Some(&core.hard_state()) }], true).map(|_| ())
}

/// A thread whose error, or panic, stops the member.
fn spawn<F>(name: &str, shared: &Arc<Shared>, run: F) -> io::Result<JoinHandle<()>>
where
    F: FnOnce() -> Result<(), Stop> + Send + 'static,
{
    let shared = shared.clone();
    let body = move || match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(())) => {}
        Ok(Err(stop)) => shared.fail(&stop.reason),
        Err(panic) => {
            let name = thread::current().name().unwrap_or("nameless").to_owned();
            shared.fail(&format!("the {name} thread panicked: {}", said(panic.as_ref())));
        }
    };
    thread::Builder::new().name(name.to_owned()).spawn(body)
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}
