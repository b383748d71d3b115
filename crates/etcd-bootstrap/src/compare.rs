//! Whether two lists of URLs lead to the same places.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use etcd_membership::{Quoted, QuotedList, Url, Urls};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{info, warn};

/// Pause between two attempts to resolve a name.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Looks up host names. One attempt; retries are made here.
pub trait HostResolver: Sync {
    /// The addresses of `host`, best first.
    fn resolve(&self, host: &str) -> impl Future<Output = io::Result<Vec<IpAddr>>> + Send;
}

/// Asks the resolver of the operating system.
#[derive(Debug, Clone, Copy)]
pub struct SystemResolver;

impl HostResolver for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

impl HostResolver for etcd_dns::Resolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.addresses(host).await.map_err(io::Error::other)
    }
}

/// Why two lists are not the same; the texts are etcd's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// One list is longer.
    #[error("len({}) != len({})", QuotedList(.0), QuotedList(.1))]
    Count(Vec<String>, Vec<String>),
    /// The first pair that differs, with addresses in place of names.
    #[error("resolved urls: {} != {}", Quoted(.0.as_str()), Quoted(.1.as_str()))]
    Different(Url, Url),
    /// A name could not be resolved in time.
    #[error("failed to resolve {} ({reason})", Quoted(url.as_str()))]
    Resolve {
        /// The URL with that name.
        url: Url,
        /// What the last attempt said.
        reason: String,
    },
}

/// Compares texts, then addresses. Without a difference no name is looked up.
///
/// # Source
/// etcd `pkg/netutil/netutil.go`, `URLStringsEqual`.
pub(crate) async fn same_urls(
    a: &Urls,
    b: &Urls,
    resolver: &impl HostResolver,
    deadline: Instant,
) -> Result<(), CompareError> {
    if a.len() != b.len() {
        return Err(CompareError::Count(a.to_strings(), b.to_strings()));
    }
    if first_difference(a, b).is_none() {
        return Ok(());
    }
    let a = resolve_all(a, resolver, deadline).await?;
    let b = resolve_all(b, resolver, deadline).await?;
    match first_difference(&a, &b) {
        None => Ok(()),
        Some((a, b)) => Err(CompareError::Different(a.clone(), b.clone())),
    }
}

fn first_difference<'a>(a: &'a Urls, b: &'a Urls) -> Option<(&'a Url, &'a Url)> {
    a.iter().zip(b).find(|(a, b)| !same_url(a, b))
}

/// Equal texts, but for the spelling of an IPv6 address.
fn same_url(a: &Url, b: &Url) -> bool {
    let address = |url: &Url| url.host().parse::<IpAddr>().ok();
    match (address(a), address(b)) {
        (Some(x), Some(y)) if x == y => a.with_host("host") == b.with_host("host"),
        _ => a == b,
    }
}

async fn resolve_all(
    urls: &Urls,
    resolver: &impl HostResolver,
    deadline: Instant,
) -> Result<Urls, CompareError> {
    let mut resolved = Vec::with_capacity(urls.len());
    for url in urls {
        resolved.push(resolve_url(url, resolver, deadline).await?);
    }
    Ok(resolved.into_iter().collect())
}

async fn resolve_url(
    url: &Url,
    resolver: &impl HostResolver,
    deadline: Instant,
) -> Result<Url, CompareError> {
    let host = url.host();
    if url.scheme().is_unix() || host == "localhost" {
        return Ok(url.clone());
    }
    let port = url.port().unwrap_or_default();
    let at = |ip: IpAddr| url.with_authority(&SocketAddr::new(ip, port).to_string());
    if let Ok(ip) = host.parse() {
        return Ok(at(ip));
    }
    loop {
        let reason = match timeout_at(deadline, resolver.resolve(host)).await {
            Ok(Ok(addresses)) => match addresses.first() {
                Some(&ip) => {
                    info!(%url, resolved_addr = %ip, "resolved URL Host");
                    return Ok(at(ip));
                }
                None => "no such host".to_owned(),
            },
            Ok(Err(error)) => error.to_string(),
            Err(_) => "context deadline exceeded".to_owned(),
        };
        warn!(%url, error = reason, "failed to resolve URL Host");
        if Instant::now() + RETRY_INTERVAL >= deadline {
            return Err(CompareError::Resolve { url: url.clone(), reason });
        }
        sleep(RETRY_INTERVAL).await;
    }
}
