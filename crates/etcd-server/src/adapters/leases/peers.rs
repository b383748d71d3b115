//! Questions about leases between members: only the leader counts their time.

use async_trait::async_trait;
use etcd_proto::etcdserverpb::LeaseTimeToLiveResponse;
use etcd_transport::{LeaseNode, LeaseQuestionError, LeaseRefusal};
use tokio::time::timeout;
use tracing::debug;

use super::Refusal;
use crate::adapters::ServerReplica;

impl ServerReplica {
    pub(super) async fn renew_there(&self, urls: &[String], id: i64) -> Result<i64, Refusal> {
        for url in urls {
            match self.leases().client.renew(url, id, self.0.options.request_timeout).await {
                Ok(ttl) => return Ok(ttl),
                Err(error) => judge(url, &error)?,
            }
        }
        Err(Refusal::NotPrimary)
    }

    pub(super) async fn time_to_live_there(
        &self,
        urls: &[String],
        id: i64,
        keys: bool,
    ) -> Result<LeaseTimeToLiveResponse, Refusal> {
        for url in urls {
            match self.leases().client.time_to_live(url, id, keys, self.0.options.request_timeout).await {
                Ok(found) => return Ok(found),
                Err(error) => judge(url, &error)?,
            }
        }
        Err(Refusal::NotPrimary)
    }
}

/// Whether an answer of the leader is final; anything else may be tried again.
fn judge(url: &str, error: &LeaseQuestionError) -> Result<(), Refusal> {
    match error {
        LeaseQuestionError::Refused(LeaseRefusal::NotFound) => Err(Refusal::NotFound),
        _ => {
            debug!(url, %error, "the leader did not answer a question about a lease");
            Ok(())
        }
    }
}

/// Answers other members, while this one leads.
#[async_trait]
impl LeaseNode for ServerReplica {
    async fn renew(&self, id: i64) -> Result<i64, LeaseRefusal> {
        if let Some(ttl) = self.renew_at_once(id) {
            return Ok(ttl);
        }
        let renewed = timeout(self.0.options.request_timeout, self.renew_here(id)).await;
        renewed.unwrap_or(Err(Refusal::Behind)).map_err(LeaseRefusal::from)
    }

    async fn time_to_live(&self, id: i64, keys: bool) -> Result<LeaseTimeToLiveResponse, LeaseRefusal> {
        Ok(self.time_to_live_here(id, keys).await?)
    }
}

impl From<Refusal> for LeaseRefusal {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound => Self::NotFound,
            Refusal::NotPrimary => Self::NotPrimary,
            Refusal::Behind | Refusal::Other(_) => Self::Behind,
        }
    }
}
