//! Raised alarms: replicated and stored, and which requests they refuse.

use std::collections::BTreeSet;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use arc_swap::ArcSwap;
use bytes::Bytes;
use etcd_proto::etcdserverpb::alarm_request::AlarmAction;
use etcd_proto::etcdserverpb::{AlarmMember, AlarmRequest, AlarmType, RequestOp, TxnRequest, request_op};
use etcd_proto::prost::Message as _;
use etcd_storage::{Batch, Bucket, Storage};
use tracing::{info, warn};

use crate::envelope::Request;
use crate::outcome::ApplyError;
use crate::v2;

/// The alarms cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AlarmsError {
    /// Storage failed.
    #[error("cannot read the alarms")]
    Read(#[from] etcd_storage::ReadError),
    /// A record is not what this server writes.
    #[error("malformed alarm record {key:02x?}")]
    Malformed {
        /// Of the record.
        key: Vec<u8>,
    },
}

/// The alarms as far as the log was applied; a cheap handle, read from any thread without a lock.
///
/// Only the apply thread changes it. Each alarm is a row of the bucket `alarm`, whose key is the encoded
/// `AlarmMember` and whose value is empty.
///
/// # Source
/// etcd `server/etcdserver/api/v3alarm/alarms.go`, `server/storage/schema/alarm.go`.
#[derive(Debug, Clone, Default)]
pub struct AlarmState(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    raised: ArcSwap<BTreeSet<Alarm>>,
    /// Which kinds are raised at all: what the hot path asks.
    kinds: AtomicU8,
}

/// Kind, then member: the order in which alarms are listed.
type Alarm = (i32, u64);

const NO_SPACE: u8 = 1;
const CORRUPT: u8 = 2;

impl AlarmState {
    /// Every raised alarm, by kind and member.
    pub fn get(&self) -> Vec<AlarmMember> {
        self.0.raised.load().iter().map(on_the_wire).collect()
    }

    /// Whether this member's alarm of this kind is raised.
    pub fn is_raised(&self, member_id: u64, kind: AlarmType) -> bool {
        self.0.raised.load().contains(&(kind as i32, member_id))
    }

    /// Why a raised alarm refuses the request, if one does: alike on every member, since alarms are in the log.
    ///
    /// Without space nothing is taken that needs more of it; what gives space back always is. A cluster whose
    /// members' data differ takes no change at all.
    ///
    /// # Source
    /// etcd `server/etcdserver/apply/apply.go`, `applierV3Capped` and `applierV3Corrupt`. A put in a nested
    /// transaction counts here, too, and so do the v2 keys, which etcd keeps elsewhere.
    pub fn refusal(&self, request: &Request) -> Option<ApplyError> {
        let kinds = self.0.kinds.load(Ordering::Relaxed);
        if kinds == 0 {
            return None;
        }
        if kinds & CORRUPT != 0 && changes_data(request) {
            return Some(ApplyError::Corrupt);
        }
        (kinds & NO_SPACE != 0 && request.needs_space()).then_some(ApplyError::NoSpace)
    }

    pub(crate) fn load(&self, storage: &Storage) -> Result<(), AlarmsError> {
        let mut raised = BTreeSet::new();
        let mut malformed = None;
        storage.range(Bucket::ALARM, Bound::Unbounded, Bound::Unbounded, |key, _| {
            match AlarmMember::decode(key) {
                Ok(alarm) => _ = raised.insert((alarm.alarm, alarm.member_id)),
                Err(_) => malformed = Some(key.to_vec()),
            }
            ControlFlow::Continue(())
        })?;
        if let Some(key) = malformed {
            return Err(AlarmsError::Malformed { key });
        }
        self.show(raised);
        Ok(())
    }

    /// Raises or clears an alarm. Returns it if it was (or is already) raised, or was cleared.
    pub(crate) fn apply(&self, request: &AlarmRequest, batch: &mut Batch) -> Vec<AlarmMember> {
        let alarm = (request.alarm, request.member_id);
        let mut raised = BTreeSet::clone(&self.0.raised.load());
        match AlarmAction::try_from(request.action) {
            Ok(AlarmAction::Activate) if request.alarm != AlarmType::None as i32 => {
                if raised.insert(alarm) {
                    warn!(member_id = request.member_id, alarm = name(request.alarm), "alarm raised");
                    batch.put(Bucket::ALARM, key(&alarm), Bytes::new());
                    self.show(raised);
                }
                vec![on_the_wire(&alarm)]
            }
            Ok(AlarmAction::Deactivate) if raised.remove(&alarm) => {
                info!(member_id = request.member_id, alarm = name(request.alarm), "alarm disarmed");
                batch.delete(Bucket::ALARM, key(&alarm));
                self.show(raised);
                vec![on_the_wire(&alarm)]
            }
            Ok(AlarmAction::Get) => of_kind(self.get(), request.alarm),
            _ => Vec::new(),
        }
    }

    fn show(&self, raised: BTreeSet<Alarm>) {
        let kinds = raised.iter().fold(0, |kinds, (kind, _)| {
            kinds
                | match AlarmType::try_from(*kind) {
                    Ok(AlarmType::Nospace) => NO_SPACE,
                    Ok(AlarmType::Corrupt) => CORRUPT,
                    _ => 0,
                }
        });
        self.0.raised.store(Arc::new(raised));
        self.0.kinds.store(kinds, Ordering::Relaxed);
    }
}

fn of_kind(mut alarms: Vec<AlarmMember>, kind: i32) -> Vec<AlarmMember> {
    alarms.retain(|alarm| kind == AlarmType::None as i32 || kind == alarm.alarm);
    alarms
}

fn on_the_wire(alarm: &Alarm) -> AlarmMember {
    AlarmMember { member_id: alarm.1, alarm: alarm.0 }
}

fn key(alarm: &Alarm) -> Vec<u8> {
    on_the_wire(alarm).encode_to_vec()
}

fn name(kind: i32) -> &'static str {
    AlarmType::try_from(kind).map_or("UNKNOWN", |kind| kind.as_str_name())
}

fn changes_data(request: &Request) -> bool {
    match request {
        Request::Put(_)
        | Request::DeleteRange(_)
        | Request::Txn(_)
        | Request::Compaction(_)
        | Request::LeaseGrant(_)
        | Request::LeaseRevoke(_) => true,
        Request::V2(request) => v2::effect(request) != v2::Effect::None,
        _ => false,
    }
}

impl Request {
    /// Whether it may add to what is stored. Without space it is refused, and nothing else is.
    pub fn needs_space(&self) -> bool {
        match self {
            Self::Put(_) | Self::LeaseGrant(_) => true,
            Self::Txn(txn) => has_put(txn),
            Self::V2(request) => v2::effect(request) == v2::Effect::TakesSpace,
            _ => false,
        }
    }
}

fn has_put(txn: &TxnRequest) -> bool {
    txn.success.iter().chain(&txn.failure).any(|RequestOp { request }| match request {
        Some(request_op::Request::RequestPut(_)) => true,
        Some(request_op::Request::RequestTxn(nested)) => has_put(nested),
        _ => false,
    })
}

#[cfg(test)]
mod tests;
