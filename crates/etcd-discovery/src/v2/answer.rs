//! The JSON of the v2 keys API, as far as discovery needs it.

use std::fmt;

use serde::Deserialize;

/// An answer that is no error.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    pub(super) node: Node,
}

/// A key or a directory, with what is in it.
#[derive(Debug, Deserialize)]
pub(super) struct Node {
    pub(super) value: Option<String>,
    #[serde(rename = "modifiedIndex", default)]
    pub(super) modified_index: u64,
    #[serde(rename = "createdIndex", default)]
    pub(super) created_index: u64,
    #[serde(default)]
    pub(super) nodes: Vec<Leaf>,
}

/// What is in a directory.
#[derive(Debug, Deserialize)]
pub(super) struct Leaf {
    #[serde(default)]
    pub(super) key: String,
    pub(super) value: Option<String>,
    #[serde(default)]
    pub(super) dir: bool,
    #[serde(rename = "modifiedIndex", default)]
    pub(super) modified_index: u64,
    #[serde(rename = "createdIndex", default)]
    pub(super) created_index: u64,
}

/// An error, which shows as etcd shows it.
#[derive(Debug, Deserialize)]
pub(super) struct KeysError {
    #[serde(rename = "errorCode")]
    pub(super) code: u32,
    message: String,
    #[serde(default)]
    cause: String,
    #[serde(default)]
    index: u64,
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({}) [{}]", self.code, self.message, self.cause, self.index)
    }
}
