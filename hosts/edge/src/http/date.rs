//! The `date` header, formatted once a second.

use units::Timestamp;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The header's value for the last second that was asked for.
#[derive(Debug, Default)]
pub(crate) struct DateLine {
    second: Option<i64>,
    text: String,
}

impl DateLine {
    /// The value at `now`, as `Mon, 23 Nov 2026 19:31:00 GMT`.
    pub(crate) fn at(&mut self, now: Timestamp) -> &str {
        let second = now.as_seconds();
        if self.second != Some(second) {
            self.second = Some(second);
            self.text = format(now);
        }
        &self.text
    }
}

fn format(now: Timestamp) -> String {
    // 1970-01-01 was a Thursday; the rest is cut out of RFC 3339, whose places are fixed.
    let day = usize::try_from(now.as_seconds().div_euclid(86_400).rem_euclid(7)).unwrap_or(0);
    let iso = now.to_string();
    let part = |range: std::ops::Range<usize>| iso.get(range).unwrap_or_default();
    let month = part(5..7).parse::<usize>().unwrap_or(1).saturating_sub(1);
    let name = |names: &[&'static str], at: usize| names.get(at).copied().unwrap_or_default();
    let (weekday, month) = (name(&DAYS, day), name(&MONTHS, month));
    format!("{weekday}, {} {month} {} {} GMT", part(8..10), part(0..4), part(11..19))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_http_wants_them() {
        let mut line = DateLine::default();
        for (second, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (1_795_462_260, "Mon, 23 Nov 2026 19:31:00 GMT"),
        ] {
            assert_eq!(line.at(Timestamp::from_seconds(second)), text);
        }
    }
}
