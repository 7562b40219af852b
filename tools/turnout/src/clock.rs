//! The machine's clock, and times on the command line.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use units::Timestamp;

/// The machine's wall clock.
pub(crate) fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Reads a time from the command line: Unix milliseconds or RFC 3339.
pub(crate) fn parse_time(text: &str) -> Result<Timestamp, String> {
    if let Ok(millis) = text.parse() {
        return Ok(Timestamp::from_millis(millis));
    }
    let parsed: Result<jiff::Timestamp, _> = text.parse();
    parsed.map(|time| Timestamp::from_millis(time.as_millisecond())).map_err(|_| {
        format!(
            "`{text}` is no time: write 2026-11-23T19:31:00Z, or milliseconds since 1970 as 1795462260000"
        )
    })
}

/// Reads a duration from the command line: `250ms`, `30s`, `15m`, `2h`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    relay::policy::parse_duration(text)
        .ok_or_else(|| format!("`{text}` is no duration: write 250ms, 30s, 15m or 2h"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_both_kinds() {
        assert_eq!(parse_time("1500"), Ok(Timestamp::from_millis(1500)));
        assert_eq!(parse_time("1970-01-01T00:00:01Z"), Ok(Timestamp::from_millis(1000)));
        for text in ["yesterday", "2026-11-23", "99999999999999999999", ""] {
            let told = parse_time(text).unwrap_err();
            assert!(told.starts_with(&format!("`{text}` is no time: write 2026-11-23T19:31:00Z")), "{told}");
        }
        assert!(parse_duration("30 parsecs").is_err());
    }
}
