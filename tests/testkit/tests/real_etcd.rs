//! The testkit against a real etcd: `ETCD_BIN`, or the one that Debian installs.

use std::path::PathBuf;

use etcd_testkit::{Cluster, ClusterError, Usage, last_lines};

/// The server to test with; without one, the tests here cannot say anything, which CI must not overlook.
#[expect(clippy::print_stderr, reason = "a skipped test must not look like one that passed")]
fn etcd() -> Option<PathBuf> {
    let named = std::env::var_os("ETCD_BIN").map(PathBuf::from);
    let binary = named.unwrap_or_else(|| "/usr/bin/etcd".into());
    if binary.is_file() {
        return Some(binary);
    }
    assert_ne!(
        std::env::var("CI").as_deref(),
        Ok("true"),
        "CI needs an etcd: {} is missing",
        binary.display()
    );
    eprintln!("SKIPPED: no etcd to test with: set ETCD_BIN, or install Debian's etcd-server");
    None
}

#[test]
fn a_killed_leader_is_replaced_and_comes_back() {
    let Some(binary) = etcd() else { return };
    let mut cluster = Cluster::builder(binary).members(3).start().unwrap();
    let first = cluster.wait_for_leader().unwrap();
    let usage = Usage::read(cluster.member(first).pid().unwrap()).unwrap();
    assert!(usage.resident_bytes > 1 << 20, "{usage:?}");

    cluster.kill(first).unwrap();
    assert!(matches!(cluster.kill(first), Err(ClusterError::NotRunning { .. })));
    let second = cluster.wait_for_leader().unwrap();
    assert_ne!(first, second);

    cluster.start(first).unwrap();
    assert!(matches!(cluster.start(first), Err(ClusterError::Running { .. })));
    cluster.wait_for_health(first).unwrap();
    let members = cluster.member(first).probe().members().unwrap();
    let mut names: Vec<_> = members.iter().map(|member| member.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["infra0", "infra1", "infra2"]);
}

#[test]
fn a_paused_member_catches_up_and_a_stopped_one_ends_well() {
    let Some(binary) = etcd() else { return };
    let mut cluster = Cluster::builder(binary).members(3).start().unwrap();
    let leader = cluster.wait_for_leader().unwrap();
    cluster.pause(leader).unwrap();
    assert_ne!(cluster.wait_for_leader().unwrap(), leader);
    cluster.resume(leader).unwrap();
    cluster.wait_for_health(leader).unwrap();

    let leader = cluster.wait_for_leader().unwrap();
    let version = cluster.member(leader).probe().version().unwrap();
    assert!(version.server.starts_with("3."), "{version:?}");
    let status = cluster.stop(leader).unwrap();
    // Go's etcd dies of the signal it was sent, after its clean-up; a clean exit is as good.
    assert_ne!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "{status}");
    cluster.wipe(leader).unwrap();
}

#[test]
fn a_member_that_cannot_start_fails_the_wait_with_its_log() {
    let Some(binary) = etcd() else { return };
    let parent = tempfile::tempdir().unwrap();
    let builder = Cluster::builder(binary).argument("--election-timeout=1").parent_directory(parent.path());
    let error = builder.start().unwrap_err().to_string();
    assert!(error.contains("infra0 ended by itself"), "{error}");
    assert!(error.contains("--- infra0 ("), "{error}");
    assert!(error.contains("election-timeout"), "{error}");

    let kept: Vec<_> = std::fs::read_dir(parent.path()).unwrap().collect();
    assert_eq!(kept.len(), 1, "the directory of a failed cluster is kept");
    let log = kept[0].as_ref().unwrap().path().join("infra0.log");
    assert!(!last_lines(&log, 1).is_empty());
}
