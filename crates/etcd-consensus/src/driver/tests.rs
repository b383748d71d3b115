//! Members in one process, with real threads: logs in memory, a network of handles.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use etcd_proto::prost::Message as _;
use etcd_proto::raftpb;
use etcd_wal::{AppendError, ReleaseError};

use super::log::{Appended, Log, Round};
use super::machine::{ApplyContext, StateMachine, Stop};
use super::options::Options;
use super::outbox::Outbox;
use super::{handle::Raft, start};
use crate::{CoreOptions, Position, RecoveredLog, SubmitError, bootstrap};

/// How long a condition may take to come true.
const PATIENCE: Duration = Duration::from_secs(30);

/// A state: payloads by index, and the configuration.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) applied: Vec<(u64, Bytes)>,
    pub(super) position: Position,
    pub(super) conf_state: raftpb::ConfState,
}

#[derive(Default)]
pub(super) struct Network {
    pub(super) members: RwLock<BTreeMap<u64, Raft>>,
    /// Snapshots under way, by receiver and index.
    received: Mutex<BTreeMap<(u64, u64), State>>,
    pub(super) cut: RwLock<Vec<u64>>,
}

pub(super) struct Wire {
    from: u64,
    network: Arc<Network>,
}

impl Outbox<State> for Wire {
    fn send(&self, messages: Vec<raftpb::Message>) {
        let cut = self.network.cut.read().unwrap().clone();
        let members = self.network.members.read().unwrap();
        for message in messages {
            if cut.contains(&self.from) || cut.contains(&message.to) {
                continue;
            }
            if let Some(member) = members.get(&message.to) {
                let _ = member.step(message);
            }
        }
    }

    fn send_snapshot(&self, message: raftpb::Message, snapshot: State) {
        let to = message.to;
        let index = message.snapshot.as_ref().unwrap().metadata.as_ref().unwrap().index;
        self.network.received.lock().unwrap().insert((to, index), snapshot);
        self.send(vec![message]);
        if let Some(member) = self.network.members.read().unwrap().get(&self.from) {
            member.report_snapshot(to, true);
        }
    }
}

pub(super) struct Machine {
    id: u64,
    network: Arc<Network>,
    pub(super) state: Arc<Mutex<State>>,
    fail_on: Option<Bytes>,
}

impl StateMachine for Machine {
    type Snapshot = State;

    fn apply(&mut self, entries: &[raftpb::Entry], context: &ApplyContext) -> Result<(), Stop> {
        for entry in entries {
            if self.fail_on.as_ref() == Some(&entry.data) {
                return Err(Stop::new("told to fail"));
            }
            if entry.r#type == 1 {
                let change = raftpb::ConfChange::decode(entry.data.clone()).unwrap();
                let state = context.apply_conf_change(change);
                self.state.lock().unwrap().conf_state = state.unwrap_or_else(|_| context.conf_state());
            }
            let mut state = self.state.lock().unwrap();
            assert_eq!(entry.index, state.position.index + 1, "in order and once");
            state.position = Position { index: entry.index, term: entry.term };
            if entry.r#type == 0 && !entry.data.is_empty() {
                state.applied.push((entry.index, entry.data.clone()));
            }
        }
        Ok(())
    }

    fn durable_index(&self) -> u64 {
        self.state.lock().unwrap().position.index
    }

    fn snapshot_for(&mut self, _: u64) -> Result<(raftpb::SnapshotMetadata, State), Stop> {
        let state = self.state.lock().unwrap().clone();
        let conf_state = Some(state.conf_state.clone());
        let Position { index, term } = state.position;
        Ok((raftpb::SnapshotMetadata { conf_state, index, term }, state))
    }

    fn install(&mut self, snapshot: &raftpb::SnapshotMetadata) -> Result<(), Stop> {
        let received = self.network.received.lock().unwrap().remove(&(self.id, snapshot.index));
        *self.state.lock().unwrap() = received.ok_or_else(|| Stop::new("no data"))?;
        Ok(())
    }
}

