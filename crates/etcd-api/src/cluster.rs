//! The service `etcdserverpb.Cluster`.

use etcd_membership::Member;
use etcd_proto::etcdserverpb::{self, MemberListRequest, MemberListResponse, ResponseHeader};

use crate::api::Shared;
use crate::grpc::{Call, Rpc};
use crate::{Access, Error, Replica};

impl<R: Replica> Call<R> for MemberListRequest {
    const RPC: Rpc = Rpc::MemberList;
    type Answer = MemberListResponse;

    async fn run(self, api: &Shared<R>) -> Result<MemberListResponse, Error> {
        if self.linearizable {
            api.replica.linearize().await?;
        }
        // After the wait, so that users are those of now.
        api.replica.permit(Access::User).await?;
        let standing = api.replica.standing();
        // Headers of this service carry no revision.
        let header = ResponseHeader {
            cluster_id: standing.cluster_id.get(),
            member_id: standing.member_id.get(),
            revision: 0,
            raft_term: standing.term,
        };
        let members = api.replica.members().into_iter().map(on_the_wire).collect();
        Ok(MemberListResponse { header: Some(header), members })
    }
}

fn on_the_wire(member: Member) -> etcdserverpb::Member {
    etcdserverpb::Member {
        id: member.id.get(),
        name: member.name,
        peer_ur_ls: member.peer_urls,
        client_ur_ls: member.client_urls,
        is_learner: member.is_learner,
    }
}
