//! Why a member cannot start, for the log, for people, and what to change.

use etcd_discovery::DiscoveryError;
use etcd_dns::DnsError;
use etcd_membership::{ChangeError, Cluster, MemberId, NewClusterError, Quoted, UrlError, Urls, UrlsMap};

use crate::compare::CompareError;
use crate::peers::FetchError;

mod discovery;

/// Why a member without data cannot start. Display is etcd's current message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BootstrapError {
    /// `--initial-cluster` cannot be read.
    #[error("error setting up initial cluster: {cause}")]
    InitialCluster {
        /// The URL that is wrong.
        cause: UrlError,
    },
    /// The member is not in its own initial cluster.
    #[error("couldn't find local name {} in the initial cluster configuration", Quoted(name))]
    NameMissing {
        /// Its name.
        name: String,
        /// The initial cluster.
        map: UrlsMap,
    },
    /// The cluster has URLs for the member that it does not advertise.
    #[error(
        "--initial-cluster has {} but missing from --initial-advertise-peer-urls={advertised} ({cause})",
        pairs(name, missing)
    )]
    NotAdvertised {
        /// The member.
        name: String,
        /// The URLs that only the cluster has.
        missing: Vec<String>,
        /// What the member advertises.
        advertised: Urls,
        /// The comparison.
        cause: Box<CompareError>,
    },
    /// The member advertises URLs that the cluster does not have.
    #[error(
        "--initial-advertise-peer-urls has {} but missing from --initial-cluster={}",
        missing.join(","),
        UrlsMap::single(name, advertised.clone())
    )]
    NotInCluster {
        /// The member.
        name: String,
        /// The URLs that only the member has.
        missing: Vec<String>,
        /// What the member advertises.
        advertised: Urls,
    },
    /// The same URLs on both sides, not equally often.
    #[error(
        "failed to resolve {advertised} to match --initial-cluster={} ({cause})",
        UrlsMap::single(name, advertised.clone())
    )]
    NotMatching {
        /// The member.
        name: String,
        /// What the member advertises.
        advertised: Urls,
        /// The comparison.
        cause: Box<CompareError>,
    },
    /// A URL occurs twice.
    #[error("initial cluster {map} has duplicate url")]
    DuplicateUrl {
        /// The initial cluster.
        map: UrlsMap,
    },
    /// A URL occurs twice among the members that registered with a discovery service.
    #[error("discovery cluster {map} has duplicate url")]
    DuplicateDiscovered {
        /// The members.
        map: UrlsMap,
    },
    /// A discovery service does not lead to a cluster.
    #[error("failed to join discovery cluster ({cause})")]
    Discovery {
        /// The member.
        name: String,
        /// The token, or its URL.
        token: String,
        /// Why.
        cause: DiscoveryError,
    },
    /// DNS does not lead to a cluster.
    #[error("error setting up initial cluster: {cause}")]
    Dns {
        /// Why.
        cause: DnsError,
    },
    /// No ids can be made.
    #[error("{cause}")]
    Ids {
        /// Why.
        cause: NewClusterError,
    },
    /// The member has run before: it has lost its data.
    #[error("member {id} has already been bootstrapped")]
    AlreadyBootstrapped {
        /// Its id.
        id: MemberId,
    },
    /// Joining is not done by discovery.
    #[error("discovery URL should not be set when joining existing initial cluster")]
    DiscoveryWhileJoining,
    /// The running cluster cannot be asked.
    #[error("cannot fetch cluster info from peer urls: {reason}")]
    Unreachable {
        /// What happened, in etcd's words.
        reason: String,
    },
    /// The running cluster has another number of members.
    #[error("error validating peerURLs {cluster}: member count is unequal")]
    MemberCount {
        /// The running cluster.
        cluster: Box<Cluster>,
        /// The number of members of the initial cluster.
        expected: usize,
    },
    /// A member of the running cluster is not in the initial cluster.
    #[error(
        "error validating peerURLs {cluster}: PeerURLs: no match found for existing member ({id}, [{}]), last \
         resolver error ({cause})",
        peer_urls.join(" ")
    )]
    NoMatch {
        /// The running cluster.
        cluster: Box<Cluster>,
        /// That member.
        id: MemberId,
        /// Its URLs.
        peer_urls: Vec<String>,
        /// The last comparison.
        cause: Box<CompareError>,
    },
    /// The version of the running cluster does not fit.
    #[error("incompatible with current running cluster")]
    Incompatible,
    /// The running cluster has more learners than the member allows.
    #[error("{cause}")]
    Learners {
        /// Why.
        cause: ChangeError,
    },
}

