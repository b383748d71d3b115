//! Keys, values, and the choice among them.

use anyhow::bail;
use bytes::Bytes;

/// The keys of a load: numbers below `space`, as decimal digits filled up with zeros on the left.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    size: usize,
    space: u64,
}

impl Keys {
    /// # Errors
    /// When keys of `size` bytes cannot tell `space` keys apart.
    pub(crate) fn new(size: u64, space: u64) -> anyhow::Result<Self> {
        let digits = space.saturating_sub(1).max(1).ilog10() + 1;
        if u64::from(digits) > size {
            bail!("{space} keys need {digits} bytes each; --key-size is {size}");
        }
        Ok(Self { size: usize::try_from(size)?, space })
    }

    pub(crate) const fn space(&self) -> u64 {
        self.space
    }

    pub(crate) fn key(&self, number: u64) -> Bytes {
        let mut key = vec![b'0'; self.size];
        let mut rest = number;
        for digit in key.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        key.into()
    }
}

/// A small, fast generator (xorshift64*), so that a load repeats; good enough to choose keys.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self((seed ^ 0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `bound`, by multiplication instead of division.
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        ((self.next() as u128 * bound as u128) >> 64) as u64
    }

    /// `size` bytes that do not compress.
    pub(crate) fn bytes(&mut self, size: u64) -> Bytes {
        (0..size).map(|_| (self.next() >> 56) as u8).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_numbers_of_a_fixed_size() {
        let keys = Keys::new(4, 1000).unwrap();
        assert_eq!(keys.key(0), "0000");
        assert_eq!(keys.key(999), "0999");
        assert!(Keys::new(3, 1000).is_ok());
        let error = Keys::new(3, 1001).unwrap_err().to_string();
        assert_eq!(error, "1001 keys need 4 bytes each; --key-size is 3");
        assert!(Keys::new(1, 1).is_ok());
    }

    #[test]
    fn choices_repeat_cover_and_stay_below() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            (0..1000).map(|_| random.below(10)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert!((0..10).all(|number| draw(1).contains(&number)));
        assert!(draw(1).iter().all(|number| *number < 10));
        assert_eq!(Random::new(3).bytes(256).len(), 256);
    }
}
