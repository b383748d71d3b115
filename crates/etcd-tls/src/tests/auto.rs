//! Automatic certificates.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::SystemTime;

use super::material::{DAY, shake, tls};
use crate::Options;
use crate::auto::{AutoError, ensure};
use crate::facts::Facts;
use crate::pem::certificates;

fn hosts(hosts: &[&str]) -> Vec<String> {
    hosts.iter().map(|host| (*host).to_owned()).collect()
}

#[tokio::test]
async fn a_certificate_is_made_once_and_serves() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("fixtures/client");
    let now = SystemTime::now();
    let names = hosts(&["127.0.0.1", "::1", "localhost", "127.0.0.1"]);
    let pair = ensure(&directory, &names, 2, now).unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&directory), mode(&pair.key), mode(&pair.cert)), (0o700, 0o600, 0o644));
    assert_eq!(mode(&scratch.path().join("fixtures")), 0o700);

    let facts = Facts::of(&certificates(&pair.cert).unwrap()[0]).unwrap();
    assert_eq!(facts.not_after.duration_since(facts.not_before).unwrap(), 2 * 365 * DAY);
    assert_eq!((facts.addresses.len(), &*facts.dns_names), (2, &hosts(&["localhost"])[..]));
    assert_eq!(facts.common_name, None);

    let before = fs::read(&pair.cert).unwrap();
    assert_eq!(ensure(&directory, &names, 1, now + 100 * DAY).unwrap(), pair);
    assert_eq!(fs::read(&pair.cert).unwrap(), before, "reused");

    let server = tls(Options { server: Some(pair.clone()), ..Options::default() });
    let pins = tls(Options { trusted_ca: Some(pair.cert), ..Options::default() });
    assert_eq!(shake(&server, &pins, "localhost").await, (Ok(()), Ok(())));
}

#[test]
fn a_certificate_is_replaced_when_it_ends_or_is_not_usable() {
    let scratch = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let names = hosts(&["127.0.0.1"]);
    let pair = ensure(scratch.path(), &names, 1, now).unwrap();
    let read = || fs::read(&pair.cert).unwrap();
    let replaced = |hosts: &[String], now: SystemTime| {
        let before = read();
        ensure(scratch.path(), hosts, 1, now).unwrap();
        read() != before
    };
    assert!(!replaced(&names, now + 334 * DAY));
    assert!(replaced(&names, now + 336 * DAY), "thirty days before its end");
    assert!(replaced(&hosts(&["127.0.0.2"]), now));
    assert!(!replaced(&hosts(&["127.0.0.2"]), now));
    fs::remove_file(&pair.key).unwrap();
    assert!(replaced(&names, now));
    fs::write(&pair.cert, "rubbish").unwrap();
    assert!(replaced(&names, now));
    assert!(matches!(ensure(scratch.path(), &names, 0, now), Err(AutoError::Validity)));
    ensure(scratch.path(), &hosts(&["a.test"]), u64::MAX, now).unwrap();
}
