//! Members on loopback whose node writes down what it is told.

use std::collections::HashSet;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use etcd_membership::{ClusterId, Member, MemberId};
use etcd_proto::raftpb::{Entry, Message, MessageType, Snapshot, SnapshotMetadata};
use etcd_transport::{Identity, Limits, Node, Options, ReceiveError, Security, Transport, serve};
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const CLUSTER: ClusterId = ClusterId::new(0x1000);
const DEADLINE: Duration = Duration::from_secs(20);

#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) messages: Vec<Message>,
    pub(crate) unreachable: Vec<MemberId>,
    pub(crate) snapshots: Vec<(MemberId, bool)>,
    pub(crate) mismatches: Vec<(MemberId, ClusterId)>,
    pub(crate) removed_by: Vec<MemberId>,
    /// Size and checksum of databases stored.
    pub(crate) stored: Vec<(u64, u64)>,
    pub(crate) store_errors: Vec<String>,
}

#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) notes: Mutex<Notes>,
    pub(crate) removed: Mutex<HashSet<u64>>,
    /// Do not take messages while this is set.
    pub(crate) blocked: Mutex<bool>,
    /// Fail after this many bytes of a database.
    pub(crate) store_limit: Mutex<Option<u64>>,
    changed: Notify,
}

impl Recorder {
    fn note(&self, change: impl FnOnce(&mut Notes)) {
        change(&mut self.notes.lock());
        self.changed.notify_waiters();
    }

    /// Looks at the notes as they are.
    pub(crate) fn check(&self, look: impl FnOnce(&Notes)) {
        look(&self.notes.lock());
    }

    pub(crate) fn unblock(&self) {
        *self.blocked.lock() = false;
        self.changed.notify_waiters();
    }

    /// Waits until the notes are as wanted.
    pub(crate) async fn until<T>(&self, what: &str, mut look: impl FnMut(&Notes) -> Option<T>) -> T {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                let mut changed = std::pin::pin!(changed);
                changed.as_mut().enable();
                if let Some(found) = look(&self.notes.lock()) {
                    return found;
                }
                changed.await;
            }
        };
        tokio::time::timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
    }
}

#[async_trait]
impl Node for Recorder {
    async fn receive(&self, messages: Vec<Message>) -> Result<(), ReceiveError> {
        assert!(!messages.is_empty());
        loop {
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            if !*self.blocked.lock() {
                break;
            }
            changed.await;
        }
        self.note(|notes| notes.messages.extend(messages));
        Ok(())
    }

    fn is_removed(&self, id: MemberId) -> bool {
        self.removed.lock().contains(&id.get())
    }

    fn report_unreachable(&self, id: MemberId) {
        self.note(|notes| notes.unreachable.push(id));
    }

    fn report_snapshot(&self, id: MemberId, ok: bool) {
        self.note(|notes| notes.snapshots.push((id, ok)));
    }

    fn members(&self) -> Vec<Member> {
        vec![Member {
            id: MemberId::new(1),
            peer_urls: vec!["http://127.0.0.1:2380".to_owned()],
            is_learner: false,
            name: "one".to_owned(),
            client_urls: Vec::new(),
        }]
    }

    fn cluster_version(&self) -> Option<String> {
        Some("3.7.0".to_owned())
    }

    fn cluster_id_mismatch(&self, peer: MemberId, theirs: ClusterId) {
        self.note(|notes| notes.mismatches.push((peer, theirs)));
    }

    fn removed_by_cluster(&self, peer: MemberId) {
        self.note(|notes| notes.removed_by.push(peer));
    }

    fn store_snapshot(&self, _message: &Message, database: &mut dyn Read) -> io::Result<u64> {
        let stored = digest(database, *self.store_limit.lock());
        match &stored {
            Ok((size, sum)) => self.note(|notes| notes.stored.push((*size, *sum))),
            Err(error) => self.note(|notes| notes.store_errors.push(error.to_string())),
        }
        stored.map(|(size, _)| size)
    }
}

/// Size and checksum.
fn digest(reader: &mut dyn Read, limit: Option<u64>) -> io::Result<(u64, u64)> {
    let (mut size, mut sum) = (0_u64, 0_u64);
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            return Ok((size, sum));
        }
        for byte in &buffer[..read] {
            sum = sum.wrapping_mul(31).wrapping_add(u64::from(*byte));
        }
        size += read as u64;
        if limit.is_some_and(|limit| size > limit) {
            return Err(io::Error::other("disk full"));
        }
    }
}

