//! Header blocks of old clients, and everything that must not be touched.

mod connection;
mod damage;
mod frames;
mod huffman;
mod literals;
mod tables;

use super::filter::Filter;

const LIMIT: usize = 64 << 10;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 0x01;
const END_HEADERS: u8 = 0x04;
const PADDED: u8 = 0x08;
const PRIORITY: u8 = 0x20;

/// What etcdctl 3.4.23 sends for `--endpoints=http://127.0.0.1:23790 endpoint status`, from the first field to
/// `:authority`; and the same as it should be.
const OLD: &[u8] = b"\
    \x83\x86\x45\x97\x60\xa9\x24\x88\x2d\x9d\xcb\x65\x71\xaf\xa0\x66\xa9\x25\xa8\x75\x10\xac\x6e\x48\xd3\
    \x6a\x3f\
    \x41\x90\x9d\x29\xae\xe3\x0c\x04\x4e\xae\x05\xc0\xb8\x6e\x09\x97\x5f\x07";
const CORRECTED: &[u8] = b"\
    \x83\x86\x45\x97\x60\xa9\x24\x88\x2d\x9d\xcb\x65\x71\xaf\xa0\x66\xa9\x25\xa8\x75\x10\xac\x6e\x48\xd3\
    \x6a\x3f\
    \x41\x0f127.0.0.1:23790";

fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags, 0, 0, 0, 1]);
    frame.extend(payload);
    frame
}

/// A connection with these frames.
fn connection(frames: &[Vec<u8>]) -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, &[]), &frames.concat()].concat()
}

/// What a filter makes of it, given so many bytes at once.
fn filtered(bytes: &[u8], chunk: usize) -> Vec<u8> {
    let mut filter = Filter::new(LIMIT);
    let mut ready = Vec::new();
    for chunk in bytes.chunks(chunk) {
        filter.feed(chunk, &mut ready);
    }
    filter.leave(&mut ready);
    ready
}

/// A string of HPACK.
fn string(bytes: &[u8], is_coded: bool) -> Vec<u8> {
    let mut string = integer(u8::from(is_coded) << 7, 7, bytes.len());
    string.extend(bytes);
    string
}

/// An integer of HPACK, behind the high bits of its first byte.
fn integer(high: u8, bits: u32, value: usize) -> Vec<u8> {
    let full = (1 << bits) - 1;
    if value < full {
        return vec![high | value as u8];
    }
    let mut integer = vec![high | full as u8];
    let mut rest = value - full;
    while rest >= 128 {
        integer.push((rest % 128 + 128) as u8);
        rest /= 128;
    }
    integer.push(rest as u8);
    integer
}
