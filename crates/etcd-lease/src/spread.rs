//! Keeps leases from ending all at once after a change of leader.

use std::time::Duration;

use crate::LeaseId;

const SECOND: Duration = Duration::from_secs(1);

/// Puts off ends so that no more than `rate` fall into the second that begins with any of the first of them; the order
/// stays. An end is never moved forward.
///
/// Owners that were cut off while there was no leader get time to renew, and their leases do not become one pile of
/// work, which would be due again at the same moment after the next change.
pub(crate) fn spread(ends: &mut [(Duration, LeaseId)], rate: usize) {
    if ends.len() <= rate {
        return;
    }
    ends.sort_unstable();
    let step = SECOND / u32::try_from(rate.max(1)).unwrap_or(u32::MAX);
    let mut window = ends[0].0;
    let mut count = 0;
    for (end, _) in ends {
        if *end >= window + SECOND {
            window = *end;
            count = 0;
        } else if count >= rate.max(1) {
            window += SECOND;
            count = 0;
        }
        *end = (*end).max(window + step * u32::try_from(count).unwrap_or(u32::MAX));
        count += 1;
    }
}
