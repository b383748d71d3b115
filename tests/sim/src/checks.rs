//! What must hold, always.
//!
//! - Entries that members apply agree: the same index holds the same entry, after the same history.
//! - A term has one leader.
//! - Nothing that was acknowledged is lost: what one member has applied, no member ever replaces.
//! - A read that begins after something was seen, sees it.

use std::collections::BTreeMap;

/// What all members together have shown so far.
#[derive(Debug, Default)]
pub struct Ledger {
    /// By index: the digest of the history up to it.
    histories: BTreeMap<u64, u64>,
    leaders: BTreeMap<u64, u64>,
    /// The highest index that anybody outside has seen, by an acknowledged write or a finished read.
    seen: u64,
}

impl Ledger {
    /// A member has applied the entry at `index`, and its history has this digest.
    ///
    /// # Panics
    /// When another member applied something else there, or came there another way.
    pub fn applied(&mut self, member: u64, index: u64, digest: u64) {
        let known = *self.histories.entry(index).or_insert(digest);
        assert_eq!(known, digest, "member {member} has another history at index {index}");
    }

    /// A member leads in `term`.
    ///
    /// # Panics
    /// When another one leads in that term as well.
    pub fn leads(&mut self, member: u64, term: u64) {
        let known = *self.leaders.entry(term).or_insert(member);
        assert_eq!(known, member, "two leaders in term {term}");
    }

    /// A client was told of something that holds at `index`.
    pub fn saw(&mut self, index: u64) {
        self.seen = self.seen.max(index);
    }

    /// What a read that begins now has to see.
    pub fn floor(&self) -> u64 {
        self.seen
    }

    /// A read that had to see `floor` was served from the state at `index`.
    ///
    /// # Panics
    /// When it was stale.
    pub fn read(&mut self, member: u64, floor: u64, index: u64) {
        assert!(index >= floor, "member {member} served a read at {index} that had to see {floor}");
        self.saw(index);
    }

    /// How many terms had a leader.
    pub fn terms(&self) -> u64 {
        self.leaders.len() as u64
    }

    /// The highest index that was ever applied.
    pub fn highest(&self) -> u64 {
        self.histories.last_key_value().map_or(0, |(index, _)| *index)
    }
}
