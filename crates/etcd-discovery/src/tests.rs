use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use etcd_membership::Urls;

use crate::entry::{Entry, Found, Local};
use crate::error::shorten;
use crate::join::{Registry, join, parse_size};
use crate::retry::Failure;
use crate::{DiscoveryError, Pauses};

/// Takes no time, and remembers.
#[derive(Debug, Default)]
struct NoPauses(Mutex<Vec<u64>>);

impl Pauses for NoPauses {
    fn pause(&self, length: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.0.lock().unwrap().push(length.as_secs());
        Box::pin(std::future::ready(()))
    }
}

/// A service in memory: each wait for news lets one more of `arriving` register.
#[derive(Default)]
struct Table {
    size: &'static str,
    entries: BTreeMap<String, (String, u64)>,
    arriving: Vec<(String, String)>,
    /// What the next requests fail with.
    failures: Vec<Failure>,
    /// What the next attempts to register fail with.
    refusals: Vec<Failure>,
    clock: u64,
}

impl Table {
    fn put(&mut self, id: &str, value: &str) {
        self.clock += 1;
        self.entries.insert(id.to_owned(), (value.to_owned(), self.clock));
    }
}

impl Registry for Table {
    type Seen = u64;

    fn place(&self) -> String {
        "memory".to_owned()
    }

    async fn size(&mut self) -> Result<usize, Failure> {
        match self.failures.pop() {
            Some(failure) => Err(failure),
            None => Ok(parse_size(self.size)?),
        }
    }

    async fn entries(&mut self) -> Result<(Vec<Entry>, u64), Failure> {
        let entry = |(id, (value, order)): (&String, &(String, u64))| Entry {
            id: id.clone(),
            value: value.clone(),
            order: *order,
        };
        Ok((self.entries.iter().map(entry).collect(), self.clock))
    }

    async fn register(&mut self, local: &Local) -> Result<(), Failure> {
        if let Some(failure) = self.refusals.pop() {
            return Err(failure);
        }
        self.put(&local.id.to_string(), &local.value);
        Ok(())
    }

    async fn change(&mut self, since: u64) -> Result<(), Failure> {
        assert_eq!(since, self.clock);
        let (id, value) = self.arriving.pop().expect("somebody still comes");
        self.put(&id, &value);
        Ok(())
    }
}

fn urls(text: &str) -> Urls {
    text.parse().unwrap()
}

fn local() -> Local {
    Local::new("infra0", &urls("http://10.0.1.10:2380"), "token").unwrap()
}

fn others(count: usize) -> Vec<(String, String)> {
    (1..=count).map(|n| (format!("{n:x}"), format!("infra{n}=http://10.0.1.1{n}:2380"))).collect()
}

async fn run(table: &mut Table) -> (Result<Found, DiscoveryError>, Vec<u64>) {
    let pauses = Arc::new(NoPauses::default());
    let dynamic: Arc<dyn Pauses> = pauses.clone();
    let found = join(table, "token", &local(), &dynamic).await;
    let pauses = pauses.0.lock().unwrap().clone();
    (found, pauses)
}

#[tokio::test]
async fn the_first_ones_are_the_cluster() {
    let mut table = Table { size: "3", arriving: others(2), ..Table::default() };
    let (found, _) = run(&mut table).await;
    let found = found.unwrap();
    assert_eq!(found.token, "token");
    assert_eq!(
        found.members.to_string(),
        "infra0=http://10.0.1.10:2380,infra1=http://10.0.1.11:2380,infra2=http://10.0.1.12:2380"
    );
}

#[tokio::test]
async fn one_that_is_late_is_told_before_and_after_it_registers() {
    let mut table = Table { size: "2", ..Table::default() };
    for (id, value) in others(2) {
        table.put(&id, &value);
    }
    let (found, _) = run(&mut table).await;
    assert_eq!(found, Err(DiscoveryError::Full { size: 2 }));
    assert_eq!(table.entries.len(), 2, "it did not register");

    // Somebody lowers the size while this member waits with others before it.
    let mut table = Table { size: "2", ..Table::default() };
    table.put("1", "infra1=http://10.0.1.11:2380");
    table.put(&local().id.to_string(), &local().value);
    table.size = "1";
    assert_eq!(run(&mut table).await.0, Err(DiscoveryError::Full { size: 1 }));
}

