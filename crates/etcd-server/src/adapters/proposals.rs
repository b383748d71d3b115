//! Proposals: into the log, and back with what became of them.

use etcd_api::Error;
use etcd_apply::{Envelope, Outcome, Request, Response};
use etcd_auth::Identity;
use tokio::time::timeout;

use super::ServerReplica;
use super::errors::{apply_error, submit_error};
use crate::waiters::Waiting;

impl ServerReplica {
    /// Proposes a request of whoever the handle acts for, and waits until it is applied here.
    pub(crate) async fn propose(&self, request: Request) -> Result<Response, Error> {
        if !self.has_space_for(&request) {
            // Boxed, or every proposal would be larger by this rare one.
            return Err(Box::pin(self.refuse_for_space()).await);
        }
        // Boxed, since it is seldom needed.
        let who = if self.authority().state.is_enabled() { Box::pin(self.who()).await? } else { None };
        self.propose_by(who, request).await
    }

    pub(super) fn has_space_for(&self, request: &Request) -> bool {
        self.0.options.quota.admits(self.database_size(), request)
    }

    /// As [`ServerReplica::propose`], whatever the space.
    pub(super) async fn propose_by(
        &self,
        who: Option<Identity>,
        request: Request,
    ) -> Result<Response, Error> {
        self.submit(who, request).await?.map_err(apply_error)
    }

    /// Proposes a request and waits for its outcome.
    pub(super) async fn submit(&self, who: Option<Identity>, request: Request) -> Result<Outcome, Error> {
        let inner = &*self.0;
        let id = inner.ids.next();
        let entry = Envelope { id, who, request }.encode();
        if entry.len() > inner.options.max_request_bytes {
            return Err(Error::RequestTooLarge);
        }
        let mut waiting = inner.waiters.register(id);
        inner.raft.propose(entry).map_err(submit_error)?;
        self.outcome(&mut waiting).await
    }

    /// Proposes what only the leader of `term` may ask for, by itself and not for a client: it is never forwarded.
    pub(super) async fn propose_as_leader(&self, request: Request, term: u64) -> Result<Response, Error> {
        let inner = &*self.0;
        let id = inner.ids.next();
        let state = &self.authority().state;
        let who = state.is_enabled().then(|| Identity::new(etcd_auth::ROOT, state.revision()));
        let entry = Envelope { id, who, request }.encode();
        let mut waiting = inner.waiters.register(id);
        inner.raft.propose_as_leader(entry, term).map_err(submit_error)?;
        self.outcome(&mut waiting).await?.map_err(apply_error)
    }

    pub(super) async fn outcome(&self, waiting: &mut Waiting<'_, Outcome>) -> Result<Outcome, Error> {
        let inner = &*self.0;
        match timeout(inner.options.request_timeout, waiting.outcome()).await {
            Ok(Some(outcome)) => Ok(outcome),
            Ok(None) => Err(Error::Stopped),
            Err(_elapsed) => Err(self.timed_out()),
        }
    }

    /// A request that nobody answered: without a leader that is the likely reason.
    pub(super) fn timed_out(&self) -> Error {
        if self.0.raft.status().leader == 0 { Error::TimeoutLeaderFailed } else { Error::Timeout }
    }
}
