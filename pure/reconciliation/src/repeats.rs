//! Do orders arrive more often than they used to?
//!
//! Where an old and a new route live side by side, an order may come by both, and every sale is there twice within
//! minutes. Much of that is usual: a shop with two tags sends each order twice for years. So a merchant's last minutes
//! are held against the merchant's own past.

use units::limits::{REPEATS_ARRIVALS_MIN, REPEATS_RISE_PERCENT};

/// Arrivals of one merchant.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Repeats {
    /// The merchant, by the legacy id.
    pub advertiser_id: u64,
    /// Conversions that arrived lately.
    pub arrivals: u64,
    /// Of them, those that were another arrival of an order that stands.
    pub merged: u64,
    /// Conversions that ever arrived, the late ones among them.
    pub arrivals_ever: u64,
    /// Of them, those that were another arrival.
    pub merged_ever: u64,
}

impl Repeats {
    /// The share of repeats lately, in percent.
    pub fn share(&self) -> u64 {
        percent(self.merged, self.arrivals)
    }

    /// The share of repeats before that, in percent; 0 where too few arrived to say what is usual.
    pub fn usual(&self) -> u64 {
        let arrivals = self.arrivals_ever.saturating_sub(self.arrivals);
        if arrivals < REPEATS_ARRIVALS_MIN {
            return 0;
        }
        percent(self.merged_ever.saturating_sub(self.merged), arrivals)
    }

    /// True if so many more orders repeat than usual that a second route is likely.
    pub fn is_alarming(&self) -> bool {
        self.arrivals >= REPEATS_ARRIVALS_MIN
            && self.share() >= self.usual().saturating_add(REPEATS_RISE_PERCENT)
    }
}

fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100).checked_div(whole).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merchant_is_held_against_its_own_past() {
        let case = |arrivals, merged, arrivals_ever, merged_ever| {
            Repeats { advertiser_id: 1, arrivals, merged, arrivals_ever, merged_ever }.is_alarming()
        };
        assert!(!case(0, 0, 0, 0));
        assert!(!case(19, 19, 1000, 19), "too few to say");
        assert!(!case(100, 10, 1100, 10), "a tenth repeats");
        assert!(case(100, 50, 1100, 50), "every order comes twice, and none did");
        assert!(!case(100, 50, 1100, 550), "every order comes twice, as it always did");
        assert!(case(100, 75, 1100, 575), "it was twice and is four times");
        assert!(case(40, 20, 40, 20), "a new merchant's: somebody ought to look");
    }
}
