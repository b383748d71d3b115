//! Whether the members hold the same data, judged by their hashes.

use std::collections::BTreeMap;

use etcd_membership::MemberId;
use etcd_mvcc::HashKv;
use etcd_transport::HashKvAnswer;

/// The hash of one member, and the revision that it was at when it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Own {
    pub(crate) hash: HashKv,
    pub(crate) revision: i64,
}

/// What one peer answered; none if it did not.
pub(crate) type Answer = (MemberId, Option<HashKvAnswer>);

/// The peers whose hash differs from ours of the same revision and the same compaction.
///
/// # Source
/// etcd `server/etcdserver/corrupt.go` InitialCheck.
pub(crate) fn differing(own: HashKv, peers: &[Answer]) -> Vec<MemberId> {
    let differs =
        |answer: &HashKvAnswer| answer.compact_revision == own.compact_revision && answer.hash != own.hash;
    let found = peers.iter().filter(|(_, answer)| answer.as_ref().is_some_and(differs));
    found.map(|(id, _)| *id).collect()
}

/// Whose data is corrupt, as the leader sees it: `before` and `after` the peers were asked, with a linearizable read
/// between that and `after`.
///
/// # Source
/// etcd `server/etcdserver/corrupt.go` PeriodicCheck.
pub(crate) fn periodic(local: MemberId, before: Own, after: Own, peers: &[Answer]) -> Option<MemberId> {
    let same_state = after.revision == before.revision
        && after.hash.compact_revision == before.hash.compact_revision
        && after.hash.hash_revision == before.hash.hash_revision;
    if same_state && after.hash.hash != before.hash.hash {
        return Some(local);
    }
    let answered = peers.iter().filter_map(|(id, answer)| answer.map(|answer| (*id, answer)));
    for (id, answer) in answered {
        // What is linearizable at the leader is the newest that there is.
        let is_ahead =
            answer.header.revision > after.revision || answer.compact_revision > after.hash.compact_revision;
        let differs = answer.compact_revision == before.hash.compact_revision
            && answer.hash_revision_or(before.hash.hash_revision) == before.hash.hash_revision
            && answer.hash != before.hash.hash;
        if is_ahead || differs {
            return Some(id);
        }
    }
    None
}

/// What the hashes of one compaction say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Everybody has the same.
    Same,
    /// Those who answered have the same.
    Open,
    /// These differ from the majority; none of them is known if no majority agrees.
    Corrupt(Vec<MemberId>),
}

/// # Source
/// etcd `server/etcdserver/corrupt.go` CompactHashCheck and checkPeerHashes.
pub(crate) fn compacted(local: MemberId, own: HashKv, peers: &[Answer]) -> Verdict {
    let mut groups: BTreeMap<u32, Vec<MemberId>> = BTreeMap::from([(own.hash, vec![local])]);
    let mut checked = 0;
    for (id, answer) in peers {
        if let Some(answer) = answer.filter(|answer| answer.compact_revision == own.compact_revision) {
            checked += 1;
            groups.entry(answer.hash).or_default().push(*id);
        }
    }
    if groups.len() == 1 {
        return if checked == peers.len() { Verdict::Same } else { Verdict::Open };
    }
    let quorum = peers.len().div_ceil(2) + 1;
    let majority = groups.values().position(|members| members.len() >= quorum);
    let Some(majority) = majority else { return Verdict::Corrupt(Vec::new()) };
    let others = groups.into_values().enumerate().filter(|(group, _)| *group != majority);
    Verdict::Corrupt(others.flat_map(|(_, members)| members).collect())
}

/// Older members do not say what revision their hash is of: the one that was asked for.
trait OrAsked {
    fn hash_revision_or(&self, asked: i64) -> i64;
}

impl OrAsked for HashKvAnswer {
    fn hash_revision_or(&self, asked: i64) -> i64 {
        if self.hash_revision == 0 { asked } else { self.hash_revision }
    }
}

#[cfg(test)]
mod tests {
    use etcd_transport::HashKvHeader;

    use super::*;

    const LOCAL: MemberId = MemberId::new(1);

    fn hash(hash: u32, compact_revision: i64, hash_revision: i64) -> HashKv {
        HashKv { hash, compact_revision, hash_revision }
    }

    fn own(value: u32, compact_revision: i64, revision: i64) -> Own {
        Own { hash: hash(value, compact_revision, revision), revision }
    }

    fn peer(id: u64, hash: u32, compact_revision: i64, revision: i64) -> Answer {
        let header = HashKvHeader { revision, ..HashKvHeader::default() };
        let answer = HashKvAnswer { header, hash, compact_revision, hash_revision: 0 };
        (MemberId::new(id), Some(answer))
    }

    #[test]
    fn the_first_check_compares_what_is_comparable() {
        let peers = [peer(2, 7, 5, 9), peer(3, 8, 5, 9), peer(4, 8, 6, 9), (MemberId::new(5), None)];
        assert_eq!(differing(hash(7, 5, 9), &peers), [MemberId::new(3)]);
    }

    #[test]
    fn the_periodic_check_names_one_member() {
        let id = |id: u64| Some(MemberId::new(id));
        for (what, before, after, peers, want) in [
            ("all the same", own(7, 5, 9), own(7, 5, 9), vec![peer(2, 7, 5, 9)], None),
            ("nobody answers", own(7, 5, 9), own(7, 5, 9), vec![(MemberId::new(2), None)], None),
            ("the leader itself", own(7, 5, 9), own(8, 5, 9), vec![], id(1)),
            ("the leader went on", own(7, 5, 9), own(8, 5, 10), vec![peer(2, 7, 5, 10)], None),
            ("a peer differs", own(7, 5, 9), own(7, 5, 9), vec![peer(2, 7, 5, 9), peer(3, 8, 5, 9)], id(3)),
            ("another compaction", own(7, 5, 9), own(9, 6, 9), vec![peer(2, 8, 6, 9)], None),
            ("a peer is ahead", own(7, 5, 9), own(7, 5, 9), vec![peer(2, 7, 5, 10)], id(2)),
            ("a peer has compacted more", own(7, 5, 9), own(7, 5, 9), vec![peer(2, 8, 6, 9)], id(2)),
        ] {
            assert_eq!(periodic(LOCAL, before, after, &peers), want, "{what}");
        }
    }

    #[test]
    fn the_majority_of_a_compaction_is_right() {
        let ids = |ids: &[u64]| Verdict::Corrupt(ids.iter().map(|id| MemberId::new(*id)).collect());
        let own = hash(7, 5, 9);
        for (peers, want) in [
            (vec![], Verdict::Same),
            (vec![peer(2, 7, 5, 9), peer(3, 7, 5, 9)], Verdict::Same),
            (vec![peer(2, 7, 5, 9), peer(3, 7, 4, 9)], Verdict::Open),
            (vec![peer(2, 7, 5, 9), (MemberId::new(3), None)], Verdict::Open),
            (vec![peer(2, 7, 5, 9), peer(3, 8, 5, 9)], ids(&[3])),
            (vec![peer(2, 8, 5, 9), peer(3, 8, 5, 9)], ids(&[1])),
            (vec![peer(2, 8, 5, 9), peer(3, 9, 5, 9)], ids(&[])),
            (vec![peer(2, 8, 5, 9)], ids(&[])),
        ] {
            assert_eq!(compacted(LOCAL, own, &peers), want, "{peers:?}");
        }
    }
}
