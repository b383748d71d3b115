//! What one write changes.

use bytes::Bytes;

use crate::Bucket;

/// Changes that become visible, and durable, together.
///
/// Later changes of a key in the same batch win.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    mark: u64,
    ops: Vec<Op>,
}

/// One change; no value deletes the key.
#[derive(Debug, Clone)]
pub(crate) struct Op {
    pub(crate) bucket: Bucket,
    pub(crate) key: Bytes,
    pub(crate) value: Option<Bytes>,
}

impl Batch {
    /// An empty batch that moves the storage to `mark`.
    ///
    /// The mark is opaque and monotone: a lower one than the storage already has, such as 0, changes the buckets and
    /// leaves the mark alone.
    pub fn new(mark: u64) -> Self {
        Self { mark, ops: Vec::new() }
    }

    /// Sets `key` to `value`. Both are kept as they are, so a slice of a large buffer keeps that buffer alive until
    /// the next commit.
    pub fn put(&mut self, bucket: Bucket, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.ops.push(Op { bucket, key: key.into(), value: Some(value.into()) });
    }

    /// Removes `key`; a key that is not there is no error.
    pub fn delete(&mut self, bucket: Bucket, key: impl Into<Bytes>) {
        self.ops.push(Op { bucket, key: key.into(), value: None });
    }

    /// The position that this batch moves the storage to.
    pub fn mark(&self) -> u64 {
        self.mark
    }

    /// Whether it changes no bucket. An empty batch still moves the mark.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// How many changes it holds.
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Drops every change after the first `len`.
    pub fn truncate(&mut self, len: usize) {
        self.ops.truncate(len);
    }

    pub(crate) fn into_ops(self) -> Vec<Op> {
        self.ops
    }
}
