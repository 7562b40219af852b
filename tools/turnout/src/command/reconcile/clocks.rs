//! The clocks that days are told by: each platform's own, and that of the period.

use std::collections::BTreeMap;

use reconciliation::coverage::day_text;
use reconciliation::{Ours, Period};
use reports::Clock;
use tracking::Home;
use tracking::dialect::report::Report;

use super::{Arguments, Failure, sources};

/// The clocks that days are told by.
pub(super) struct Clocks {
    pub(super) of: BTreeMap<Home, Clock>,
    days: Clock,
}

impl Clocks {
    pub(super) fn of(arguments: &Arguments, used: &[(Home, Report)]) -> Result<Self, Failure> {
        let mut of = BTreeMap::new();
        for (home, report) in used {
            of.insert(*home, sources::clock(report)?);
        }
        let first = of.values().next().cloned();
        let days = match (&arguments.zone, first) {
            (Some(zone), _) => Clock::new(zone)?,
            (None, Some(first)) => first,
            (None, None) => Clock::new("UTC")?,
        };
        Ok(Self { of, days })
    }

    pub(super) fn period(&self, arguments: &Arguments) -> Result<Period, Failure> {
        let day = |text: &str, after| {
            let start = self.days.start_of(text, after);
            start.ok_or_else(|| format!("`{text}` is no day: write it as 2026-11-30"))
        };
        let period = Period { from: day(&arguments.from, false)?, until: day(&arguments.to, true)? };
        if period.until <= period.from {
            return Err(format!("--to {} lies before --from {}", arguments.to, arguments.from).into());
        }
        Ok(period)
    }

    /// The days of a platform's clock that lie in the period as a whole: of a report that was cut by days no more can be
    /// expected.
    pub(super) fn whole_days(&self, home: Home, period: Period) -> Period {
        let clock = self.of.get(&home).unwrap_or(&self.days);
        let start = |at, after| clock.start_of(&day_text(clock.day(at)), after).unwrap_or(at);
        let from =
            if start(period.from, false) < period.from { start(period.from, true) } else { period.from };
        Period { from, until: start(period.until, false).max(from) }
    }

    /// The day of one of our rows, by the clock of the platform that has it.
    pub(super) fn day(&self, ours: &Ours) -> i64 {
        let clock = ours.owner.and_then(|owner| self.of.get(&owner)).unwrap_or(&self.days);
        clock.day(ours.received_at)
    }
}

#[cfg(test)]
mod tests {
    use units::Timestamp;

    use super::*;

    #[test]
    fn a_file_of_days_by_another_clock_has_the_days_that_lie_in_the_period_as_a_whole() {
        let clock = |name| Clock::new(name).unwrap();
        let of = [(Home::Primary, clock("UTC")), (Home::Legacy, clock("America/Chicago"))].into();
        let clocks = Clocks { of, days: clock("America/Chicago") };
        let at = |text| units::calendar::parse_time(text).unwrap();
        let between = |from, until| Period { from: at(from), until: at(until) };
        let november = between("2026-11-01T05:00:00Z", "2026-12-01T06:00:00Z");
        assert_eq!(clocks.whole_days(Home::Legacy, november), november);
        let in_utc = between("2026-11-02T00:00:00Z", "2026-12-01T00:00:00Z");
        assert_eq!(clocks.whole_days(Home::Primary, november), in_utc);
        let one_day = between("2026-11-30T06:00:00Z", "2026-12-01T06:00:00Z");
        let whole = clocks.whole_days(Home::Primary, one_day);
        assert_eq!((whole.from, whole.until), (at("2026-12-01T00:00:00Z"), at("2026-12-01T00:00:00Z")));
        assert!(!whole.holds(Timestamp::from_seconds(0)));
    }
}
