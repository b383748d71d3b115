//! Leases as they are stored: etcd's `leasepb.Lease` under the id, big-endian.

use std::ops::{Bound, ControlFlow};

use bytes::Bytes;
use etcd_proto::leasepb::Lease;
use etcd_proto::prost::Message as _;
use etcd_storage::{Batch, Bucket, Storage};

/// The stored leases cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadLeasesError {
    /// Storage failed.
    #[error("cannot read the leases")]
    Read(#[from] etcd_storage::ReadError),
    /// A record is not what this server writes.
    #[error("malformed lease in storage under key {key:02x?}")]
    Malformed {
        /// Of the record.
        key: Vec<u8>,
    },
}

pub(super) fn put(batch: &mut Batch, id: i64, ttl: i64, remaining_ttl: i64) {
    batch.put(Bucket::LEASE, key(id), Lease { id, ttl, remaining_ttl }.encode_to_vec());
}

pub(super) fn delete(batch: &mut Batch, id: i64) {
    batch.delete(Bucket::LEASE, key(id));
}

pub(super) fn load(storage: &Storage) -> Result<Vec<Lease>, LoadLeasesError> {
    let mut leases = Vec::new();
    let mut bad = None;
    storage.range(Bucket::LEASE, Bound::Unbounded, Bound::Unbounded, |key, value| {
        match Lease::decode(value) {
            Ok(lease) if lease.id.to_be_bytes() == key => {
                leases.push(lease);
                ControlFlow::Continue(())
            }
            _ => {
                bad = Some(key.to_vec());
                ControlFlow::Break(())
            }
        }
    })?;
    match bad {
        None => Ok(leases),
        Some(key) => Err(LoadLeasesError::Malformed { key }),
    }
}

fn key(id: i64) -> Bytes {
    Bytes::copy_from_slice(&id.to_be_bytes())
}
