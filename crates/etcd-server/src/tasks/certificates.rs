//! Takes over certificates that change, and renews those of the member's own making.

use std::time::{Duration, Instant};

use etcd_tls::Change;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info};

use crate::tls::MemberTls;

/// etcd reads the files at each handshake; here they are looked at so often.
const LOOK: Duration = Duration::from_secs(1);
const RENEW: Duration = Duration::from_secs(60 * 60);

/// Runs until dropped, or ends at once when there are no files.
pub(crate) async fn keep_certificates(tls: MemberTls) {
    if !tls.has_files() {
        return;
    }
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut renewed = Instant::now();
    loop {
        looks.tick().await;
        let tls = tls.clone();
        let renew = renewed.elapsed() >= RENEW;
        if renew {
            renewed = Instant::now();
        }
        // Files may be on a disk that hangs.
        let looked = tokio::task::spawn_blocking(move || look(&tls, renew)).await;
        if let Err(failure) = looked {
            error!(error = %failure, "looking at the certificates failed");
        }
    }
}

fn look(tls: &MemberTls, renew: bool) {
    if renew {
        tls.renew();
    }
    for (endpoint, port) in tls.ports() {
        match port.check_files() {
            Change::Reloaded => {
                info!(endpoint, "took over changed certificates; connections that stand are kept")
            }
            Change::Refused(failure) => {
                error!(endpoint, error = %failure, "changed certificates cannot be used; the old ones stay in use");
            }
            _ => {}
        }
    }
}
