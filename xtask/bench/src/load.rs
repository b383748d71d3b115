//! What is sent: the kinds of load and their requests.

use std::time::Duration;

use bytes::Bytes;
use etcd_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use etcd_proto::etcdserverpb::request_op::Request;
use etcd_proto::etcdserverpb::{Compare, LeaseGrantRequest, PutRequest, RangeRequest, RequestOp, TxnRequest};

use crate::keys::{Keys, Random};

/// A load, whoever bears it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) kind: Kind,
    /// Requests in flight.
    pub(crate) clients: u64,
    pub(crate) connections: u64,
    /// Bytes.
    pub(crate) key_size: u64,
    /// Bytes.
    pub(crate) value_size: u64,
    pub(crate) key_space: u64,
    /// Requests in a round; exactly one of this and `duration` is given.
    pub(crate) total: Option<u64>,
    pub(crate) duration: Option<Duration>,
    /// Requests a second.
    pub(crate) rate: Option<u64>,
    /// Requests before the round.
    pub(crate) warm_up: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Put,
    Range {
        serializable: bool,
        /// Neighbouring keys that one request reads.
        keys: u64,
    },
    /// Puts in one transaction.
    Txn {
        operations: u64,
    },
    /// Reads of 100 requests.
    Mixed {
        reads: u64,
        serializable: bool,
    },
    /// Puts of one key; what counts are the events that its watchers get.
    Watch {
        watchers: u64,
    },
    /// Renewals of leases, as many as there are keys in other loads; each client has a stream of its own.
    KeepAlive,
}

/// The id of the first lease; the others follow it.
const FIRST_LEASE: i64 = 0x0be_c000_0000;

/// Longer than any measurement, so that no lease ends in the middle of one.
const LEASE_SECONDS: i64 = 24 * 60 * 60;

/// One request, ready to be sent.
#[derive(Debug)]
pub(crate) enum Call {
    Put(PutRequest),
    Range(RangeRequest),
    Txn(TxnRequest),
    Grant(LeaseGrantRequest),
    /// Of the lease with this id.
    KeepAlive(i64),
}

impl Load {
    /// Whether it needs something that must be there before: keys to read, or leases.
    pub(crate) const fn needs_filling(&self) -> bool {
        matches!(self.kind, Kind::Range { .. } | Kind::Mixed { .. } | Kind::KeepAlive)
    }

    /// What makes the key, or the lease, with this number.
    pub(crate) fn filling(&self, keys: &Keys, number: u64, value: &Bytes) -> Call {
        match self.kind {
            Kind::KeepAlive => Call::Grant(LeaseGrantRequest { id: lease(number), ttl: LEASE_SECONDS }),
            _ => Call::Put(put(keys.key(number), value)),
        }
    }

    /// What kind of load it is, and how large, in a few words.
    pub(crate) fn describe(&self) -> String {
        let kind = match self.kind {
            Kind::Put => "put".to_owned(),
            Kind::Range { serializable, keys: 1 } => format!("range, {}", consistency(serializable)),
            Kind::Range { serializable, keys } => {
                format!("range of {keys} keys, {}", consistency(serializable))
            }
            Kind::Txn { operations } => format!("txn of {operations} puts"),
            Kind::Mixed { reads, serializable } => {
                format!("mixed, {reads} % {} reads", consistency(serializable))
            }
            Kind::Watch { watchers } => {
                format!("watch, events of one key for {watchers} watchers")
            }
            Kind::KeepAlive => format!("keep-alive of {} leases", self.key_space),
        };
        let plural = |count: u64, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
        let clients = if self.kind == Kind::KeepAlive { "stream" } else { "client" };
        let mut text = format!(
            "{kind} · {} · {}",
            plural(self.clients, clients),
            plural(self.connections, "connection")
        );
        if self.kind != Kind::KeepAlive {
            text += &format!(" · {} B values", self.value_size);
        }
        if let Some(rate) = self.rate {
            text += &format!(" · {rate} requests/s");
        }
        text
    }

    /// The next request of a client.
    pub(crate) fn call(&self, keys: &Keys, value: &Bytes, random: &mut Random) -> Call {
        let pick = random.below(self.key_space);
        match self.kind {
            Kind::Put | Kind::Watch { .. } => Call::Put(put(keys.key(pick), value)),
            Kind::Range { serializable, keys: 1 } => Call::Range(range(keys.key(pick), serializable)),
            Kind::Range { serializable, keys: count } => {
                Call::Range(range_of(keys, pick, count.min(self.key_space), serializable))
            }
            Kind::Txn { operations } => Call::Txn(txn(keys, pick, operations.min(self.key_space), value)),
            Kind::Mixed { reads, serializable } => {
                if random.below(100) < reads {
                    Call::Range(range(keys.key(pick), serializable))
                } else {
                    Call::Put(put(keys.key(pick), value))
                }
            }
            Kind::KeepAlive => Call::KeepAlive(lease(pick)),
        }
    }
}

