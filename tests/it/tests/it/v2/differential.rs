//! The same random requests against ours and Debian's etcd 3.4: equal statuses, headers and bodies.

use std::time::{Duration, Instant};

use etcd_it::{cluster, debian_etcd, seeded, start};
use etcd_testkit::Cluster;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use serde_json::Value;

use super::http::{Reply, send};

/// Requests that are compared, if they do not take too long.
const REQUESTS: usize = 1500;
const ENOUGH: Duration = Duration::from_secs(100);

/// Below a million seconds from now, so that nothing expires meanwhile.
const TTLS: [&str; 3] = ["1000000", "2000000", ""];

struct Ask {
    method: &'static str,
    /// Path and query.
    path: String,
    form: Option<String>,
}

fn key(rng: &mut StdRng) -> String {
    let names = ["a", "b", "c", "_h", "%20x"];
    let depth = rng.random_range(0..4);
    let mut key: String = (0..depth).map(|_| format!("/{}", names.choose(rng).unwrap())).collect();
    match rng.random_range(0..40) {
        0 => key.push('/'),
        1 => key.push_str("//a"),
        2 => key.push_str("/./b"),
        3 => key.push_str("/../c"),
        _ => {}
    }
    key
}

fn pick(rng: &mut StdRng, name: &str, chance: f64, values: &[&str], fields: &mut Vec<String>) {
    if rng.random_bool(chance) {
        fields.push(format!("{name}={}", values.choose(rng).unwrap()));
    }
}

fn ask(rng: &mut StdRng, index: u64) -> Ask {
    let near = index.saturating_sub(rng.random_range(0..6)).to_string();
    let mut fields = Vec::new();
    let method = *["GET", "GET", "PUT", "PUT", "PUT", "PUT", "POST", "DELETE", "HEAD"].choose(rng).unwrap();
    let bools = ["true", "1", "false", "maybe", ""];
    match method {
        "GET" | "HEAD" => {
            pick(rng, "recursive", 0.4, &["true", "false"], &mut fields);
            pick(rng, "sorted", 0.4, &["true", "no"], &mut fields);
            pick(rng, "quorum", 0.2, &["true", "false"], &mut fields);
            pick(rng, "waitIndex", 0.05, &["x"], &mut fields);
        }
        "DELETE" => {
            pick(rng, "dir", 0.3, &["true", "false"], &mut fields);
            pick(rng, "recursive", 0.3, &["true", "false"], &mut fields);
            pick(rng, "prevValue", 0.2, &["1", "2", ""], &mut fields);
            pick(rng, "prevIndex", 0.2, &[near.as_str(), "0", "-1"], &mut fields);
        }
        _ => {
            pick(rng, "value", 0.8, &["1", "2", "%3Ca%26b%3E", "%22", "a+b", ""], &mut fields);
            pick(rng, "dir", 0.15, &["true", "false"], &mut fields);
            pick(rng, "ttl", 0.15, &TTLS, &mut fields);
            pick(rng, "ttl", 0.03, &["soon"], &mut fields);
            pick(rng, "refresh", 0.08, &bools, &mut fields);
            pick(rng, "prevExist", 0.2, &bools, &mut fields);
            pick(rng, "prevValue", 0.15, &["1", "2", ""], &mut fields);
            pick(rng, "prevIndex", 0.15, &[near.as_str(), "0", "x"], &mut fields);
            pick(rng, "noValueOnSuccess", 0.1, &["true", "x"], &mut fields);
            pick(rng, "wait", 0.03, &["true"], &mut fields);
        }
    }
    let in_query = method != "PUT" && method != "POST" || rng.random_bool(0.3);
    let fields = fields.join("&");
    let path = format!("/v2/keys{}", key(rng));
    if in_query {
        let query = if fields.is_empty() { String::new() } else { format!("?{fields}") };
        Ask { method, path: path + &query, form: None }
    } else {
        Ask { method, path, form: Some(fields) }
    }
}

/// What is left of an answer without times; nodes in the order of their keys, in which etcd lists only when asked.
fn comparable(reply: &Reply) -> (u16, Vec<Option<&str>>, Value) {
    let headers = ["content-type", "x-etcd-index", "location", "allow"].map(|name| reply.header(name));
    let body = match serde_json::from_str(&reply.body) {
        Ok(mut json) => {
            without_times(&mut json);
            json
        }
        Err(_no_json) => Value::from(reply.body.clone()),
    };
    (reply.status, headers.to_vec(), body)
}

