//! Which orders a question is about: the time in which they were received, and perhaps one programme.

use clap::Args;
use serde_json::Value;

use super::ask::{list, shown};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A time, and perhaps a programme.
#[derive(Debug, Args)]
pub(crate) struct Span {
    /// Received from here on: a day, which begins at 00:00 UTC, or a time as 2027-01-01T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: String,
    /// Until here, exclusively.
    #[arg(long, value_name = "TIME")]
    until: String,
    /// Only this programme's, by its legacy id.
    #[arg(long, value_name = "ID")]
    pub(crate) advertiser: Option<u64>,
}

impl Span {
    /// Both ends in milliseconds since 1970.
    pub(crate) fn times(&self) -> Result<(i64, i64), Failure> {
        let (since, until) = (time("--since", &self.since)?, time("--until", &self.until)?);
        if since >= until {
            return Err("--until is not after --since".into());
        }
        Ok((since, until))
    }

    /// The same as a query.
    pub(crate) fn query(&self) -> Result<String, Failure> {
        let (since, until) = self.times()?;
        let only = self.advertiser.map(|id| format!("&advertiser_id={id}")).unwrap_or_default();
        Ok(format!("since={since}&until={until}{only}"))
    }
}

fn time(option: &str, text: &str) -> Result<i64, Failure> {
    let whole = if text.len() == "2027-01-01".len() { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let at: Result<jiff::Timestamp, _> = whole.parse();
    let wrong = |_| format!("{option} is `{text}`: write 2027-01-01 or 2027-01-01T12:00:00Z");
    Ok(at.map_err(wrong)?.as_millisecond())
}

/// What could not be decided about, and whether there was more than was looked at.
pub(crate) fn print_failures(answer: &Value) {
    for failed in list(answer, "failed") {
        println!("NOT DECIDED {}: {}", shown(&failed["event_id"]), shown(&failed["why"]));
    }
    if answer.get("more") == Some(&Value::Bool(true)) {
        println!("there are more orders than one question is answered for: ask for a shorter time");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight() {
        assert_eq!(time("--since", "2027-01-01").unwrap(), 1_798_761_600_000);
        assert_eq!(time("--since", "2027-01-01T00:00:01Z").unwrap(), 1_798_761_601_000);
        assert!(time("--since", "January").unwrap_err().to_string().contains("--since is `January`"));
    }
}