/// A log that remembers nothing but how often it was synced.
#[derive(Clone, Default)]
pub(super) struct NoLog {
    pub(super) syncs: Arc<AtomicU64>,
    pub(super) marks: Arc<Mutex<Vec<u64>>>,
    fail: bool,
}

impl Log for NoLog {
    fn append(&mut self, _: &[Round<'_>], sync: bool) -> Result<Appended, AppendError> {
        if self.fail {
            return Err(AppendError::Poisoned);
        }
        self.syncs.fetch_add(u64::from(sync), Ordering::Relaxed);
        Ok(Appended { sync: sync.then_some(Duration::ZERO), ..Appended::default() })
    }

    fn save_mark(&mut self, mark: &raftpb::SnapshotMetadata) -> Result<(), AppendError> {
        self.marks.lock().unwrap().push(mark.index);
        Ok(())
    }

    fn release_to(&mut self, _: u64) -> Result<(), ReleaseError> {
        Ok(())
    }
}

pub(super) struct Cluster {
    network: Arc<Network>,
    states: BTreeMap<u64, Arc<Mutex<State>>>,
    logs: BTreeMap<u64, NoLog>,
    fail_on: Option<Bytes>,
}

impl Cluster {
    fn new(members: u64) -> Self {
        let mut cluster =
            Self { network: Arc::default(), states: BTreeMap::new(), logs: BTreeMap::new(), fail_on: None };
        (1..=members).for_each(|id| cluster.start(id, members, NoLog::default()));
        cluster
    }

    /// Starts a member of a cluster that was founded with `members`; zero for one that joins.
    fn start(&mut self, id: u64, members: u64, log: NoLog) {
        let begin = bootstrap((1..=members).map(|id| (id, Bytes::from_static(b"{}"))));
        let founded = RecoveredLog {
            entries: begin.entries,
            hard_state: begin.hard_state,
            conf_state: begin.conf_state,
            ..RecoveredLog::default()
        };
        let recovered = if members == 0 { RecoveredLog::default() } else { founded };
        let state = Arc::new(Mutex::new(State::default()));
        let machine = Machine {
            id,
            network: self.network.clone(),
            state: state.clone(),
            fail_on: self.fail_on.clone(),
        };
        let core = CoreOptions { election_ticks: 10, ..CoreOptions::new(id, id) };
        let options = Options {
            tick: Duration::from_millis(10),
            snapshot_count: 50,
            catch_up_entries: 5,
            ..Options::new(core, 0)
        };
        let wire = Arc::new(Wire { from: id, network: self.network.clone() });
        let raft = start(options, recovered, log.clone(), machine, wire).unwrap();
        self.network.members.write().unwrap().insert(id, raft);
        self.states.insert(id, state);
        self.logs.insert(id, log);
    }

    fn member(&self, id: u64) -> Raft {
        self.network.members.read().unwrap()[&id].clone()
    }

    fn leader(&self) -> Raft {
        let mut found = None;
        until("a leader", || {
            let members = self.network.members.read().unwrap();
            let cut = self.network.cut.read().unwrap();
            let leads =
                |raft: &&Raft| raft.status().leader == raft.status().id && !cut.contains(&raft.status().id);
            found = members.values().find(leads).cloned();
            found.is_some()
        });
        found.unwrap()
    }

    /// Waits until the configuration is so on all of these members. A change is refused while the leader has not
    /// applied the one before, whatever its followers have applied.
    fn until_conf(&self, ids: &[u64], what: &str, holds: impl Fn(&raftpb::ConfState) -> bool) {
        until(what, || ids.iter().all(|id| holds(&self.states[id].lock().unwrap().conf_state)));
    }

