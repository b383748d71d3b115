//! Reading segments.

use std::path::Path;

use crate::decode::{Decoder, LostWord, Step};
use crate::disk::DiskFile;
use crate::error::At as _;
use crate::{Damage, OpenError, Record};

/// Larger files are refused: a segment is read at once.
const MAX_SEGMENT: u64 = 2 << 30;

/// The whole of a segment.
pub(crate) fn read(file: &dyn DiskFile, path: &Path) -> Result<Vec<u8>, OpenError> {
    let length = file.len().at(path)?;
    if length > MAX_SEGMENT {
        return Err(OpenError::TooLarge { path: path.to_path_buf(), length });
    }
    let mut bytes = vec![0; length as usize];
    file.read_at(&mut bytes, 0).at(path)?;
    Ok(bytes)
}

/// How the segment ended.
#[derive(Debug)]
pub(crate) struct Scan {
    /// End of the last complete record.
    pub(crate) end: u64,
    /// The checksum there.
    pub(crate) crc: u32,
    /// A torn write follows.
    pub(crate) torn: bool,
    /// Words to put back before the end.
    pub(crate) lost_words: Vec<LostWord>,
}

/// Hands each record of a segment to `visit`. Only the last segment may be torn, and not in its header, which is
/// synced before the segment gets its name.
pub(crate) fn scan(
    bytes: &[u8],
    crc: Option<u32>,
    last: bool,
    mut visit: impl FnMut(u64, Record) -> Result<(), Damage>,
) -> Result<Scan, (u64, Damage)> {
    let mut decoder = Decoder::new(bytes, crc);
    loop {
        let offset = decoder.offset();
        let torn = match decoder.step().map_err(|damage| (offset, damage))? {
            Step::Record(located) => {
                visit(located.offset, located.record).map_err(|damage| (offset, damage))?;
                continue;
            }
            Step::End => false,
            Step::Torn => true,
        };
        let incomplete = (torn || !decoder.lost_words().is_empty()) && !last || !decoder.past_header();
        return match (incomplete, decoder.crc()) {
            (false, Some(crc)) => {
                Ok(Scan { end: offset, crc, torn, lost_words: decoder.lost_words().to_vec() })
            }
            _ => Err((offset, Damage::Incomplete)),
        };
    }
}
