//! `etcdctl` against every member.

use etcd_it::{Ctl, cluster, start};
use serde_json::{Value, json};

#[test]
fn put_get_and_del_print_what_they_should() {
    let cluster = start(cluster(3));
    for url in cluster.client_urls() {
        let Some(ctl) = Ctl::new(&[url]) else { return };
        // One step a line: the command, and what it prints. Every round starts and ends with an empty store.
        for (command, printed) in [
            ("put a 1", "OK\n"),
            ("put b 2", "OK\n"),
            ("put c 3", "OK\n"),
            ("put a 11 --prev-kv", "OK\na\n1\n"),
            ("get a", "a\n11\n"),
            ("get nothing", ""),
            ("get a c", "a\n11\nb\n2\n"),
            ("get a --consistency=s", "a\n11\n"),
            ("get b --print-value-only", "2\n"),
            ("get b --from-key", "b\n2\nc\n3\n"),
            ("get a z --keys-only", "a\n\nb\n\nc\n\n"),
            ("get a z --limit=2", "a\n11\nb\n2\n"),
            ("get a z --sort-by=VALUE --order=DESCEND --keys-only", "c\n\nb\n\na\n\n"),
            ("get a z --sort-by=MODIFY --keys-only", "b\n\nc\n\na\n\n"),
            ("get a z --sort-by=CREATE --order=DESCEND --limit=1 --keys-only", "c\n\n"),
            ("get a z --sort-by=VERSION --order=DESCEND --limit=1 --keys-only", "a\n\n"),
            ("put pre/1 x", "OK\n"),
            ("put pre/2 y", "OK\n"),
            ("get pre/ --prefix", "pre/1\nx\npre/2\ny\n"),
            ("put pre/2 --ignore-value", "OK\n"),
            ("get pre/2", "pre/2\ny\n"),
            ("del pre/1 --prev-kv", "1\npre/1\nx\n"),
            ("del pre/1", "0\n"),
            ("del a c", "2\n"),
            ("del c --from-key", "2\n"),
        ] {
            let words: Vec<_> = command.split(' ').collect();
            assert_eq!(ctl.ok(&words), printed, "etcdctl {command}");
        }
        assert_eq!(ctl.json(&["get", "a", "--from-key"])["kvs"], Value::Null, "all is deleted");
    }
}

#[test]
fn a_member_sees_what_another_wrote() {
    let cluster = start(cluster(3));
    let urls = cluster.client_urls();
    let Some(writer) = Ctl::new(&urls[..1]) else { return };
    assert_eq!(writer.ok(&["put", "k", "v1"]), "OK\n");
    assert_eq!(writer.ok(&["put", "k", "v2"]), "OK\n");
    for url in &urls {
        let ctl = Ctl::new(&[url]).expect("it was there a moment ago");
        let answer = ctl.json(&["get", "k"]);
        let pair =
            json!({"key": "aw==", "value": "djI=", "create_revision": 2, "mod_revision": 3, "version": 2});
        assert_eq!((&answer["kvs"], &answer["count"]), (&json!([pair]), &json!(1)), "{answer}");
        assert_eq!(answer["header"]["revision"], 3);
        assert_eq!(ctl.ok(&["get", "k", "--rev=2"]), "k\nv1\n");
        assert_eq!(
            ctl.json(&["get", "", "--from-key", "--limit=1"])["more"],
            Value::Null,
            "there is one key"
        );
    }
}

#[test]
fn compaction_and_its_errors() {
    const COMPACTED: &str = "etcdserver: mvcc: required revision has been compacted";
    const FUTURE: &str = "etcdserver: mvcc: required revision is a future revision";
    let cluster = start(cluster(3));
    for (member, url) in cluster.client_urls().into_iter().enumerate() {
        let Some(ctl) = Ctl::new(&[url]) else { return };
        for value in ["1", "2", "3"] {
            assert_eq!(ctl.ok(&["put", "k", value]), "OK\n");
        }
        let revision = ctl.json(&["get", "k"])["header"]["revision"].as_i64().expect("a revision");
        assert_eq!(revision, 4 + 3 * i64::try_from(member).expect("small"));
        let text = |revision: i64| revision.to_string();
        let physical: &[&str] = if member == 0 { &[] } else { &["--physical"] };
        let kept = text(revision - 1);
        let compaction = [&["compaction", &*kept], physical].concat();
        assert_eq!(ctl.ok(&compaction), format!("compacted revision {}\n", revision - 1));
        assert_eq!(ctl.error(&compaction), COMPACTED);
        assert_eq!(ctl.error(&["compaction", &text(revision + 1)]), FUTURE);
        assert_eq!(ctl.error(&["get", "k", &format!("--rev={}", revision - 2)]), COMPACTED);
        assert_eq!(
            ctl.ok(&["get", "k", &format!("--rev={}", revision - 1)]),
            "k\n2\n",
            "the newest one is kept"
        );
        assert_eq!(ctl.error(&["get", "k", &format!("--rev={}", revision + 1)]), FUTURE);
    }
}

