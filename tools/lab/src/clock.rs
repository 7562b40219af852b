//! The lab's only clock, and the platforms' date formats.

use std::time::{SystemTime, UNIX_EPOCH};

const DAY_SECONDS: i64 = 86_400;
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Milliseconds since 1970, UTC.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX))
}

/// A moment as year, month, day, hour, minute, second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
}

impl Civil {
    /// The UTC moment of a number of seconds since 1970.
    pub(crate) fn from_seconds(seconds: i64) -> Self {
        let mut days = seconds.div_euclid(DAY_SECONDS);
        let rest = seconds.rem_euclid(DAY_SECONDS);
        let mut year = 1970;
        while days < 0 || days >= days_in_year(year) {
            if days < 0 {
                year -= 1;
                days += days_in_year(year);
            } else {
                days -= days_in_year(year);
                year += 1;
            }
        }
        let mut month = 1;
        while days >= days_in_month(year, month) {
            days -= days_in_month(year, month);
            month += 1;
        }
        Self { year, month, day: days + 1, hour: rest / 3600, minute: rest / 60 % 60, second: rest % 60 }
    }

    /// Seconds since 1970, or nothing when a field is out of range.
    pub(crate) fn seconds(&self) -> Option<i64> {
        let fits = (1900..=2200).contains(&self.year)
            && (1..=12).contains(&self.month)
            && (1..=days_in_month(self.year, self.month)).contains(&self.day)
            && (0..24).contains(&self.hour)
            && (0..60).contains(&self.minute)
            && (0..=60).contains(&self.second);
        if !fits {
            return None;
        }
        let years: i64 = if self.year >= 1970 {
            (1970..self.year).map(days_in_year).sum()
        } else {
            -(self.year..1970).map(days_in_year).sum::<i64>()
        };
        let months: i64 = (1..self.month).map(|month| days_in_month(self.year, month)).sum();
        let days = years + months + self.day - 1;
        Some(days * DAY_SECONDS + self.hour * 3600 + self.minute * 60 + self.second)
    }
}

/// `yyyy-MM-ddThh:mm:ss`, as the primary's interface writes times.
pub(crate) fn iso(ms: u64) -> String {
    let at = Civil::from_seconds(i64::try_from(ms / 1000).unwrap_or(0));
    format!("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", at.year, at.month, at.day, at.hour, at.minute, at.second)
}

/// The moment by the clock of the legacy platform, US Central: six hours behind, five from the second Sunday of
/// March to the first of November, at two in the morning.
pub(crate) fn central(ms: u64) -> Civil {
    let seconds = i64::try_from(ms / 1000).unwrap_or(0);
    let standard = Civil::from_seconds(seconds - 6 * 3600);
    let (from, to) = (sunday(standard.year, 3, 2), sunday(standard.year, 11, 1));
    let at = |day: i64, hour: i64| DAY_SECONDS * day + hour * 3600;
    // In standard time the summer begins at two and ends at one.
    let local = seconds - 6 * 3600;
    if (at(from, 2)..at(to, 1)).contains(&local) { Civil::from_seconds(seconds - 5 * 3600) } else { standard }
}

/// The day of the `nth` Sunday of a month, since 1970-01-01, which was a Thursday.
fn sunday(year: i64, month: i64, nth: i64) -> i64 {
    let first = Civil { year, month, day: 1, hour: 0, minute: 0, second: 0 };
    let first = first.seconds().unwrap_or(0) / DAY_SECONDS;
    first + (3 - first).rem_euclid(7) + 7 * (nth - 1)
}

/// `mm/dd/yyyy hh:mm:ss AM` by the legacy platform's clock, as its reports write times.
pub(crate) fn central_text(ms: u64) -> String {
    let at = central(ms);
    let (half, hour) = (if at.hour < 12 { "AM" } else { "PM" }, (at.hour + 11) % 12 + 1);
    format!("{:02}/{:02}/{:04} {hour:02}:{:02}:{:02} {half}", at.month, at.day, at.year, at.minute, at.second)
}

/// Reads `mm/dd/yyyy`: the day since 1970-01-01.
pub(crate) fn parse_slashed(text: &str) -> Option<i64> {
    let mut parts = text.trim().split('/').map(number);
    let (month, day, year) = (parts.next()??, parts.next()??, parts.next()??);
    let at = Civil { year, month, day, hour: 0, minute: 0, second: 0 };
    Some(at.seconds()? / DAY_SECONDS)
}

