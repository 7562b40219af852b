//! The operator's interface to dead letters: what waits, what it is, what would become of it, and what people decide about
//! one event.

use std::collections::BTreeMap;

use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use ledger::{By, DeadSearch, Ledger, LedgerError};
use relay::edit::Change;
use serde::Deserialize;
use serde_json::{Value, json};
use tracking::Field;
use units::EventId;
use units::limits::{DEAD_GROUPS_MAX, DRY_RUN_MAX};

use super::filter::Filter;
use super::order::{Selection, person};
use super::reply::Refusal;
use super::{Hall, shapes};
use crate::Correcting;
use crate::serve::now;

/// Dead letters that are rehearsed in one turn of the ledger's thread: others come between.
const REHEARSED_AT_ONCE: usize = 50;

/// Dead letters of a dry run that are told one by one.
const REHEARSED_SHOWN: usize = 100;

/// Most doubts that are closed at once.
const CLOSED_MAX: usize = 1000;

pub(super) fn router() -> Router<Hall> {
    Router::new()
        .route("/dead", get(search))
        .route("/dead/groups", get(groups))
        .route("/dead/changes", get(changes))
        .route("/dead/try", post(rehearse))
        .route("/dead/settle", post(settle))
        .route("/dead/{event_id}", get(show))
        .route("/dead/{event_id}/reveal", post(reveal))
        .route("/dead/{event_id}/edit", post(edit))
}

/// Asks the ledger a question that may take long: on a reader of its own, a few at a time.
pub(super) async fn read<T: Send + 'static>(
    hall: &Hall,
    question: impl FnOnce(&Ledger) -> Result<T, LedgerError> + Send + 'static,
) -> Result<T, Refusal> {
    let Ok(permit) = hall.readers.clone().try_acquire_owned() else {
        let message = "other long questions are being answered: ask again in a moment";
        return Err(Refusal::busy(message));
    };
    let Some(reader) = hall.desk.ask(|processor| processor.ledger().reader()).await?? else {
        return Ok(hall.desk.ask(move |processor| question(processor.ledger())).await??);
    };
    let answered = tokio::task::spawn_blocking(move || {
        let answer = question(&reader);
        drop(permit);
        answer
    });
    Ok(answered.await.map_err(|error| Refusal::unavailable(&error))??)
}

async fn groups(State(hall): State<Hall>) -> Result<Json<Value>, Refusal> {
    let groups = read(&hall, |ledger| ledger.dead_groups(DEAD_GROUPS_MAX)).await?;
    Ok(Json(shapes::groups(&groups)))
}

async fn search(State(hall): State<Hall>, Query(filter): Query<Filter>) -> Result<Json<Value>, Refusal> {
    let (search, after, limit) = (filter.search()?, filter.after(), filter.limit());
    let found = read(&hall, move |ledger| ledger.search_dead(&search, after, limit)).await?;
    Ok(Json(json!({
        "dead": found.rows.iter().map(shapes::conversion).collect::<Vec<_>>(),
        "next_after": found.next_after,
    })))
}

/// Merchants' changes that wait for a person.
async fn changes(State(hall): State<Hall>, Query(filter): Query<Filter>) -> Result<Json<Value>, Refusal> {
    let limit = filter.limit();
    let rows = read(&hall, move |ledger| ledger.adjustments_at_risk(limit)).await?;
    Ok(Json(json!({ "changes": rows.iter().map(shapes::change).collect::<Vec<_>>() })))
}

/// One dead letter, whole, with its original request in which only what the event tells anyway is readable.
pub(super) async fn show(State(hall): State<Hall>, Path(text): Path<String>) -> Result<Json<Value>, Refusal> {
    let event_id = event_id(&text)?;
    let shown = hall.desk.ask(move |processor| {
        let shown = processor.ledger().show(event_id)?;
        let original = processor.original(event_id)?;
        let edits = processor.ledger().edits_of(event_id)?;
        Ok::<_, LedgerError>(shown.map(|shown| {
            let mut told = shapes::shown(&shown);
            if let Some(map) = told.as_object_mut() {
                let legacy = &processor.snapshot().migration.legacy;
                let original = original.as_ref().map(|sealed| shapes::masked(sealed, &shown.open, legacy));
                map.insert("original".to_owned(), original.unwrap_or(Value::Null));
                map.insert("edits".to_owned(), edits.iter().map(shapes::edit).collect());
            }
            told
        }))
    });
    let shown = shown.await??;
    shown.map(Json).ok_or_else(|| Refusal::not_found("there is no conversion with this event id"))
}

/// Who wants to see what is personal, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reveal {
    actor: String,
    reason: String,
}