impl BootstrapError {
    pub(crate) fn unreachable(error: FetchError) -> Self {
        Self::Unreachable { reason: error.to_string() }
    }

    /// The message of today's etcd, for the log and as the second line.
    pub fn etcd_text(&self) -> String {
        self.to_string()
    }

    /// The line for people, printed first on the standard error. Where the clustering guide gives the words, these are
    /// used.
    pub fn guide_line(&self) -> String {
        match self {
            Self::NameMissing { name, .. } => {
                format!("etcd: {name} not listed in the initial cluster config")
            }
            Self::NotAdvertised { name, .. }
            | Self::NotInCluster { name, .. }
            | Self::NotMatching { name, .. } => {
                format!(
                    "etcd: error setting up initial cluster: {name} has different advertised URLs in the cluster and \
                     advertised peer URLs list"
                )
            }
            Self::Discovery { name, token, cause } => discovery::guide_line(name, token, cause)
                .unwrap_or_else(|| format!("etcd: {}", self.etcd_text())),
            other => format!("etcd: {other}"),
        }
    }

    /// What to change.
    pub fn hint(&self) -> String {
        match self {
            Self::InitialCluster { .. } => {
                "write --initial-cluster as name=http://address:port,name=http://address:port".to_owned()
            }
            Self::NameMissing { name, map } if map.is_empty() => {
                format!("set --initial-cluster; it must contain {name}")
            }
            Self::NameMissing { name, map } => {
                let names: Vec<&str> = map.names().collect();
                format!(
                    "add {name}=<its peer URL> to --initial-cluster, or set --name to one of: {}",
                    names.join(", ")
                )
            }
            Self::NotAdvertised { missing, .. } => {
                format!(
                    "add {} to --initial-advertise-peer-urls, or correct --initial-cluster",
                    missing.join(",")
                )
            }
            Self::NotInCluster { name, missing, .. } => {
                format!(
                    "add {} to --initial-cluster, or correct --initial-advertise-peer-urls",
                    pairs(name, missing)
                )
            }
            Self::NotMatching { .. } => {
                "make --initial-advertise-peer-urls and this member's part of --initial-cluster the same"
                    .to_owned()
            }
            Self::DuplicateUrl { .. } => "give each URL only once in --initial-cluster".to_owned(),
            Self::DuplicateDiscovered { .. } => {
                "give each member other --initial-advertise-peer-urls, and make a new token".to_owned()
            }
            Self::Discovery { token, cause, .. } => discovery::hint(token, cause),
            Self::Dns { cause } => discovery::dns_hint(cause),
            Self::Ids { .. } => "change --initial-cluster or --initial-cluster-token".to_owned(),
            Self::AlreadyBootstrapped { id } => format!(
                "check --data-dir; if the data is lost, remove member {id} from the cluster, add it again, and start \
                 it with --initial-cluster-state=existing"
            ),
            Self::DiscoveryWhileJoining => {
                "leave the --discovery flags out, or set --initial-cluster-state=new".to_owned()
            }
            Self::Unreachable { .. } => {
                "check that the members of --initial-cluster run and can be reached, or set \
                                         --initial-cluster-state=new to start a cluster"
                    .to_owned()
            }
            Self::MemberCount { cluster, expected } => format!(
                "--initial-cluster has {expected} members and the running cluster has {}: add this member to the \
                 cluster first, and list all members",
                cluster.members().len()
            ),
            Self::NoMatch { peer_urls, .. } => {
                format!("add the member at {} to --initial-cluster", peer_urls.join(","))
            }
            Self::Incompatible => {
                "check the versions of the members; a member joins clusters of its own version or \
                                   older ones"
                    .to_owned()
            }
            Self::Learners { .. } => "set --max-learners as on the other members".to_owned(),
        }
    }
}

fn pairs(name: &str, urls: &[String]) -> String {
    let pairs: Vec<String> = urls.iter().map(|url| format!("{name}={url}")).collect();
    pairs.join(",")
}
