//! What the parts of a member say is wrong, as clients hear it.

use etcd_api::Error;
use etcd_apply::{ApplyError, Response};
use etcd_consensus::SubmitError;
use etcd_mvcc::{CompactError, RangeError, WriteError};

use super::auth::auth_error;

pub(super) fn unexpected(response: &Response) -> Error {
    Error::Unknown(format!("etcdserver: unexpected outcome {response:?}").into())
}

pub(super) fn submit_error(error: SubmitError) -> Error {
    match error {
        SubmitError::TooManyRequests => Error::TooManyRequests,
        _ => Error::Stopped,
    }
}

pub(super) fn apply_error(error: ApplyError) -> Error {
    match error {
        ApplyError::Write(error) => write_error(error),
        ApplyError::Compact(CompactError::Compacted) => Error::Compacted,
        ApplyError::Compact(CompactError::FutureRevision) => Error::FutureRevision,
        ApplyError::LeaseNotFound => Error::LeaseNotFound,
        ApplyError::Auth(error) => auth_error(error),
        ApplyError::NoSpace => Error::NoSpace,
        ApplyError::Corrupt => Error::Corrupt,
        ApplyError::LeaseExists => Error::LeaseExists,
        ApplyError::LeaseTtlTooLarge => Error::LeaseTtlTooLarge,
        other => Error::Unknown(format!("etcdserver: {other}").into()),
    }
}

fn write_error(error: WriteError) -> Error {
    match error {
        WriteError::KeyNotFound => Error::KeyNotFound,
        WriteError::Range(error) => range_error(error),
        other => Error::Unknown(format!("etcdserver: {other}").into()),
    }
}

pub(super) fn range_error(error: RangeError) -> Error {
    match error {
        RangeError::Compacted => Error::Compacted,
        RangeError::FutureRevision => Error::FutureRevision,
        // A snapshot from the leader is being put in place: the client may ask again, here or elsewhere.
        RangeError::Missing { .. } => Error::Timeout,
        other => Error::Unknown(format!("etcdserver: {other}").into()),
    }
}
