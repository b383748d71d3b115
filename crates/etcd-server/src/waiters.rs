//! Who waits for which proposal.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// Proposals under way, by request id. The number of waiters is bounded by the limit of requests in flight
/// that the proposer keeps.
pub(crate) struct Waiters<T> {
    shards: Box<[Shard<T>]>,
}

/// Waiters by request id.
type Shard<T> = Mutex<HashMap<u64, oneshot::Sender<T>>>;

const SHARDS: u64 = 16;

impl<T> Waiters<T> {
    pub(crate) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }

    /// Starts to wait; must come before the proposal, or its outcome is missed.
    pub(crate) fn register(&self, id: u64) -> Waiting<'_, T> {
        let (sender, receiver) = oneshot::channel();
        self.shard(id).lock().insert(id, sender);
        Waiting { waiters: self, id, receiver }
    }

    /// Wakes whoever waits for `id`; an outcome nobody waits for is dropped.
    pub(crate) fn complete(&self, id: u64, outcome: T) {
        let waiting = self.shard(id).lock().remove(&id);
        if let Some(sender) = waiting {
            let _gone = sender.send(outcome);
        }
    }

    /// Tells everybody who waits that there will be no outcome.
    pub(crate) fn abandon(&self) {
        for shard in &self.shards {
            shard.lock().clear();
        }
    }

    fn shard(&self, id: u64) -> &Shard<T> {
        &self.shards[(id % SHARDS) as usize]
    }
}

/// A registered wait; forgotten when dropped, for example because the client went away.
pub(crate) struct Waiting<'a, T> {
    waiters: &'a Waiters<T>,
    id: u64,
    receiver: oneshot::Receiver<T>,
}

impl<T> Waiting<'_, T> {
    /// The outcome, once there is one. `None` when the server stops.
    pub(crate) async fn outcome(&mut self) -> Option<T> {
        (&mut self.receiver).await.ok()
    }
}

impl<T> Drop for Waiting<'_, T> {
    fn drop(&mut self) {
        self.waiters.shard(self.id).lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_outcome_finds_its_waiter_and_a_dropped_wait_is_forgotten() {
        let waiters = Waiters::new();
        let mut first = waiters.register(1);
        let second = waiters.register(17);
        drop(second);
        waiters.complete(17, "nobody");
        waiters.complete(1, "done");
        assert_eq!(first.outcome().await, Some("done"));
        drop(first);
        assert!(waiters.shards.iter().all(|shard| shard.lock().is_empty()));
    }
}
