//! Locks and elections as JSON: the answers of a real etcd 3.4, to the byte but for ids.

use etcd_it::{Running, is_go_3_4, runtime};

use super::await_keys;
use crate::gateway::{Both, Curl};
use crate::lone::Lone;

/// Path and body, in this order: later ones see what earlier ones wrote.
const REQUESTS: &[(&str, &str)] = &[
    ("/v3/lease/grant", r#"{"ID":"7","TTL":"600"}"#),
    ("/v3/lease/grant", r#"{"ID":"8","TTL":"600"}"#),
    ("/v3/lock/lock", r#"{"name":"bXk=","lease":"7"}"#),
    ("/v3/lock/lock", r#"{"name":"bXk=","lease":"7"}"#),
    ("/v3/kv/range", r#"{"key":"bXkvNw=="}"#),
    ("/v3/lock/lock", r#"{"name":"bXk=","lease":"99"}"#),
    ("/v3/lock/lock", r#"{"name":"bXk=","lease":"-9"}"#),
    ("/v3/lock/lock", r#"{"name":1}"#),
    ("/v3/lock/lock", "{"),
    ("/v3/lock/unlock", r#"{"key":"bXkvNw=="}"#),
    ("/v3/lock/unlock", r#"{"key":"bXkvNw=="}"#),
    ("/v3/lock/unlock", "{}"),
    ("/v3/lock/lock", r#"{"lease":"7"}"#),
    ("/v3/election/leader", r#"{"name":"ZQ=="}"#),
    ("/v3/election/campaign", r#"{"name":"ZQ==","lease":"8","value":"YQ=="}"#),
    ("/v3/election/campaign", r#"{"name":"ZQ==","lease":"8","value":"Yg=="}"#),
    ("/v3/election/campaign", r#"{"name":"ZQ==","lease":"99","value":"Yg=="}"#),
    ("/v3/election/leader", r#"{"name":"ZQ=="}"#),
    (
        "/v3/election/proclaim",
        r#"{"leader":{"name":"ZQ==","key":"ZS84","rev":"5","lease":"8"},"value":"Yw=="}"#,
    ),
    (
        "/v3/election/proclaim",
        r#"{"leader":{"name":"ZQ==","key":"ZS84","rev":"6","lease":"8"},"value":"Yw=="}"#,
    ),
    (
        "/v3/election/proclaim",
        r#"{"leader":{"name":"ZQ==","key":"ZS84","rev":"5","lease":"99"},"value":"Yw=="}"#,
    ),
    ("/v3/election/proclaim", r#"{"value":"Yw=="}"#),
    ("/v3/election/proclaim", r#"{"leader":{},"value":"Yw=="}"#),
    ("/v3/election/leader", r#"{"name":"ZQ=="}"#),
    ("/v3/election/resign", r#"{"leader":{"name":"ZQ==","key":"ZS84","rev":"4","lease":"8"}}"#),
    ("/v3/election/resign", r#"{"leader":{"name":"ZQ==","key":"ZS84","rev":"5","lease":"8"}}"#),
    ("/v3/election/resign", "{}"),
    ("/v3/election/resign", r#"{"leader":{}}"#),
    ("/v3/election/leader", r#"{"name":"ZQ=="}"#),
    ("/v3/kv/range", r#"{"key":"AA==","range_end":"AA=="}"#),
];

#[test]
fn answers_are_those_of_a_real_etcd() {
    if is_go_3_4() {
        return;
    }
    let Some(both) = Both::start() else { return };
    both.assert_alike(REQUESTS);
    // One that waits, until its deadline.
    let held = r#"{"name":"bXk=","lease":"7"}"#;
    assert_eq!(both.each(|curl| curl.post("/v3/lock/lock", held).0), [200, 200]);
    let wait = |curl: &Curl, timeout: &str| {
        let timeout = format!("Grpc-Timeout: {timeout}");
        let arguments = ["-H", &timeout, "--data-binary", r#"{"name":"bXk=","lease":"8"}"#];
        curl.run(&arguments, "/v3/lock/lock", "")
    };
    // When a write takes longer than that, it is the write that fails, with other words: then it gets more time.
    let mut found = (0, String::new());
    for timeout in ["300m", "5S", "20S"] {
        let [ours, theirs] = both.each(|curl| wait(curl, timeout));
        if ours == theirs && ours.0 == 504 {
            return;
        }
        eprintln!("after {timeout}: ours {ours:?}, theirs {theirs:?}");
        found = ours;
    }
    panic!("another answer than that of a real etcd: {found:?}");
}

#[test]
fn who_hangs_up_does_not_keep_others_waiting() {
    let lone = Lone::new();
    let _server = lone.start();
    let url = lone.spec.client_url();
    let Some(curl) = Curl::new(url.clone()) else { return };
    for id in [7, 8, 9] {
        let (status, said) = curl.post("/v3/lease/grant", &format!(r#"{{"ID":"{id}","TTL":"600"}}"#));
        assert_eq!(status, 200, "{said}");
    }
    let (status, said) = curl.post("/v3/lock/lock", r#"{"name":"bXk=","lease":"7"}"#);
    assert_eq!(status, 200, "{said}");
    let waiting = curl.spawn("/v3/lock/lock", r#"{"name":"bXk=","lease":"8"}"#);
    runtime().block_on(await_keys(&url, "my/", &["my/7", "my/8"]));
    drop(waiting);
    runtime().block_on(await_keys(&url, "my/", &["my/7"]));
}

#[test]
fn observers_get_a_line_for_each_leader() {
    let lone = Lone::new();
    let _server = lone.start();
    let Some(curl) = Curl::new(lone.spec.client_url()) else { return };
    let (_, granted) = curl.post("/v3/lease/grant", r#"{"ID":"8","TTL":"600"}"#);
    assert!(granted.contains(r#""ID":"8""#), "{granted}");
    let campaign = |value| {
        let body = format!(r#"{{"name":"ZQ==","lease":"8","value":"{value}"}}"#);
        let (status, said) = curl.post("/v3/election/campaign", &body);
        assert_eq!(status, 200, "{said}");
    };
    campaign("YQ==");
    let mut observer: Running = curl.spawn("/v3/election/observe", r#"{"name":"ZQ=="}"#);
    let line = observer.output_until("\n");
    assert!(line.starts_with(r#"{"result":{"header":{"#), "{line}");
    assert!(line.contains(r#""key":"ZS84""#) && line.contains(r#""value":"YQ==""#), "{line}");
    campaign("Yg==");
    let line = observer.output_until("\n");
    assert!(line.contains(r#""mod_revision":"3""#) && line.contains(r#""value":"Yg==""#), "{line}");
}
