//! Asking a peer for its health: round-trip time and clock difference.
//!
//! # Source
//! etcd `server/etcdserver/api/rafthttp/probing_status.go`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::Empty;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tracing::{debug, warn};

use super::Peer;
use crate::exchange::{Exchange, ExchangeError, request};
use crate::rate::Occasionally;
use crate::url::PeerUrl;

const ANSWER_LIMIT: usize = 4096;
/// Beyond this, leases and logs of two members disagree noticeably.
const CLOCK_DRIFT: Duration = Duration::from_secs(1);

/// What `/raft/probing` answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Health {
    #[serde(rename = "OK")]
    pub(crate) ok: bool,
    #[serde(rename = "Now")]
    pub(crate) now: String,
}

impl Health {
    pub(crate) fn now() -> Self {
        Self { ok: true, now: OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default() }
    }
}

/// Probes the peer until it is stopped.
pub(super) async fn run(peer: Arc<Peer>) {
    let mut ticks = interval(peer.options().probe_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut kept = None;
    let drift = Occasionally::default();
    loop {
        ticks.tick().await;
        let url = peer.urls.pick();
        let probe = timeout(peer.options().request_timeout, probe(&peer, &url, &mut kept)).await;
        match probe.unwrap_or(Err(ExchangeError::Timeout)) {
            Ok((rtt, difference)) => {
                peer.metrics.round_trip.observe(rtt.as_secs_f64());
                if difference > CLOCK_DRIFT && drift.now() {
                    warn!(
                        peer_id = %peer.id,
                        clock_drift_ms = difference.as_millis(),
                        rtt_us = rtt.as_micros(),
                        "clock of peer differs"
                    );
                }
            }
            Err(error) => {
                kept = None;
                debug!(peer_id = %peer.id, url = %url, %error, "probe failed");
            }
        }
    }
}

type Kept = Option<(PeerUrl, Exchange<Empty<Bytes>>)>;

/// Round-trip time, and how far the peer's clock is from ours.
async fn probe(peer: &Peer, url: &PeerUrl, kept: &mut Kept) -> Result<(Duration, Duration), ExchangeError> {
    let mut exchange = match kept.take().filter(|(known, exchange)| known == url && exchange.is_open()) {
        Some((_, exchange)) => exchange,
        None => Exchange::open(&peer.shared.connector(), url).await?,
    };
    let start = Instant::now();
    let request = request(&peer.shared, Method::GET, url, "/raft/probing", Empty::new());
    let response = exchange.send(request).await?;
    let rtt = start.elapsed();
    if response.status() != StatusCode::OK {
        return Err(exchange.refusal(response).await);
    }
    let body = exchange.read(response.into_body(), ANSWER_LIMIT).await?;
    *kept = Some((url.clone(), exchange));
    let health: Health =
        serde_json::from_slice(&body).map_err(|error| ExchangeError::Body(error.to_string()))?;
    let difference = OffsetDateTime::parse(&health.now, &Rfc3339)
        .map(|theirs| (OffsetDateTime::now_utc() - theirs).unsigned_abs())
        .map_or(Duration::ZERO, |difference| difference.saturating_sub(rtt));
    Ok((rtt, difference))
}
