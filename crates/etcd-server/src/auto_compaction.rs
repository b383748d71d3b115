//! Which revision to compact next; time is passed in.

use std::collections::VecDeque;
use std::time::Duration;

use etcd_config::AutoCompaction;

const HOUR: Duration = Duration::from_secs(3600);

/// How often the revision is noted in each interval.
const LOOKS: u32 = 10;

/// Between two compactions that keep a number of revisions.
const REVISION_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// Decides when to compact to what.
///
/// # Source
/// etcd `server/etcdserver/api/v3compactor/periodic.go` and `revision.go`.
#[derive(Debug)]
pub(crate) enum Plan {
    Periodic(Periodic),
    Revisions(Revisions),
}

impl Plan {
    /// None when nothing is compacted. `now` is any clock that only goes forward.
    pub(crate) fn new(mode: AutoCompaction, now: Duration) -> Option<Self> {
        match mode {
            AutoCompaction::Off => None,
            AutoCompaction::Periodic(period) => Some(Self::Periodic(Periodic::new(period, now))),
            AutoCompaction::Revisions(keep) => Some(Self::Revisions(Revisions { keep, last: 0 })),
        }
    }

    /// How long to wait between two looks.
    pub(crate) fn interval(&self) -> Duration {
        match self {
            Self::Periodic(plan) => plan.look_interval(),
            Self::Revisions(_) => REVISION_INTERVAL,
        }
    }

    /// Notes the present revision. Returns what to compact to, if it is time and this member leads.
    pub(crate) fn look(&mut self, now: Duration, revision: i64, leads: bool) -> Option<i64> {
        match self {
            Self::Periodic(plan) => plan.look(now, revision, leads),
            Self::Revisions(plan) => plan.look(revision, leads),
        }
    }

    /// Notes that the history up to `revision` is compacted.
    pub(crate) fn done(&mut self, now: Duration, revision: i64) {
        match self {
            Self::Periodic(plan) => plan.done(now, revision),
            Self::Revisions(plan) => plan.last = revision,
        }
    }
}

/// Keeps the history of a period; compacts once in each, but every hour at least.
#[derive(Debug)]
pub(crate) struct Periodic {
    period: Duration,
    /// The revisions at the last looks, oldest first, of one period.
    seen: VecDeque<i64>,
    last_success: Duration,
    /// How long to wait after it.
    wait: Duration,
    last: i64,
}

impl Periodic {
    fn new(period: Duration, now: Duration) -> Self {
        Self { period, seen: VecDeque::new(), last_success: now, wait: period, last: 0 }
    }

    fn look_interval(&self) -> Duration {
        (self.period.min(HOUR) / LOOKS).max(Duration::from_millis(1))
    }

    fn look(&mut self, now: Duration, revision: i64, leads: bool) -> Option<i64> {
        // As many as make up one period.
        let looks = self.period.as_nanos() / self.look_interval().as_nanos();
        self.seen.push_back(revision);
        while self.seen.len() as u128 > looks + 1 {
            self.seen.pop_front();
        }
        let oldest = *self.seen.front()?;
        let is_time = now.saturating_sub(self.last_success) >= self.wait;
        (leads && is_time && oldest != self.last).then_some(oldest)
    }

    fn done(&mut self, now: Duration, revision: i64) {
        self.last_success = now;
        self.last = revision;
        self.wait = self.period.min(HOUR);
    }
}

/// Keeps a number of revisions.
#[derive(Debug)]
pub(crate) struct Revisions {
    keep: i64,
    last: i64,
}

impl Revisions {
    fn look(&self, revision: i64, leads: bool) -> Option<i64> {
        let to = revision.saturating_sub(self.keep);
        (leads && to > 0 && to != self.last).then_some(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Looks until `until`, with `per_minute` new revisions a minute, and notes what is compacted when, in minutes.
    fn play(mode: AutoCompaction, until: Duration, per_minute: i64, leads: bool) -> Vec<(u64, i64)> {
        let mut plan = Plan::new(mode, Duration::ZERO).expect("it compacts");
        let mut now = Duration::ZERO;
        let mut done = Vec::new();
        while now < until {
            let revision = 1 + i64::try_from(now.as_secs()).expect("small") * per_minute / 60;
            if let Some(to) = plan.look(now, revision, leads) {
                done.push((now.as_secs() / 60, to));
                plan.done(now, to);
            }
            now += plan.interval();
        }
        done
    }

    #[test]
    fn a_period_of_history_is_kept() {
        let periodic = |minutes: u32| AutoCompaction::Periodic(MINUTE * minutes);
        // After the first ten minutes, each time to where it was ten minutes before.
        assert_eq!(play(periodic(10), MINUTE * 41, 60, true), [(10, 1), (20, 601), (30, 1201), (40, 1801)]);
        // A long period is compacted hourly, once it has passed.
        assert_eq!(play(periodic(180), MINUTE * 301, 1, true), [(180, 1), (240, 61), (300, 121)]);
        assert_eq!(play(periodic(10), MINUTE * 41, 60, false), [], "a follower compacts nothing");
        assert_eq!(play(periodic(10), MINUTE * 41, 0, true), [(10, 1)], "nothing new, nothing to do");
    }

    #[test]
    fn a_number_of_revisions_is_kept() {
        let revisions = AutoCompaction::Revisions(100);
        assert_eq!(play(revisions, MINUTE * 21, 30, true), [(5, 51), (10, 201), (15, 351), (20, 501)]);
        assert_eq!(play(revisions, MINUTE * 21, 0, true), []);
        assert_eq!(play(revisions, MINUTE * 21, 30, false), []);
        assert!(Plan::new(AutoCompaction::Off, Duration::ZERO).is_none());
    }

    #[test]
    fn a_compaction_that_failed_is_tried_again() {
        let mut plan = Plan::new(AutoCompaction::Periodic(MINUTE), Duration::ZERO).expect("it compacts");
        let wanted: Vec<_> =
            (0..13).filter_map(|n| plan.look(plan.interval() * n, 7 + i64::from(n), true)).collect();
        assert_eq!(wanted, [7, 8, 9]);
    }
}