fn lease(number: u64) -> i64 {
    FIRST_LEASE.saturating_add_unsigned(number)
}

fn put(key: Bytes, value: &Bytes) -> PutRequest {
    PutRequest { key, value: value.clone(), ..PutRequest::default() }
}

fn range(key: Bytes, serializable: bool) -> RangeRequest {
    RangeRequest { key, serializable, ..RangeRequest::default() }
}

/// Reads `count` neighbouring keys, all of which are there.
fn range_of(keys: &Keys, pick: u64, count: u64, serializable: bool) -> RangeRequest {
    let first = pick.min(keys.space() - count);
    // The key after the last one: what is greater than it by the least.
    let mut range_end = keys.key(first + count - 1).to_vec();
    range_end.push(0);
    RangeRequest {
        key: keys.key(first),
        range_end: range_end.into(),
        serializable,
        ..RangeRequest::default()
    }
}

/// Puts neighbouring keys (etcd allows each key once) if a condition holds that always does.
fn txn(keys: &Keys, first: u64, operations: u64, value: &Bytes) -> TxnRequest {
    let always = Compare {
        key: keys.key(first),
        target: CompareTarget::Version.into(),
        result: CompareResult::Greater.into(),
        target_union: Some(TargetUnion::Version(-1)),
        ..Compare::default()
    };
    let operation = |step| {
        let key = keys.key((first + step) % keys.space());
        RequestOp { request: Some(Request::RequestPut(put(key, value))) }
    };
    TxnRequest {
        compare: vec![always],
        success: (0..operations).map(operation).collect(),
        failure: Vec::new(),
    }
}

const fn consistency(serializable: bool) -> &'static str {
    if serializable { "serializable" } else { "linearizable" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn load(kind: Kind) -> Load {
        Load {
            kind,
            clients: 1,
            connections: 1,
            key_size: 4,
            value_size: 8,
            key_space: 20,
            total: Some(1),
            duration: None,
            rate: None,
            warm_up: 0,
        }
    }

    #[test]
    fn a_transaction_names_each_key_once() {
        let keys = Keys::new(4, 20).unwrap();
        let load = load(Kind::Txn { operations: 20 });
        let Call::Txn(txn) = load.call(&keys, &Bytes::new(), &mut Random::new(1)) else { panic!("no txn") };
        let names: BTreeSet<_> = txn
            .success
            .iter()
            .map(|operation| match &operation.request {
                Some(Request::RequestPut(put)) => put.key.clone(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(names.len(), 20);
    }

    #[test]
    fn a_range_of_many_keys_finds_all_of_them() {
        let keys = Keys::new(4, 20).unwrap();
        let load = load(Kind::Range { serializable: true, keys: 7 });
        let mut random = Random::new(3);
        for _ in 0..100 {
            let Call::Range(range) = load.call(&keys, &Bytes::new(), &mut random) else { panic!("no range") };
            let inside = (0..20).filter(|n| keys.key(*n) >= range.key && keys.key(*n) < range.range_end);
            assert_eq!(inside.count(), 7, "{range:?}");
        }
    }

    #[test]
    fn a_mixed_load_keeps_its_proportion() {
        let keys = Keys::new(4, 20).unwrap();
        for (reads, expected) in [(0, 0..=0), (100, 1000..=1000), (80, 750..=850)] {
            let load = load(Kind::Mixed { reads, serializable: true });
            let mut random = Random::new(7);
            let mut calls = (0..1000).map(|_| load.call(&keys, &Bytes::new(), &mut random));
            let count =
                calls.by_ref().filter(|call| matches!(call, Call::Range(r) if r.serializable)).count();
            assert!(expected.contains(&count), "{reads}: {count}");
        }
    }

    #[test]
    fn only_leases_that_were_granted_are_renewed() {
        let (keys, load, mut random) = (Keys::new(4, 20).unwrap(), load(Kind::KeepAlive), Random::new(5));
        let granted: BTreeSet<_> = (0..20)
            .map(|number| match load.filling(&keys, number, &Bytes::new()) {
                Call::Grant(grant) => grant.id,
                other => panic!("{other:?}"),
            })
            .collect();
        let renewed: BTreeSet<_> = (0..1000)
            .map(|_| match load.call(&keys, &Bytes::new(), &mut random) {
                Call::KeepAlive(id) => id,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(granted, renewed);
        assert_eq!(granted.len(), 20);
    }

    #[test]
    fn descriptions() {
        let one = load(Kind::Range { serializable: false, keys: 1 });
        assert_eq!(one.describe(), "range, linearizable · 1 client · 1 connection · 8 B values");
        let paced = Load { rate: Some(500), clients: 2, ..load(Kind::Put) };
        assert_eq!(paced.describe(), "put · 2 clients · 1 connection · 8 B values · 500 requests/s");
        let renewals = Load { clients: 2, ..load(Kind::KeepAlive) };
        assert_eq!(renewals.describe(), "keep-alive of 20 leases · 2 streams · 1 connection");
    }
}
