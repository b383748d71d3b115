//! The service `etcdserverpb.Lease`.

mod keep_alive;

use etcd_proto::etcdserverpb::{
    LeaseGrantRequest, LeaseGrantResponse, LeaseLeasesRequest, LeaseLeasesResponse, LeaseRevokeRequest,
    LeaseRevokeResponse, LeaseStatus, LeaseTimeToLiveRequest, LeaseTimeToLiveResponse,
};

use crate::api::Shared;
use crate::grpc::{Call, Rpc};
use crate::{Error, Replica};

pub(crate) use keep_alive::keep_alives;

impl<R: Replica> Call<R> for LeaseGrantRequest {
    const RPC: Rpc = Rpc::LeaseGrant;
    type Answer = LeaseGrantResponse;

    async fn run(self, api: &Shared<R>) -> Result<LeaseGrantResponse, Error> {
        let mut answer = api.replica.lease_grant(self).await?;
        api.fill(&mut answer.header);
        Ok(answer)
    }
}

impl<R: Replica> Call<R> for LeaseRevokeRequest {
    const RPC: Rpc = Rpc::LeaseRevoke;
    type Answer = LeaseRevokeResponse;

    async fn run(self, api: &Shared<R>) -> Result<LeaseRevokeResponse, Error> {
        let mut answer = api.replica.lease_revoke(self).await?;
        api.fill(&mut answer.header);
        Ok(answer)
    }
}

impl<R: Replica> Call<R> for LeaseTimeToLiveRequest {
    const RPC: Rpc = Rpc::LeaseTimeToLive;
    type Answer = LeaseTimeToLiveResponse;

    /// A lease that does not exist is an answer too: it has -1 seconds to live.
    async fn run(self, api: &Shared<R>) -> Result<LeaseTimeToLiveResponse, Error> {
        let id = self.id;
        let mut answer = match api.replica.lease_time_to_live(self).await {
            Err(Error::LeaseNotFound) => {
                LeaseTimeToLiveResponse { id, ttl: -1, ..LeaseTimeToLiveResponse::default() }
            }
            outcome => outcome?,
        };
        // The leader's answer carries no header, or its own.
        answer.header = None;
        api.fill(&mut answer.header);
        Ok(answer)
    }
}

impl<R: Replica> Call<R> for LeaseLeasesRequest {
    const RPC: Rpc = Rpc::LeaseLeases;
    type Answer = LeaseLeasesResponse;

    async fn run(self, api: &Shared<R>) -> Result<LeaseLeasesResponse, Error> {
        let leases = api.replica.leases().await?.into_iter().map(|id| LeaseStatus { id }).collect();
        let mut header = None;
        api.fill(&mut header);
        Ok(LeaseLeasesResponse { header, leases })
    }
}
