//! Plays the life of two leases: one is renewed, the other ends and takes its key with it.
#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use std::time::Duration;

use etcd_lease::{LeaseId, Lessor, Options};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut lessor = Lessor::new(Options::default());
    let (kept, lost) = (LeaseId::new(0x10), LeaseId::new(0x20));
    lessor.promote(Duration::ZERO, Duration::ZERO);
    for id in [kept, lost] {
        lessor.grant(id, 3)?;
    }
    lessor.attach(b"lock", lost);
    for now in (0..=4).map(Duration::from_secs) {
        let renewed = lessor.renew(kept, now)?;
        for id in lessor.due(now, 100) {
            println!("{now:?}: lease {id} has ended with its keys {:?}", lessor.revoke(id)?);
        }
        println!(
            "{now:?}: lease {kept} lives {} s more; next look at {:?}",
            renewed.ttl,
            lessor.next_wake(now)
        );
    }
    Ok(())
}
