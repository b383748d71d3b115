//! A real etcd as the other member of a cluster of two.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use etcd_membership::{ClusterId, MemberId};
use etcd_proto::etcdserverpb::InternalRaftRequest;
use etcd_proto::prost::Message as _;
use etcd_proto::raftpb::{Entry, Message, MessageType};
use etcd_tls::{Acceptor, Tls, auto};
use etcd_transport::{Options, PeerClient, Security};

use crate::raw::ask;
use crate::support::{Setup, TestMember};

const BINARY: &str = "/usr/bin/etcd";
const TOKEN: &str = "compat";
const PATIENCE: Duration = Duration::from_secs(10);

/// A Go etcd and a transport, each of which takes the other for its only peer.
struct Two {
    go: Child,
    go_id: MemberId,
    go_url: String,
    cluster: ClusterId,
    client: SocketAddr,
    ours: TestMember,
    tls: Option<Arc<Tls>>,
    directory: tempfile::TempDir,
}

impl Drop for Two {
    fn drop(&mut self) {
        let _ = self.go.kill();
        let _ = self.go.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
            eprintln!("--- log of etcd ---\n{log}");
        }
    }
}

/// `None`, said loudly, where there is no etcd to test with; a failure in CI.
async fn two() -> Option<Two> {
    start("http").await
}

async fn start(scheme: &str) -> Option<Two> {
    if !Path::new(BINARY).exists() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{BINARY} is missing: install etcd-server");
        eprintln!("\n*** NOT TESTED against Go etcd: there is no {BINARY} ***\n");
        return None;
    }
    // All held until all are known, so that they differ.
    let ports = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [go_peer, client, our_peer] = ports.map(|port| port.local_addr().unwrap());
    let [go_url, our_url] = [go_peer, our_peer].map(|address| format!("{scheme}://{address}"));
    let id = |url: &String| MemberId::derive(std::slice::from_ref(url), TOKEN, None);
    let (go_id, our_id) = (id(&go_url), id(&our_url));
    let cluster = ClusterId::derive([go_id, our_id]);
    let directory = tempfile::tempdir().unwrap();
    let log = File::create(directory.path().join("log")).unwrap();
    let mut command = Command::new(BINARY);
    command.args(["--name", "go", "--logger", "zap", "--initial-cluster-state", "new"]);
    command.arg("--data-dir").arg(directory.path().join("data"));
    command.args(["--initial-cluster-token", TOKEN]);
    command.arg("--initial-cluster").arg(format!("go={go_url},ours={our_url}"));
    command.args(["--listen-peer-urls", &go_url, "--initial-advertise-peer-urls", &go_url]);
    let client_url = format!("http://{client}");
    command.args(["--listen-client-urls", &client_url, "--advertise-client-urls", &client_url]);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    if scheme == "https" {
        command.arg("--peer-auto-tls");
    }
    let go = command.spawn().unwrap();
    let (tls, security) = if scheme == "https" { secure(directory.path()) } else { (None, Security::Plain) };
    let options =
        Options { tls: tls.clone(), probe_interval: Duration::from_millis(50), ..Options::default() };
    let setup = Setup { cluster, options, security, address: our_peer, ..Setup::new(our_id.get()) };
    let ours = setup.start().await;
    ours.transport.add_peer(go_id, std::slice::from_ref(&go_url)).unwrap();
    Some(Two { go, go_id, go_url, cluster, client, ours, tls, directory })
}

/// TLS as with `--peer-auto-tls`.
fn secure(directory: &Path) -> (Option<Arc<Tls>>, Security) {
    let hosts = ["127.0.0.1".to_owned()];
    let pair = auto::ensure(&directory.join("fixtures"), &hosts, 1, SystemTime::now()).unwrap();
    let options = etcd_tls::Options {
        server: Some(pair),
        skip_verify: true,
        server_alpn: vec![b"http/1.1".to_vec()],
        ..etcd_tls::Options::default()
    };
    let tls = Tls::load(options).unwrap();
    let acceptor = Acceptor::new("peer", Arc::clone(&tls), 16);
    (Some(tls), Security::Tls { acceptor, check_addresses: true })
}