    fn payloads(&self, id: u64) -> Vec<Bytes> {
        self.states[&id].lock().unwrap().applied.iter().map(|(_, data)| data.clone()).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let members = std::mem::take(&mut *self.network.members.write().unwrap());
        members.values().for_each(Raft::stop);
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::yield_now();
    }
}

fn payload(n: u32) -> Bytes {
    Bytes::from(format!("payload {n}"))
}

#[tokio::test]
async fn a_single_member_commits_and_serves_reads() {
    let cluster = Cluster::new(1);
    let raft = cluster.leader();
    (0..1000).for_each(|n| raft.propose(payload(n)).unwrap());
    until("1000 entries", || cluster.payloads(1).len() == 1000);
    let index = raft.read_index().await.unwrap();
    assert!(raft.status().applied >= index);
    assert_eq!(cluster.payloads(1), (0..1000).map(payload).collect::<Vec<_>>());
    assert_eq!(raft.metrics().proposals_failed.get(), 0);
}

#[tokio::test]
async fn what_only_a_leader_may_ask_for_is_never_forwarded() {
    let cluster = Cluster::new(3);
    let leader = cluster.leader();
    let follower = cluster.member(leader.status().id % 3 + 1);
    until("a follower that knows", || follower.status().leader == leader.status().id);
    let term = leader.status().term;
    follower.propose_as_leader(payload(0), term).unwrap();
    until("a follower that drops it", || follower.metrics().proposals_failed.get() == 1);
    leader.propose_as_leader(payload(1), term - 1).unwrap();
    leader.propose_as_leader(payload(2), term).unwrap();
    follower.propose(payload(3)).unwrap();
    until("the other two", || cluster.payloads(1).len() == 2 && cluster.payloads(2).len() == 2);
    let mut found = cluster.payloads(leader.status().id);
    found.sort();
    assert_eq!(found, [payload(2), payload(3)]);
    assert_eq!(leader.metrics().proposals_failed.get(), 1);
    assert!(leader.is_ticking());
}

#[tokio::test]
async fn three_members_agree_and_followers_forward() {
    let cluster = Cluster::new(3);
    let leader = cluster.leader();
    let follower = cluster.member(leader.status().id % 3 + 1);
    until("a follower that knows", || follower.status().leader == leader.status().id);
    (0..500).for_each(|n| [&leader, &follower][n as usize % 2].propose(payload(n)).unwrap());
    until("500 entries everywhere", || (1..=3).all(|id| cluster.payloads(id).len() == 500));
    assert_eq!(cluster.payloads(1), cluster.payloads(2));
    assert_eq!(cluster.payloads(1), cluster.payloads(3));
    let readers: Vec<_> = (0..100).map(|_| follower.read_index()).collect();
    for reader in readers {
        assert!(reader.await.unwrap() >= 500);
    }
    let progress = leader.progress().await.unwrap();
    assert_eq!(progress.len(), 3);
    assert_eq!(follower.progress().await, None);
}

#[tokio::test]
async fn a_cut_follower_gets_a_snapshot() {
    let cluster = Cluster::new(3);
    let leader = cluster.leader();
    let lost = leader.status().id % 3 + 1;
    cluster.network.cut.write().unwrap().push(lost);
    for n in 0..600 {
        leader.propose(payload(n)).unwrap();
        if n % 100 == 0 {
            until("an entry", || cluster.payloads(leader.status().id).len() > n as usize);
        }
    }
    until("all entries", || cluster.payloads(leader.status().id).len() == 600);
    until("a mark", || {
        cluster.logs[&leader.status().id].marks.lock().unwrap().iter().any(|mark| *mark > 300)
    });
    cluster.network.cut.write().unwrap().clear();
    until("the lost member", || cluster.payloads(lost).len() == 600);
    until("a mark for the snapshot", || !cluster.logs[&lost].marks.lock().unwrap().is_empty());
    leader.propose(payload(600)).unwrap();
    until("the log again", || cluster.payloads(lost).len() == 601);
}

#[tokio::test]
async fn members_join_and_leave_and_leadership_moves() {
    use raftpb::ConfChangeType as Kind;
    let mut cluster = Cluster::new(3);
    let change =
        |kind: Kind, node_id| raftpb::ConfChange { r#type: kind.into(), node_id, ..Default::default() };
    let leader = cluster.leader();
    cluster.start(4, 0, NoLog::default());
    leader.propose_conf_change(change(Kind::ConfChangeAddLearnerNode, 4)).unwrap();
    let former = leader.status().id;
    cluster.until_conf(&[4, former], "a learner", |conf| conf.learners == [4]);
    leader.propose_conf_change(change(Kind::ConfChangeAddNode, 4)).unwrap();
    cluster.until_conf(&[4, former], "a voter", |conf| conf.voters == [1, 2, 3, 4]);
    leader.transfer_leader(4).await.unwrap();
    until("a new leader", || cluster.member(4).status().leader == 4);
    // A leader refuses changes until it has applied what it found in its log.
    let found = cluster.member(4).status().last_index;
    until("the log of former terms", || cluster.member(4).status().applied >= found);
    cluster.member(4).propose_conf_change(change(Kind::ConfChangeRemoveNode, former)).unwrap();
    cluster.until_conf(&[4], "three voters", |conf| conf.voters.len() == 3);
}

/// What waits in a queue of the raft thread when the thread ends is let go, also while handles remain.
#[tokio::test]
async fn nobody_waits_for_a_member_that_has_stopped() {
    for _ in 0..50 {
        let mut cluster = Cluster::new(0);
        cluster.start(1, 3, NoLog::default());
        let raft = cluster.member(1);
        let stopper = raft.clone();
        let waiting: Vec<_> = (0..20)
            .map(|_| {
                let raft = raft.clone();
                tokio::spawn(async move { (raft.transfer_leader(2).await, raft.read_index().await) })
            })
            .collect();
        tokio::task::spawn_blocking(move || stopper.stop()).await.unwrap();
        for waiter in waiting {
            assert_eq!(waiter.await.unwrap().1, Err(SubmitError::Stopped));
        }
        assert_eq!(raft.transfer_leader(2).await, Err(crate::HandOverError::Stopped));
    }
}

#[tokio::test]
async fn a_broken_log_stops_the_member() {
    let mut cluster = Cluster::new(0);
    cluster.start(1, 1, NoLog { fail: true, ..NoLog::default() });
    let raft = cluster.member(1);
    let mut stopped = raft.stopped();
    stopped.wait_for(Option::is_some).await.unwrap();
    assert_eq!(
        stopped.borrow().as_deref(),
        Some("could not write the log: the write-ahead log has failed before")
    );
    until("the end", || raft.propose(payload(0)) == Err(SubmitError::Stopped));
    assert_eq!(raft.read_index().await, Err(SubmitError::Stopped));
}

#[tokio::test]
async fn a_failing_state_machine_stops_the_member() {
    let mut cluster = Cluster::new(0);
    cluster.fail_on = Some(Bytes::from_static(b"poison"));
    cluster.start(1, 1, NoLog::default());
    let raft = cluster.leader();
    raft.propose(Bytes::from_static(b"poison")).unwrap();
    let mut stopped = raft.stopped();
    stopped.wait_for(Option::is_some).await.unwrap();
    assert_eq!(stopped.borrow().as_deref(), Some("told to fail"));
}

#[tokio::test]
async fn proposals_wait_for_a_leader_within_bounds() {
    let mut cluster = Cluster::new(0);
    cluster.start(1, 3, NoLog::default());
    let raft = cluster.member(1);
    let refused = (0..10_000).find(|n| raft.propose(payload(*n)).is_err());
    assert_eq!(refused, Some(8192));
    assert_eq!(raft.propose(payload(0)), Err(SubmitError::TooManyRequests));
    let mut patient = Box::pin(raft.read_index());
    let waiting = tokio::time::timeout(Duration::from_millis(1), &mut patient).await;
    assert!(waiting.is_err(), "a reader waits as well");
    cluster.start(2, 3, NoLog::default());
    cluster.leader();
    until("what had waited", || cluster.payloads(1).len() == 8192);
    patient.await.unwrap();
}
