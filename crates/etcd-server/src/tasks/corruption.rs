//! The leader's duty to find members whose data differ, and every member's to look before it serves.

use std::convert::Infallible;
use std::time::Duration;

use etcd_api::{Error, Replica as _};
use etcd_apply::ClusterState;
use etcd_membership::MemberId;
use etcd_transport::{HashKvAnswer, HashKvError, PeerClient};
use tracing::{debug, error, info, warn};

use crate::adapters::ServerReplica;
use crate::corruption::{self, Answer, Own, Verdict};

/// What the checks need.
#[derive(Clone)]
pub(crate) struct Checker {
    pub(crate) replica: ServerReplica,
    pub(crate) cluster: ClusterState,
    pub(crate) client: PeerClient,
    pub(crate) local: MemberId,
    /// How long one member may take to answer.
    pub(crate) patience: Duration,
}

impl Checker {
    /// Compares this member with its peers, before it serves.
    ///
    /// # Errors
    /// One line for the operator: a peer has other data. Peers that cannot be asked, are behind or ahead are passed over.
    pub(crate) async fn check_before_serving(&self) -> Result<(), String> {
        info!(member_id = %self.local, "starting initial corruption check");
        let own =
            self.own().await.map_err(|error| format!("{} failed to fetch hash ({error})", self.local))?;
        let peers = self.ask(own.hash.hash_revision).await;
        let differing = corruption::differing(own.hash, &peers);
        if differing.is_empty() {
            info!(member_id = %self.local, "initial corruption checking passed; no corruption");
            return Ok(());
        }
        for peer_id in differing {
            warn!(%peer_id, revision = own.hash.hash_revision, hash = own.hash.hash, "found different hash values from remote peer");
        }
        Err(format!("{} found data inconsistency with peers", self.local))
    }

    /// Checks every `interval` while this member leads, until dropped.
    pub(crate) async fn check_periodically(self, interval: Duration) -> Infallible {
        loop {
            tokio::time::sleep(interval).await;
            if !self.leads() {
                continue;
            }
            if let Err(error) = self.check_now().await {
                warn!(%error, "failed to check hash KV");
            }
        }
    }

    /// Compares the hashes of compactions every `interval` while this member leads, until dropped.
    pub(crate) async fn check_compactions(self, interval: Duration) -> Infallible {
        let mut checked = 0;
        loop {
            tokio::time::sleep(interval).await;
            if self.leads() {
                checked = self.check_compactions_after(checked).await;
            }
        }
    }

    async fn check_now(&self) -> Result<(), Error> {
        let before = self.own().await?;
        let peers = self.ask(before.hash.hash_revision).await;
        self.replica.linearize().await?;
        let after = self.own().await?;
        let checked = peers.iter().filter(|(_, answer)| answer.is_some()).count();
        match corruption::periodic(self.local, before, after, &peers) {
            None => info!(checked, "finished peer corruption check"),
            Some(peer_id) => {
                error!(%peer_id, revision = before.hash.hash_revision, "found hash mismatch");
                self.replica.raise_corrupt(peer_id).await?;
            }
        }
        Ok(())
    }

    /// Checks the newest compaction after `checked` that every peer can be asked about; returns what is checked.
    async fn check_compactions_after(&self, checked: i64) -> i64 {
        let hashes = self.replica.compaction_hashes();
        for own in hashes.into_iter().rev().filter(|hash| hash.hash_revision > checked) {
            let peers = self.ask(own.hash_revision).await;
            let corrupt = match corruption::compacted(self.local, own, &peers) {
                Verdict::Open => continue,
                Verdict::Same => Vec::new(),
                // Nobody knows who: the alarm is about the whole cluster.
                Verdict::Corrupt(members) if members.is_empty() => vec![MemberId::new(0)],
                Verdict::Corrupt(members) => members,
            };
            for peer_id in corrupt {
                error!(%peer_id, revision = own.hash_revision, "detected different compaction hashes");
                if let Err(error) = self.replica.raise_corrupt(peer_id).await {
                    warn!(%error, "cannot raise the alarm about corrupt data yet");
                    return checked;
                }
            }
            return own.hash_revision;
        }
        checked
    }

    fn leads(&self) -> bool {
        let standing = self.replica.standing();
        standing.leader == standing.member_id.get()
    }

    async fn own(&self) -> Result<Own, Error> {
        let found = self.replica.hash_kv(0).await?;
        let hash = etcd_mvcc::HashKv {
            hash: found.hash,
            compact_revision: found.compact_revision,
            hash_revision: found.hash_revision,
        };
        Ok(Own { hash, revision: found.revision.max(found.hash_revision) })
    }

    /// Asks every other member, at the same time.
    async fn ask(&self, revision: i64) -> Vec<Answer> {
        let mut questions = tokio::task::JoinSet::new();
        for member in self.cluster.members() {
            if member.id != self.local {
                let (client, patience) = (self.client.clone(), self.patience);
                questions
                    .spawn(async move { (member.id, fetch(&client, &member, revision, patience).await) });
            }
        }
        questions.join_all().await
    }
}

async fn fetch(
    client: &PeerClient,
    member: &etcd_membership::Member,
    revision: i64,
    patience: Duration,
) -> Option<HashKvAnswer> {
    for url in &member.peer_urls {
        match client.fetch_hash_kv(url, revision, patience).await {
            Ok(answer) => return Some(answer),
            Err(error @ (HashKvError::Compacted | HashKvError::FutureRevision)) => {
                debug!(peer_id = %member.id, revision, %error, "cannot compare hashes");
                return None;
            }
            Err(error) => warn!(peer_id = %member.id, url, revision, %error, "failed hash kv request"),
        }
    }
    None
}
