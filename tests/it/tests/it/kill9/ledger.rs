//! Writers, and what they know for sure.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use etcd_client::{Client, ConnectOptions, GetOptions};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::load::await_more;

const WRITERS: usize = 8;
/// After that a request has an unknown outcome.
const PATIENCE: Duration = Duration::from_secs(6);

/// Writers on all endpoints at once, each key once.
pub(super) struct Load {
    ledger: Arc<Ledger>,
    writers: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Ledger {
    acknowledged: Mutex<BTreeMap<String, String>>,
    count: AtomicUsize,
    unknown: AtomicUsize,
    over: AtomicBool,
}

impl Load {
    pub(super) fn start(runtime: &Runtime, urls: &[String]) -> Self {
        let ledger = Arc::new(Ledger::default());
        let writers = (0..WRITERS)
            .map(|writer| runtime.spawn(write(writer, urls.to_vec(), Arc::clone(&ledger))))
            .collect();
        Self { ledger, writers }
    }

    /// Waits until so many more puts are acknowledged.
    pub(super) fn wait_for_progress(&self, more: usize) {
        await_more("acknowledged put", more, || self.ledger.count.load(Ordering::Relaxed));
    }

    /// Ends the load; gives every acknowledged key with its value.
    pub(super) fn stop(self, runtime: &Runtime) -> BTreeMap<String, String> {
        self.ledger.over.store(true, Ordering::Relaxed);
        for writer in self.writers {
            runtime.block_on(writer).unwrap();
        }
        let acknowledged = std::mem::take(&mut *self.ledger.acknowledged.lock().unwrap());
        let unknown = self.ledger.unknown.load(Ordering::Relaxed);
        eprintln!("{} puts acknowledged, {unknown} with unknown outcome", acknowledged.len());
        acknowledged
    }
}

/// Every acknowledged put is at every member; what else is there is as it was meant.
pub(super) fn assert_nothing_lost(
    runtime: &Runtime,
    urls: &[String],
    acknowledged: &BTreeMap<String, String>,
) {
    for url in urls {
        let found = runtime.block_on(read_all(url));
        let lost: Vec<_> =
            acknowledged.iter().filter(|(key, value)| found.get(*key) != Some(value)).collect();
        assert!(lost.is_empty(), "{} of {} are lost at {url}: {lost:?}", lost.len(), acknowledged.len());
        for (key, value) in &found {
            assert_eq!(*value, value_of(key), "{key} at {url}");
        }
    }
}

/// One client for each member, with a time-out for every request.
pub(super) async fn clients(urls: &[String]) -> Vec<Client> {
    let options = ConnectOptions::new().with_timeout(PATIENCE);
    let mut clients = Vec::new();
    for url in urls {
        clients.push(Client::connect([url], Some(options.clone())).await.unwrap());
    }
    clients
}

async fn write(writer: usize, urls: Vec<String>, ledger: Arc<Ledger>) {
    let mut clients = clients(&urls).await;
    for number in 0.. {
        if ledger.over.load(Ordering::Relaxed) {
            return;
        }
        let key = format!("writer{writer}/{number}");
        let member = (writer + number) % clients.len();
        if clients[member].put(key.clone(), value_of(&key), None).await.is_ok() {
            ledger.acknowledged.lock().unwrap().insert(key.clone(), value_of(&key));
            ledger.count.fetch_add(1, Ordering::Relaxed);
        } else {
            ledger.unknown.fetch_add(1, Ordering::Relaxed);
            // The member is down; the next one in turn is asked, but not in a hot loop.
            tokio::time::sleep(Duration::from_millis(5)).await; // between two looks
        }
    }
}

fn value_of(key: &str) -> String {
    format!("the value of {key}")
}

async fn read_all(url: &str) -> BTreeMap<String, String> {
    let mut client = Client::connect([url], None).await.unwrap();
    let options = GetOptions::new().with_prefix().with_serializable();
    let answer = client.get("writer", Some(options)).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    answer.kvs().iter().map(|kv| (text(kv.key()), text(kv.value()))).collect()
}