fn without_times(json: &mut Value) {
    match json {
        Value::Object(fields) => {
            for name in ["expiration", "ttl"] {
                if let Some(value) = fields.get_mut(name) {
                    *value = Value::from("some");
                }
            }
            fields.values_mut().for_each(without_times);
        }
        Value::Array(nodes) => {
            nodes.iter_mut().for_each(without_times);
            nodes.sort_by_key(|node| node["key"].as_str().unwrap_or_default().to_owned());
        }
        _ => {}
    }
}

/// The bytes are equal too, where they hold neither times nor lists.
fn has_equal_bytes(ours: &Reply, theirs: &Reply) -> bool {
    let loose = ["\"nodes\":", "\"expiration\":"].iter().any(|field| ours.body.contains(field));
    loose || ours.body == theirs.body
}

/// Asks both at the same time: each write waits for the disk.
fn both(urls: &[String; 2], ask: impl Fn(&str) -> Reply + Sync) -> [Reply; 2] {
    std::thread::scope(|scope| {
        let theirs = scope.spawn(|| ask(&urls[1]));
        [ask(&urls[0]), theirs.join().unwrap()]
    })
}

fn wait_for_version(cluster: &mut Cluster) {
    let decided = cluster.wait("the cluster's version", |members| {
        let version = members[0].probe().version().map_err(|error| error.to_string())?;
        if version.cluster == "not_decided" { Err(version.cluster) } else { Ok(()) }
    });
    decided.unwrap();
}

#[test]
fn answers_are_those_of_etcd_3_4() {
    let Some(etcd) = debian_etcd() else { return };
    let mut rng = seeded();
    let mut ours = start(cluster(1).argument("--enable-v2"));
    let mut theirs = Cluster::builder(etcd).argument("--enable-v2").start().unwrap();
    wait_for_version(&mut ours);
    wait_for_version(&mut theirs);
    let urls = [ours.client_urls().remove(0), theirs.client_urls().remove(0)];
    let mut index = 4;
    let mut waits = 0;
    let begun = Instant::now();
    for number in 0..REQUESTS {
        if begun.elapsed() > ENOUGH {
            eprintln!("{number} requests were compared, of {REQUESTS}: the disk is slow");
            break;
        }
        let Ask { method, path, form } = ask(&mut rng, index);
        let replies = both(&urls, |url| send(method, &format!("{url}{path}"), form.as_deref()));
        let asked = format!("request {number}: {method} {path} {form:?}");
        assert_eq!(comparable(&replies[0]), comparable(&replies[1]), "{asked}\n{replies:#?}");
        assert!(has_equal_bytes(&replies[0], &replies[1]), "{asked}\n{replies:#?}");
        index = index.max(replies[1].header("x-etcd-index").and_then(|i| i.parse().ok()).unwrap_or(0));
        // An event that has happened can be waited for; a refresh cannot.
        let made = if method == "HEAD" {
            Value::Null
        } else {
            serde_json::from_str(&replies[1].body).unwrap_or_default()
        };
        if made["action"] != "get" && made["refresh"].is_null() && made["node"]["key"].is_string() {
            waits += 1;
            let wait = format!(
                "/v2/keys{}?wait=true&waitIndex={}",
                made["node"]["key"].as_str().unwrap(),
                made["node"]["modifiedIndex"]
            )
            .replace(' ', "%20");
            let replies = both(&urls, |url| send("GET", &format!("{url}{wait}"), None));
            assert_eq!(comparable(&replies[0]), comparable(&replies[1]), "after {asked}: {wait}");
        }
    }
    assert!(waits > 10, "{waits} writes were made");
    let tree = [&urls[0], &urls[1]]
        .map(|url| send("GET", &format!("{url}/v2/keys?recursive=true&sorted=true"), None));
    assert_eq!(comparable(&tree[0]), comparable(&tree[1]));
    for path in ["/v2/stats/store", "/v2/members/x", "/v2/members/leader/", "/v2/nothing"] {
        let [ours, theirs] = [&urls[0], &urls[1]].map(|url| send("GET", &format!("{url}{path}"), None));
        if path == "/v2/stats/store" {
            let fields =
                |reply: &Reply| reply.json().as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            assert_eq!(fields(&ours), fields(&theirs));
        } else {
            assert_eq!(
                (ours.status, ours.header("content-type")),
                (theirs.status, theirs.header("content-type")),
                "{path}"
            );
        }
    }
}
