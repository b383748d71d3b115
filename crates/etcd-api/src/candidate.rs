//! Who waits for a lock or wants to be elected: one key of a lease below the name of what is waited for.
//!
//! The order of candidates is the order in which their keys were created; the oldest holds the lock, or leads. Whoever
//! waits watches one key, the youngest of those before it, so that a change wakes one candidate and not all of them.
//!
//! A key that nobody waits for any more would keep others waiting until its lease ends. So a candidate that is dropped
//! before it was [kept](Candidate::keep) deletes its key; that covers callers who go away. A token is looked at when a
//! candidate enters: a wait may well last longer, and must not end with a key that its owner may not delete any more.
//!
//! # Source
//! etcd `client/v3/concurrency` (`key.go`, `mutex.go`, `election.go`): the keys and their order, which clients rely on
//! that do the same by themselves.

use std::collections::VecDeque;

use bytes::Bytes;
use etcd_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use etcd_proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use etcd_proto::etcdserverpb::request_op::Request;
use etcd_proto::etcdserverpb::response_op::Response;
use etcd_proto::etcdserverpb::{
    Compare, DeleteRangeRequest, LeaseGrantRequest, PutRequest, RangeRequest, RequestOp, ResponseHeader,
    ResponseOp, TxnRequest, TxnResponse,
};
use etcd_proto::mvccpb::KeyValue;
use etcd_proto::mvccpb::event::EventType;
use etcd_watch::{Events, Filters, Response as Watched, Stream, Watch};
use tokio::runtime::Handle;

use crate::api::Shared;
use crate::{Error, Replica};

/// How long the lease lives, in seconds, that is granted to a caller without one.
const LEASE_SECONDS: i64 = 60;

/// A key in the queue. Dropped, it is deleted, unless it was kept.
pub(crate) struct Candidate<R: Replica> {
    replica: R,
    prefix: Bytes,
    pub(crate) key: Bytes,
    pub(crate) lease: i64,
    /// The revision that created the key.
    pub(crate) revision: i64,
    /// Of the transaction that entered it.
    pub(crate) header: ResponseHeader,
    /// Whether nobody was before it then.
    pub(crate) is_first: bool,
    /// What was found under its key, when it had entered before.
    pub(crate) found: Option<KeyValue>,
    is_kept: bool,
}

/// Why a wait ended without the candidate being the first.
pub(crate) enum Unfinished {
    /// Its key is gone: its lease has ended, or somebody has deleted it.
    Gone,
    Failed(Error),
}

impl Unfinished {
    /// The error, with what the service says of a key that is gone.
    pub(crate) fn into_error(self, gone: &str) -> Error {
        match self {
            Self::Gone => Error::Unknown(gone.into()),
            Self::Failed(error) => error,
        }
    }
}

impl Error {
    /// What becomes of an error of the key-value store in these services: etcd makes their calls through a client of
    /// its own, which leaves of an error nothing but its text.
    ///
    /// # Source
    /// etcd `client/v3/client.go` ContextError: its result is no gRPC status.
    pub(crate) fn through_client(self) -> Self {
        Self::Unknown(self.to_string().into())
    }
}

impl From<Error> for Unfinished {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl<R: Replica> Candidate<R> {
    /// Puts a key of `lease` (0: of a new one) below `name`, if it is not there yet.
    ///
    /// # Errors
    /// Those of a grant and of a transaction.
    pub(crate) async fn enter(api: &Shared<R>, name: &[u8], lease: i64, value: Bytes) -> Result<Self, Error> {
        let (replica, prefix) = (api.replica.clone(), prefix(name));
        // On a task of its own: when the caller goes away meanwhile, its result is dropped, and so the key is deleted.
        let entering = tokio::spawn(enter(replica, prefix, lease, value));
        let mut candidate = entering.await.map_err(|_| Error::Stopped)??;
        let mut header = Some(candidate.header);
        api.fill(&mut header);
        candidate.header = header.unwrap_or_default();
        Ok(candidate)
    }

    /// Waits until nobody is before the candidate.
    pub(crate) async fn turn(&self, api: &Shared<R>) -> Result<(), Unfinished> {
        if self.is_first {
            return Ok(());
        }
        tokio::select! {
            waited = self.wait() => waited,
            error = api.ended() => Err(error.into()),
        }
    }

