//! From records to what the log says: the newest usable mark, the hard state, the entries after the mark.

use etcd_proto::raftpb::{Entry, HardState};
use etcd_proto::walpb;

use crate::cursor::{Cursor, Effect};
use crate::{Damage, Metadata, Record};

/// Collects records in order.
#[derive(Debug)]
pub(crate) struct Replay {
    at_or_before: u64,
    metadata: Option<Metadata>,
    cursor: Cursor,
    /// The newest mark that is committed and not beyond `at_or_before`.
    mark: Option<walpb::Snapshot>,
    /// Marks that are not committed yet.
    waiting: Vec<walpb::Snapshot>,
    /// Continuous; those that the mark covers are dropped.
    entries: Vec<Entry>,
    /// Indexes of all committed marks.
    marks: Vec<u64>,
}

/// What the records came to.
#[derive(Debug)]
pub(crate) struct Replayed {
    pub(crate) metadata: Metadata,
    pub(crate) mark: walpb::Snapshot,
    pub(crate) hard_state: HardState,
    pub(crate) entries: Vec<Entry>,
    pub(crate) cursor: Cursor,
    pub(crate) marks: Vec<u64>,
}

impl Replay {
    /// Starts before the first record of a segment whose name says that `first_index` follows.
    pub(crate) fn new(at_or_before: u64, first_index: u64) -> Self {
        Self {
            at_or_before,
            metadata: None,
            cursor: Cursor { last: first_index.saturating_sub(1), ..Cursor::default() },
            mark: None,
            waiting: Vec::new(),
            entries: Vec::new(),
            marks: Vec::new(),
        }
    }

    pub(crate) fn record(&mut self, record: Record) -> Result<(), Damage> {
        match record {
            Record::Metadata(metadata) => match self.metadata.replace(metadata) {
                Some(before) if before != metadata => Err(Damage::Metadata),
                _ => Ok(()),
            },
            // The decoder compares it.
            Record::Crc(_) => Ok(()),
            Record::Entry(entry) => self.entry(entry),
            Record::HardState(state) => self.state(state),
            Record::Mark(mark) => self.snapshot(mark),
        }
    }

    /// Index up to which the records speak for what the storage holds.
    pub(crate) fn reach(&self) -> u64 {
        self.cursor.reach()
    }

    /// What the records came to; `None` when there is no usable mark among them, or entries after it are missing:
    /// earlier segments have to be read too.
    ///
    /// A tail may have lost the hard state that came with its last entries. The term they have was current then, and
    /// no vote in it was ever sent, so the hard state returned has that term.
    pub(crate) fn finish(mut self) -> Result<Option<Replayed>, Damage> {
        self.cursor.finish()?;
        let (Some(metadata), Some(mark)) = (self.metadata, self.mark) else { return Ok(None) };
        let continuous = match self.entries.first() {
            Some(first) => first.index == mark.index + 1,
            None => self.cursor.last <= mark.index,
        };
        if !continuous {
            return Ok(None);
        }
        if self.cursor.last_term > self.cursor.state.term {
            self.cursor.state.term = self.cursor.last_term;
            self.cursor.state.vote = 0;
        }
        Ok(Some(Replayed {
            metadata,
            mark,
            hard_state: self.cursor.state,
            entries: self.entries,
            cursor: self.cursor,
            marks: self.marks,
        }))
    }

    fn entry(&mut self, entry: Entry) -> Result<(), Damage> {
        let before = entry.index.checked_sub(1).and_then(|index| self.term_of(index));
        let effect = self.cursor.entry(&entry, before)?;
        self.apply(&effect);
        let keep = match self.entries.first() {
            Some(first) => entry.index.saturating_sub(first.index),
            None => 0,
        };
        // An index fits: there are as many entries in memory.
        self.entries.truncate(usize::try_from(keep).unwrap_or(usize::MAX));
        self.entries.push(entry);
        Ok(())
    }

    fn state(&mut self, state: HardState) -> Result<(), Damage> {
        let effect = self.cursor.state(state)?;
        self.apply(&effect);
        for mark in std::mem::take(&mut self.waiting) {
            self.offer(mark);
        }
        Ok(())
    }

    fn snapshot(&mut self, mark: walpb::Snapshot) -> Result<(), Damage> {
        let effect = self.cursor.mark(&mark, self.term_of(mark.index))?;
        self.apply(&effect);
        self.offer(mark);
        Ok(())
    }

    fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::None => {}
            Effect::Cut(last) => {
                let kept = self.entries.partition_point(|entry| entry.index <= *last);
                self.entries.truncate(kept);
            }
            Effect::Jump(_) => {
                // What came before is superseded by a received snapshot, and so is a mark in it.
                self.entries.clear();
                self.mark = None;
            }
        }
    }

    /// Takes `mark` when it is committed, newer than the one there is, and not too new.
    fn offer(&mut self, mark: walpb::Snapshot) {
        if mark.index > self.cursor.state.commit {
            self.waiting.push(mark);
            return;
        }
        self.marks.push(mark.index);
        let newer = self.mark.as_ref().is_none_or(|current| current.index <= mark.index);
        if mark.index > self.at_or_before || !newer {
            return;
        }
        let covered = self.entries.partition_point(|entry| entry.index <= mark.index);
        self.entries.drain(..covered);
        self.mark = Some(mark);
    }

    fn term_of(&self, index: u64) -> Option<u64> {
        if let Some(mark) = self.mark.as_ref().filter(|mark| mark.index == index) {
            return Some(mark.term);
        }
        let position = index.checked_sub(self.entries.first()?.index)?;
        self.entries.get(usize::try_from(position).ok()?).map(|entry| entry.term)
    }
}
