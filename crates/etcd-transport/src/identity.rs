//! Who this member is, as the headers of every peer request and answer say it.

use etcd_membership::{ClusterId, MemberId};
use http::header::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const SERVER_FROM: HeaderName = HeaderName::from_static("x-server-from");
pub(crate) const SERVER_VERSION: HeaderName = HeaderName::from_static("x-server-version");
pub(crate) const MIN_CLUSTER_VERSION: HeaderName = HeaderName::from_static("x-min-cluster-version");
pub(crate) const CLUSTER_ID: HeaderName = HeaderName::from_static("x-etcd-cluster-id");
pub(crate) const RAFT_TO: HeaderName = HeaderName::from_static("x-raft-to");
pub(crate) const PEER_URLS: HeaderName = HeaderName::from_static("x-peerurls");

/// What a member tells its peers about itself.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The member's own id.
    pub member: MemberId,
    /// The cluster it belongs to; every request from another cluster is refused.
    pub cluster: ClusterId,
    /// Version of this server, `major.minor.patch`; peers refuse one that is too old for them.
    pub server_version: String,
    /// Oldest cluster version this server can work with, `major.minor.patch`.
    pub min_cluster_version: String,
    /// Where peers reach this member.
    pub peer_urls: Vec<String>,
}

impl Identity {
    /// The headers that go with every request to a peer.
    ///
    /// # Source
    /// etcd `server/etcdserver/api/rafthttp/util.go`, `createPostRequest`, and `stream.go`, `dial`.
    pub(crate) fn request_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(8);
        insert(&mut headers, SERVER_FROM, &self.member.to_string());
        insert(&mut headers, SERVER_VERSION, &self.server_version);
        insert(&mut headers, MIN_CLUSTER_VERSION, &self.min_cluster_version);
        insert(&mut headers, CLUSTER_ID, &self.cluster.to_string());
        insert(&mut headers, PEER_URLS, &self.peer_urls.join(","));
        headers
    }
}

/// A value that cannot stand in a header is left out: peers treat an absent header as the oldest protocol or refuse.
pub(crate) fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// The text of a header, if it is there and readable.
pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty())
}
