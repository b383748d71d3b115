//! Downgrades of the cluster: which are possible, and how they begin and end.
//!
//! # Source
//! etcd `server/etcdserver/v3_server.go` downgradeValidate and following, `server/etcdserver/version/manager.go`.

use etcd_api::Error;
use etcd_apply::{Downgrade, Request};
use etcd_membership::ClusterVersion;
use etcd_proto::etcdserverpb::downgrade_request::DowngradeAction;
use etcd_proto::membershippb::DowngradeInfoSetRequest;

use super::ServerReplica;

impl ServerReplica {
    /// Checks, begins or ends a downgrade. Answers the cluster's version.
    pub(super) async fn decide_downgrade(
        &self,
        action: DowngradeAction,
        version: &str,
    ) -> Result<String, Error> {
        if action == DowngradeAction::Cancel {
            self.cancel_downgrade().await?;
        } else {
            let target: ClusterVersion = version.parse().map_err(|_| Error::WrongDowngradeVersionFormat)?;
            // What the cluster is doing must be what it is doing now, not what this member knew last.
            self.barrier(false).await?;
            check(self.0.cluster.get().version(), &self.0.downgrade.get(), target)?;
            if action == DowngradeAction::Enable {
                self.set_downgrade(Some(target)).await?;
            }
        }
        let now = self.0.cluster.get().version().ok_or(Error::ClusterVersionUnavailable)?;
        Ok(now.short())
    }

    /// Ends the downgrade under way.
    pub(crate) async fn cancel_downgrade(&self) -> Result<(), Error> {
        self.barrier(false).await?;
        if !self.0.downgrade.get().enabled {
            return Err(Error::NoInflightDowngrade);
        }
        self.set_downgrade(None).await
    }

    /// The version that the cluster is being downgraded to.
    pub(crate) fn downgrade_target(&self) -> Option<ClusterVersion> {
        self.0.downgrade.get().target()
    }

    /// Whether the cluster is in a downgrade, as the whole cluster knows it.
    pub(crate) async fn is_downgrading(&self) -> Result<bool, Error> {
        self.barrier(false).await?;
        Ok(self.0.downgrade.get().enabled)
    }

    async fn set_downgrade(&self, target: Option<ClusterVersion>) -> Result<(), Error> {
        let ver = target.map(|target| target.to_string()).unwrap_or_default();
        let request = DowngradeInfoSetRequest { enabled: target.is_some(), ver };
        self.propose_by(None, Request::DowngradeInfoSet(request)).await.map(drop)
    }
}

/// Whether a cluster of version `now` can go to `target`.
fn check(now: Option<ClusterVersion>, current: &Downgrade, target: ClusterVersion) -> Result<(), Error> {
    let now = now.ok_or(Error::ClusterVersionUnavailable)?;
    if now.downgrade_target() != Some(target) {
        return Err(Error::InvalidDowngradeTargetVersion);
    }
    if current.enabled {
        return Err(Error::DowngradeInProcess);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_downgrade_goes_one_minor_version_down_and_one_at_a_time() {
        let (none, one) = (Downgrade::default(), Downgrade { target: "3.6.0".into(), enabled: true });
        let version = |text: &str| text.parse::<ClusterVersion>().ok();
        let table = [
            (None, &none, "3.6.0", Err(Error::ClusterVersionUnavailable)),
            (version("3.7.0"), &none, "3.6.0", Ok(())),
            (version("3.7.0"), &none, "3.6", Ok(())),
            (version("3.7.0"), &none, "3.7.0", Err(Error::InvalidDowngradeTargetVersion)),
            (version("3.7.0"), &none, "3.5.0", Err(Error::InvalidDowngradeTargetVersion)),
            (version("3.7.0"), &none, "2.6.0", Err(Error::InvalidDowngradeTargetVersion)),
            (version("3.0.0"), &none, "2.9.0", Err(Error::InvalidDowngradeTargetVersion)),
            (version("3.7.0"), &one, "3.6.0", Err(Error::DowngradeInProcess)),
        ];
        for (now, current, target, want) in table {
            let target = target.parse().unwrap_or_else(|error| unreachable!("{error}"));
            assert_eq!(check(now, current, target), want, "{now:?} {current:?} {target}");
        }
    }
}
