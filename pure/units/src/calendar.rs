//! Days and the ways in which people and programs write them.
//!
//! A [`Day`] has no zone. Times without a zone count as UTC, which the reader of a date must allow for.

use crate::Timestamp;

const SECONDS_PER_DAY: i64 = 86_400;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// A day, counted from 1970-01-01.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Day(i64);

impl Day {
    /// The day of `year`, `month` (from 1) and `day` (from 1); none if there is no such day.
    pub fn new(year: i64, month: i64, day: i64) -> Option<Self> {
        let known = (1..=9999).contains(&year) && (1..=12).contains(&month);
        let exists = known && (1..=days_of(year, month)).contains(&day);
        exists.then(|| Self(days_from_civil(year, month, day)))
    }

    /// The day of `at`, in UTC.
    pub const fn of(at: Timestamp) -> Self {
        Self(at.as_seconds().div_euclid(SECONDS_PER_DAY))
    }

    /// Its first moment, in UTC.
    pub const fn start(self) -> Timestamp {
        Timestamp::from_seconds(self.0.saturating_mul(SECONDS_PER_DAY))
    }

    /// How many days lie between this one and `other`.
    pub const fn distance(self, other: Self) -> u64 {
        self.0.abs_diff(other.0)
    }

    /// The day that is `days` later; earlier if that is negative.
    #[must_use]
    pub const fn plus(self, days: i64) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// Year, month and day.
    pub fn civil(self) -> (i64, i64, i64) {
        crate::time::civil_from_days(self.0)
    }

    /// The day of the month `day` in the month that is `months` after this one's.
    pub fn in_later_month(self, months: i64, day: i64) -> Option<Self> {
        let (year, month, _) = self.civil();
        let count = year.checked_mul(12)?.checked_add(month)?.checked_sub(1)?.checked_add(months)?;
        Self::new(count.div_euclid(12), count.rem_euclid(12).checked_add(1)?, day)
    }

    /// Reads a day as `11/23/2026`, `2026-11-23`, `23 Nov 2026` or `Nov 23, 2026`, with or without a time behind it.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let words: Vec<&str> = text.split([' ', ',']).filter(|word| !word.is_empty()).collect();
        let first = words.first()?;
        let date = first.split(['T', 't']).next().filter(|_| first.starts_with(|c: char| c.is_ascii_digit()));
        if let Some(date) = date {
            for (mark, order) in [('/', [2, 0, 1]), ('-', [0, 1, 2])] {
                let parts: Vec<&str> = date.split(mark).collect();
                if parts.len() == 3 {
                    let part = |place: usize| number(parts.get(*order.get(place)?)?);
                    return Self::new(full_year(part(0)?), part(1)?, part(2)?);
                }
            }
        }
        let start = usize::from(is_weekday(first));
        let [one, two, three] = words.get(start..start.checked_add(3)?)? else { return None };
        let (month, day) = match (month(two), month(one)) {
            (Some(month), _) => (month, number(one)?),
            (None, Some(month)) => (month, number(two)?),
            (None, None) => return None,
        };
        Self::new(full_year(number(three)?), month, day)
    }
}

/// Two digits are of this century: the dates that are read here are those of orders.
const fn full_year(year: i64) -> i64 {
    if year < 100 { year.saturating_add(2000) } else { year }
}

fn number(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn month(text: &str) -> Option<i64> {
    let start: String = text.chars().take(3).collect::<String>().to_ascii_lowercase();
    let place = MONTHS.iter().position(|name| *name == start)?;
    i64::try_from(place).ok()?.checked_add(1)
}

fn is_weekday(word: &str) -> bool {
    let start: String = word.chars().take(3).collect::<String>().to_ascii_lowercase();
    ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].contains(&start.as_str())
}

/// `at` in UTC as `2026-11-23 19:31:00`.
pub fn written(at: Timestamp) -> String {
    let text = at.to_string();
    let (day, clock) = text.split_once('T').unwrap_or((&text, ""));
    format!("{day} {}", clock.split('.').next().unwrap_or_default())
}

/// `at` on the clocks of the central United States, as `2026-11-23 13:31:00`: six hours behind UTC, and five from
/// 2:00 on the second Sunday in March to 2:00 on the first Sunday in November.
pub fn written_in_us_central(at: Timestamp) -> String {
    let (year, ..) = Day::of(at).civil();
    let change = |month, first: i64, hour: i64| {
        let day = Day::new(year, month, first)?;
        // 1970-01-01 was a Thursday.
        let to_sunday = 6_i64.saturating_sub(day.0.saturating_add(3).rem_euclid(7));
        Some(day.plus(to_sunday).start().as_seconds().saturating_add(hour.saturating_mul(3600)))
    };
    let summer = change(3, 8, 8).zip(change(11, 1, 7));
    let is_summer = summer.is_some_and(|(from, to)| (from..to).contains(&at.as_seconds()));
    let behind = if is_summer { 5 * 3600 } else { 6 * 3600 };
    written(at.minus(core::time::Duration::from_secs(behind)))
}

