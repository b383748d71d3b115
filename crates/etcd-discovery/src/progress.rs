//! What is said while a member waits for others.

use std::collections::BTreeSet;

use tracing::info;

use crate::entry::Entry;

/// Tells of each member once.
#[derive(Debug)]
pub(crate) struct Progress {
    own: String,
    told: BTreeSet<String>,
}

impl Progress {
    pub(crate) const fn new(own: String) -> Self {
        Self { own, told: BTreeSet::new() }
    }

    /// `entries` are at most as many as the cluster has members.
    pub(crate) fn tell(&mut self, size: usize, entries: &[Entry]) {
        for entry in entries {
            if self.told.insert(entry.id.clone()) {
                if entry.id == self.own {
                    info!(self_id = entry.id, "found self from discovery service");
                } else {
                    info!(peer = entry.id, "found peer from discovery service");
                }
            }
        }
        let (found, missing) = (entries.len(), size.saturating_sub(entries.len()));
        if missing > 0 {
            info!(
                found_peers = found,
                needed_peers = missing,
                "{found} of {size} members registered, waiting for {missing} more"
            );
        } else {
            info!(found_peers = found, "found all needed peers from discovery service");
        }
    }
}
