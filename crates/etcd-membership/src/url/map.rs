//! `name=url,name=url`: who is in a cluster, and where.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use super::{UrlError, Urls};

/// The peer URLs of each member of an initial cluster, by member name.
///
/// # Source
/// etcd `client/pkg/types/urlsmap.go`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UrlsMap(BTreeMap<String, Urls>);

impl UrlsMap {
    /// A map with one member.
    pub fn single(name: &str, urls: Urls) -> Self {
        Self(BTreeMap::from([(name.to_owned(), urls)]))
    }

    /// The URLs of `name`.
    pub fn get(&self, name: &str) -> Option<&Urls> {
        self.0.get(name)
    }

    /// Members by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Urls)> {
        self.0.iter().map(|(name, urls)| (name.as_str(), urls))
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any URL occurs twice, under one name or under two.
    ///
    /// # Source
    /// etcd `server/config/config.go`, `CheckDuplicateURL`.
    pub fn has_duplicate_url(&self) -> bool {
        let mut seen = BTreeSet::new();
        !self.0.values().flatten().all(|url| seen.insert(url))
    }
}

impl FromStr for UrlsMap {
    type Err = UrlError;

    /// Splits at commas, then each item at its first `=`; a name that comes again adds a URL, and empty items
    /// are skipped. An item without `=` is a name with an empty URL, which is then refused.
    ///
    /// # Errors
    /// The first bad URL, by the order of names.
    fn from_str(text: &str) -> Result<Self, UrlError> {
        let mut texts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for item in text.split(',').filter(|item| !item.is_empty()) {
            let (name, url) = item.split_once('=').unwrap_or((item, ""));
            texts.entry(name).or_default().push(url);
        }
        texts
            .into_iter()
            .map(|(name, urls)| Ok((name.to_owned(), Urls::new(urls)?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl fmt::Display for UrlsMap {
    /// `name=url` pairs, sorted as texts, joined with commas.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pairs: Vec<String> = self
            .iter()
            .flat_map(|(name, urls)| urls.iter().map(move |url| format!("{name}={url}")))
            .collect();
        pairs.sort_unstable();
        f.write_str(&pairs.join(","))
    }
}
