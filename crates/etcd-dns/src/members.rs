//! Whom a member starts a cluster with.

use std::net::SocketAddr;
use std::time::Duration;

use etcd_membership::{Urls, UrlsMap};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{info, warn};

use crate::error::DnsError;
use crate::resolver::{LookupError, Resolver, Target};
use crate::service::{PEERS, record_name, url, with_suffix};

/// Questions at a time.
const CONCURRENCY: usize = 16;

/// Pause before a question is put again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Which records, and who asks.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// `--name`: the name of the entry that has one of this member's addresses.
    pub name: String,
    /// `--discovery-srv`
    pub domain: String,
    /// `--discovery-srv-name`; empty for none.
    pub suffix: String,
    /// `--initial-advertise-peer-urls`: names or addresses.
    pub advertise_peer_urls: Urls,
    /// Limit for all of it.
    pub limit: Duration,
}

impl Options {
    /// The records of `domain` without a suffix, within 30 s.
    pub fn new(name: &str, domain: &str, advertise_peer_urls: Urls) -> Self {
        Self {
            name: name.to_owned(),
            domain: domain.to_owned(),
            suffix: String::new(),
            advertise_peer_urls,
            limit: Duration::from_secs(30),
        }
    }
}

/// The cluster in the records.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// URLs of SRV targets. The own entry has the own name; the others are numbered until they tell their names.
    pub members: UrlsMap,
    /// Whose certificates to accept when no authority was named for peers: the domain, if any URL is `https`, so that
    /// records that somebody forged lead to nobody with a certificate.
    pub server_name: Option<String>,
}

/// Finds all members of a new cluster.
///
/// # Errors
/// [`DnsError`]
/// # Source
/// etcd `client/pkg/srv/srv.go`, `GetCluster`; `server/embed/config.go`, `GetDNSClusterNames`. Unlike there, one
/// counter names the entries of both services, and a target without an address is an error.
pub async fn find_members(options: &Options, resolver: &Resolver) -> Result<Found, DnsError> {
    let deadline = Instant::now() + options.limit;
    let own = own_addresses(options, resolver, deadline).await?;
    let mut search = Search { resolver, deadline, entries: Entries::new(options, own) };
    let mut causes = Vec::new();
    for (service, scheme) in PEERS {
        let service = with_suffix(service, &options.suffix);
        if let Err(cause) = search.service(&service, scheme).await? {
            causes.push(format!("error querying DNS SRV records for _{service} {cause}"));
        }
    }
    search.entries.finish(causes)
}

struct Search<'a> {
    resolver: &'a Resolver,
    deadline: Instant,
    entries: Entries<'a>,
}

impl Search<'_> {
    /// Adds the entries of one service; the inner error is that of its SRV records.
    async fn service(&mut self, service: &str, scheme: &str) -> Result<Result<(), LookupError>, DnsError> {
        let name = record_name(service, &self.entries.options.domain);
        let targets = match in_time(self.deadline, &name, self.resolver.services(&name)).await? {
            Ok(targets) => targets,
            Err(error) => {
                let discovery_srv = self.entries.options.domain.as_str();
                info!(service_name = service, discovery_srv, %error, "no SRV records for this service");
                return Ok(Err(error));
            }
        };
        let (resolver, deadline) = (self.resolver, self.deadline);
        let addresses: Vec<(Target, Vec<SocketAddr>)> = stream::iter(targets)
            .map(|target| async move {
                let addresses = resolve(&target.host, target.port, resolver, deadline).await?;
                Ok::<_, ResolveError>((target, addresses))
            })
            .buffered(CONCURRENCY)
            .try_collect()
            .await
            .map_err(|error| error.of_target(service))?;
        for (target, addresses) in addresses {
            self.entries.add_target(service, scheme, &target, &addresses);
        }
        Ok(Ok(()))
    }
}

/// The members as far as they were found.
pub(crate) struct Entries<'a> {
    options: &'a Options,
    own: Vec<SocketAddr>,
    /// The name of the next entry that is not the own one.
    next: usize,
    /// `name=url`
    pairs: Vec<String>,
    mismatch: Option<String>,
}

impl<'a> Entries<'a> {
    /// None yet; `own` are this member's addresses.
    pub(crate) fn new(options: &'a Options, own: Vec<SocketAddr>) -> Self {
        Self { options, own, next: 0, pairs: Vec::new(), mismatch: None }
    }

