//! The command line.

mod run;
mod shape;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use self::shape::Shape;
use crate::load::{Kind, Load};

pub(crate) use self::run::{Run, Spread};

/// Measure an etcd cluster, alone or against another etcd.
///
/// Without --endpoints, a fresh cluster is started on loopback, in a temporary directory.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench", max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write keys
    Put(Put),
    /// Read single keys, or several at once
    Range(Range),
    /// Write several keys in one transaction
    Txn(Txn),
    /// Read and write single keys
    Mixed(Mixed),
    /// Write one key that many watch, and count the events that reach them
    Watch(Watch),
    /// Renew leases on many streams
    LeaseKeepalive(LeaseKeepalive),
    /// Make full TLS handshakes with one member
    Handshakes(Handshakes),
    /// List a large keyspace while others write, and see what that costs them and the members' memory
    List(List),
    /// Run the table of docs/benchmarks.md and print it as Markdown
    Suite(Suite),
}

#[derive(Debug, Args)]
pub(crate) struct Put {
    #[command(flatten)]
    shape: Shape,
    #[command(flatten)]
    run: Run,
}

#[derive(Debug, Args)]
pub(crate) struct Range {
    /// Neighbouring keys that each request reads
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    keys: u64,
    /// Linearizable (l) or serializable (s) reads
    #[arg(long, value_enum, default_value_t = Consistency::L)]
    consistency: Consistency,
    #[command(flatten)]
    shape: Shape,
    #[command(flatten)]
    run: Run,
}

#[derive(Debug, Args)]
pub(crate) struct Txn {
    /// Puts in each transaction
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=128))]
    operations: u64,
    #[command(flatten)]
    shape: Shape,
    #[command(flatten)]
    run: Run,
}

#[derive(Debug, Args)]
pub(crate) struct Mixed {
    /// How many of 100 requests read
    #[arg(long, default_value_t = 80, value_parser = clap::value_parser!(u64).range(0..=100))]
    reads: u64,
    /// Linearizable (l) or serializable (s) reads
    #[arg(long, value_enum, default_value_t = Consistency::L)]
    consistency: Consistency,
    #[command(flatten)]
    shape: Shape,
    #[command(flatten)]
    run: Run,
}

#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// Watchers of the key, spread over the connections, one stream each
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    watchers: u64,
    /// TCP connections that the watchers share
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    connections: u64,
    /// Puts that may be under way until every watcher has seen them
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    puts_at_once: u64,
    /// Bytes of a value
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u64).range(8..=1_000_000))]
    val_size: u64,
    /// Puts in a round
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..))]
    total: u64,
    #[command(flatten)]
    run: Run,
}

#[derive(Debug, Args)]
pub(crate) struct LeaseKeepalive {
    /// Leases; each renewal picks one at random
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    leases: u64,
    /// Streams of renewals, each with one renewal under way at any time
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    streams: u64,
    /// TCP connections that the streams share
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    connections: u64,
    /// Renewals in a round [default: 100000, unless --duration is given]
    #[arg(long, conflicts_with = "duration", value_parser = clap::value_parser!(u64).range(1..))]
    total: Option<u64>,
    /// Seconds a round takes
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    duration: Option<u64>,
    /// Renewals a second; latency then counts from when one was due [default: as many as possible]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,
    #[command(flatten)]
    run: Run,
}

#[derive(Debug, Args)]
pub(crate) struct Suite {
    /// Requests of each of the loads of single keys with 1000 clients; the others send a twentieth
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) total: u64,
    #[command(flatten)]
    pub(crate) run: Run,
}

#[derive(Debug, Args)]
pub(crate) struct Handshakes {
    /// How many
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) total: u64,
    /// How many at once
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) clients: u64,
    /// The server to start [default: $ETCD_BIN]
    #[arg(long, value_name = "PATH")]
    pub(crate) binary: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Pairs that are listed
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) pairs: u64,
    /// Bytes of a value
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(0..=10_000))]
    pub(crate) val_size: u64,
    /// Puts a second, of one client
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) rate: u64,
    /// Seconds that each half takes: puts alone, and puts beside lists
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// The server to start [default: $ETCD_BIN]
    #[arg(long, value_name = "PATH")]
    pub(crate) binary: Option<PathBuf>,
}

impl List {
    pub(crate) fn time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// How reads are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Consistency {
    /// Linearizable: every read sees every write before it
    L,
    /// Serializable: the member answers from what it has
    S,
}

