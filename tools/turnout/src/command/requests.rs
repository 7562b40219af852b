//! `turnout requests`: what came in, what was decided, and what became of it.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use requestlog::{Query, Reader, RequestRow};
use serde_json::{Value, json};
use units::{Currency, EventId, Money, Timestamp};

use super::ask::{Where, list, shown, table};
use crate::cli::Outcome;
use crate::clock::parse_time;
use crate::log_place;

/// Requests that came in, the newest first: what they were, what was replied, and what became of the conversions.
///
/// It reads the request log of the data directory, or of the server that the processes keep it on, with or without a
/// running process. Conversions are kept for 400
/// days and everything else for 90, if the settings say nothing else. The log holds nothing personal.
///
/// Example: turnout requests --order A-1 --advertiser 789
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Where,
    /// The event.
    #[arg(long, value_name = "ID")]
    event: Option<EventId>,
    /// The order's reference, exactly as it was sent.
    #[arg(long, value_name = "REFERENCE")]
    order: Option<String>,
    /// The advertiser, by the legacy id.
    #[arg(long, value_name = "ID")]
    advertiser: Option<u64>,
    /// The publisher, by the legacy id.
    #[arg(long, value_name = "ID")]
    publisher: Option<u64>,
    /// The class: click, conversion, impression, adjustment, script, report, other, unrecognised.
    #[arg(long, value_name = "CLASS", value_parser = class)]
    class: Option<String>,
    /// From when: Unix milliseconds or 2026-11-23T19:31:00Z.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<Timestamp>,
    /// Until when, exclusively.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<Timestamp>,
    /// Only what came before this event: the last one of the page before.
    #[arg(long, value_name = "ID")]
    after: Option<EventId>,
    /// Most rows, at most 1000.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
}

fn class(text: &str) -> Result<String, String> {
    let names = tracking::Class::ALL.map(tracking::Class::name);
    if names.contains(&text) { Ok(text.to_owned()) } else { Err(format!("there are {}", names.join(", "))) }
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let reader = log_place::reader(&arguments.place.data)?;
    let query = Query {
        event_id: arguments.event,
        reference: arguments.order.clone(),
        advertiser_id: arguments.advertiser,
        publisher_id: arguments.publisher,
        class: arguments.class.clone(),
        since: arguments.since,
        until: arguments.until,
        after: arguments.after,
        limit: arguments.limit.into(),
    };
    let found = reader.find(&query)?;
    let mut rows = Vec::with_capacity(found.rows.len());
    for row in &found.rows {
        rows.push(shape(row, &reader)?);
    }
    if arguments.place.json {
        println!("{}", json!({ "requests": rows, "more": found.more }));
    } else if let (Some(_), [row]) = (arguments.event, &rows[..]) {
        print_one(row);
    } else {
        print_all(&rows, found.more);
    }
    Ok(ExitCode::from(u8::from(rows.is_empty())))
}

fn print_all(rows: &[Value], more: bool) {
    if rows.is_empty() {
        println!("no such request is remembered");
        return;
    }
    let columns = [
        "received_at",
        "event_id",
        "class",
        "endpoint",
        "advertiser_id",
        "publisher_id",
        "reference",
        "amount",
        "mode",
        "status",
        "became",
    ];
    println!("{}", table(rows, &columns));
    if let (true, Some(last)) = (more, rows.last()) {
        println!("there are more: --after {}", shown(&last["event_id"]));
    }
}

/// Prints everything that is remembered of one request.
pub(crate) fn print_one(row: &Value) {
    println!("it came in:");
    for (name, value) in row.as_object().into_iter().flatten() {
        if !value.is_null() && !value.is_array() && value != "" {
            println!("  {name}: {}", shown(value));
        }
    }
    let outcomes = list(row, "outcomes");
    if !outcomes.is_empty() {
        println!("what became of it:\n{}", table(outcomes, &["at", "what", "detail"]));
    }
}

/// What the request log of a data directory remembers of an event.
pub(crate) fn remembered(
    data: &Path,
    event_id: EventId,
) -> Result<Option<Value>, Box<dyn std::error::Error + Send + Sync>> {
    let reader = log_place::reader(data)?;
    let query = Query { event_id: Some(event_id), limit: 1, ..Query::default() };
    let found = reader.find(&query)?;
    Ok(found.rows.first().map(|row| shape(row, &reader)).transpose()?)
}

fn shape(row: &RequestRow, reader: &Reader) -> Result<Value, requestlog::LogError> {
    let outcomes = reader.outcomes(row.event_id)?;
    let currency = row.currency.as_deref().and_then(Currency::parse);
    let amount = row.minor.zip(currency).map(|(minor, currency)| Money::from_minor(minor, currency));
    let told: Vec<Value> = outcomes
        .iter()
        .map(
            |outcome| json!({ "at": outcome.at.to_string(), "what": outcome.what, "detail": outcome.detail }),
        )
        .collect();
    Ok(json!({
        "event_id": row.event_id,
        "received_at": row.received_at.to_string(),
        "lane": row.lane,
        "class": row.class,
        "method": row.method,
        "host": row.host,
        "endpoint": row.endpoint,
        "recognised": row.recognised,
        "advertiser_id": row.advertiser_id,
        "publisher_id": row.publisher_id,
        "creative_id": row.creative_id,
        "reference": row.reference,
        "amount": amount.map(|amount| amount.to_string()),
        "phase": row.phase,
        "consent": row.consent,
        "consent_reason": row.consent_reason,
        "country": row.country,
        "network": row.network,
        "referrer": row.referrer,
        "problems": row.problems,
        "mode": row.mode,
        "status": row.status,
        "leads_to": row.leads_to,
        "took_us": row.took_micros,
        "became": outcomes.last().map(|outcome| outcome.what.clone()),
        "outcomes": told,
    }))
}
