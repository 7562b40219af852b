//! Reports of what the books said at a moment, as text for programs.

use std::fmt::Write as _;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ledger::{AsOf, LedgerError, Report, ReportBy, ReportGroup, Sums};
use serde::Deserialize;
use serde_json::{Value, json};
use units::{Currency, Money, Timestamp};

use super::Hall;
use super::reply::Refusal;
use super::transactions::{beside, time};
use crate::serve::now;

pub(super) fn router() -> Router<Hall> {
    Router::new().route("/report", get(report))
}

/// What is asked for.
#[derive(Deserialize)]
struct Wanted {
    by: String,
    happened_until: Option<String>,
    recorded_until: Option<String>,
    #[serde(default)]
    format: String,
}

async fn report(State(hall): State<Hall>, Query(wanted): Query<Wanted>) -> Result<Response, Refusal> {
    let by = ReportBy::parse(&wanted.by).ok_or_else(|| {
        let names = ReportBy::ALL.map(ReportBy::name).join(", ");
        Refusal::bad_request(format!("`by` is `{}`; it is one of {names}", wanted.by))
    })?;
    let as_of = as_of(&wanted, now())?;
    let csv = match wanted.format.as_str() {
        "csv" => true,
        "" | "json" => false,
        other => {
            return Err(Refusal::bad_request(format!("`format` is `{other}`; it is `json` or `csv`")));
        }
    };
    let text = beside(&hall, move |ledger| {
        let report = ledger.report(by, as_of)?;
        if csv { as_csv(by, as_of, &report) } else { as_json(by, as_of, &report) }
    });
    let kind = if csv { "text/csv; charset=utf-8" } else { "application/json" };
    Ok(([(header::CONTENT_TYPE, kind)], text.await?).into_response())
}

/// The two times. What the books say at a moment is known once it is over.
fn as_of(wanted: &Wanted, now: Timestamp) -> Result<AsOf, Refusal> {
    let told = |name, text: &Option<String>| text.as_deref().map(|text| time(name, text)).transpose();
    let latest = Timestamp::from_millis(now.as_millis().saturating_sub(1));
    let recorded_until = told("recorded_until", &wanted.recorded_until)?.unwrap_or(latest);
    if recorded_until > latest {
        let message = format!(
            "`recorded_until` is {recorded_until}, which is not over yet: what the books say at a moment is known after it"
        );
        return Err(Refusal::bad_request(message));
    }
    let happened_until = told("happened_until", &wanted.happened_until)?.unwrap_or(recorded_until);
    Ok(AsOf { happened_until, recorded_until })
}

fn as_json(by: ReportBy, as_of: AsOf, report: &Report) -> Result<String, LedgerError> {
    let mut lines = Vec::with_capacity(report.len());
    for ((group, currency), sums) in report {
        let mut line = json!({
            "currency": currency.map(|currency| currency.code().to_owned()),
            "transactions": sums.transactions,
        });
        line[by.name()] = match group {
            ReportGroup::Party(id) => json!(id),
            ReportGroup::Day(_) | ReportGroup::Status(_) => json!(written(*group)),
        };
        for (name, amount) in columns(by, *currency, sums)? {
            line[name] = json!(amount);
        }
        lines.push(line);
    }
    let report = json!({
        "by": by.name(),
        "happened_until": as_of.happened_until.to_string(),
        "recorded_until": as_of.recorded_until.to_string(),
        "lines": Value::Array(lines),
    });
    Ok(report.to_string())
}

/// Every cell is a word of ours, an id or a number, so that none can be taken for a formula.
fn as_csv(by: ReportBy, as_of: AsOf, report: &Report) -> Result<String, LedgerError> {
    let mut text = format!("{},currency,transactions", by.name());
    for (name, _) in columns(by, None, &Sums::default())? {
        // Writing into memory cannot fail, here and below.
        let _written = write!(text, ",{name}");
    }
    text.push_str(",happened_until,recorded_until\r\n");
    for ((group, currency), sums) in report {
        let code = currency.map(|currency| currency.code().to_owned()).unwrap_or_default();
        let _written = write!(text, "{},{code},{}", written(*group), sums.transactions);
        for (_, amount) in columns(by, *currency, sums)? {
            let _written = write!(text, ",{}", amount.unwrap_or_default());
        }
        let _written = write!(text, ",{},{}\r\n", as_of.happened_until, as_of.recorded_until);
    }
    Ok(text)
}

