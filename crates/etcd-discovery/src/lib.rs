//! Client of etcd's discovery services: programs that do not know each other's addresses find each other by a token.
//!
//! Whoever starts a cluster makes a token and says how many members it shall have. Each member registers its name and
//! its URLs under the token and waits until enough have come; the first ones, in the order in which they registered,
//! are the cluster, and all others are told that it is full.
//!
//! - [`join_v2`]: the service is a URL that speaks etcd's v2 keys API.
//! - [`join_v3`]: the service is an etcd cluster with the v3 API.
//!
//! # Invariants
//! - All members of a token come to the same [`Found`], or to an error.
//! - What a service answers is bounded in bytes, redirects and time. Only waiting for other members has no end: that
//!   is what discovery is for. What it waits for is logged.
//! - A failure that may pass is retried, with growing pauses ([`Pauses`]); any other ends with a [`DiscoveryError`].
//! - Passwords, also those in URLs, are in no message.
//!
//! It opens no port, writes no file, and knows nothing of Raft: any program can find its peers with it.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use etcd_discovery::{V2Options, join_v2};
//!
//! let options = V2Options::new("http://10.0.1.5:2379/v2/keys/discovery/6c007a14875d53d9bf0ef5a6fc0257c817f0fb83");
//! let found = join_v2(&options, "infra0", &"http://10.0.1.10:2380".parse()?).await?;
//! println!("{}", found.members); // infra0=http://10.0.1.10:2380,infra1=…
//! # Ok(())
//! # }
//! ```

mod entry;
mod error;
mod join;
mod options;
mod pauses;
mod progress;
mod retry;
#[cfg(test)]
mod tests;
mod v2;
mod v3;

#[doc(hidden)]
pub mod fuzz;

pub use entry::Found;
pub use error::DiscoveryError;
pub use options::{Password, V2Options, V3Options};
pub use pauses::{Pauses, RealPauses};
pub use v2::join_v2;
pub use v3::join_v3;
