//! How a member without data finds its cluster.
//!
//! [`resolve`] takes what the operator said ([`Options`]) and gives the [`InitialCluster`] to write into the log:
//!
//! - [`Mode::New`]: the members start a cluster together; all of them compute the same ids. Who they are, one
//!   [`Mechanism`] tells: `--initial-cluster`, a discovery service, or DNS.
//! - [`Mode::Join`]: a cluster runs, and this member has been added to it; ids come from the running members.
//!
//! A member with data does not come here: its log knows the cluster, and all `initial-*` flags are ignored.
//! [`ignored_discovery`] is the one thing to say then.
//!
//! The crate knows no transport between members: the caller's [`PeerProbe`] asks other members and its
//! [`HostResolver`] looks up names ([`SystemResolver`] asks the system). Every wait has a limit, but for that for other
//! members to register with a discovery service. It writes no file.
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
mod mechanism;
mod options;
mod peers;
mod start;
#[cfg(test)]
mod tests;

pub use compare::{CompareError, HostResolver, SystemResolver};
pub use error::BootstrapError;
pub use mechanism::Mechanism;
pub use options::{InitialCluster, Mode, Options};
pub use peers::{MemberVersions, Offline, PeerProbe, ProbeError};

use etcd_membership::UrlsMap;

/// Finds the cluster of a member that has no data.
///
/// Waits: at most 30 s for names in all; a second for each other peer URL when starting, ten when joining; without
/// limit for others to register with a discovery service.
/// Cancel safety: it changes nothing here, so dropping it is fine; what a discovery service knows stays there.
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
    match (&options.mechanism, options.mechanism.token()) {
        (_, Some(_)) if options.mode == Mode::Join => Err(BootstrapError::DiscoveryWhileJoining),
        (_, Some(token)) => mechanism::discover(options, token).await,
        (Mechanism::Dns { options: records, resolver }, _) => {
            let found = etcd_dns::find_members(records, resolver).await;
            let map = found.map_err(|cause| BootstrapError::Dns { cause })?.members;
            with_members(options, &map, probe, resolver).await
        }
        _ => {
            let map: UrlsMap =
                options.initial_cluster.parse().map_err(|cause| BootstrapError::InitialCluster { cause })?;
            with_members(options, &map, probe, resolver).await
        }
    }
}

async fn with_members(
    options: &Options,
    map: &UrlsMap,
    probe: &impl PeerProbe,
    resolver: &impl HostResolver,
) -> Result<InitialCluster, BootstrapError> {
    match options.mode {
        Mode::New => start::new_cluster(options, map, probe, resolver).await,
        Mode::Join => join::existing_cluster(options, map, probe, resolver).await,
    }
}

/// What a member that restarts with data should log when a discovery service (`what`: a token) or DNS (a domain) is
/// set: that it is not asked.
pub fn ignored_discovery(what: &str, wal_dir: &std::path::Path) -> String {
    format!(
        "discovery {what} ignored since a cluster has already been initialized. Valid log found at {}",
        wal_dir.display()
    )
}