#[test]
fn txn_from_standard_input() {
    let cluster = start(cluster(3));
    for url in cluster.client_urls() {
        let Some(ctl) = Ctl::new(&[url]) else { return };
        assert_eq!(ctl.ok(&["put", "b", "2"]), "OK\n");
        let txn = |arguments: &[&str], input: &str| {
            let answer = ctl.run_with_input(arguments, input);
            assert_eq!(answer.code, Some(0), "{input:?}: {answer:?}");
            answer.stdout
        };
        let equal = "value(\"b\") = \"2\"\n\nput d 4\nget b\n\nput d 5\n\n";
        assert_eq!(txn(&["txn"], equal), "SUCCESS\n\nOK\n\nb\n2\n");
        let prompts = "compares:\nsuccess requests (get, put, del):\nfailure requests (get, put, del):\n";
        assert_eq!(txn(&["txn", "-i"], equal), format!("{prompts}SUCCESS\n\nOK\n\nb\n2\n"));
        let later = "mod(\"b\") > \"1000000\"\nversion(\"b\") > \"0\"\n\nput d 5\n\nget d\ndel d\ndel d\n\n";
        assert_eq!(txn(&["txn"], later), "FAILURE\n\nd\n4\n\n1\n\n0\n");
        let twice = "\nput d 1\nput d 2\n\n\n";
        let answer = ctl.run_with_input(&["txn"], twice);
        assert_eq!(answer.stderr, "Error: etcdserver: duplicate key given in txn request\n");
        assert_eq!(ctl.ok(&["get", "d"]), "", "a refused txn writes nothing");
        assert_eq!(ctl.ok(&["del", "b"]), "1\n");
    }
}

#[test]
fn member_list_endpoint_status_and_health() {
    let mut cluster = start(cluster(3));
    // Without scheme, as etcdctl's own default is written.
    let urls: Vec<_> = cluster.client_urls().iter().map(|url| url.replace("http://", "")).collect();
    let leader = cluster.wait_for_leader().expect("a leader");
    let Some(all) = Ctl::new(&urls) else { return };
    // A new member is listed without a name until it has published itself.
    cluster.wait_for_names();
    let mut lists = Vec::new();
    for url in &urls {
        lists.push(Ctl::new(&[url]).expect("it is there").ok(&["member", "list"]));
    }
    assert!(lists.iter().all(|list| *list == lists[0]), "{lists:?}");
    for member in cluster.members() {
        let spec = member.spec();
        let tail = format!(", started, {}, {}, {}, false", spec.name, spec.peer_url(), spec.client_url());
        let line = lists[0].lines().find(|line| line.ends_with(&tail));
        let id = member.probe().metrics().expect("metrics").server_id().map(str::to_owned);
        assert_eq!(line.and_then(|line| line.strip_suffix(&tail)), id.as_deref(), "{lists:?}");
    }

    let statuses = all.json(&["endpoint", "status"]);
    let statuses = statuses.as_array().expect("a list");
    assert_eq!(statuses.len(), 3);
    let leader_id = &statuses[leader]["Status"]["header"]["member_id"];
    for (status, url) in statuses.iter().zip(&urls) {
        let inner = &status["Status"];
        assert_eq!(status["Endpoint"], *url);
        assert_eq!(&inner["leader"], leader_id, "{status}");
        assert!(inner["version"].as_str().is_some_and(|version| version.starts_with("3.")), "{status}");
        for field in ["dbSize", "dbSizeInUse", "raftIndex", "raftTerm", "raftAppliedIndex"] {
            assert!(inner[field].as_u64().is_some_and(|value| value > 0), "{field}: {status}");
        }
        assert_eq!(inner["errors"], Value::Null, "{status}");
    }

    let health = all.run(&["endpoint", "health"]);
    assert_eq!(health.code, Some(0), "{health:?}");
    let said = health.stdout + &health.stderr;
    for url in &urls {
        let line = format!("{url} is healthy: successfully committed proposal: took = ");
        assert!(said.contains(&line), "{said}");
    }
    let hashes = all.ok(&["endpoint", "hashkv"]);
    let hashes: Vec<_> = hashes.lines().filter_map(|line| line.split(", ").nth(1)).collect();
    assert!(hashes.len() == 3 && hashes.iter().all(|hash| *hash == hashes[0]), "{hashes:?}");
}

/// etcdctl 3.4 then sends the whole URL as the request's `:authority`, which it is not.
#[test]
fn endpoints_with_a_scheme() {
    let cluster = start(cluster(3));
    let urls = cluster.client_urls();
    let Some(ctl) = Ctl::new(&urls) else { return };
    assert_eq!(ctl.ok(&["endpoint", "health"]), "");
    assert_eq!(ctl.ok(&["endpoint", "hashkv"]).lines().count(), 3);
    let statuses = ctl.ok(&["endpoint", "status"]);
    for (line, url) in statuses.lines().zip(&urls) {
        assert!(line.starts_with(&format!("{url}, ")), "{statuses}");
    }
    assert_eq!(statuses.lines().count(), 3);
}
