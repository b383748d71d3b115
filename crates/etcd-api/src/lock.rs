//! The service `v3lockpb.Lock`.

use bytes::Bytes;
use etcd_proto::etcdserverpb::{DeleteRangeRequest, ResponseHeader};
use etcd_proto::v3lockpb::{LockRequest, LockResponse, UnlockRequest, UnlockResponse};
use http::{HeaderMap, Response};

use crate::api::{Shared, unknown};
use crate::candidate::{Candidate, Unfinished};
use crate::grpc::{self, Body, Call, Rpc};
use crate::serve::Remote;
use crate::{Error, Replica, validate};

/// The owner's lease has ended while it waited, or somebody has deleted its key.
const SESSION_EXPIRED: &str = "mutex: session is expired";

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
    let api = &api.lasting(headers);
    match rpc {
        Rpc::Lock => grpc::answer::<R, LockRequest, B>(api, headers, body, remote).await,
        Rpc::Unlock => grpc::answer::<R, UnlockRequest, B>(api, headers, body, remote).await,
        _ => unknown(rpc.path()).into_http(),
    }
}

impl<R: Replica> Call<R> for LockRequest {
    const RPC: Rpc = Rpc::Lock;
    const WAITS: bool = true;
    type Answer = LockResponse;

    async fn run(self, api: &Shared<R>) -> Result<LockResponse, Error> {
        let entered = Candidate::enter(api, &self.name, self.lease, Bytes::new()).await;
        let candidate = entered.map_err(Error::through_client)?;
        match acquire(api, &candidate).await {
            Ok(header) => Ok(LockResponse { header: Some(header), key: candidate.keep() }),
            Err(unfinished) => {
                candidate.withdraw().await;
                Err(unfinished.into_error(SESSION_EXPIRED))
            }
        }
    }
}

/// Waits for the lock.
async fn acquire<R: Replica>(
    api: &Shared<R>,
    candidate: &Candidate<R>,
) -> Result<ResponseHeader, Unfinished> {
    if candidate.is_first {
        return Ok(candidate.header);
    }
    candidate.turn(api).await?;
    // This member may not have heard yet that the lease has ended.
    let mut header = candidate.confirm().await?;
    api.fill(&mut header);
    Ok(header.unwrap_or_default())
}

impl<R: Replica> Call<R> for UnlockRequest {
    const RPC: Rpc = Rpc::Unlock;
    type Answer = UnlockResponse;

    async fn run(self, api: &Shared<R>) -> Result<UnlockResponse, Error> {
        let request = DeleteRangeRequest { key: self.key, ..DeleteRangeRequest::default() };
        validate::delete_range(&request).map_err(Error::through_client)?;
        let deleted = api.replica.delete_range(request).await.map_err(Error::through_client)?;
        let mut header = deleted.header;
        api.fill(&mut header);
        Ok(UnlockResponse { header })
    }
}
