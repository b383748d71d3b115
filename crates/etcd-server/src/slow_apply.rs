//! How long entries take to apply, and `--warning-apply-duration`: which of them take long.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use etcd_api::metrics::{FROM_100_US, Times};
use prometheus_client::encoding::DescriptorEncoder;
use tracing::warn;

/// Lines that one second may bring; the rest is only counted.
const LINES_PER_SECOND: u64 = 10;

/// What [`etcd_apply::Request::kind`] may be, the most frequent first.
const KINDS: [&str; 29] = [
    "Put",
    "Txn",
    "DeleteRange",
    "LeaseGrant",
    "LeaseRevoke",
    "V2",
    "LeaseCheckpoint",
    "Compaction",
    "Authenticate",
    "Alarm",
    "ClusterMemberAttrSet",
    "ClusterVersionSet",
    "DowngradeInfoSet",
    "AuthEnable",
    "AuthDisable",
    "AuthStatus",
    "AuthUserAdd",
    "AuthUserDelete",
    "AuthUserGet",
    "AuthUserChangePassword",
    "AuthUserGrantRole",
    "AuthUserRevokeRole",
    "AuthUserList",
    "AuthRoleList",
    "AuthRoleAdd",
    "AuthRoleDelete",
    "AuthRoleGet",
    "AuthRoleGrantPermission",
    "AuthRoleRevokePermission",
];

/// Measures entries, counts slow ones, and tells of them.
///
/// # Source
/// etcd `server/etcdserver/txn/util.go`, `WarnOfExpensiveRequest`.
#[derive(Debug)]
pub(crate) struct SlowApply {
    threshold: Duration,
    /// By kind: of those that failed, and of those that succeeded.
    times: [[Times; 2]; KINDS.len()],
    started: Instant,
    count: AtomicU64,
    /// The second that `lines` counts for.
    second: AtomicU64,
    lines: AtomicU64,
}

impl SlowApply {
    /// A threshold of zero takes every entry for slow, as it does in etcd.
    pub(crate) fn new(threshold: Duration) -> Self {
        let [count, second, lines] = [0; 3].map(AtomicU64::new);
        let times = KINDS.map(|_| [false, true].map(|_| Times::new(&FROM_100_US)));
        Self { threshold, times, started: Instant::now(), count, second, lines }
    }

    /// Counts how long a request of this kind took.
    pub(crate) fn measure(&self, kind: &str, has_succeeded: bool, took: Duration) {
        if let Some(at) = KINDS.iter().position(|known| *known == kind) {
            self.times[at][usize::from(has_succeeded)].observe(took);
        }
    }

    /// Writes `etcd_server_apply_duration_seconds`.
    ///
    /// # Source
    /// etcd `server/etcdserver/txn/metrics.go`.
    pub(crate) fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let family = KINDS.into_iter().zip(&self.times).flat_map(|(kind, [failed, succeeded])| {
            let both = [("false", failed), ("true", succeeded)];
            let version = if kind == "V2" { "v2" } else { "v3" };
            let seen = both.into_iter().filter(|(_, times)| times.count() > 0);
            seen.map(move |(success, times)| {
                ([("version", version), ("op", kind), ("success", success)], times)
            })
        });
        let help = "The latency distributions of entries applied, by version, operation and success";
        Times::encode_family(encoder, "etcd_server_apply_duration_seconds", help, family)
    }

    /// Notes how long the entry at `index` took, of which the request has `size` bytes.
    pub(crate) fn note(&self, index: u64, size: usize, took: Duration) {
        if took <= self.threshold {
            return;
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        let now = self.started.elapsed().as_secs();
        if self.second.swap(now, Ordering::Relaxed) != now {
            self.lines.store(0, Ordering::Relaxed);
        }
        if self.lines.fetch_add(1, Ordering::Relaxed) < LINES_PER_SECOND {
            let (took_ms, expected_ms) = (took.as_millis(), self.threshold.as_millis());
            warn!(index, size, took_ms, expected_ms, "apply request took too long");
        }
    }

    /// How many entries were slow.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_measured_by_success() {
        let slow = SlowApply::new(Duration::from_millis(100));
        slow.measure("Put", true, Duration::from_millis(1));
        slow.measure("unknown", true, Duration::from_millis(1));
        assert_eq!((slow.times[0][1].count(), slow.times[0][0].count()), (1, 0));
    }

    #[test]
    fn only_what_takes_longer_is_counted() {
        let slow = SlowApply::new(Duration::from_millis(100));
        for ms in [0, 99, 100, 101, 5000] {
            slow.note(1, 10, Duration::from_millis(ms));
        }
        assert_eq!(slow.count(), 2);
    }
}
