//! Segment files: their names and their order.

use std::io;
use std::path::{Path, PathBuf};

use crate::disk::{Disk, DiskFile};

/// The name of a segment: `<seq>-<index>.wal`, both 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SegmentName {
    /// Counts segments from 0.
    pub(crate) seq: u64,
    /// Index that the first entry in it has, unless it rewrites earlier ones.
    pub(crate) index: u64,
}

impl SegmentName {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (seq, index) = name.strip_suffix(".wal")?.split_once('-')?;
        Some(Self { seq: parse_hex(seq)?, index: parse_hex(index)? })
    }

    /// The checksum that the segment starts from, where the name tells: the first one starts from nothing.
    pub(crate) fn first_crc(self) -> Option<u32> {
        (self.seq == 0).then_some(0)
    }

    pub(crate) fn path(self, dir: &Path) -> PathBuf {
        dir.join(self.to_string())
    }
}

impl std::fmt::Display for SegmentName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}-{:016x}.wal", self.seq, self.index)
    }
}

/// An open segment of a log that is being written: it stays open, and so locked, until it is released.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) name: SegmentName,
    pub(crate) file: Box<dyn DiskFile>,
}

/// The segments in `dir`, oldest first. Other files are left alone.
pub(crate) fn list(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<SegmentName>> {
    let mut names: Vec<_> = disk.list(dir)?.iter().filter_map(|name| SegmentName::parse(name)).collect();
    names.sort_unstable();
    Ok(names)
}

fn parse_hex(digits: &str) -> Option<u64> {
    let valid = digits.len() == 16 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    valid.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::SegmentName;

    #[test]
    fn names() {
        let name = SegmentName { seq: 10, index: 0xabc };
        assert_eq!(name.to_string(), "000000000000000a-0000000000000abc.wal");
        assert_eq!(SegmentName::parse(&name.to_string()), Some(name));
        for bad in [
            "",
            "0.tmp",
            "a-b.wal",
            "000000000000000a-0000000000000abc.wal.broken",
            "+00000000000000a-0000000000000abc.wal",
        ] {
            assert_eq!(SegmentName::parse(bad), None, "{bad}");
        }
    }
}
