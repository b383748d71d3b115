//! The service `v3electionpb.Election`.

mod observe;

use bytes::Bytes;
use etcd_proto::etcdserverpb::range_request::SortOrder;
use etcd_proto::etcdserverpb::request_op::Request;
use etcd_proto::etcdserverpb::{
    DeleteRangeRequest, PutRequest, RangeRequest, RangeResponse, TxnRequest, TxnResponse,
};
use etcd_proto::v3electionpb::{
    CampaignRequest, CampaignResponse, LeaderKey, LeaderRequest, LeaderResponse, ProclaimRequest,
    ProclaimResponse, ResignRequest, ResignResponse,
};
use http::{HeaderMap, Response};

use crate::api::{Shared, unknown};
use crate::candidate::{Candidate, Unfinished, by_creation, created_at, lease_or_new, op, prefix};
use crate::grpc::{self, Body, Call, Rpc};
use crate::serve::Remote;
use crate::{Error, Replica, validate};

/// The key of the leader is not, or no longer, the one that is named.
const NOT_LEADER: &str = "election: not leader";
/// Nobody is elected.
const NO_LEADER: &str = "election: no leader";
const MISSING_LEADER_KEY: &str = r#""leader" field must be provided"#;

/// Answers a call of the service.
pub(crate) async fn direct<R, B>(
    api: &Shared<R>,
    rpc: Rpc,
    headers: &HeaderMap,
    body: &mut B,
    remote: Remote,
) -> Response<Body>
where
    R: Replica,
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let api = api.lasting(headers);
    match rpc {
        Rpc::Campaign => grpc::answer::<R, CampaignRequest, B>(&api, headers, body, remote).await,
        Rpc::Proclaim => grpc::answer::<R, ProclaimRequest, B>(&api, headers, body, remote).await,
        Rpc::Leader => grpc::answer::<R, LeaderRequest, B>(&api, headers, body, remote).await,
        Rpc::Observe => observe::answer(api, headers, body).await,
        Rpc::Resign => grpc::answer::<R, ResignRequest, B>(&api, headers, body, remote).await,
        _ => unknown(rpc.path()).into_http(),
    }
}

impl<R: Replica> Call<R> for CampaignRequest {
    const RPC: Rpc = Rpc::Campaign;
    const WAITS: bool = true;
    type Answer = CampaignResponse;

    async fn run(self, api: &Shared<R>) -> Result<CampaignResponse, Error> {
        let entered = Candidate::enter(api, &self.name, self.lease, self.value.clone()).await;
        let candidate = entered.map_err(Error::through_client)?;
        if let Err(unfinished) = stand(api, &candidate, self.value).await {
            candidate.withdraw().await;
            return Err(unfinished.into_error(NOT_LEADER));
        }
        let (header, rev, lease) = (Some(candidate.header), candidate.revision, candidate.lease);
        // The name shares the buffer of the request, which is released with the answer.
        let leader = LeaderKey { name: self.name, key: candidate.keep(), rev, lease };
        Ok(CampaignResponse { header, leader: Some(leader) })
    }
}

/// Waits until the candidate, under whose key is `value`, leads.
async fn stand<R: Replica>(
    api: &Shared<R>,
    candidate: &Candidate<R>,
    value: Bytes,
) -> Result<(), Unfinished> {
    if candidate.found.as_ref().is_some_and(|found| found.value != value) {
        let request = proclamation(candidate.key.clone(), candidate.revision, value, candidate.lease);
        if !api.replica.txn(request).await.map_err(Error::through_client)?.succeeded {
            return Err(Unfinished::Gone);
        }
    }
    candidate.turn(api).await
}

impl<R: Replica> Call<R> for ProclaimRequest {
    const RPC: Rpc = Rpc::Proclaim;
    type Answer = ProclaimResponse;

    async fn run(self, api: &Shared<R>) -> Result<ProclaimResponse, Error> {
        let Some(LeaderKey { key, rev, lease, .. }) = self.leader else { return Err(missing()) };
        let lease = lease_or_new(&api.replica, lease).await.map_err(Error::through_client)?;
        let answer = transact(api, proclamation(key, rev, self.value, lease)).await?;
        if !answer.succeeded {
            return Err(Error::Unknown(NOT_LEADER.into()));
        }
        Ok(ProclaimResponse { header: answer.header })
    }
}

fn proclamation(key: Bytes, revision: i64, value: Bytes, lease: i64) -> TxnRequest {
    let put = PutRequest { key: key.clone(), value, lease, ..PutRequest::default() };
    TxnRequest {
        compare: vec![created_at(key, revision)],
        success: vec![op(Request::RequestPut(put))],
        failure: Vec::new(),
    }
}

impl<R: Replica> Call<R> for ResignRequest {
    const RPC: Rpc = Rpc::Resign;
    type Answer = ResignResponse;

    /// Somebody who does not lead any more has resigned as well.
    async fn run(self, api: &Shared<R>) -> Result<ResignResponse, Error> {
        let Some(LeaderKey { key, rev, .. }) = self.leader else { return Err(missing()) };
        let delete = DeleteRangeRequest { key: key.clone(), ..DeleteRangeRequest::default() };
        let request = TxnRequest {
            compare: vec![created_at(key, rev)],
            success: vec![op(Request::RequestDeleteRange(delete))],
            failure: Vec::new(),
        };
        Ok(ResignResponse { header: transact(api, request).await?.header })
    }
}

/// Runs a transaction whose key comes from the caller; its answer has the whole header.
async fn transact<R: Replica>(api: &Shared<R>, request: TxnRequest) -> Result<TxnResponse, Error> {
    validate::txn(&request, 1).map_err(Error::through_client)?;
    let mut answer = api.replica.txn(request).await.map_err(Error::through_client)?;
    api.fill(&mut answer.header);
    Ok(answer)
}

impl<R: Replica> Call<R> for LeaderRequest {
    const RPC: Rpc = Rpc::Leader;
    type Answer = LeaderResponse;

    async fn run(self, api: &Shared<R>) -> Result<LeaderResponse, Error> {
        let RangeResponse { header, kvs, .. } = leader(api, &prefix(&self.name), false).await?;
        match kvs.into_iter().next() {
            Some(kv) => Ok(LeaderResponse { header, kv: Some(kv) }),
            None => Err(Error::Unknown(NO_LEADER.into())),
        }
    }
}

/// Reads who leads, with the whole header.
async fn leader<R: Replica>(
    api: &Shared<R>,
    prefix: &Bytes,
    serializable: bool,
) -> Result<RangeResponse, Error> {
    let request = RangeRequest { serializable, ..by_creation(prefix, SortOrder::Ascend) };
    let mut found = api.replica.range(request).await.map_err(Error::through_client)?;
    api.fill(&mut found.header);
    Ok(found)
}

fn missing() -> Error {
    Error::Unknown(MISSING_LEADER_KEY.into())
}
