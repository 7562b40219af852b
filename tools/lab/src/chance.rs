//! Seeded chance: the same seed gives the same world, the same traffic and the same click ids.
//!
//! A 64-bit counter through a mixing function (the SplitMix construction). Good enough to spread test data,
//! never for secrets.

/// A deterministic stream of numbers.
#[derive(Debug, Clone)]
pub(crate) struct Chance {
    state: u64,
}

impl Chance {
    /// A stream fixed by `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed ^ 0x5851_f42d_4c95_7f2d }
    }

    /// A stream for one numbered part of a seeded whole.
    pub(crate) fn part(seed: u64, part: u64) -> Self {
        Self::new(mix(seed.wrapping_add(part.wrapping_mul(0x9e37_79b9_7f4a_7c15))))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// A number below `bound`; 0 when `bound` is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next() % bound }
    }

    /// An index into something of `length` elements.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    /// True in `percent` of a hundred cases.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of a non-empty slice.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.index(from.len()))
    }
}

fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// `value` in the 36 characters 0-9a-z, without padding.
pub(crate) fn base36(mut value: u64) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut digits = Vec::with_capacity(8);
    loop {
        let digit = usize::try_from(value % 36).unwrap_or(0);
        digits.push(char::from(DIGITS[digit]));
        value /= 36;
        if value == 0 {
            return digits.iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_repeats_and_parts_differ() {
        let draw = |mut chance: Chance| [chance.next(), chance.next(), chance.next()];
        assert_eq!(draw(Chance::new(7)), draw(Chance::new(7)));
        assert_ne!(draw(Chance::part(7, 1)), draw(Chance::part(7, 2)));
    }

    #[test]
    fn base36_counts_like_the_platform() {
        for (value, want) in [(0, "0"), (35, "z"), (36, "10"), (36 * 36 * 36 * 36, "10000")] {
            assert_eq!(base36(value), want);
        }
    }
}
