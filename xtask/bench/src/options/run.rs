//! What every measurement takes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Where connections go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Spread {
    /// To all members in turn
    All,
    /// To the leader only
    Leader,
}

/// What is measured, how often, and where results go.
#[derive(Debug, Clone, Args)]
pub(crate) struct Run {
    /// The server to start [default: $ETCD_BIN]
    #[arg(long, value_name = "PATH", conflicts_with = "endpoints")]
    pub(crate) binary: Option<PathBuf>,
    /// Measure a running cluster instead: client URLs or host:port, separated by commas
    #[arg(long, value_delimiter = ',', conflicts_with_all = ["against", "server_argument"])]
    pub(crate) endpoints: Vec<String>,
    /// Another etcd to compare with: both clusters run, and the rounds alternate
    #[arg(long, value_name = "PATH")]
    pub(crate) against: Option<PathBuf>,
    /// Compare TLS, with automatic certificates, with plain text: the same server twice
    #[arg(long, conflicts_with_all = ["against", "endpoints"])]
    pub(crate) tls: bool,
    /// Rounds for each cluster [default: 1, or 5 with --against or --tls]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1000))]
    rounds: Option<u64>,
    /// Members of a cluster that is started
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=9))]
    pub(crate) members: u64,
    /// Which members are asked
    #[arg(long, value_enum, default_value_t = Spread::All)]
    pub(crate) target: Spread,
    /// A further argument for every member that is started; may be given more than once
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    pub(crate) server_argument: Vec<String>,
    /// Where the started clusters keep their data: its disk is measured too [default: the temporary directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// Threads of the load client [default: a quarter of the processors, between 1 and 4]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=64))]
    threads: Option<u64>,
    /// Write everything that was measured to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

impl Run {
    pub(crate) fn rounds(&self) -> u64 {
        self.rounds.unwrap_or_else(|| if self.against.is_some() || self.tls { 5 } else { 1 })
    }

    pub(crate) fn threads(&self) -> usize {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        self.threads.map_or_else(|| (processors / 4).clamp(1, 4), |given| usize::try_from(given).unwrap_or(1))
    }
}
