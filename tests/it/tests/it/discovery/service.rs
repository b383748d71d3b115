//! An etcd that serves the v2 keys API and the v3 API to those who look for each other.

use std::path::Path;

use etcd_it::{Scratch, foreign, server};
use etcd_testkit::DiscoveryService;

/// A cluster of one.
pub(crate) struct Service {
    inner: DiscoveryService,
    _scratch: Scratch,
}

impl Service {
    /// Go's etcd 3.4. `None` when it is not there, see [`foreign`].
    pub(crate) fn foreign() -> Option<Self> {
        Some(Self::of(&foreign("etcd")?))
    }

    /// The server under test.
    pub(crate) fn ours() -> Self {
        Self::of(&server())
    }

    fn of(binary: &Path) -> Self {
        let scratch = Scratch::new();
        let inner = DiscoveryService::start(binary, scratch.path(), true).unwrap();
        Self { inner, _scratch: scratch }
    }

    pub(crate) fn url(&self) -> &str {
        self.inner.url()
    }

    /// The URL of a token that has no size yet.
    pub(crate) fn token(&self, token: &str) -> String {
        self.inner.token(token)
    }

    /// The guide's command: `curl -X PUT …/_config/size -d value=3`. The URL of the token.
    pub(crate) fn sized(&self, token: &str, size: &str) -> String {
        self.inner.size_v2(token, size).unwrap()
    }

    /// Host and port, as `--discovery-endpoints` takes them.
    pub(crate) fn endpoint(&self) -> &str {
        self.url().trim_start_matches("http://")
    }
}
