//! Linearizable reads: what waits for an index, and when it is asked for.

use std::sync::atomic::Ordering;

use super::RaftThread;
use crate::barrier::Asked;

impl<S: 'static> RaftThread<S> {
    pub(super) fn take_reads(&mut self) {
        let before = self.barrier.len();
        let room = self.options.max_readers.saturating_sub(before);
        for reader in self.queues.reads.try_iter().take(room) {
            self.barrier.add(reader);
        }
        self.pace.arrived(self.barrier.len() - before);
    }

    /// Asks for readers, when it is time to. A leader that waits for a crowd lets its followers' questions wait too, so
    /// that they share its next round.
    pub(super) fn ask(&mut self) {
        let waits = self.pace.wait().is_some();
        self.core.hold_rounds(waits);
        if waits {
            return;
        }
        match self.barrier.poll(&mut self.core) {
            Asked::No => return,
            Asked::First => {}
            Asked::Again => self.shared.metrics.slow_read_indexes.add(1),
        }
        self.pace.asked();
    }

    pub(super) fn release_readers(&mut self) {
        let applied = self.shared.applied.load(Ordering::Acquire);
        while let Some((index, readers)) = self.barrier.release(applied) {
            for reader in readers {
                let _ = reader.send(index);
            }
        }
    }
}
