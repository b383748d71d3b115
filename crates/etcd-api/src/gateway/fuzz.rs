//! What the fuzz targets call.

use bytes::Bytes;
use etcd_proto::schema::METHODS;

use super::{decode, encode, scan};

/// Reads `json` as the request of the method with this number (modulo how many there are), and writes what was read as
/// JSON again.
///
/// # Panics
/// What was read cannot be written, or is not JSON then.
pub(crate) fn request(number: usize, json: &[u8]) {
    let schema = METHODS[number % METHODS.len()].request;
    let mut wire = Vec::new();
    if scan::check(json).is_err() || decode::message(schema, json, &mut wire).is_err() {
        return;
    }
    let mut again = Vec::new();
    assert!(encode::message(schema, wire.into(), &mut again).is_ok(), "what was read can be written");
    assert!(scan::check(&again).is_ok(), "not JSON: {}", String::from_utf8_lossy(&again));
}

/// Writes any bytes as the JSON of that method's answer.
///
/// # Panics
/// What is written is not JSON.
pub(crate) fn answer(number: usize, wire: &[u8]) {
    let mut json = Vec::new();
    let schema = METHODS[number % METHODS.len()].response;
    if encode::message(schema, Bytes::copy_from_slice(wire), &mut json).is_ok() {
        assert!(scan::check(&json).is_ok(), "not JSON: {}", String::from_utf8_lossy(&json));
    }
}
