//! How a member without data finds its cluster.
//!
//! [`resolve`] takes what the operator said ([`Options`]) and gives the [`InitialCluster`] to write into the log:
//!
//! - [`Mode::New`]: the members of `--initial-cluster` start a cluster together; all of them compute the same ids.
//! - [`Mode::Join`]: a cluster runs, and this member has been added to it; ids come from the running members.
//!
//! A member with data does not come here: its log knows the cluster, and all `initial-*` flags are ignored.
//! [`ignored_discovery`] is the one thing to say then.
//!
//! The crate does no HTTP and knows no transport: the caller's [`PeerProbe`] asks other members and its
//! [`HostResolver`] looks up names ([`SystemResolver`] asks the system). Every wait has a limit. It writes no file.
//!
//! ```
//! # use etcd_bootstrap::{Mode, Offline, Options, SystemResolver, resolve};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = Options::new("infra0", "infra0=http://10.0.1.10:2380", "http://10.0.1.10:2380".parse()?);
//! let cluster = resolve(&options, &Offline, &SystemResolver).await?;
//! assert_eq!(cluster.local_id.to_string(), "794aea3ba77a1d64");
//! # Ok(())
//! # }
//! ```

mod compare;
mod error;
mod join;
mod options;
mod peers;
mod start;
#[cfg(test)]
mod tests;

pub use compare::{CompareError, HostResolver, SystemResolver};
pub use error::BootstrapError;
pub use options::{InitialCluster, Mode, Options};
pub use peers::{MemberVersions, Offline, PeerProbe, ProbeError};

use etcd_membership::UrlsMap;

/// Finds the cluster of a member that has no data.
///
/// Waits: at most 30 s for names in all; a second for each other peer URL when starting, ten when joining.
/// Cancel safety: it changes nothing, so dropping it is fine.
///
/// # Errors
/// See [`BootstrapError`]; all of them end the start.
/// # Source
/// etcd `server/etcdserver/bootstrap.go`, `bootstrapCluster`.
pub async fn resolve(
    options: &Options,
    probe: &impl PeerProbe,
    resolver: &impl HostResolver,
) -> Result<InitialCluster, BootstrapError> {
    let map: UrlsMap =
        options.initial_cluster.parse().map_err(|cause| BootstrapError::InitialCluster { cause })?;
    match options.mode {
        Mode::New => start::new_cluster(options, &map, probe, resolver).await,
        Mode::Join => join::existing_cluster(options, &map, probe, resolver).await,
    }
}

/// What a member that restarts with data should log when a discovery flag is set: that it is ignored.
pub fn ignored_discovery(options: &Options, wal_dir: &std::path::Path) -> Option<String> {
    options.discovery.then(|| {
        format!(
            "discovery token ignored since a cluster has already been initialized. Valid log found at {}",
            wal_dir.display()
        )
    })
}
