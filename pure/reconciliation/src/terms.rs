//! What is compared, and what is known beside the three lists.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use relay::policy::Phase;
use tracking::Home;
use units::Timestamp;

/// How far a transaction's day may be from ours and still be the same order's. The old platform's own look-up
/// by date tolerates one to two days; a delivery after a long outage may come later and is found by its reference.
pub const DATE_TOLERANCE: Duration = Duration::from_secs(2 * 86_400);

/// A span of time: from its first moment until before its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Period {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub until: Timestamp,
}

impl Period {
    /// True if `at` is in it.
    pub fn holds(self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }

    /// The same with a margin on both sides: what is read, so that an order at the border finds its other half.
    #[must_use]
    pub fn widened(self, by: Duration) -> Self {
        Self { from: self.from.minus(by), until: self.until.plus(by) }
    }
}

/// What is known of a programme.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Programme {
    /// The phase of its wave.
    pub phase: Phase,
    /// How many days after a click a conversion still earns the credit, by our map.
    pub window_days: u32,
    /// When the first conversion of it came through here; none if none ever did.
    pub first_seen: Option<Timestamp>,
}

/// How the reports of a platform tell of a merchant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Told {
    /// The one publisher whose sales they name alone, by the platform's id; none if they name those of all.
    pub publisher: Option<u64>,
    /// The time of which they tell: the platform dates an order between its receipt here and its last sending.
    pub span: Period,
}

/// The terms of a comparison.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    /// What is compared.
    pub period: Period,
    /// What happened until then, the report ought to name: it was made so much later that nothing is on its way.
    pub settled_until: Timestamp,
    /// Programmes by their legacy id.
    pub programmes: BTreeMap<u64, Programme>,
    /// What the reports of each platform tell of, by the merchant's legacy id. A platform of which no report was given
    /// is not compared.
    pub told: BTreeMap<Home, BTreeMap<u64, Told>>,
    /// The merchants whose orders are compared too, by the legacy id.
    pub merchants: BTreeSet<u64>,
}

impl Terms {
    /// True if the report was made long enough after `at` to name what happened then.
    pub fn is_settled(&self, at: Timestamp) -> bool {
        at <= self.settled_until
    }
}
