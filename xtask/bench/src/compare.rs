//! Measures one load on one cluster, or on two in alternating rounds.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use etcd_testkit::Security;

use crate::load::Load;
use crate::measures::Measures;
use crate::options::{Job, Run};
use crate::report::{self, Side};
use crate::round;
use crate::target::Target;

/// What was measured of one load.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) load: Load,
    /// One cluster, or ours and theirs.
    pub(crate) sides: Vec<Side>,
}

/// Every command that bears one load.
pub(crate) fn run(job: &Job) -> anyhow::Result<()> {
    let comparison = measure(&job.load, &job.run)?;
    print!("\n{}", report::text(&comparison));
    write_json(&job.run, &[comparison])
}

/// Measures `load` on fresh clusters (or on the one that was named), round by round.
pub(crate) fn measure(load: &Load, run: &Run) -> anyhow::Result<Comparison> {
    crate::keys::Keys::new(load.key_size, load.key_space)?;
    eprintln!("{}", load.describe());
    let targets = targets(run)?;
    if load.needs_filling() {
        for target in &targets {
            round::fill(target, load, run)?;
        }
    }
    if targets.len() > 1 {
        eprintln!("rounds alternate; the cluster whose turn it is not runs on, idle");
    }
    let mut sides: Vec<Side> = targets.iter().map(Side::of).collect();
    let rounds = run.rounds();
    for number in 1..=rounds {
        for (side, target) in sides.iter_mut().zip(&targets) {
            let label = format!("{} round {number}/{rounds}", target.label);
            let measures = round::measure(target, load, run, &label)?;
            eprintln!("{label}: {}", one_line(&measures));
            side.rounds.push(measures);
        }
    }
    Ok(Comparison { load: load.clone(), sides })
}

pub(crate) fn write_json(run: &Run, comparisons: &[Comparison]) -> anyhow::Result<()> {
    let Some(path) = &run.out else { return Ok(()) };
    let text = serde_json::to_string_pretty(&report::json(comparisons))?;
    std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))?;
    eprintln!("wrote {}", path.display());
    Ok(())
}

fn targets(run: &Run) -> anyhow::Result<Vec<Target>> {
    if !run.endpoints.is_empty() {
        return Ok(vec![Target::running(&run.endpoints)?]);
    }
    let binary = binary(run.binary.as_deref())?;
    if run.tls {
        let mut targets = vec![Target::start(&binary, run, Security::Auto)?];
        targets.push(Target::start(&binary, run, Security::Plain)?);
        for (target, label) in targets.iter_mut().zip(["TLS", "plain"]) {
            label.clone_into(&mut target.label);
        }
        return Ok(targets);
    }
    let mut targets = vec![Target::start(&binary, run, Security::Plain)?];
    if let Some(other) = &run.against {
        targets.push(Target::start(other, run, Security::Plain)?);
        for (target, letter) in targets.iter_mut().zip(["A", "B"]) {
            target.label = format!("{letter} {}", target.label);
        }
    }
    Ok(targets)
}

pub(crate) fn binary(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => etcd_testkit::server_binary().context("which server? name one with --binary")?,
    };
    if !path.is_file() {
        bail!("there is no server at {}", path.display());
    }
    Ok(path)
}

fn one_line(measures: &Measures) -> String {
    let mut text = format!(
        "{:.0} requests/s, p50 {:.2} ms, p99 {:.2} ms",
        measures.throughput(),
        measures.latency_ms[0],
        measures.latency_ms[2]
    );
    if let Some(seconds) = measures.server_cpu_seconds {
        text += &format!(", server CPU {seconds:.2} s");
    }
    if let Some(failure) = &measures.first_failure {
        text += &format!("; {} FAILED ({failure})", measures.failures);
    }
    text
}
