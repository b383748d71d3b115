//! The fields at the head of a record, read strictly: a header must agree with the record's length.

use std::ops::Range;

/// The fields of a record, without its data.
pub(crate) struct Header {
    pub(crate) kind: u8,
    pub(crate) crc: u32,
    /// Where the data is in the record; ends where the record ends.
    pub(crate) data: Range<usize>,
    pub(crate) has_data: bool,
}

pub(crate) enum Parsed {
    Header(Header),
    /// Contradicts the record's length, or is not a record.
    Bad,
    /// The file ends inside it.
    Short,
}

impl Header {
    /// The header of a record of `length` bytes, of which `body` is what there is.
    pub(crate) fn parse(body: &[u8], length: usize) -> Parsed {
        let record = &body[..length.min(body.len())];
        let missing = || if record.len() < length { Parsed::Short } else { Parsed::Bad };
        let Some((fields, rest)) = Self::type_and_crc(record) else {
            // Too short to tell, unless what there is is already wrong.
            let plausible = [0x08, record.get(1).copied().unwrap_or_default(), 0x10];
            return if plausible.iter().zip(record).all(|(a, b)| a == b) { missing() } else { Parsed::Bad };
        };
        if rest == length {
            return Parsed::Header(Self { data: rest..rest, has_data: false, ..fields });
        }
        match record.get(rest) {
            None => missing(),
            Some(0x1a) => match varint(&record[rest + 1..]) {
                None => missing(),
                Some((size, used)) => {
                    let start = rest + 1 + used;
                    let fits =
                        usize::try_from(size).ok().and_then(|size| start.checked_add(size)) == Some(length);
                    let header = || {
                        Parsed::Header(Self { data: start..length.min(body.len()), has_data: true, ..fields })
                    };
                    if fits { header() } else { Parsed::Bad }
                }
            },
            Some(_) => Parsed::Bad,
        }
    }

    /// The header of a record whose length is known from itself only; `None` unless all of it is there.
    pub(crate) fn parse_unbounded(bytes: &[u8]) -> Option<Self> {
        let (fields, rest) = Self::type_and_crc(bytes)?;
        if bytes.get(rest) != Some(&0x1a) {
            return None;
        }
        let (size, used) = varint(&bytes[rest + 1..])?;
        let start = rest + 1 + used;
        let end = start.checked_add(usize::try_from(size).ok()?)?;
        (end <= bytes.len()).then_some(Self { data: start..end, has_data: true, ..fields })
    }

    /// The two fields that each record has, and how many bytes they take.
    fn type_and_crc(record: &[u8]) -> Option<(Self, usize)> {
        let (&[0x08, kind, 0x10], rest) = record.split_first_chunk::<3>()? else { return None };
        let (crc, used) = varint(rest)?;
        let crc = u32::try_from(crc).ok()?;
        Some((Self { kind, crc, data: 0..0, has_data: false }, 3 + used))
    }
}

/// A protobuf varint, and how many bytes it takes.
pub(crate) fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for (index, &byte) in bytes.iter().take(10).enumerate() {
        let part = u64::from(byte & 0x7f);
        let shifted = part << (7 * index);
        if shifted >> (7 * index) != part {
            return None;
        }
        value |= shifted;
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}
