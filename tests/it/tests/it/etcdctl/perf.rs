//! `check perf`, to its end. Whether this machine passes it is not what is tested.

use std::time::Duration;

use etcd_it::{Ctl, DEADLINE};
use etcd_testkit::wait_until;

use crate::lone::Lone;

/// The smallest load writes for a minute, and there is no flag for less.
const LENGTH: Duration = Duration::from_secs(60);

const KEYS: &str = "/etcdctl-check-perf/";

#[test]
fn the_performance_check_comes_to_its_end_and_takes_its_keys_back() {
    let lone = Lone::new();
    let _server = lone.start();
    let Some(ctl) = Ctl::new(&[lone.spec.client_url()]) else { return };
    let check = ctl.spawn(&["check", "perf", "--load=s", "--auto-compact", "--auto-defrag"]);
    wait_until("the check's keys", DEADLINE, || {
        let keys = ctl.ok(&["get", KEYS, "--prefix", "--keys-only", "--limit=3"]);
        if keys.lines().count() > 4 { Ok(()) } else { Err(keys) }
    })
    .unwrap();
    let (code, printed) = check.wait(LENGTH + 2 * DEADLINE);

    // A bar, drawn again and again on one line, comes first.
    let lines: Vec<&str> = printed.split(['\n', '\r']).map(str::trim_end).collect();
    let verdict = |what: &str| {
        let of =
            |line: &&&str| ["PASS: ", "FAIL: "].iter().any(|word| line.starts_with(&format!("{word}{what}")));
        assert_eq!(lines.iter().filter(of).count(), 1, "{what}: {printed}");
    };
    ["Throughput ", "Slowest request took ", "Stddev "].into_iter().for_each(verdict);
    for line in lines.iter().filter(|line| line.contains("ERROR(")) {
        // A machine that stands still for seconds has this; nothing else may fail.
        assert!(line.contains("etcdserver: request timed out"), "{printed}");
    }
    let passed = lines.contains(&"PASS");
    assert_eq!((code, lines.contains(&"FAIL")), (Some(i32::from(!passed)), !passed), "{printed}");

    assert!(ctl.ok(&["get", KEYS, "--prefix", "--keys-only"]).is_empty(), "it deletes its keys");
    let status = ctl.json(&["endpoint", "status"]);
    let revision = status[0]["Status"]["header"]["revision"].as_i64().unwrap();
    assert!(revision > 100, "it has written, and not only once: {status}");
    let compacted = ctl.error(&["get", KEYS, &format!("--rev={}", revision - 1)]);
    assert_eq!(compacted, "etcdserver: mvcc: required revision has been compacted");
    assert_eq!(ctl.ok(&["alarm", "list"]), "");
}
