//! The text form that Prometheus has always read, made from the OpenMetrics form that the registry writes.
//!
//! The two differ in the names of counters (OpenMetrics takes `_total` off the family and puts it on every sample),
//! in `# UNIT`, and in the end mark.

use std::fmt;

use prometheus_client::encoding::text::encode as encode_open_metrics;
use prometheus_client::registry::Registry;

/// The media type of the page.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// etcd's counters whose names do not end in `_total`.
const PLAIN_COUNTERS: [&str; 8] = [
    "etcd_server_health_success",
    "etcd_server_health_failures",
    "etcd_server_learner_promote_successes",
    "etcd_server_learner_promote_failures",
    "etcd_network_snapshot_send_success",
    "etcd_network_snapshot_send_failures",
    "etcd_network_snapshot_receive_success",
    "etcd_network_snapshot_receive_failures",
];

/// Writes everything in the registry, as Prometheus text 0.0.4.
///
/// Counters are registered without `_total` and shown with it, but for the few that etcd names otherwise.
///
/// # Errors
/// When a collector cannot write.
pub fn encode(registry: &Registry) -> Result<String, fmt::Error> {
    let mut page = String::new();
    encode_open_metrics(&mut page, registry)?;
    Ok(from_open_metrics(&page))
}

/// Where the lines of one family go.
enum Family<'a> {
    /// Samples are shown as they are.
    AsIs,
    /// Samples lose `_total`.
    PlainCounter(&'a str),
}

pub(super) fn from_open_metrics(page: &str) -> String {
    let mut out = String::with_capacity(page.len() + 1024);
    let mut family = Family::AsIs;
    let mut help = None;
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ');
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            let plain = PLAIN_COUNTERS.contains(&name);
            let suffix = if kind == "counter" && !plain { "_total" } else { "" };
            family = if plain { Family::PlainCounter(name) } else { Family::AsIs };
            if let Some((_, help)) = help.take().filter(|(of, _)| *of == name) {
                push(&mut out, &["# HELP ", name, suffix, " ", help]);
            }
            let kind = if kind == "unknown" { "untyped" } else { kind };
            push(&mut out, &["# TYPE ", name, suffix, " ", kind]);
        } else if !line.starts_with('#') {
            sample(&mut out, line, &family);
        }
    }
    out
}

fn sample(out: &mut String, line: &str, family: &Family<'_>) {
    if let Family::PlainCounter(name) = family
        && let Some(rest) = line.strip_prefix(name).and_then(|rest| rest.strip_prefix("_total"))
    {
        push(out, &[name, rest]);
    } else if let Some((before, bound, after)) = bound(line) {
        push(out, &[before, &go_float(bound), after]);
    } else {
        push(out, &[line]);
    }
}

/// The upper end of a bucket, and what stands around it.
fn bound(line: &str) -> Option<(&str, f64, &str)> {
    let from = line.find("le=\"")? + "le=\"".len();
    let (bound, _) = line[from..].split_once('"')?;
    Some((
        &line[..from],
        bound.parse().ok().filter(|bound: &f64| bound.is_finite())?,
        &line[from + bound.len()..],
    ))
}

/// A number as Go prints it, so that a bucket keeps its label: `1` and not `1.0`, `1e+06` and not `1000000`.
pub(super) fn go_float(number: f64) -> String {
    let scientific = format!("{number:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        return number.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

fn push(out: &mut String, parts: &[&str]) {
    parts.iter().for_each(|part| out.push_str(part));
    out.push('\n');
}
