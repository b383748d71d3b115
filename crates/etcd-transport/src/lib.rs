//! etcd's peer protocol.

mod blocking;
mod client;
mod codec;
mod exchange;
mod handlers;
mod identity;
mod metrics;
mod net;
mod node;
mod options;
mod peer;
mod rate;
mod serve;
mod shared;
mod transport;
mod url;
mod version;

pub use client::{FetchError, PeerClient, Versions};
pub use codec::{DecodeError, Decoder, Encoder, StreamKind};
pub use identity::Identity;
pub use node::{Node, ReceiveError, SnapshotSource};
pub use options::Options;
pub use peer::{PeerFailure, PeerStatus};
pub use serve::{Limits, serve};
pub use transport::Transport;
pub use url::UrlError;
