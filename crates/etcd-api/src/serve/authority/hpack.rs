//! Rewrites a header block: only its structure is read, and only the values of `:authority` are replaced.
//!
//! The tables of both sides stay in step although only one of them sees the original. Ours accounts for an entry
//! that is never larger than what the client accounts for, hence it evicts later than the client, never earlier; and
//! since indexes count from the newest entry, all that the client can refer to is where it expects it.

use std::borrow::Cow;

use super::huffman;

/// Not a header block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

const AUTHORITY: &[u8] = b":authority";
/// How long that is when Huffman coded.
const AUTHORITY_CODED: usize = 8;
/// Its place in the static table.
const AUTHORITY_INDEX: usize = 1;

/// The block with every URL in an `:authority` literal replaced by the authority of that URL; none when there is no
/// such literal.
///
/// A replacement keeps the kind of its literal and is not Huffman coded. A block can thereby grow, though no value
/// does.
///
/// # Errors
/// When the block does not follow RFC 7541, section 6.
pub(super) fn rewrite(block: &[u8]) -> Result<Option<Vec<u8>>, Malformed> {
    let mut reader = Reader { block, at: 0 };
    let mut written = Vec::new();
    let mut copied = 0;
    while let Some(&first) = block.get(reader.at) {
        let name = match first {
            // An indexed field, and a new size of the table.
            0x80.. => {
                reader.integer(7)?;
                continue;
            }
            0x20..=0x3f => {
                reader.integer(5)?;
                continue;
            }
            // A literal that enters the table; one that does not, or must not.
            0x40..=0x7f => reader.integer(6)?,
            _ => reader.integer(4)?,
        };
        let is_authority = match name {
            0 => reader.string()?.is_authority(),
            index => index == AUTHORITY_INDEX,
        };
        let from = reader.at;
        let value = reader.string()?;
        if !is_authority {
            continue;
        }
        let Some(value) = value.text() else { continue };
        let Some(replacement) = authority_of(&value) else { continue };
        written.extend_from_slice(&block[copied..from]);
        write_plain(replacement, &mut written);
        copied = reader.at;
    }
    if copied == 0 {
        return Ok(None);
    }
    written.extend_from_slice(&block[copied..]);
    Ok(Some(written))
}

/// The authority of a URL, if this is one and has one; never longer than the URL. The path of a socket, which old clients
/// send, is a URL here.
fn authority_of(value: &[u8]) -> Option<&[u8]> {
    const LOCAL: &[u8] = b"localhost";
    if value.starts_with(b"/") {
        return (value.len() >= LOCAL.len()).then_some(LOCAL);
    }
    let colon = value.iter().position(|byte| *byte == b':')?;
    let (scheme, rest) = value.split_at(colon);
    let rest = rest.strip_prefix(b"://")?;
    let is = |known: &[&str]| known.iter().any(|known| scheme.eq_ignore_ascii_case(known.as_bytes()));
    if is(&["unix", "unixs"]) {
        return (value.len() >= LOCAL.len()).then_some(LOCAL);
    }
    let end = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
    (is(&["http", "https"]) && end > 0).then_some(&rest[..end])
}

/// A string of HPACK, as it is written.
struct Text<'a> {
    is_coded: bool,
    bytes: &'a [u8],
}

impl<'a> Text<'a> {
    fn is_authority(&self) -> bool {
        if self.is_coded {
            self.bytes.len() == AUTHORITY_CODED && self.text().as_deref() == Some(AUTHORITY)
        } else {
            self.bytes == AUTHORITY
        }
    }

    /// The text itself; none when it has a byte that no URL has.
    fn text(&self) -> Option<Cow<'a, [u8]>> {
        if self.is_coded {
            huffman::decode(self.bytes).map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(self.bytes))
        }
    }
}

struct Reader<'a> {
    block: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, Malformed> {
        let byte = self.block.get(self.at).ok_or(Malformed)?;
        self.at += 1;
        Ok(*byte)
    }

    /// An integer that begins in the low `bits` of the next byte.
    fn integer(&mut self, bits: u32) -> Result<usize, Malformed> {
        let full = (1 << bits) - 1;
        let mut value = u32::from(self.byte()?) & full;
        if value < full {
            return Ok(value as usize);
        }
        // Four more bytes are more than any length or index here.
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?;
            value += u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value as usize);
            }
        }
        Err(Malformed)
    }

    fn string(&mut self) -> Result<Text<'a>, Malformed> {
        let is_coded = self.block.get(self.at).is_some_and(|first| first & 0x80 != 0);
        let length = self.integer(7)?;
        let bytes = self.block[self.at..].get(..length).ok_or(Malformed)?;
        self.at += length;
        Ok(Text { is_coded, bytes })
    }
}

/// Writes a string that is not Huffman coded.
fn write_plain(text: &[u8], written: &mut Vec<u8>) {
    const FULL: usize = 0x7f;
    if text.len() < FULL {
        written.push(text.len() as u8);
    } else {
        written.push(FULL as u8);
        let mut rest = text.len() - FULL;
        while rest >= 0x80 {
            written.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        written.push(rest as u8);
    }
    written.extend_from_slice(text);
}