    /// Adds a target with its addresses.
    pub(crate) fn add_target(
        &mut self,
        service: &str,
        scheme: &str,
        target: &Target,
        addresses: &[SocketAddr],
    ) {
        let url = url(scheme, &target.host, target.port);
        if addresses.iter().any(|address| self.own.contains(address)) {
            let expected = &self.options.advertise_peer_urls;
            let fits = expected.iter().any(|own| own.as_str().starts_with(&format!("{scheme}://")));
            if !fits {
                let mismatch = format!(
                    "bootstrap at {url} from DNS for {service} has scheme mismatch with expected peer {expected}"
                );
                warn!("{mismatch}");
                self.mismatch = Some(mismatch);
                return;
            }
            self.add(service, &self.options.name.clone(), &url);
        } else {
            let name = self.next.to_string();
            self.next += 1;
            self.add(service, &name, &url);
        }
    }

    fn add(&mut self, service: &str, name: &str, url: &str) {
        let node = format!("{name}={url}");
        info!(node, "got bootstrap from DNS for {service}");
        self.pairs.push(node);
    }

    /// The cluster, if this member is in it; `causes` say why a service has no records.
    pub(crate) fn finish(self, mut causes: Vec<String>) -> Result<Found, DnsError> {
        if self.pairs.is_empty() && self.mismatch.is_none() {
            return Err(DnsError::NothingFound { causes });
        }
        for cause in causes.drain(..) {
            info!(error = cause, "found members with the other service only");
        }
        let name = &self.options.name;
        let prefix = format!("{name}=");
        if !self.pairs.iter().any(|pair| pair.starts_with(&prefix)) {
            return Err(DnsError::LocalMissing { name: name.clone(), mismatch: self.mismatch });
        }
        let tls = self.pairs.iter().filter(|pair| pair.contains("=https://")).count();
        if tls > 0 && tls < self.pairs.len() {
            warn!("there are SRV records of members with TLS and of members without; publish one kind only");
        }
        let members = self.pairs.join(",").parse().map_err(|cause| DnsError::Url { cause })?;
        let server_name = (tls > 0).then(|| self.options.domain.trim_end_matches('.').to_owned());
        Ok(Found { members, server_name })
    }
}

async fn own_addresses(
    options: &Options,
    resolver: &Resolver,
    deadline: Instant,
) -> Result<Vec<SocketAddr>, DnsError> {
    let mut own = Vec::new();
    for url in options.advertise_peer_urls.iter().filter(|url| !url.scheme().is_unix()) {
        let port = url.port().unwrap_or_default();
        own.extend(resolve(url.host(), port, resolver, deadline).await.map_err(ResolveError::of_own)?);
    }
    Ok(own)
}

enum ResolveError {
    Lookup(LookupError),
    Other(DnsError),
}

impl ResolveError {
    fn of_own(self) -> DnsError {
        match self {
            Self::Lookup(cause) => DnsError::OwnAddress { cause },
            Self::Other(error) => error,
        }
    }

    fn of_target(self, service: &str) -> DnsError {
        match self {
            Self::Lookup(cause) => DnsError::Target { service: service.to_owned(), cause },
            Self::Other(error) => error,
        }
    }
}

/// Asks again while the answer may become a better one.
async fn resolve(
    host: &str,
    port: u16,
    resolver: &Resolver,
    deadline: Instant,
) -> Result<Vec<SocketAddr>, ResolveError> {
    loop {
        let cause = match in_time(deadline, host, resolver.sockets(host, port)).await {
            Ok(Ok(addresses)) => return Ok(addresses),
            Ok(Err(cause)) => cause,
            Err(error) => return Err(ResolveError::Other(error)),
        };
        if cause.is_absent || Instant::now() + RETRY_INTERVAL >= deadline {
            return Err(ResolveError::Lookup(cause));
        }
        warn!(host, error = cause.reason, "failed to resolve a host; asking again");
        sleep(RETRY_INTERVAL).await;
    }
}

async fn in_time<T>(deadline: Instant, name: &str, answer: impl Future<Output = T>) -> Result<T, DnsError> {
    timeout_at(deadline, answer).await.map_err(|_| DnsError::Timeout { during: format!("lookup {name}") })
}
