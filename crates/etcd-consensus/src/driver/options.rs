//! Settings of a driver.

use std::time::Duration;

use crate::CoreOptions;

/// How a member runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Settings of the core.
    pub core: CoreOptions,
    /// Length of a tick; etcd's `--heartbeat-interval`.
    pub tick: Duration,
    /// Applied entries between two snapshot marks in the log; etcd's `--snapshot-count`.
    pub snapshot_count: u64,
    /// Entries that are kept in memory before the newest mark, for followers that are a little behind.
    pub catch_up_entries: u64,
    /// Proposals that may wait for the raft thread.
    pub max_queued_proposals: usize,
    /// Messages of other members that may wait for the raft thread.
    pub max_queued_messages: usize,
    /// Readers that may wait for the barrier.
    pub max_readers: usize,
    /// Committed entries that may wait to be applied, before proposals are refused.
    ///
    /// # Source
    /// etcd `server/etcdserver/v3_server.go` `maxGapBetweenApplyAndCommitIndex`.
    pub max_apply_gap: u64,
    /// A proposal that waited this long for a leader is dropped: whoever made it has given up.
    pub proposal_timeout: Duration,
    /// Time until a read barrier asks again.
    ///
    /// # Source
    /// etcd `server/etcdserver/v3_server.go` `readIndexRetryTime`.
    pub read_retry: Duration,
    /// Begin of the contexts of read barriers: beyond those of earlier lives of this member, as a clock is.
    pub first_read_context: u64,
}

impl Options {
    /// etcd's defaults: ticks of 100 ms, a mark every 10 000 entries, 5 000 kept.
    pub fn new(core: CoreOptions, first_read_context: u64) -> Self {
        Self {
            core,
            tick: Duration::from_millis(100),
            snapshot_count: 10_000,
            catch_up_entries: 5_000,
            max_queued_proposals: 8_192,
            max_queued_messages: 8_192,
            max_readers: 65_536,
            max_apply_gap: 5_000,
            proposal_timeout: Duration::from_secs(7),
            read_retry: Duration::from_millis(500),
            first_read_context,
        }
    }

    /// A duration in ticks, at least one.
    pub(crate) fn in_ticks(&self, duration: Duration) -> u32 {
        let ticks = duration.as_nanos().div_ceil(self.tick.as_nanos().max(1));
        u32::try_from(ticks).unwrap_or(u32::MAX).max(1)
    }
}
