//! Questions to name servers.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, Record};
use tokio::time::timeout;

/// Most records of one answer: no cluster has as many members.
const MOST_TARGETS: usize = 1024;

/// Limit for one question, with its repetitions.
const LOOKUP_LIMIT: Duration = Duration::from_secs(15);

/// Asks name servers, over UDP, and over TCP where an answer is cut off. `/etc/hosts` comes first.
#[derive(Debug, Clone)]
pub struct Resolver {
    inner: Arc<TokioResolver>,
}

/// A name server cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolverError {
    /// The system's configuration cannot be read.
    #[error("cannot read the system's DNS configuration: {reason}")]
    System {
        /// Why.
        reason: String,
    },
    /// The name server is not `host:port`, or its host is not known.
    #[error("invalid name server {server:?}: {reason}")]
    Server {
        /// What was given.
        server: String,
        /// Why.
        reason: String,
    },
}

/// A question without an answer, in Go's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("lookup {name}: {reason}")]
#[non_exhaustive]
pub struct LookupError {
    /// What was asked for.
    pub name: String,
    /// `no such host`, `i/o timeout`, `server misbehaving`, or something rarer.
    pub reason: String,
    /// Whether the name does not exist, as far as is known; otherwise it may help to ask again.
    pub is_absent: bool,
}

/// Where an SRV record leads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Target {
    /// Lower ones first.
    pub priority: u16,
    /// Without the dot at the end.
    pub host: String,
    /// Where it listens.
    pub port: u16,
    /// Share of the load among targets of a priority.
    pub weight: u16,
}

impl Resolver {
    /// Asks as the system is configured (`/etc/resolv.conf`).
    ///
    /// # Errors
    /// When that configuration cannot be read.
    pub fn system() -> Result<Self, ResolverError> {
        let system = |error: NetError| ResolverError::System { reason: error.to_string() };
        let inner = TokioResolver::builder_tokio().and_then(|builder| builder.build()).map_err(system)?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Asks this one server, given as `host:port`.
    ///
    /// # Errors
    /// When that is no such address, or the host is not known to the system.
    pub async fn at(server: &str) -> Result<Self, ResolverError> {
        let invalid = |reason: String| ResolverError::Server { server: server.to_owned(), reason };
        let no_address = || io::Error::other("no such host");
        let address = match tokio::net::lookup_host(server).await {
            Ok(mut addresses) => addresses.next().ok_or_else(no_address),
            Err(error) => Err(error),
        };
        let address = address.map_err(|error| invalid(error.to_string()))?;
        let mut config = NameServerConfig::udp_and_tcp(address.ip());
        for connection in &mut config.connections {
            connection.port = address.port();
        }
        let config = ResolverConfig::from_name_servers(vec![config]);
        let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let inner = builder.build().map_err(|error| invalid(error.to_string()))?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The addresses of a host, which may be an address itself.
    ///
    /// # Errors
    /// When there is none, or no answer within 15 s.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, LookupError> {
        if let Ok(ip) = host.parse() {
            return Ok(vec![ip]);
        }
        let found = within(host, self.inner.lookup_ip(host)).await?;
        let addresses: Vec<IpAddr> = found.iter().collect();
        if addresses.is_empty() { Err(absent(host)) } else { Ok(addresses) }
    }

    /// The SRV records of `name`, sorted.
    ///
    /// # Errors
    /// When there is none, or no answer within 15 s.
    pub async fn services(&self, name: &str) -> Result<Vec<Target>, LookupError> {
        let found = within(name, self.inner.srv_lookup(name)).await?;
        targets(name, found.answers())
    }

    /// The addresses of a host, with a port.
    pub(crate) async fn sockets(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, LookupError> {
        let addresses = self.addresses(host).await?;
        Ok(addresses.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
    }
}

/// The SRV records among `records`, sorted. Host names stay in ASCII, as Go has them: members' ids are made of them.
///
/// # Errors
/// When there is none, when there are too many, or when a target is no name of a host.
/// # Source
/// Go `net/lookup.go`, `LookupSRV`.
pub(crate) fn targets(name: &str, records: &[Record]) -> Result<Vec<Target>, LookupError> {
    let mut targets: Vec<Target> = records
        .iter()
        .filter_map(|record| match &record.data {
            RData::SRV(srv) => Some(Target {
                priority: srv.priority,
                host: srv.target.to_ascii().trim_end_matches('.').to_owned(),
                port: srv.port,
                weight: srv.weight,
            }),
            _ => None,
        })
        .collect();
    targets.sort();
    targets.dedup();
    let refused = |reason: String| Err(LookupError { name: name.to_owned(), reason, is_absent: true });
    if targets.is_empty() {
        return Err(absent(name));
    }
    if targets.len() > MOST_TARGETS {
        return refused(format!("{} records, more than {MOST_TARGETS}", targets.len()));
    }
    if !targets.iter().all(|target| is_host_name(&target.host)) {
        return refused("DNS response contained records which contain invalid names".to_owned());
    }
    Ok(targets)
}

/// Whether these are letters, digits, hyphens, underscores and dots: what may stand in a URL and in a list of them.
fn is_host_name(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

async fn within<T>(name: &str, answer: impl Future<Output = Result<T, NetError>>) -> Result<T, LookupError> {
    let error = match timeout(LOOKUP_LIMIT, answer).await {
        Ok(Ok(found)) => return Ok(found),
        Ok(Err(error)) => error,
        Err(_) => NetError::Timeout,
    };
    let is_absent = error.is_no_records_found() || error.is_nx_domain();
    let reason = match &error {
        _ if is_absent => "no such host".to_owned(),
        NetError::Timeout => "i/o timeout".to_owned(),
        NetError::Dns(_) => format!("server misbehaving ({error})"),
        other => other.to_string(),
    };
    Err(LookupError { name: name.to_owned(), reason, is_absent })
}

fn absent(name: &str) -> LookupError {
    LookupError { name: name.to_owned(), reason: "no such host".to_owned(), is_absent: true }
}

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::rr::Name;
    use hickory_resolver::proto::rr::rdata::SRV;

    use super::*;

    fn record(labels: &[&[u8]]) -> Record {
        let target = Name::from_labels(labels.iter().copied()).unwrap();
        Record::from_rdata(Name::root(), 60, RData::SRV(SRV::new(0, 0, 2380, target)))
    }

    #[test]
    fn targets_are_names_of_hosts_in_ascii() {
        for (labels, expected) in [
            (&[b"infra0", b"example" as &[u8]] as &[&[u8]], Ok("infra0.example")),
            (&[b"xn--bcher-kva", b"example"], Ok("xn--bcher-kva.example")),
            (&[b"_a-1"], Ok("_a-1")),
            (&[b"a", b"b:1,c=http://d"], Err("invalid names")),
            (&[b"b\xc3\xbc"], Err("invalid names")),
            (&[b"a\nb"], Err("invalid names")),
            (&[], Err("invalid names")),
        ] {
            let found = targets("_etcd-server._tcp.example", &[record(labels)]);
            match (found, expected) {
                (Ok(found), Ok(host)) => assert_eq!(found[0].host, host),
                (Err(error), Err(reason)) => assert!(error.reason.contains(reason), "{error}"),
                (found, _) => panic!("{labels:?}: {found:?}"),
            }
        }
        assert_eq!(targets("x", &[]).unwrap_err().reason, "no such host");
    }
}
