//! `/v2/members`: members come, change and go.

use etcd_it::{DEADLINE, debian_etcd, is_go_3_4};
use etcd_testkit::wait_until;
use serde_json::Value;

use super::http::{Reply, send, send_as};
use crate::discovery::Hosts;
use crate::lone::Lone;

fn json(method: &str, url: &str, body: &str) -> Reply {
    send_as(method, url, "application/json", body)
}

fn urls(list: &[&str]) -> String {
    serde_json::json!({ "peerURLs": list }).to_string()
}

#[test]
fn a_member_is_added_changed_and_removed() {
    if is_go_3_4() {
        eprintln!("NOT TESTED: a member that comes and goes: 3.4 has other rules for when it may");
        return;
    }
    let hosts = Hosts::new(2);
    let [first, second] = [0, 1].map(|index: usize| hosts.specs[index].peer_url());
    let mut server = hosts.start(0, &[&format!("--initial-cluster=infra0={first}")]);
    hosts.wait_for_health(0, &mut server);
    let base = format!("{}/v2/members", hosts.specs[0].client_url());
    // Its name is published after it serves; until then it does not count as started.
    hosts.members(0);

    let added = json("POST", &base, &urls(&[&second]));
    assert_eq!(added.status, 201, "{added:?}");
    let member = added.json();
    assert_eq!((&member["name"], &member["peerURLs"][0]), (&"".into(), &Value::from(second.clone())));
    let id = member["id"].as_str().unwrap().to_owned();
    let mut joined = hosts.start(
        1,
        &[&format!("--initial-cluster=infra0={first},infra1={second}"), "--initial-cluster-state=existing"],
    );
    hosts.wait_for_health(1, &mut joined);
    hosts.assert_one_cluster();
    assert_eq!(hosts.members(0)[1].id, u64::from_str_radix(&id, 16).unwrap());
    let taken = json("POST", &base, &urls(&[&second]));
    assert!([409, 500].contains(&taken.status), "{taken:?}");

    let one = format!("{base}/{id}");
    let taken = json("PUT", &one, &urls(&[&first]));
    assert_eq!((taken.status, &taken.json()["message"]), (409, &"membership: peerURL exists".into()));
    let another = second.replace("127.0.0.1", "localhost");
    assert_eq!(json("PUT", &one, &urls(&[&second, &another])).status, 204);
    assert_eq!(hosts.members(0)[1].peer_urls, [second, another]);

    // Connections must have stood for a while before it is safe.
    let removed = wait_until("the member to be removed", DEADLINE, || {
        let reply = send("DELETE", &one, None);
        if reply.status == 204 { Ok(()) } else { Err(format!("{reply:?}")) }
    });
    removed.unwrap_or_else(|error| panic!("{error}\n{}", server.output()));
    let ended = joined.wait();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("permanently removed from the cluster"), "{}", ended.stderr);
    // It may have led.
    hosts.wait_for_health(0, &mut server);
    let again = send("DELETE", &one, None);
    let text = format!("Member permanently removed: {id}");
    assert_eq!((again.status, &again.json()["message"]), (410, &Value::from(text)));
    assert_eq!(hosts.members(0).len(), 1);
}

/// What is refused is refused as by etcd 3.4.
#[test]
fn refusals_are_those_of_etcd_3_4() {
    let Some(etcd) = debian_etcd() else { return };
    let (ours, theirs) = (Lone::new(), Lone::new());
    let _ours = ours.start_with(&["--enable-v2"]);
    let _theirs = theirs.start_program_with(&etcd, &["--enable-v2"]);
    let ask = |lone: &Lone| -> Vec<(String, u16, Value)> {
        let url = format!("{}/v2/members", lone.spec.client_url());
        let own = urls(&[&lone.spec.peer_url()]);
        let (new, none, odd) = (urls(&["http://127.0.0.1:1"]), urls(&[]), urls(&["http://x"]));
        [
            ("POST", "", "text/plain", new.as_str()),
            ("POST", "", "application/x-www-form-urlencoded; charset=utf-8", ""),
            ("POST", "", "application/json", &none),
            ("POST", "", "application/json", &odd),
            ("POST", "", "application/json", &own),
            ("PUT", "", "application/json", &new),
            ("DELETE", "", "application/json", ""),
            ("DELETE", "/zz", "application/json", ""),
            ("DELETE", "/abc", "application/json", ""),
            ("PUT", "/abc", "application/json", &new),
            ("PUT", "/abc", "text/plain", &new),
            ("PUT", "/zz", "application/json", &new),
            ("GET", "/abc", "application/json", ""),
        ]
        .into_iter()
        .map(|(method, path, kind, body)| {
            let reply = send_as(method, &format!("{url}{path}"), kind, body);
            let message = serde_json::from_str::<Value>(&reply.body).map(|json| json["message"].clone());
            (format!("{method} {path} {kind} {body}"), reply.status, message.unwrap_or_default())
        })
        .collect()
    };
    let comparable = |lone: &Lone| {
        let port = lone.spec.peer_port.to_string();
        ask(lone)
            .into_iter()
            .map(|(what, status, said)| (what.replace(&port, "PORT"), status, said))
            .collect::<Vec<_>>()
    };
    assert_eq!(comparable(&ours), comparable(&theirs));
    let broken = json("POST", &format!("{}/v2/members", ours.spec.client_url()), "{");
    assert_eq!(broken.status, 400);
}
