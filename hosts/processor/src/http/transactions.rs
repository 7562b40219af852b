//! The operator's interface to the life of transactions after their booking.

use std::time::Duration;

use attribution::Status;
use attribution::status::{Act, Cause};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use ledger::{Judged, Ledger, LedgerError, Page, PaidOut, PaymentOrder, PaymentRow};
use serde::Deserialize;
use serde_json::{Value, json};
use units::limits::{OPERATOR_TEXT_CHARS_MAX as REFERENCE_CHARS_MAX, PAYMENT_TRANSACTIONS_MAX};
use units::{EventId, Money, Timestamp, calendar};

use super::reply::Refusal;
use super::{Hall, shapes};
use crate::serve::now;
use crate::{Children, Judgement};

/// Rows of a list where none are asked for, and at most.
const ROWS: usize = 100;
const ROWS_MAX: usize = 1000;

/// Most transactions that one order moves.
const ORDERED_MAX: usize = 1000;

pub(super) fn router() -> Router<Hall> {
    Router::new()
        .route("/transactions", get(list))
        .route("/transactions/judge", post(judge))
        .route("/payables", get(payables))
        .route("/payments", get(payments).post(pay))
}

/// Asks the ledger beside its writer, where it is a file: a long question delays nobody.
pub(super) async fn beside<T: Send + 'static>(
    hall: &Hall,
    question: impl FnOnce(&Ledger) -> Result<T, LedgerError> + Send + 'static,
) -> Result<T, Refusal> {
    match hall.desk.ask(|processor| processor.ledger().reader()).await?? {
        None => Ok(hall.desk.ask(move |processor| question(processor.ledger())).await??),
        Some(reader) => {
            let answered = tokio::task::spawn_blocking(move || question(&reader)).await;
            Ok(answered.map_err(|error| Refusal::unavailable(&error))??)
        }
    }
}

/// Which part of the list is wanted.
#[derive(Deserialize)]
struct Wanted {
    limit: Option<usize>,
    advertiser_id: Option<u64>,
    after: Option<EventId>,
    status: Option<String>,
}

async fn list(State(hall): State<Hall>, Query(wanted): Query<Wanted>) -> Result<Json<Value>, Refusal> {
    let limit = wanted.limit.unwrap_or(ROWS).clamp(1, ROWS_MAX);
    let page = Page { limit, advertiser_id: wanted.advertiser_id, after: wanted.after };
    let status = wanted.status.as_deref().filter(|name| !name.is_empty()).map(status).transpose()?;
    let rows = beside(&hall, move |ledger| match status {
        None => ledger.transactions(&page),
        Some(status) => ledger.booked(&page, Some(status)),
    });
    Ok(Json(shapes::list("transactions", &rows.await?, limit)))
}

/// An order about transactions.
#[derive(Deserialize)]
struct Order {
    events: Vec<EventId>,
    act: String,
    actor: String,
    #[serde(default)]
    reason: String,
    /// Whose word it is: `operator` or `platform`.
    #[serde(default)]
    cause: Option<String>,
    /// As merchants say it: 0 without those that follow, 1 with them, 2 they alone.
    #[serde(default)]
    children: u8,
    #[serde(default)]
    happened_at: Option<String>,
}

impl Order {
    fn read(self) -> Result<Judgement, Refusal> {
        if self.actor.trim().is_empty() {
            return Err(Refusal::bad_request(
                "`actor` is empty: the books need to know who orders it".to_owned(),
            ));
        }
        if self.events.is_empty() || self.events.len() > ORDERED_MAX {
            let message = format!("`events` has {}; one order takes 1 to {ORDERED_MAX}", self.events.len());
            return Err(Refusal::bad_request(message));
        }
        let ordered = [Act::Approve, Act::Decline, Act::ClawBack].into_iter();
        let act = ordered.clone().find(|act| act.name() == self.act).ok_or_else(|| {
            let names: Vec<&str> = ordered.map(Act::name).collect();
            Refusal::bad_request(format!("`act` is `{}`; it is one of {}", self.act, names.join(", ")))
        })?;
        if act != Act::Approve && self.reason.trim().is_empty() {
            let message = "`reason` is empty: the books keep why money was taken back".to_owned();
            return Err(Refusal::bad_request(message));
        }
        let cause = match self.cause.as_deref() {
            None | Some("operator") => Cause::Operator,
            Some("platform") => Cause::Platform,
            Some(other) => {
                let message = format!("`cause` is `{other}`; it is `operator` or `platform`");
                return Err(Refusal::bad_request(message));
            }
        };
        let children = match self.children {
            0 => Children::Without,
            1 => Children::With,
            2 => Children::Only,
            other => {
                let message = format!("`children` is {other}; it is 0 (without), 1 (with) or 2 (only)");
                return Err(Refusal::bad_request(message));
            }
        };
        let happened_at = self.happened_at.as_deref().map(|text| time("happened_at", text)).transpose()?;
        let (events, actor, why) = (self.events, self.actor, self.reason);
        Ok(Judgement { events, children, act, cause, actor, why, happened_at })
    }
}

