//! From raft's readies to outputs.

use etcd_proto::raftpb;
use raft::Ready;
use raft::eraftpb;

use super::Core;
use super::output::{Leadership, Output, Persist};
use super::storage::Position;
use crate::convert::{entry, message};

impl Core {
    /// The next piece of work; `None` when there is nothing to do until the next input.
    pub fn take_output(&mut self) -> Option<Output> {
        self.begin_round();
        self.announce_early();
        if !self.raw.has_ready() {
            self.follow_order();
        }
        if !self.raw.has_ready() {
            return None;
        }
        let mut ready = self.raw.ready();
        let states = ready.take_read_states();
        let mut output = Output { leadership: self.new_leadership(), ..Output::default() };
        output.committed = self.hand_out(ready.take_committed_entries());
        let messages = outgoing(ready.take_messages(), &mut output.snapshots);
        self.note_announced(&messages);
        let after = outgoing(ready.take_persisted_messages(), &mut output.snapshots);
        let persist = self.take_over(&mut ready, after);
        let round = ready.number();
        self.raw.advance_append_async(ready);
        output.messages = messages;
        self.answer(states, &mut output);
        self.file(round, persist, &mut output);
        Some(output)
    }

    /// Puts snapshot and entries into the log in memory, and says what must become durable.
    fn take_over(&mut self, ready: &mut Ready, messages_after: Vec<raftpb::Message>) -> Persist {
        let mut persist = Persist { round: ready.number(), messages_after, ..Persist::default() };
        if !ready.snapshot().is_empty() {
            let metadata = ready.snapshot().get_metadata().clone();
            let base = Position { index: metadata.index, term: metadata.term };
            self.raw.mut_store().reset(base);
            self.installing = Some(metadata.clone());
            persist.snapshot = Some(message::metadata_from_raft(metadata));
        }
        let entries = ready.take_entries();
        persist.entries = entries.iter().cloned().map(entry::from_raft).collect();
        self.raw.mut_store().append(entries);
        persist.must_sync = ready.must_sync();
        if let Some(state) = ready.hs() {
            self.unsaved = Some(state.clone());
        }
        if persist.must_sync {
            persist.hard_state = self.unsaved.take().map(|state| message::hard_state_from_raft(&state));
            self.saved_commit = persist.hard_state.map_or(self.saved_commit, |state| state.commit);
        }
        persist
    }

    /// Decides whether the round has to wait for the disk: for itself, or because its messages may speak of
    /// entries of an earlier round.
    fn file(&mut self, round: u64, mut persist: Persist, output: &mut Output) {
        let changes_log = persist.snapshot.is_some() || !persist.entries.is_empty();
        if persist.must_sync || (!self.rounds.is_empty() && !persist.messages_after.is_empty()) {
            self.rounds.push_back((round, changes_log));
            output.persist = Some(persist);
            return;
        }
        output.messages.append(&mut persist.messages_after);
        if self.rounds.is_empty() {
            self.raw.on_persist_ready(round);
        }
    }

    fn hand_out(&mut self, committed: Vec<eraftpb::Entry>) -> Vec<raftpb::Entry> {
        if let Some(last) = committed.last() {
            let bytes = committed.iter().map(entry::size).sum();
            self.unapplied.push_back((last.index, bytes));
            self.unapplied_bytes += bytes;
        }
        committed.into_iter().map(entry::from_raft).collect()
    }

    fn new_leadership(&mut self) -> Option<Leadership> {
        let now = self.current_leadership();
        let changed = now != self.leadership;
        self.leadership = now;
        changed.then_some(now)
    }
}

/// Converts messages, and sets those apart that need data from the state machine.
fn outgoing(messages: Vec<eraftpb::Message>, snapshots: &mut Vec<raftpb::Message>) -> Vec<raftpb::Message> {
    let mut rest = Vec::with_capacity(messages.len());
    for ours in messages {
        let is_snapshot = ours.msg_type == eraftpb::MessageType::MsgSnapshot;
        let converted = message::from_raft(ours);
        if is_snapshot { snapshots.push(converted) } else { rest.push(converted) }
    }
    rest
}
