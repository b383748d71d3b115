//! Joining a cluster that runs, after this member was added to it.

use std::time::Duration;

use etcd_membership::{Cluster, Member, MemberId, Urls, UrlsMap, can_join};
use tokio::time::Instant;

use crate::compare::{CompareError, HostResolver, same_urls};
use crate::error::BootstrapError;
use crate::options::{InitialCluster, Mode, Options};
use crate::peers::{PeerProbe, cluster_versions, fetch_cluster, is_downgrading};
use crate::start::{check_duplicates, local_member, own_urls};

/// Limit for each URL when asking for the running cluster.
const FETCH_LIMIT: Duration = Duration::from_secs(10);

/// # Source
/// etcd `server/etcdserver/bootstrap.go`, `bootstrapExistingClusterNoWAL`; `server/config/config.go`,
/// `VerifyJoinExisting`.
pub(crate) async fn existing_cluster(
    options: &Options,
    map: &UrlsMap,
    probe: &impl PeerProbe,
    resolver: &impl HostResolver,
) -> Result<InitialCluster, BootstrapError> {
    own_urls(options, map)?;
    check_duplicates(map)?;
    let expected =
        Cluster::from_urls_map(map, &options.token).map_err(|cause| BootstrapError::Ids { cause })?;
    let local = local_member(&expected, options, map)?;
    let others = expected.remote_peer_urls(&options.name);
    let running =
        fetch_cluster(probe, &others, FETCH_LIMIT, true).await.map_err(BootstrapError::unreachable)?;
    let local_id = find_local(options, &expected, local, &running, resolver).await?;
    let versions = cluster_versions(probe, &running, local_id, options.version_limit).await;
    let downgrading = is_downgrading(probe, &running, local_id, options.version_limit).await;
    if !can_join(options.version, versions, downgrading) {
        return Err(BootstrapError::Incompatible);
    }
    running.check_learners(options.max_learners).map_err(|cause| BootstrapError::Learners { cause })?;
    Ok(InitialCluster {
        cluster_id: running.id(),
        local_id,
        members: running.members().cloned().collect(),
        token: options.token.clone(),
        mode: Mode::Join,
    })
}

/// Pairs the running members with the expected ones by their URLs; the running one that is paired with the local
/// member tells its id.
///
/// # Source
/// etcd `server/etcdserver/api/membership/cluster.go`, `ValidateClusterAndAssignIDs`.
async fn find_local(
    options: &Options,
    expected: &Cluster,
    local: &Member,
    running: &Cluster,
    resolver: &impl HostResolver,
) -> Result<MemberId, BootstrapError> {
    if expected.members().len() != running.members().len() {
        let expected = expected.members().len();
        return Err(BootstrapError::MemberCount { cluster: Box::new(running.clone()), expected });
    }
    let deadline = Instant::now() + options.resolve_limit;
    let mut free: Vec<&Member> = expected.members().collect();
    let mut local_id = None;
    for member in running.members() {
        let index =
            find_pair(member, &free, resolver, deadline).await.map_err(Box::new).map_err(|cause| {
                let peer_urls = member.peer_urls.clone();
                BootstrapError::NoMatch {
                    cluster: Box::new(running.clone()),
                    id: member.id,
                    peer_urls,
                    cause,
                }
            })?;
        if free.remove(index).id == local.id {
            local_id = Some(member.id);
        }
    }
    Ok(local_id.expect("equally many members are paired one to one, so the local one is"))
}

async fn find_pair(
    member: &Member,
    free: &[&Member],
    resolver: &impl HostResolver,
    deadline: Instant,
) -> Result<usize, CompareError> {
    let urls = parse(&member.peer_urls);
    let mut last = CompareError::Count(member.peer_urls.clone(), Vec::new());
    // Equal texts first: then no name is looked up for members that are spelled alike.
    if let Some(index) = free.iter().position(|candidate| parse(&candidate.peer_urls) == urls) {
        return Ok(index);
    }
    for (index, candidate) in free.iter().enumerate() {
        match same_urls(&urls, &parse(&candidate.peer_urls), resolver, deadline).await {
            Ok(()) => return Ok(index),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// URLs that are none by etcd's rules match nothing.
fn parse(urls: &[String]) -> Urls {
    Urls::new(urls).unwrap_or_else(|_| Urls::empty())
}
