//! The same JSON requests to this server and to a real etcd 3.4: equal statuses, and equal bodies but for ids.

use etcd_it::{Server, foreign, is_go_3_4};

use super::Curl;
use crate::lone::Lone;

/// Path and body, in this order: later ones see what earlier ones wrote.
const REQUESTS: &[(&str, &str)] = &[
    ("/v3/kv/put", r#"{"key":"Zm9v","value":"YmFy"}"#),
    ("/v3/kv/put", r#"{"key":"Zm9v","value":"PDw+Pg==","prev_kv":true}"#),
    ("/v3/kv/put", r#"{"key":"ZW1wdHk="}"#),
    ("/v3/kv/put", r#"{"key":"Zm9v","ignoreValue":true,"value":"YQ=="}"#),
    ("/v3/kv/put", r#"{"key":"bm9uZQ==","ignore_value":true}"#),
    ("/v3/kv/put", r#"{"key":"Zm9v","lease":"7"}"#),
    ("/v3/kv/put", r#"{"value":"YQ=="}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v"}"#),
    ("/v3beta/kv/range", r#"{"key":"Zm9v"}"#),
    ("/v3/kv/range", r#"{"key":"AA==","range_end":"AA=="}"#),
    ("/v3/kv/range", r#"{"key":"AA==","rangeEnd":"AA==","limit":"1"}"#),
    (
        "/v3/kv/range",
        r#"{"key":"AA==","rangeEnd":"AA==","limit":1,"sort_order":"DESCEND","sortTarget":"MOD"}"#,
    ),
    ("/v3/kv/range", r#"{"key":"AA==","rangeEnd":"AA==","keys_only":true}"#),
    ("/v3/kv/range", r#"{"key":"AA==","rangeEnd":"AA==","countOnly":true}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","revision":"2"}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","revision":"99"}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","serializable":true,"min_mod_revision":"3"}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","sort_order":1}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","unknown":{"a":[1,{"b":null}]}}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","Key":"YQ=="}"#),
    ("/v3/kv/range", r#"{"key":"YQ==","key":"Zm9v"}"#),
    ("/v3/kv/range", r#"{"KEY":"Zm9v"}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","rangeEnd":"Zm9w","range_end":"Zm9x"}"#),
    ("/v3/kv/range", r#"{"key":[102,111,111]}"#),
    ("/v3/kv/range", r#"{"key":[1,null]}"#),
    ("/v3/kv/range", r#"{"key":"\u005am9v"}"#),
    ("/v3/kv/range", r#"{"key":"Zm\n9v"}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","limit":" 1"}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","limit":"null"}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","limit":-0}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","limit":null,"serializable":null,"sort_order":null}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v"}trailing"#),
    ("/v3/kv/range", r#"{"key":"Zm9v"}{"key":"AA=="}"#),
    ("/v3/kv/range", ""),
    ("/v3/kv/range", "  "),
    ("/v3/kv/range", "null"),
    ("/v3/kv/range", "{}"),
    ("/v3/kv/range", r#"{"key":""}"#),
    ("/v3/kv/range", r#"{"key":null}"#),
    ("/v3/kv/range", "{"),
    ("/v3/kv/range", r#"{"key":"Zm9v""#),
    ("/v3/kv/range", r#"{"key":"Zm9v",}"#),
    ("/v3/kv/range", r#"{"key" "Zm9v"}"#),
    ("/v3/kv/range", "{key:1}"),
    ("/v3/kv/range", "x"),
    ("/v3/kv/range", "'"),
    ("/v3/kv/range", "[]"),
    ("/v3/kv/range", "\"a\""),
    ("/v3/kv/range", "1"),
    ("/v3/kv/range", "true"),
    ("/v3/kv/range", r#"{"a":[1 2]}"#),
    ("/v3/kv/range", r#"{"key":"\x"}"#),
    ("/v3/kv/range", r#"{"key":"\u12"}"#),
    ("/v3/kv/range", r#"{"key":nul}"#),
    ("/v3/kv/range", "{\"key\":\"Zm9v\t\"}"),
    ("/v3/kv/range", r#"{"key":"Zm9v","limit":01}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","limit":1.}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","limit":.5}"#),
    ("/v3/kv/range", r#"{"key":1}"#),
    ("/v3/kv/range", r#"{"key":true}"#),
    ("/v3/kv/range", r#"{"key":{}}"#),
    ("/v3/kv/range", r#"{"key":["Zm9v"]}"#),
    ("/v3/kv/range", r#"{"key":[300]}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v=="}"#),
    ("/v3/kv/range", r#"{"key":"<&>"}"#),
    ("/v3/kv/range", r#"{"key":"Zg=a"}"#),
    ("/v3/kv/range", r#"{"key":"Zm9vZg="}"#),
    ("/v3/kv/range", r#"{"key":"Zm9vZm8=x"}"#),
    ("/v3/kv/range", r#"{"key":"Zm9vZm8*"}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","limit":1.5}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","limit":1e2}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","limit":"1e2"}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","limit":9223372036854775808}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","limit":"x"}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","limit":""}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","limit":" "}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","limit":"0x10"}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","limit":"007"}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","limit":true}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","limit":{}}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","limit":[]}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","serializable":"true"}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","serializable":1}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","sort_order":"WRONG"}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","sort_order":1.5}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","sort_order":[]}"#),
    (
        "/v3/kv/txn",
        r#"{"compare":[{"result":"EQUAL","target":"MOD","key":"Zm9v","mod_revision":"3"}],
            "success":[{"request_range":{"key":"Zm9v"}},{"requestPut":{"key":"YQ==","value":"PA==","prev_kv":true}}]}"#,
    ),
    (
        "/v3/kv/txn",
        r#"{"compare":[{"key":"Zm9v","value":""}],"success":[],
            "failure":[{"request_txn":{"success":[{"request_delete_range":{"key":"YQ==","prevKv":true}}]}}]}"#,
    ),
    ("/v3/kv/txn", "{}"),
    ("/v3/kv/txn", r#"{"success":[{}]}"#),
    ("/v3/kv/txn", r#"{"success":null}"#),
    ("/v3/kv/txn", r#"{"success":{}}"#),
    ("/v3/kv/txn", r#"{"success":[1]}"#),
    ("/v3/kv/txn", r#"{"success":[{"request_range":1}]}"#),
    ("/v3/kv/txn", r#"{"success":[{"request_range":{"key":"eA==","limit":"q"}}]}"#),
    ("/v3/kv/txn", r#"{"compare":"x"}"#),
    ("/v3/kv/txn", r#"{"compare":[{"key":"Zm9v","version":"0","target":"VERSION"}]}"#),
    ("/v3/kv/txn", r#"{"success":[{"request_put":{"key":"YQ=="}},{"request_put":{"key":"YQ=="}}]}"#),
    ("/v3/kv/deleterange", r#"{"key":"ZW1wdHk=","prev_kv":true}"#),
    ("/v3/kv/deleterange", r#"{"key":"ZW1wdHk="}"#),
    ("/v3/kv/deleterange", "{}"),
    ("/v3/kv/compaction", r#"{"revision":"3"}"#),
    ("/v3/kv/compaction", r#"{"revision":"3"}"#),
    ("/v3/kv/compaction", r#"{"revision":"99"}"#),
    ("/v3/kv/range", r#"{"key":"Zm9v","revision":"2"}"#),
    ("/v3/watch", "x"),
    ("/v3/watch", r#"{"create_request":{"key":"YQ==","filters":["NOPUT","x"]}}"#),
    ("/v3/watch", r#"{"create_request":{"key":"YQ==","filters":"NOPUT"}}"#),
    ("/v3/lease/keepalive", "{"),
    ("/v3/nothing", "{}"),
    ("/v3/kv/range/", "{}"),
    ("/v3alpha/kv/range", "{}"),
];

#[test]
fn answers_are_those_of_a_real_etcd() {
    if is_go_3_4() {
        return;
    }
    let Some(both) = Both::start() else { return };
    both.assert_alike(REQUESTS);
    for method in ["GET", "PUT", "DELETE"] {
        let [found, expected] = both.each(|curl| curl.run(&["-X", method], "/v3/kv/range", ""));
        assert_eq!(found, expected, "{method}");
    }
}

/// This server and a real etcd 3.4, each asked with curl.
pub(crate) struct Both {
    curls: [Curl; 2],
    _servers: [Server; 2],
    _lones: [Lone; 2],
}

impl Both {
    /// `None` when there is nothing to compare with.
    pub(crate) fn start() -> Option<Self> {
        let program = foreign("etcd")?;
        let lones = [Lone::new(), Lone::new()];
        let curl = |lone: &Lone| Curl::new(lone.spec.client_url());
        let curls = [curl(&lones[0])?, curl(&lones[1])?];
        let servers = [lones[0].start(), lones[1].start_program(&program)];
        Some(Self { curls, _servers: servers, _lones: lones })
    }

    /// What comes of `ask` at ours, and at theirs.
    pub(crate) fn each<T>(&self, ask: impl Fn(&Curl) -> T) -> [T; 2] {
        self.curls.each_ref().map(ask)
    }

    /// Sends each request (path and body) to both, and checks that they answer alike but for ids.
    pub(crate) fn assert_alike(&self, requests: &[(&str, &str)]) {
        let mut different = Vec::new();
        for (path, body) in requests {
            let [found, expected] = self.each(|curl| {
                let (status, answer) = curl.post(path, body);
                (status, without_ids(&answer))
            });
            if found != expected {
                different.push(format!("{path} {body}\n  ours   {found:?}\n  theirs {expected:?}"));
            }
        }
        assert!(different.is_empty(), "{}", different.join("\n"));
    }
}

/// Leaves out what two clusters never share.
fn without_ids(body: &str) -> String {
    let mut text = body.to_owned();
    for name in ["cluster_id", "member_id", "raft_term"] {
        let from = format!("\"{name}\":\"");
        let mut parts = text.split(&from);
        let mut rest = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            rest.push_str(&from);
            rest.push_str(part.trim_start_matches(|letter: char| letter.is_ascii_digit()));
        }
        text = rest;
    }
    text
}
