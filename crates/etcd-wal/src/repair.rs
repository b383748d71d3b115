//! Putting a torn tail right.

use std::path::{Path, PathBuf};

use tracing::warn;

use crate::decode::is_zero;
use crate::disk::Disk;
use crate::error::{At as _, DiskError};
use crate::read::Scan;
use crate::segment::Segment;
use crate::{Options, Repair};

/// Makes the last segment end where its records end: zeros from there on, so that nothing stale is ever read as a
/// record, up to the segment's full length. A segment that loses bytes is kept as `<name>.broken`.
///
/// Syncs in any case: what was read may never have reached the disk, and it is about to be relied on.
pub(crate) fn tail(
    disk: &dyn Disk,
    last: &Segment,
    dir: &Path,
    scan: &Scan,
    bytes: &[u8],
    options: &Options,
) -> Result<Option<Repair>, DiskError> {
    let path = last.name.path(dir);
    let rest = &bytes[scan.end as usize..];
    let stale = rest.len() - trailing_zeros(rest);
    let mut repaired = None;
    if stale > 0 || !scan.lost_words.is_empty() {
        keep_copy(disk, dir, &path, bytes)?;
        for word in &scan.lost_words {
            last.file.write_at(&word.bytes, word.offset).at(&path)?;
        }
        if stale > 0 {
            last.file.write_at(&vec![0; stale], scan.end).at(&path)?;
        }
        // Before the file grows: a torn write that ends at the end of the file must not come to look like damage.
        last.file.sync_data().at(&path)?;
        warn!(path = %path.display(), offset = scan.end, bytes = stale, "repaired a torn write at the end of the log");
        repaired = Some(Repair { path: path.clone(), offset: scan.end });
    }
    let length = bytes.len() as u64;
    if length < options.segment_bytes {
        last.file.zero_fill(length, options.segment_bytes).at(&path)?;
    }
    if !options.no_sync {
        last.file.sync_data().at(&path)?;
    }
    Ok(repaired)
}

fn keep_copy(disk: &dyn Disk, dir: &Path, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    let mut copy = path.as_os_str().to_owned();
    copy.push(".broken");
    let copy = PathBuf::from(copy);
    let file = disk.create(&copy).at(&copy)?;
    let used = bytes.len() - trailing_zeros(bytes);
    file.write_at(&bytes[..used], 0).at(&copy)?;
    file.set_len(bytes.len() as u64).at(&copy)?;
    file.sync_data().at(&copy)?;
    disk.sync_dir(dir).at(dir)
}

fn trailing_zeros(bytes: &[u8]) -> usize {
    if is_zero(bytes) {
        return bytes.len();
    }
    bytes.iter().rev().take_while(|&&byte| byte == 0).count()
}
