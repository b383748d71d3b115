//! What members register, and the cluster that comes of it.

use etcd_membership::{MemberId, Urls, UrlsMap};

use crate::error::{DiscoveryError, shorten};

/// Who registers.
#[derive(Debug, Clone)]
pub(crate) struct Local {
    pub(crate) id: MemberId,
    /// `name=url,name=url`
    pub(crate) value: String,
}

impl Local {
    pub(crate) fn new(name: &str, peer_urls: &Urls, token: &str) -> Result<Self, DiscoveryError> {
        if name.is_empty() || name.contains([',', '=']) {
            let reason = format!("the name {name:?} is empty or has ',' or '=' in it");
            return Err(DiscoveryError::InvalidLocal { reason });
        }
        if peer_urls.is_empty() {
            return Err(DiscoveryError::InvalidLocal { reason: "there are no URLs".to_owned() });
        }
        let id = MemberId::derive(&peer_urls.to_strings(), token, None);
        let pairs: Vec<String> = peer_urls.iter().map(|url| format!("{name}={url}")).collect();
        Ok(Self { id, value: pairs.join(",") })
    }
}

/// One member as the service has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Hexadecimal, if the member is an etcd.
    pub(crate) id: String,
    pub(crate) value: String,
    /// Lower ones registered earlier.
    pub(crate) order: u64,
}

/// Whether `entry` is a name with URLs.
pub(crate) fn check(entry: &Entry) -> Result<String, DiscoveryError> {
    let invalid = |reason: String| DiscoveryError::InvalidEntry { id: shorten(&entry.id), reason };
    let map: UrlsMap = entry.value.parse().map_err(|error| invalid(shorten(&format!("{error}"))))?;
    let mut names = map.names();
    match (names.next(), names.next()) {
        (Some(name), None) if !name.is_empty() => Ok(name.to_owned()),
        _ => Err(invalid(format!("{:?} has not exactly one name", shorten(&entry.value)))),
    }
}

/// The cluster that a token led to: the same for all its members.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// What ids are made from: the URL of v2 discovery, or the token of v3.
    pub token: String,
    /// The id under which this member registered.
    pub local_id: MemberId,
    /// All members: names and peer URLs. No name occurs twice; whether a URL does is for the caller to check.
    pub members: UrlsMap,
}

impl Found {
    /// `entries` are complete, and in the order of their registration.
    pub(crate) fn new(token: &str, local: &Local, entries: &[Entry]) -> Result<Self, DiscoveryError> {
        let mut names = std::collections::BTreeSet::new();
        for entry in entries {
            let name = check(entry)?;
            if !names.insert(name.clone()) {
                return Err(DiscoveryError::DuplicateName { name });
            }
        }
        let values: Vec<&str> = entries.iter().map(|entry| entry.value.as_str()).collect();
        let members = values.join(",").parse().map_err(|error| DiscoveryError::InvalidEntry {
            id: String::new(),
            reason: format!("{error}"),
        })?;
        Ok(Self { token: token.to_owned(), local_id: local.id, members })
    }
}
