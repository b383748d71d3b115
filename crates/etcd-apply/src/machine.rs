//! Applies committed entries, one after the other.

mod error;
mod keys;
mod surroundings;

use bytes::Bytes;
use etcd_mvcc::{CompactError, Store, WriteTxn, Writer};
use etcd_proto::raftpb::{ConfChange, ConfState, Entry, EntryType};
use etcd_storage::{Bucket, Storage};
use tracing::warn;

pub use self::error::{Fatal, OpenError};
use self::keys::apply_keys;
pub use self::surroundings::{Observer, Reconfigure};
use crate::alarms::AlarmState;
use crate::auth::{AuthEvent, AuthState};
use crate::downgrade::DowngradeState;
use crate::envelope::{DecodeError, Envelope, Request};
use crate::leases::{LeaseWriter, Leases};
use crate::members::{ClusterState, MembershipChange};
use crate::outcome::{ApplyError, Response};
use crate::v2::V2Keys;
use crate::{conf_change, conf_state};

/// How the machine is set up.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The key-value store's own options.
    pub mvcc: etcd_mvcc::Options,
    /// Most learners that a cluster may have.
    pub max_learners: usize,
    /// The rules by which a leader counts the time of leases. They have no influence on what entries do.
    pub leases: etcd_lease::Options,
}

/// The replicated state machine of one member.
pub struct Machine {
    storage: Storage,
    store: Store,
    writer: Writer,
    v2: V2Keys,
    leases: LeaseWriter,
    cluster: ClusterState,
    auth: AuthState,
    alarms: AlarmState,
    downgrade: DowngradeState,
    conf_state: Option<ConfState>,
    max_learners: usize,
    applied: u64,
    term: u64,
}

/// The term of the last entry that was applied; written when it changes.
const TERM_KEY: &[u8] = b"term";

impl Machine {
    /// Reads the state that storage holds.
    ///
    /// # Errors
    /// [`OpenError`] when storage holds something else.
    pub fn open(storage: Storage, cluster: ClusterState, options: Options) -> Result<Self, OpenError> {
        let (store, writer) = Store::open(storage.clone(), options.mvcc)?;
        let v2 = V2Keys::open(&storage)?;
        let mut leases = LeaseWriter::new(Leases::new(options.leases));
        leases.load(&storage, store.take_leases())?;
        cluster.load(&storage)?;
        let auth = AuthState::open(&storage)?;
        let (alarms, downgrade) = (AlarmState::default(), DowngradeState::default());
        alarms.load(&storage)?;
        downgrade.load(&storage)?;
        let conf_state = conf_state::load(&storage)?;
        let applied = storage.durable_mark();
        let term = load_term(&storage)?;
        let max_learners = options.max_learners;
        Ok(Self {
            storage,
            store,
            writer,
            v2,
            leases,
            cluster,
            auth,
            alarms,
            downgrade,
            conf_state,
            max_learners,
            applied,
            term,
        })
    }

    /// The index of the last entry that was applied; after [`Machine::open`], the one that storage holds.
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// The term of that entry.
    pub fn applied_term(&self) -> u64 {
        self.term
    }

    /// Raft's configuration at the applied index; `None` before the first membership change.
    pub fn conf_state(&self) -> Option<&ConfState> {
        self.conf_state.as_ref()
    }

    /// For reading, on any thread.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The users and roles, for reading on any thread.
    pub fn auth(&self) -> &AuthState {
        &self.auth
    }

    /// The raised alarms, for any thread.
    pub fn alarms(&self) -> &AlarmState {
        &self.alarms
    }

    /// The downgrade under way, for any thread.
    pub fn downgrade(&self) -> &DowngradeState {
        &self.downgrade
    }

    /// The v2 keys, for reading and waiting on any thread.
    pub fn v2(&self) -> &V2Keys {
        &self.v2
    }

    /// The leases, for whoever counts their time.
    pub fn leases(&self) -> &Leases {
        self.leases.leases()
    }

