//! A cluster whose logs are looked at when the test is over.

use std::ops::{Deref, DerefMut};

use etcd_proto::etcdserverpb::HashKvRequest;
use etcd_proto::etcdserverpb::maintenance_client::MaintenanceClient;
use etcd_testkit::{Cluster, ClusterBuilder};
use tokio::runtime::Runtime;

use crate::{assert_no_panic, server};

/// A [`Cluster`] of the server under test. When it is dropped, no member's log may tell of a panic.
#[derive(Debug)]
pub struct TestCluster(Cluster);

/// Describes a cluster of the server under test.
#[must_use]
pub fn cluster(members: usize) -> ClusterBuilder {
    Cluster::builder(server()).members(members)
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

    /// The sum over all members of a sample of `/metrics`.
    ///
    /// # Panics
    /// When a member does not answer.
    #[must_use]
    pub fn metric(&self, index: usize, name: &str) -> f64 {
        self.0.member(index).probe().metrics().unwrap_or_else(|error| panic!("{error}")).sum(name)
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
    Ok((answer.header.unwrap_or_default().revision, answer.compact_revision, answer.hash))
}
