//! What loads of requests take.

use std::time::Duration;

use clap::Args;

use crate::load::{Kind, Load};

/// What the load looks like.
#[derive(Debug, Clone, Args)]
pub(crate) struct Shape {
    /// Requests that are in flight at any time
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(super) clients: u64,
    /// TCP connections that the clients share
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(super) connections: u64,
    /// Bytes of a key
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=4096))]
    pub(super) key_size: u64,
    /// Bytes of a value
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u64).range(0..=1_000_000))]
    pub(super) val_size: u64,
    /// How many different keys there are; each request picks one at random
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) key_space: u64,
    /// Requests in a round [default: 100000, unless --duration is given]
    #[arg(long, conflicts_with = "duration", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) total: Option<u64>,
    /// Seconds a round takes
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(super) duration: Option<u64>,
    /// Requests a second; latency then counts from when a request was due [default: as many as possible]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) rate: Option<u64>,
    /// Requests before each round that do not count [default: a tenth of the total, at most 10000]
    #[arg(long, value_name = "REQUESTS")]
    pub(super) warm_up: Option<u64>,
}

impl Shape {
    pub(super) fn load(&self, kind: Kind) -> Load {
        let total = match self.duration {
            Some(_) => None,
            None => Some(self.total.unwrap_or(100_000)),
        };
        Load {
            kind,
            clients: self.clients,
            connections: self.connections.min(self.clients),
            key_size: self.key_size,
            value_size: self.val_size,
            key_space: self.key_space,
            total,
            duration: self.duration.map(Duration::from_secs),
            rate: self.rate,
            warm_up: self.warm_up.unwrap_or_else(|| (total.unwrap_or(100_000) / 10).min(10_000)),
        }
    }
}
