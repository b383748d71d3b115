//! A number that only grows, and readers that must never see it shrink.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use etcd_client::{Compare, CompareOp, Txn, TxnOp};
use etcd_it::DEADLINE;
use etcd_testkit::wait_until;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::ledger::clients;

const READERS: usize = 3;
const KEY: &str = "counter";

/// One writer and some readers, on all endpoints in turn.
pub(super) struct Counter {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// The largest number that is known to be written: acknowledged, or read.
    known: AtomicU64,
    /// The largest number that was ever sent.
    sent: AtomicU64,
    reads: AtomicU64,
    over: AtomicBool,
}

impl Counter {
    pub(super) fn start(runtime: &Runtime, urls: &[String]) -> Self {
        let shared = Arc::new(Shared::default());
        let mut tasks = vec![runtime.spawn(count(urls.to_vec(), Arc::clone(&shared)))];
        for reader in 0..READERS {
            tasks.push(runtime.spawn(read(reader, urls.to_vec(), Arc::clone(&shared))));
        }
        Self { shared, tasks }
    }

    /// Ends it, when it has come far enough. A reader that saw the number shrink has panicked.
    pub(super) fn stop(self, runtime: &Runtime) {
        let far = wait_until("the counter and its readers to go on", DEADLINE, || {
            let (known, reads) =
                (self.shared.known.load(Ordering::SeqCst), self.shared.reads.load(Ordering::SeqCst));
            let is_dead = self.tasks.iter().any(JoinHandle::is_finished);
            if (known > 20 && reads > 20) || is_dead {
                Ok(())
            } else {
                Err(format!("{known}, {reads} reads"))
            }
        });
        self.shared.over.store(true, Ordering::SeqCst);
        for task in self.tasks {
            runtime.block_on(task).unwrap();
        }
        let (known, reads) =
            (self.shared.known.load(Ordering::SeqCst), self.shared.reads.load(Ordering::SeqCst));
        eprintln!("counted to {known}, {reads} linearizable reads");
        far.unwrap();
    }
}

/// Writes 1, 2, 3, … A number whose outcome is unknown may still come, so each is written only over smaller ones.
async fn count(urls: Vec<String>, shared: Arc<Shared>) {
    let mut clients = clients(&urls).await;
    for number in 1.. {
        if shared.over.load(Ordering::SeqCst) {
            return;
        }
        shared.sent.store(number, Ordering::SeqCst);
        let value = format!("{number:020}");
        // A key that is not there has no value to compare.
        let absent = Compare::version(KEY, CompareOp::Equal, 0);
        let smaller = Compare::value(KEY, CompareOp::Less, value.clone());
        let put = TxnOp::put(KEY, value, None);
        let create = Txn::new().when([absent]).and_then([put.clone()]);
        let txn = Txn::new().when([smaller]).and_then([put]).or_else([TxnOp::txn(create)]);
        let member = usize::try_from(number).unwrap() % clients.len();
        match clients[member].txn(txn).await {
            Ok(_) => drop(shared.known.fetch_max(number, Ordering::SeqCst)),
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await, // between two looks
        }
    }
}

async fn read(reader: usize, urls: Vec<String>, shared: Arc<Shared>) {
    let mut clients = clients(&urls).await;
    let members = clients.len();
    for turn in reader.. {
        if shared.over.load(Ordering::SeqCst) {
            return;
        }
        let known = shared.known.load(Ordering::SeqCst);
        match clients[turn % members].get(KEY, None).await {
            Ok(answer) => {
                let number = answer.kvs().first().map_or(0, |kv| kv.value_str().unwrap().parse().unwrap());
                let url = &urls[turn % members];
                assert!(number >= known, "{url} answers {number} after {known} was known: a stale read");
                assert!(
                    number <= shared.sent.load(Ordering::SeqCst),
                    "{url} answers {number}, which nobody sent"
                );
                shared.known.fetch_max(number, Ordering::SeqCst);
                shared.reads.fetch_add(1, Ordering::SeqCst);
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await, // between two looks
        }
    }
}
