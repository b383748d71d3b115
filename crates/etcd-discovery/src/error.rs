//! Why a cluster was not found.

use etcd_membership::Quoted;

/// Why a cluster was not found, in the words of etcd where it has some.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// The URL or an endpoint of the service cannot be used.
    #[error("discovery: invalid URL {} ({reason})", Quoted(url))]
    InvalidUrl {
        /// The URL, without a password.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The proxy's address cannot be used. It may hold a password, and is not shown.
    #[error("invalid proxy address: {reason}")]
    InvalidProxy {
        /// What is wrong with it.
        reason: String,
    },
    /// The program's own name or URLs cannot be registered.
    #[error("discovery: invalid peer URL ({reason})")]
    InvalidLocal {
        /// What is wrong with them.
        reason: String,
    },
    /// Nobody said how many members the cluster shall have.
    #[error("{}", answer.as_deref().unwrap_or("discovery: size key not found"))]
    SizeMissing {
        /// The URL or key below which the size is expected.
        config: String,
        /// The service's own words, when it has some.
        answer: Option<String>,
    },
    /// The size is not a positive number.
    #[error("discovery: size key is bad ({} is not a number of members)", Quoted(value))]
    BadSize {
        /// What it is.
        value: String,
    },
    /// A member with this id has registered before.
    #[error("discovery: found duplicate id")]
    DuplicateId {
        /// The id.
        id: String,
    },
    /// Two members have the same name.
    #[error("discovery: found duplicate name")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// Others were first.
    #[error("discovery: cluster is full")]
    Full {
        /// How many members the cluster has.
        size: usize,
    },
    /// What answers is not a discovery service.
    #[error("discovery: bad discovery endpoint ({reason})")]
    BadEndpoint {
        /// What it did.
        reason: String,
    },
    /// What another member registered cannot be read.
    #[error("discovery: member {} registered something that is not name=url ({reason})", Quoted(id))]
    InvalidEntry {
        /// The member's id.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The service refuses.
    #[error("{message}")]
    Refused {
        /// Its words.
        message: String,
    },
    /// The service did not answer in time.
    #[error("context deadline exceeded")]
    Timeout,
}

/// A text from outside, short enough for one line.
pub(crate) fn shorten(text: &str) -> String {
    const LONGEST: usize = 120;
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST + 1).collect();
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.trim().to_owned(),
    }
}
