//! The `etcdctl` that people have, when this machine has one; in CI it must.

use std::process::Command;

use crate::server::Server;

/// Runs `etcdctl`; none when it is not installed.
#[expect(clippy::print_stderr, reason = "a check that is skipped must be seen")]
fn etcdctl(endpoint: &str, arguments: &[&str]) -> Option<(bool, String)> {
    let mut command = Command::new("etcdctl");
    command
        .env("ETCDCTL_API", "3")
        .args(["--endpoints", endpoint, "--command-timeout", "20s"])
        .args(arguments);
    match command.output() {
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            Some((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
        }
        Err(error) => {
            let required = std::env::var("CI").is_ok_and(|value| value == "true");
            assert!(!required, "etcdctl does not run, and in CI it must: {error}");
            eprintln!("SKIPPED: etcdctl does not run ({error}); install the package etcd-client");
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn etcdctl_works() {
    let server = Server::start().await;
    let endpoint = server.address.to_string();
    let steps: &[(&[&str], &str)] = &[
        (&["put", "foo", "bar"], "OK"),
        (&["get", "foo"], "foo\nbar"),
        (&["put", "foo2", "baz", "--prev-kv"], "OK"),
        (&["get", "--prefix", "foo", "-w", "fields"], "\"Count\" : 2"),
        (&["get", "foo", "-w", "json"], "\"cluster_id\":14841639940486409547"),
        (&["del", "foo"], "1"),
        (&["compaction", "2"], "compacted revision 2"),
        (
            &["member", "list"],
            "8e9e05c52164694d, started, memory, http://127.0.0.1:2380, http://127.0.0.1:2379",
        ),
        (&["endpoint", "status"], "8e9e05c52164694d, 3.7.0, 20 kB, true, false, 7, 12, 11,"),
        (&["endpoint", "health"], "is healthy: successfully committed proposal"),
        (&["endpoint", "hashkv"], ", 42"),
        (&["alarm", "list"], ""),
    ];
    for (arguments, expected) in steps {
        let ran = tokio::task::block_in_place(|| etcdctl(&endpoint, arguments));
        let Some((success, output)) = ran else { return };
        assert!(success && output.contains(expected), "etcdctl {arguments:?}: {output}");
    }
    let ran = tokio::task::block_in_place(|| etcdctl(&endpoint, &["get", ""]));
    let (success, output) = ran.expect("it ran before");
    assert!(!success && output.contains("etcdserver: key is not provided"), "{output}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn etcdctl_works_with_urls() {
    let server = Server::start().await;
    let endpoint = format!("http://{}", server.address);
    let steps: &[(&[&str], &str)] = &[
        // Version 3.4 sends the URL as `:authority` with these two.
        (&["endpoint", "status"], "8e9e05c52164694d, 3.7.0, 20 kB, true, false, 7, 12, 11,"),
        (&["endpoint", "hashkv"], ", 42"),
        (&["put", "foo", "bar"], "OK"),
        (&["get", "foo"], "foo\nbar"),
    ];
    for (arguments, expected) in steps {
        let ran = tokio::task::block_in_place(|| etcdctl(&endpoint, arguments));
        let Some((success, output)) = ran else { return };
        assert!(success && output.contains(expected), "etcdctl {arguments:?}: {output}");
    }
}
