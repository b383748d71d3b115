//! The loads that docs/benchmarks.md shows, as one table each, in Markdown.

use crate::compare::{self, Comparison};
use crate::load::{Kind, Load};
use crate::options::Suite;
use crate::report;

/// Runs every load of the suite, and prints the page.
pub(crate) fn run(options: &Suite) -> anyhow::Result<()> {
    let mut comparisons = Vec::new();
    for load in loads(options.total) {
        comparisons.push(compare::measure(&load, &options.run)?);
    }
    print!("{}", page(&comparisons, &command(std::env::args().skip(1))));
    compare::write_json(&options.run, &comparisons)
}

fn loads(total: u64) -> [Load; 8] {
    let many = |kind| Load {
        kind,
        clients: 1000,
        connections: 100,
        key_size: 8,
        value_size: 256,
        key_space: 10_000,
        total: Some(total),
        duration: None,
        rate: None,
        warm_up: (total / 10).min(10_000),
    };
    let few = (total / 20).max(1);
    [
        many(Kind::Put),
        Load { clients: 1, connections: 1, total: Some(few), warm_up: few / 10, ..many(Kind::Put) },
        many(Kind::Range { serializable: false, keys: 1 }),
        many(Kind::Range { serializable: true, keys: 1 }),
        Load { total: Some(few), warm_up: few / 10, ..many(Kind::Txn { operations: 8 }) },
        Load {
            clients: 100,
            connections: 10,
            total: Some(few),
            warm_up: few / 10,
            ..many(Kind::Range { serializable: true, keys: 1000 })
        },
        // Each put is a thousand events.
        Load {
            clients: 8,
            key_space: 1,
            total: Some((total / 200).max(1)),
            warm_up: (total / 2000).max(1),
            ..many(Kind::Watch { watchers: 1000 })
        },
        many(Kind::KeepAlive),
    ]
}

fn page(comparisons: &[Comparison], command: &str) -> String {
    let mut text = format!("Made by `{command}` on {}.\n", machine());
    for comparison in comparisons {
        text += &format!("\n{}", report::markdown(comparison));
    }
    text
}

fn command(words: impl Iterator<Item = String>) -> String {
    let words: Vec<_> = words.collect();
    format!("cargo xtask bench {}", words.join(" "))
}

/// Processors and kernel: what a reader needs to judge absolute numbers.
fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let model = read("/proc/cpuinfo");
    let model = model.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("");
    let model = model.trim_start_matches([' ', '\t', ':']);
    format!("{processors} processors ({model}), Linux {}", read("/proc/sys/kernel/osrelease").trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suite_covers_what_the_page_promises() {
        let loads = loads(100_000).map(|load| load.describe());
        assert_eq!(
            loads,
            [
                "put · 1000 clients · 100 connections · 256 B values",
                "put · 1 client · 1 connection · 256 B values",
                "range, linearizable · 1000 clients · 100 connections · 256 B values",
                "range, serializable · 1000 clients · 100 connections · 256 B values",
                "txn of 8 puts · 1000 clients · 100 connections · 256 B values",
                "range of 1000 keys, serializable · 100 clients · 10 connections · 256 B values",
                "watch, events of one key for 1000 watchers · 8 clients · 100 connections · 256 B values",
                "keep-alive of 10000 leases · 1000 streams · 100 connections",
            ]
        );
    }

    #[test]
    fn the_page_begins_with_how_it_was_made() {
        let command = command(["suite", "--total", "5"].map(str::to_owned).into_iter());
        let page = page(&[], &command);
        assert!(page.starts_with("Made by `cargo xtask bench suite --total 5` on "), "{page}");
    }
}
