//! The v2 API's view of this member.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use etcd_api::v2::{
    Follower, Latency, LeaderInfo, LeaderStats, MembersError, SelfStats, SendCounts, V2, WriteError,
};
use etcd_apply::{ApplyError, AuthState, Request, Response, V2Keys};
use etcd_consensus::{Raft, Role};
use etcd_membership::{Member, MemberId, Urls};
use etcd_proto::etcdserverpb;
use etcd_transport::{Sending, Transport};
use etcd_v2store::{Event, Sink, Stats, View, Watch, WatchId, WatchOptions};
use parking_lot::Mutex;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::errors::{apply_error, unexpected};
use super::{Membership, ServerReplica};

/// A cheap handle.
#[derive(Clone)]
pub(crate) struct ServerV2(Arc<Inner>);

struct Inner {
    name: String,
    keys: V2Keys,
    raft: Raft,
    transport: Transport,
    membership: Membership,
    replica: ServerReplica,
    users: AuthState,
    started: SystemTime,
    /// Who leads, and since when this member knows.
    leader: Mutex<(u64, SystemTime)>,
}

impl ServerV2 {
    pub(crate) fn new(
        name: String,
        keys: V2Keys,
        raft: Raft,
        transport: Transport,
        membership: Membership,
        replica: ServerReplica,
        users: AuthState,
    ) -> Self {
        let started = SystemTime::now();
        let leader = Mutex::new((0, started));
        Self(Arc::new(Inner { name, keys, raft, transport, membership, replica, users, started, leader }))
    }

    pub(crate) fn keys(&self) -> &V2Keys {
        &self.0.keys
    }

    pub(crate) fn replica(&self) -> &ServerReplica {
        &self.0.replica
    }

    /// Takes note of who leads now.
    pub(crate) fn note_leader(&self, leader: u64) {
        let mut noted = self.0.leader.lock();
        if noted.0 != leader {
            *noted = (leader, SystemTime::now());
        }
    }
}

impl V2 for ServerV2 {
    fn refusal(&self) -> Option<&'static str> {
        self.0.users.is_enabled().then_some(
            "the v2 API knows no users and is not served while authentication is enabled; use the v3 API",
        )
    }

    fn view(&self) -> View {
        self.0.keys.view()
    }

    fn watch(
        &self,
        path: &str,
        options: WatchOptions,
        sink: Box<dyn Sink>,
    ) -> Result<Watch, etcd_v2store::Error> {
        self.0.keys.watch(path, options, sink)
    }

    fn unwatch(&self, id: &WatchId) {
        self.0.keys.unwatch(id);
    }

    async fn write(&self, request: etcdserverpb::Request) -> Result<Arc<Event>, WriteError> {
        let (replica, request) = (&self.0.replica, Request::V2(Box::new(request)));
        if !replica.has_space_for(&request) {
            return Err(WriteError::Server(replica.refuse_for_space().await));
        }
        match replica.submit(None, request).await? {
            Ok(Response::V2(event)) => Ok(event),
            Ok(other) => Err(WriteError::Server(unexpected(&other))),
            Err(ApplyError::V2(error)) => Err(WriteError::Store(error)),
            Err(error) => Err(WriteError::Server(apply_error(error))),
        }
    }

    async fn add_member(&self, peer_urls: &Urls) -> Result<Member, MembersError> {
        self.0.membership.add(peer_urls).await
    }

    async fn remove_member(&self, id: MemberId) -> Result<(), MembersError> {
        self.0.membership.remove(id).await
    }

    async fn update_member(&self, id: MemberId, peer_urls: &Urls) -> Result<(), MembersError> {
        self.0.membership.update(id, peer_urls).await
    }

    fn counters(&self) -> (Arc<Stats>, usize) {
        self.0.keys.stats()
    }

    fn self_stats(&self) -> SelfStats {
        let status = self.0.raft.status();
        self.note_leader(status.leader);
        let (leader, since) = *self.0.leader.lock();
        let (sent, received) = self.0.transport.appends();
        let state = if status.role == Role::Leader { "StateLeader" } else { "StateFollower" };
        SelfStats {
            name: self.0.name.clone(),
            id: MemberId::new(status.id).to_string(),
            state: state.to_owned(),
            start_time: rfc3339(self.0.started),
            leader: LeaderInfo {
                leader: if leader == 0 { String::new() } else { MemberId::new(leader).to_string() },
                uptime: go_duration(since.elapsed().unwrap_or_default()),
                start_time: rfc3339(since),
            },
            received: received.count,
            received_per_second: received.messages_per_second,
            received_bytes_per_second: received.bytes_per_second,
            sent: sent.count,
            sent_per_second: sent.messages_per_second,
            sent_bytes_per_second: sent.bytes_per_second,
        }
    }

    async fn leader_stats(&self) -> Option<LeaderStats> {
        let own = self.0.raft.status().id;
        if self.0.raft.status().leader != own {
            return None;
        }
        let progress = self.0.raft.progress().await?;
        let progress: BTreeMap<u64, _> = progress.into_iter().map(|member| (member.id, member)).collect();
        let followers: BTreeMap<String, Follower> = self
            .0
            .transport
            .sending()
            .into_iter()
            .filter_map(|(id, sending)| {
                let member = progress.get(&id.get())?;
                Some((id.to_string(), follower(sending, member.active, member.matched)))
            })
            .collect();
        Some(LeaderStats { leader: MemberId::new(own).to_string(), followers })
    }
}

fn follower(sending: Sending, active: bool, matched: u64) -> Follower {
    let Sending { current, average, deviation, minimum, maximum, success, fail, .. } = sending;
    let latency = Latency { current, average, deviation, minimum, maximum };
    Follower { latency, counts: SendCounts { fail, success }, active, matched }
}

fn rfc3339(time: SystemTime) -> String {
    OffsetDateTime::from(time).format(&Rfc3339).unwrap_or_default()
}

/// As Go prints a duration: `1h2m3.5s`.
fn go_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let rest = (duration - Duration::from_secs(seconds - seconds % 60)).as_secs_f64();
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, minutes) => format!("{minutes}m{rest}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{rest}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_go_writes_them() {
        for (millis, expected) in [(1500, "1.5s"), (61_000, "1m1s"), (7_384_250, "2h3m4.25s")] {
            assert_eq!(go_duration(Duration::from_millis(millis)), expected);
        }
    }
}
