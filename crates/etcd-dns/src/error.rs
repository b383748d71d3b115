//! Why a cluster was not found.

use etcd_membership::{Quoted, UrlError};

use crate::resolver::LookupError;

/// Why a cluster was not found; the texts are etcd's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DnsError {
    /// A host of an advertised URL is not known.
    #[error("{cause}")]
    OwnAddress {
        /// That question.
        cause: LookupError,
    },
    /// No record leads to a member: the reasons, by service.
    #[error("{}", causes.join("; "))]
    NothingFound {
        /// `error querying DNS SRV records for _etcd-server lookup …`
        causes: Vec<String>,
    },
    /// A record leads nowhere. The other members would have one more than this one.
    #[error("error querying DNS SRV records for _{service} {cause}")]
    Target {
        /// Whose record.
        service: String,
        /// That question.
        cause: LookupError,
    },
    /// Only others are in the records, or this member with another scheme.
    #[error("cannot find local etcd member {} in SRV records", Quoted(name))]
    LocalMissing {
        /// Its name.
        name: String,
        /// Why an entry with its address was passed over.
        mismatch: Option<String>,
    },
    /// A target makes no URL.
    #[error("{cause}")]
    Url {
        /// What is wrong.
        cause: UrlError,
    },
    /// No answer in time.
    #[error("DNS discovery took too long: {during}")]
    Timeout {
        /// What was going on.
        during: String,
    },
    /// Neither kind of endpoint.
    #[error("dns lookup errors: {tls} and {plain}")]
    NoEndpoints {
        /// Of the service with TLS.
        tls: LookupError,
        /// Of the one without.
        plain: LookupError,
    },
}
