//! Why a request was refused, in etcd's numbers and words.

use std::fmt::Write as _;

use crate::json;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $status:literal, $text:literal;)*) => {
        /// The kind of an error, with etcd's number, message and HTTP status.
        ///
        /// # Source
        /// etcd 3.4 `etcdserver/api/v2error/error.go`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The number in `errorCode`.
            pub const fn number(self) -> u16 {
                match self { $(Self::$name => $number,)* }
            }

            /// The HTTP status that goes with it.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// The text in `message`.
            pub const fn message(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// A name on the path is not there; the cause is the first one.
    KeyNotFound = 100, 404, "Key not found";
    /// The previous value or index is another one.
    TestFailed = 101, 412, "Compare failed";
    /// The path is a directory.
    NotFile = 102, 403, "Not a file";
    /// A name on the way is a file.
    NotDir = 104, 400, "Not a directory";
    /// There is something at the path.
    NodeExist = 105, 412, "Key already exists";
    /// The root cannot be written.
    RootReadOnly = 107, 400, "Root is read only";
    /// The directory has entries.
    DirNotEmpty = 108, 403, "Directory not empty";
    /// The request is not allowed.
    Unauthorized = 110, 401, "The request requires user authentication";
    /// `prevValue` is given and empty.
    PrevValueRequired = 201, 400, "PrevValue is Required in POST form";
    /// `ttl` is not a number.
    TtlNaN = 202, 400, "The given TTL in POST form is not a number";
    /// `prevIndex` or `waitIndex` is not a number.
    IndexNaN = 203, 400, "The given index in POST form is not a number";
    /// A field has a wrong value, or one that does not go with the method.
    InvalidField = 209, 400, "Invalid field";
    /// The form or the query cannot be read.
    InvalidForm = 210, 400, "Invalid POST form";
    /// A refresh keeps the value, and one was given.
    RefreshValue = 211, 400, "Value provided on refresh";
    /// A refresh is of the time to live, and none was given.
    RefreshTtlRequired = 212, 400, "A TTL must be provided on refresh";
    /// The cluster did not answer, or the store is full.
    RaftInternal = 300, 500, "Raft Internal Error";
    /// There is no leader.
    LeaderElect = 301, 500, "During Leader Election";
    /// A wait ended because the member took over another state.
    WatcherCleared = 400, 400, "watcher is cleared due to etcd recovery";
    /// The index that a wait begins from is not in the history any more.
    EventIndexCleared = 401, 400, "The event in requested index is outdated and cleared";
}

/// A refused request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {} ({cause}) [{index}]", code.number(), code.message())]
pub struct Error {
    /// What kind.
    pub code: Code,
    /// What exactly: a path, a comparison, a field. Left out of the JSON when empty.
    pub cause: String,
    /// The store's index then; 0 when the request never reached the store.
    pub index: u64,
}

impl Error {
    /// An error of a request that never reached the store.
    pub fn of_request(code: Code, cause: impl Into<String>) -> Self {
        Self { code, cause: cause.into(), index: 0 }
    }

    pub(crate) fn new(code: Code, cause: impl Into<String>, index: u64) -> Self {
        Self { code, cause: cause.into(), index }
    }

    /// The body that clients read, without the newline that ends it.
    pub fn to_json(&self) -> String {
        let mut text = format!("{{\"errorCode\":{},\"message\":", self.code.number());
        json::string(&mut text, self.code.message());
        if !self.cause.is_empty() {
            text.push_str(",\"cause\":");
            json::string(&mut text, &self.cause);
        }
        let _infallible = write!(text, ",\"index\":{}}}", self.index);
        text
    }
}