/// The day of `ms` by the legacy platform's clock, since 1970-01-01.
pub(crate) fn central_day(ms: u64) -> i64 {
    let at = Civil { hour: 0, minute: 0, second: 0, ..central(ms) };
    at.seconds().unwrap_or(0) / DAY_SECONDS
}

/// Reads `yyyy-MM-dd[T or space]hh:mm:ss`, with or without a zone word; the zone is not applied.
pub(crate) fn parse_iso(text: &str) -> Option<i64> {
    let (date, time) = text.trim().split_once(['T', ' '])?;
    let mut date = date.split('-').map(number);
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let time = time.split([' ', 'Z', '+', '.']).next()?;
    let (hour, minute, second) = parse_time(time)?;
    Civil { year, month, day, hour, minute, second }.seconds()
}

/// Reads the shapes that clients of the signed legacy interface send: `Thu, 14 Apr 2011 22:44:22 GMT`, the same with
/// `+0000` or without zero padding, and `2022-10-20 12:00:00 GMT`.
pub(crate) fn parse_signed_date(text: &str) -> Option<i64> {
    let text = text.trim();
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        return parse_iso(text);
    }
    let (_, rest) = text.split_once(',')?;
    let mut words = rest.split_whitespace();
    let day = number(words.next()?)?;
    let name = words.next()?.to_ascii_lowercase();
    let month =
        MONTHS.iter().position(|month| name.starts_with(month)).and_then(|at| i64::try_from(at + 1).ok())?;
    let year = number(words.next()?)?;
    let (hour, minute, second) = parse_time(words.next()?)?;
    Civil { year, month, day, hour, minute, second }.seconds()
}

fn parse_time(text: &str) -> Option<(i64, i64, i64)> {
    let mut parts = text.split(':').map(number);
    Some((parts.next()??, parts.next()??, parts.next()??))
}

fn number(text: &str) -> Option<i64> {
    text.parse().ok()
}

fn days_in_year(year: i64) -> i64 {
    if is_leap(year) { 366 } else { 365 }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_there_and_back() {
        for seconds in [0, 951_782_400, 1_302_821_062, 1_709_164_800, 4_102_444_799] {
            assert_eq!(Civil::from_seconds(seconds).seconds(), Some(seconds));
        }
        assert_eq!(iso(1_302_821_062_000), "2011-04-14T22:44:22");
        assert_eq!(parse_slashed("04/14/2011"), Some(1_302_821_062 / DAY_SECONDS));
    }

    #[test]
    fn the_legacy_clock_is_that_of_us_central() {
        for (seconds, text) in [
            (1_302_821_062, "04/14/2011 05:44:22 PM"),
            // The clock goes forward on 2026-03-08 at 08:00 UTC, and back on 2026-11-01 at 07:00 UTC.
            (1_772_956_799, "03/08/2026 01:59:59 AM"),
            (1_772_956_800, "03/08/2026 03:00:00 AM"),
            (1_793_516_399, "11/01/2026 01:59:59 AM"),
            (1_793_516_400, "11/01/2026 01:00:00 AM"),
            (1_609_480_800, "01/01/2021 12:00:00 AM"),
        ] {
            assert_eq!(central_text(seconds * 1000), text);
        }
    }

    #[test]
    fn every_shape_of_the_signed_date_is_read() {
        let cases = [
            "Thu, 14 Apr 2011 22:44:22 GMT",
            "Thu, 14 Apr 2011 22:44:22 +0000",
            "Thu, 14 April 2011 22:44:22 GMT",
            "2011-04-14 22:44:22 GMT",
            "2011-04-14T22:44:22",
        ];
        for case in cases {
            assert_eq!(parse_signed_date(case), Some(1_302_821_062), "{case}");
        }
        assert_eq!(parse_signed_date("Thu, 14 Apr 2011 9:5:3 +0000"), Some(1_302_771_903));
        for bad in ["", "yesterday", "Thu, 32 Apr 2011 1:1:1", "2011-13-01 00:00:00"] {
            assert_eq!(parse_signed_date(bad), None, "{bad}");
        }
    }
}
