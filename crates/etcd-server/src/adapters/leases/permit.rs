//! Who may ask what about leases.

use etcd_api::Error;
use etcd_auth::Identity;
use etcd_lease::LeaseId;

use crate::adapters::ServerReplica;

impl ServerReplica {
    /// Whether whoever acts may write everything that a lease holds, and so keep it alive.
    ///
    /// # Source
    /// etcd `server/etcdserver/v3_server.go` checkLeaseRenew.
    pub(in crate::adapters) async fn permit_renewal(&self, id: i64) -> Result<(), Error> {
        if !self.authority().state.is_enabled() {
            return Ok(());
        }
        let keys = self.leases().book.keys(LeaseId::new(id));
        let who = Box::pin(self.check(|users, who| {
            if users.may_administer(who).is_ok() {
                return Ok(());
            }
            keys.iter().try_for_each(|key| users.may_write(who, key, b""))
        }))
        .await?;
        self.is_somebody(who.as_ref())?;
        self.still(who.as_ref())
    }

    /// Whether whoever acts may read everything that leases hold. Gives who it is, for a second look afterwards.
    ///
    /// # Source
    /// etcd `server/etcdserver/v3_server.go` checkLeaseTimeToLive, checkLeaseLeases.
    pub(in crate::adapters) async fn permit_keys(&self, ids: &[LeaseId]) -> Result<Option<Identity>, Error> {
        if !self.authority().state.is_enabled() {
            return Ok(None);
        }
        let who = self
            .check(|users, who| {
                if users.may_administer(who).is_ok() {
                    return Ok(());
                }
                let book = &self.leases().book;
                let mut keys = ids.iter().flat_map(|id| book.keys(*id));
                keys.try_for_each(|key| users.may_read(who, &key, b""))
            })
            .await?;
        self.is_somebody(who.as_ref())?;
        Ok(who)
    }

    /// Whoever asks about leases must have said who he is, even about one that holds nothing.
    fn is_somebody(&self, who: Option<&Identity>) -> Result<(), Error> {
        if who.is_none() && self.authority().state.is_enabled() { Err(Error::UserEmpty) } else { Ok(()) }
    }
}
