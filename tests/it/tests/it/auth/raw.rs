//! Calls by path, with bytes as they are: for requests that no decent client sends.

use bytes::{Buf as _, BufMut as _, Bytes};
use etcd_proto::etcdserverpb::{AuthenticateRequest, AuthenticateResponse, RangeRequest};
use etcd_proto::prost::Message;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::{AsciiMetadataKey, MetadataMap};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// One connection, with what is said of the caller.
#[derive(Clone)]
pub(crate) struct Raw {
    channel: Channel,
    metadata: MetadataMap,
}

impl Raw {
    pub(crate) async fn connect(url: &str) -> Self {
        let channel = Endpoint::from_shared(url.to_owned()).unwrap().connect().await.unwrap();
        Self { channel, metadata: MetadataMap::new() }
    }

    pub(crate) fn with_token(self, token: &str) -> Self {
        self.with("token", token)
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.metadata.insert(AsciiMetadataKey::from_static(name), value.parse().unwrap());
        self
    }

    pub(crate) async fn log_in(&self, name: &str, password: &str) -> Result<String, Status> {
        let request = AuthenticateRequest { name: name.to_owned(), password: password.to_owned() };
        let answer = self.call("/etcdserverpb.Auth/Authenticate", request.encode_to_vec().into()).await?;
        Ok(AuthenticateResponse::decode(answer.unwrap_or_default()).unwrap().token)
    }

    pub(crate) async fn get(&self, key: &str, serializable: bool) -> Result<(), Status> {
        let request = RangeRequest { key: key.to_owned().into(), serializable, ..RangeRequest::default() };
        self.call("/etcdserverpb.KV/Range", request.encode_to_vec().into()).await.map(drop)
    }

    /// Sends one message, and gives the first one of the answer, if there is one. Fits calls of every shape.
    pub(crate) async fn call(&self, path: &str, message: Bytes) -> Result<Option<Bytes>, Status> {
        let mut grpc = tonic::client::Grpc::new(self.channel.clone());
        grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        // Stays open, for a watch ends with what it is asked by.
        let (sender, requests) = tokio::sync::mpsc::channel(1);
        sender.send(message).await.map_err(|_| Status::internal("nobody sends"))?;
        let stays_open = ["/etcdserverpb.Watch/Watch", "/etcdserverpb.Lease/LeaseKeepAlive"].contains(&path);
        let sender = stays_open.then_some(sender);
        let mut request = Request::new(tokio_stream::wrappers::ReceiverStream::new(requests));
        *request.metadata_mut() = self.metadata.clone();
        request.set_timeout(std::time::Duration::from_secs(30));
        let path = path.parse().map_err(|_| Status::internal("no path"))?;
        let mut answers = grpc.streaming(request, path, Plain).await?.into_inner();
        let first = answers.message().await;
        drop(sender);
        first
    }
}

/// Messages as bytes.
#[derive(Clone, Copy)]
struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
