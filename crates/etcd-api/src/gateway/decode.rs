//! JSON to protobuf, by the table of messages.
//!
//! As etcd's gateway takes it: names of the `.proto` file or in camel case (which wins), unknown names ignored,
//! numbers also as strings, enums by name or number, bytes in base64 or as an array of numbers, null as if it were
//! not there. Newer etcd also takes the URL-safe alphabet and no padding; so does this. The texts of mistakes are
//! those that etcd 3.4 answers.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use etcd_proto::prost::encoding::{WireType, encode_key, encode_varint};
use etcd_proto::schema::{Enum, Field, Kind, Message};

use super::scan::{self, Mistake};
use super::value::{Shape, elements, members, shape, text};

/// Messages inside each other; deeper ones are refused. The protobuf decoder stops at 100.
const MAX_DEPTH: usize = 64;

const PADDED: GeneralPurpose = engine(DecodePaddingMode::RequireCanonical);
const UNPADDED: GeneralPurpose = engine(DecodePaddingMode::RequireNone);

const fn engine(padding: DecodePaddingMode) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(&STANDARD, config.with_decode_padding_mode(padding))
}

/// Appends the message that a scanned JSON value describes.
///
/// # Errors
/// What is wrong with it, for the client.
pub(super) fn message(schema: &Message, json: &[u8], out: &mut Vec<u8>) -> Result<(), Mistake> {
    nested(schema, json.trim_ascii(), 0, out)
}

fn nested(schema: &Message, json: &[u8], depth: usize, out: &mut Vec<u8>) -> Result<(), Mistake> {
    match shape(json) {
        Shape::Object => {}
        Shape::Null => return Ok(()),
        other => return Err(mistyped(other, "map[string]json.RawMessage")),
    }
    if depth >= MAX_DEPTH {
        return Err(Mistake(format!("more than {MAX_DEPTH} messages inside each other")));
    }
    let members: Vec<_> = members(json).collect();
    for field in schema.fields {
        let named = |name: &str| members.iter().rev().find(|(key, _)| key == name).map(|(_, value)| *value);
        let Some(value) = named(field.json_name).or_else(|| named(field.name)) else { continue };
        match shape(value) {
            Shape::Null => {}
            Shape::Array if field.is_repeated => {
                for element in elements(value) {
                    one(field, element, depth, out)?;
                }
            }
            Shape::Text
                if field.is_repeated
                    && let Kind::Enum(values) = field.kind =>
            {
                return Err(Mistake(format!("invalid target \"slice\" for enum {}", values.name)));
            }
            other if field.is_repeated => return Err(mistyped(other, "[]json.RawMessage")),
            _ => one(field, value, depth, out)?,
        }
    }
    Ok(())
}

/// Appends one value of a field. Zeros too: in a `oneof` they mean something.
fn one(field: &Field, json: &[u8], depth: usize, out: &mut Vec<u8>) -> Result<(), Mistake> {
    match field.kind {
        Kind::Message(schema) => {
            let mut inner = Vec::new();
            nested(schema, json, depth + 1, &mut inner)?;
            delimited(field.number, &inner, out);
        }
        Kind::String => {
            if shape(json) != Shape::Text {
                return if shape(json) == Shape::Null {
                    Ok(())
                } else {
                    Err(mistyped(shape(json), "string"))
                };
            }
            delimited(field.number, text(json).as_bytes(), out);
        }
        Kind::Bytes => {
            if let Some(bytes) = bytes(json)? {
                delimited(field.number, &bytes, out);
            }
        }
        Kind::Bool => match shape(json) {
            Shape::Bool => varint(field.number, u64::from(json == b"true"), out),
            Shape::Null => {}
            other => return Err(mistyped(other, "bool")),
        },
        Kind::Enum(values) => {
            if let Some(number) = enumerated(values, json)? {
                varint(field.number, i64::from(number) as u64, out);
            }
        }
        Kind::Int32 => signed(field.number, number::<i32>(json, "int32")?.map(i64::from), out),
        Kind::Int64 => signed(field.number, number::<i64>(json, "int64")?, out),
        Kind::Uint32 => unsigned(field.number, number::<u32>(json, "uint32")?.map(u64::from), out),
        Kind::Uint64 => unsigned(field.number, number::<u64>(json, "uint64")?, out),
    }
    Ok(())
}

