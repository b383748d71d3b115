//! Unary calls, and one server that they are made to.

use std::collections::BTreeMap;

use etcd_proto::etcdserverpb as pb;
use etcd_proto::etcdserverpb::auth_client::AuthClient;
use etcd_proto::etcdserverpb::kv_client::KvClient;
use etcd_proto::etcdserverpb::lease_client::LeaseClient;
use etcd_proto::etcdserverpb::maintenance_client::MaintenanceClient;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

/// Who makes a call: a user's name, or one of the two below.
pub(super) type Actor = &'static str;

/// Makes calls without a token.
pub(super) const NOBODY: Actor = "nobody";
/// Makes calls with a token that nobody gave out.
pub(super) const LIAR: Actor = "liar";

/// What a call came to: its answer without ids, or code and text.
pub(super) type Outcome = Result<Answer, (Code, String)>;

/// One of the two servers, and what it has told each actor.
pub(super) struct Side {
    pub(super) url: String,
    pub(super) channel: Channel,
    tokens: BTreeMap<Actor, String>,
}

macro_rules! calls {
    ($($name:ident($request:ty) -> $response:ty, $client:ident.$method:ident;)*) => {
        /// A call.
        #[derive(Debug, Clone)]
        pub(super) enum Call {
            $($name($request),)*
            KeepAlive(pb::LeaseKeepAliveRequest),
        }

        /// Its answer.
        #[derive(Debug, Clone, PartialEq)]
        pub(super) enum Answer {
            $($name($response),)*
            KeepAlive(pb::LeaseKeepAliveResponse),
        }

        impl Side {
            pub(super) async fn call(&self, actor: Actor, call: &Call) -> Outcome {
                let answer = match call {
                    $(Call::$name(request) => {
                        let answer = $client::new(self.channel.clone())
                            .max_decoding_message_size(64 << 20)
                            .$method(self.request(actor, request.clone()))
                            .await;
                        answer.map(|answer| Answer::$name(answer.into_inner()))
                    })*
                    Call::KeepAlive(request) => self.keep_alive(actor, *request).await.map(Answer::KeepAlive),
                };
                answer.map(Answer::without_ids).map_err(refusal)
            }
        }

        impl Answer {
            fn header(&mut self) -> Option<&mut pb::ResponseHeader> {
                match self {
                    $(Self::$name(answer) => answer.header.as_mut(),)*
                    Self::KeepAlive(answer) => answer.header.as_mut(),
                }
            }
        }
    };
}

calls! {
    Range(pb::RangeRequest) -> pb::RangeResponse, KvClient.range;
    Put(pb::PutRequest) -> pb::PutResponse, KvClient.put;
    Delete(pb::DeleteRangeRequest) -> pb::DeleteRangeResponse, KvClient.delete_range;
    Txn(pb::TxnRequest) -> pb::TxnResponse, KvClient.txn;
    Compact(pb::CompactionRequest) -> pb::CompactionResponse, KvClient.compact;
    Grant(pb::LeaseGrantRequest) -> pb::LeaseGrantResponse, LeaseClient.lease_grant;
    Revoke(pb::LeaseRevokeRequest) -> pb::LeaseRevokeResponse, LeaseClient.lease_revoke;
    TimeToLive(pb::LeaseTimeToLiveRequest) -> pb::LeaseTimeToLiveResponse, LeaseClient.lease_time_to_live;
    Leases(pb::LeaseLeasesRequest) -> pb::LeaseLeasesResponse, LeaseClient.lease_leases;
    HashKv(pb::HashKvRequest) -> pb::HashKvResponse, MaintenanceClient.hash_kv;
    AuthEnable(pb::AuthEnableRequest) -> pb::AuthEnableResponse, AuthClient.auth_enable;
    AuthDisable(pb::AuthDisableRequest) -> pb::AuthDisableResponse, AuthClient.auth_disable;
    UserAdd(pb::AuthUserAddRequest) -> pb::AuthUserAddResponse, AuthClient.user_add;
    UserGet(pb::AuthUserGetRequest) -> pb::AuthUserGetResponse, AuthClient.user_get;
    UserList(pb::AuthUserListRequest) -> pb::AuthUserListResponse, AuthClient.user_list;
    UserDelete(pb::AuthUserDeleteRequest) -> pb::AuthUserDeleteResponse, AuthClient.user_delete;
    UserPassword(pb::AuthUserChangePasswordRequest) -> pb::AuthUserChangePasswordResponse,
        AuthClient.user_change_password;
    UserGrant(pb::AuthUserGrantRoleRequest) -> pb::AuthUserGrantRoleResponse, AuthClient.user_grant_role;
    UserRevoke(pb::AuthUserRevokeRoleRequest) -> pb::AuthUserRevokeRoleResponse, AuthClient.user_revoke_role;
    RoleAdd(pb::AuthRoleAddRequest) -> pb::AuthRoleAddResponse, AuthClient.role_add;
    RoleGet(pb::AuthRoleGetRequest) -> pb::AuthRoleGetResponse, AuthClient.role_get;
    RoleList(pb::AuthRoleListRequest) -> pb::AuthRoleListResponse, AuthClient.role_list;
    RoleDelete(pb::AuthRoleDeleteRequest) -> pb::AuthRoleDeleteResponse, AuthClient.role_delete;
    RoleGrant(pb::AuthRoleGrantPermissionRequest) -> pb::AuthRoleGrantPermissionResponse,
        AuthClient.role_grant_permission;
    RoleRevoke(pb::AuthRoleRevokePermissionRequest) -> pb::AuthRoleRevokePermissionResponse,
        AuthClient.role_revoke_permission;
}

