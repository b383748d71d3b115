//! A range that is never in memory as a whole.

use std::ops::ControlFlow;

use bytes::Bytes;

use crate::Error;

/// An open range at one revision, in the order of its keys. It holds compactions up while it lives.
pub trait RangeCursor: Send + 'static {
    /// The newest revision at the moment when it was opened, for the response header.
    fn revision(&self) -> i64;

    /// Shows `visit` the pairs after `from`, each in its encoding as `mvccpb.KeyValue`, until it breaks. Blocks.
    ///
    /// Returns where it broke, or what there is to say at the end.
    ///
    /// # Errors
    /// [`Error::Compacted`] when a compaction did not wait, and what else prevents reading.
    fn read(
        &self,
        from: &RangePlace,
        visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Result<RangeTail, RangePlace>, Error>;
}

/// How far a cursor was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RangePlace {
    /// The last key that was shown.
    pub after: Bytes,
    /// How many were shown.
    pub shown: usize,
}

/// What a range has beside its pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangeTail {
    /// Whether the limit left some out.
    pub more: bool,
    /// How many keys there are from where reading began, whatever the limit.
    pub count: i64,
}
