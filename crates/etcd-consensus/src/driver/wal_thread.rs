//! The `wal` thread: makes rounds durable.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use etcd_proto::raftpb;
use etcd_wal::AppendError;
use tracing::warn;

use super::apply_thread;
use super::log::{Log, Round};
use super::machine::Stop;
use super::outbox::Outbox;
use super::shared::Shared;
use crate::Persist;

/// Work for the log.
#[derive(Debug)]
pub(crate) enum Job {
    /// A round; without a snapshot, which comes as a mark of its own before it.
    Round(Persist),
    /// A mark, and the hard state that covers it; for a received snapshot, that comes with the round.
    Mark { hard_state: Option<raftpb::HardState>, mark: raftpb::SnapshotMetadata },
    /// Passed on to the state machine when all before it is durable: a log that ends in a torn write may not be
    /// behind the storage.
    Install(raftpb::SnapshotMetadata),
    /// The last thing before the end.
    Finish { hard_state: raftpb::HardState },
}

/// Owns the log.
pub(crate) struct WalThread<L, S> {
    pub(crate) log: L,
    pub(crate) jobs: Receiver<Job>,
    pub(crate) apply: Sender<apply_thread::Job>,
    pub(crate) outbox: Arc<dyn Outbox<S>>,
    pub(crate) shared: Arc<Shared>,
}

impl<L: Log, S: 'static> WalThread<L, S> {
    /// Runs until the `raft` thread is gone. Whatever arrived during a write goes into the next one.
    pub(crate) fn run(mut self) -> Result<(), Stop> {
        while let Ok(first) = self.jobs.recv() {
            let mut rounds = Vec::new();
            let mut next = Some(first);
            while let Some(job) = next {
                match job {
                    Job::Round(persist) => rounds.push(persist),
                    Job::Mark { hard_state, mark } => {
                        self.write(std::mem::take(&mut rounds))?;
                        self.mark(hard_state.as_ref(), &mark)?;
                    }
                    Job::Install(snapshot) => {
                        self.write(std::mem::take(&mut rounds))?;
                        // A closed channel means that the state machine stopped, and that somebody has said why.
                        let _ = self.apply.send(apply_thread::Job::Install(snapshot));
                    }
                    Job::Finish { hard_state } => {
                        self.write(std::mem::take(&mut rounds))?;
                        self.append(&[Round { entries: &[], hard_state: Some(&hard_state) }], true)?;
                    }
                }
                next = self.jobs.try_recv().ok();
            }
            self.write(rounds)?;
        }
        Ok(())
    }

    fn write(&mut self, rounds: Vec<Persist>) -> Result<(), Stop> {
        let Some(newest) = rounds.last().map(|persist| persist.round) else { return Ok(()) };
        let must_sync = rounds.iter().any(|persist| persist.must_sync);
        if must_sync {
            let parts: Vec<_> = rounds.iter().map(part).collect();
            self.append(&parts, true)?;
        }
        self.shared.metrics.rounds.add(rounds.len() as u64);
        // First the report, then the messages: no answer may reach the raft thread before it knows.
        self.shared.report_persisted(newest);
        let messages: Vec<_> = rounds.into_iter().flat_map(|persist| persist.messages_after).collect();
        if !messages.is_empty() {
            self.outbox.send(messages);
        }
        Ok(())
    }

    fn mark(
        &mut self,
        hard_state: Option<&raftpb::HardState>,
        mark: &raftpb::SnapshotMetadata,
    ) -> Result<(), Stop> {
        if hard_state.is_some() {
            self.append(&[Round { entries: &[], hard_state }], false)?;
        }
        self.log.save_mark(mark).map_err(|error| stop(&error))?;
        if let Err(error) = self.log.release_to(mark.index) {
            warn!(index = mark.index, %error, "could not release the log");
        }
        Ok(())
    }

    fn append(&mut self, rounds: &[Round<'_>], sync: bool) -> Result<(), Stop> {
        let appended = self.log.append(rounds, sync).map_err(|error| stop(&error))?;
        self.shared.metrics.writes.add(1);
        self.shared.metrics.written_bytes.add(appended.bytes);
        self.shared.metrics.write.observe(appended.write);
        if let Some(took) = appended.sync {
            self.shared.metrics.fsync.observe(took);
        }
        Ok(())
    }
}

fn part(persist: &Persist) -> Round<'_> {
    Round { entries: &persist.entries, hard_state: persist.hard_state.as_ref() }
}

fn stop(error: &AppendError) -> Stop {
    let mut reason = format!("could not write the log: {error}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        reason.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    Stop::new(reason)
}

#[cfg(test)]
mod tests;
