//! `etcdctl watch` against every member.

use etcd_it::{Ctl, cluster, is_go_3_4, start};

#[test]
fn watch_prints_what_it_should() {
    let cluster = start(cluster(3));
    for url in cluster.client_urls() {
        let Some(ctl) = Ctl::new(&[url]) else { return };
        let revision = ctl.json(&["get", "x"])["header"]["revision"].as_i64().expect("a revision");
        let from = format!("--rev={}", revision + 1);
        for (key, value) in [("w1", "a"), ("w2", "b"), ("w1", "c")] {
            assert_eq!(ctl.ok(&["put", key, value]), "OK\n");
        }
        assert_eq!(ctl.ok(&["del", "w1"]), "1\n");
        for (arguments, printed) in [
            (vec!["watch", "w1", &from], "PUT\nw1\na\nPUT\nw1\nc\nDELETE\nw1\n\n"),
            (vec!["watch", "w1", "w3", &from], "PUT\nw1\na\nPUT\nw2\nb\nPUT\nw1\nc\nDELETE\nw1\n\n"),
            (vec!["watch", "--prefix", "w", &from], "PUT\nw1\na\nPUT\nw2\nb\nPUT\nw1\nc\nDELETE\nw1\n\n"),
            (vec!["watch", "w1", "--prev-kv", &from], "PUT\nw1\na\nPUT\nw1\na\nw1\nc\nDELETE\nw1\nc\nw1\n\n"),
        ] {
            let mut running = ctl.spawn(&arguments);
            assert_eq!(running.output(printed.len()), printed, "etcdctl {arguments:?}");
        }
        // What comes while it watches.
        let mut running = ctl.spawn(&["watch", "-i"]);
        running.input("watch w2\nprogress\n");
        assert_eq!(running.output("progress notify:".len()), "progress notify:");
        assert_eq!(ctl.ok(&["put", "w2", "live"]), "OK\n");
        assert!(running.output_until("live\n").ends_with("PUT\nw2\nlive\n"));
        // A command for each event.
        let script = "echo $ETCD_WATCH_EVENT_TYPE $ETCD_WATCH_KEY $ETCD_WATCH_VALUE";
        let mut running = ctl.spawn(&["watch", "w2", &from, "--", "sh", "-c", script]);
        assert!(running.output_until("\"w2\" \"live\"\n").contains("\"PUT\" \"w2\" \"b\"\n"));
        assert_eq!(ctl.ok(&["del", "w", "--prefix"]), "1\n");
    }
}

#[test]
fn watch_of_the_compacted_past_fails() {
    let cluster = start(cluster(3));
    let Some(ctl) = Ctl::new(&cluster.client_urls()) else { return };
    for value in ["1", "2", "3"] {
        assert_eq!(ctl.ok(&["put", "k", value]), "OK\n");
    }
    assert_eq!(ctl.ok(&["compact", "3"]), "compacted revision 3\n");
    // Whichever member is asked must have done it.
    for url in cluster.client_urls() {
        assert_eq!(Ctl::new(&[url]).expect("it was there a moment ago").ok(&["get", "k"]), "k\n3\n");
    }
    let answer = ctl.run(&["watch", "k", "--rev=2"]);
    assert_ne!(answer.code, Some(0), "{answer:?}");
    assert!(answer.stderr.contains("required revision has been compacted"), "{answer:?}");
    if !is_go_3_4() {
        assert_eq!(answer.stdout, "", "{answer:?}");
    }
}
