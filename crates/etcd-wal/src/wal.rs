//! The log while it is written.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use etcd_proto::raftpb::{Entry, HardState};
use etcd_proto::walpb;

use crate::cursor::Cursor;
use crate::disk::Disk;
use crate::encode::{Encoder, FRAME_OVERHEAD};
use crate::error::DiskError;
use crate::pipeline::Pipeline;
use crate::segment::Segment;
use crate::{AppendError, CreateError, Damage, Metadata, OpenError, Options, Recovered, create, open};

/// The segmented log of one member, open for appending.
///
/// One writer. Every method blocks on the disk. While it is open its segments are locked.
#[derive(Debug)]
pub struct Wal {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) options: Options,
    pub(crate) metadata: Metadata,
    /// Oldest first, never empty; the last one is written.
    pub(crate) segments: Vec<Segment>,
    /// End of the records in the last segment.
    pub(crate) offset: u64,
    /// End of that segment's header, when this log wrote it; 0 otherwise.
    pub(crate) header_end: u64,
    pub(crate) encoder: Encoder,
    pub(crate) cursor: Cursor,
    /// The commit index that a crash cannot take back.
    pub(crate) durable_commit: u64,
    /// Indexes of the marks, oldest first.
    pub(crate) marks: Vec<u64>,
    pub(crate) next: Pipeline,
    /// Written, but not synced.
    pub(crate) dirty: bool,
    poisoned: bool,
}

/// One round of Raft output: its entries, then its hard state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Round<'a> {
    /// Continuous in themselves; the first one follows, or replaces, what is in the log.
    pub entries: &'a [Entry],
    /// The hard state, when it has changed.
    pub hard_state: Option<&'a HardState>,
}

/// What a call did to the disk; for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// Bytes written.
    pub bytes: u64,
    /// Time spent in the write.
    pub write: Duration,
    /// Time spent in the sync, if there was one.
    pub sync: Option<Duration>,
    /// Whether a new segment was begun; that has syncs of its own.
    pub cut: bool,
}

impl Wal {
    /// Creates a log in `dir`, for the member and cluster in `metadata`, with a mark at index 0.
    ///
    /// It is built in `<dir>.tmp` and renamed: after a crash there is a complete log or none. `dir` may exist, empty.
    ///
    /// # Errors
    /// `AlreadyExists` when there are segments in `dir`; else what the disk reports.
    ///
    /// # Source
    /// etcd `server/storage/wal/wal.go` Create.
    pub fn create(
        disk: Arc<dyn Disk>,
        dir: &Path,
        metadata: Metadata,
        options: Options,
    ) -> Result<Self, CreateError> {
        create::create(disk, dir, metadata, options)
    }