#[tokio::test]
async fn pauses_grow_up_to_a_bound_and_begin_anew_after_a_success() {
    let passing = |count| (0..count).map(|_| Failure::Passing("connection refused".into()));
    let mut table = Table {
        size: "1",
        failures: passing(9).collect(),
        refusals: passing(2).collect(),
        ..Table::default()
    };
    let (found, pauses) = run(&mut table).await;
    found.unwrap();
    assert_eq!(pauses, [2, 4, 8, 16, 32, 64, 128, 256, 256, 2, 4]);
}

#[tokio::test]
async fn silence_ends_it_only_before_the_member_is_registered() {
    let mut table = Table { size: "1", failures: vec![Failure::Silence], ..Table::default() };
    assert_eq!(run(&mut table).await.0, Err(DiscoveryError::Timeout));
    let mut table = Table { size: "1", refusals: vec![Failure::Silence], ..Table::default() };
    assert_eq!(run(&mut table).await.0.unwrap().members.len(), 1);
}

#[tokio::test]
async fn what_others_register_is_looked_at() {
    for (value, names) in [
        ("infra0=http://10.0.1.99:2380", Err("discovery: found duplicate name")),
        ("infra1=http://10.0.1.11:2380,infra1=http://10.0.1.21:2380", Ok(2)),
        ("infra1=http://10.0.1.11:2380,infra2=http://10.0.1.12:2380", Err("registered something")),
        ("infra1", Err("registered something")),
        ("=http://10.0.1.11:2380", Err("registered something")),
        ("", Err("registered something")),
        ("infra1=http://10.0.1.11:2380/path", Err("URL must not contain a path")),
        ("infra1=javascript:alert(1)", Err("registered something")),
    ] {
        let mut table = Table { size: "2", ..Table::default() };
        table.put("1", value);
        match (run(&mut table).await.0, names) {
            (Ok(found), Ok(names)) => assert_eq!(found.members.len(), names, "{value}"),
            (Err(error), Err(says)) => assert!(error.to_string().contains(says), "{value}: {error}"),
            (found, _) => panic!("{value}: {found:?}"),
        }
    }
}

#[test]
fn sizes() {
    for (text, size) in [("3", Some(3)), ("007", Some(7)), ("1", Some(1))] {
        assert_eq!(parse_size(text).ok(), size);
    }
    for text in ["", "0", "00", "-1", "+3", "abc", "3 ", "1e3", "99999999999999999999999"] {
        let error = parse_size(text).unwrap_err();
        assert!(error.to_string().starts_with("discovery: size key is bad"), "{text}: {error}");
    }
}

#[test]
fn ids_are_etcds() {
    let url = "https://discovery.etcd.io/3e86b59982e49066c5d813af1c2e2579cbf573de";
    let local = Local::new("infra0", &urls("http://10.0.1.10:2380"), url).unwrap();
    assert_eq!(local.id.to_string(), "7337e51056db6238");
    assert_eq!(local.value, "infra0=http://10.0.1.10:2380");
    for name in ["", "a=b", "a,b"] {
        assert!(Local::new(name, &urls("http://10.0.1.10:2380"), url).is_err());
    }
    assert!(Local::new("infra0", &Urls::empty(), url).is_err());
}

#[test]
fn texts_from_outside_are_one_short_line() {
    assert_eq!(shorten("a\nb\u{1b}[31m"), "a b [31m");
    assert_eq!(shorten(&"ä".repeat(1000)).chars().count(), 121);
}

#[test]
fn an_error_of_the_service_is_one_short_line() {
    let body = |message: &str| format!(r#"{{"errorCode":100,"message":"{message}","cause":"/t","index":7}}"#);
    let said = |message: &str| match crate::v2::fuzz_answer(404, body(message).as_bytes()).0 {
        Err(Failure::Final(error)) => error.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(said("Key not found"), "100: Key not found (/t) [7]");
    assert_eq!(said(r"a\nb"), "100: a b (/t) [7]");
    assert!(said(&"x".repeat(1 << 16)).chars().count() < 150);
}
