//! When what a transaction earns stands for good.

use units::{Day, Timestamp};

/// When a transaction may no longer be changed by its merchant: on a day of the month, some months later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lock {
    /// The day of the month.
    pub day: u32,
    /// How many months after the transaction's own.
    pub months: u32,
}

impl Default for Lock {
    /// The latest that was ever recorded: better to ask the new platform in vain than to refuse what it would do.
    fn default() -> Self {
        Self { day: 20, months: 3 }
    }
}

impl Lock {
    /// True if a transaction of `at` may not be changed at `now`.
    pub fn holds(self, at: Timestamp, now: Timestamp) -> bool {
        self.locks(at).is_some_and(|locks| locks <= Day::of(now))
    }

    /// The day from which on a transaction of `at` may not be changed.
    pub fn locks(self, at: Timestamp) -> Option<Day> {
        Day::of(at).in_later_month(self.months.into(), self.day.into())
    }

    /// The transactions before this moment, and no others, may not be changed at `now`: all of a month lock together.
    pub fn locked_before(self, now: Timestamp) -> Timestamp {
        let today = Day::of(now);
        let (_, _, day) = today.civil();
        let passed = i64::from(day >= i64::from(self.day));
        let first = today.in_later_month(passed.saturating_sub(self.months.into()), 1);
        first.map_or(Timestamp::from_millis(i64::MIN), Day::start)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    #[test]
    fn a_month_locks_together() {
        let lock = Lock { day: 20, months: 3 };
        for (at, locks) in
            [("2026-01-01", "2026-04-20"), ("2026-01-31", "2026-04-20"), ("2026-11-30", "2027-02-20")]
        {
            assert_eq!(lock.locks(day(at).start()), Some(day(locks)), "{at}");
        }
        for (now, before) in
            [("2026-04-19", "2026-01-01"), ("2026-04-20", "2026-02-01"), ("2027-02-20", "2026-12-01")]
        {
            assert_eq!(lock.locked_before(day(now).start()), day(before).start(), "on {now}");
        }
    }

    proptest! {
        /// Asked of one or of all, the answer is the same.
        #[test]
        fn what_is_before_the_moment_is_locked_and_nothing_else(
            days in 0_i64..20_000, later in 0_i64..500, day in 1_u32..29, months in 0_u32..13, millis in 0_i64..86_400_000
        ) {
            let lock = Lock { day, months };
            let at = Day::of(Timestamp::from_millis(0)).plus(days).start();
            let at = Timestamp::from_millis(at.as_millis() + millis);
            let now = Day::of(at).plus(later).start();
            prop_assert_eq!(lock.holds(at, now), at < lock.locked_before(now));
        }
    }
}
