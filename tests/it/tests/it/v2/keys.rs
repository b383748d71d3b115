//! What one member answers.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::Command;

use etcd_it::{Ctl, DEADLINE, foreign};
use etcd_testkit::wait_until;
use serde_json::Value;

use super::http::{begin, send};
use crate::lone::Lone;

/// The guide's command, word for word but for the host.
#[test]
fn the_guides_command_makes_a_discovery_token() {
    let Some(curl) = foreign("curl") else { return };
    let lone = Lone::new();
    let _server = lone.start_with(&["--enable-v2"]);
    let token = "discovery/6c007a14875d53d9bf0ef5a6fc0257c817f0fb83";
    let url = format!("{}/v2/keys/{token}/_config/size", lone.spec.client_url());
    let run = || {
        let output =
            Command::new(&curl).args(["-s", "-i", "-X", "PUT", &url, "-d", "value=3"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let first = run();
    assert!(first.starts_with("HTTP/1.1 201 Created\r\n"), "{first}");
    assert!(first.to_lowercase().contains("\r\nx-etcd-index: "), "{first}");
    assert!(first.contains(&format!(
        "{{\"action\":\"set\",\"node\":{{\"key\":\"/{token}/_config/size\",\"value\":\"3\","
    )));
    let second = run();
    assert!(second.starts_with("HTTP/1.1 200 OK\r\n") && second.contains("\"prevNode\":{"), "{second}");

    // A new member of the cluster to be: made once, refused after that.
    let member = format!("{}/v2/keys/{token}/1?prevExist=false", lone.spec.client_url());
    assert_eq!(send("PUT", &member, Some("value=infra0=http://10.0.1.10:2380")).status, 201);
    let again = send("PUT", &member, Some("value=x"));
    assert_eq!((again.status, &again.json()["errorCode"]), (412, &Value::from(105)));
    let missing = send("GET", &format!("{}/v2/keys/discovery/no/size", lone.spec.client_url()), None);
    assert_eq!((missing.status, &missing.json()["errorCode"]), (404, &Value::from(100)));
    assert_eq!(missing.json()["cause"], "/discovery/no");
    // What is hidden is not listed.
    let listed = send("GET", &format!("{}/v2/keys/{token}", lone.spec.client_url()), None).json();
    let keys: Vec<&Value> =
        listed["node"]["nodes"].as_array().unwrap().iter().map(|node| &node["key"]).collect();
    assert_eq!(keys, [&Value::from(format!("/{token}/1"))]);
}

#[test]
fn every_answer_has_its_headers_and_no_other_method_is_served() {
    let lone = Lone::new();
    let _server = lone.start_with(&["--enable-v2"]);
    let base = lone.spec.client_url();
    let made = send("PUT", &format!("{base}/v2/keys/a"), Some("value=1"));
    for name in ["x-etcd-cluster-id", "x-etcd-index", "x-raft-index", "x-raft-term"] {
        assert!(made.header(name).is_some_and(|value| !value.is_empty()), "{name} in {made:?}");
    }
    assert_eq!(made.header("content-type"), Some("application/json"));
    assert!(made.index() >= 2, "clients take 1 for no index");
    let refused = send("PUT", &format!("{base}/v2/keys/a"), Some("ttl=soon"));
    assert_eq!((refused.status, refused.index(), refused.header("x-raft-term")), (400, 0, None));
    let patched = send("PATCH", &format!("{base}/v2/keys/a"), Some(""));
    assert_eq!(
        (patched.status, patched.header("allow"), patched.body.as_str()),
        (405, Some("HEAD,GET,PUT,POST,DELETE"), "Method Not Allowed\n")
    );
    let redirected = send("GET", &format!("{base}/v2/keys//a?recursive=true"), None);
    assert_eq!((redirected.status, redirected.header("location")), (301, Some("/v2/keys/a?recursive=true")));

    let members = send("GET", &format!("{base}/v2/members"), None).json();
    assert_eq!(members["members"][0]["clientURLs"][0], Value::from(base.clone()));
    let leader = send("GET", &format!("{base}/v2/members/leader"), None).json();
    assert_eq!(leader, members["members"][0]);
    assert_eq!(send("GET", &format!("{base}/v2/machines"), None).body, base);
    let own = send("GET", &format!("{base}/v2/stats/self"), None).json();
    assert_eq!((&own["name"], &own["state"]), (&Value::from("infra0"), &Value::from("StateLeader")));
    assert_eq!(send("GET", &format!("{base}/v2/stats/leader"), None).json()["leader"], own["id"]);
    let store = send("GET", &format!("{base}/v2/stats/store"), None).json();
    assert_eq!((&store["setsSuccess"], &store["watchers"]), (&Value::from(1), &Value::from(0)));
}

/// Waits are told at once that they wait, get their event, and are forgotten when their client goes.
#[test]
fn waits_are_answered_and_forgotten() {
    let lone = Lone::new();
    let _server = lone.start_with(&["--enable-v2"]);
    let base = lone.spec.client_url();
    let watchers =
        || send("GET", &format!("{base}/v2/stats/store"), None).json()["watchers"].as_u64().unwrap();
    let wait_for = |count: u64| {
        let seen = wait_until("the number of waits", DEADLINE, || {
            let now = watchers();
            if now == count { Ok(()) } else { Err(format!("{now} waits")) }
        });
        seen.unwrap_or_else(|error| panic!("{error}"));
    };
    let (thread, reply) = begin(format!("{base}/v2/keys/d?wait=true&recursive=true"));
    wait_for(1);
    let made = send("PUT", &format!("{base}/v2/keys/d/a"), Some("value=1"));
    let seen = reply.recv_timeout(DEADLINE).unwrap();
    assert_eq!((seen.status, &seen.json()["node"]["key"]), (200, &Value::from("/d/a")));
    assert_eq!(seen.index() + 1, made.index(), "the index at registration");
    thread.join().unwrap();
    wait_for(0);

    // A stream, read piece by piece.
    let mut connection = TcpStream::connect(("127.0.0.1", lone.spec.client_port)).unwrap();
    connection.set_read_timeout(Some(DEADLINE)).unwrap();
    write!(connection, "GET /v2/keys/d?wait=true&stream=true&recursive=true HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let mut lines = BufReader::new(connection.try_clone().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "HTTP/1.1 200 OK");
    for value in ["2", "3"] {
        send("PUT", &format!("{base}/v2/keys/d/a"), Some(&format!("value={value}")));
        let event = lines.by_ref().find(|line| line.starts_with('{')).unwrap();
        assert!(event.contains(&format!("\"value\":\"{value}\",")), "{event}");
    }
    wait_for(1);
    drop((lines, connection));
    let gone = wait_until("the stream to be forgotten", DEADLINE, || {
        // Its next events find out that nobody reads them.
        send("PUT", &format!("{base}/v2/keys/d/a"), Some("value=4"));
        if watchers() == 0 { Ok(()) } else { Err("it is still there".to_owned()) }
    });
    gone.unwrap_or_else(|error| panic!("{error}"));
    let past = send("GET", &format!("{base}/v2/keys/d/a?wait=true&waitIndex={}", made.index()), None);
    assert_eq!(past.json()["node"]["value"], "1");
}

#[test]
fn keys_expire_and_hopeless_requests_are_refused() {
    let lone = Lone::new();
    let _server = lone.start_with(&["--enable-v2"]);
    let base = lone.spec.client_url();
    let (_thread, reply) = begin(format!("{base}/v2/keys/short?wait=true&waitIndex=5"));
    send("PUT", &format!("{base}/v2/keys/short"), Some("value=1&ttl=1"));
    let event = reply.recv_timeout(DEADLINE).unwrap().json();
    assert_eq!((&event["action"], &event["prevNode"]["value"]), (&Value::from("expire"), &Value::from("1")));
    assert_eq!(send("GET", &format!("{base}/v2/keys/short"), None).status, 404);

    let large = format!("value={}", "x".repeat(4 << 20));
    let refused = send("PUT", &format!("{base}/v2/keys/large"), Some(&large));
    assert_eq!(
        (refused.status, &refused.json()["cause"]),
        (400, &Value::from("http: request body too large"))
    );
    let large = format!("value={}", "x".repeat((1 << 20) + 1));
    let refused = send("PUT", &format!("{base}/v2/keys/large"), Some(&large));
    assert_eq!((refused.status, &refused.json()["errorCode"]), (500, &Value::from(300)), "{}", refused.body);
    let deep = send("PUT", &format!("{base}/v2/keys{}", "/a".repeat(65)), Some("value=1"));
    assert_eq!(deep.json()["cause"], "etcdserver: the path has more than 64 names");
}

#[test]
fn without_the_flag_there_is_no_v2() {
    let lone = Lone::new();
    let _server = lone.start_with(&["--enable-v2=false"]);
    assert_eq!(send("GET", &format!("{}/v2/keys", lone.spec.client_url()), None).status, 404);
}

/// v2 knows no users, so it is not served to anybody while there are some.
#[test]
fn while_authentication_is_enabled_there_is_no_v2() {
    let lone = Lone::new();
    let base = lone.spec.client_url();
    let Some(ctl) = Ctl::new(&[&base]) else { return };
    let _server = lone.start_with(&["--enable-v2"]);
    assert_eq!(send("PUT", &format!("{base}/v2/keys/a"), Some("value=1&ttl=1")).status, 201);
    for words in ["user add root:secret", "user grant-role root root", "auth enable"] {
        let _said = ctl.ok(&words.split(' ').collect::<Vec<_>>());
    }
    let refused = send("GET", &format!("{base}/v2/keys/a"), None);
    assert_eq!((refused.status, &refused.json()["errorCode"]), (401, &Value::from(110)));
    assert!(refused.body.contains("not served while authentication is enabled"), "{}", refused.body);
    assert_eq!(send("GET", &format!("{base}/v2/members"), None).status, 401);
    // Keys go all the same when their time is up.
    let gone = wait_until("the key to expire", DEADLINE, || {
        match send("GET", &format!("{base}/metrics"), None)
            .body
            .contains("etcd_debugging_store_expires_total 1")
        {
            true => Ok(()),
            false => Err("not yet".to_owned()),
        }
    });
    gone.unwrap_or_else(|error| panic!("{error}"));
}
