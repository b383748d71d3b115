//! Takes apart JSON that has been scanned already.

use std::borrow::Cow;

/// What a value is, by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Object,
    Array,
    Text,
    Bool,
    Null,
    Number,
}

/// The shape of a value that begins with this text, spaces skipped.
pub(super) fn shape(value: &[u8]) -> Shape {
    match value.first() {
        Some(b'{') => Shape::Object,
        Some(b'[') => Shape::Array,
        Some(b'"') => Shape::Text,
        Some(b't' | b'f') => Shape::Bool,
        Some(b'n') => Shape::Null,
        _ => Shape::Number,
    }
}

/// The elements of an array, each without space around it.
pub(super) fn elements(array: &[u8]) -> impl Iterator<Item = &[u8]> {
    Items { text: array, at: 1 }
}

/// The keys and values of an object, in the order they stand there.
pub(super) fn members(object: &[u8]) -> impl Iterator<Item = (Cow<'_, str>, &[u8])> {
    let mut items = Items { text: object, at: 1 };
    std::iter::from_fn(move || {
        let key = items.next()?;
        Some((text(key), items.next()?))
    })
}

/// The text of a string. What is not Unicode becomes the replacement character, as in Go.
pub(super) fn text(string: &[u8]) -> Cow<'_, str> {
    let inner = string.get(1..string.len() - 1).unwrap_or_default();
    if !inner.contains(&b'\\') {
        return String::from_utf8_lossy(inner);
    }
    let mut plain = Vec::with_capacity(inner.len());
    let mut at = 0;
    while let Some(&byte) = inner.get(at) {
        at += 1;
        if byte != b'\\' {
            plain.push(byte);
            continue;
        }
        let escape = inner.get(at).copied().unwrap_or_default();
        at += 1;
        if escape == b'u' {
            let (letter, used) = letter(&inner[at.min(inner.len())..]);
            at += used;
            plain.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            plain.push(match escape {
                b'b' => 0x08,
                b'f' => 0x0c,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                same => same,
            });
        }
    }
    Cow::Owned(String::from_utf8_lossy(&plain).into_owned())
}

/// The character of `hhhh` or `hhhh\uhhhh`, and how many bytes that took.
fn letter(digits: &[u8]) -> (char, usize) {
    let Some(first) = unit(digits) else { return (char::REPLACEMENT_CHARACTER, 4) };
    if let Some(plain) = char::from_u32(u32::from(first)) {
        return (plain, 4);
    }
    let second = digits.get(4..).and_then(|rest| rest.strip_prefix(b"\\u")).and_then(unit);
    match second.and_then(|second| char::decode_utf16([first, second]).next()?.ok()) {
        Some(pair) => (pair, 10),
        None => (char::REPLACEMENT_CHARACTER, 4),
    }
}

fn unit(digits: &[u8]) -> Option<u16> {
    let digits = std::str::from_utf8(digits.get(..4)?).ok()?;
    u16::from_str_radix(digits, 16).ok()
}

/// Walks over what stands between separators.
struct Items<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Items<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while self
            .text
            .get(self.at)
            .is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b':'))
        {
            self.at += 1;
        }
        let from = self.at;
        let end = end(self.text, from);
        self.at = end;
        (end > from).then(|| &self.text[from..end])
    }
}

/// Where the value that starts at `from` ends; `from` itself when a container ends there.
fn end(text: &[u8], from: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = from;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => at = string_end(text, at),
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => {
                depth -= 1;
                at += 1;
            }
            b' ' | b'\t' | b'\r' | b'\n' | b',' | b':' if depth == 0 => return at,
            _ => {
                at += 1;
                continue;
            }
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

fn string_end(text: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::{elements, members, text};

    #[test]
    fn containers_are_taken_apart() {
        let object = br#"{ "a" : 1 , "b\n":[1,{"c":"]}"}], "d":"x\"y" , "e": { } }"#;
        let found: Vec<_> = members(object).collect();
        let expected: [(&str, &[u8]); 4] =
            [("a", b"1"), ("b\n", br#"[1,{"c":"]}"}]"#), ("d", br#""x\"y""#), ("e", b"{ }")];
        assert_eq!(found.len(), expected.len());
        for ((key, value), (expected_key, expected_value)) in found.into_iter().zip(expected) {
            assert_eq!((key.as_ref(), value), (expected_key, expected_value));
        }
        let array: Vec<&[u8]> = elements(b"[ 1 ,[], \"a,b\" ,null ]").collect();
        assert_eq!(array, [&b"1"[..], b"[]", b"\"a,b\"", b"null"]);
        assert_eq!(elements(b"[ ]").count(), 0);
        assert_eq!(members(b"{}").count(), 0);
    }

    #[test]
    fn texts_are_unescaped() {
        for (json, expected) in [
            (&br#""plain""#[..], "plain"),
            (br#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
            (br#""\u00e4\ud83d\ude00\ud83d!""#, "\u{e4}\u{1f600}\u{fffd}!"),
            (b"\"\xff\"", "\u{fffd}"),
        ] {
            assert_eq!(text(json), expected);
        }
    }
}
