//! The handle that the owner holds.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use etcd_membership::MemberId;
use etcd_proto::raftpb::Message;
use parking_lot::RwLock;
use prometheus_client::registry::Registry;
use tracing::{debug, info};

use crate::metrics::Metrics;
use crate::node::SnapshotSource;
use crate::peer::{Peer, PeerStatus, Role};
use crate::shared::Shared;
use crate::traffic::{Appends, Sending};
use crate::url::{PeerUrl, UrlError};
use crate::{Identity, Node, Options};

/// Sends Raft messages to peers and hands theirs to a [`Node`]. Cheap to clone; the last clone to go stops it.
///
/// Every method but [`Transport::new`] may be called from any thread, and none of them waits but
/// [`Transport::stop`].
#[derive(Clone)]
pub struct Transport {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) shared: Arc<Shared>,
    /// Replaced as a whole, so that nobody calls the node while holding the lock.
    peers: RwLock<Arc<Peers>>,
}

#[derive(Clone, Default)]
struct Peers {
    stopped: bool,
    members: HashMap<u64, Arc<Peer>>,
    /// Senders that the membership does not contain yet.
    remotes: HashMap<u64, Arc<Peer>>,
}

impl Transport {
    /// Starts without peers; tasks run on the tokio runtime that this is called on.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn new(identity: Identity, node: Arc<dyn Node>, options: Options, registry: &mut Registry) -> Self {
        let metrics = Metrics::register(registry);
        let shared = Arc::new(Shared::new(identity, node, options, metrics));
        Self { inner: Arc::new(Inner { shared, peers: RwLock::default() }) }
    }

    /// Connects to a member; one that is there already is left alone, and so is this member itself.
    ///
    /// # Errors
    /// [`UrlError`] when there is no URL or one is malformed.
    pub fn add_peer(&self, id: MemberId, urls: &[String]) -> Result<(), UrlError> {
        let urls = PeerUrl::parse_all(urls)?;
        let mut guard = self.inner.peers.write();
        let peers = Arc::make_mut(&mut guard);
        let own = id == self.inner.shared.identity.member;
        if own || peers.stopped || peers.members.contains_key(&id.get()) {
            return Ok(());
        }
        if let Some(remote) = peers.remotes.remove(&id.get()) {
            remote.stop();
        }
        let peer = Peer::start(Arc::clone(&self.inner.shared), id, urls, Role::Peer);
        peers.members.insert(id.get(), peer);
        Ok(())
    }

    /// Makes it possible to answer a member that the local membership does not contain yet, as it is for one that
    /// has just joined and still catches up. Nothing is read from it, and at most
    /// [`Options::max_remotes`] are kept.
    ///
    /// # Errors
    /// [`UrlError`] when there is no URL or one is malformed.
    pub fn add_remote(&self, id: MemberId, urls: &[String]) -> Result<(), UrlError> {
        self.inner.add_remote(id, urls)
    }

    /// Gives a member other URLs; connections that stand stay.
    ///
    /// # Errors
    /// [`UrlError`] when there is no URL or one is malformed.
    pub fn update_peer(&self, id: MemberId, urls: &[String]) -> Result<(), UrlError> {
        let urls = PeerUrl::parse_all(urls)?;
        if let Some(peer) = self.inner.peer(id) {
            peer.update(urls);
            info!(peer_id = %id, "updated peer");
        }
        Ok(())
    }

    /// Closes every connection with a member.
    pub fn remove_peer(&self, id: MemberId) {
        let mut guard = self.inner.peers.write();
        let peers = Arc::make_mut(&mut guard);
        for peer in [peers.members.remove(&id.get()), peers.remotes.remove(&id.get())].into_iter().flatten() {
            peer.stop();
        }
    }

    /// Queues each message for the peer it names and returns at once. Messages for nobody are dropped; one that
    /// finds its queue full is dropped and reported by [`Node::report_unreachable`], from this very call.
    ///
    /// Order is kept between messages that take the same stream.
    pub fn send(&self, messages: Vec<Message>) {
        let peers = self.inner.peers();
        let mut touched: Vec<&Arc<Peer>> = Vec::new();
        for message in messages {
            let to = message.to;
            let Some(peer) = peers.members.get(&to).or_else(|| peers.remotes.get(&to)) else {
                debug!(peer_id = %MemberId::new(to), kind = message.r#type, "dropped message for unknown peer");
                continue;
            };
            if !touched.iter().any(|known| Arc::ptr_eq(known, peer)) {
                touched.push(peer);
            }
            peer.push(message);
        }
        for peer in touched {
            peer.wake();
        }
    }

    /// Sends a snapshot message with the database that belongs to it; [`Node::report_snapshot`] tells the outcome.
    /// One at a time to each peer: a second one fails at once.
    pub fn send_snapshot(&self, message: Message, source: Box<dyn SnapshotSource>) {
        let to = MemberId::new(message.to);
        let peer = self.inner.peer(to);
        match peer {
            Some(peer) => peer.send_snapshot(message, source),
            None => self.inner.shared.node.report_snapshot(to, false),
        }
    }

    /// How each member fares, by id.
    pub fn peer_status(&self) -> Vec<PeerStatus> {
        let mut status: Vec<PeerStatus> =
            self.inner.peers().members.values().map(|peer| peer.status()).collect();
        status.sort_by_key(|peer| peer.id);
        status
    }

    /// How sending entries to each member has gone, by id.
    pub fn sending(&self) -> Vec<(MemberId, Sending)> {
        let peers = self.inner.peers();
        let mut sending: Vec<_> =
            peers.members.iter().map(|(id, peer)| (MemberId::new(*id), peer.sending())).collect();
        sending.sort_by_key(|(id, _)| *id);
        sending
    }

    /// Messages with entries that went to other members, and those that came from them.
    pub fn appends(&self) -> (Appends, Appends) {
        let (shared, now) = (&self.inner.shared, Instant::now());
        (shared.sent_appends.read(now), shared.received_appends.read(now))
    }

    /// The routes of the peer port. Add more with [`Router::route`]; a path that nobody serves is answered with 404.
    pub fn router(&self) -> Router {
        crate::handlers::router(Arc::clone(&self.inner))
    }

    /// Closes everything and waits for the tasks to end. Streams that peers read end well.
    pub async fn stop(&self) {
        self.inner.stop();
        self.inner.shared.tasks.close();
        self.inner.shared.tasks.wait().await;
    }
}