fn signed(field: u32, value: Option<i64>, out: &mut Vec<u8>) {
    unsigned(field, value.map(|value| value as u64), out);
}

fn unsigned(field: u32, value: Option<u64>, out: &mut Vec<u8>) {
    if let Some(value) = value {
        varint(field, value, out);
    }
}

fn varint(field: u32, value: u64, out: &mut Vec<u8>) {
    encode_key(field, WireType::Varint, out);
    encode_varint(value, out);
}

fn delimited(field: u32, bytes: &[u8], out: &mut Vec<u8>) {
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// An integer, or a string whose content is one; `None` for null.
fn number<N: std::str::FromStr>(json: &[u8], go_type: &str) -> Result<Option<N>, Mistake> {
    let mut json = json;
    if shape(json) == Shape::Text {
        json = &json[1..json.len() - 1];
        scan::check(json)?;
        json = json.trim_ascii();
    }
    match shape(json) {
        Shape::Number => {}
        Shape::Null => return Ok(None),
        other => return Err(mistyped(other, go_type)),
    }
    let digits = String::from_utf8_lossy(json);
    match digits.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => {
            Err(Mistake(format!("json: cannot unmarshal number {digits} into Go value of type {go_type}")))
        }
    }
}

/// A value of the enum, by name or by number; numbers without a name pass.
fn enumerated(values: &Enum, json: &[u8]) -> Result<Option<i32>, Mistake> {
    if shape(json) != Shape::Text {
        return number::<i32>(json, values.name);
    }
    let name = text(json);
    match values.values.iter().find(|(_, known)| *known == name) {
        Some((number, _)) => Ok(Some(*number)),
        None => Err(Mistake(format!("unknown value {:?} for enum {}", name, values.name))),
    }
}

fn bytes(json: &[u8]) -> Result<Option<Vec<u8>>, Mistake> {
    match shape(json) {
        Shape::Text => base64(&text(json)).map(Some),
        Shape::Array => {
            elements(json).filter_map(|element| byte(element).transpose()).collect::<Result<_, _>>().map(Some)
        }
        Shape::Null => Ok(None),
        other => Err(mistyped(other, "[]uint8")),
    }
}

fn byte(json: &[u8]) -> Result<Option<u8>, Mistake> {
    match shape(json) {
        Shape::Number => number::<u8>(json, "uint8"),
        Shape::Null => Ok(Some(0)),
        other => Err(mistyped(other, "uint8")),
    }
}

fn base64(text: &str) -> Result<Vec<u8>, Mistake> {
    let engine = if text.contains('=') { PADDED } else { UNPADDED };
    let is_plain = |byte: &u8| !matches!(byte, b'\r' | b'\n' | b'-' | b'_');
    let decoded = if text.as_bytes().iter().all(is_plain) {
        engine.decode(text)
    } else {
        let lines = text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n'));
        let standard = lines.map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        });
        engine.decode(standard.collect::<Vec<u8>>())
    };
    decoded.map_err(|_| Mistake(format!("illegal base64 data at input byte {}", illegal_at(text.as_bytes()))))
}

/// Where Go stops reading: at the offending byte, or at the start of four that are not complete.
fn illegal_at(text: &[u8]) -> usize {
    let skip = |mut at: usize| {
        while matches!(text.get(at), Some(b'\r' | b'\n')) {
            at += 1;
        }
        at
    };
    let mut at = 0;
    let mut inside = 0;
    loop {
        at = skip(at);
        match text.get(at) {
            None => return at - inside,
            Some(byte) if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/') => {
                at += 1;
                inside = (inside + 1) % 4;
            }
            Some(b'=') if inside == 2 => {
                let second = skip(at + 1);
                return match text.get(second) {
                    Some(b'=') => second + 1,
                    Some(_) => second - 1,
                    None => text.len(),
                };
            }
            Some(b'=') if inside == 3 => return at + 1,
            Some(_) => return at,
        }
    }
}

fn mistyped(found: Shape, go_type: &str) -> Mistake {
    let found = match found {
        Shape::Object => "object",
        Shape::Array => "array",
        Shape::Text => "string",
        Shape::Bool => "bool",
        Shape::Null => "null",
        Shape::Number => "number",
    };
    Mistake(format!("json: cannot unmarshal {found} into Go value of type {go_type}"))
}

#[cfg(test)]
mod tests;