impl Two {
    fn message(&self, kind: MessageType, term: u64) -> Message {
        let (to, from) = (self.go_id.get(), self.ours.id.get());
        Message { r#type: kind as i32, to, from, term, ..Message::default() }
    }

    /// Agrees to everything, as the most credulous follower.
    fn agree(&self, message: &Message) -> Option<Message> {
        let answer = |kind| self.message(kind, message.term);
        match MessageType::try_from(message.r#type).ok()? {
            MessageType::MsgVote => Some(answer(MessageType::MsgVoteResp)),
            MessageType::MsgPreVote => Some(answer(MessageType::MsgPreVoteResp)),
            MessageType::MsgHeartbeat => {
                let context = message.context.clone();
                Some(Message { context, ..answer(MessageType::MsgHeartbeatResp) })
            }
            MessageType::MsgApp => {
                let index = message.index + message.entries.len() as u64;
                Some(Message { index, ..answer(MessageType::MsgAppResp) })
            }
            _ => None,
        }
    }

    /// Agrees until the future is ready.
    async fn agree_while<T>(&self, until: impl Future<Output = T>) -> T {
        let agreeing = async {
            let mut seen = 0;
            loop {
                let new = self
                    .ours
                    .node
                    .until("another message", |notes| {
                        (notes.messages.len() > seen).then(|| notes.messages[seen..].to_vec())
                    })
                    .await;
                seen += new.len();
                self.ours.transport.send(new.iter().filter_map(|message| self.agree(message)).collect());
            }
        };
        tokio::select! {
            () = agreeing => unreachable!("it never ends"),
            done = until => done,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_go_leader_replicates_to_us() {
    let Some(two) = two().await else { return };
    replicates_to_us(&two).await;
}

/// Go's automatic certificates have keys on P-521; neither side verifies the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_go_leader_replicates_to_us_over_tls() {
    let Some(two) = start("https").await else { return };
    replicates_to_us(&two).await;
}

async fn replicates_to_us(two: &Two) {
    let value = "v".repeat(20_000);
    let puts = async {
        for n in 0..20 {
            // {"key": base64("kNN"), "value": base64("vvv…")}
            let key = ["azAw", "azAx"][n % 2];
            let body = format!(r#"{{"key":"{key}","value":"{}"}}"#, "dnZ2".repeat(value.len() / 3));
            loop {
                let asked = tokio::net::TcpStream::connect(two.client).await.is_ok();
                if asked && ask(two.client, "POST /v3/kv/put", &[], body.as_bytes()).await.0 == 200 {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await; // between two looks
            }
        }
    };
    two.agree_while(tokio::time::timeout(Duration::from_secs(30), puts)).await.expect("no put succeeded");
    two.ours.node.check(|notes| {
        let mut entries: Vec<&Entry> = notes.messages.iter().flat_map(|message| &message.entries).collect();
        entries.sort_by_key(|entry| (entry.index, entry.term));
        entries.dedup_by_key(|entry| entry.index);
        let keys = entries
            .iter()
            .filter_map(|entry| InternalRaftRequest::decode(entry.data.clone()).ok()?.put)
            .filter(|put| put.value.len() == value.len() / 3 * 3)
            .count();
        assert_eq!(keys, 20, "every put has arrived as an entry");
        assert!(notes.mismatches.is_empty() && notes.removed_by.is_empty());
    });
    assert!(two.ours.transport.peer_status()[0].active_since.is_some());
    let metrics = two.ours.metrics();
    let probes = format!("etcd_network_peer_round_trip_time_seconds_count{{To=\"{}\"}} ", two.go_id);
    assert!(metrics.contains(&probes) && !metrics.contains(&format!("{probes}0\n")), "Go answers probes");

    let client = PeerClient::new(two.tls.clone());
    let (cluster, members) = client.fetch_members(&two.go_url, PATIENCE).await.unwrap();
    assert_eq!((cluster, members.len()), (two.cluster, 2));
    let versions = client.fetch_version(&two.go_url, PATIENCE).await.unwrap();
    assert!(versions.server.starts_with("3."), "{versions:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_go_follower_understands_our_streams() {
    let Some(two) = two().await else { return };
    // Its log begins with one entry of term 1 for each member; ours goes on from there, in a later term.
    let entry = |index, size| Entry { term: 100, index, data: vec![7; size].into(), ..Entry::default() };
    let append = |log_term, index, entries| Message {
        log_term,
        index,
        entries,
        commit: 2,
        ..two.message(MessageType::MsgApp, 100)
    };
    let taken = |index| {
        move |notes: &crate::support::Notes| {
            let kind = MessageType::MsgAppResp as i32;
            let mut answers = notes.messages.iter().filter(|answer| answer.r#type == kind);
            answers.find(|answer| answer.index == index && !answer.reject).map(|_| ())
        }
    };
    let first = async {
        let mut connected = Duration::ZERO;
        loop {
            two.ours.transport.send(vec![append(1, 2, vec![entry(3, 10)])]);
            tokio::time::sleep(Duration::from_millis(50)).await; // between two looks
            connected += Duration::from_millis(50);
            assert!(connected < Duration::from_secs(20), "no answer from Go");
        }
    };
    tokio::select! {
        () = first => {}
        () = two.ours.node.until("the first answer", taken(3)) => {}
    }
    two.ours.connected_to(two.go_id).await;
    // What follows directly takes the short form, the last with payloads that are not copied.
    two.ours.transport.send(vec![
        append(1, 2, vec![entry(3, 10)]),
        append(100, 3, vec![entry(4, 10), entry(5, 0)]),
        append(100, 5, vec![entry(6, 100_000), entry(7, 9000), entry(8, 1)]),
        append(100, 8, vec![]),
    ]);
    two.ours.node.until("the last answer", taken(8)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn go_refuses_strangers_as_we_do() {
    let Some(two) = two().await else { return };
    // Same cluster, unknown id.
    let stranger = Setup { cluster: two.cluster, ..Setup::new(0x77) }.start().await;
    stranger.transport.add_peer(two.go_id, std::slice::from_ref(&two.go_url)).unwrap();
    let told = async {
        loop {
            let failure = stranger.transport.peer_status()[0].last_error.clone();
            if failure.is_some_and(|failure| failure.reason == "the peer does not know this member") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await; // between two looks
        }
    };
    tokio::time::timeout(PATIENCE * 2, told).await.expect("Go accepts strangers");
    stranger.stop().await;
    // Another cluster.
    let other = Setup { cluster: ClusterId::new(0x55), ..Setup::new(0x78) }.start().await;
    other.transport.add_peer(two.go_id, std::slice::from_ref(&two.go_url)).unwrap();
    let told = (two.go_id, two.cluster);
    other.node.until("Go's cluster id", |notes| notes.mismatches.contains(&told).then_some(())).await;
    other.stop().await;
}
