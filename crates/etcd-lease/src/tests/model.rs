//! Random histories of a lessor against a plain map, one look at everything after each step.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Grant { lease: i64, ttl: i64 },
    Revoke { lease: i64 },
    Attach { key: u8, lease: i64 },
    Detach { key: u8 },
    Checkpoint { lease: i64, remaining: i64 },
    Promote { extend: u64 },
    Demote,
    Renew { lease: i64 },
    Wait { millis: u64 },
    Due { limit: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let lease = || 0_i64..6;
    let key = || 0_u8..8;
    prop_oneof![
        4 => (lease(), 0_i64..20).prop_map(|(lease, ttl)| Step::Grant { lease, ttl }),
        1 => lease().prop_map(|lease| Step::Revoke { lease }),
        4 => (key(), lease()).prop_map(|(key, lease)| Step::Attach { key, lease }),
        2 => key().prop_map(|key| Step::Detach { key }),
        1 => (lease(), 0_i64..10).prop_map(|(lease, remaining)| Step::Checkpoint { lease, remaining }),
        2 => (0_u64..3).prop_map(|extend| Step::Promote { extend }),
        1 => Just(Step::Demote),
        4 => lease().prop_map(|lease| Step::Renew { lease }),
        4 => (0_u64..6000).prop_map(|millis| Step::Wait { millis }),
        4 => (0_usize..4).prop_map(|limit| Step::Due { limit }),
    ]
}

const MIN_TTL: i64 = 3;
const RETRY: Duration = Duration::from_secs(2);

#[derive(Debug, Clone)]
struct Lease {
    ttl: i64,
    remaining: i64,
    keys: BTreeSet<Vec<u8>>,
    deadline: Option<Duration>,
    /// Given out, and not again before.
    revoking: Option<Duration>,
}

#[derive(Debug, Default)]
struct Model {
    leases: BTreeMap<i64, Lease>,
    primary: bool,
    now: Duration,
}

impl Lease {
    fn left(&self) -> Duration {
        let seconds = if self.remaining > 0 { self.remaining } else { self.ttl.max(MIN_TTL) };
        at(u64::try_from(seconds).unwrap())
    }
}

impl Model {
    fn detach(&mut self, key: u8) {
        for lease in self.leases.values_mut() {
            lease.keys.remove(&vec![key]);
        }
    }

    /// Which leases may be given out, and which must.
    fn due(&self) -> BTreeSet<LeaseId> {
        let is_due = |lease: &&Lease| {
            lease.deadline.is_some_and(|deadline| deadline <= self.now)
                && lease.revoking.is_none_or(|until| until <= self.now)
        };
        self.leases.iter().filter(|(_, lease)| is_due(lease)).map(|(number, _)| id(*number)).collect()
    }
}

fn run(steps: Vec<Step>) {
    let mut lessor = Lessor::new(Options { min_ttl: MIN_TTL, retry: RETRY, ..Options::default() });
    let mut model = Model::default();
    for step in steps {
        // The leader is woken by a grant before anything else happens.
        lessor.next_wake(model.now);
        play(&step, &mut lessor, &mut model);
        compare(&step, &lessor, &model);
    }
}

fn play(step: &Step, lessor: &mut Lessor, model: &mut Model) {
    let now = model.now;
    match *step {
        Step::Grant { lease, ttl } => {
            let granted = lessor.grant(id(lease), ttl).is_ok();
            assert_eq!(granted, lease != 0 && !model.leases.contains_key(&lease));
            if granted {
                lessor.next_wake(now);
                let mut new =
                    Lease { ttl, remaining: 0, keys: BTreeSet::new(), deadline: None, revoking: None };
                new.deadline = model.primary.then(|| now + new.left());
                model.leases.insert(lease, new);
            }
        }
        Step::Revoke { lease } => {
            let keys = lessor.revoke(id(lease)).ok();
            let expected =
                model.leases.remove(&lease).map(|lease| lease.keys.into_iter().collect::<Vec<_>>());
            assert_eq!(keys.map(|keys| keys.iter().map(|key| key.to_vec()).collect::<Vec<_>>()), expected);
        }
        Step::Attach { key, lease } => {
            let attached = lessor.attach(&[key], id(lease));
            model.detach(key);
            let holder = model.leases.get_mut(&lease);
            assert_eq!(attached, holder.is_some());
            if let Some(holder) = holder {
                holder.keys.insert(vec![key]);
            }
        }
        Step::Detach { key } => {
            lessor.detach(&[key]);
            model.detach(key);
        }
        Step::Checkpoint { lease, remaining } => {
            let known = model.leases.get_mut(&lease);
            assert_eq!(lessor.checkpoint(id(lease), remaining), known.as_ref().map(|lease| lease.ttl));
            if let Some(known) = known {
                known.remaining = remaining;
            }
        }
        Step::Promote { extend } => {
            lessor.promote(now, at(extend));
            model.primary = true;
            for lease in model.leases.values_mut() {
                lease.deadline = Some(now + at(extend) + lease.left());
                lease.revoking = None;
            }
        }
        Step::Demote => {
            lessor.demote();
            model.primary = false;
            for lease in model.leases.values_mut() {
                (lease.deadline, lease.revoking) = (None, None);
            }
        }
        Step::Renew { lease } => {
            let expected = match model.leases.get_mut(&lease) {
                _ if !model.primary => Err(RenewError::NotPrimary),
                None => Err(RenewError::NotFound),
                Some(lease) if lease.deadline.is_some_and(|deadline| deadline <= now) => {
                    Err(RenewError::Expired)
                }
                Some(lease) => {
                    let ttl = lease.ttl.max(MIN_TTL);
                    lease.deadline = Some(now + at(u64::try_from(ttl).unwrap()));
                    Ok(Renewed { ttl, has_checkpoint: lease.remaining > 0 })
                }
            };
            assert_eq!(lessor.renew(id(lease), now), expected);
        }
        Step::Wait { millis } => model.now += Duration::from_millis(millis),
        Step::Due { limit } => {
            let due = lessor.due(now, limit);
            let expected = model.due();
            assert_eq!(due.len(), expected.len().min(limit));
            for id in due {
                assert!(expected.contains(&id), "{id}");
                let lease = model.leases.get_mut(&id.get()).unwrap();
                lease.revoking = Some(now + RETRY);
            }
        }
    }
}

fn compare(step: &Step, lessor: &Lessor, model: &Model) {
    assert_eq!(lessor.len(), model.leases.len(), "after {step:?}");
    assert_eq!(lessor.attached(), model.leases.values().map(|lease| lease.keys.len()).sum::<usize>());
    for (number, expected) in &model.leases {
        let keys: Vec<_> = lessor.keys(id(*number)).unwrap().map(|key| key.to_vec()).collect();
        assert_eq!(keys, expected.keys.iter().cloned().collect::<Vec<_>>(), "after {step:?}");
        for key in &keys {
            assert_eq!(lessor.lease_of(key), Some(id(*number)));
        }
        let remaining =
            expected.deadline.map(|deadline| deadline.saturating_sub(model.now).as_secs().cast_signed());
        let granted = expected.ttl.max(MIN_TTL);
        let found = lessor.time_to_live(id(*number), model.now);
        assert_eq!(found, Some(TimeToLive { granted, remaining }), "lease {number} after {step:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn a_lessor_does_what_a_map_does(steps in prop::collection::vec(step(), 0..60)) {
        run(steps);
    }
}