    /// Opens the log in `dir` and reads what follows the newest mark that is committed and has an index of at most
    /// `at_or_before`: what the storage durably holds. `u64::MAX` takes the newest mark there is.
    ///
    /// Repairs a torn tail; see the crate's documentation for what that is. Before the storage is replaced by a
    /// received snapshot the log must be synced: a tail that is torn before `at_or_before` is taken for damage.
    ///
    /// # Errors
    /// `NotFound`, `Locked`, `Damaged`, `MissingSegment`, `NoMark`; else what the disk reports.
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        options: Options,
        at_or_before: u64,
    ) -> Result<(Self, Recovered), OpenError> {
        open::open(disk, dir, options, at_or_before)
    }

    /// Appends entries, then the hard state; one write, and one sync if `sync`.
    ///
    /// With nothing to append and `sync`, makes durable what was appended before.
    ///
    /// # Errors
    /// `Invalid` when the entries cannot follow, and nothing is written. After any other error the log is poisoned.
    ///
    /// # Source
    /// etcd `server/storage/wal/wal.go` Save.
    pub fn append(
        &mut self,
        entries: &[Entry],
        hard_state: Option<&HardState>,
        sync: bool,
    ) -> Result<Written, AppendError> {
        self.append_many(&[Round { entries, hard_state }], sync)
    }

    /// Appends several rounds as [`append`](Self::append) does one: still one write and at most one sync.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn append_many(&mut self, rounds: &[Round<'_>], sync: bool) -> Result<Written, AppendError> {
        self.check()?;
        let (cursor, bytes) = self.validate(rounds).map_err(|reason| AppendError::Invalid { reason })?;
        let state = self.cursor.state;
        let encode = |encoder: &mut Encoder| encode_rounds(encoder, rounds, state);
        let written = self.write(bytes, sync, encode).map_err(|error| self.poison(error))?;
        self.advance(cursor);
        Ok(written)
    }

    /// Records that the storage durably holds everything up to `mark.index`, and who was in the cluster then; syncs.
    ///
    /// A mark beyond the last entry stands for a received snapshot: the log continues behind it.
    ///
    /// # Errors
    /// `Invalid` when the configuration is missing. After any other error but that the log is poisoned.
    ///
    /// # Source
    /// etcd `server/storage/wal/wal.go` SaveSnapshot.
    pub fn save_mark(&mut self, mark: &walpb::Snapshot) -> Result<Written, AppendError> {
        self.check()?;
        let mut cursor = self.cursor;
        let missing = mark.index > 0 && mark.conf_state.is_none();
        let valid = if missing { Err(Damage::Content) } else { cursor.mark(mark, None) };
        valid.map_err(|reason| AppendError::Invalid { reason })?;
        let members = mark.conf_state.as_ref().map_or(0, |state| {
            state.voters.len()
                + state.learners.len()
                + state.voters_outgoing.len()
                + state.learners_next.len()
        });
        let bytes = FRAME_OVERHEAD + 12 * members;
        let written =
            self.write(bytes, true, |encoder| encoder.snapshot(mark)).map_err(|error| self.poison(error))?;
        self.advance(cursor);
        self.marks.push(mark.index);
        Ok(written)
    }

    /// Makes durable what was appended without a sync.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn sync(&mut self) -> Result<Written, AppendError> {
        self.append_many(&[], true)
    }

    /// Whose log it is.
    pub fn metadata(&self) -> Metadata {
        self.metadata
    }

    /// Index of the last entry, or of the mark that stands for it.
    pub fn last_index(&self) -> u64 {
        self.cursor.last
    }

    /// The newest hard state.
    pub fn hard_state(&self) -> HardState {
        self.cursor.state
    }

    /// Whether a write or sync has failed, so that every further one is refused.
    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }

    #[expect(clippy::too_many_arguments, reason = "the two ways to get a log meet here, with all its parts")]
    pub(crate) fn assemble(
        disk: Arc<dyn Disk>,
        dir: &Path,
        options: Options,
        metadata: Metadata,
        segments: Vec<Segment>,
        offset: u64,
        encoder: Encoder,
        cursor: Cursor,
        marks: Vec<u64>,
    ) -> Self {
        let next = Pipeline::new(Arc::clone(&disk), dir, options.segment_bytes);
        Self {
            disk,
            dir: dir.to_path_buf(),
            options,
            metadata,
            segments,
            offset,
            header_end: 0,
            encoder,
            durable_commit: cursor.state.commit,
            cursor,
            marks,
            next,
            dirty: false,
            poisoned: false,
        }
    }

    fn check(&self) -> Result<(), AppendError> {
        if self.poisoned { Err(AppendError::Poisoned) } else { Ok(()) }
    }

    fn poison(&mut self, error: DiskError) -> AppendError {
        self.poisoned = true;
        error.into()
    }

    /// Takes over where a write has led.
    fn advance(&mut self, cursor: Cursor) {
        self.cursor = cursor;
        if !self.dirty || self.options.no_sync {
            self.durable_commit = cursor.state.commit;
        }
    }

    /// Where `rounds` lead, and at most how many bytes they take.
    fn validate(&self, rounds: &[Round<'_>]) -> Result<(Cursor, usize), Damage> {
        let mut cursor = self.cursor;
        let mut bytes = 0;
        for round in rounds {
            for entry in round.entries {
                // What reading would take for damage must not be written.
                if entry.r#type != 0 && entry.data.is_empty() {
                    return Err(Damage::Content);
                }
                cursor.entry(entry, None)?;
                bytes += FRAME_OVERHEAD + entry.data.len();
            }
            if let Some(state) = round.hard_state.filter(|&state| worth_writing(state, &cursor.state)) {
                cursor.state(*state)?;
                bytes += FRAME_OVERHEAD;
            }
        }
        cursor.finish()?;
        Ok((cursor, bytes))
    }
}

fn encode_rounds(encoder: &mut Encoder, rounds: &[Round<'_>], mut state: HardState) {
    for round in rounds {
        for entry in round.entries {
            encoder.entry(entry);
        }
        if let Some(next) = round.hard_state.filter(|&next| worth_writing(next, &state)) {
            encoder.state(next);
            state = *next;
        }
    }
}

/// An empty hard state says nothing, and one that has not changed nothing new.
fn worth_writing(next: &HardState, current: &HardState) -> bool {
    *next != HardState::default() && next != current
}
