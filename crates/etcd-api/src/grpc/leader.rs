//! The metadata `hasleader`: calls that make no sense without a leader.

use http::HeaderMap;

use crate::Replica;
use crate::api::Shared;

/// How many election time-outs in a row without a leader end a stream.
///
/// # Source
/// etcd `server/etcdserver/api/v3rpc/interceptor.go` maxNoLeaderCnt.
const PATIENCE: u32 = 3;

/// Whether the client wants the call to fail without a leader.
pub(crate) fn wants_leader(headers: &HeaderMap) -> bool {
    headers.get("hasleader").is_some_and(|value| value == "true")
}

/// Ready when the member has had no leader for so long that streams that want one end.
pub(crate) async fn leader_is_lost<R: Replica>(api: &Shared<R>) {
    let mut without = 0;
    while without < PATIENCE {
        tokio::time::sleep(api.options.election_timeout).await;
        without = if api.replica.standing().leader == 0 { without + 1 } else { 0 };
    }
}
