//! Tells the cluster, through Raft, what this member is called and where clients reach it.

use std::time::Duration;

use etcd_api::Error;
use etcd_apply::Request;
use etcd_membership::MemberId;
use etcd_proto::membershippb::{Attributes, ClusterMemberAttrSetRequest};
use tracing::{info, warn};

use crate::adapters::ServerReplica;

/// Between two attempts that failed at once.
const PAUSE: Duration = Duration::from_millis(100);

/// Publishes until it has worked; then this member has taken part in its cluster.
///
/// # Errors
/// [`Error::Stopped`] when the member stops first.
pub(crate) async fn publish(
    replica: &ServerReplica,
    id: MemberId,
    name: &str,
    client_urls: &[String],
) -> Result<(), Error> {
    let attributes = Attributes { name: name.to_owned(), client_urls: client_urls.to_vec() };
    let request = ClusterMemberAttrSetRequest { member_id: id.get(), member_attributes: Some(attributes) };
    loop {
        match replica.propose(Request::ClusterMemberAttrSet(request.clone())).await {
            Ok(_) => {
                info!(member_id = %id, name, client_urls = client_urls.join(","), "published local member to cluster through raft");
                return Ok(());
            }
            Err(Error::Stopped) => return Err(Error::Stopped),
            Err(Error::NoLeader) => tokio::time::sleep(PAUSE).await,
            Err(error) => {
                warn!(member_id = %id, %error, "cannot publish local member to cluster through raft yet");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
