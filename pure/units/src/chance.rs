//! Seeded chance: draws that a test can repeat.
//!
//! The core never asks the system for randomness. A host draws one [`Seed`] for each exchange, and every
//! draw that follows is a function of it. This is for jitter, sampling and identifiers that need not be
//! secret; keys and nonces that must be secret come from the host.

use serde::{Deserialize, Serialize};

/// Sixteen bytes of chance, drawn once by a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Seed(pub u128);

impl Seed {
    /// A seed that depends on this one and on `label`, so that two uses of one seed do not share draws.
    #[must_use]
    pub fn fork(self, label: u64) -> Self {
        let mut chance = Chance::new(Self(self.0 ^ (u128::from(label) << 64) ^ u128::from(mix(label))));
        Self(chance.next_u128())
    }
}

/// A stream of draws from one seed (SplitMix64 over both halves).
#[derive(Clone, Debug)]
pub struct Chance {
    state: u64,
    stream: u64,
}

impl Chance {
    /// The stream of `seed`.
    pub fn new(seed: Seed) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the two halves of the seed are wanted")]
        let (low, high) = (seed.0 as u64, (seed.0 >> 64) as u64);
        Self { state: low, stream: high | 1 }
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_add(self.stream << 1);
        mix(self.state ^ self.stream)
    }

    /// The next 128 bits.
    pub fn next_u128(&mut self) -> u128 {
        (u128::from(self.next_u64()) << 64) | u128::from(self.next_u64())
    }

    /// A number below `bound`; 0 if the bound is 0. The bias is below 2^-32 for bounds under 2^32.
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next_u64()).wrapping_mul(u128::from(bound));
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// True `parts` times in `whole`.
    pub fn happens(&mut self, parts: u64, whole: u64) -> bool {
        self.below(whole) < parts
    }
}

fn mix(value: u64) -> u64 {
    let first = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let second = (first ^ (first >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    second ^ (second >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_stream() {
        let draw = |seed| {
            let mut chance = Chance::new(Seed(seed));
            [chance.next_u64(), chance.next_u64(), chance.below(10)]
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert_ne!(Seed(7).fork(1), Seed(7).fork(2));
    }

    #[test]
    fn draws_spread_over_the_range() {
        let mut chance = Chance::new(Seed(42));
        let mut seen = [0_u32; 10];
        for _ in 0..10_000 {
            let slot = usize::try_from(chance.below(10)).unwrap();
            seen[slot] += 1;
        }
        assert!(seen.iter().all(|&count| (800..1200).contains(&count)), "{seen:?}");
    }
}
