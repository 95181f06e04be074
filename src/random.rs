//! Randomness as an argument: a ChaCha20 stream that the driver seeds from the system once.
//!
//! A simulation seeds it with a number and replays the same run. Machines own one each, split off with [`Random::fork`].

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// A seeded source of random bits, strong enough for nonces and tokens when the seed is.
#[derive(Debug, Clone)]
pub struct Random(ChaCha20Rng);

impl Random {
    /// The stream that belongs to `seed`.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Random(ChaCha20Rng::from_seed(seed))
    }

    /// A stream for tests and simulations, where any small number will do.
    pub fn from_number(seed: u64) -> Self {
        Random(ChaCha20Rng::seed_from_u64(seed))
    }

    /// An independent stream, seeded from this one.
    pub fn fork(&mut self) -> Self {
        let mut seed = [0; 32];
        self.fill(&mut seed);
        Self::from_seed(seed)
    }

    /// 64 random bits: what a minted id is made of.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number from 0 up to but not including `end`; 0 when `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { ((u128::from(self.bits()) * u128::from(end)) >> 64) as u64 }
    }

    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    /// `bytes` random bytes in lower-case hexadecimal: tags, branches, nonces.
    pub fn hex(&mut self, bytes: usize) -> String {
        (0..bytes).fold(String::with_capacity(bytes * 2), |mut text, _| {
            let byte = self.0.next_u32() as usize & 0xff;
            text.push(char::from(b"0123456789abcdef"[byte >> 4]));
            text.push(char::from(b"0123456789abcdef"[byte & 15]));
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_stream_and_a_fork_another() {
        let mut a = Random::from_number(7);
        let mut b = Random::from_number(7);
        assert_eq!((a.bits(), a.hex(4)), (b.bits(), b.hex(4)));
        assert_ne!(a.fork().bits(), b.bits());
        assert!((0..1000).all(|_| a.below(3) < 3));
    }
}
