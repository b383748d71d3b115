//! Two members in one process: the first counts, the second sends everything back.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use etcd_membership::{ClusterId, Member, MemberId};
use etcd_proto::raftpb::{Message, MessageType};
use etcd_transport::{Identity, Limits, Node, Options, ReceiveError, Security, Transport, serve};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const ROUNDS: u64 = 10_000;

/// Gives what it receives to a channel.
struct Echo {
    received: mpsc::Sender<Vec<Message>>,
}

#[async_trait]
impl Node for Echo {
    async fn receive(&self, messages: Vec<Message>) -> Result<(), ReceiveError> {
        self.received.send(messages).await.map_err(|_| ReceiveError::Stopped)
    }

    fn is_removed(&self, _id: MemberId) -> bool {
        false
    }

    fn report_unreachable(&self, id: MemberId) {
        tracing::warn!(peer_id = %id, "message lost");
    }

    fn report_snapshot(&self, _id: MemberId, _ok: bool) {}

    fn members(&self) -> Vec<Member> {
        Vec::new()
    }

    fn cluster_version(&self) -> Option<String> {
        None
    }

    fn cluster_id_mismatch(&self, _peer: MemberId, _theirs: ClusterId) {}

    fn removed_by_cluster(&self, _peer: MemberId) {}

    fn store_snapshot(&self, _message: &Message, _database: &mut dyn io::Read) -> io::Result<u64> {
        Err(io::Error::other("this example keeps nothing"))
    }
}

struct Running {
    transport: Transport,
    url: String,
    received: mpsc::Receiver<Vec<Message>>,
}

async fn start(id: u64) -> io::Result<Running> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let identity = Identity {
        member: MemberId::new(id),
        cluster: ClusterId::new(0xec40),
        server_version: "3.7.0".to_owned(),
        min_cluster_version: "3.0.0".to_owned(),
        peer_urls: vec![url.clone()],
    };
    let (sender, received) = mpsc::channel(16);
    let node = Arc::new(Echo { received: sender });
    let transport = Transport::new(identity, node, Options::default(), &mut Registry::default());
    tokio::spawn(serve(
        listener,
        transport.router(),
        Security::Plain,
        Limits::default(),
        std::future::pending(),
    ));
    Ok(Running { transport, url, received })
}

fn ping(from: u64, to: u64, index: u64) -> Message {
    Message { r#type: MessageType::MsgHeartbeat as i32, from, to, term: 1, index, ..Message::default() }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().init();

    let (mut one, mut two) = (start(1).await?, start(2).await?);
    one.transport.add_peer(MemberId::new(2), std::slice::from_ref(&two.url))?;
    two.transport.add_peer(MemberId::new(1), std::slice::from_ref(&one.url))?;
    let answering = two.transport.clone();
    tokio::spawn(async move {
        while let Some(messages) = two.received.recv().await {
            answering.send(messages.iter().map(|message| ping(2, 1, message.index)).collect());
        }
    });

    // Until the streams stand, a message may take another way or be lost.
    while one.transport.peer_status().iter().any(|peer| peer.active_since.is_none()) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let start = Instant::now();
    for index in 0..ROUNDS {
        one.transport.send(vec![ping(1, 2, index)]);
        one.received.recv().await.ok_or("the transport has stopped")?;
    }
    let each = start.elapsed() / u32::try_from(ROUNDS)?;
    tracing::info!(rounds = ROUNDS, each_us = each.as_micros(), "sent to and fro");
    one.transport.stop().await;
    Ok(())
}
