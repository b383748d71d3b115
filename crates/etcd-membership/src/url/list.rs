//! A sorted list of URLs.

use std::fmt;
use std::str::FromStr;

use super::{Url, UrlError};

/// URLs in the order of their texts; a URL may occur twice.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct Urls(Vec<Url>);

impl Urls {
    /// Parses each text and sorts the result.
    ///
    /// # Errors
    /// The first text that is no URL by etcd's rules; `UrlError::None` for no text at all.
    pub fn new<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self, UrlError> {
        let urls: Vec<Url> = texts.into_iter().map(|text| text.as_ref().parse()).collect::<Result<_, _>>()?;
        if urls.is_empty() {
            return Err(UrlError::None);
        }
        Ok(urls.into_iter().collect())
    }

    /// No URL.
    pub const fn empty() -> Self {
        Self(Vec::new())
    }

    /// The same list with each URL once, as flags have it.
    #[must_use]
    pub fn unique(mut self) -> Self {
        self.0.dedup();
        self
    }

    /// The URLs, sorted.
    pub fn iter(&self) -> std::slice::Iter<'_, Url> {
        self.0.iter()
    }

    /// The first in the order of texts.
    pub fn first(&self) -> Option<&Url> {
        self.0.first()
    }

    /// Number of URLs.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The texts, sorted: the form in which members carry them.
    pub fn to_strings(&self) -> Vec<String> {
        self.0.iter().map(|url| url.as_str().to_owned()).collect()
    }
}

impl FromIterator<Url> for Urls {
    fn from_iter<I: IntoIterator<Item = Url>>(urls: I) -> Self {
        let mut urls: Vec<Url> = urls.into_iter().collect();
        urls.sort();
        Self(urls)
    }
}

impl<'a> IntoIterator for &'a Urls {
    type Item = &'a Url;
    type IntoIter = std::slice::Iter<'a, Url>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl FromStr for Urls {
    type Err = UrlError;

    /// Parses a comma separated list.
    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::new(text.split(','))
    }
}

impl serde::Serialize for Urls {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Urls {
    /// From a list of texts, which may be empty.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<Url>::deserialize(deserializer).map(|urls| urls.into_iter().collect())
    }
}

impl fmt::Display for Urls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, url) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{url}")?;
        }
        Ok(())
    }
}
