//! The threads that connections live on.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::runtime;
use tokio::sync::mpsc;

/// A worker thread could not be started.
#[derive(Debug, thiserror::Error)]
#[error("could not start worker {worker}")]
pub struct StartError {
    worker: usize,
    source: io::Error,
}

type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where connections are served: on threads of their own, each with a single-threaded runtime, or on the caller's
/// runtime.
///
/// On a thread of its own everything that a connection does stays on one core, without the work stealing and the
/// cross-thread wake-ups of a multi-threaded runtime. Cheap to clone; the threads end when the last handle and the
/// last connection are gone.
#[derive(Clone, Default)]
pub struct Workers {
    /// Empty: the caller's runtime.
    threads: Arc<[Worker]>,
}

struct Worker {
    /// Connections on this thread.
    load: Arc<AtomicUsize>,
    jobs: mpsc::UnboundedSender<Job>,
}

impl Workers {
    /// Starts `count` threads; with 0, connections are served on the runtime that calls [`serve`](crate::serve).
    ///
    /// # Errors
    /// When the system refuses a thread or a runtime.
    pub fn start(count: usize) -> Result<Self, StartError> {
        let start = |worker| Worker::start(worker).map_err(|source| StartError { worker, source });
        Ok(Self { threads: (0..count).map(start).collect::<Result<_, _>>()? })
    }

    /// Runs a connection on the least loaded thread.
    pub(super) fn place(&self, connection: impl Future<Output = ()> + Send + 'static) {
        let Some(worker) = self.threads.iter().min_by_key(|worker| worker.load.load(Ordering::Relaxed))
        else {
            tokio::spawn(connection);
            return;
        };
        let placed = Placed::on(worker);
        let job = Box::pin(async move {
            connection.await;
            drop(placed);
        });
        // Fails only when the thread has panicked; the connection is then closed by dropping it.
        if worker.jobs.send(job).is_err() {
            tracing::error!("a worker thread is gone");
        }
    }
}

impl Worker {
    fn start(number: usize) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        // Not bounded by itself: each job holds one of the listener's connection slots.
        let (jobs, mut queue) = mpsc::unbounded_channel::<Job>();
        thread::Builder::new().name(format!("api-{number}")).spawn(move || {
            runtime.block_on(async move {
                let mut connections = tokio::task::JoinSet::new();
                loop {
                    tokio::select! {
                        job = queue.recv() => match job {
                            Some(job) => drop(connections.spawn(job)),
                            None => break,
                        },
                        Some(_ended) = connections.join_next() => {}
                    }
                }
                // The handles are gone, so no listener is left; what is open may finish.
                while connections.join_next().await.is_some() {}
            });
        })?;
        Ok(Self { load: Arc::default(), jobs })
    }
}

/// One connection of a worker's load.
struct Placed(Arc<AtomicUsize>);

impl Placed {
    fn on(worker: &Worker) -> Self {
        worker.load.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(&worker.load))
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
