//! A replica of one, in memory: what a consumer of the API supplies, as small as it can be.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use etcd_api::{Error, KeyspaceHash, Maintenance, Replica, ReplicaStatus, Standing};
use etcd_membership::{ClusterId, Member, MemberId};
use etcd_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use etcd_proto::etcdserverpb::request_op::Request;
use etcd_proto::etcdserverpb::response_op::Response;
use etcd_proto::etcdserverpb::{
    AlarmMember, CompactionRequest, CompactionResponse, Compare, DeleteRangeRequest, DeleteRangeResponse,
    PutRequest, PutResponse, RangeRequest, RangeResponse, RequestOp, ResponseHeader, ResponseOp, TxnRequest,
    TxnResponse,
};
use etcd_proto::mvccpb::KeyValue;

/// A cheap handle to the keys and the standing.
#[derive(Clone)]
pub(crate) struct Memory {
    state: Arc<Mutex<State>>,
}

/// Everything a test may turn.
pub(crate) struct State {
    pub(crate) keys: BTreeMap<Bytes, KeyValue>,
    pub(crate) revision: i64,
    pub(crate) leader: u64,
    pub(crate) is_learner: bool,
    pub(crate) alarms: Vec<AlarmMember>,
    /// What every read answers instead.
    pub(crate) read_error: Option<Error>,
    /// Reads and writes of this key wait until this changes.
    pub(crate) stuck_key: Option<Bytes>,
}

/// The only member.
pub(crate) const MEMBER: u64 = 0x8e9e_05c5_2164_694d;
/// Its cluster.
pub(crate) const CLUSTER: u64 = 0xcdf8_18e4_38f1_2d4b;
/// Its term.
pub(crate) const TERM: u64 = 7;

impl Default for Memory {
    fn default() -> Self {
        let state = State {
            keys: BTreeMap::new(),
            revision: 1,
            leader: MEMBER,
            is_learner: false,
            alarms: Vec::new(),
            read_error: None,
            stuck_key: None,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }
}

impl Memory {
    /// The state, to look at or to change.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the state")
    }

    /// Returns once the key is not stuck.
    async fn stick(&self, key: &Bytes) {
        while self.state().stuck_key.as_ref() == Some(key) {
            tokio::time::sleep(Duration::from_millis(1)).await; // between two looks
        }
    }
}

impl State {
    fn inside(&self, key: &Bytes, end: &Bytes) -> Vec<Bytes> {
        let from_key_on = end.as_ref() == b"\0";
        let keys = self.keys.range(key.clone()..).map(|(key, _)| key.clone());
        if end.is_empty() {
            keys.take(1).filter(|found| found == key).collect()
        } else {
            keys.take_while(|found| from_key_on || found < end).collect()
        }
    }

    fn range(&self, request: &RangeRequest) -> RangeResponse {
        let keys = self.inside(&request.key, &request.range_end);
        let limit = usize::try_from(request.limit).ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
        let shown = keys.iter().take(if request.count_only { 0 } else { limit });
        let kvs = shown.filter_map(|key| self.keys.get(key).cloned()).collect();
        RangeResponse { header: self.header(), kvs, more: keys.len() > limit, count: keys.len() as i64 }
    }

    fn put(&mut self, request: PutRequest, revision: i64) -> PutResponse {
        let before = self.keys.get(&request.key).cloned();
        let kv = KeyValue {
            key: request.key.clone(),
            value: request.value,
            create_revision: before.as_ref().map_or(revision, |kv| kv.create_revision),
            mod_revision: revision,
            version: before.as_ref().map_or(1, |kv| kv.version + 1),
            lease: request.lease,
        };
        self.keys.insert(request.key, kv);
        self.revision = revision;
        PutResponse { header: self.header(), prev_kv: before.filter(|_| request.prev_kv) }
    }

    fn delete(&mut self, request: &DeleteRangeRequest, revision: i64) -> DeleteRangeResponse {
        let keys = self.inside(&request.key, &request.range_end);
        let removed: Vec<KeyValue> = keys.iter().filter_map(|key| self.keys.remove(key)).collect();
        if !removed.is_empty() {
            self.revision = revision;
        }
        let deleted = removed.len() as i64;
        let prev_kvs = if request.prev_kv { removed } else { Vec::new() };
        DeleteRangeResponse { header: self.header(), deleted, prev_kvs }
    }

