//! The protocol itself, the same for both generations: look, register, look again, wait.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::info;

use crate::entry::{Entry, Found, Local};
use crate::error::DiscoveryError;
use crate::pauses::Pauses;
use crate::progress::Progress;
use crate::retry::{Failure, Phase, Retry};

/// A wait that ends sooner without news was none.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// A service that keeps members under a token.
pub(crate) trait Registry {
    /// A point in the service's history.
    type Seen;

    /// The service, for the log.
    fn place(&self) -> String;

    /// How many members the cluster shall have; at least 1.
    async fn size(&mut self) -> Result<usize, Failure>;

    /// All members, in any order, and when that was so.
    async fn entries(&mut self) -> Result<(Vec<Entry>, Self::Seen), Failure>;

    /// Adds this member.
    async fn register(&mut self, local: &Local) -> Result<(), Failure>;

    /// Ready when something may have changed since; at the latest after a while.
    async fn change(&mut self, since: Self::Seen) -> Result<(), Failure>;
}

/// Finds the cluster of `token`, whose member `local` becomes.
///
/// # Source
/// etcd `server/etcdserver/api/v2discovery/discovery.go`, `joinCluster`; `v3discovery/discovery.go`, `joinCluster`.
pub(crate) async fn join<R: Registry>(
    registry: &mut R,
    token: &str,
    local: &Local,
    pauses: &Arc<dyn Pauses>,
) -> Result<Found, DiscoveryError> {
    let own = local.id.to_string();
    let mut retry = Retry::new(Arc::clone(pauses), registry.place());
    let (size, entries, _) = look(registry, &mut retry, Phase::StatusCheck).await?;
    first_ones(entries, size, &own)?;
    while let Err(failure) = registry.register(local).await {
        retry.after(failure, Phase::Registering).await?;
    }
    retry.succeeded();
    info!(member_id = own, service = registry.place(), "registered with the discovery service");

    let mut progress = Progress::new(own.clone());
    let mut known = 0;
    loop {
        let (size, entries, seen) = look(registry, &mut retry, Phase::Waiting).await?;
        let first = first_ones(entries, size, &own)?;
        progress.tell(size, &first);
        if first.len() == size {
            return Found::new(token, local, &first);
        }
        let news = first.len() != known;
        known = first.len();
        let began = Instant::now();
        match registry.change(seen).await {
            Err(failure) => retry.after(failure, Phase::Waiting).await?,
            Ok(()) if !news && began.elapsed() < SHORTEST_WAIT => retry.breathe().await,
            Ok(()) => {}
        }
    }
}

/// Size and members, with as many attempts as it takes.
async fn look<R: Registry>(
    registry: &mut R,
    retry: &mut Retry,
    phase: Phase,
) -> Result<(usize, Vec<Entry>, R::Seen), DiscoveryError> {
    loop {
        match try_to_look(registry).await {
            Ok(seen) => {
                retry.succeeded();
                return Ok(seen);
            }
            Err(failure) => retry.after(failure, phase).await?,
        }
    }
}

async fn try_to_look<R: Registry>(registry: &mut R) -> Result<(usize, Vec<Entry>, R::Seen), Failure> {
    let size = registry.size().await?;
    let (entries, seen) = registry.entries().await?;
    Ok((size, in_order(entries), seen))
}

/// Who registered first comes first.
pub(crate) fn in_order(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_by(|a, b| (a.order, &a.id).cmp(&(b.order, &b.id)));
    entries
}

/// The members that make the cluster, as far as they are there.
///
/// # Errors
/// `Full` when `own` is not one of them and cannot become one.
pub(crate) fn first_ones(
    mut entries: Vec<Entry>,
    size: usize,
    own: &str,
) -> Result<Vec<Entry>, DiscoveryError> {
    entries.truncate(size);
    if entries.len() == size && entries.iter().all(|entry| entry.id != own) {
        return Err(DiscoveryError::Full { size });
    }
    Ok(entries)
}

/// The value of a size key, by etcd's rules.
pub(crate) fn parse_size(value: &str) -> Result<usize, DiscoveryError> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    match value.parse::<usize>() {
        Ok(size) if digits && size > 0 => Ok(size),
        _ => Err(DiscoveryError::BadSize { value: crate::error::shorten(value) }),
    }
}
