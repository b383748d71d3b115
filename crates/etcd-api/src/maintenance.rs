//! The service `etcdserverpb.Maintenance`.

use etcd_membership::MemberId;
use etcd_proto::etcdserverpb::alarm_request::AlarmAction;
use etcd_proto::etcdserverpb::downgrade_request::DowngradeAction;
use etcd_proto::etcdserverpb::{
    AlarmMember, AlarmRequest, AlarmResponse, AlarmType, DefragmentRequest, DefragmentResponse,
    DowngradeInfo, DowngradeRequest, DowngradeResponse, HashKvRequest, HashKvResponse, HashRequest,
    HashResponse, MoveLeaderRequest, MoveLeaderResponse, ResponseHeader, StatusRequest, StatusResponse,
};

use crate::api::Shared;
use crate::grpc::{Call, Rpc};
use crate::{Access, Error, Replica};

impl<R: Replica> Call<R> for StatusRequest {
    const RPC: Rpc = Rpc::Status;
    type Answer = StatusResponse;

    fn for_learner(&self) -> bool {
        true
    }

    async fn run(self, api: &Shared<R>) -> Result<StatusResponse, Error> {
        let status = api.replica.status();
        let standing = api.replica.standing();
        let mut errors = status.errors;
        if standing.leader == 0 {
            errors.insert(0, Error::NoLeader.to_string());
        }
        errors.extend(api.replica.alarms().iter().map(alarm_text));
        let mut header = None;
        api.fill(&mut header);
        Ok(StatusResponse {
            header,
            version: status.version,
            db_size: status.db_size,
            leader: standing.leader,
            raft_index: status.index,
            raft_term: standing.term,
            raft_applied_index: status.applied_index,
            errors,
            db_size_in_use: status.db_in_use,
            is_learner: standing.is_learner,
            storage_version: status.storage_version.unwrap_or_default(),
            db_size_quota: status.quota,
            downgrade_info: Some(DowngradeInfo {
                enabled: status.downgrade_target.is_some(),
                target_version: status.downgrade_target.unwrap_or_default(),
            }),
        })
    }
}

impl<R: Replica> Call<R> for HashKvRequest {
    const RPC: Rpc = Rpc::HashKv;
    type Answer = HashKvResponse;

    async fn run(self, api: &Shared<R>) -> Result<HashKvResponse, Error> {
        let found = api.replica.hash_kv(self.revision).await?;
        let mut header = Some(ResponseHeader { revision: found.revision, ..ResponseHeader::default() });
        api.fill(&mut header);
        Ok(HashKvResponse {
            header,
            hash: found.hash,
            compact_revision: found.compact_revision,
            hash_revision: found.hash_revision,
        })
    }
}

impl<R: Replica> Call<R> for HashRequest {
    const RPC: Rpc = Rpc::Hash;
    type Answer = HashResponse;

    async fn run(self, api: &Shared<R>) -> Result<HashResponse, Error> {
        let hash = api.replica.hash().await?;
        let mut header = None;
        api.fill(&mut header);
        Ok(HashResponse { header, hash })
    }
}

impl<R: Replica> Call<R> for DefragmentRequest {
    const RPC: Rpc = Rpc::Defragment;
    type Answer = DefragmentResponse;

    /// As etcd's, the answer has no header.
    async fn run(self, api: &Shared<R>) -> Result<DefragmentResponse, Error> {
        api.replica.defragment().await?;
        Ok(DefragmentResponse::default())
    }
}

impl<R: Replica> Call<R> for MoveLeaderRequest {
    const RPC: Rpc = Rpc::MoveLeader;
    type Answer = MoveLeaderResponse;

    /// As etcd's, the answer has no header.
    async fn run(self, api: &Shared<R>) -> Result<MoveLeaderResponse, Error> {
        let standing = api.replica.standing();
        if standing.leader != standing.member_id.get() {
            return Err(Error::NotLeader);
        }
        api.replica.move_leader(MemberId::new(self.target_id)).await?;
        Ok(MoveLeaderResponse::default())
    }
}

impl<R: Replica> Call<R> for DowngradeRequest {
    const RPC: Rpc = Rpc::Downgrade;
    type Answer = DowngradeResponse;

    async fn run(self, api: &Shared<R>) -> Result<DowngradeResponse, Error> {
        let action = DowngradeAction::try_from(self.action)
            .map_err(|_| Error::Unknown("etcdserver: unknown method".into()))?;
        let version = api.replica.downgrade(action, self.version).await?;
        let mut header = None;
        api.fill(&mut header);
        Ok(DowngradeResponse { header, version })
    }
}

impl<R: Replica> Call<R> for AlarmRequest {
    const RPC: Rpc = Rpc::Alarm;
    type Answer = AlarmResponse;

    /// Everybody may see alarms; only an administrator raises and clears them.
    fn access(&self) -> Access {
        if self.action == AlarmAction::Get as i32 { Access::User } else { Access::Admin }
    }

    async fn run(self, api: &Shared<R>) -> Result<AlarmResponse, Error> {
        let alarms = if self.action == AlarmAction::Get as i32 {
            // etcd sends the question through the log; what the client sees is the same.
            api.replica.linearize().await?;
            let mut alarms = api.replica.alarms();
            alarms.retain(|found| self.alarm == AlarmType::None as i32 || self.alarm == found.alarm);
            alarms
        } else {
            api.replica.alarm(self).await?
        };
        let mut header = None;
        api.fill(&mut header);
        Ok(AlarmResponse { header, alarms })
    }
}

/// An alarm as `endpoint status` shows it.
fn alarm_text(alarm: &AlarmMember) -> String {
    let name = AlarmType::try_from(alarm.alarm).map_or("UNKNOWN", |alarm| alarm.as_str_name());
    format!("memberID:{} alarm:{name}", alarm.member_id)
}
