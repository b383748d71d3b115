//! Opening an existing log.

use std::path::Path;
use std::sync::Arc;

use crate::disk::Disk;
use crate::encode::Encoder;
use crate::error::At as _;
use crate::read::{Scan, read, scan};
use crate::replay::{Replay, Replayed};
use crate::segment::{self, Segment, SegmentName};
use crate::{Damage, OpenError, Options, Recovered, Wal, pipeline, repair};

pub(crate) fn open(
    disk: Arc<dyn Disk>,
    dir: &Path,
    options: Options,
    at_or_before: u64,
) -> Result<(Wal, Recovered), OpenError> {
    let names = names(&*disk, dir)?;
    let segments = lock(&*disk, dir, &names)?;
    let (replayed, scan, tail) = replay(&segments, dir, at_or_before)?;
    pipeline::clean(&*disk, dir)?;
    let last = segments.last().ok_or_else(|| OpenError::NotFound { dir: dir.to_path_buf() })?;
    let repaired = repair::tail(&*disk, last, dir, &scan, &tail, &options)?;
    drop(tail);

    let Replayed { metadata, mark, hard_state, entries, cursor, marks } = replayed;
    let encoder = Encoder::new(scan.crc);
    let wal = Wal::assemble(disk, dir, options, metadata, segments, scan.end, encoder, cursor, marks);
    Ok((wal, Recovered { metadata, mark, hard_state, entries, repaired }))
}

/// The segments of the log, which must be there without a gap.
pub(crate) fn names(disk: &dyn Disk, dir: &Path) -> Result<Vec<SegmentName>, OpenError> {
    let names = match segment::list(disk, dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        names => names.at(dir)?,
    };
    if names.is_empty() {
        return Err(OpenError::NotFound { dir: dir.to_path_buf() });
    }
    match names.windows(2).find(|pair| pair[0].seq.checked_add(1) != Some(pair[1].seq)) {
        Some(pair) => Err(OpenError::MissingSegment { path: pair[1].path(dir) }),
        None => Ok(names),
    }
}

fn lock(disk: &dyn Disk, dir: &Path, names: &[SegmentName]) -> Result<Vec<Segment>, OpenError> {
    let open = |&name: &SegmentName| {
        let path = name.path(dir);
        let file = disk.open(&path, true).at(&path)?;
        if !file.try_lock().at(&path)? {
            return Err(OpenError::Locked { path });
        }
        Ok(Segment { name, file })
    };
    names.iter().map(open).collect()
}

/// Reads as many segments, from the newest back, as it takes to reach a usable mark.
fn replay(
    segments: &[Segment],
    dir: &Path,
    at_or_before: u64,
) -> Result<(Replayed, Scan, Vec<u8>), OpenError> {
    let count = segments.len();
    let mut start = segments.iter().rposition(|segment| segment.name.index <= at_or_before).unwrap_or(0);
    loop {
        let mut replay = Replay::new(at_or_before, segments[start].name.index);
        let (scan, tail) = replay_from(&segments[start..], dir, &mut replay)?;
        let last = &segments[count - 1].name.path(dir);
        let damaged = |damage| OpenError::Damaged { path: last.clone(), offset: scan.end, damage };
        // A torn write was never acknowledged. What the storage holds was, so this is not one; unless a mark says
        // that the storage has it from a snapshot.
        if scan.torn && replay.reach() < at_or_before && at_or_before != u64::MAX {
            return Err(damaged(Damage::Incomplete));
        }
        match replay.finish().map_err(damaged)? {
            Some(replayed) => return Ok((replayed, scan, tail)),
            None if start == 0 => return Err(OpenError::NoMark { dir: dir.to_path_buf(), at_or_before }),
            // Twice as far back each time, so that no segment is read often.
            None => start = start.saturating_sub(count - start),
        }
    }
}

/// Replays the given segments; returns how the last one ended, and its bytes.
fn replay_from(segments: &[Segment], dir: &Path, replay: &mut Replay) -> Result<(Scan, Vec<u8>), OpenError> {
    let mut crc = None;
    let mut end = None;
    for (position, segment) in segments.iter().enumerate() {
        let path = segment.name.path(dir);
        let bytes = read(&*segment.file, &path)?;
        let last = position + 1 == segments.len();
        let scanned =
            scan(&bytes, crc.or_else(|| segment.name.first_crc()), last, |_, record| replay.record(record))
                .map_err(|(offset, damage)| OpenError::Damaged { path, offset, damage })?;
        crc = Some(scanned.crc);
        end = Some((scanned, bytes));
    }
    end.ok_or_else(|| OpenError::NotFound { dir: dir.to_path_buf() })
}
