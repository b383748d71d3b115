//! `/v2/stats`: what members tell of the messages between them, and of their store.

use std::collections::BTreeSet;

use etcd_it::{cluster, debian_etcd, start};
use etcd_testkit::{Cluster, Member};
use serde_json::Value;

use super::http::{Reply, send, try_send};

fn get(member: &Member, path: &str) -> Result<Reply, String> {
    let url = format!("{}{path}", member.spec().client_url());
    try_send("GET", &url, None).map_err(|error| format!("{url}: {error}"))
}

fn own_stats(member: &Member) -> Result<Value, String> {
    Ok(get(member, "/v2/stats/self")?.json())
}

/// The leader that runs, by its place, and what it tells of its followers.
fn leader(members: &[Member]) -> Result<(usize, Value), String> {
    let mut seen = Vec::new();
    for (index, member) in members.iter().enumerate().filter(|(_, member)| member.pid().is_some()) {
        let reply = get(member, "/v2/stats/leader")?;
        if reply.status == 200 {
            return Ok((index, reply.json()));
        }
        assert_eq!((reply.status, reply.body.trim_end()), (403, r#"{"message":"not current leader"}"#));
        seen.push(reply.status);
    }
    Err(format!("no leader: {seen:?}"))
}

/// Fifty writes, one after the other, through the leader.
fn write(member: &Member) -> Result<(), String> {
    for n in 0..50 {
        let url = format!("{}/v2/keys/k{n}", member.spec().client_url());
        let reply = try_send("PUT", &url, Some("value=v")).map_err(|error| error.to_string())?;
        if reply.status >= 300 {
            return Err(format!("{reply:?}"));
        }
    }
    Ok(())
}

/// `Err` with both documents unless the leader has counted the messages of fifty writes.
fn counted(members: &[Member]) -> Result<(), String> {
    let (index, _) = leader(members)?;
    write(&members[index])?;
    let (now, stats) = leader(members)?;
    let own = own_stats(&members[now])?;
    let told = || format!("{stats} {own}");
    let followers = stats["followers"].as_object().cloned().unwrap_or_default();
    let mut sent = 0.0;
    for fares in followers.values() {
        let number = |group: &str, name: &str| fares[group][name].as_f64().unwrap_or(-1.0);
        let [least, mean, most] = ["minimum", "average", "maximum"].map(|name| number("latency", name));
        let is_ordered = 0.0 <= least && least <= mean && mean <= most;
        let is_newest = number("latency", "current") <= most && number("latency", "standardDeviation") >= 0.0;
        if !is_ordered || !is_newest || fares["active"] != true {
            return Err(told());
        }
        sent += number("counts", "success");
    }
    let rates = ["sendPkgRate", "sendBandwidthRate"].map(|name| own[name].as_f64().unwrap_or_default());
    let leads = own["state"] == "StateLeader" && own["leaderInfo"]["leader"] == stats["leader"];
    // Each write took a message to one of them at least.
    let total = own["sendAppendRequestCnt"].as_f64().unwrap_or_default();
    let is_all =
        followers.len() == 2 && sent >= 50.0 && total >= 50.0 && rates.iter().all(|rate| *rate > 0.0);
    if leads && is_all && own["id"] == stats["leader"] { Ok(()) } else { Err(told()) }
}

#[test]
fn messages_between_members_are_counted() {
    let mut cluster = start(cluster(3).argument("--enable-v2"));
    cluster.wait("messages to be counted", counted).unwrap();
    let received = cluster.wait("followers to have counted them too", |members| {
        let (index, stats) = leader(members)?;
        let mut received = 0;
        for (at, member) in members.iter().enumerate().filter(|(at, _)| *at != index) {
            let own = own_stats(member)?;
            if own["state"] != "StateFollower" || own["leaderInfo"]["leader"] != stats["leader"] {
                return Err(format!("{at}: {own}"));
            }
            received += own["recvAppendRequestCnt"].as_u64().unwrap_or_default();
        }
        if received >= 50 { Ok(()) } else { Err(format!("{received} messages")) }
    });
    received.unwrap();

    // To one that is gone, sending fails.
    let (index, _) = cluster.wait("a leader", leader).unwrap();
    let away = (index + 1) % 3;
    let id = own_stats(cluster.member(away)).unwrap()["id"].as_str().unwrap().to_owned();
    cluster.kill(away).unwrap();
    let failed = cluster.wait("failures to be counted", |members| {
        let (_, stats) = leader(members)?;
        let fares = &stats["followers"][&id];
        let has_failed = fares["counts"]["fail"].as_u64().is_some_and(|count| count > 0);
        if has_failed && fares["active"] == false { Ok(()) } else { Err(stats.to_string()) }
    });
    failed.unwrap();
}

/// Every field of a document, with its place.
fn fields(value: &Value) -> BTreeSet<String> {
    let Some(map) = value.as_object() else { return BTreeSet::new() };
    let below = |(name, value): (&String, &Value)| {
        // Followers are named by id.
        let is_id = value.is_object() && u64::from_str_radix(name, 16).is_ok();
        let name = if is_id { "id" } else { name.as_str() };
        let inner = fields(value).into_iter().map(move |field| format!("{name}.{field}"));
        std::iter::once(name.to_owned()).chain(inner).collect::<Vec<_>>()
    };
    map.iter().flat_map(below).collect()
}

/// Whoever reads etcd 3.4's documents finds each field here too, and store and its counters agree.
#[test]
fn documents_are_those_of_etcd_3_4() {
    let Some(etcd) = debian_etcd() else { return };
    let mut ours = start(cluster(2).argument("--enable-v2"));
    let mut theirs = Cluster::builder(etcd).members(2).argument("--enable-v2").start().unwrap();
    let of_leader = |cluster: &mut Cluster| cluster.wait("a leader", leader).unwrap().1;
    let (own, foreign) = (of_leader(&mut ours), of_leader(&mut theirs));
    let missing: Vec<_> = fields(&foreign).difference(&fields(&own)).cloned().collect();
    assert!(missing.is_empty() && !fields(&foreign).is_empty(), "{missing:?}");
    // Rates are there while there are messages.
    let constant = |cluster: &Cluster| -> BTreeSet<String> {
        let own = own_stats(cluster.member(0)).unwrap();
        fields(&own).into_iter().filter(|field| !field.ends_with("Rate")).collect()
    };
    assert_eq!(constant(&ours), constant(&theirs));
    assert_eq!(grown(&mut ours), grown(&mut theirs));
}

/// How the store's counters grow by some requests. Left out: reads, of which Go's members make some of their own, and
/// deletes by comparison, which 3.4 counts as made when they are refused.
fn grown(cluster: &mut Cluster) -> Vec<(String, u64)> {
    // Go's members keep the cluster's version in this store too: it must have been written.
    let settled = cluster.wait("the cluster's version", |members| {
        let version = get(&members[0], "/version")?.json();
        let is_final =
            version["etcdcluster"].as_str().is_some_and(|text| !["not_decided", "3.0.0"].contains(&text));
        if is_final { Ok(()) } else { Err(version.to_string()) }
    });
    settled.unwrap();
    let member = cluster.member(0);
    let before = get(member, "/v2/stats/store").unwrap().json();
    for (method, key, form) in [
        ("PUT", "a", Some("value=1")),
        ("PUT", "a", Some("value=2")),
        ("PUT", "b?prevExist=false", Some("value=1")),
        ("PUT", "b?prevExist=false", Some("value=1")),
        ("PUT", "b?prevExist=true", Some("value=2")),
        ("PUT", "none?prevExist=true", Some("value=2")),
        ("PUT", "a?prevValue=2", Some("value=3")),
        ("PUT", "a?prevValue=2", Some("value=4")),
        ("DELETE", "a?prevValue=2", None),
        ("DELETE", "a?prevValue=3", None),
        ("DELETE", "b", None),
        ("DELETE", "b", None),
        ("GET", "c", None),
        ("GET", "", None),
        ("GET", "?recursive=true", None),
    ] {
        send(method, &format!("{}/v2/keys/{key}", member.spec().client_url()), form);
    }
    let after = get(member, "/v2/stats/store").unwrap().json();
    let count = |value: &Value| value.as_u64().unwrap();
    let mut grown: Vec<_> = after
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| !name.starts_with("gets") && !name.starts_with("compareAndDelete"))
        .map(|(name, value)| (name.clone(), count(value) - count(&before[name])))
        .collect();
    grown.sort();
    grown
}
