//! etcd's flags, environment variables and YAML file, read into one validated [`Config`].
//!
//! - Every flag of etcd 3.4 to 3.7 is in one table ([`flags`]), known by its name, its `ETCD_…` variable and its key
//!   in the file. Command line, environment, file and help are made from that table.
//! - Mistakes are reported all at once, with etcd's texts, the one that etcd would report first at the front.
//! - A flag whose feature is not there yet ends the start with one line; nothing is silently ignored.
//! - Secrets do not show in debug output, notices or messages.
//!
//! It reads no clock and no environment of its own: arguments and variables are passed in. The one file that it may
//! read is the configuration file ([`parse_with`] replaces even that). It does not look at data directories, bind
//! ports or resolve names.
//!
//! ```
//! use etcd_config::{Invocation, parse};
//!
//! let failure = parse(["--election-timeout=soon".into()], []).unwrap_err();
//! assert_eq!(failure.to_string(), "invalid value \"soon\" for flag -election-timeout: parse error");
//! assert_eq!(failure.exit_code, 2);
//!
//! let Invocation::Run(config, _) = parse(["--name=infra0".into()], [])? else { unreachable!() };
//! assert_eq!(config.data_dir.to_str(), Some("infra0.etcd"));
//! # Ok::<(), etcd_config::Failure>(())
//! ```

mod argv;
mod compaction;
mod config;
mod derive;
mod duration;
mod env;
mod file;
pub mod flags;
mod gates;
pub mod help;
mod layers;
mod listeners;
mod notice;
mod parse;
mod rules;
mod support;
#[cfg(test)]
mod tests;
mod value;

pub use compaction::AutoCompaction;
pub use config::{
    ClientTls, ClusterState, Config, Discovery, LogFormat, LogLevel, PeerTls, Secret, Tracing, V2Proxy,
};
pub use duration::parse as parse_duration;
pub use notice::Notice;
pub use parse::{Failure, Invocation, parse, parse_with};
