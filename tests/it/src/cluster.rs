//! A cluster whose logs are looked at when the test is over.

use std::ops::{Deref, DerefMut};

use etcd_proto::etcdserverpb::HashKvRequest;
use etcd_proto::etcdserverpb::maintenance_client::MaintenanceClient;
use etcd_testkit::{Cluster, ClusterBuilder, wait_until};
use tokio::runtime::Runtime;

use crate::{DEADLINE, assert_no_panic, is_go_3_4, server};

/// A [`Cluster`] of the server under test. When it is dropped, no member's log may tell of a panic.
#[derive(Debug)]
pub struct TestCluster(Cluster);

/// In milliseconds, instead of the default of a second: on a busy machine a member may have to do without processor or
/// disk for that long, and a test must not lose its leader, with what is under way, because of that.
const ELECTION_TIMEOUT: &str = "--election-timeout=3000";

/// Describes a cluster of the server under test.
#[must_use]
pub fn cluster(members: usize) -> ClusterBuilder {
    let builder = Cluster::builder(server()).members(members);
    // One member alone elects itself at once.
    if members > 1 { builder.argument(ELECTION_TIMEOUT) } else { builder }
}

/// Starts what `builder` describes.
///
/// # Panics
/// When it has no leader in time.
#[must_use]
pub fn start(builder: ClusterBuilder) -> TestCluster {
    TestCluster(builder.start().unwrap_or_else(|error| panic!("{error}")))
}

/// Prepares what `builder` describes, starting nothing.
///
/// # Panics
/// When there are no ports or no directory.
#[must_use]
pub fn prepare(builder: ClusterBuilder) -> TestCluster {
    TestCluster(builder.prepare().unwrap_or_else(|error| panic!("{error}")))
}

/// A Tokio runtime for the clients of one test.
///
/// # Panics
/// When there are no threads.
#[must_use]
pub fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().expect("a runtime")
}

impl TestCluster {
    /// Waits until every member has applied the same, and gives the revision and the hash that all of them have.
    ///
    /// # Panics
    /// When their hashes at the same revision differ, or they do not come to the same revision in time.
    pub fn equal_hashes(&mut self, runtime: &Runtime) -> (i64, u32) {
        let seen = self.0.wait("every member to have the same revision", |members| {
            let mut seen = Vec::new();
            for member in members {
                let answer = runtime.block_on(hash_kv(member.spec().client_url()))?;
                seen.push((answer.0, answer.1, answer.2));
            }
            let same =
                seen.iter().all(|(revision, compacted, _)| (*revision, *compacted) == (seen[0].0, seen[0].1));
            if same { Ok(seen) } else { Err(format!("(revision, compacted, hash): {seen:?}")) }
        });
        let seen = seen.unwrap_or_else(|error| panic!("{error}"));
        assert!(seen.iter().all(|(.., hash)| *hash == seen[0].2), "hashes differ: {seen:?}");
        (seen[0].0, seen[0].2)
    }

    /// Waits until every member has told its name and client URLs, and all know those of all.
    ///
    /// # Panics
    /// When that is not so in time.
    pub fn wait_for_names(&mut self) {
        let named = self.0.wait("every member to know all names", |members| {
            for member in members {
                let known = member.probe().members().map_err(|error| error.to_string())?;
                let named = known.iter().filter(|other| !other.client_urls.is_empty()).count();
                if (named, known.len()) != (members.len(), members.len()) {
                    return Err(format!("{} knows {known:?}", member.spec().name));
                }
            }
            Ok(())
        });
        named.unwrap_or_else(|error| panic!("{error}"));
    }

    /// The sum of a sample of a member's `/metrics`, whatever its labels. What is counted beside an answer may be
    /// counted after it: see [`TestCluster::wait_for_metric`].
    ///
    /// # Panics
    /// When the member does not answer in time.
    #[must_use]
    pub fn metric(&self, index: usize, name: &str) -> f64 {
        let probe = self.0.member(index).probe();
        let answered =
            wait_until("a member's metrics", DEADLINE, || probe.metrics().map_err(|error| error.to_string()));
        answered.unwrap_or_else(|error| panic!("{error}")).sum(name)
    }

    /// Waits until that sum is what is looked for, and gives it.
    ///
    /// # Panics
    /// When it is not in time.
    pub fn wait_for_metric(&self, index: usize, name: &str, is_it: impl Fn(f64) -> bool) -> f64 {
        let seen = wait_until(name, DEADLINE, || {
            let now = self.metric(index, name);
            if is_it(now) { Ok(now) } else { Err(now.to_string()) }
        });
        seen.unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Deref for TestCluster {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.0
    }
}

impl DerefMut for TestCluster {
    fn deref_mut(&mut self) -> &mut Cluster {
        &mut self.0
    }
}

impl Drop for TestCluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for member in self.0.members() {
            let log = std::fs::read(member.log()).unwrap_or_default();
            assert_no_panic(&String::from_utf8_lossy(&log));
        }
    }
}

/// Current revision, compacted revision and hash of one member.
async fn hash_kv(url: String) -> Result<(i64, i64, u32), String> {
    let mut client = MaintenanceClient::connect(url).await.map_err(|error| error.to_string())?;
    let answer = client.hash_kv(HashKvRequest { revision: 0 }).await.map_err(|error| error.to_string())?;
    let answer = answer.into_inner();
    // 3.4 tells only in the header what the hash is of.
    let revision =
        if is_go_3_4() { answer.header.unwrap_or_default().revision } else { answer.hash_revision };
    Ok((revision, answer.compact_revision, answer.hash))
}
