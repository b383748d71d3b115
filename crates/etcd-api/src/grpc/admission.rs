//! The rules that hold for every call, whatever it asks for.

use http::HeaderMap;

use super::wants_leader;
use crate::metrics::Metrics;
use crate::{Error, Standing};

/// What a member in its present standing lets in.
pub(crate) struct Admission<'a> {
    pub(crate) headers: &'a HeaderMap,
    pub(crate) standing: Standing,
    /// Whether a learner serves this call.
    pub(crate) for_learner: bool,
    pub(crate) is_stream: bool,
}

/// Lets a call in, and counts its client's version.
///
/// # Errors
/// `NotSupportedForLearner`, `InvalidClientApiVersion`, `NoLeader`: in this order.
///
/// # Source
/// etcd `server/etcdserver/api/v3rpc/interceptor.go`, `newUnaryInterceptor` and `newStreamInterceptor`.
pub(crate) fn admit(call: &Admission<'_>, metrics: &Metrics) -> Result<(), Error> {
    if call.standing.is_learner && !call.for_learner {
        return Err(Error::NotSupportedForLearner);
    }
    let version = match call.headers.get("client-api-version") {
        Some(value) => std::str::from_utf8(value.as_bytes()).map_err(|_| Error::InvalidClientApiVersion)?,
        None => "unknown",
    };
    metrics.count_client(version, call.is_stream);
    if wants_leader(call.headers) && call.standing.leader == 0 {
        return Err(Error::NoLeader);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
