//! The services `Lock` and `Election`, through every member.

mod auth;
mod ctl;
mod election;
mod faults;
mod gateway;
mod service;

use std::time::{Duration, Instant};

use bytes::Bytes;
use etcd_client::{Client, GetOptions, LeaseGrantOptions};
use etcd_it::DEADLINE;
use etcd_proto::etcdserverpb::ResponseHeader;
use etcd_proto::v3electionpb::election_client::ElectionClient;
use etcd_proto::v3electionpb::{
    CampaignRequest, CampaignResponse, LeaderKey, LeaderRequest, LeaderResponse, ProclaimRequest,
    ResignRequest,
};
use etcd_proto::v3lockpb::lock_client::LockClient;
use etcd_proto::v3lockpb::{LockRequest, LockResponse, UnlockRequest};
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};

use crate::load::connect;

/// Both services over one connection.
#[derive(Clone)]
struct Services {
    locks: LockClient<Channel>,
    elections: ElectionClient<Channel>,
    metadata: MetadataMap,
}

impl Services {
    async fn connect(url: &str) -> Self {
        let channel = Channel::from_shared(url.to_owned()).unwrap().connect().await.unwrap();
        let (locks, elections) = (LockClient::new(channel.clone()), ElectionClient::new(channel));
        Self { locks, elections, metadata: MetadataMap::new() }
    }

    /// The same with a piece of metadata.
    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.metadata.insert(name, value.parse().unwrap());
        self
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        *request.metadata_mut() = self.metadata.clone();
        request.set_timeout(2 * DEADLINE);
        request
    }

    async fn lock(&mut self, name: &str, lease: i64) -> Result<LockResponse, Status> {
        let request = self.request(LockRequest { name: bytes(name), lease });
        Ok(self.locks.lock(request).await?.into_inner())
    }

    async fn unlock(&mut self, key: &[u8]) -> Result<ResponseHeader, Status> {
        let request = self.request(UnlockRequest { key: Bytes::copy_from_slice(key) });
        Ok(self.locks.unlock(request).await?.into_inner().header.unwrap())
    }

    async fn campaign(&mut self, name: &str, lease: i64, value: &str) -> Result<CampaignResponse, Status> {
        let request = self.request(CampaignRequest { name: bytes(name), lease, value: bytes(value) });
        Ok(self.elections.campaign(request).await?.into_inner())
    }

    async fn proclaim(&mut self, leader: Option<LeaderKey>, value: &str) -> Result<ResponseHeader, Status> {
        let request = self.request(ProclaimRequest { leader, value: bytes(value) });
        Ok(self.elections.proclaim(request).await?.into_inner().header.unwrap())
    }

    async fn leader(&mut self, name: &str) -> Result<LeaderResponse, Status> {
        let request = self.request(LeaderRequest { name: bytes(name) });
        Ok(self.elections.leader(request).await?.into_inner())
    }

    async fn resign(&mut self, leader: Option<LeaderKey>) -> Result<ResponseHeader, Status> {
        let request = self.request(ResignRequest { leader });
        Ok(self.elections.resign(request).await?.into_inner().header.unwrap())
    }

    async fn observe(&mut self, name: &str) -> Result<Streaming<LeaderResponse>, Status> {
        let request = self.request(LeaderRequest { name: bytes(name) });
        Ok(self.elections.observe(request).await?.into_inner())
    }
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Code and text of a refusal.
fn refusal<T: std::fmt::Debug>(outcome: Result<T, Status>) -> (Code, String) {
    let status = outcome.unwrap_err();
    (status.code(), status.message().to_owned())
}

fn unknown(text: &str) -> (Code, String) {
    (Code::Unknown, text.to_owned())
}

/// Grants a lease with this id for ten minutes.
async fn grant(client: &mut Client, id: i64) -> i64 {
    client.lease_grant(600, Some(LeaseGrantOptions::new().with_id(id))).await.unwrap();
    id
}

/// The keys below `prefix` as this member has them by itself, the oldest first.
async fn keys(client: &mut Client, prefix: &str) -> Vec<String> {
    let options = GetOptions::new().with_prefix().with_serializable();
    let answer = client.get(prefix, Some(options)).await.unwrap();
    let mut kvs: Vec<_> = answer.kvs().iter().collect();
    kvs.sort_by_key(|kv| kv.create_revision());
    kvs.into_iter().map(|kv| text(kv.key()).to_owned()).collect()
}

/// Waits until a member has just these keys below `prefix`, in the order in which they were created.
async fn await_keys(url: &str, prefix: &str, expected: &[&str]) {
    await_keys_of(&mut connect(url).await, prefix, expected).await;
}

/// The same through a client.
async fn await_keys_of(client: &mut Client, prefix: &str, expected: &[&str]) {
    let begun = Instant::now();
    loop {
        let found = keys(client, prefix).await;
        if found == expected {
            return;
        }
        assert!(begun.elapsed() < DEADLINE, "there are {found:?} and not {expected:?}");
        tokio::time::sleep(Duration::from_millis(10)).await; // between two looks
    }
}

/// What comes next on a stream of who leads: value and revision of the header, and the pair's own revision.
async fn observed(stream: &mut Streaming<LeaderResponse>) -> (String, i64, i64) {
    let next = tokio::time::timeout(DEADLINE, stream.message()).await.expect("an answer in time");
    let LeaderResponse { header, kv } = next.unwrap().expect("the stream goes on");
    let kv = kv.unwrap();
    (text(&kv.value).to_owned(), header.unwrap().revision, kv.mod_revision)
}