impl Inner {
    fn peers(&self) -> Arc<Peers> {
        Arc::clone(&self.peers.read())
    }

    pub(crate) fn peer(&self, id: MemberId) -> Option<Arc<Peer>> {
        self.peers.read().members.get(&id.get()).map(Arc::clone)
    }

    pub(crate) fn add_remote(&self, id: MemberId, urls: &[String]) -> Result<(), UrlError> {
        if self.knows(id) {
            return Ok(());
        }
        let urls = PeerUrl::parse_all(urls)?;
        let mut guard = self.peers.write();
        let peers = Arc::make_mut(&mut guard);
        let known = peers.members.contains_key(&id.get()) || peers.remotes.contains_key(&id.get());
        if peers.stopped || known || id == self.shared.identity.member {
            return Ok(());
        }
        if peers.remotes.len() >= self.shared.options.max_remotes {
            debug!(peer_id = %id, "ignored sender, too many unknown ones");
            return Ok(());
        }
        let remote = Peer::start(Arc::clone(&self.shared), id, urls, Role::Remote);
        peers.remotes.insert(id.get(), remote);
        Ok(())
    }

    fn knows(&self, id: MemberId) -> bool {
        let peers = self.peers.read();
        peers.members.contains_key(&id.get()) || peers.remotes.contains_key(&id.get())
    }

    fn stop(&self) {
        let mut guard = self.peers.write();
        let peers = Arc::make_mut(&mut guard);
        peers.stopped = true;
        let Peers { members, remotes, .. } = peers;
        for (_, peer) in members.drain().chain(remotes.drain()) {
            peer.stop();
        }
        self.shared.cancel.cancel();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}
