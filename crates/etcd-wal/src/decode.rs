//! From bytes to records, and the difference between a torn write and damage.
//!
//! A crash leaves each 512-byte sector of what was not yet synced either as it was written or as it was before,
//! which is zeros: segments are zero-filled. So only a *whole sector of zeros* where a record should be speaks for a
//! torn write, or a file that ends inside a record. Everything else is damage: a length word with stray bits, a
//! record that contradicts its length, a checksum that is wrong with all sectors present.
//! A length word is eight bytes on a multiple of eight, so it is never torn itself.
//!
//! Two words of a record can be put back when their sector held nothing else: the first, which is the length that
//! the rest of the record tells, and the last, when it differs from zeros in one bit, which the checksum tells. The
//! latter could as well be a flipped bit in a record that was synced. Both come to the same record, so that nobody
//! has to decide.

use std::ops::Range;

use crc32c::crc32c_append;
use etcd_proto::prost::Message as _;
use etcd_proto::raftpb::{Entry, EntryType, HardState};
use etcd_proto::walpb;

use crate::encode::{kind, length_word};
use crate::header::{Header, Parsed, varint};
use crate::syndrome::{self, Flip};
use crate::{Damage, Metadata};

/// What disks write at once.
///
/// Source: etcd `server/storage/wal/decoder.go` minSectorSize.
pub(crate) const SECTOR: usize = 512;
const WORD: usize = 8;
/// Type, checksum and data length of a record take at most this many bytes.
const MAX_HEADER: usize = 2 + 6 + 10;

/// One record of the log.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Record {
    /// Whose log it is; the second record of each segment.
    Metadata(Metadata),
    /// A Raft entry.
    Entry(Entry),
    /// Term, vote and commit index from here on.
    HardState(HardState),
    /// The checksum of all before; the first record of each segment.
    Crc(u32),
    /// A mark: what the storage held, and who was in the cluster then.
    Mark(walpb::Snapshot),
}

/// A record and where it is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Located {
    /// Byte offset of its length word in the segment.
    pub offset: u64,
    /// The record.
    pub record: Record,
}

/// What stands at the decoder's position.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    Record(Located),
    /// Nothing but zeros, if anything.
    End,
    /// A write that a crash cut short, provided that nothing follows this segment.
    Torn,
}

/// Reads the records of one segment.
#[derive(Debug)]
pub(crate) struct Decoder<'a> {
    bytes: &'a [u8],
    offset: usize,
    records: usize,
    /// The checksum so far; unknown before the first segment that is read.
    crc: Option<u32>,
    lost_words: Vec<LostWord>,
}

