//! `Observe`: a stream of who leads and what the leader proclaims.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;
use etcd_proto::etcdserverpb::{RangeResponse, ResponseHeader};
use etcd_proto::mvccpb::KeyValue;
use etcd_proto::v3electionpb::{LeaderRequest, LeaderResponse};
use etcd_watch::{Filters, Stream, Watch};
use http::{HeaderMap, Response};
use tonic::Status;

use super::leader;
use crate::api::Shared;
use crate::candidate::{Told, end_of, is_deletion, next, prefix, watch};
use crate::grpc::{Body, Outlet, Received, Rpc, receive, refuse};
use crate::{Error, Replica};

/// Answers the call. What is told begins with who leads now, if anybody does.
pub(super) async fn answer<R, B>(api: Shared<R>, headers: &HeaderMap, body: &mut B) -> Response<Body>
where
    R: Replica,
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let begun = Instant::now();
    let ongoing = api.metrics.ongoing(Rpc::Observe);
    let (api, received, found) = match begin(&api, headers, body).await {
        Ok(begun) => begun,
        Err(status) => return refuse(ongoing, status),
    };
    let prefix = prefix(&received.request.name);
    let deadline = received.timeout.and_then(|timeout| begun.checked_add(timeout));
    let (outlet, response) = Outlet::open(ongoing);
    tokio::spawn(async move {
        let ended = tokio::select! {
            Err(error) = follow(&api, &prefix, found, &outlet) => error,
            () = outlet.is_abandoned() => Error::Canceled,
            error = api.ended() => error,
            () = passed(deadline), if deadline.is_some() => Error::DeadlineExceeded,
        };
        outlet.end(ended.into()).await;
    });
    response
}

/// Lets the call in, and reads who leads. Gives what the rest of the call is to use.
async fn begin<R, B>(
    api: &Shared<R>,
    headers: &HeaderMap,
    body: &mut B,
) -> Result<(Shared<R>, Received<LeaderRequest>, RangeResponse), Status>
where
    R: Replica,
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let rules = |_: &LeaderRequest| (false, Rpc::Observe.access());
    let received = receive(api, headers, body, Rpc::Observe, rules).await?;
    let api = api.for_long().await.map_err(Error::through_client)?;
    let found = leader(&api, &prefix(&received.request.name), false).await?;
    Ok((api, received, found))
}

async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

/// Tells who leads, from what was `found` on. Ends only with an error.
///
/// # Source
/// etcd `client/v3/concurrency/election.go` observe. It ends the stream, as if all were well, where this goes on (after
/// a compaction) or says why not.
async fn follow<R: Replica>(
    api: &Shared<R>,
    prefix: &Bytes,
    mut found: RangeResponse,
    outlet: &Outlet,
) -> Result<std::convert::Infallible, Error> {
    loop {
        let revision = found.header.map_or(0, |header| header.revision);
        let stream = api.replica.watch()?;
        let elected = match found.kvs.pop() {
            Some(pair) => Some((revision, pair)),
            None => first_put(&stream, prefix, revision + 1).await?,
        };
        if let Some((revision, pair)) = elected {
            let key = pair.key.clone();
            tell(api, outlet, revision, pair).await?;
            proclamations(api, key, revision + 1, outlet).await?;
        }
        // This member has seen the end of the last leader, so what it has itself is new enough.
        found = leader(api, prefix, true).await?;
    }
}

/// Waits for a candidate, from a revision on at which there was none; none when that is compacted.
async fn first_put(
    stream: &Stream,
    prefix: &Bytes,
    start_revision: i64,
) -> Result<Option<(i64, KeyValue)>, Error> {
    let filters = Filters { no_put: false, no_delete: true };
    let range = Watch { key: prefix.clone(), range_end: end_of(prefix), ..Watch::default() };
    watch(stream, Watch { start_revision, filters, ..range })?;
    match next(stream, &mut VecDeque::new()).await? {
        Told::Compacted(_) => Ok(None),
        Told::Changes(events) => {
            let pair = events.events.first().and_then(|event| event.message().kv.clone());
            // More may have come in the meantime; the first one is told.
            Ok(pair.map(|pair| (pair.mod_revision, pair)))
        }
    }
}

/// Tells what happens to the leader's key, until it is deleted, or something about it may have been missed.
async fn proclamations<R: Replica>(
    api: &Shared<R>,
    key: Bytes,
    start_revision: i64,
    outlet: &Outlet,
) -> Result<(), Error> {
    let stream = api.replica.watch()?;
    watch(&stream, Watch { key, start_revision, ..Watch::default() })?;
    let mut batch = VecDeque::new();
    while let Told::Changes(events) = next(&stream, &mut batch).await? {
        for event in &*events.events {
            if is_deletion(event.message()) {
                return Ok(());
            }
            if let Some(pair) = event.message().kv.clone() {
                tell(api, outlet, events.revision, pair).await?;
            }
        }
    }
    Ok(())
}

async fn tell<R: Replica>(
    api: &Shared<R>,
    outlet: &Outlet,
    revision: i64,
    pair: KeyValue,
) -> Result<(), Error> {
    let mut header = Some(ResponseHeader { revision, ..ResponseHeader::default() });
    api.fill(&mut header);
    outlet.send(&LeaderResponse { header, kv: Some(pair) }).await
}
