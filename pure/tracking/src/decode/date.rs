//! Days and times in the forms that clients of old interfaces write.

/// The day, and the time if there is one, in the one form that the event holds: `2026-11-23`, or
/// `2026-11-23T19:31:00` with `Z` or an offset behind it where the sender told its zone.
///
/// Read are `mm/dd/yyyy` (`-` and `.` as well), ISO 8601, and the forms of e-mail and HTTP headers
/// (`Thu, 14 Apr 2011 22:44:22 GMT`), with or without leading zeros and with `AM` and `PM`. None for
/// anything else, and for a day that no calendar has.
pub(super) fn read(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.split_once(',').filter(|(day, _)| is_word(day)).map_or(text, |(_, rest)| rest.trim());
    let (day, time) = split_day(text)?;
    let (year, month, day) = read_day(day)?;
    let mut written = format!("{year:04}-{month:02}-{day:02}");
    if let Some(time) = time {
        let (hour, minute, second, zone) = read_time(time)?;
        written.push_str(&format!("T{hour:02}:{minute:02}:{second:02}{zone}"));
    }
    Some(written)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// The day and the time behind it. A day with a month's name holds blanks itself.
fn split_day(text: &str) -> Option<(&str, Option<&str>)> {
    let first = text.split(' ').next()?;
    let parts = if first.bytes().all(|byte| byte.is_ascii_digit()) && first.len() <= 2 { 3 } else { 1 };
    let blank = text.match_indices(' ').nth(parts - 1).map(|(at, _)| at);
    let mark = (parts == 1).then(|| text.find(['T', 't'])).flatten();
    let at = match (blank, mark) {
        (Some(blank), Some(mark)) => Some(blank.min(mark)),
        (one, other) => one.or(other),
    };
    let Some(at) = at else { return Some((text, None)) };
    let (day, rest) = text.split_at_checked(at)?;
    Some((day, Some(rest.get(1..)?.trim()).filter(|rest| !rest.is_empty())))
}

fn read_day(text: &str) -> Option<(u32, u32, u32)> {
    let parts: Vec<&str> = text.split(['/', '-', '.', ' ']).collect();
    let [first, second, third] = parts.as_slice() else { return None };
    let number = |text: &str| {
        let digits = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u32>().ok()).flatten()
    };
    let (year, month, day) = match (month_named(second), first.len()) {
        (Some(month), _) => (number(third)?, month, number(first)?),
        (None, 4) => (number(first)?, number(second)?, number(third)?),
        (None, _) => (number(third)?, number(first)?, number(second)?),
    };
    let known = (1970..=9999).contains(&year) && (1..=12).contains(&month);
    (known && day >= 1 && day <= days_of(year, month)).then_some((year, month, day))
}

fn month_named(text: &str) -> Option<u32> {
    const NAMES: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let short = text.get(..3)?.to_ascii_lowercase();
    let place = NAMES.iter().position(|name| *name == short)?;
    u32::try_from(place.saturating_add(1)).ok()
}

const fn days_of(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Hour, minute, second and the zone as it is written behind them.
fn read_time(text: &str) -> Option<(u32, u32, u32, String)> {
    let end = text.find(|letter: char| !(letter.is_ascii_digit() || letter == ':')).unwrap_or(text.len());
    let (clock, rest) = text.split_at_checked(end)?;
    // A fraction of a second is nothing that any rule asks for.
    let rest =
        rest.strip_prefix('.').map_or(rest, |rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    let mut parts = clock.split(':').map(|part| part.parse::<u32>().ok());
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().unwrap_or(Some(0))?;
    let rest = rest.trim();
    let half = rest.get(..2).map(str::to_ascii_lowercase);
    let (hour, rest) = match half.as_deref() {
        Some("am") if (1..=12).contains(&hour) => (hour % 12, rest.get(2..)?.trim()),
        Some("pm") if (1..=12).contains(&hour) => (hour % 12 + 12, rest.get(2..)?.trim()),
        _ => (hour, rest),
    };
    let fits = hour < 24 && minute < 60 && second <= 60 && parts.next().is_none();
    fits.then_some(())?;
    Some((hour, minute, second, zone(rest)?))
}

fn zone(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some(String::new());
    }
    if ["z", "gmt", "utc", "ut"].iter().any(|name| text.eq_ignore_ascii_case(name)) {
        return Some("Z".to_owned());
    }
    let sign = text.chars().next().filter(|sign| matches!(sign, '+' | '-'))?;
    let digits: String = text.chars().skip(1).filter(|letter| *letter != ':').collect();
    let all = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let (hours, minutes) = digits.split_at_checked(2).filter(|_| all)?;
    Some(if digits == "0000" { "Z".to_owned() } else { format!("{sign}{hours}:{minutes}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_that_occurs() {
        for (text, day) in [
            ("01/03/2021", "2021-01-03"),
            ("1/3/2021", "2021-01-03"),
            ("2021-01-03", "2021-01-03"),
            ("01/03/2021 12:41:28 PM", "2021-01-03T12:41:28"),
            ("01/03/2021 12:05:00 AM", "2021-01-03T00:05:00"),
            ("2021-01-03 00:00:00.0", "2021-01-03T00:00:00"),
            ("2022-10-20 12:00:00 GMT", "2022-10-20T12:00:00Z"),
            ("2021-01-03T12:41:28Z", "2021-01-03T12:41:28Z"),
            ("2021-01-03T12:41:28.123+01:00", "2021-01-03T12:41:28+01:00"),
            ("2021-01-03T12:41", "2021-01-03T12:41:00"),
            ("Thu, 14 Apr 2011 22:44:22 GMT", "2011-04-14T22:44:22Z"),
            ("Thu, 14 Apr 2011 22:44:22 +0000", "2011-04-14T22:44:22Z"),
            ("Thu, 4 Apr 2011 9:5:3 +0000", "2011-04-04T09:05:03Z"),
            ("14 April 2011", "2011-04-14"),
            ("02/29/2024", "2024-02-29"),
        ] {
            assert_eq!(read(text).as_deref(), Some(day), "{text}");
        }
    }

    #[test]
    fn what_is_no_day() {
        for text in [
            "",
            "today",
            "13/01/2021",
            "02/29/2023",
            "00/01/2021",
            "2021-1",
            "01/03/21",
            "1/3/2021 25:00",
            "1/3/2021 1:61",
            "1/3/2021 10:00 somewhere",
            "20210103",
            "99999/1/1",
            "1/1/2021 13:00 PM",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
