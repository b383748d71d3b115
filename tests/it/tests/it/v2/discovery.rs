//! Members of Debian's etcd 3.4 that find each other through our `/v2/keys`.

use std::thread;

use etcd_it::{DiscoveredMembers, debian_etcd};
use serde_json::Value;

use super::http::send;
use crate::lone::Lone;

#[test]
fn real_members_bootstrap_and_a_fourth_is_told_that_it_is_full() {
    let Some(etcd) = debian_etcd() else { return };
    let lone = Lone::new();
    let _server = lone.start_with(&["--enable-v2"]);
    let url =
        format!("{}/v2/keys/discovery/6c007a14875d53d9bf0ef5a6fc0257c817f0fb83", lone.spec.client_url());

    // Without a size there is no cluster.
    let mut early = DiscoveredMembers::start(&etcd, &url, 1);
    assert_eq!(early.wait_for_exit(), Some(1));
    assert!(
        early.logs().contains("failed to join discovery cluster (100: Key not found ("),
        "{}",
        early.logs()
    );

    assert_eq!(send("PUT", &format!("{url}/_config/size"), Some("value=3")).status, 201);
    let members = DiscoveredMembers::start(&etcd, &url, 3);
    members.wait_for_cluster();
    let listed = send("GET", &url, None).json();
    assert_eq!(listed["node"]["nodes"].as_array().map(Vec::len), Some(3));

    let mut late = DiscoveredMembers::start(&etcd, &url, 1);
    assert_eq!(late.wait_for_exit(), Some(1));
    assert!(late.logs().contains("discovery: cluster is full"), "{}", late.logs());
}

/// Fifty register at once for a cluster of five: the order of the indexes decides, and everybody sees the same.
#[test]
fn of_fifty_that_register_at_once_five_are_in() {
    let lone = Lone::new();
    let _server = lone.start_with(&["--enable-v2"]);
    let token = format!("{}/v2/keys/discovery/race", lone.spec.client_url());
    send("PUT", &format!("{token}/_config/size"), Some("value=5"));
    let register = |id: usize| {
        let own = format!("{token}/{id:x}");
        // Twice, as a member that starts again does: only the first counts.
        let made =
            send("PUT", &format!("{own}?prevExist=false"), Some(&format!("value=m{id}=http://h{id}:1")));
        let again = send("PUT", &format!("{own}?prevExist=false"), Some("value=other"));
        assert_eq!((made.status, again.status), (201, 412));
        let mut nodes: Vec<Value> =
            send("GET", &token, None).json()["node"]["nodes"].as_array().cloned().unwrap();
        nodes.sort_by_key(|node| node["createdIndex"].as_u64());
        let place = nodes.iter().position(|node| node["key"] == format!("/discovery/race/{id:x}")).unwrap();
        (place < 5, made.json()["node"]["createdIndex"].as_u64().unwrap())
    };
    let outcomes: Vec<(bool, u64)> = thread::scope(|scope| {
        let threads: Vec<_> = (1..=50).map(|id| scope.spawn(move || register(id))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut indexes: Vec<u64> = outcomes.iter().map(|(_, index)| *index).collect();
    indexes.sort_unstable();
    indexes.dedup();
    assert_eq!(indexes.len(), 50, "each has an index of its own");
    let inside: Vec<u64> = outcomes.iter().filter(|(is_in, _)| *is_in).map(|(_, index)| *index).collect();
    assert_eq!(inside.len(), 5);
    assert!(inside.iter().all(|index| *index <= indexes[4]), "the first five: {inside:?}");
}
