//! One watch stream, spoken by hand.

use etcd_it::DEADLINE;
use etcd_proto::etcdserverpb::watch_client::WatchClient;
use etcd_proto::etcdserverpb::watch_request::RequestUnion;
use etcd_proto::etcdserverpb::{
    WatchCancelRequest, WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchResponse,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

pub(super) struct Stream {
    requests: mpsc::Sender<WatchRequest>,
    responses: Streaming<WatchResponse>,
}

impl Stream {
    pub(super) async fn open(url: &str) -> Self {
        let channel = Channel::from_shared(url.to_owned()).unwrap().connect().await.unwrap();
        Self::on(channel, false).await.unwrap()
    }

    /// A stream that begins with a watcher. Go's servers say nothing, not even that there is a stream, before that.
    pub(super) async fn begin(url: &str, create: WatchCreateRequest) -> Self {
        let channel = Channel::from_shared(url.to_owned()).unwrap().connect().await.unwrap();
        let first = WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
        Self::with(channel, false, Some(first)).await.unwrap()
    }

    /// A stream on this connection, which may ask for a leader.
    pub(super) async fn on(channel: Channel, has_leader: bool) -> Result<Self, Status> {
        Self::with(channel, has_leader, None).await
    }

    async fn with(channel: Channel, has_leader: bool, first: Option<WatchRequest>) -> Result<Self, Status> {
        let (requests, receiver) = mpsc::channel(64);
        if let Some(first) = first {
            requests.send(first).await.unwrap();
        }
        let mut request = Request::new(ReceiverStream::new(receiver));
        if has_leader {
            request.metadata_mut().insert("hasleader", MetadataValue::from_static("true"));
        }
        let mut client = WatchClient::new(channel).max_decoding_message_size(64 << 20);
        let responses = client.watch(request).await?.into_inner();
        Ok(Self { requests, responses })
    }

    async fn send(&self, union: RequestUnion) {
        self.requests.send(WatchRequest { request_union: Some(union) }).await.unwrap();
    }

    pub(super) async fn create(&self, create: WatchCreateRequest) {
        self.send(RequestUnion::CreateRequest(create)).await;
    }

    pub(super) async fn cancel(&self, watch_id: i64) {
        self.send(RequestUnion::CancelRequest(WatchCancelRequest { watch_id })).await;
    }

    pub(super) async fn request_progress(&self) {
        self.send(RequestUnion::ProgressRequest(WatchProgressRequest {})).await;
    }

    /// The next response, or how the stream ended.
    pub(super) async fn outcome(&mut self) -> Result<WatchResponse, Status> {
        let message = tokio::time::timeout(DEADLINE, self.responses.message()).await;
        message.expect("a response in time")?.ok_or_else(|| Status::ok("the end"))
    }

    pub(super) async fn next(&mut self) -> WatchResponse {
        self.outcome().await.unwrap()
    }

    /// Creates a watcher, and takes the answer, which must come next.
    pub(super) async fn created(&mut self, create: WatchCreateRequest) -> WatchResponse {
        self.create(create).await;
        let response = self.next().await;
        assert!(response.created, "{response:?}");
        response
    }

    /// Responses until `count` events have come, in short.
    pub(super) async fn events(&mut self, count: usize) -> Vec<String> {
        let mut events = Vec::new();
        while events.len() < count {
            let response = self.next().await;
            assert!(!response.events.is_empty(), "not events: {response:?}");
            events.extend(response.events.iter().map(show));
        }
        events
    }
}

pub(super) fn key(key: &str) -> WatchCreateRequest {
    WatchCreateRequest { key: key.to_owned().into(), ..WatchCreateRequest::default() }
}

pub(super) fn prefix(prefix: &str) -> WatchCreateRequest {
    let mut end = prefix.as_bytes().to_vec();
    *end.last_mut().unwrap() += 1;
    WatchCreateRequest { range_end: end.into(), ..key(prefix) }
}

/// `5 k=v` for a put in revision 5, `6 k-` for a delete, ` was v` for the previous value.
pub(super) fn show(event: &etcd_proto::mvccpb::Event) -> String {
    let pair = event.kv.clone().unwrap_or_default();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut shown = format!("{} {}", pair.mod_revision, text(&pair.key));
    shown += &if event.r#type == 0 { format!("={}", text(&pair.value)) } else { "-".to_owned() };
    if let Some(previous) = &event.prev_kv {
        shown += &format!(" was {}", text(&previous.value));
    }
    shown
}

/// All of a response, in short.
pub(super) fn show_all(response: &WatchResponse) -> String {
    response.events.iter().map(show).collect::<Vec<_>>().join(", ")
}
