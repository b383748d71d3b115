//! What the storage holds of a token.

use serde::Deserialize;

use crate::storage::{Request, Storage, StorageError};
use crate::token::Token;

/// Where tokens lie.
pub(crate) const REGISTRY: &str = "/_etcd/registry";

/// Where the times of registration lie: not below the token, where members that wait would see them.
const TIMES: &str = "/_etcd/registered";

/// A token's key.
pub(crate) fn key(token: &Token) -> String {
    format!("{REGISTRY}/{token}")
}

/// The key of a token's size.
pub(crate) fn size_key(token: &Token) -> String {
    format!("{REGISTRY}/{token}/_config/size")
}

/// The key of the time at which a member registered.
pub(crate) fn time_key(token: &Token, member: &str) -> String {
    format!("{TIMES}/{token}/{member}")
}

/// A token as a page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Registry {
    /// How many members the cluster is to have.
    pub(crate) size: usize,
    /// Who registered, in that order; those beyond `size` came too late.
    pub(crate) members: Vec<Registered>,
    /// The index from which later changes can be waited for.
    pub(crate) index: u64,
    /// When the token goes, as the storage says it.
    pub(crate) expires: Option<String>,
}

/// A member that registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Registered {
    /// Its id, in hexadecimal.
    pub(crate) id: String,
    /// What it is called.
    pub(crate) name: String,
    /// Where the others reach it.
    pub(crate) urls: Vec<String>,
    /// When it registered, in seconds since 1970; none if it went past this service.
    pub(crate) at: Option<i64>,
}

/// An answer of `/v2/keys`, as far as it is needed.
#[derive(Debug, Deserialize)]
struct Answer {
    node: Node,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Node {
    key: String,
    value: String,
    dir: bool,
    expiration: Option<String>,
    nodes: Vec<Self>,
    created_index: u64,
}

impl Registry {
    /// Reads a token; none if it is not there.
    pub(crate) async fn read(storage: &Storage, token: &Token) -> Result<Option<Self>, StorageError> {
        let Some(size) = size(storage, token).await? else { return Ok(None) };
        let answer = storage.ask(&Request::get(&key(token))).await?;
        let Some(listed) = parse(&answer.body) else { return Ok(None) };
        let index = answer.headers.get("x-etcd-index").and_then(|index| index.to_str().ok()?.parse().ok());
        let mut nodes = listed.nodes;
        nodes.retain(|node| !node.dir);
        nodes.sort_by_key(|node| node.created_index);
        let times = format!("{TIMES}/{token}");
        let times = parse(&storage.ask(&Request::get(&times)).await?.body).unwrap_or_default().nodes;
        let members = nodes.iter().map(|node| Registered::of(node, &times)).collect();
        Ok(Some(Self { size, members, index: index.unwrap_or_default(), expires: listed.expiration }))
    }

    /// Whether all members are there.
    pub(crate) fn is_full(&self) -> bool {
        self.members.len() >= self.size
    }
}

/// The size of the cluster; none if there is no such token.
pub(crate) async fn size(storage: &Storage, token: &Token) -> Result<Option<usize>, StorageError> {
    let answer = storage.ask(&Request::get(&size_key(token))).await?;
    Ok(parse(&answer.body).and_then(|node| node.value.parse().ok()))
}

/// How many members have registered.
pub(crate) async fn count(storage: &Storage, token: &Token) -> Result<usize, StorageError> {
    let answer = storage.ask(&Request::get(&key(token))).await?;
    Ok(parse(&answer.body).map_or(0, |node| node.nodes.len()))
}

impl Registered {
    fn of(node: &Node, times: &[Node]) -> Self {
        let id = name_of(&node.key);
        let mut urls = Vec::new();
        let mut name = "";
        for item in node.value.split(',') {
            if let Some((of, url)) = item.split_once('=') {
                name = of;
                urls.push(url.to_owned());
            }
        }
        let at = times.iter().find(|time| name_of(&time.key) == id);
        let at = at.and_then(|time| time.value.parse().ok());
        Self { id: id.to_owned(), name: name.to_owned(), urls, at }
    }
}

fn parse(body: &[u8]) -> Option<Node> {
    serde_json::from_slice::<Answer>(body).ok().map(|answer| answer.node)
}

fn name_of(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_tells_name_and_urls() {
        let node = |key: &str, value: &str| Node { key: key.into(), value: value.into(), ..Node::default() };
        let times = [node("/t/abc", "1700000000")];
        let member = Registered::of(&node("/x/abc", "a=http://10.0.0.1:2380,a=http://10.0.0.2:2380"), &times);
        assert_eq!((member.name.as_str(), member.urls.len(), member.at), ("a", 2, Some(1_700_000_000)));
        let strange = Registered::of(&node("/x/def", "nonsense"), &times);
        assert_eq!((strange.name.as_str(), strange.urls.len(), strange.at), ("", 0, None));
    }
}
