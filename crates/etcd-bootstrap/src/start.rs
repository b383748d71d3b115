//! Starting a new cluster together with the other members of `--initial-cluster`.

use std::collections::BTreeSet;
use std::time::Duration;

use etcd_membership::{Cluster, Member, Urls, UrlsMap};
use tokio::time::Instant;

use crate::compare::{HostResolver, same_urls};
use crate::error::BootstrapError;
use crate::options::{InitialCluster, Mode, Options};
use crate::peers::{PeerProbe, fetch_cluster};

/// Limit for each URL when looking for members that know this one already.
const PROBE_LIMIT: Duration = Duration::from_secs(1);

/// # Source
/// etcd `server/etcdserver/bootstrap.go`, `bootstrapNewClusterNoWAL`; `server/config/config.go`, `VerifyBootstrap`.
pub(crate) async fn new_cluster(
    options: &Options,
    map: &UrlsMap,
    probe: &impl PeerProbe,
    resolver: &impl HostResolver,
) -> Result<InitialCluster, BootstrapError> {
    let own = own_urls(options, map)?;
    check_advertised(options, own, resolver).await?;
    check_duplicates(map)?;
    let cluster =
        Cluster::from_urls_map(map, &options.token).map_err(|cause| BootstrapError::Ids { cause })?;
    let local = local_member(&cluster, options, map)?;
    let others = cluster.remote_peer_urls(&options.name);
    if let Ok(running) = fetch_cluster(probe, &others, PROBE_LIMIT, false).await {
        let known = running.member(local.id);
        if known.is_some_and(|member| !member.client_urls.is_empty()) {
            return Err(BootstrapError::AlreadyBootstrapped { id: local.id });
        }
    }
    Ok(InitialCluster {
        cluster_id: cluster.id(),
        local_id: local.id,
        members: cluster.members().cloned().collect(),
        token: options.token.clone(),
        mode: Mode::New,
    })
}

/// The URLs of this member in the initial cluster.
pub(crate) fn own_urls<'a>(options: &Options, map: &'a UrlsMap) -> Result<&'a Urls, BootstrapError> {
    map.get(&options.name)
        .ok_or_else(|| BootstrapError::NameMissing { name: options.name.clone(), map: map.clone() })
}

pub(crate) fn check_duplicates(map: &UrlsMap) -> Result<(), BootstrapError> {
    if map.has_duplicate_url() { Err(BootstrapError::DuplicateUrl { map: map.clone() }) } else { Ok(()) }
}

pub(crate) fn local_member<'a>(
    cluster: &'a Cluster,
    options: &Options,
    map: &UrlsMap,
) -> Result<&'a Member, BootstrapError> {
    cluster
        .member_by_name(&options.name)
        .ok_or_else(|| BootstrapError::NameMissing { name: options.name.clone(), map: map.clone() })
}

/// # Source
/// etcd `server/config/config.go`, `advertiseMatchesCluster`.
async fn check_advertised(
    options: &Options,
    own: &Urls,
    resolver: &impl HostResolver,
) -> Result<(), BootstrapError> {
    let (name, advertised) = (options.name.clone(), options.advertise_peer_urls.clone());
    let deadline = Instant::now() + options.resolve_limit;
    let Err(cause) = same_urls(&advertised, own, resolver, deadline).await.map_err(Box::new) else {
        return Ok(());
    };
    let missing = only_in(own, &advertised);
    if !missing.is_empty() {
        return Err(BootstrapError::NotAdvertised { name, missing, advertised, cause });
    }
    let missing = only_in(&advertised, own);
    if !missing.is_empty() {
        return Err(BootstrapError::NotInCluster { name, missing, advertised });
    }
    Err(BootstrapError::NotMatching { name, advertised, cause })
}

fn only_in(these: &Urls, those: &Urls) -> Vec<String> {
    let those: BTreeSet<_> = those.iter().collect();
    let missing: BTreeSet<_> = these.iter().filter(|url| !those.contains(url)).collect();
    missing.into_iter().map(ToString::to_string).collect()
}
