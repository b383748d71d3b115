//! Protobuf to JSON, by the table of messages.
//!
//! As etcd's gateway gives it: names of the `.proto` file, in the order of their numbers; what is zero is left out;
//! 64-bit numbers as strings; enums by name, bytes in base64; texts with the characters escaped that HTML minds.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf as _, Bytes};
use etcd_proto::prost::DecodeError;
use etcd_proto::prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use etcd_proto::schema::{Field, Kind, Message};

/// An answer that is not what the table says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

impl From<DecodeError> for Malformed {
    fn from(_: DecodeError) -> Self {
        Self
    }
}

/// Appends the message in `wire` as JSON.
///
/// Repeated fields stand together on the wire: every encoder of this process writes them so.
///
/// # Errors
/// When `wire` is not such a message.
pub(super) fn message(schema: &Message, mut wire: Bytes, out: &mut Vec<u8>) -> Result<(), Malformed> {
    out.push(b'{');
    let mut list: Option<u32> = None;
    let mut is_first = true;
    while wire.has_remaining() {
        let (number, wire_type) = decode_key(&mut wire)?;
        let Some(field) = schema.fields.iter().find(|field| field.number == number) else {
            skip_field(wire_type, number, &mut wire, DecodeContext::default())?;
            continue;
        };
        let continues = list == Some(number);
        if continues {
            out.push(b',');
        } else {
            if list.take().is_some() {
                out.push(b']');
            }
            if !is_first {
                out.push(b',');
            }
            is_first = false;
            string(field.name, out);
            out.push(b':');
            if field.is_repeated {
                out.push(b'[');
                list = Some(number);
            }
        }
        one_or_packed(field, wire_type, &mut wire, out)?;
    }
    if list.is_some() {
        out.push(b']');
    }
    out.push(b'}');
    Ok(())
}

fn one_or_packed(
    field: &Field,
    wire_type: WireType,
    wire: &mut Bytes,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let is_delimited = matches!(field.kind, Kind::String | Kind::Bytes | Kind::Message(_));
    match (wire_type, is_delimited) {
        (WireType::LengthDelimited, true) => one(field.kind, delimited(wire)?, out),
        (WireType::LengthDelimited, false) if field.is_repeated => {
            let mut packed = delimited(wire)?;
            let mut separator: &[u8] = b"";
            while packed.has_remaining() {
                out.extend_from_slice(separator);
                scalar(field.kind, decode_varint(&mut packed)?, out);
                separator = b",";
            }
            Ok(())
        }
        (WireType::Varint, false) => {
            scalar(field.kind, decode_varint(wire)?, out);
            Ok(())
        }
        _ => Err(Malformed),
    }
}

fn delimited(wire: &mut Bytes) -> Result<Bytes, Malformed> {
    let length = usize::try_from(decode_varint(wire)?).ok().filter(|length| *length <= wire.len());
    Ok(wire.split_to(length.ok_or(Malformed)?))
}

fn one(kind: Kind, content: Bytes, out: &mut Vec<u8>) -> Result<(), Malformed> {
    match kind {
        Kind::Message(schema) => message(schema, content, out)?,
        Kind::Bytes => {
            out.push(b'"');
            let from = out.len();
            out.resize(from + content.len().div_ceil(3) * 4, 0);
            // The slice has the exact size.
            let _size = STANDARD.encode_slice(&content, &mut out[from..]);
            out.push(b'"');
        }
        _ => string(std::str::from_utf8(&content).map_err(|_| Malformed)?, out),
    }
    Ok(())
}

fn scalar(kind: Kind, value: u64, out: &mut Vec<u8>) {
    let text = match kind {
        Kind::Bool => (value != 0).to_string(),
        Kind::Int32 => (value as i32).to_string(),
        Kind::Uint32 => (value as u32).to_string(),
        Kind::Int64 => format!("\"{}\"", value as i64),
        Kind::Enum(values) => {
            let number = value as i32;
            match values.values.iter().find(|(known, _)| *known == number) {
                Some((_, name)) => format!("\"{name}\""),
                None => number.to_string(),
            }
        }
        _ => format!("\"{value}\""),
    };
    out.extend_from_slice(text.as_bytes());
}

/// Appends a string as Go's `encoding/json` writes it.
pub(super) fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for letter in text.chars() {
        match letter {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(letter)).as_bytes());
            }
            plain => out.extend_from_slice(plain.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests;
