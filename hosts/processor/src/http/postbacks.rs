//! The operator's interface to publishers that are called: their addresses, and calls that were given up.

use axum::extract::{Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use ledger::{By, GivenUp, GivenUpGroup, GivenUpSearch, Recalled};
use serde::Deserialize;
use serde_json::{Value, json};
use units::EventId;
use units::limits::POSTBACKS_RECALLED_MAX;

use super::Hall;
use super::evidence::{LISTED_MAX, bounded};
use super::order::person;
use super::reconcile::beside;
use super::reply::Refusal;
use super::shapes::time;
use crate::serve::now;
use crate::{Imported, ImportedPostback};

/// Causes that are told.
const GROUPS_MAX: usize = 100;

/// Rows of a list where none are asked for.
const ROWS: usize = 100;

pub(super) fn router() -> Router<Hall> {
    Router::new()
        .route("/postbacks", post(import).get(list))
        .route("/postbacks/given_up", get(given_up))
        .route("/postbacks/retry", post(retry))
}

async fn import(
    State(hall): State<Hall>,
    Json(rows): Json<Vec<ImportedPostback>>,
) -> Result<Json<Imported>, Refusal> {
    bounded(&rows)?;
    Ok(Json(hall.desk.ask(move |processor| processor.import_postbacks(&rows, now())).await??))
}

/// Whom we call, how it goes, and what was given up by cause.
async fn list(State(hall): State<Hall>) -> Result<Json<Value>, Refusal> {
    let asked = beside(&hall, |ledger| {
        Ok((ledger.postback_addresses(LISTED_MAX)?, ledger.given_up_groups(GROUPS_MAX)?))
    });
    let (rows, groups) = asked.await?;
    let rows: Vec<Value> = rows.iter().map(crate::processor::shown_postback).collect();
    Ok(Json(json!({ "postbacks": rows, "given_up": groups.iter().map(group).collect::<Vec<_>>() })))
}

fn group(group: &GivenUpGroup) -> Value {
    json!({
        "cause": group.cause,
        "count": group.count,
        "publishers": group.publishers,
        "oldest": time(Some(group.oldest)),
        "newest": time(Some(group.newest)),
    })
}

/// Which calls are meant. A name that is not known is refused: an order must not mean more than was meant.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Wanted {
    cause: Option<String>,
    publisher_id: Option<u64>,
    event_id: Option<EventId>,
    /// The event and the publisher of the last row before, joined by a dot.
    after: Option<String>,
    limit: Option<usize>,
}

impl Wanted {
    fn after(&self) -> Result<Option<(EventId, u64)>, Refusal> {
        let Some(text) = &self.after else { return Ok(None) };
        let parts =
            text.split_once('.').and_then(|(event, id)| Some((event.parse().ok()?, id.parse().ok()?)));
        let wrong =
            || Refusal::bad_request(format!("`after` is `{text}`: give the `next_after` of an answer"));
        parts.map(Some).ok_or_else(wrong)
    }

    fn search(self) -> GivenUpSearch {
        GivenUpSearch { cause: self.cause, publisher_id: self.publisher_id, event_id: self.event_id }
    }
}

async fn given_up(State(hall): State<Hall>, Query(wanted): Query<Wanted>) -> Result<Json<Value>, Refusal> {
    let (after, limit) = (wanted.after()?, wanted.limit.unwrap_or(ROWS).clamp(1, LISTED_MAX));
    let search = wanted.search();
    let rows = beside(&hall, move |ledger| ledger.given_up(&search, after, limit)).await?;
    let last = rows.last().filter(|_| rows.len() == limit);
    let next = last.map(|row| format!("{}.{}", row.event_id, row.publisher_id));
    Ok(Json(json!({ "given_up": rows.iter().map(row).collect::<Vec<_>>(), "next_after": next })))
}

fn row(row: &GivenUp) -> Value {
    json!({
        "event_id": row.event_id,
        "publisher_id": row.publisher_id,
        "cause": row.cause,
        "detail": row.detail,
        "attempts": row.tries,
        "since": time(Some(row.changed_at)),
    })
}

