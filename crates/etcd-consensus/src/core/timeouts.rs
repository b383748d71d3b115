//! Election timeouts that repeat for a seed.

/// Draws election timeouts. A small generator (`SplitMix64`) is enough: members only have to differ.
#[derive(Clone, Debug)]
pub(crate) struct Timeouts {
    state: u64,
    low: usize,
    high: usize,
}

impl Timeouts {
    /// Timeouts in `[low, high)`; `low < high`.
    pub(crate) fn new(seed: u64, low: usize, high: usize) -> Self {
        Self { state: seed, low, high }
    }

    /// The next timeout, in ticks.
    pub(crate) fn draw(&mut self) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        let width = (self.high - self.low) as u64;
        self.low + usize::try_from(z % width).unwrap_or(0)
    }
}
