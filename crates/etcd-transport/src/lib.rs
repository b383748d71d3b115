//! etcd's peer protocol: Raft messages between the members of a cluster, wire-compatible with Go etcd 3.4 to 3.7.
//!
//! What it does: keeps two streams open in each direction between each pair of members, posts messages one by one
//! while a stream is missing, transfers databases, probes peers, answers `/members` and `/version`, and refuses
//! whoever is of another cluster, removed or too old. What it does not: understand Raft, decide who is a member, or
//! store anything. Those are the owner's part, behind [`Node`].
//!
//! # Invariants
//! - [`Transport::send`] never waits. A message that finds its queue full is dropped and reported: Raft repeats what
//!   matters.
//! - Messages that take the same stream arrive in order, or the stream breaks. Those lost with a stream are reported.
//! - One wake-up of a stream is one write, with everything that waited.
//! - Every queue, body, header and wait has a bound, in [`Options`] and [`Limits`].
//! - Bytes from outside end in messages, an error answer or a closed connection, never in a panic.
//!
//! # How to drive it
//! Make a [`Transport`] on a tokio runtime, [`serve`] its [`Transport::router`] on each peer listener, tell it the
//! members with [`Transport::add_peer`], and send. Received messages come to [`Node::receive`] in batches.
//! [`Transport::stop`] ends the streams, so stop it before or while the listener drains. The callbacks of [`Node`]
//! may call the transport again.
//!
//! Questions about leases, which only the leader can answer, go through [`Transport::lease_client`] and arrive at the
//! [`LeaseNode`] behind [`lease_routes`].
//!
//! Before a member exists, [`PeerClient`] asks others about the cluster.
//!
//! # The streams by themselves
//! ```
//! use etcd_membership::MemberId;
//! use etcd_proto::raftpb::Message;
//! use etcd_transport::{Decoder, Encoder, StreamKind};
//!
//! let message = Message { to: 2, from: 1, term: 7, ..Message::default() };
//! let mut encoder = Encoder::new(StreamKind::Message);
//! encoder.encode(&message);
//!
//! let mut decoder = Decoder::new(StreamKind::Message, MemberId::new(2), MemberId::new(1), 1 << 20);
//! let mut messages = Vec::new();
//! while let Some(chunk) = encoder.next_chunk() {
//!     decoder.feed(&chunk, &mut messages)?;
//! }
//! assert_eq!(messages, [message]);
//! # Ok::<(), etcd_transport::DecodeError>(())
//! ```

mod identity;
mod node;
mod options;
mod transport;

mod codec;
mod peer;

mod blocking;
mod client;
mod exchange;
mod handlers;
mod hash_kv;
mod leases;
mod metrics;
mod net;
mod rate;
mod serve;
mod shared;
mod traffic;
mod url;
mod version;

pub use client::{FetchError, PeerClient, Versions};
pub use codec::{DecodeError, Decoder, Encoder, StreamKind};
pub use hash_kv::{HASH_KV_PATH, HashKvAnswer, HashKvError, HashKvHeader, HashKvQuestion};
pub use identity::Identity;
pub use leases::{LeaseClient, LeaseNode, LeaseQuestionError, LeaseRefusal, lease_routes};
pub use node::{Node, ReceiveError, SnapshotSource};
pub use options::Options;
pub use peer::{PeerFailure, PeerStatus};
pub use serve::{Limits, Security, serve};
pub use traffic::{Appends, Sending};
pub use transport::Transport;
pub use url::UrlError;