/// Reads a point in time as programs write it in a header: RFC 1123 with a name or an offset as its zone, padded or
/// not, or ISO 8601 with `T` or a blank and with or without a zone. Without one it is UTC.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let day = Day::parse(text)?;
    // The time of day is what has colons in it.
    let from = text.find(':').and_then(|colon| text.get(..colon)?.rfind([' ', 'T', 't']))?;
    let rest = text.get(from.checked_add(1)?..)?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && !matches!(c, ':' | '.')).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at_checked(end)?;
    let mut parts = clock.split(':');
    let (hour, minute) = (number(parts.next()?)?, number(parts.next()?)?);
    let second = parts.next().map_or(Some(0), |part| number(part.split('.').next()?))?;
    let valid = parts.next().is_none() && hour < 24 && minute < 60 && second <= 60;
    let seconds = hour.checked_mul(3600)?.checked_add(minute.checked_mul(60)?)?.checked_add(second)?;
    let at = day.start().as_seconds().checked_add(seconds)?.checked_sub(offset(zone.trim())?)?;
    valid.then(|| Timestamp::from_seconds(at))
}

/// How many seconds a zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    if zone.is_empty() || ["GMT", "UTC", "UT", "Z"].iter().any(|name| zone.eq_ignore_ascii_case(name)) {
        return Some(0);
    }
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1_i64, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let digits: String = digits.chars().filter(|c| *c != ':').collect();
    let (hours, minutes) = digits.split_at_checked(2).filter(|_| digits.len() == 4)?;
    let seconds = number(hours)?.checked_mul(3600)?.checked_add(number(minutes)?.checked_mul(60)?)?;
    sign.checked_mul(seconds)
}

const fn is_leap(year: i64) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

const fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The reverse of [`crate::time::civil_from_days`], by counting whole years and months.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let before = year.saturating_sub(1);
    let leaps =
        before.div_euclid(4).saturating_sub(before.div_euclid(100)).saturating_add(before.div_euclid(400));
    let years = before.saturating_mul(365).saturating_add(leaps);
    let months: i64 = (1..month).map(|month| days_of(year, month)).sum();
    // 719,162 days lie before 1970-01-01 in this count.
    years.saturating_add(months).saturating_add(day).saturating_sub(719_163)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn days_are_read_in_every_form() {
        let day = Day::new(2026, 11, 3);
        for text in [
            "11/03/2026",
            "11/3/2026",
            "11/3/26",
            "2026-11-03",
            "2026-11-03 10:11:12",
            "2026-11-03T10:11:12Z",
            "3 Nov 2026",
            "Nov 3, 2026",
            "Tue, 03 Nov 2026 22:44:22 GMT",
            " 11/03/2026 09:00:00 AM ",
        ] {
            assert_eq!(Day::parse(text), day, "{text}");
        }
        for text in ["", "tomorrow", "13/13/2026", "02/30/2026", "2026", "1/2", "11/03/20266", "Nov 2026"] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_read_in_the_five_shapes_of_clients() {
        let at = Timestamp::from_seconds(1_302_821_062);
        for text in [
            "Thu, 14 Apr 2011 22:44:22 GMT",
            "Thu, 14 Apr 2011 22:44:22 +0000",
            "2011-04-14 22:44:22 GMT",
            "2011-04-14T22:44:22Z",
            "2011-04-14T22:44:22.123+00:00",
            "Fri, 15 Apr 2011 00:44:22 +0200",
        ] {
            assert_eq!(parse_time(text), Some(at), "{text}");
        }
        let early = Timestamp::from_seconds(1_302_771_903);
        assert_eq!(parse_time("Thu, 14 Apr 2011 9:5:3 +0000"), Some(early), "not padded");
        for text in ["", "Thu, 14 Apr 2011", "25:00", "2011-04-14 25:00:00", "2011-04-14 22:44:22 XYZ"] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    #[test]
    fn the_clocks_of_the_central_united_states() {
        for (utc, there) in [
            ("2026-11-23T19:31:00Z", "2026-11-23 13:31:00"),
            ("2026-07-01T04:59:59Z", "2026-06-30 23:59:59"),
            // The second Sunday in March 2026 is the 8th: 1:59:59 is followed by 3:00:00.
            ("2026-03-08T07:59:59Z", "2026-03-08 01:59:59"),
            ("2026-03-08T08:00:00Z", "2026-03-08 03:00:00"),
            // The first Sunday in November 2026 is the 1st: 1:59:59 is followed by 1:00:00.
            ("2026-11-01T06:59:59Z", "2026-11-01 01:59:59"),
            ("2026-11-01T07:00:00Z", "2026-11-01 01:00:00"),
            ("2021-03-14T08:00:00Z", "2021-03-14 03:00:00"),
            ("2021-11-07T06:59:59Z", "2021-11-07 01:59:59"),
            ("2021-11-07T07:00:00Z", "2021-11-07 01:00:00"),
        ] {
            assert_eq!(written_in_us_central(parse_time(utc).unwrap()), there, "{utc}");
        }
        assert_eq!(written(parse_time("2026-11-23T19:31:00Z").unwrap()), "2026-11-23 19:31:00");
    }

    #[test]
    fn a_day_in_a_later_month() {
        let day = Day::new(2026, 11, 23).unwrap();
        assert_eq!(day.in_later_month(1, 20), Day::new(2026, 12, 20));
        assert_eq!(day.in_later_month(3, 20), Day::new(2027, 2, 20));
        assert_eq!(day.in_later_month(3, 30), None);
    }

    proptest! {
        #[test]
        fn a_day_is_found_again(days in -700_000_i64..2_900_000) {
            let (year, month, day) = Day(days).civil();
            prop_assert_eq!(Day::new(year, month, day), Some(Day(days)));
            prop_assert_eq!(Day::of(Day(days).start()), Day(days));
        }

        #[test]
        fn no_text_breaks_the_reader(text: String, digits in "[0-9/:T .+-]{0,24}") {
            let _read = (Day::parse(&text), parse_time(&text), Day::parse(&digits), parse_time(&digits));
        }
    }
}