/// A load and how to measure it.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) load: Load,
    pub(crate) run: Run,
}

impl Put {
    pub(crate) fn into_put(self) -> Job {
        Job { load: self.shape.load(Kind::Put), run: self.run }
    }
}

impl Range {
    pub(crate) fn into_range(self) -> Job {
        let serializable = self.consistency == Consistency::S;
        Job { load: self.shape.load(Kind::Range { serializable, keys: self.keys }), run: self.run }
    }
}

impl Txn {
    pub(crate) fn into_txn(self) -> Job {
        Job { load: self.shape.load(Kind::Txn { operations: self.operations }), run: self.run }
    }
}

impl Mixed {
    pub(crate) fn into_mixed(self) -> Job {
        let serializable = self.consistency == Consistency::S;
        Job { load: self.shape.load(Kind::Mixed { reads: self.reads, serializable }), run: self.run }
    }
}

impl Watch {
    pub(crate) fn into_watch(self) -> Job {
        let load = Load {
            kind: Kind::Watch { watchers: self.watchers },
            clients: self.puts_at_once,
            connections: self.connections.min(self.watchers),
            key_size: 8,
            value_size: self.val_size,
            key_space: 1,
            total: Some(self.total),
            duration: None,
            rate: None,
            warm_up: (self.total / 10).max(1),
        };
        Job { load, run: self.run }
    }
}

impl LeaseKeepalive {
    pub(crate) fn into_keep_alive(self) -> Job {
        let shape = Shape {
            clients: self.streams,
            connections: self.connections,
            key_size: 8,
            val_size: 0,
            key_space: self.leases,
            total: self.total,
            duration: self.duration,
            rate: self.rate,
            warm_up: None,
        };
        Job { load: shape.load(Kind::KeepAlive), run: self.run }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(line: &str) -> Result<Job, String> {
        let cli = Cli::try_parse_from(["bench"].into_iter().chain(line.split_whitespace()));
        match cli.map_err(|error| error.to_string())?.command {
            Command::Put(put) => Ok(put.into_put()),
            Command::Range(range) => Ok(range.into_range()),
            Command::Txn(txn) => Ok(txn.into_txn()),
            Command::Mixed(mixed) => Ok(mixed.into_mixed()),
            Command::Watch(watch) => Ok(watch.into_watch()),
            Command::LeaseKeepalive(keep_alive) => Ok(keep_alive.into_keep_alive()),
            Command::Suite(_) | Command::Handshakes(_) | Command::List(_) => Err("no load".into()),
        }
    }

    #[test]
    fn defaults_are_the_published_load() {
        let job = job("put").unwrap();
        assert_eq!((job.load.clients, job.load.connections, job.load.value_size), (1000, 100, 256));
        assert_eq!((job.load.total, job.load.warm_up, job.run.rounds()), (Some(100_000), 10_000, 1));
        assert!(job.run.threads() >= 1);
    }

    #[test]
    fn options_that_depend_on_others() {
        let put = job("put --clients 1 --duration 3 --against /usr/bin/etcd").unwrap();
        assert_eq!((put.load.connections, put.load.total, put.run.rounds()), (1, None, 5));
        assert_eq!(put.load.duration, Some(Duration::from_secs(3)));
        let range = job("range --consistency s --total 50").unwrap();
        assert_eq!((range.load.kind, range.load.warm_up), (Kind::Range { serializable: true, keys: 1 }, 5));
        assert_eq!(job("mixed --reads 0").unwrap().load.kind, Kind::Mixed { reads: 0, serializable: false });
    }

    #[test]
    fn connections_are_not_more_than_watchers() {
        let watch = job("watch --watchers 7 --total 30").unwrap().load;
        assert_eq!((watch.kind, watch.connections, watch.warm_up), (Kind::Watch { watchers: 7 }, 7, 3));
    }

    #[test]
    fn each_stream_renews_leases() {
        let load = job("lease-keepalive --streams 7 --leases 30 --total 50").unwrap().load;
        assert_eq!((load.kind, load.clients, load.connections), (Kind::KeepAlive, 7, 7));
        assert_eq!((load.key_space, load.total, load.warm_up), (30, Some(50), 5));
    }

    #[test]
    fn nonsense_is_refused() {
        for line in [
            "put --clients 0",
            "put --total 5 --duration 5",
            "put --endpoints a:1 --against b",
            "put --tls --against b",
            "mixed --reads 101",
            "range --consistency x",
        ] {
            assert!(job(line).is_err(), "{line}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }
}
