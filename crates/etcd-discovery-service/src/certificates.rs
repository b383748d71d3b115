//! Certificates that change while the service runs.

use std::sync::Arc;
use std::time::Duration;

use etcd_tls::{Change, Tls};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info};

/// Between two looks at the files.
const LOOK: Duration = Duration::from_secs(1);

/// Takes over certificates that are put in the place of the old ones; connections that stand are kept. Runs until
/// dropped.
pub async fn keep_certificates(tls: Arc<Tls>) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let tls = Arc::clone(&tls);
        // Files may be on a disk that hangs.
        match tokio::task::spawn_blocking(move || tls.check_files()).await {
            Ok(Change::Reloaded) => info!("took over changed certificates; connections that stand are kept"),
            Ok(Change::Refused(failure)) => {
                error!(error = %failure, "changed certificates cannot be used; the old ones stay in use");
            }
            Ok(_) => {}
            Err(failure) => error!(error = %failure, "looking at the certificates failed"),
        }
    }
}
