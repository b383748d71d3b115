//! Keys on all members: replicated, kept over restarts, carried in snapshots.

use etcd_it::{TestCluster, cluster, start};
use serde_json::Value;

use super::http::send;
use crate::load::await_snapshot;

fn url(cluster: &TestCluster, index: usize, key: &str) -> String {
    format!("{}/v2/keys{key}", cluster.member(index).spec().client_url())
}

/// Waits until the members show the same.
fn assert_alike(cluster: &mut TestCluster, index: usize) -> Value {
    let read = |url: String| send("GET", &format!("{url}/v2/keys?recursive=true&sorted=true"), None).body;
    let seen = cluster.wait("the members to have the same keys", |members| {
        let all: Vec<String> =
            [0, index].map(|index| read(members[index].spec().client_url())).into_iter().collect();
        if all[0] == all[1] { Ok(all[0].clone()) } else { Err(format!("{all:?}")) }
    });
    serde_json::from_str(&seen.unwrap()).unwrap()
}

#[test]
fn writes_through_any_member_are_read_through_all_and_survive() {
    let mut cluster = start(cluster(3).argument("--enable-v2"));
    for index in 0..3 {
        cluster.wait_for_health(index).unwrap();
        let made = send("PUT", &url(&cluster, index, &format!("/k{index}")), Some("value=v"));
        assert_eq!(made.status, 201, "{made:?}");
        let other = send("GET", &url(&cluster, (index + 1) % 3, &format!("/k{index}?quorum=true")), None);
        assert_eq!(other.json()["node"], made.json()["node"]);
    }
    let before = assert_alike(&mut cluster, 2);
    for index in 0..3 {
        cluster.kill(index).unwrap();
    }
    for index in 0..3 {
        cluster.start(index).unwrap();
    }
    cluster.wait_for_leader().unwrap();
    cluster.wait_for_health(0).unwrap();
    let after = send("GET", &url(&cluster, 0, "?recursive=true&sorted=true&quorum=true"), None).json();
    assert_eq!(after, before);
    let next = send("POST", &url(&cluster, 0, "/queue"), Some("value=v"));
    let index = before["node"]["nodes"].as_array().unwrap().iter();
    let highest = index.map(|node| node["modifiedIndex"].as_u64().unwrap()).max().unwrap();
    assert_eq!(next.index(), highest + 1, "the index goes on");
}

#[test]
fn a_member_that_was_away_gets_the_keys_in_a_snapshot() {
    let flags = ["--enable-v2", "--snapshot-count=20", "--snapshot-catchup-entries=5"];
    let mut cluster = start(flags.iter().fold(cluster(3), |builder, flag| builder.argument(flag)));
    let leader = cluster.wait_for_leader().unwrap();
    let away = (leader + 1) % 3;
    cluster.wait_for_health(leader).unwrap();
    cluster.kill(away).unwrap();
    let write = |cluster: &TestCluster| {
        for n in 0..100 {
            let key = format!("/dir/{}", n % 9);
            assert!(send("PUT", &url(cluster, leader, &key), Some("value=v")).status < 300);
        }
        send("DELETE", &url(cluster, leader, "/dir/3"), None);
    };
    write(&cluster);
    cluster.start(away).unwrap();
    await_snapshot(&mut cluster, away, write);
    let read = |url: String| send("GET", &format!("{url}?recursive=true&sorted=true"), None).body;
    let (from, to) = (url(&cluster, leader, ""), url(&cluster, away, ""));
    cluster
        .wait("the member to have the keys", |_| {
            let (ours, theirs) = (read(from.clone()), read(to.clone()));
            if ours == theirs { Ok(()) } else { Err(theirs) }
        })
        .unwrap();
    // The history came along: the past is known there too.
    let past =
        send("GET", &format!("{}?wait=true&waitIndex=50&recursive=true", url(&cluster, away, "/dir")), None);
    assert_eq!(past.json()["node"]["modifiedIndex"], 50);
}
