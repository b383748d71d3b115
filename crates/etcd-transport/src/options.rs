//! Limits and waits of the transport.

use std::sync::Arc;
use std::time::Duration;

use etcd_tls::Tls;

/// How the transport behaves; [`Options::default`] is what etcd does, with bounds where etcd has none.
///
/// Counts of zero mean one, and waits below 10 ms that would keep a core busy mean 10 ms.
#[derive(Debug, Clone)]
pub struct Options {
    /// For peers with https URLs; without it they cannot be reached.
    pub tls: Option<Arc<Tls>>,
    /// A connection to a peer must stand within this time, name look-up included.
    pub dial_timeout: Duration,
    /// Pause between two attempts to open a stream.
    pub dial_retry: Duration,
    /// A stream that is silent for this long is dead. Streams carry a heartbeat each third of it.
    pub read_timeout: Duration,
    /// A message or probe that travels as a request of its own must be answered within this time.
    pub request_timeout: Duration,
    /// Messages that wait for one stream; the next is dropped and reported.
    pub stream_queue: usize,
    /// The same bound in bytes of payload; a single message may exceed it.
    pub stream_queue_bytes: usize,
    /// Requests in flight to a peer that has no stream.
    pub pipeline_workers: usize,
    /// Messages that wait for those.
    pub pipeline_queue: usize,
    /// Largest message accepted, in bytes.
    pub max_message_bytes: usize,
    /// Messages posted as requests of their own that are read at the same time.
    pub max_posts: usize,
    /// Snapshots sent at the same time, over all peers; others wait.
    pub snapshot_sends: usize,
    /// Snapshots received at the same time; others are refused.
    pub snapshot_receives: usize,
    /// A snapshot of which nothing moves for this long is given up, however long it takes as a whole.
    pub snapshot_stall: Duration,
    /// How long the receiver may take to answer after the last byte.
    pub snapshot_answer: Duration,
    /// Pause between two probes of a peer; below the idle time-out of the peer's port.
    pub probe_interval: Duration,
    /// Members that are not peers yet, learnt from their requests, that may be answered.
    pub max_remotes: usize,
}

impl Options {
    /// Raises what would be no time or no room at all to the least that works.
    pub(crate) fn sane(self) -> Self {
        let least = Duration::from_millis(10);
        Self {
            dial_retry: self.dial_retry.max(least),
            read_timeout: self.read_timeout.max(least),
            probe_interval: self.probe_interval.max(least),
            stream_queue: self.stream_queue.max(1),
            pipeline_workers: self.pipeline_workers.max(1),
            pipeline_queue: self.pipeline_queue.max(1),
            max_posts: self.max_posts.max(1),
            snapshot_sends: self.snapshot_sends.max(1),
            snapshot_receives: self.snapshot_receives.max(1),
            ..self
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tls: None,
            dial_timeout: Duration::from_secs(2),
            dial_retry: Duration::from_millis(100),
            read_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            stream_queue: 4096,
            stream_queue_bytes: 64 << 20,
            pipeline_workers: 4,
            pipeline_queue: 64,
            max_message_bytes: 64 << 20,
            max_posts: 32,
            snapshot_sends: 2,
            snapshot_receives: 2,
            snapshot_stall: Duration::from_secs(30),
            snapshot_answer: Duration::from_secs(120),
            probe_interval: Duration::from_secs(4),
            max_remotes: 32,
        }
    }
}