/// An order to call again.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Retry {
    cause: Option<String>,
    publisher_id: Option<u64>,
    #[serde(default)]
    events: Vec<EventId>,
    actor: String,
    reason: String,
    #[serde(default)]
    dry_run: bool,
}

/// Calls again what was given up, at most a bounded number at once.
async fn retry(State(hall): State<Hall>, Json(order): Json<Retry>) -> Result<Json<Value>, Refusal> {
    let (actor, reason) = (person("actor", &order.actor, true)?, person("reason", &order.reason, true)?);
    if order.cause.is_none() && order.events.is_empty() {
        let message = "name `events`, or the `cause` of a group: everything is never meant";
        return Err(Refusal::bad_request(message.to_owned()));
    }
    if order.events.len() > POSTBACKS_RECALLED_MAX {
        let message = format!("`events` has {}; at once {POSTBACKS_RECALLED_MAX} go", order.events.len());
        return Err(Refusal::bad_request(message));
    }
    let (cause, dry_run) = (order.cause.clone(), order.dry_run);
    let mut calls = chosen(&hall, order).await?;
    let capped = calls.len() > POSTBACKS_RECALLED_MAX;
    calls.truncate(POSTBACKS_RECALLED_MAX);
    let told = json!({ "cause": cause, "found": calls.len(), "capped": capped, "dry_run": dry_run });
    if dry_run {
        return Ok(Json(told));
    }
    let ordered = calls.clone();
    let recalled = hall.desk.ask(move |processor| {
        processor.recall_postbacks(&ordered, By { actor: &actor, why: &reason }, now())
    });
    let recalled = recalled.await??;
    hall.news.notify_one();
    Ok(Json(outcomes(told, &calls, &recalled)))
}

/// The calls that are meant: what was given up, and what stands otherwise where it is named.
async fn chosen(hall: &Hall, order: Retry) -> Result<Vec<(EventId, u64)>, Refusal> {
    let Retry { cause, publisher_id, events, .. } = order;
    let question = move |ledger: &ledger::Ledger| {
        let mut calls = Vec::new();
        if events.is_empty() {
            let search = GivenUpSearch { cause, publisher_id, event_id: None };
            let rows = ledger.given_up(&search, None, POSTBACKS_RECALLED_MAX.saturating_add(1))?;
            calls.extend(rows.iter().map(|row| (row.event_id, row.publisher_id)));
        }
        for event_id in events {
            let owed = ledger.postbacks_of(event_id)?;
            let of = owed.iter().map(|owed| owed.publisher_id);
            let of: Vec<u64> = of.filter(|id| publisher_id.is_none_or(|wanted| wanted == *id)).collect();
            // Who is called for nothing is told so.
            let nobody = of.is_empty().then_some((event_id, publisher_id.unwrap_or(0)));
            calls.extend(of.into_iter().map(|id| (event_id, id)).chain(nobody));
        }
        Ok(calls)
    };
    beside(hall, question).await
}

fn outcomes(mut told: Value, calls: &[(EventId, u64)], recalled: &[Recalled]) -> Value {
    let rows = calls.iter().zip(recalled).map(|((event_id, publisher_id), recalled)| {
        let (outcome, why) = match recalled {
            Recalled::Queued => ("queued", None),
            Recalled::Already(state) => ("nothing_to_do", Some(state.name())),
            Recalled::NotOwed(why) => ("not_owed", Some(*why)),
            Recalled::NotFound => ("not_found", None),
        };
        json!({ "event_id": event_id, "publisher_id": publisher_id, "outcome": outcome, "why": why })
    });
    let rows: Vec<Value> = rows.collect();
    let queued = recalled.iter().filter(|one| **one == Recalled::Queued).count();
    if let Some(map) = told.as_object_mut() {
        map.insert("queued".to_owned(), json!(queued));
        map.insert("calls".to_owned(), Value::Array(rows));
    }
    told
}
