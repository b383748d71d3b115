//! Randomness that can be had again.

use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// A generator whose seed is printed; `ETCD_IT_SEED` chooses it.
///
/// # Panics
/// When `ETCD_IT_SEED` is not a number.
#[must_use]
#[expect(clippy::print_stderr, reason = "a failed test is repeated with its seed")]
pub fn seeded() -> StdRng {
    let named = std::env::var("ETCD_IT_SEED").ok();
    let seed = named.map_or_else(rand::random, |text| text.parse::<u64>().expect("ETCD_IT_SEED is a number"));
    eprintln!("repeat with ETCD_IT_SEED={seed}");
    StdRng::seed_from_u64(seed)
}
