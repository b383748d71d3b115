//! `etcdctl lease` against every member; what it prints is what people's scripts read.

use etcd_it::{Ctl, cluster, is_go_3_4, start};

/// The id in `lease 694d… granted with TTL(60s)`.
fn granted(said: &str, ttl: u32) -> String {
    let words = format!(" granted with TTL({ttl}s)\n");
    let id = said.strip_prefix("lease ").and_then(|rest| rest.strip_suffix(&words));
    id.unwrap_or_else(|| panic!("{said}")).to_owned()
}

#[test]
fn grant_keep_alive_timetolive_list_and_revoke() {
    let cluster = start(cluster(3));
    for url in cluster.client_urls() {
        let Some(ctl) = Ctl::new(&[url]) else { return };
        assert_eq!(ctl.ok(&["lease", "list"]), "found 0 leases\n");
        let id = granted(&ctl.ok(&["lease", "grant", "600"]), 600);
        for key in ["b", "a"] {
            assert_eq!(ctl.ok(&["put", key, "v", &format!("--lease={id}")]), "OK\n");
        }
        assert_eq!(ctl.ok(&["lease", "list"]), format!("found 1 leases\n{id}\n"));
        let left = ctl.ok(&["lease", "timetolive", &id]);
        let begin = format!("lease {id} granted with TTL(600s), remaining(");
        assert!(left.starts_with(&begin), "{left}");
        let left = ctl.ok(&["lease", "timetolive", &id, "--keys"]);
        let keys = ["attached keys([a b])\n", "attached keys([b a])\n"];
        let in_order =
            if is_go_3_4() { keys.iter().any(|keys| left.ends_with(keys)) } else { left.ends_with(keys[0]) };
        assert!(left.starts_with(&begin) && in_order, "{left}");
        assert_eq!(
            ctl.ok(&["lease", "keep-alive", "--once", &id]),
            format!("lease {id} keepalived with TTL(600)\n")
        );
        // A put without the lease lets the key go.
        assert_eq!(ctl.ok(&["put", "b", "v"]), "OK\n");
        assert_eq!(ctl.ok(&["put", "a", "w", "--ignore-lease"]), "OK\n");
        assert_eq!(ctl.ok(&["lease", "revoke", &id]), format!("lease {id} revoked\n"));
        assert_eq!(ctl.ok(&["get", "", "--prefix", "--keys-only"]), "b\n\n");
        assert_eq!(ctl.ok(&["lease", "timetolive", &id]), format!("lease {id} already expired\n"));
        assert_eq!(ctl.ok(&["del", "b"]), "1\n");
    }
}

#[test]
fn refusals() {
    const NOT_FOUND: &str = "etcdserver: requested lease not found";
    let cluster = start(cluster(3).argument("--election-timeout=1000"));
    for url in cluster.client_urls() {
        let Some(ctl) = Ctl::new(&[url]) else { return };
        assert_eq!(ctl.error(&["lease", "revoke", "1234"]), format!("failed to revoke lease ({NOT_FOUND})"));
        assert_eq!(ctl.error(&["put", "a", "b", "--lease=1234"]), NOT_FOUND);
        let txn = ctl.run_with_input(&["txn"], "\nput a b --lease=1234\n\n\n");
        assert_eq!(txn.stderr, format!("Error: {NOT_FOUND}\n"), "{txn:?}");
        let too_large = "failed to grant lease (etcdserver: too large lease TTL)";
        assert_eq!(ctl.error(&["lease", "grant", "9000000001"]), too_large);
        let once = ctl.run(&["lease", "keep-alive", "--once", "1234"]);
        assert_eq!((once.code, once.stderr.as_str()), (Some(2), format!("Error: {NOT_FOUND}\n").as_str()));
        let nothing = ctl.ok(&["get", "", "--prefix"]);
        assert_eq!(nothing, "");
        // A lease lives longer than an election takes, whatever was asked for: three halves of a second, rounded up.
        granted(&ctl.ok(&["lease", "grant", "1"]), 2);
    }
}
