//! Messages arrive, in order, on the way that is open.

use crate::support::{TestMember, append, heartbeat, pair};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_members_exchange_messages_in_order() {
    let (a, b) = (TestMember::start(1).await, TestMember::start(2).await);
    pair(&a, &b);
    a.connected(&b).await;
    b.connected(&a).await;
    for index in 0..500 {
        a.transport.send(vec![append(1, 2, index, vec![7; 256]), heartbeat(1, 2, index)]);
        b.transport.send(vec![heartbeat(2, 1, index)]);
    }
    let got = b
        .node
        .until("1000 messages", |notes| (notes.messages.len() == 1000).then(|| notes.messages.clone()))
        .await;
    let (appends, heartbeats): (Vec<_>, Vec<_>) =
        got.into_iter().partition(|message| !message.entries.is_empty());
    for (index, message) in (0..).zip(appends) {
        assert_eq!(message, append(1, 2, index, vec![7; 256]));
    }
    for (index, message) in (0..).zip(heartbeats) {
        assert_eq!(message, heartbeat(1, 2, index));
    }
    a.node.until("500 messages", |notes| (notes.messages.len() == 500).then_some(())).await;
    assert_eq!(a.node.notes.lock().unreachable, []);
    a.stop().await;
    b.stop().await;
}
