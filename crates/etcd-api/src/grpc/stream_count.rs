//! Counting a call that is served as a stream.

use tonic::Code;

use super::Rpc;
use crate::metrics::Metrics;

/// A stream in progress; counted as cancelled when it is dropped before it has ended.
pub(crate) struct StreamCount {
    metrics: Metrics,
    rpc: Rpc,
    code: Code,
}

impl StreamCount {
    /// Of a stream whose start is counted already.
    pub(crate) fn new(metrics: Metrics, rpc: Rpc) -> Self {
        Self { metrics, rpc, code: Code::Cancelled }
    }

    /// Counts a sent message of `size` bytes.
    pub(crate) fn sent(&self, size: usize) {
        self.metrics.rpcs().sent(self.rpc, size);
    }

    /// How the stream ended.
    pub(crate) fn ended(&mut self, code: Code) {
        self.code = code;
    }
}

impl Drop for StreamCount {
    fn drop(&mut self) {
        self.metrics.rpcs().finished(self.rpc, self.code);
    }
}