/// The original request as it came. It is journalled before it is shown.
async fn reveal(
    State(hall): State<Hall>,
    Path(text): Path<String>,
    Json(wanted): Json<Reveal>,
) -> Result<Json<Value>, Refusal> {
    let event_id = event_id(&text)?;
    let (actor, reason) = (person("actor", &wanted.actor, true)?, person("reason", &wanted.reason, true)?);
    let original =
        hall.desk.ask(move |processor| processor.reveal(event_id, By { actor: &actor, why: &reason }, now()));
    let sealed = original.await??;
    let gone = "nothing personal is kept of this event any more, or there is no such event";
    let sealed = sealed.ok_or_else(|| Refusal::not_found(gone))?;
    Ok(Json(json!({ "event_id": event_id, "original": shapes::revealed(&sealed) })))
}

/// A dry run.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Try {
    #[serde(default)]
    events: Vec<EventId>,
    search: Option<Filter>,
    #[serde(default)]
    approved: bool,
}

async fn rehearse(State(hall): State<Hall>, Json(wanted): Json<Try>) -> Result<Json<Value>, Refusal> {
    let selection = Selection::of(wanted.events, wanted.search)?;
    let (items, more) = selection.choose(&hall, DRY_RUN_MAX).await?;
    let told =
        rehearsed(&hall, &items.iter().map(|(id, _)| *id).collect::<Vec<_>>(), wanted.approved).await?;
    let mut tally: BTreeMap<&str, u64> = BTreeMap::new();
    for one in &told {
        let count = tally.entry(one.outcome).or_default();
        *count = count.saturating_add(1);
    }
    let events: Vec<Value> = told.iter().take(REHEARSED_SHOWN).map(shapes::rehearsal).collect();
    Ok(Json(json!({ "tried": told.len(), "more": more, "tally": tally, "events": events })))
}

/// What would become of these, some at a time.
pub(super) async fn rehearsed(
    hall: &Hall,
    events: &[EventId],
    overrules: bool,
) -> Result<Vec<crate::Rehearsal>, Refusal> {
    let mut told = Vec::with_capacity(events.len());
    for some in events.chunks(REHEARSED_AT_ONCE) {
        let some = some.to_vec();
        let answered = hall.desk.ask(move |processor| processor.rehearse(&some, overrules, now())).await??;
        told.extend(answered);
    }
    Ok(told)
}

/// A correction of one event.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    #[serde(default)]
    set: BTreeMap<String, String>,
    #[serde(default)]
    unset: Vec<String>,
    actor: String,
    reason: String,
    #[serde(default)]
    approved: bool,
    #[serde(default)]
    dry_run: bool,
}

async fn edit(
    State(hall): State<Hall>,
    Path(text): Path<String>,
    Json(wanted): Json<Edit>,
) -> Result<Json<Value>, Refusal> {
    let event_id = event_id(&text)?;
    let set = wanted.set.into_iter().map(|(name, value)| (name, Some(value)));
    let changes = set.chain(wanted.unset.into_iter().map(|name| (name, None)));
    let changes = changes.map(|(name, to)| {
        let field = Field::parse(&name);
        let unknown = || Refusal::bad_request(format!("`{name}` is no field of an event"));
        field.map(|field| Change { field, to }).ok_or_else(unknown)
    });
    let correcting = Correcting {
        event_id,
        changes: changes.collect::<Result<_, _>>()?,
        overrules: wanted.approved,
        dry_run: wanted.dry_run,
        actor: person("actor", &wanted.actor, true)?,
        reason: person("reason", &wanted.reason, true)?,
    };
    if correcting.changes.is_empty() {
        return Err(Refusal::bad_request("name at least one field in `set` or `unset`".to_owned()));
    }
    let corrected = hall.desk.ask(move |processor| processor.correct_event(&correcting, now())).await??;
    hall.news.notify_one();
    shapes::corrected(event_id, &corrected, wanted.dry_run).map(Json)
}

/// A person's word on doubts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settle {
    events: Vec<EventId>,
    arrived: bool,
    evidence: String,
    actor: String,
}

async fn settle(State(hall): State<Hall>, Json(wanted): Json<Settle>) -> Result<Json<Value>, Refusal> {
    if wanted.events.is_empty() || wanted.events.len() > CLOSED_MAX {
        let message = format!("`events` has {}; at once 1 to {CLOSED_MAX} are settled", wanted.events.len());
        return Err(Refusal::bad_request(message));
    }
    let (actor, evidence) =
        (person("actor", &wanted.actor, true)?, person("evidence", &wanted.evidence, true)?);
    let closed = hall.desk.ask(move |processor| {
        processor.close(&wanted.events, wanted.arrived, By { actor: &actor, why: &evidence }, now())
    });
    let closed = closed.await??;
    hall.news.notify_one();
    Ok(Json(json!({ "events": closed.iter().map(shapes::closed).collect::<Vec<_>>() })))
}

/// Chooses what a search finds, on a reader.
pub(super) async fn chosen(
    hall: &Hall,
    search: DeadSearch,
    limit: usize,
) -> Result<(Vec<(EventId, units::Timestamp)>, bool), Refusal> {
    read(hall, move |ledger| ledger.select_dead(&search, limit)).await
}

pub(super) fn event_id(text: &str) -> Result<EventId, Refusal> {
    text.parse().map_err(|error: units::id::EventIdError| Refusal::bad_request(error.to_string()))
}