async fn judge(State(hall): State<Hall>, Json(order): Json<Order>) -> Result<Json<Value>, Refusal> {
    let order = order.read()?;
    let outcomes = hall.desk.ask(move |processor| processor.judge_transactions(&order, now())).await??;
    let row = |(event_id, judged): &(EventId, Judged)| match judged {
        Judged::Done(status) => json!({ "event_id": event_id, "outcome": "done", "status": status.name() }),
        Judged::Refused(refusal) => {
            json!({ "event_id": event_id, "outcome": "refused", "why": refusal.to_string() })
        }
        Judged::TooEarly(earliest) => {
            let why = format!(
                "something was made of it at {earliest}: that is the earliest time that can be named"
            );
            json!({ "event_id": event_id, "outcome": "refused", "why": why, "earliest": earliest.to_string() })
        }
        Judged::NotFound => {
            json!({ "event_id": event_id, "outcome": "not_found", "why": "no transaction of this id is booked" })
        }
    };
    Ok(Json(json!({ "transactions": outcomes.iter().map(row).collect::<Vec<_>>() })))
}

/// Which publishers are wanted: those after one, or one alone.
#[derive(Deserialize)]
struct Owed {
    #[serde(default)]
    after: u64,
    #[serde(default)]
    after_currency: String,
    limit: Option<usize>,
    /// Only what a payment run until then would pay.
    until: Option<String>,
}

async fn payables(State(hall): State<Hall>, Query(wanted): Query<Owed>) -> Result<Json<Value>, Refusal> {
    let limit = wanted.limit.unwrap_or(ROWS).clamp(1, ROWS_MAX);
    let until = wanted.until.as_deref().map(|text| time("until", text)).transpose()?;
    let rows = beside(&hall, move |ledger| {
        let after = (wanted.after, wanted.after_currency.as_str());
        match until {
            None => ledger.owed(after, limit),
            Some(until) => ledger.payable(until, after, limit),
        }
    });
    let rows = rows.await?;
    let next = rows.last().filter(|_| rows.len() == limit);
    let next = next.map(|(publisher_id, owed, _)| json!([publisher_id, owed.currency.code()]));
    let row = |(publisher_id, owed, count): &(u64, Money, u64)| json!({ "publisher_id": publisher_id, "owed": shapes::money(Some(*owed)), "transactions": count });
    Ok(Json(json!({ "payables": rows.iter().map(row).collect::<Vec<_>>(), "next_after": next })))
}

#[derive(Deserialize)]
struct Paid {
    #[serde(default)]
    after: i64,
    limit: Option<usize>,
    /// Only those of this run.
    reference: Option<String>,
}

async fn payments(State(hall): State<Hall>, Query(wanted): Query<Paid>) -> Result<Json<Value>, Refusal> {
    let limit = wanted.limit.unwrap_or(ROWS).clamp(1, ROWS_MAX);
    let rows = beside(&hall, move |ledger| match &wanted.reference {
        None => ledger.payments(wanted.after, limit),
        Some(reference) => ledger.payments_of(reference, wanted.after, limit),
    });
    let rows = rows.await?;
    let next = rows.last().filter(|_| rows.len() == limit).map(|row| row.payment_id);
    Ok(Json(json!({ "payments": rows.iter().map(payment).collect::<Vec<_>>(), "next_after": next })))
}

fn payment(row: &PaymentRow) -> Value {
    json!({
        "payment": row.payment_id,
        "reference": row.reference,
        "part": row.part,
        "publisher_id": row.publisher_id,
        "paid": shapes::money(Some(row.amount)),
        "transactions": row.transactions,
        "until": row.until.to_string(),
        "actor": row.actor,
        "paid_at": row.paid_at.to_string(),
        "recorded_at": row.recorded_at.to_string(),
    })
}