    /// Applies one committed entry, unless storage holds it already.
    ///
    /// # Errors
    /// [`Fatal`] when the member must stop.
    pub fn apply(
        &mut self,
        entry: &Entry,
        raft: &mut dyn Reconfigure,
        observer: &mut dyn Observer,
    ) -> Result<(), Fatal> {
        let index = entry.index;
        if index <= self.applied {
            return Ok(());
        }
        if index != self.applied + 1 {
            return Err(Fatal::Gap { index, applied: self.applied });
        }
        match entry.r#type() {
            EntryType::EntryNormal => self.apply_normal(entry, observer)?,
            EntryType::EntryConfChange | EntryType::EntryConfChangeV2 => {
                self.apply_conf_change(entry, raft, observer)?;
            }
        }
        self.applied = index;
        self.term = entry.term;
        Ok(())
    }

    /// Takes over the state that a snapshot put into storage; the snapshot stands at `index`.
    ///
    /// # Errors
    /// [`OpenError`] when storage holds something else.
    pub fn reload(&mut self, index: u64, observer: &mut dyn Observer) -> Result<(), OpenError> {
        self.store.reload()?;
        self.v2.reload(&self.storage)?;
        self.leases.load(&self.storage, self.store.take_leases())?;
        self.cluster.load(&self.storage)?;
        self.auth.reload(&self.storage)?;
        // Who logged in or out while this member did not look is not known.
        observer.tokens_changed(AuthEvent::AllRevoked);
        self.alarms.load(&self.storage)?;
        self.downgrade.load(&self.storage)?;
        self.conf_state = conf_state::load(&self.storage)?;
        self.term = load_term(&self.storage)?;
        self.applied = index;
        observer.membership_changed(MembershipChange::Replaced);
        observer.leases_changed();
        Ok(())
    }

    fn apply_normal(&mut self, entry: &Entry, observer: &mut dyn Observer) -> Result<(), Fatal> {
        let index = entry.index;
        let mut txn = begin(&mut self.writer, entry, self.term);
        // A new leader opens its term with an empty entry.
        if entry.data.is_empty() {
            return commit(txn, index);
        }
        let envelope = match Envelope::decode(entry.data.clone()) {
            Ok(envelope) => envelope,
            Err(DecodeError::Unknown { field }) => {
                warn!(
                    index,
                    field,
                    "log entry carries a request that this version does not know; it changes nothing here"
                );
                return commit(txn, index);
            }
            Err(source) => {
                Envelope::decode_bare_v2(entry.data.clone()).ok_or(Fatal::Malformed { index, source })?
            }
        };
        let refusal = self.alarms.refusal(&envelope.request);
        let permitted = self.auth.permit(&envelope, &|id| self.leases.keys(id));
        let mut outcome = match &envelope.request {
            _ if permitted.is_err() => permitted.map(|()| Response::Done).map_err(ApplyError::from),
            Request::Auth(request) => self
                .auth
                .apply(request, index, txn.batch(), &mut |event| observer.tokens_changed(event))
                .map_err(ApplyError::from),
            _ if refusal.is_some() => refusal.map_or(Ok(Response::Done), Err),
            Request::Alarm(request) => Ok(Response::Alarms(self.alarms.apply(request, txn.batch()))),
            Request::DowngradeInfoSet(request) => {
                self.downgrade.apply(request, txn.batch());
                Ok(Response::Done)
            }
            Request::ClusterVersionSet(request) => {
                self.cluster.set_version(&request.ver, txn.batch());
                Ok(Response::Done)
            }
            Request::ClusterMemberAttrSet(request) => {
                self.cluster.set_attributes(request, txn.batch());
                Ok(Response::Done)
            }
            Request::V2(request) => self.v2.apply(request, &self.cluster, txn.batch()),
            request => apply_keys(&mut txn, &mut self.leases, request),
        };
        if let Err(ApplyError::Write(source)) = outcome {
            if !source.is_deterministic() {
                return Err(Fatal::Read { index, source });
            }
            outcome = Err(ApplyError::Write(source));
        }
        self.leases.follow(txn.events());
        commit(txn, index)?;
        if matches!(envelope.request, Request::LeaseGrant(_) | Request::LeaseRevoke(_)) {
            observer.leases_changed();
        }
        // That a revision is compacted already is no failure, as in etcd.
        let has_succeeded = matches!(outcome, Ok(_) | Err(ApplyError::Compact(CompactError::Compacted)));
        observer.carried_out(envelope.request.kind(), has_succeeded);
        if envelope.id != 0 {
            observer.applied(envelope.id, outcome);
        }
        Ok(())
    }

    fn apply_conf_change(
        &mut self,
        entry: &Entry,
        raft: &mut dyn Reconfigure,
        observer: &mut dyn Observer,
    ) -> Result<(), Fatal> {
        let index = entry.index;
        let (raft_change, change) =
            conf_change::decode(entry).map_err(|source| Fatal::ConfChange { index, source })?;
        let checked = self.cluster.check(&change, self.max_learners);
        // Raft must count the entry in any case; without a node nothing comes of it.
        let node_id = if checked.is_ok() { raft_change.node_id } else { 0 };
        let id = raft_change.id;
        let state = raft
            .apply_conf_change(ConfChange { node_id, ..raft_change })
            .map_err(|reason| Fatal::Reconfigure { index, reason })?;
        let mut txn = begin(&mut self.writer, entry, self.term);
        conf_state::put(txn.batch(), &state);
        let outcome = checked.map(|()| self.cluster.make(&change, txn.batch()));
        self.conf_state = Some(state);
        commit(txn, index)?;
        let outcome = match outcome {
            Ok(effect) => {
                observer.membership_changed(effect);
                Ok(Response::Members(self.cluster.members()))
            }
            Err(error) => {
                warn!(index, %error, "a membership change was refused");
                Err(ApplyError::Membership(error))
            }
        };
        if id != 0 {
            observer.applied(id, outcome);
        }
        Ok(())
    }
}

fn begin<'a>(writer: &'a mut Writer, entry: &Entry, applied_term: u64) -> WriteTxn<'a> {
    let mut txn = writer.begin(entry.index);
    if entry.term != applied_term {
        txn.batch().put(Bucket::META, TERM_KEY, Bytes::copy_from_slice(&entry.term.to_be_bytes()));
    }
    txn
}

fn load_term(storage: &Storage) -> Result<u64, etcd_storage::ReadError> {
    let stored = storage.get(Bucket::META, TERM_KEY)?;
    let bytes = stored.as_deref().and_then(|term| <[u8; 8]>::try_from(term).ok());
    Ok(bytes.map_or(0, u64::from_be_bytes))
}

fn commit(txn: WriteTxn<'_>, index: u64) -> Result<(), Fatal> {
    txn.commit().map(drop).map_err(|source| Fatal::Storage { index, source })
}

#[cfg(test)]
mod tests;