    /// # Source
    /// etcd `client/v3/concurrency/key.go` waitDeletes. It goes on waiting when the candidate's own key is gone.
    async fn wait(&self) -> Result<(), Unfinished> {
        // Local reads will do: this member has applied the transaction that entered the candidate, so it knows
        // everybody who was before it, and waits for those who have left in the meantime.
        loop {
            let stream = self.replica.watch()?;
            let revision = self.replica.standing().revision;
            let own = watch(&stream, deletion(self.key.clone(), revision + 1))?;
            let _there = self.look(true).await?;
            loop {
                let older = self.replica.range(self.older()).await.map_err(Error::through_client)?;
                let revision = older.header.map_or(0, |header| header.revision);
                let Some(pair) = older.kvs.into_iter().next() else { return Ok(()) };
                let awaited = watch(&stream, deletion(pair.key, revision + 1))?;
                match next_deletion(&stream, own, awaited).await? {
                    Some(id) if id == own => return Err(Unfinished::Gone),
                    Some(_) => _ = stream.cancel(awaited),
                    None => break,
                }
            }
        }
    }

    /// Makes sure, for everybody, that the candidate's key is there; gives the header of that moment.
    pub(crate) async fn confirm(&self) -> Result<Option<ResponseHeader>, Unfinished> {
        self.look(false).await
    }

    async fn look(&self, serializable: bool) -> Result<Option<ResponseHeader>, Unfinished> {
        let request = RangeRequest { key: self.key.clone(), serializable, ..RangeRequest::default() };
        let found = self.replica.range(request).await.map_err(Error::through_client)?;
        match found.kvs.first() {
            Some(pair) if pair.create_revision == self.revision => Ok(found.header),
            _ => Err(Unfinished::Gone),
        }
    }

    /// The youngest of those before it.
    fn older(&self) -> RangeRequest {
        RangeRequest {
            max_create_revision: self.revision - 1,
            serializable: true,
            ..by_creation(&self.prefix, SortOrder::Descend)
        }
    }

    /// Leaves the key where it is from now on.
    pub(crate) fn keep(mut self) -> Bytes {
        self.is_kept = true;
        std::mem::take(&mut self.key)
    }

    /// Deletes the key, and returns when that is done or has failed; the lease takes it away then.
    pub(crate) async fn withdraw(mut self) {
        let request = self.withdrawal();
        // Its outcome makes no difference to the caller.
        let _ended = self.replica.txn(request).await;
        self.is_kept = true;
    }

    fn withdrawal(&self) -> TxnRequest {
        let delete = DeleteRangeRequest { key: self.key.clone(), ..DeleteRangeRequest::default() };
        TxnRequest {
            compare: vec![created_at(self.key.clone(), self.revision)],
            success: vec![op(Request::RequestDeleteRange(delete))],
            failure: Vec::new(),
        }
    }
}

impl<R: Replica> Drop for Candidate<R> {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let (replica, request) = (self.replica.clone(), self.withdrawal());
        drop(runtime.spawn(async move { replica.txn(request).await }));
    }
}

async fn enter<R: Replica>(
    replica: R,
    prefix: Bytes,
    lease: i64,
    value: Bytes,
) -> Result<Candidate<R>, Error> {
    let replica = replica.for_long().await?;
    let lease = lease_or_new(&replica, lease).await?;
    let key = key(&prefix, lease);
    let put = PutRequest { key: key.clone(), value, lease, ..PutRequest::default() };
    let own = RangeRequest { key: key.clone(), ..RangeRequest::default() };
    let first = by_creation(&prefix, SortOrder::Ascend);
    let request = TxnRequest {
        compare: vec![created_at(key.clone(), 0)],
        success: vec![op(Request::RequestPut(put)), op(Request::RequestRange(first.clone()))],
        failure: vec![op(Request::RequestRange(own)), op(Request::RequestRange(first))],
    };
    let TxnResponse { header, succeeded, responses } = replica.txn(request).await?;
    let header = header.unwrap_or_default();
    let mut pairs = responses.into_iter().map(first_pair);
    let (own, first) = (pairs.next().flatten(), pairs.next().flatten());
    let found = own.filter(|_| !succeeded);
    let revision = found.as_ref().map_or(header.revision, |pair| pair.create_revision);
    let is_first = first.is_none_or(|pair| pair.create_revision == revision);
    Ok(Candidate { replica, prefix, key, lease, revision, header, is_first, found, is_kept: false })
}

/// The caller's lease, or a new one.
///
/// # Errors
/// Those of a grant.
pub(crate) async fn lease_or_new<R: Replica>(replica: &R, lease: i64) -> Result<i64, Error> {
    if lease != 0 {
        return Ok(lease);
    }
    Ok(replica.lease_grant(LeaseGrantRequest { ttl: LEASE_SECONDS, id: 0 }).await?.id)
}

/// What every key of `name` begins with.
pub(crate) fn prefix(name: &[u8]) -> Bytes {
    [name, b"/"].concat().into()
}