impl Side {
    pub(super) async fn connect(url: String) -> Self {
        let channel = Channel::from_shared(url.clone()).unwrap().connect().await.unwrap();
        let tokens = BTreeMap::from([(LIAR, "AbCdEfGhIjKlMnOp.7".to_owned())]);
        Self { url, channel, tokens }
    }

    /// `message`, with the token of `actor` if it has one.
    pub(super) fn request<T>(&self, actor: Actor, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(etcd_it::DEADLINE);
        if let Some(token) = self.tokens.get(actor) {
            request.metadata_mut().insert("token", MetadataValue::try_from(token).unwrap());
        }
        request
    }

    /// Asks for a token and keeps it; whether it was given.
    pub(super) async fn log_in(&mut self, actor: Actor, password: &str) -> Result<(), (Code, String)> {
        let request = pb::AuthenticateRequest { name: actor.to_owned(), password: password.to_owned() };
        let answer = AuthClient::new(self.channel.clone()).authenticate(Request::new(request)).await;
        let token = answer.map_err(refusal)?.into_inner().token;
        assert!(!token.is_empty(), "{} gives an empty token", self.url);
        self.tokens.insert(actor, token);
        Ok(())
    }

    async fn keep_alive(
        &self,
        actor: Actor,
        request: pb::LeaseKeepAliveRequest,
    ) -> Result<pb::LeaseKeepAliveResponse, Status> {
        let request = self.request(actor, tokio_stream::once(request));
        let mut answers =
            LeaseClient::new(self.channel.clone()).lease_keep_alive(request).await?.into_inner();
        answers.message().await?.ok_or_else(|| Status::ok("no answer"))
    }
}

impl Answer {
    /// The store's revision that it tells.
    pub(super) fn revision(mut self) -> i64 {
        self.header().map_or(0, |header| header.revision)
    }

    /// Leaves out what two clusters never share, and what depends on when one looks.
    fn without_ids(mut self) -> Self {
        if let Some(header) = self.header() {
            *header = pb::ResponseHeader { revision: header.revision, ..pb::ResponseHeader::default() };
        }
        match &mut self {
            // Chosen by the server.
            Self::Grant(answer) if answer.id > super::generate::LAST_LEASE => answer.id = i64::MAX,
            Self::Leases(answer) => {
                let chosen = answer.leases.iter_mut().filter(|lease| lease.id > super::generate::LAST_LEASE);
                chosen.for_each(|lease| lease.id = i64::MAX);
            }
            Self::TimeToLive(answer) => {
                // No lease is shorter.
                if (0..900).contains(&(answer.granted_ttl - answer.ttl)) {
                    answer.ttl = answer.granted_ttl;
                }
                answer.keys.sort();
            }
            _ => {}
        }
        self
    }
}

fn refusal(status: Status) -> (Code, String) {
    (status.code(), status.message().to_owned())
}
