//! One peer: its streams, its pipeline, and which of them a message takes.

mod outbox;
mod pipeline;
mod probe;
mod reader;
mod snapshot;
mod status;
mod stream_body;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use etcd_membership::MemberId;
use etcd_proto::raftpb::{Message, MessageType};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use self::outbox::{Outbox, Pushed};
use self::status::Status;
use crate::codec::StreamKind;
use crate::metrics::PeerMetrics;
use crate::node::SnapshotSource;
use crate::shared::Shared;
use crate::traffic::{Sending, SendingLog};
use crate::url::{PeerUrl, UrlPicker};
use crate::{Node, Options};

pub(crate) use self::probe::Health;
pub use self::status::{PeerFailure, PeerStatus};
pub(crate) use self::stream_body::StreamBody;

/// Whether the other side is a member that we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A member: streams, pipeline and probes.
    Peer,
    /// A sender that the local membership does not contain yet: only answers, over the pipeline.
    Remote,
}

pub(crate) struct Peer {
    id: MemberId,
    shared: Arc<Shared>,
    urls: UrlPicker,
    status: Status,
    metrics: PeerMetrics,
    sending: SendingLog,
    msgapp: Outbox,
    message: Outbox,
    pipeline: mpsc::Sender<Message>,
    /// A snapshot is on its way to this peer.
    snapshot: AtomicBool,
    cancel: CancellationToken,
}

impl Peer {
    /// Starts the peer's tasks; `urls` is not empty.
    pub(crate) fn start(shared: Arc<Shared>, id: MemberId, urls: Vec<PeerUrl>, role: Role) -> Arc<Self> {
        let options = &shared.options;
        let metrics = shared.metrics.peer(shared.identity.member, id);
        let (pipeline, posts) = mpsc::channel(options.pipeline_queue);
        let peer = Arc::new(Self {
            id,
            urls: UrlPicker::new(urls),
            status: Status::new(id, metrics.clone()),
            metrics,
            sending: SendingLog::default(),
            msgapp: Outbox::new(options.stream_queue, options.stream_queue_bytes),
            message: Outbox::new(options.stream_queue, options.stream_queue_bytes),
            pipeline,
            snapshot: AtomicBool::new(false),
            cancel: shared.cancel.child_token(),
            shared,
        });
        let posts = Arc::new(tokio::sync::Mutex::new(posts));
        for _ in 0..peer.options().pipeline_workers {
            peer.spawn(pipeline::work(Arc::clone(&peer), Arc::clone(&posts)));
        }
        if role == Role::Peer {
            peer.metrics.known.set(1);
            for kind in [StreamKind::MsgApp, StreamKind::Message] {
                peer.spawn(reader::run(Arc::clone(&peer), kind));
            }
            peer.spawn(probe::run(Arc::clone(&peer)));
        }
        info!(peer_id = %id, urls = ?peer.urls.all(), ?role, "started peer");
        peer
    }

    /// Queues a message without waking anybody; [`Peer::wake`] follows after the last.
    ///
    /// # Source
    /// etcd `server/etcdserver/api/rafthttp/peer.go`, `pick` and `send`.
    pub(crate) fn push(&self, message: Message) {
        let kind = message.r#type;
        let snapshot = kind == MessageType::MsgSnap as i32;
        let append = kind == MessageType::MsgApp as i32;
        let mut message = Some(message);
        let mut pushed = Pushed::Inactive;
        if append {
            pushed = self.msgapp.push(&mut message);
        }
        if pushed == Pushed::Inactive && !snapshot {
            pushed = self.message.push(&mut message);
        }
        if pushed == Pushed::Inactive {
            pushed = self.post(message);
        }
        if pushed != Pushed::Queued {
            debug!(peer_id = %self.id, kind, active = self.status.is_active(), "dropped message, queue is full");
            self.lose();
            if snapshot {
                self.node().report_snapshot(self.id, false);
            }
        }
    }

    /// Queues a message as a request of its own.
    fn post(&self, message: Option<Message>) -> Pushed {
        let Some(message) = message else { return Pushed::Queued };
        if self.pipeline.try_send(message).is_ok() { Pushed::Queued } else { Pushed::Full }
    }

    /// Lets the streams send what was queued.
    pub(crate) fn wake(&self) {
        self.msgapp.wake();
        self.message.wake();
    }

    /// Sends a database behind its message, in a task of its own.
    pub(crate) fn send_snapshot(self: &Arc<Self>, message: Message, source: Box<dyn SnapshotSource>) {
        if self.snapshot.swap(true, Ordering::AcqRel) {
            self.node().report_snapshot(self.id, false);
            return;
        }
        self.spawn(snapshot::send(snapshot::Outcome::new(Arc::clone(self)), message, source));
    }

    pub(crate) fn update(&self, urls: Vec<PeerUrl>) {
        self.urls.update(urls);
    }

    pub(crate) fn stop(&self) {
        self.cancel.cancel();
        self.msgapp.close();
        self.message.close();
        self.metrics.active.set(0);
        self.metrics.known.set(0);
        info!(peer_id = %self.id, "stopped peer");
    }

    pub(crate) fn status(&self) -> PeerStatus {
        self.status.snapshot(self.urls.all())
    }

    pub(crate) fn sending(&self) -> Sending {
        self.sending.read()
    }

    pub(crate) fn metrics(&self) -> &PeerMetrics {
        &self.metrics
    }

    fn options(&self) -> &Options {
        &self.shared.options
    }

    fn node(&self) -> &dyn Node {
        &*self.shared.node
    }

    fn outbox(&self, kind: StreamKind) -> &Outbox {
        match kind {
            StreamKind::Message => &self.message,
            StreamKind::MsgApp => &self.msgapp,
        }
    }

    /// The peer has connected to read a stream.
    fn attach(&self, kind: StreamKind) -> Option<u64> {
        let (generation, lost) = self.outbox(kind).attach()?;
        if lost > 0 {
            self.lose();
        }
        self.status.activate();
        info!(peer_id = %self.id, stream = kind.name(), "peer opened stream");
        Some(generation)
    }

    /// That connection has ended, with `taken` messages that were taken from the queue and never sent.
    fn detach(&self, kind: StreamKind, generation: u64, taken: usize) {
        let Some(lost) = self.outbox(kind).detach(generation) else { return };
        if lost + taken > 0 {
            self.lose();
        }
        self.status.deactivate("write", "", "the peer's stream was closed");
    }

    /// One or more messages will not arrive.
    fn lose(&self) {
        self.metrics.sent_failures.inc();
        self.node().report_unreachable(self.id);
    }

    /// Runs until it ends or the peer is stopped.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let cancel = self.cancel.clone();
        self.shared.spawn(async move {
            cancel.run_until_cancelled(task).await;
        });
    }
}
