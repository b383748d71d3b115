//! When followers hear what is committed.
//!
//! Raft 0.7.0 would tell every follower at once, with a message of its own that wakes each of them. The next append or
//! heartbeat says the same, so a leader waits a moment for one; whoever drives the core decides how long. A follower
//! whose own clients wait for an entry is told at once.

use etcd_proto::raftpb::{self, MessageType};

use super::Core;

/// What a leader has told its followers in one term.
#[derive(Debug, Default)]
pub(super) struct Announced {
    term: u64,
    followers: Vec<Follower>,
}

#[derive(Debug)]
struct Follower {
    id: u64,
    /// The highest commit index that was sent to it.
    told: u64,
    /// The index at which it is to be told without delay; zero for none.
    urgent: u64,
}

impl Announced {
    fn enter(&mut self, term: u64) {
        if self.term != term {
            *self = Self { term, followers: Vec::new() };
        }
    }

    fn told(&self, id: u64) -> u64 {
        self.followers.iter().find(|follower| follower.id == id).map_or(0, |follower| follower.told)
    }

    fn of(&mut self, id: u64) -> &mut Follower {
        let place = self.followers.iter().position(|follower| follower.id == id);
        let place = place.unwrap_or_else(|| {
            self.followers.push(Follower { id, told: 0, urgent: 0 });
            self.followers.len() - 1
        });
        &mut self.followers[place]
    }
}

impl Core {
    /// Whether some follower has not been told yet what this leader knows to be committed. A driver then calls
    /// [`Core::announce_commit`], after a moment in which an append or a heartbeat may do it.
    pub fn has_unannounced_commit(&self) -> bool {
        self.is_leader() && self.followers().any(|id| self.announced.told(id) < self.commit())
    }

    /// Tells every follower what is committed, unless it has been told. Nothing to do for a member that does not lead.
    pub fn announce_commit(&mut self) {
        if self.is_leader() {
            self.tell(|_| true);
        }
    }

    /// Has `id` told without delay when everything that is proposed so far is committed.
    pub fn announce_early_to(&mut self, id: u64) {
        let (term, last) = (self.term(), self.last_index());
        if self.is_leader() && self.followers().any(|follower| follower == id) {
            self.announced.enter(term);
            self.announced.of(id).urgent = last;
        }
    }

    /// Tells those that wait for it.
    pub(super) fn announce_early(&mut self) {
        let (term, commit) = (self.term(), self.commit());
        self.announced.enter(term);
        let due = |follower: &Follower| follower.urgent != 0 && follower.urgent <= commit;
        if self.is_leader() && self.announced.followers.iter().any(due) {
            self.tell(due);
        }
    }

    fn tell(&mut self, whom: impl Fn(&Follower) -> bool) {
        let (term, commit) = (self.term(), self.commit());
        self.announced.enter(term);
        let ids: Vec<_> = self.followers().collect();
        for id in ids {
            let follower = self.announced.of(id);
            if !whom(follower) {
                continue;
            }
            follower.urgent = 0;
            if follower.told < commit {
                // A follower that cannot take an append now hears of it with a heartbeat.
                follower.told = commit;
                self.raw.raft.send_append(id);
            }
        }
    }

    /// Remembers what these messages say.
    pub(super) fn note_announced(&mut self, messages: &[raftpb::Message]) {
        if !self.is_leader() {
            return;
        }
        let term = self.term();
        self.announced.enter(term);
        let says = |message: &&raftpb::Message| {
            matches!(message.r#type(), MessageType::MsgApp | MessageType::MsgHeartbeat)
        };
        for message in messages.iter().filter(says) {
            let follower = self.announced.of(message.to);
            follower.told = follower.told.max(message.commit);
        }
    }

    fn followers(&self) -> impl Iterator<Item = u64> + '_ {
        self.raw.raft.prs().iter().map(|(id, _)| *id).filter(|id| *id != self.id())
    }
}
