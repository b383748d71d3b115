//! The Huffman code of HPACK, as far as an authority needs it.

/// Code lengths in bits, each with its symbols in code order. The code is canonical, so that this defines it. The
/// longer codes stand for bytes that no URL has.
///
/// # Source
/// RFC 7541, appendix B.
const CODE: [(usize, &[u8]); 10] = [
    (5, b"012aceiost"),
    (6, b" %-./3456789=A_bdfghlmnpru"),
    (7, b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"),
    (8, b"&*,;XZ"),
    (10, b"!\"()?"),
    (11, b"'+|"),
    (12, b"#>"),
    (13, b"\0$@[]~"),
    (14, b"^}"),
    (15, b"<`{"),
];

const LONGEST: usize = CODE[CODE.len() - 1].0;

/// The text of a Huffman coded string; none when it is damaged or has a byte that no URL has.
pub(super) fn decode(coded: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(coded.len() * 8 / 5);
    let end = coded.len() * 8;
    let mut at = 0;
    loop {
        let window = window(coded, at);
        match symbol(window) {
            Some((symbol, length)) if at + length <= end => {
                text.push(symbol);
                at += length;
            }
            Some(_) => return None,
            // The last byte is filled up with ones, and so is the window behind it.
            None => return (end - at < 8 && window == (1 << LONGEST) - 1).then_some(text),
        }
    }
}

/// As many bits from `at` on as the longest code has; behind the end all are ones.
fn window(coded: &[u8], at: usize) -> u32 {
    let byte = |number| coded.get(at / 8 + number).copied().unwrap_or(0xff);
    let bits = u32::from_be_bytes([0, byte(0), byte(1), byte(2)]);
    bits >> (24 - LONGEST - at % 8) & ((1 << LONGEST) - 1)
}

/// What the code at the begin of a window stands for, and its length.
fn symbol(window: u32) -> Option<(u8, usize)> {
    let (mut first, mut reached) = (0, CODE[0].0);
    for (length, symbols) in CODE {
        // The codes of one length are consecutive, and those of the next length go on from there.
        first <<= length - reached;
        let place = (window >> (LONGEST - length)).checked_sub(first)? as usize;
        if let Some(symbol) = symbols.get(place) {
            return Some((*symbol, length));
        }
        first += symbols.len() as u32;
        reached = length;
    }
    None
}
