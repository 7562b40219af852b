//! Clocks that are wrong: each machine's own.

use std::time::Duration;

use units::{Chance, Timestamp};

use crate::platform::pick;
use crate::scope::Scope;

/// How far a clock can be off, in milliseconds; right most often, so that things go on.
const OFFSETS: [i64; 8] = [0, 0, 0, 0, -5_000, 40_000, 3_600_000, -2 * 86_400_000];

/// Where everything may happen, ahead by days, too: who set it back again must wait for none of them.
const AHEAD: i64 = 2 * 86_400_000;

/// Apart by more than this, the processor does not believe an edge's signature.
const SIGNED_WITHIN: Duration = Duration::from_secs(300);

/// A clock, by how much it is off.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Clock(i64);

impl Clock {
    /// What it shows at the true time.
    pub(crate) const fn shows(self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(now.as_millis().saturating_add(self.0))
    }

    /// The true time at which it shows this.
    pub(crate) const fn when(self, shown: Timestamp) -> Timestamp {
        Timestamp::from_millis(shown.as_millis().saturating_sub(self.0))
    }

    /// It is set, rightly or wrongly.
    pub(crate) fn set(&mut self, scope: Scope, chance: &mut Chance) {
        let is_far = scope.has_terms() && chance.happens(1, 9);
        self.0 = if is_far { AHEAD } else { pick(chance, &OFFSETS) };
    }

    /// True if what one signs counts with the other.
    pub(crate) const fn believes(self, other: Self) -> bool {
        self.0.abs_diff(other.0) as u128 <= SIGNED_WITHIN.as_millis()
    }
}
