//! One thread of clients, on a runtime of its own.
//!
//! A single-threaded runtime answers cheaper than one that moves tasks between threads: nothing here is shared
//! between threads but two counters.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::connection::Client;
use crate::keys::{Keys, Random};
use crate::load::{Call, Load};
use crate::measures::Recorder;
use crate::pacer::Pacer;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(10);
const VALUES: usize = 16;

/// What all threads of a phase share.
#[derive(Debug)]
pub(crate) struct Phase {
    pub(crate) load: Load,
    pub(crate) pacer: Pacer,
    /// Requests that were answered, for the progress line.
    pub(crate) done: AtomicU64,
    /// Makes what the load needs, one after another, instead of sending it.
    pub(crate) fill: bool,
}

/// The clients and connections of one thread; connections stay open from phase to phase.
pub(crate) struct Worker {
    runtime: Runtime,
    clients: Vec<Client>,
    seed: u64,
}

impl Worker {
    /// Opens one connection to each of `addresses`, and shares them among `clients` clients.
    pub(crate) fn connect(
        addresses: &[String],
        is_tls: bool,
        clients: u64,
        seed: u64,
    ) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start a runtime")?;
        let mut connections = Vec::with_capacity(addresses.len());
        for address in addresses {
            connections.push(runtime.block_on(Client::connect(address, is_tls))?);
        }
        let clients =
            (0..usize::try_from(clients)?).map(|i| connections[i % connections.len()].clone()).collect();
        Ok(Self { runtime, clients, seed })
    }

    /// Runs a phase on a thread of its own; gives itself back with what it saw.
    pub(crate) fn spawn(mut self, phase: Arc<Phase>) -> JoinHandle<anyhow::Result<(Self, Recorder)>> {
        std::thread::spawn(move || {
            let clients = std::mem::take(&mut self.clients);
            let (clients, recorder) = self.runtime.block_on(run(clients, self.seed, phase))?;
            self.clients = clients;
            Ok((self, recorder))
        })
    }
}

/// Gives the clients back, which may have streams that later phases go on with.
async fn run(clients: Vec<Client>, seed: u64, phase: Arc<Phase>) -> anyhow::Result<(Vec<Client>, Recorder)> {
    let keys = Keys::new(phase.load.key_size, phase.load.key_space)?;
    let mut random = Random::new(seed);
    let values: Vec<Bytes> = (0..VALUES).map(|_| random.bytes(phase.load.value_size)).collect();
    // Only this thread locks it; the lock is what lets tasks share it.
    let recorder = Arc::new(Mutex::new(Recorder::new()));
    let mut tasks = JoinSet::new();
    for (index, client) in clients.into_iter().enumerate() {
        let task = Task {
            client,
            phase: Arc::clone(&phase),
            keys: keys.clone(),
            value: values[index % VALUES].clone(),
            random: Random::new(random.next()),
            recorder: Arc::clone(&recorder),
        };
        tasks.spawn(task.run());
    }
    let mut clients = Vec::with_capacity(tasks.len());
    while let Some(task) = tasks.join_next().await {
        clients.push(task.context("a client panicked")?);
    }
    let recorder = Arc::into_inner(recorder).context("a client is left")?;
    Ok((clients, recorder.into_inner().unwrap_or_else(PoisonError::into_inner)))
}

struct Task {
    client: Client,
    phase: Arc<Phase>,
    keys: Keys,
    value: Bytes,
    random: Random,
    recorder: Arc<Mutex<Recorder>>,
}

impl Task {
    /// Sends one request after the other; gives up when a connection does not answer any more.
    async fn run(mut self) -> Client {
        while let Some(turn) = self.phase.pacer.next() {
            if let Some(due) = turn.due {
                tokio::time::sleep_until(due.into()).await;
            }
            // With a rate, latency counts from when the request was due, so that a stall is not hidden.
            let begun = turn.due.unwrap_or_else(Instant::now);
            let call = self.next_call(turn.number);
            let outcome = tokio::time::timeout(REQUEST_TIMEOUT, self.client.call(call)).await;
            self.phase.done.fetch_add(1, Ordering::Relaxed);
            match outcome {
                Ok(Ok(())) => self.recorder().success(begun.elapsed()),
                Ok(Err(status)) => {
                    self.recorder().failure(&format!("{:?}: {}", status.code(), status.message()));
                    // A server that refuses at once must not be asked as fast as we can.
                    tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                }
                Err(_) => {
                    self.recorder().failure(&format!("no answer within {REQUEST_TIMEOUT:?}"));
                    break;
                }
            }
        }
        self.client
    }

    fn recorder(&self) -> MutexGuard<'_, Recorder> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_call(&mut self, number: u64) -> Call {
        if self.phase.fill {
            return self.phase.load.filling(&self.keys, number, &self.value);
        }
        self.phase.load.call(&self.keys, &self.value, &mut self.random)
    }
}
