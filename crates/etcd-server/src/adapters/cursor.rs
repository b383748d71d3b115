//! Ranges that are read in parts.

use std::ops::ControlFlow;

use etcd_api::{Error, RangeCursor, RangePlace, RangeTail};
use etcd_mvcc::{Progress, RangeReader};
use tokio::sync::OwnedSemaphorePermit;

use super::errors::range_error;

/// An open range, and the right to have one open.
pub(super) struct Cursor {
    pub(super) reader: RangeReader,
    pub(super) _permit: OwnedSemaphorePermit,
}

impl RangeCursor for Cursor {
    fn revision(&self) -> i64 {
        self.reader.revision()
    }

    fn read(
        &self,
        from: &RangePlace,
        visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Result<RangeTail, RangePlace>, Error> {
        let from = Progress { after: from.after.clone(), shown: from.shown };
        match self.reader.read(&from, visit).map_err(range_error)? {
            Ok(end) => Ok(Ok(RangeTail { more: end.more, count: end.count })),
            Err(Progress { after, shown }) => Ok(Err(RangePlace { after, shown })),
        }
    }
}
