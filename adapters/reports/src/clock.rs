//! A platform's clock: days and moments by the rules of its zone.

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ZonedDateTime};
use units::Timestamp;

/// The name of a format that the letters of `strptime` cannot describe: with `Z` or an offset.
const RFC_3339: &str = "rfc3339";

/// A clock in a time zone.
#[derive(Clone, Debug)]
pub struct Clock {
    zone: TimeZone,
    name: String,
}

/// A name that is no zone's.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no time zone: a name of the IANA database is expected, as `America/Chicago` or `UTC`")]
pub struct ClockError(String);

/// What a text tells of a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Told {
    /// A moment, by itself.
    Moment(Timestamp),
    /// Day and time of day, by the clock.
    Civil(DateTime),
    /// A time of day.
    Time(Time),
}

impl Clock {
    /// The clock of the zone called `name`.
    ///
    /// # Errors
    /// If there is no such zone.
    pub fn new(name: &str) -> Result<Self, ClockError> {
        let zone = TimeZone::get(name).map_err(|_| ClockError(name.to_owned()))?;
        Ok(Self { zone, name: name.to_owned() })
    }

    /// The zone's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The day that the clock shows at `at`, counted from 1970-01-01.
    pub fn day(&self, at: Timestamp) -> i64 {
        let civil = self.zoned(at).map_or_else(Date::default, |zoned| zoned.date());
        days(civil)
    }

    /// The first moment of the day that `text` writes as `2026-11-01`, or that of the next day if `after`. A day
    /// without a midnight begins with its first moment.
    pub fn start_of(&self, text: &str, after: bool) -> Option<Timestamp> {
        let date: Date = text.parse().ok()?;
        let date = if after { date.tomorrow().ok()? } else { date };
        let start = date.to_zoned_datetime(self.zone.clone()).ok()?.start_of_day().ok()?;
        Some(Timestamp::from_millis(start.timestamp().as_millisecond()))
    }

    /// `at` by the clock, in the letters of `strftime`.
    pub fn write(&self, at: Timestamp, format: &str) -> Option<String> {
        strtime::format(format, &self.zoned(at)?).ok()
    }

    /// The moment that the clock shows as `civil`. Of an hour that comes twice the first counts; one that is left out
    /// counts as the one behind it.
    pub(crate) fn moment(&self, civil: DateTime) -> Option<Timestamp> {
        let zoned = self.zone.to_ambiguous_zoned_datetime(civil).compatible().ok()?;
        Some(Timestamp::from_millis(zoned.timestamp().as_millisecond()))
    }

    fn zoned(&self, at: Timestamp) -> Option<ZonedDateTime> {
        let at = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
        Some(at.to_zoned_datetime(self.zone.clone()))
    }
}

/// What `text` tells, written as `format` says.
pub(crate) fn told(format: &str, text: &str) -> Option<Told> {
    if format == RFC_3339 {
        let moment: jiff::Timestamp = text.parse().ok()?;
        return Some(Told::Moment(Timestamp::from_millis(moment.as_millisecond())));
    }
    let parsed = strtime::parse(format, text).ok()?;
    if parsed.offset().is_some() {
        let moment = parsed.to_timestamp().ok()?;
        return Some(Told::Moment(Timestamp::from_millis(moment.as_millisecond())));
    }
    match (parsed.to_date(), parsed.to_time()) {
        (Ok(date), Ok(time)) => Some(Told::Civil(date.to_datetime(time))),
        (Ok(date), Err(_)) => Some(Told::Civil(date.to_datetime(Time::midnight()))),
        // Without an hour there is no time of day, whatever is taken for it.
        (Err(_), Ok(time)) => parsed.hour().map(|_| Told::Time(time)),
        (Err(_), Err(_)) => None,
    }
}

/// True if times can be written as `format` says.
pub(crate) fn is_format(format: &str) -> bool {
    if format == RFC_3339 {
        return true;
    }
    let sample = DateTime::constant(2026, 11, 23, 19, 31, 0, 0);
    let written =
        sample.to_zoned_datetime(TimeZone::UTC).ok().and_then(|zoned| strtime::format(format, &zoned).ok());
    written.is_some_and(|text| told(format, &text).is_some())
}

/// Days since 1970-01-01.
fn days(date: Date) -> i64 {
    let since = date.duration_since(Date::constant(1970, 1, 1));
    since.as_secs().div_euclid(SignedDuration::from_hours(24).as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chicago() -> Clock {
        Clock::new("America/Chicago").unwrap()
    }

    #[test]
    fn a_day_ends_when_the_platforms_clock_says_so() {
        let at = |text: &str| {
            let at: jiff::Timestamp = text.parse().unwrap();
            Timestamp::from_millis(at.as_millisecond())
        };
        // 2026-11-01 is the day on which the clock goes back: 25 hours from 05:00 UTC to 06:00 UTC.
        let clock = chicago();
        let start = clock.start_of("2026-11-01", false).unwrap();
        let end = clock.start_of("2026-11-01", true).unwrap();
        assert_eq!((start, end), (at("2026-11-01T05:00:00Z"), at("2026-11-02T06:00:00Z")));
        assert_eq!(clock.day(start), clock.day(Timestamp::from_millis(end.as_millis() - 1)));
        assert_eq!(clock.day(end), clock.day(start) + 1);
        assert_eq!(Clock::new("UTC").unwrap().day(at("1970-01-03T00:00:00Z")), 2);
        assert_eq!(Clock::new("UTC").unwrap().day(at("1969-12-31T23:59:59Z")), -1);
        assert!(Clock::new("Middle/Earth").unwrap_err().to_string().contains("IANA"));
    }

    #[test]
    fn an_hour_that_comes_twice_or_never_is_a_moment() {
        let clock = chicago();
        let moment = |format, text| match told(format, text) {
            Some(Told::Civil(civil)) => clock.moment(civil).map(|at| at.to_string()),
            other => panic!("{other:?}"),
        };
        let format = "%m/%d/%Y %I:%M:%S %p";
        assert_eq!(moment(format, "11/01/2026 01:30:00 AM").as_deref(), Some("2026-11-01T06:30:00.000Z"));
        assert_eq!(moment(format, "03/08/2026 02:30:00 AM").as_deref(), Some("2026-03-08T08:30:00.000Z"));
        assert_eq!(moment(format, "01/03/2021 12:41:28 PM").as_deref(), Some("2021-01-03T18:41:28.000Z"));
    }

    #[test]
    fn texts_tell_what_they_can() {
        assert!(matches!(told("%Y-%m-%d %H:%M:%S%.f", "2021-01-03 00:00:00.0"), Some(Told::Civil(_))));
        assert!(matches!(told("%I:%M:%S %p", "12:38:39 PM"), Some(Told::Time(_))));
        assert!(matches!(told("%Y-%m-%dT%H:%M:%S%:z", "2021-01-03T00:00:00+01:00"), Some(Told::Moment(_))));
        assert!(matches!(told("rfc3339", "2021-01-03T00:00:00Z"), Some(Told::Moment(_))));
        assert_eq!(told("%Y-%m-%d", "yesterday"), None);
        assert!(is_format("%m/%d/%Y") && is_format("%I:%M:%S %p") && !is_format("%Q!") && !is_format("day"));
    }
}
