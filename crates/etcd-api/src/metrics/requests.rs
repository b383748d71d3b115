//! How long requests take, from their arrival to their answer: `etcd_server_request_duration_seconds`.

use std::fmt;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::times::{FROM_1_MS, Times};
use crate::grpc::Rpc;

/// Durations by the kind of request, and whether it has succeeded.
#[derive(Debug)]
pub(crate) struct Requests {
    /// By call; those that have no name here are not measured.
    by_call: Box<[Option<Kind>]>,
    /// Transactions that only read.
    read_only: Kind,
}

#[derive(Debug)]
struct Kind {
    name: &'static str,
    failed: Times,
    succeeded: Times,
}

impl Kind {
    fn new(name: &'static str) -> Self {
        Self { name, failed: Times::new(&FROM_1_MS), succeeded: Times::new(&FROM_1_MS) }
    }
}

impl Default for Requests {
    fn default() -> Self {
        let by_call = Rpc::ALL.iter().map(|rpc| name(*rpc).map(Kind::new)).collect();
        Self { by_call, read_only: Kind::new("ReadonlyTxn") }
    }
}

impl Requests {
    /// Counts a request that is answered.
    pub(crate) fn answered(&self, rpc: Rpc, is_read_only: bool, has_succeeded: bool, took: Duration) {
        let kind = if is_read_only { Some(&self.read_only) } else { self.by_call[rpc as usize].as_ref() };
        if let Some(kind) = kind {
            let times = if has_succeeded { &kind.succeeded } else { &kind.failed };
            times.observe(took);
        }
    }
}

/// # Source
/// etcd `server/etcdserver/v3_server.go`, getRequestType and the callers of requestDurationSec.
const fn name(rpc: Rpc) -> Option<&'static str> {
    Some(match rpc {
        Rpc::Range => "Range",
        Rpc::Put => "Put",
        Rpc::DeleteRange => "DeleteRange",
        Rpc::Txn => "Txn",
        Rpc::Compact => "Compaction",
        Rpc::LeaseGrant => "LeaseGrant",
        Rpc::LeaseRevoke => "LeaseRevoke",
        Rpc::Alarm => "Alarm",
        Rpc::Authenticate => "Authenticate",
        Rpc::AuthEnable => "AuthEnable",
        Rpc::AuthDisable => "AuthDisable",
        Rpc::AuthStatus => "AuthStatus",
        Rpc::UserAdd => "AuthUserAdd",
        Rpc::UserGet => "AuthUserGet",
        Rpc::UserList => "AuthUserList",
        Rpc::UserDelete => "AuthUserDelete",
        Rpc::UserChangePassword => "AuthUserChangePassword",
        Rpc::UserGrantRole => "AuthUserGrantRole",
        Rpc::UserRevokeRole => "AuthUserRevokeRole",
        Rpc::RoleAdd => "AuthRoleAdd",
        Rpc::RoleGet => "AuthRoleGet",
        Rpc::RoleList => "AuthRoleList",
        Rpc::RoleDelete => "AuthRoleDelete",
        Rpc::RoleGrantPermission => "AuthRoleGrantPermission",
        Rpc::RoleRevokePermission => "AuthRoleRevokePermission",
        _ => return None,
    })
}

impl Collector for Requests {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let kinds = self.by_call.iter().flatten().chain([&self.read_only]);
        let family = kinds.flat_map(|kind| {
            let both = [("false", &kind.failed), ("true", &kind.succeeded)];
            let seen = both.into_iter().filter(|(_, times)| times.count() > 0);
            seen.map(|(success, times)| ([("type", kind.name), ("success", success)], times))
        });
        let help = "Response latency distribution in seconds for each type";
        Times::encode_family(&mut encoder, "etcd_server_request_duration_seconds", help, family)
    }
}
