use std::time::Duration;

use super::*;

mod model;
mod time;

fn id(number: i64) -> LeaseId {
    LeaseId::new(number)
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn keys(lessor: &Lessor, number: i64) -> Option<Vec<String>> {
    let keys = lessor.keys(id(number))?;
    Some(keys.map(|key| String::from_utf8_lossy(key).into_owned()).collect())
}

#[test]
fn grants_are_checked_in_etcds_order() {
    let mut lessor = Lessor::new(Options::default());
    assert_eq!(lessor.grant(id(0), MAX_TTL + 1), Err(GrantError::NoId));
    assert_eq!(lessor.grant(id(1), MAX_TTL), Ok(()));
    assert_eq!(lessor.grant(id(1), MAX_TTL + 1), Err(GrantError::TooLong));
    assert_eq!(lessor.grant(id(1), 5), Err(GrantError::Exists));
    assert_eq!(
        lessor.grant(id(-5), -5),
        Ok(()),
        "any other number will do, and whoever proposes raises the time"
    );
    assert_eq!(lessor.len(), 2);
}

#[test]
fn a_key_has_one_lease_and_ends_with_it() {
    let mut lessor = Lessor::new(Options::default());
    for number in [1, 2] {
        lessor.grant(id(number), 5).unwrap();
    }
    for key in ["b", "a", "c"] {
        assert!(lessor.attach(key.as_bytes(), id(1)));
    }
    assert!(lessor.attach(b"b", id(2)));
    assert!(lessor.attach(b"b", id(2)), "twice is as once");
    lessor.detach(b"c");
    lessor.detach(b"never");
    assert_eq!((keys(&lessor, 1), keys(&lessor, 2)), (Some(vec!["a".into()]), Some(vec!["b".into()])));
    assert!(!lessor.attach(b"a", id(3)), "there is no such lease");
    assert_eq!((lessor.lease_of(b"a"), lessor.attached()), (None, 1));
    assert!(lessor.attach(b"z", id(2)) && lessor.attach(b"a", id(2)));
    assert_eq!(lessor.revoke(id(2)).unwrap(), ["a", "b", "z"], "ascending");
    assert_eq!(lessor.revoke(id(2)), Err(LeaseNotFound));
    assert_eq!((lessor.attached(), lessor.len(), keys(&lessor, 2)), (0, 1, None));
}

#[test]
fn an_id_is_shown_as_etcd_does() {
    assert_eq!(id(0x1234).to_string(), "0000000000001234");
    assert_eq!(id(-1).to_string(), "ffffffffffffffff");
}