/// The key of a lease: its number in hexadecimal digits, as Go writes them.
fn key(prefix: &[u8], lease: i64) -> Bytes {
    let sign = if lease < 0 { "-" } else { "" };
    [prefix, format!("{sign}{:x}", lease.unsigned_abs()).as_bytes()].concat().into()
}

/// Asks for the first key below a prefix in the order of creation, or the last one.
pub(crate) fn by_creation(prefix: &Bytes, order: SortOrder) -> RangeRequest {
    RangeRequest {
        key: prefix.clone(),
        range_end: end_of(prefix),
        limit: 1,
        sort_order: order as i32,
        sort_target: SortTarget::Create as i32,
        ..RangeRequest::default()
    }
}

/// Where the keys below a prefix end: it ends with a slash, whose successor is a zero.
pub(crate) fn end_of(prefix: &[u8]) -> Bytes {
    debug_assert_eq!(prefix.last(), Some(&b'/'), "it is a name's prefix");
    [&prefix[..prefix.len().saturating_sub(1)], b"0"].concat().into()
}

/// Holds while the key is the one that was created at `revision`; at 0, while there is none.
pub(crate) fn created_at(key: Bytes, revision: i64) -> Compare {
    Compare {
        result: CompareResult::Equal as i32,
        target: CompareTarget::Create as i32,
        key,
        target_union: Some(TargetUnion::CreateRevision(revision)),
        ..Compare::default()
    }
}

pub(crate) fn op(request: Request) -> RequestOp {
    RequestOp { request: Some(request) }
}

fn first_pair(response: ResponseOp) -> Option<KeyValue> {
    match response.response {
        Some(Response::ResponseRange(range)) => range.kvs.into_iter().next(),
        _ => None,
    }
}

/// A watch for the end of one key.
fn deletion(key: Bytes, start_revision: i64) -> Watch {
    let filters = Filters { no_put: true, no_delete: false };
    Watch { key, start_revision, filters, ..Watch::default() }
}

/// Adds a watcher to a stream of this process.
///
/// # Errors
/// `TooManyRequests` when the member has as many as it may have.
pub(crate) fn watch(stream: &Stream, watch: Watch) -> Result<i64, Error> {
    stream.watch(watch).map_err(|_| Error::TooManyRequests)
}

/// What a watcher of this process is told next.
pub(crate) enum Told {
    Changes(Events),
    /// The watcher with this id is gone: what it was to see first is compacted.
    Compacted(i64),
}

/// Takes the next thing out of what has come, or waits for it.
///
/// # Errors
/// `Stopped` when the member stops.
pub(crate) async fn next(stream: &Stream, batch: &mut VecDeque<Watched>) -> Result<Told, Error> {
    loop {
        match batch.pop_front() {
            Some(Watched::Events(events)) => return Ok(Told::Changes(events)),
            Some(Watched::Compacted { id, .. }) => return Ok(Told::Compacted(id)),
            Some(_) => {}
            None => *batch = stream.batch().await.map_err(|_| Error::Stopped)?,
        }
    }
}

/// Waits until a key of one of two watchers is deleted, and tells whose; none when one of them missed what is
/// compacted.
async fn next_deletion(stream: &Stream, own: i64, awaited: i64) -> Result<Option<i64>, Error> {
    let mut batch = VecDeque::new();
    let mut deleted = None;
    loop {
        match next(stream, &mut batch).await? {
            // What is left of a watcher that was cancelled counts no more.
            Told::Changes(events) if ![own, awaited].contains(&events.id) => {}
            Told::Changes(events) => {
                debug_assert!(events.events.iter().all(|event| is_deletion(event.message())));
                deleted = deleted.filter(|id| *id == own).or(Some(events.id));
            }
            Told::Compacted(id) if [own, awaited].contains(&id) => return Ok(None),
            Told::Compacted(_) => {}
        }
        // All that came together is looked at: the candidate's own end counts more.
        if batch.is_empty() && deleted.is_some() {
            return Ok(deleted);
        }
    }
}

pub(crate) fn is_deletion(event: &etcd_proto::mvccpb::Event) -> bool {
    event.r#type == EventType::Delete as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_etcds_clients() {
        let check = |name: &str, lease, expected: &str| {
            let prefix = prefix(name.as_bytes());
            assert_eq!(key(&prefix, lease), expected);
            let below = by_creation(&prefix, SortOrder::Ascend);
            assert!(below.key <= expected && expected < below.range_end, "{name} {lease}");
        };
        check("my", 0x7c, "my/7c");
        check("", 1, "/1");
        check("a/", i64::MAX, "a//7fffffffffffffff");
        check("n", -0x10, "n/-10");
        assert_eq!(end_of(b"my/"), "my0");
    }
}