pub(crate) fn sum(bytes: &[u8]) -> u64 {
    digest(&mut &*bytes, None).unwrap().1
}

pub(crate) struct TestMember {
    pub(crate) id: MemberId,
    pub(crate) node: Arc<Recorder>,
    pub(crate) transport: Transport,
    pub(crate) address: SocketAddr,
    pub(crate) registry: Registry,
    drain: CancellationToken,
    serving: JoinHandle<()>,
}

pub(crate) struct Setup {
    pub(crate) id: u64,
    pub(crate) cluster: ClusterId,
    pub(crate) address: SocketAddr,
    pub(crate) options: Options,
    pub(crate) limits: Limits,
    pub(crate) security: Security,
}

impl Setup {
    pub(crate) fn new(id: u64) -> Self {
        Self {
            id,
            cluster: CLUSTER,
            address: "127.0.0.1:0".parse().unwrap(),
            options: Options::default(),
            limits: Limits::default(),
            security: Security::Plain,
        }
    }

    pub(crate) async fn start(self) -> TestMember {
        let listener = TcpListener::bind(self.address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let identity = Identity {
            member: MemberId::new(self.id),
            cluster: self.cluster,
            server_version: "3.7.0".to_owned(),
            min_cluster_version: "3.0.0".to_owned(),
            peer_urls: vec![match self.security {
                Security::Plain => format!("http://{address}"),
                Security::Tls { .. } => format!("https://{address}"),
            }],
        };
        let node = Arc::new(Recorder::default());
        let mut registry = Registry::default();
        let transport =
            Transport::new(identity, Arc::clone(&node) as Arc<dyn Node>, self.options, &mut registry);
        let drain = CancellationToken::new();
        let serving = tokio::spawn(serve(
            listener,
            transport.router(),
            self.security,
            self.limits,
            drain.clone().cancelled_owned(),
        ));
        TestMember { id: MemberId::new(self.id), node, transport, address, registry, drain, serving }
    }
}

impl TestMember {
    pub(crate) async fn start(id: u64) -> Self {
        Setup::new(id).start().await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn knows(&self, other: &Self) {
        self.transport.add_peer(other.id, &[other.url()]).unwrap();
    }

    /// Waits until both streams to the peer carry messages: then nothing takes the pipeline any more.
    pub(crate) async fn connected(&self, other: &Self) {
        self.connected_to(other.id).await;
    }

    pub(crate) async fn connected_to(&self, other: MemberId) {
        let line = format!("etcd_network_peer_sent_bytes_total{{To=\"{other}\"}} ");
        let wait = async {
            loop {
                let metrics = self.metrics();
                let sent = metrics.lines().find_map(|metric| metric.strip_prefix(&line)?.parse::<u64>().ok());
                // Each stream begins with a heartbeat: one byte, and ten bytes.
                if sent.is_some_and(|sent| sent >= 11) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, wait).await.expect("streams did not open");
    }

    pub(crate) fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text
    }

    pub(crate) async fn stop(self) {
        self.transport.stop().await;
        self.drain.cancel();
        self.serving.await.unwrap();
    }
}

/// A port that the kernel connects to and that never says anything, and its URL.
pub(crate) async fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

pub(crate) fn pair(a: &TestMember, b: &TestMember) {
    a.knows(b);
    b.knows(a);
}

/// A message that is told apart by its index.
pub(crate) fn heartbeat(from: u64, to: u64, index: u64) -> Message {
    Message { r#type: MessageType::MsgHeartbeat as i32, from, to, term: 1, index, ..Message::default() }
}

pub(crate) fn append(from: u64, to: u64, index: u64, data: impl Into<Bytes>) -> Message {
    let entry = Entry { term: 1, index: index + 1, data: data.into(), ..Entry::default() };
    Message {
        r#type: MessageType::MsgApp as i32,
        from,
        to,
        term: 1,
        log_term: 1,
        index,
        commit: index,
        entries: vec![entry],
        ..Message::default()
    }
}

pub(crate) fn snapshot(from: u64, to: u64, index: u64) -> Message {
    let metadata = SnapshotMetadata { index, term: 1, conf_state: None };
    Message {
        r#type: MessageType::MsgSnap as i32,
        from,
        to,
        term: 1,
        snapshot: Some(Snapshot { data: Bytes::new(), metadata: Some(metadata) }),
        ..Message::default()
    }
}