fn written(group: ReportGroup) -> String {
    match group {
        ReportGroup::Party(id) => id.to_string(),
        ReportGroup::Day(day) => {
            let (year, month, day) = day.civil();
            format!("{year:04}-{month:02}-{day:02}")
        }
        ReportGroup::Status(status) => status.name().to_owned(),
    }
}

/// The sums that mean something in a report of this kind, as decimal numbers of their currency.
fn columns(
    by: ReportBy,
    currency: Option<Currency>,
    sums: &Sums,
) -> Result<Vec<(&'static str, Option<String>)>, LedgerError> {
    let publishers = [("earned", sums.earned), ("paid", sums.paid), ("owed", sums.owed)];
    let others = [("charged", sums.charged), ("network", sums.network)];
    let wanted: Vec<(&'static str, i128)> = match by {
        ReportBy::Publisher => publishers.to_vec(),
        ReportBy::Advertiser => others.into_iter().take(1).collect(),
        ReportBy::Day | ReportBy::Status => publishers.into_iter().chain(others).collect(),
    };
    let told = |(name, minor): (&'static str, i128)| {
        let Some(currency) = currency else { return Ok((name, None)) };
        let large = |_| LedgerError::Corrupt {
            what: "a sum that is larger than can be told,",
            value: minor.to_string(),
        };
        let minor = i64::try_from(minor).map_err(large)?;
        Ok((name, Some(Money::from_minor(minor, currency).decimal())))
    };
    wanted.into_iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use units::Day;

    use super::*;

    fn wanted(happened: Option<&str>, recorded: Option<&str>) -> Wanted {
        let text = |text: Option<&str>| text.map(str::to_owned);
        Wanted {
            by: "day".to_owned(),
            happened_until: text(happened),
            recorded_until: text(recorded),
            format: String::new(),
        }
    }

    #[test]
    fn a_moment_that_is_not_over_is_refused() {
        let now = Day::parse("2026-11-23").unwrap().start();
        assert!(as_of(&wanted(None, Some("2026-11-23")), now).is_err(), "this very millisecond");
        assert!(as_of(&wanted(None, Some("soon")), now).is_err());
        let usual = as_of(&wanted(None, None), now).unwrap();
        assert_eq!(usual.recorded_until.as_millis(), now.as_millis() - 1);
        assert_eq!(usual.happened_until, usual.recorded_until);
        let past = as_of(&wanted(Some("2026-11-01T12:00:00Z"), Some("2026-11-02")), now).unwrap();
        assert!(past.happened_until < past.recorded_until);
    }

    #[test]
    fn sums_are_decimal_numbers_of_their_currency() {
        let sums = Sums { transactions: 2, earned: 80, paid: 160, owed: -80, charged: 0, network: 0 };
        let report: Report = [((ReportGroup::Party(456), Some(Currency::USD)), sums)].into_iter().collect();
        let at = Timestamp::from_millis(0);
        let as_of = AsOf { happened_until: at, recorded_until: at };
        let csv = as_csv(ReportBy::Publisher, as_of, &report).unwrap();
        assert_eq!(
            csv,
            "publisher,currency,transactions,earned,paid,owed,happened_until,recorded_until\r\n\
             456,USD,2,0.80,1.60,-0.80,1970-01-01T00:00:00.000Z,1970-01-01T00:00:00.000Z\r\n"
        );
        let json: Value =
            serde_json::from_str(&as_json(ReportBy::Publisher, as_of, &report).unwrap()).unwrap();
        assert_eq!(json["lines"][0]["owed"], "-0.80");
        assert_eq!(json["lines"][0]["publisher"], 456);
    }
}
