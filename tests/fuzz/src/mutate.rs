//! Small changes of bytes.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// More bytes than this are cut off.
const LONGEST: usize = 64 << 10;
/// Bytes that mean something to some decoder.
const TELLING: [&[u8]; 12] = [
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"{",
    b"\"",
    b"%",
    b"=",
    b"&",
    b",",
    b"\n",
];

/// Changes bytes; the same seed makes the same changes.
#[derive(Debug)]
pub struct Mutator(StdRng);

impl Mutator {
    /// Begins anew.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// One of these inputs, changed in one to eight places.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    pub fn next(&mut self, inputs: &[Vec<u8>]) -> Vec<u8> {
        let mut data = inputs[self.0.random_range(0..inputs.len())].clone();
        for _ in 0..self.0.random_range(1..=8) {
            self.change(&mut data, inputs);
        }
        data.truncate(LONGEST);
        data
    }

    fn change(&mut self, data: &mut Vec<u8>, inputs: &[Vec<u8>]) {
        let random = &mut self.0;
        let at = random.random_range(0..=data.len());
        let until = random.random_range(at..=data.len().min(at + 32));
        match random.random_range(0..7) {
            0 if at < data.len() => data[at] ^= 1 << random.random_range(0..8),
            1 if at < data.len() => data[at] = random.random(),
            2 => drop(data.drain(at..until)),
            3 => data.truncate(at),
            4 => {
                let copy = data[at..until].to_vec();
                data.splice(at..at, copy);
            }
            5 => {
                let telling = TELLING[random.random_range(0..TELLING.len())];
                data.splice(at..at, telling.iter().copied());
            }
            _ => {
                let other = &inputs[random.random_range(0..inputs.len())];
                let from = random.random_range(0..=other.len());
                let piece = &other[from..other.len().min(from + 64)];
                data.splice(at..until, piece.iter().copied());
            }
        }
    }
}