/// A payment that a run has made.
#[derive(Deserialize)]
struct Payment {
    reference: String,
    publisher_id: u64,
    until: String,
    actor: String,
    #[serde(default)]
    paid_at: Option<String>,
}

async fn pay(State(hall): State<Hall>, Json(order): Json<Payment>) -> Result<Json<Value>, Refusal> {
    for (name, text) in [("reference", &order.reference), ("actor", &order.actor)] {
        if text.trim().is_empty() || text.chars().count() > REFERENCE_CHARS_MAX {
            let message = format!("`{name}` is empty or longer than {REFERENCE_CHARS_MAX} characters");
            return Err(Refusal::bad_request(message));
        }
    }
    let until = time("until", &order.until)?;
    let paid_at = order.paid_at.as_deref().map(|text| time("paid_at", text)).transpose()?;
    let (reference, publisher_id) = (order.reference.clone(), order.publisher_id);
    let paid = hall.desk.ask(move |processor| {
        let now = now();
        let paid_at = paid_at.unwrap_or(now).min(now);
        let (reference, actor) = (order.reference.as_str(), order.actor.as_str());
        processor.pay(&PaymentOrder { reference, publisher_id, until, paid_at, actor }, now)
    });
    match paid.await?? {
        PaidOut::Recorded { payments, carried, more } => Ok(Json(json!({
            "outcome": if payments.is_empty() { "nothing" } else { "recorded" },
            "payments": payments.iter().map(payment).collect::<Vec<_>>(),
            "carried_forward": carried.into_iter().map(|owed| shapes::money(Some(owed))).collect::<Vec<_>>(),
            "more": more,
        }))),
        PaidOut::Already(payments) => Ok(Json(json!({
            "outcome": "already",
            "payments": payments.iter().map(payment).collect::<Vec<_>>(),
            "carried_forward": [],
            "more": false,
        }))),
        PaidOut::Another(first) => {
            let message = format!(
                "payment run `{reference}` has paid this publisher until {first}: record it again with that moment, or \
                 give this run another reference"
            );
            Err(Refusal::new(StatusCode::CONFLICT, "reference", message))
        }
        PaidOut::TooMany => {
            let message = format!(
                "publisher {publisher_id} owes for so many transactions after clawbacks that no {PAYMENT_TRANSACTIONS_MAX} \
                 others set them off: nothing is paid to it before somebody has looked at them"
            );
            Err(Refusal::bad_request(message))
        }
    }
}

fn status(name: &str) -> Result<Status, Refusal> {
    Status::parse(name).ok_or_else(|| {
        let names = Status::ALL.map(Status::name).join(", ");
        Refusal::bad_request(format!("`{name}` is no status; there are {names}"))
    })
}

/// A point in time as people write it, and as we do: with milliseconds.
pub(super) fn time(name: &str, text: &str) -> Result<Timestamp, Refusal> {
    let second = calendar::parse_time(text).or_else(|| calendar::Day::parse(text).map(calendar::Day::start));
    let second = second.ok_or_else(|| {
        let message =
            format!("`{name}` is `{text}`, which is no time: write `2026-11-23T19:31:00Z` or `2026-11-23`");
        Refusal::new(StatusCode::BAD_REQUEST, "request", message)
    })?;
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    let digits: String = fraction.chars().take_while(char::is_ascii_digit).take(3).collect();
    let millis = format!("{digits:0<3}").parse().unwrap_or(0);
    Ok(second.plus(Duration::from_millis(millis)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_we_print_is_read_again() {
        for millis in [1_795_462_260_000, 1_795_462_260_007, 1_795_462_260_120, 1_795_462_260_999] {
            let at = Timestamp::from_millis(millis);
            assert_eq!(time("until", &at.to_string()).unwrap(), at);
        }
        let day = calendar::Day::parse("2026-11-23").unwrap().start();
        assert_eq!(time("until", "2026-11-23").unwrap(), day);
        assert_eq!(time("until", "2026-11-23T00:00:00.5Z").unwrap(), day.plus(Duration::from_millis(500)));
        assert!(time("until", "soon").is_err());
    }
}
