//! Streams through the gateway, driven by curl: the lines are those of a real etcd 3.4, but for ids.

use std::process::{Command, Stdio};

use etcd_it::{Running, foreign, is_go_3_4};
use serde_json::Value;

use super::Curl;
use crate::lone::Lone;

/// Starts curl with a body that is complete, and a response that goes on.
fn stream(lone: &Lone, path: &str, body: &str) -> Option<Running> {
    let child = Command::new(foreign("curl")?)
        .args(["--silent", "--no-buffer", "-X", "POST", "--data-binary", body])
        .arg(format!("{}{path}", lone.spec.client_url()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    Some(Running::new(child))
}

/// A line as JSON, without what two clusters never share.
fn without_ids(line: &str) -> Value {
    let mut value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    if let Some(header) = value["result"]["header"].as_object_mut() {
        for name in ["cluster_id", "member_id", "raft_term"] {
            assert!(header.remove(name).is_some_and(|id| id.is_string()), "{name} is a string: {line}");
        }
    }
    value
}

#[test]
fn streams_are_those_of_a_real_etcd() {
    if is_go_3_4() {
        return;
    }
    let Some(program) = foreign("etcd") else { return };
    let lones = [Lone::new(), Lone::new()];
    let _servers = [lones[0].start(), lones[1].start_program(&program)];
    let [Some(ours), Some(theirs)] = lones.each_ref().map(told) else { return };
    assert_eq!(ours, theirs);
}

/// The lines of every stream.
fn told(lone: &Lone) -> Option<Vec<Value>> {
    let curl = Curl::new(lone.spec.client_url())?;
    for body in [r#"{"key":"Zm9v","value":"YQ=="}"#, r#"{"key":"Zm9v","value":"Yg=="}"#] {
        assert_eq!(curl.post("/v3/kv/put", body).0, 200);
    }
    assert_eq!(curl.post("/v3/lease/grant", r#"{"ID":"77","TTL":"600"}"#).0, 200);
    let mut told = Vec::new();
    let past = r#"{"create_request":{"key":"Zm9v","start_revision":"2","prev_kv":true}}"#;
    let mut watch = stream(lone, "/v3/watch", past)?;
    // That it was created, and both events.
    told.extend([watch.output_until("\n"), watch.output_until("\n")].map(|line| without_ids(&line)));
    assert_eq!(curl.post("/v3/kv/deleterange", r#"{"key":"Zm9v"}"#).0, 200);
    told.push(without_ids(&watch.output_until("\n")));
    for id in ["77", "78"] {
        let (status, body) = curl.post("/v3/lease/keepalive", &format!(r#"{{"ID":"{id}"}}"#));
        assert_eq!(status, 200);
        told.push(without_ids(body.trim_end()));
    }
    let (status, body) = curl.post("/v3/maintenance/snapshot", "{}");
    assert_eq!(status, 200);
    let last: Value = serde_json::from_str(body.lines().last()?).unwrap();
    // 32 bytes of digest, in base64; nothing remains.
    assert_eq!(last["result"]["blob"].as_str().map(str::len), Some(44), "{last}");
    assert_eq!(last["result"]["remaining_bytes"], Value::Null, "{last}");
    Some(told)
}
