//! A replica that answers reads with one key, at once.

use etcd_api::{Error, KeyspaceHash, Maintenance, Replica, ReplicaStatus, Standing};
use etcd_membership::{ClusterId, Member, MemberId};
use etcd_proto::etcdserverpb::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse,
    RangeRequest, RangeResponse, TxnRequest, TxnResponse,
};

#[derive(Clone)]
pub(super) struct Fixed;

/// Without users.
impl etcd_api::Accounts for Fixed {}
impl Maintenance for Fixed {}

impl Replica for Fixed {
    async fn range(&self, _request: RangeRequest) -> Result<RangeResponse, Error> {
        Ok(super::answer())
    }

    async fn put(&self, _request: PutRequest) -> Result<PutResponse, Error> {
        Ok(PutResponse::default())
    }

    async fn delete_range(&self, _request: DeleteRangeRequest) -> Result<DeleteRangeResponse, Error> {
        Ok(DeleteRangeResponse::default())
    }

    async fn txn(&self, _request: TxnRequest) -> Result<TxnResponse, Error> {
        Ok(TxnResponse::default())
    }

    async fn compact(&self, _request: CompactionRequest) -> Result<CompactionResponse, Error> {
        Ok(CompactionResponse::default())
    }

    async fn hash_kv(&self, _revision: i64) -> Result<KeyspaceHash, Error> {
        Err(Error::NotCapable)
    }

    async fn linearize(&self) -> Result<(), Error> {
        Ok(())
    }

    fn members(&self) -> Vec<Member> {
        Vec::new()
    }

    fn standing(&self) -> Standing {
        Standing {
            cluster_id: ClusterId::new(1),
            member_id: MemberId::new(2),
            leader: 2,
            term: 3,
            revision: 4,
            is_learner: false,
        }
    }

    fn status(&self) -> ReplicaStatus {
        ReplicaStatus::default()
    }
}
