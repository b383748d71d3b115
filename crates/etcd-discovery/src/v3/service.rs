//! Requests to an etcd cluster: one endpoint at a time, the next one when it fails.

use std::time::Duration;

use etcd_proto::etcdserverpb::auth_client::AuthClient;
use etcd_proto::etcdserverpb::kv_client::KvClient;
use etcd_proto::etcdserverpb::watch_client::WatchClient;
use etcd_proto::etcdserverpb::watch_request::RequestUnion;
use etcd_proto::etcdserverpb::{
    AuthenticateRequest, PutRequest, RangeRequest, RangeResponse, WatchCreateRequest, WatchRequest,
};
use tokio::time::{Instant, timeout, timeout_at};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};

use super::address::Address;
use super::connect::connect;
use crate::error::{DiscoveryError, shorten};
use crate::options::V3Options;
use crate::retry::Failure;

/// A cluster that may have many endpoints.
pub(super) struct Service {
    options: V3Options,
    addresses: Vec<Address>,
    /// Which address comes next.
    next: usize,
    connection: Option<Connection>,
}

#[derive(Clone)]
struct Connection {
    channel: Channel,
    /// What the cluster gave for user and password.
    token: Option<MetadataValue<Ascii>>,
}

impl Connection {
    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("token", token.clone());
        }
        request
    }
}

impl Service {
    pub(super) fn new(options: &V3Options) -> Result<Self, DiscoveryError> {
        let parse = |endpoint: &String| Address::parse(endpoint.trim(), options.tls.is_some());
        let addresses = options.endpoints.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        if addresses.is_empty() {
            return Err(DiscoveryError::InvalidUrl {
                url: String::new(),
                reason: "no endpoint is given".to_owned(),
            });
        }
        Ok(Self { options: options.clone(), addresses, next: 0, connection: None })
    }

    /// All endpoints, for the log.
    pub(super) fn place(&self) -> String {
        let addresses: Vec<String> = self.addresses.iter().map(ToString::to_string).collect();
        addresses.join(",")
    }

    /// A linearizable read.
    pub(super) async fn range(&mut self, request: RangeRequest) -> Result<RangeResponse, Failure> {
        let connection = self.connection().await?;
        let mut client = KvClient::new(connection.channel.clone());
        let limit = self.options.request_timeout;
        let answer = within(limit, client.range(connection.request(request))).await;
        answer.map(Response::into_inner).map_err(|status| self.failed(&status))
    }

    pub(super) async fn put(&mut self, request: PutRequest) -> Result<(), Failure> {
        let connection = self.connection().await?;
        let mut client = KvClient::new(connection.channel.clone());
        let limit = self.options.request_timeout;
        let answer = within(limit, client.put(connection.request(request))).await;
        answer.map(drop).map_err(|status| self.failed(&status))
    }

    /// Ready at the first event from `revision` on, or when `limit` is over.
    pub(super) async fn watch(
        &mut self,
        from: String,
        to: String,
        revision: i64,
        limit: Duration,
    ) -> Result<(), Failure> {
        let connection = self.connection().await?;
        let create = WatchCreateRequest {
            key: from.into(),
            range_end: to.into(),
            start_revision: revision,
            ..WatchCreateRequest::default()
        };
        let request = WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
        match timeout_at(Instant::now() + limit, first_event(&connection, request)).await {
            // Nothing has happened for a while: it is looked whether that is true.
            Err(_) => Ok(()),
            Ok(outcome) => outcome.map_err(|status| self.failed(&status)),
        }
    }

    /// The connection that is there, or a new one to the first endpoint that can be reached.
    async fn connection(&mut self) -> Result<Connection, Failure> {
        if let Some(connection) = &self.connection {
            return Ok(connection.clone());
        }
        let mut reasons = Vec::new();
        for _ in 0..self.addresses.len() {
            let address = &self.addresses[self.next % self.addresses.len()];
            match connect(address, &self.options).await {
                Ok(channel) => {
                    let token = self.authenticate(&channel).await.map_err(|status| self.failed(&status))?;
                    let connection = Connection { channel, token };
                    self.connection = Some(connection.clone());
                    return Ok(connection);
                }
                Err(reason) => reasons.push(format!("{address}: {reason}")),
            }
            self.next = self.next.wrapping_add(1);
        }
        Err(Failure::Passing(reasons.join("; ")))
    }

    async fn authenticate(&self, channel: &Channel) -> Result<Option<MetadataValue<Ascii>>, Status> {
        if self.options.user.is_empty() {
            return Ok(None);
        }
        let request = AuthenticateRequest {
            name: self.options.user.clone(),
            password: self.options.password.expose().to_owned(),
        };
        let mut client = AuthClient::new(channel.clone());
        let answer = within(self.options.request_timeout, client.authenticate(request)).await;
        match answer {
            Ok(answer) => {
                let token = answer.into_inner().token.parse();
                token.map(Some).map_err(|_| Status::internal("the service gave a token that is none"))
            }
            // As etcd's client: a cluster without authentication does not mind.
            Err(status) if status.message() == "etcdserver: authentication is not enabled" => Ok(None),
            Err(status) => Err(status),
        }
    }

    /// What a failed request means; the next one takes another connection.
    fn failed(&mut self, status: &Status) -> Failure {
        self.connection = None;
        self.next = self.next.wrapping_add(1);
        let message = shorten(status.message());
        match status.code() {
            // A token runs out; the next connection has a new one.
            Code::Unauthenticated => Failure::Passing(message),
            Code::InvalidArgument | Code::PermissionDenied => DiscoveryError::Refused { message }.into(),
            Code::Unimplemented | Code::OutOfRange => DiscoveryError::BadEndpoint { reason: message }.into(),
            _ => Failure::Passing(message),
        }
    }
}

async fn within<T>(limit: Duration, answer: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    match timeout(limit, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(Status::deadline_exceeded("context deadline exceeded")),
    }
}

/// Ends also when the server ends the watch, for whatever reason: then it is looked again.
async fn first_event(connection: &Connection, request: WatchRequest) -> Result<(), Status> {
    let (requests, stream) = tokio::sync::mpsc::channel(1);
    let _room_for_one = requests.try_send(request);
    let stream = tokio_stream::wrappers::ReceiverStream::new(stream);
    let mut client = WatchClient::new(connection.channel.clone());
    let mut answers = client.watch(connection.request(stream)).await?.into_inner();
    while let Some(answer) = answers.message().await? {
        if answer.canceled && answer.cancel_reason.contains("permission denied") {
            return Err(Status::permission_denied(answer.cancel_reason));
        }
        if answer.canceled || !answer.events.is_empty() {
            break;
        }
    }
    // Dropped only now: a stream whose requests have ended may be ended by the server.
    drop(requests);
    Ok(())
}
