//! Entries for the fuzz targets (`tests/fuzz`) into decoders that nobody else needs to reach. Not part of the API.

use etcd_membership::Urls;
use etcd_proto::etcdserverpb::RangeResponse;
use etcd_proto::prost::Message as _;

use crate::entry::{Entry, Found, Local};
use crate::error::DiscoveryError;
use crate::join::{first_ones, in_order};
use crate::retry::Failure;
use crate::{v2, v3};

/// Longest text of an error: a few quoted pieces of what was answered, each cut short.
const LONGEST_TEXT: usize = 1 << 10;

/// What a v2 service answers, to any question, as success and as failure.
pub fn v2_answer(data: &[u8]) {
    for status in [200, 404] {
        let (size, entries) = v2::fuzz_answer(status, data);
        judge(size, entries);
    }
}

/// What a v3 service answers, to any question.
pub fn v3_answer(data: &[u8]) {
    let Ok(answer) = RangeResponse::decode(data) else { return };
    let (size, entries) = v3::fuzz_answer(&answer);
    judge(size, Ok(entries));
}

/// Goes on with what was understood as a member does that finds itself in it, whichever it is.
fn judge(size: Result<usize, Failure>, entries: Result<Vec<Entry>, Failure>) {
    match size {
        Ok(size) => assert!(size > 0, "a cluster without members"),
        Err(failure) => presentable(failure),
    }
    let entries = match entries {
        Ok(entries) => in_order(entries),
        Err(failure) => return presentable(failure),
    };
    let urls: Urls = "http://127.0.0.1:2380".parse().unwrap_or_else(|error| panic!("a URL: {error}"));
    let local = Local::new("own", &urls, "token").unwrap_or_else(|error| panic!("a member: {error}"));
    for size in 1..=entries.len() {
        let own = entries[size - 1].id.clone();
        let found = first_ones(entries.clone(), size, &own).and_then(|first| {
            assert_eq!(first.len(), size, "the cluster is as large as was said");
            Found::new("token", &local, &first)
        });
        match found {
            Ok(found) => assert_eq!(found.members.len(), size, "each member has one name"),
            Err(error) => presentable(error.into()),
        }
    }
}

/// Whatever the service says, the error is a short line.
fn presentable(failure: Failure) {
    let text = match failure {
        Failure::Final(error) => error.to_string(),
        Failure::Passing(reason) => reason,
        Failure::Silence => DiscoveryError::Timeout.to_string(),
    };
    assert!(!text.chars().any(char::is_control), "more than a line: {text:?}");
    assert!(text.len() <= LONGEST_TEXT, "{} bytes of error", text.len());
}
