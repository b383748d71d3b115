//! One round: connect, warm up, measure.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use etcd_testkit::Usage;

use crate::load::{Kind, Load};
use crate::measures::{Measures, Recorder};
use crate::options::Run;
use crate::pacer::Pacer;
use crate::progress::Progress;
use crate::target::Target;
use crate::watch;
use crate::worker::{Phase, Worker};

const LOOK: Duration = Duration::from_millis(100);

/// Makes every key of the load, or every lease, so that there is something to ask for.
pub(crate) fn fill(target: &Target, load: &Load, run: &Run) -> anyhow::Result<()> {
    let mut workers = connect(target, load, run)?;
    let everything = Load { total: Some(load.key_space), duration: None, rate: None, ..load.clone() };
    let recorder = phase(&mut workers, &everything, true, &format!("{}: filling", target.label))?;
    let measures = recorder.measures(1.0);
    match measures.first_failure {
        None => Ok(()),
        Some(failure) => {
            Err(anyhow!("{} of {} requests failed: {failure}", measures.failures, load.key_space))
        }
    }
}

/// Bears `load` once, after its warm-up.
pub(crate) fn measure(target: &Target, load: &Load, run: &Run, label: &str) -> anyhow::Result<Measures> {
    if let Kind::Watch { watchers } = load.kind {
        return watch::measure(target, load, watchers, run, label);
    }
    let mut workers = connect(target, load, run)?;
    if load.warm_up > 0 {
        let warm_up = Load { total: Some(load.warm_up), duration: None, ..load.clone() };
        phase(&mut workers, &warm_up, false, &format!("{label}: warming up"))?;
    }
    let before = Spending::begin(target)?;
    let recorder = phase(&mut workers, load, false, label)?;
    let spent = before.end(target)?;
    let measures = spent.measures(&recorder);
    if measures.requests == 0 {
        return Err(anyhow!("every request failed: {}", measures.first_failure.unwrap_or_default()));
    }
    Ok(measures)
}

/// The beginning of what is measured.
pub(crate) struct Spending {
    begun: Instant,
    members: Vec<Usage>,
    client_cpu_seconds: f64,
}

/// What it took.
pub(crate) struct Spent {
    seconds: f64,
    client_cpu_seconds: f64,
    /// None when the members run elsewhere.
    server_cpu_seconds: Option<f64>,
    resident_bytes: Vec<u64>,
}

impl Spending {
    pub(crate) fn begin(target: &Target) -> anyhow::Result<Self> {
        let (members, client_cpu_seconds) = (target.usage()?, own_cpu_seconds());
        Ok(Self { begun: Instant::now(), members, client_cpu_seconds })
    }

    pub(crate) fn end(&self, target: &Target) -> anyhow::Result<Spent> {
        let seconds = self.begun.elapsed().as_secs_f64();
        let client_cpu_seconds = own_cpu_seconds() - self.client_cpu_seconds;
        let after = target.usage()?;
        Ok(Spent {
            seconds,
            client_cpu_seconds,
            server_cpu_seconds: (!after.is_empty()).then(|| cpu_seconds(&after) - cpu_seconds(&self.members)),
            resident_bytes: after.iter().map(|usage| usage.resident_bytes).collect(),
        })
    }
}

impl Spent {
    pub(crate) fn measures(self, recorder: &Recorder) -> Measures {
        Measures {
            client_cpu_seconds: self.client_cpu_seconds,
            server_cpu_seconds: self.server_cpu_seconds,
            resident_bytes: self.resident_bytes,
            ..recorder.measures(self.seconds)
        }
    }
}

fn connect(target: &Target, load: &Load, run: &Run) -> anyhow::Result<Vec<Worker>> {
    let addresses = target.spread(load.connections, run.target)?;
    let threads = run.threads().min(addresses.len());
    (0..threads)
        .map(|thread| {
            // Every thread gets its share of connections, and every connection its share of clients.
            let own: Vec<_> = addresses.iter().skip(thread).step_by(threads).cloned().collect();
            let clients = share(load.clients, own.len(), addresses.len(), thread, threads);
            Worker::connect(&own, target.is_tls, clients, thread as u64 + 1)
        })
        .collect()
}

/// Clients of one thread, in proportion to its connections; the shares of all threads add up.
pub(crate) fn share(clients: u64, own: usize, all: usize, thread: usize, threads: usize) -> u64 {
    let (own, all, thread, threads) = (own as u64, all as u64, thread as u64, threads as u64);
    let before: u64 = (0..thread).map(|earlier| (all + threads - 1 - earlier) / threads).sum();
    clients * (before + own) / all - clients * before / all
}

/// Runs one phase on all threads.
fn phase(workers: &mut Vec<Worker>, load: &Load, fill: bool, label: &str) -> anyhow::Result<Recorder> {
    let progress = Progress::new(label);
    let begun = Instant::now();
    let phase = Arc::new(Phase {
        load: load.clone(),
        pacer: Pacer::new(load.total, load.duration, load.rate),
        done: AtomicU64::new(0),
        fill,
    });
    let threads: Vec<_> = workers.drain(..).map(|worker| worker.spawn(Arc::clone(&phase))).collect();
    let mut looked = Instant::now();
    while threads.iter().any(|thread| !thread.is_finished()) {
        // Short pauses: this is also how exactly the end of a phase is seen.
        std::thread::sleep(Duration::from_millis(1));
        if looked.elapsed() >= LOOK {
            looked = Instant::now();
            let done = phase.done.load(Ordering::Relaxed);
            progress.show(fraction(load, done, begun.elapsed()), done);
        }
    }
    let mut all = Recorder::new();
    for thread in threads {
        let outcome = thread.join().map_err(|_| anyhow!("a thread of the load client panicked"))?;
        let (worker, recorder) = outcome.context("the load client failed")?;
        all.merge(&recorder);
        workers.push(worker);
    }
    Ok(all)
}

fn fraction(load: &Load, done: u64, elapsed: Duration) -> f64 {
    match (load.total, load.duration) {
        (Some(total), _) => done as f64 / total as f64,
        (None, Some(duration)) => elapsed.as_secs_f64() / duration.as_secs_f64(),
        (None, None) => 0.0,
    }
}

fn cpu_seconds(members: &[Usage]) -> f64 {
    members.iter().map(|usage| usage.cpu_seconds).sum()
}

fn own_cpu_seconds() -> f64 {
    Usage::read(std::process::id()).unwrap_or_default().cpu_seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_clients_are_shared_out() {
        for (clients, connections, threads) in [(1000, 100, 1), (1000, 100, 3), (7, 3, 2), (10, 10, 4)] {
            let shares: Vec<u64> = (0..threads)
                .map(|thread| {
                    let own = (thread..connections).step_by(threads).count();
                    share(clients, own, connections, thread, threads)
                })
                .collect();
            assert_eq!(shares.iter().sum::<u64>(), clients, "{shares:?}");
            assert!(shares.iter().all(|share| *share > 0), "{shares:?}");
        }
    }
}
