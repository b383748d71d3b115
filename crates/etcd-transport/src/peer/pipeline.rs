//! Messages as requests of their own, while there is no stream.
//!
//! # Source
//! etcd `server/etcdserver/api/rafthttp/pipeline.go`.

use std::sync::Arc;

use bytes::Bytes;
use etcd_proto::prost::Message as _;
use etcd_proto::raftpb::{Message, MessageType};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};
use http_body_util::Full;
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, timeout};

use super::Peer;
use crate::exchange::{Exchange, ExchangeError, request};
use crate::url::PeerUrl;

/// One of several workers that share a queue.
pub(super) async fn work(peer: Arc<Peer>, queue: Arc<Mutex<mpsc::Receiver<Message>>>) {
    let mut worker = Worker { peer, open: None };
    loop {
        let next = queue.lock().await.recv().await;
        let Some(message) = next else { return };
        worker.deliver(&message).await;
    }
}

struct Worker {
    peer: Arc<Peer>,
    /// The connection of the message before, if it can be used again.
    open: Option<(PeerUrl, Exchange<Full<Bytes>>)>,
}

impl Worker {
    async fn deliver(&mut self, message: &Message) {
        let body = Bytes::from(message.encode_to_vec());
        let size = body.len() as u64;
        let (url, start) = (self.peer.urls.pick(), Instant::now());
        let outcome = timeout(self.peer.options().request_timeout, self.post(&url, body)).await;
        let outcome = outcome.unwrap_or(Err(ExchangeError::Timeout));
        let peer = &self.peer;
        let snapshot = message.r#type == MessageType::MsgSnap as i32;
        match outcome {
            Ok(()) => {
                peer.status.activate();
                peer.metrics.sent_bytes.inc_by(size);
                peer.sending.succeed(1, start.elapsed());
                if message.r#type == MessageType::MsgApp as i32 {
                    peer.shared.sent_appends.note(1, size, start.into_std());
                }
            }
            Err(error) => {
                self.open = None;
                peer.urls.unreachable(&url);
                peer.status.deactivate("post", url.as_str(), &error.to_string());
                peer.shared.heed(peer.id, &error, false);
                peer.lose();
                peer.sending.fail();
                if snapshot {
                    peer.node().report_snapshot(peer.id, false);
                }
                return;
            }
        }
        if snapshot {
            peer.node().report_snapshot(peer.id, true);
        }
    }

    /// A kept connection may have been closed by the peer in the meantime: one more attempt on a new one.
    /// Raft does not mind a message that comes twice.
    async fn post(&mut self, url: &PeerUrl, body: Bytes) -> Result<(), ExchangeError> {
        let kept = self.open.take().filter(|(known, exchange)| known == url && exchange.is_open());
        if let Some((_, exchange)) = kept {
            match self.post_on(exchange, url, body.clone()).await {
                Err(ExchangeError::Http(_)) => {}
                outcome => return outcome,
            }
        }
        let exchange = Exchange::open(&self.peer.shared.connector(), url).await?;
        self.post_on(exchange, url, body).await
    }

    async fn post_on(
        &mut self,
        mut exchange: Exchange<Full<Bytes>>,
        url: &PeerUrl,
        body: Bytes,
    ) -> Result<(), ExchangeError> {
        let mut request = request(&self.peer.shared, Method::POST, url, "/raft", Full::new(body));
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/protobuf"));
        let response = exchange.send(request).await?;
        if response.status() != StatusCode::NO_CONTENT {
            return Err(exchange.refusal(response).await);
        }
        self.open = Some((url.clone(), exchange));
        Ok(())
    }
}
