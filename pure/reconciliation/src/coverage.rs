//! Does the report cover what is compared?
//!
//! An order that a report does not name is missing only if the report would have named it. A report that was cut off,
//! or made for other days, would turn every order of the rest into a claim.

use core::fmt;
use std::collections::BTreeMap;

use units::Day;

/// So many of our delivered orders on days before a report's first row, or behind its last one, are no chance.
const SILENT_ORDERS_MIN: u64 = 5;

/// What was counted while a report was read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Coverage {
    /// Its rows by day of its platform's clock.
    rows: BTreeMap<i64, u64>,
    /// Our delivered orders by the same day.
    ours: BTreeMap<i64, u64>,
    total: u64,
}

/// Why a report cannot be trusted to be whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Doubt {
    /// It names nothing, and we delivered something.
    Empty {
        /// How much we delivered.
        delivered: u64,
    },
    /// It begins after the period does.
    BeginsLate {
        /// Its first day.
        first: i64,
        /// What we delivered before that.
        silent: u64,
    },
    /// It ends before the period does.
    EndsEarly {
        /// Its last day.
        last: i64,
        /// What we delivered after that.
        silent: u64,
    },
}

impl Coverage {
    /// The report has a row of this day.
    pub fn named(&mut self, day: i64) {
        add(&mut self.rows, day);
        self.total = self.total.saturating_add(1);
    }

    /// We delivered an order on this day, and the report ought to name it.
    pub fn delivered(&mut self, day: i64) {
        add(&mut self.ours, day);
    }

    /// Rows of the report.
    pub const fn rows(&self) -> u64 {
        self.total
    }

    /// What speaks against the report's being whole.
    pub fn doubts(&self) -> Vec<Doubt> {
        let mut doubts = Vec::new();
        let delivered: u64 = self.ours.values().sum();
        let (Some(first), Some(last)) = (self.rows.keys().next(), self.rows.keys().next_back()) else {
            if delivered > 0 {
                doubts.push(Doubt::Empty { delivered });
            }
            return doubts;
        };
        // A day's slack on either side: an order may be there on the day after ours.
        let silent =
            |days: &mut dyn Iterator<Item = (&i64, &u64)>| days.map(|(_, count)| *count).sum::<u64>();
        let before = silent(&mut self.ours.range(..first.saturating_sub(1)));
        if before >= SILENT_ORDERS_MIN {
            doubts.push(Doubt::BeginsLate { first: *first, silent: before });
        }
        let after = silent(&mut self.ours.range(last.saturating_add(1)..));
        if after >= SILENT_ORDERS_MIN {
            doubts.push(Doubt::EndsEarly { last: *last, silent: after });
        }
        doubts
    }
}

fn add(days: &mut BTreeMap<i64, u64>, day: i64) {
    let count = days.entry(day).or_default();
    *count = count.saturating_add(1);
}

/// A day as people write it.
pub fn day_text(day: i64) -> String {
    let (year, month, day) = Day::of(units::Timestamp::from_seconds(day.saturating_mul(86_400))).civil();
    format!("{year:04}-{month:02}-{day:02}")
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { delivered } => {
                write!(f, "the report names no transaction, and {delivered} were delivered in its period")
            }
            Self::BeginsLate { first, silent } => write!(
                f,
                "the report begins on {}, and {silent} orders were delivered before that: ask for it from the first day",
                day_text(*first)
            ),
            Self::EndsEarly { last, silent } => write!(
                f,
                "the report ends on {}, and {silent} orders were delivered after that: it may be cut off",
                day_text(*last)
            ),
        }
    }
}
