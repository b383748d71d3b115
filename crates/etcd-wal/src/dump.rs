//! Reading a log without touching it.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use crate::decode::Located;
use crate::disk::Disk;
use crate::error::At as _;
use crate::read::{read, scan};
use crate::segment::SegmentName;
use crate::{Damage, OpenError, open};

/// What the bytes of one segment hold.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Decoded {
    /// The records before the end or the damage.
    pub records: Vec<Located>,
    /// Where and how the bytes are damaged, if they are.
    pub damage: Option<(u64, Damage)>,
    /// Whether a torn write follows the records.
    pub torn: bool,
    /// Where the records end.
    pub end: u64,
}

/// Decodes one segment as if it were the only one. Takes any bytes; the rules between records are not checked.
pub fn decode_all(bytes: &[u8]) -> Decoded {
    decode_segment(bytes, None, true).0
}

/// Reads all records of a log, oldest first. Locks nothing and repairs nothing: a torn tail is the error
/// [`Damage::Incomplete`].
#[derive(Debug)]
pub struct Dump<'a> {
    disk: &'a dyn Disk,
    dir: PathBuf,
    segments: VecDeque<SegmentName>,
    crc: Option<u32>,
    current: VecDeque<Result<(PathBuf, Located), OpenError>>,
}

impl<'a> Dump<'a> {
    /// Starts with the oldest segment in `dir`.
    ///
    /// # Errors
    /// `NotFound` and `MissingSegment`; else what the disk reports.
    pub fn open(disk: &'a dyn Disk, dir: &Path) -> Result<Self, OpenError> {
        let segments = open::names(disk, dir)?.into();
        Ok(Self { disk, dir: dir.to_path_buf(), segments, crc: None, current: VecDeque::new() })
    }

    fn load(&mut self, name: SegmentName) -> Result<(), OpenError> {
        let path = name.path(&self.dir);
        let file = self.disk.open(&path, false).at(&path)?;
        let bytes = read(&*file, &path)?;
        let (decoded, crc) =
            decode_segment(&bytes, self.crc.or_else(|| name.first_crc()), self.segments.is_empty());
        self.crc = crc;
        self.current = decoded.records.into_iter().map(|record| Ok((path.clone(), record))).collect();
        let torn = decoded.torn.then_some((decoded.end, Damage::Incomplete));
        if let Some((offset, damage)) = decoded.damage.or(torn) {
            self.segments.clear();
            self.current.push_back(Err(OpenError::Damaged { path, offset, damage }));
        }
        Ok(())
    }
}

impl Iterator for Dump<'_> {
    /// A record with its segment. An error is the last item.
    type Item = Result<(PathBuf, Located), OpenError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.current.is_empty() {
            let name = self.segments.pop_front()?;
            if let Err(error) = self.load(name) {
                self.segments.clear();
                return Some(Err(error));
            }
        }
        self.current.pop_front()
    }
}

fn decode_segment(bytes: &[u8], crc: Option<u32>, last: bool) -> (Decoded, Option<u32>) {
    let mut records = Vec::new();
    let scanned = scan(bytes, crc, last, |offset, record| {
        records.push(Located { offset, record });
        Ok(())
    });
    match scanned {
        Ok(scan) => (Decoded { records, damage: None, torn: scan.torn, end: scan.end }, Some(scan.crc)),
        Err((end, damage)) => (Decoded { records, damage: Some((end, damage)), torn: false, end }, None),
    }
}
