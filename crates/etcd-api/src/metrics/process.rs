//! The process itself, read from `/proc` at each scrape; on other systems nothing is shown.

use std::fmt;
use std::fs;
use std::sync::OnceLock;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// Clock ticks per second in `/proc/self/stat`; the same on every Linux that Rust runs on.
const TICKS: f64 = 100.0;
const PAGE: f64 = 4096.0;

/// Registers `process_*`, `os_fd_used` and `os_fd_limit`.
pub fn register_process(registry: &mut Registry) {
    registry.register_collector(Box::new(Process::default()));
}

#[derive(Debug, Default)]
struct Process {
    started: OnceLock<Option<f64>>,
}

/// The fields of `/proc/self/stat` that are shown.
#[derive(Debug, PartialEq)]
pub(super) struct Stat {
    pub(super) cpu_seconds: f64,
    pub(super) virtual_bytes: f64,
    pub(super) resident_bytes: f64,
    /// Seconds from boot to the start of the process.
    pub(super) started_after_boot: f64,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().and_then(|text| parse_stat(&text)) {
            let help = "Total user and system CPU time spent in seconds";
            let metric = encoder.encode_descriptor("process_cpu_seconds", help, None, MetricType::Counter)?;
            ConstCounter::new(stat.cpu_seconds).encode(metric)?;
            gauge(
                &mut encoder,
                "process_resident_memory_bytes",
                "Resident memory in bytes",
                stat.resident_bytes,
            )?;
            gauge(
                &mut encoder,
                "process_virtual_memory_bytes",
                "Virtual memory in bytes",
                stat.virtual_bytes,
            )?;
            let started = self.started.get_or_init(|| boot_time().map(|boot| boot + stat.started_after_boot));
            if let Some(started) = started {
                let help = "Start time of the process since unix epoch in seconds";
                gauge(&mut encoder, "process_start_time_seconds", help, *started)?;
            }
        }
        if let Some(open) = open_files() {
            gauge(&mut encoder, "process_open_fds", "Number of open file descriptors", open)?;
            gauge(&mut encoder, "os_fd_used", "The number of used file descriptors", open)?;
        }
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        if let Some(limit) = parse_limit(&limits, "Max open files") {
            gauge(&mut encoder, "process_max_fds", "Maximum number of open file descriptors", limit)?;
            gauge(&mut encoder, "os_fd_limit", "The file descriptor limit", limit)?;
        }
        if let Some(limit) = parse_limit(&limits, "Max address space") {
            // Prometheus' clients show 2^64 - 1 where there is no limit.
            let bytes = if limit.is_finite() { limit } else { u64::MAX as f64 };
            let help = "Maximum amount of virtual memory available in bytes";
            gauge(&mut encoder, "process_virtual_memory_max_bytes", help, bytes)?;
        }
        Ok(())
    }
}

/// How many files the process may open.
pub(crate) fn open_files_limit() -> Option<u64> {
    Some(parse_limit(&fs::read_to_string("/proc/self/limits").ok()?, "Max open files")? as u64)
}

/// Reads the content of `/proc/self/stat`. The command's name may hold spaces and parentheses.
pub(super) fn parse_stat(text: &str) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // Field 3 of the manual page, the state, is the first after the name.
    let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    Some(Stat {
        cpu_seconds: (field(14)? + field(15)?) / TICKS,
        started_after_boot: field(22)? / TICKS,
        virtual_bytes: field(23)?,
        resident_bytes: field(24)? * PAGE,
    })
}

/// Reads a soft limit from the content of `/proc/self/limits`.
pub(super) fn parse_limit(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(f64::INFINITY),
        limit => limit.parse().ok(),
    }
}

fn boot_time() -> Option<f64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn open_files() -> Option<f64> {
    // The directory that is being read counts as one.
    Some(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as f64)
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: f64) -> Result<(), fmt::Error> {
    ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
}