    fn holds(&self, compare: &Compare) -> bool {
        let kv = self.keys.get(&compare.key).cloned().unwrap_or_default();
        let order = match (CompareTarget::try_from(compare.target), &compare.target_union) {
            (Ok(CompareTarget::Value), Some(TargetUnion::Value(value))) => kv.value.cmp(value),
            (Ok(CompareTarget::Version), Some(TargetUnion::Version(version))) => kv.version.cmp(version),
            (Ok(CompareTarget::Create), Some(TargetUnion::CreateRevision(at))) => kv.create_revision.cmp(at),
            (Ok(CompareTarget::Mod), Some(TargetUnion::ModRevision(at))) => kv.mod_revision.cmp(at),
            _ => return false,
        };
        match CompareResult::try_from(compare.result) {
            Ok(CompareResult::Equal) => order.is_eq(),
            Ok(CompareResult::NotEqual) => order.is_ne(),
            Ok(CompareResult::Greater) => order.is_gt(),
            Ok(CompareResult::Less) => order.is_lt(),
            Err(_) => false,
        }
    }

    fn txn(&mut self, request: TxnRequest, revision: i64) -> TxnResponse {
        let succeeded = request.compare.iter().all(|compare| self.holds(compare));
        let branch = if succeeded { request.success } else { request.failure };
        let responses = branch.into_iter().map(|op| self.operation(op, revision)).collect();
        TxnResponse { header: self.header(), succeeded, responses }
    }

    fn operation(&mut self, op: RequestOp, revision: i64) -> ResponseOp {
        let response = op.request.map(|request| match request {
            Request::RequestRange(request) => Response::ResponseRange(self.range(&request)),
            Request::RequestPut(request) => Response::ResponsePut(self.put(request, revision)),
            Request::RequestDeleteRange(request) => {
                Response::ResponseDeleteRange(self.delete(&request, revision))
            }
            Request::RequestTxn(request) => Response::ResponseTxn(self.txn(request, revision)),
        });
        ResponseOp { response }
    }

    fn header(&self) -> Option<ResponseHeader> {
        Some(ResponseHeader { revision: self.revision, ..ResponseHeader::default() })
    }
}

/// Without users.
impl etcd_api::Accounts for Memory {}
impl Maintenance for Memory {}

impl Replica for Memory {
    async fn range(&self, request: RangeRequest) -> Result<RangeResponse, Error> {
        self.stick(&request.key).await;
        let state = self.state();
        match state.read_error.clone() {
            Some(error) => Err(error),
            None => Ok(state.range(&request)),
        }
    }

    async fn put(&self, request: PutRequest) -> Result<PutResponse, Error> {
        self.stick(&request.key).await;
        let mut state = self.state();
        let revision = state.revision + 1;
        Ok(state.put(request, revision))
    }

    async fn delete_range(&self, request: DeleteRangeRequest) -> Result<DeleteRangeResponse, Error> {
        let mut state = self.state();
        let revision = state.revision + 1;
        Ok(state.delete(&request, revision))
    }

    async fn txn(&self, request: TxnRequest) -> Result<TxnResponse, Error> {
        if let Some(compare) = request.compare.first() {
            self.stick(&compare.key).await;
        }
        let mut state = self.state();
        let revision = state.revision + 1;
        Ok(state.txn(request, revision))
    }

    async fn compact(&self, request: CompactionRequest) -> Result<CompactionResponse, Error> {
        let state = self.state();
        if request.revision > state.revision {
            return Err(Error::FutureRevision);
        }
        Ok(CompactionResponse { header: state.header() })
    }

    async fn hash_kv(&self, revision: i64) -> Result<KeyspaceHash, Error> {
        let now = self.state().revision;
        let hash_revision = if revision == 0 { now } else { revision };
        Ok(KeyspaceHash { hash: 42, compact_revision: -1, hash_revision, revision: now })
    }

    async fn linearize(&self) -> Result<(), Error> {
        if self.state().leader == 0 { Err(Error::NoLeader) } else { Ok(()) }
    }

    fn members(&self) -> Vec<Member> {
        vec![Member {
            id: MemberId::new(MEMBER),
            peer_urls: vec!["http://127.0.0.1:2380".to_owned()],
            is_learner: self.state().is_learner,
            name: "memory".to_owned(),
            client_urls: vec!["http://127.0.0.1:2379".to_owned()],
        }]
    }

    fn standing(&self) -> Standing {
        let state = self.state();
        Standing {
            cluster_id: ClusterId::new(CLUSTER),
            member_id: MemberId::new(MEMBER),
            leader: state.leader,
            term: TERM,
            revision: state.revision,
            is_learner: state.is_learner,
        }
    }

    fn status(&self) -> ReplicaStatus {
        ReplicaStatus {
            version: "3.7.0".to_owned(),
            cluster_version: Some("3.7.0".to_owned()),
            storage_version: None,
            index: 12,
            applied_index: 11,
            db_size: 20_480,
            db_in_use: 16_384,
            quota: 2 << 30,
            downgrade_target: None,
            errors: Vec::new(),
        }
    }

    fn alarms(&self) -> Vec<AlarmMember> {
        self.state().alarms.clone()
    }
}