/// A word that a lost sector took while the rest of its record survived and tells what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LostWord {
    pub(crate) offset: u64,
    /// What has to be there.
    pub(crate) bytes: [u8; WORD],
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(bytes: &'a [u8], crc: Option<u32>) -> Self {
        Self { bytes, offset: 0, records: 0, crc, lost_words: Vec::new() }
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset as u64
    }

    pub(crate) fn crc(&self) -> Option<u32> {
        self.crc
    }

    /// The words to put back, so that what was returned is what is there.
    pub(crate) fn lost_words(&self) -> &[LostWord] {
        &self.lost_words
    }

    /// Whether the segment's first two records were read.
    pub(crate) fn past_header(&self) -> bool {
        self.records >= 2
    }

    /// The next record. Does not move unless it returns one.
    pub(crate) fn step(&mut self) -> Result<Step, Damage> {
        let rest = &self.bytes[self.offset..];
        let Some((word, _)) = rest.split_first_chunk::<WORD>() else {
            return Ok(if is_zero(rest) { Step::End } else { Step::Torn });
        };
        match u64::from_le_bytes(*word) {
            0 => self.step_at_zero(),
            word => self.step_frame(word),
        }
    }

    fn step_frame(&mut self, word: u64) -> Result<Step, Damage> {
        let length = usize::try_from(word & !(0xff << 56)).map_err(|_| Damage::Length)?;
        let (expected, padding) = length_word(length);
        if word != expected {
            return Err(Damage::Length);
        }
        let start = self.offset + WORD;
        let end = start.checked_add(length).and_then(|end| end.checked_add(padding)).ok_or(Damage::Length)?;
        let body = &self.bytes[start..end.min(self.bytes.len())];
        let header = match Header::parse(body, length) {
            Parsed::Header(header) => header,
            // The bytes that contradict the length are either from a lost sector or wrong.
            Parsed::Bad if self.lost_sector(start..end.min(start + MAX_HEADER)) => return Ok(Step::Torn),
            Parsed::Bad => return Err(Damage::Length),
            Parsed::Short => return Ok(Step::Torn),
        };
        if end > self.bytes.len() {
            return Ok(Step::Torn);
        }
        let data = &body[header.data.clone()];
        let crc = self.crc_after(&header, data);
        if crc != header.crc {
            if self.records == 0 {
                return Err(Damage::Chain);
            }
            return self.step_mismatch(&header, crc ^ header.crc, start..end);
        }
        if !is_zero(&body[length..]) {
            return Err(Damage::Padding);
        }
        self.accept(&header, data, end)
    }

    /// A record in `range` whose checksum differs: torn, damaged, or short of a last word that can be put back.
    fn step_mismatch(
        &mut self,
        header: &Header,
        difference: u32,
        range: Range<usize>,
    ) -> Result<Step, Damage> {
        if !self.lost_sector(range.clone()) {
            return Err(Damage::Checksum);
        }
        let mut data = self.bytes[range.clone()][header.data.clone()].to_vec();
        let last_word = range.end - WORD;
        match syndrome::one_bit(difference, data.len()) {
            None => Ok(Step::Torn),
            Some(Flip::Data { byte, mask })
                if range.start + header.data.start + byte >= last_word
                    && self.begins_lost_sector(last_word) =>
            {
                data[byte] ^= mask;
                let mut bytes = [0; WORD];
                bytes[range.start + header.data.start + byte - last_word] = mask;
                self.lost_words.push(LostWord { offset: last_word as u64, bytes });
                self.accept(header, &data, range.end)
            }
            Some(_) => Err(Damage::Checksum),
        }
    }

    /// A length word of zero: the end of the log, unless a sector was lost here or the word is wrong.
    fn step_at_zero(&mut self) -> Result<Step, Damage> {
        let sector_end = (self.offset / SECTOR + 1) * SECTOR;
        let (sector, beyond) =
            self.bytes[self.offset..].split_at((sector_end.min(self.bytes.len())) - self.offset);
        if !is_zero(sector) {
            return Err(Damage::Length);
        }
        if is_zero(beyond) {
            return Ok(Step::End);
        }
        if sector.len() > WORD {
            return Ok(Step::Torn);
        }
        // The word alone is at the end of its sector, so that the record may have survived it. It tells its own length.
        let Some(header) = Header::parse_unbounded(beyond) else { return Ok(Step::Torn) };
        let (word, padding) = length_word(header.data.end);
        let data = &beyond[header.data.clone()];
        let end = self.offset + WORD + header.data.end + padding;
        if end > self.bytes.len() || self.crc_after(&header, data) != header.crc {
            return Ok(Step::Torn);
        }
        self.lost_words.push(LostWord { offset: self.offset as u64, bytes: word.to_le_bytes() });
        self.accept(&header, data, end)
    }

    fn crc_after(&self, header: &Header, data: &[u8]) -> u32 {
        match self.crc {
            Some(crc) => crc32c_append(crc, data),
            // The first record that is read starts the chain.
            None => header.crc,
        }
    }

    fn accept(&mut self, header: &Header, data: &[u8], end: usize) -> Result<Step, Damage> {
        let expected_kind = match self.records {
            0 => header.kind == kind::CRC,
            1 => header.kind == kind::METADATA,
            _ => header.kind != kind::METADATA,
        };
        if !expected_kind || (header.kind == kind::CRC) == header.has_data {
            return Err(Damage::Kind);
        }
        let record = decode_record(header, data)?;
        let offset = self.offset();
        self.crc = Some(header.crc);
        self.offset = end;
        self.records += 1;
        Ok(Step::Record(Located { offset, record }))
    }

    /// Whether a whole sector in `range` is zeros, other than the one in which the length word is.
    fn lost_sector(&self, range: Range<usize>) -> bool {
        let end = range.end.min(self.bytes.len());
        ((self.offset / SECTOR + 1) * SECTOR..end)
            .step_by(SECTOR)
            .any(|sector| self.begins_lost_sector(sector))
    }

    /// Whether a sector begins at `at` and all of it is zeros.
    fn begins_lost_sector(&self, at: usize) -> bool {
        at.is_multiple_of(SECTOR) && is_zero(&self.bytes[at..(at + SECTOR).min(self.bytes.len())])
    }
}

fn decode_record(header: &Header, data: &[u8]) -> Result<Record, Damage> {
    match header.kind {
        kind::METADATA => {
            let [node_id, cluster_id] = numbers(data)?;
            Ok(Record::Metadata(Metadata { node_id, cluster_id }))
        }
        kind::ENTRY => {
            let entry = Entry::decode(data).map_err(|_| Damage::Content)?;
            let known = EntryType::try_from(entry.r#type).map_err(|_| Damage::Content)?;
            // A configuration change always says something; without data it is a hard state under a wrong type.
            let empty_change = known != EntryType::EntryNormal && entry.data.is_empty();
            if empty_change { Err(Damage::Content) } else { Ok(Record::Entry(entry)) }
        }
        kind::STATE => {
            let [term, vote, commit] = numbers(data)?;
            Ok(Record::HardState(HardState { term, vote, commit }))
        }
        kind::CRC => Ok(Record::Crc(header.crc)),
        kind::SNAPSHOT => walpb::Snapshot::decode(data).map(Record::Mark).map_err(|_| Damage::Content),
        _ => Err(Damage::Kind),
    }
}

/// The fields 1 to N of a message that has nothing but numbers. Anything else in it means that the record's type,
/// which no checksum covers, is wrong.
fn numbers<const N: usize>(mut data: &[u8]) -> Result<[u64; N], Damage> {
    let mut values = [0; N];
    let mut last = 0;
    while let Some((&tag, rest)) = data.split_first() {
        let number = usize::from(tag >> 3);
        if tag & 7 != 0 || number <= last || number > N {
            return Err(Damage::Content);
        }
        let (value, length) = varint(rest).ok_or(Damage::Content)?;
        values[number - 1] = value;
        last = number;
        data = &rest[length..];
    }
    Ok(values)
}

/// Whether all of `bytes` is zero.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    // Each byte equals the one before it: one call of memcmp, which is fast in unoptimised builds too.
    bytes.split_first().is_none_or(|(&first, rest)| first == 0 && *rest == bytes[..rest.len()])
}

#[cfg(test)]
mod tests;
