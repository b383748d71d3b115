//! A new log.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use etcd_proto::raftpb::HardState;
use etcd_proto::walpb;

use crate::cursor::Cursor;
use crate::disk::Disk;
use crate::encode::Encoder;
use crate::error::At as _;
use crate::segment::{Segment, SegmentName};
use crate::{CreateError, Metadata, Options, Wal, exists};

/// Builds the log next to `dir` and renames it into place, so that there is a complete log or none.
pub(crate) fn create(
    disk: Arc<dyn Disk>,
    dir: &Path,
    metadata: Metadata,
    options: Options,
) -> Result<Wal, CreateError> {
    if exists(&*disk, dir).at(dir)? {
        return Err(CreateError::AlreadyExists { dir: dir.to_path_buf() });
    }
    let building = beside(dir);
    match disk.remove_dir(&building) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).at(&building)?,
        _ => {}
    }
    let missing: Vec<&Path> =
        dir.ancestors().skip(1).take_while(|parent| is_missing(&*disk, parent)).collect();
    disk.create_dir(&building).at(&building)?;
    for parent in missing.into_iter().filter_map(Path::parent).filter(|_| !options.no_sync) {
        disk.sync_dir(parent).at(parent)?;
    }

    let name = SegmentName { seq: 0, index: 0 };
    let path = name.path(&building);
    let file = disk.create(&path).at(&path)?;
    if !file.try_lock().at(&path)? {
        return Err(CreateError::Locked { path });
    }
    file.zero_fill(0, options.segment_bytes).at(&path)?;
    let mut encoder = Encoder::new(0);
    encoder.header(metadata, &HardState::default());
    encoder.snapshot(&walpb::Snapshot::default());
    let offset = encoder.bytes().len() as u64;
    file.write_at(encoder.bytes(), 0).at(&path)?;
    encoder.clear();
    if !options.no_sync {
        file.sync_data().at(&path)?;
        disk.sync_dir(&building).at(&building)?;
    }
    disk.rename(&building, dir).at(dir)?;
    let parent = dir.parent().unwrap_or_else(|| Path::new("."));
    if !options.no_sync {
        disk.sync_dir(parent).at(parent)?;
    }
    let segments = vec![Segment { name, file }];
    Ok(Wal::assemble(disk, dir, options, metadata, segments, offset, encoder, Cursor::default(), vec![0]))
}

fn is_missing(disk: &dyn Disk, dir: &Path) -> bool {
    !dir.as_os_str().is_empty() && disk.list(dir).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// `dir` with `.tmp` behind its name.
fn beside(dir: &Path) -> PathBuf {
    let mut name = dir.components().as_path().as_os_str().to_owned();
    name.push(".tmp");
    PathBuf::from(name)
}
