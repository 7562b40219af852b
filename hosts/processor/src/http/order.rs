//! The operator's interface to orders over many dead letters.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use ledger::{Action, By, DeadSearch, OrderItem, OrderRow};
use serde::Deserialize;
use serde_json::{Value, json};
use units::limits::{DRY_RUN_MAX, OPERATION_CHARS_MAX, OPERATOR_TEXT_CHARS_MAX, ORDER_ITEMS_MAX};
use units::{EventId, Timestamp};

use super::dead::{chosen, event_id, rehearsed};
use super::filter::Filter;
use super::reply::Refusal;
use super::{Hall, shapes};
use crate::serve::now;
use crate::who::Who;
use crate::{Approval, Ordered, Placed};

/// Orders of a list, and items of an order that are told at once.
const ORDERS_LISTED: usize = 100;
const ITEMS_LISTED: usize = 1000;

pub(super) fn router() -> Router<Hall> {
    Router::new()
        .route("/orders", get(orders).post(order))
        .route("/orders/{order_id}", get(one))
        .route("/orders/{order_id}/approve", post(approve))
        .route("/orders/{order_id}/stop", post(stop))
        .route("/dead/redrive", post(redrive))
        .route("/dead/discard", post(discard))
        .route("/dead/{event_id}/redrive", post(redrive_one))
        .route("/dead/{event_id}/discard", post(discard_one))
}

/// What an order or a dry run is about.
pub(super) enum Selection {
    Events(Vec<EventId>),
    Search(Box<Filter>, Box<DeadSearch>),
}

impl Selection {
    pub(super) fn of(events: Vec<EventId>, search: Option<Filter>) -> Result<Self, Refusal> {
        match search {
            None if events.is_empty() || events.len() > ORDER_ITEMS_MAX => {
                let message =
                    format!("`events` has {}; one order takes 1 to {ORDER_ITEMS_MAX}", events.len());
                Err(Refusal::bad_request(message))
            }
            None => {
                let mut seen = std::collections::BTreeSet::new();
                Ok(Self::Events(events.into_iter().filter(|id| seen.insert(*id)).collect()))
            }
            Some(_) if !events.is_empty() => {
                Err(Refusal::bad_request("name `events` or a `search`, and not both".to_owned()))
            }
            Some(filter) => {
                let search = filter.search()?;
                if search.is_for_changes() && !search.is_a_group() {
                    let message = "changes are found by their `group` alone: leave the other conditions out, or name `events`";
                    return Err(Refusal::bad_request(message.to_owned()));
                }
                if search.is_empty() {
                    let message =
                        "the `search` names nothing, so that everything would be meant: name a condition";
                    return Err(Refusal::bad_request(message.to_owned()));
                }
                Ok(Self::Search(Box::new(filter), Box::new(search)))
            }
        }
    }

    /// What is meant, each with when it last changed if that is known, and whether there is more.
    pub(super) async fn choose(
        &self,
        hall: &Hall,
        limit: usize,
    ) -> Result<(Vec<(EventId, Option<Timestamp>)>, bool), Refusal> {
        match self {
            Self::Events(events) => {
                let some = events.iter().take(limit).map(|id| (*id, None)).collect();
                Ok((some, events.len() > limit))
            }
            Self::Search(_, search) => {
                let (found, more) = chosen(hall, (**search).clone(), limit).await?;
                Ok((found.into_iter().map(|(id, at)| (id, Some(at))).collect(), more))
            }
        }
    }

    /// The selection as text, equal for equal ones.
    fn told(&self) -> String {
        match self {
            Self::Search(filter, _) => filter.told(),
            Self::Events(events) => {
                let ids: Vec<String> = events.iter().map(ToString::to_string).collect();
                format!("{} events: {}", ids.len(), ids.join(" "))
            }
        }
    }
}

/// A text of a person's, bounded and without what would spoil a terminal.
pub(super) fn person(name: &str, text: &str, required: bool) -> Result<String, Refusal> {
    let text = text.trim();
    if required && text.is_empty() {
        return Err(Refusal::bad_request(format!(
            "`{name}` is empty: the journal keeps who decides, and why"
        )));
    }
    if text.chars().count() > OPERATOR_TEXT_CHARS_MAX || text.chars().any(char::is_control) {
        let message = format!("`{name}` must be one line of at most {OPERATOR_TEXT_CHARS_MAX} characters");
        return Err(Refusal::bad_request(message));
    }
    Ok(text.to_owned())
}

fn operation(id: Option<String>) -> Result<Option<String>, Refusal> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    match id {
        Some(id) if id.is_empty() || id.len() > OPERATION_CHARS_MAX || !id.chars().all(plain) => {
            let message =
                format!("`operation` must be 1 to {OPERATION_CHARS_MAX} letters, digits, `-`, `_` or `.`");
            Err(Refusal::bad_request(message))
        }
        other => Ok(other),
    }
}

/// An order as it comes in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    operation: Option<String>,
    action: Option<String>,
    #[serde(default)]
    events: Vec<EventId>,
    search: Option<Filter>,
    actor: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    approved: bool,
    #[serde(default)]
    dry_run: bool,
}

async fn order(
    State(hall): State<Hall>,
    Extension(who): Extension<Who>,
    Json(order): Json<Order>,
) -> Result<Json<Value>, Refusal> {
    let action = order.action.as_deref().and_then(Action::parse);
    let action =
        action.ok_or_else(|| Refusal::bad_request("`action` must be `redrive` or `discard`".to_owned()))?;
    place(&hall, &who, action, order).await
}

async fn redrive(
    State(hall): State<Hall>,
    Extension(who): Extension<Who>,
    Json(order): Json<Order>,
) -> Result<Json<Value>, Refusal> {
    place(&hall, &who, Action::Redrive, order).await
}

async fn discard(
    State(hall): State<Hall>,
    Extension(who): Extension<Who>,
    Json(order): Json<Order>,
) -> Result<Json<Value>, Refusal> {
    place(&hall, &who, Action::Discard, order).await
}

async fn redrive_one(
    hall: State<Hall>,
    who: Extension<Who>,
    Path(text): Path<String>,
    Json(order): Json<Order>,
) -> Result<Json<Value>, Refusal> {
    let events = vec![event_id(&text)?];
    redrive(hall, who, Json(Order { events, ..order })).await
}

async fn discard_one(
    hall: State<Hall>,
    who: Extension<Who>,
    Path(text): Path<String>,
    Json(order): Json<Order>,
) -> Result<Json<Value>, Refusal> {
    let events = vec![event_id(&text)?];
    discard(hall, who, Json(Order { events, ..order })).await
}

async fn place(hall: &Hall, who: &Who, action: Action, order: Order) -> Result<Json<Value>, Refusal> {
    // Money that is given up, and money that moves in bulk, has a reason.
    let reasoned = action == Action::Discard || order.search.is_some();
    let (actor, reason) = (person("actor", &order.actor, true)?, person("reason", &order.reason, reasoned)?);
    let order_id = operation(order.operation)?;
    let selection = Selection::of(order.events, order.search)?;
    let told = selection.told();
    if order.dry_run {
        return dry_run(hall, action, &selection, order.approved).await;
    }
    let (items, capped) = selection.choose(hall, ORDER_ITEMS_MAX).await?;
    let overrules = order.approved;
    // Where people have tokens of their own, who holds the directory's is nobody: it could be the second person, too.
    let alone = *who == Who::Holder && hall.settings.operators.are_named();
    let ordered =
        Ordered { order_id, action, selection: told, items, capped, overrules, actor, reason, alone };
    let placed = hall.desk.ask(move |processor| {
        let placed = processor.order(&ordered, now())?;
        let items = match &placed {
            Placed::New(row) | Placed::Before(row) => {
                processor.ledger().order_items(&row.order_id, 0, ITEMS_LISTED)?
            }
            Placed::Taken(_) | Placed::TooMany | Placed::NeedsAName => Vec::new(),
        };
        Ok::<_, crate::ProcessorError>((placed, items))
    });
    let (placed, items) = placed.await??;
    hall.news.notify_one();
    match placed {
        Placed::New(row) => Ok(Json(whole(&row, &items, false))),
        Placed::Before(row) => Ok(Json(whole(&row, &items, true))),
        Placed::Taken(row) => {
            let message = format!(
                "operation `{}` is another order: `{}` of {} by {}; give this one an id of its own",
                row.order_id,
                row.action.name(),
                row.selection,
                row.actor
            );
            Err(Refusal::new(StatusCode::CONFLICT, "operation", message))
        }
        Placed::NeedsAName => {
            let message = "this order needs a second person, and so a first one: give it with a token of your own; the data \
                directory's does not say who it is";
            Err(Refusal::new(StatusCode::FORBIDDEN, "second_person", message.to_owned()))
        }
        Placed::TooMany => Err(Refusal::busy("too many orders are not over: wait for them, or stop some")),
    }
}

async fn dry_run(
    hall: &Hall,
    action: Action,
    selection: &Selection,
    overrules: bool,
) -> Result<Json<Value>, Refusal> {
    let (items, more) = selection.choose(hall, ORDER_ITEMS_MAX).await?;
    let events: Vec<EventId> = items.iter().map(|(id, _)| *id).collect();
    let sums = {
        let events = events.clone();
        hall.desk.ask(move |processor| processor.ledger().money_of(&events)).await??
    };
    let looked_at = events.get(..events.len().min(DRY_RUN_MAX)).unwrap_or_default();
    let told =
        if action == Action::Redrive { rehearsed(hall, looked_at, overrules).await? } else { Vec::new() };
    let mut tally: std::collections::BTreeMap<&str, u64> = std::collections::BTreeMap::new();
    for one in &told {
        let count = tally.entry(one.outcome).or_default();
        *count = count.saturating_add(1);
    }
    Ok(Json(json!({
        "dry_run": true,
        "action": action.name(),
        "items": events.len(),
        "capped": more,
        "sums": shapes::sums(&sums),
        "tried": told.len(),
        "tally": tally,
    })))
}

fn whole(row: &OrderRow, items: &[OrderItem], before: bool) -> Value {
    let mut told = json!({ "order": shapes::order(row), "events": shapes::items(items) });
    if let Some(order) = told.get_mut("order").and_then(Value::as_object_mut) {
        order.insert("ordered_before".to_owned(), json!(before));
    }
    told
}

async fn orders(State(hall): State<Hall>) -> Result<Json<Value>, Refusal> {
    let rows = hall.desk.ask(|processor| processor.ledger().orders(ORDERS_LISTED)).await??;
    Ok(Json(json!({ "orders": rows.iter().map(shapes::order).collect::<Vec<_>>() })))
}

/// Which items of an order are wanted.
#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    after: i64,
}

async fn one(
    State(hall): State<Hall>,
    Path(order_id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, Refusal> {
    let found = hall.desk.ask(move |processor| {
        let ledger = processor.ledger();
        let Some(row) = ledger.order(&order_id)? else { return Ok(None) };
        let items = ledger.order_items(&order_id, wanted.after, ITEMS_LISTED)?;
        Ok::<_, ledger::LedgerError>(Some((row, items, ledger.order_outcomes(&order_id)?)))
    });
    let (row, items, outcomes) = found.await??.ok_or_else(|| Refusal::not_found("there is no such order"))?;
    let outcomes: serde_json::Map<String, Value> =
        outcomes.into_iter().map(|(name, count)| (name, json!(count))).collect();
    let next = items.last().filter(|_| items.len() == ITEMS_LISTED).map(|item| item.place);
    Ok(Json(json!({
        "order": shapes::order(&row),
        "outcomes": outcomes,
        "events": shapes::items(&items),
        "next_after": next,
    })))
}

/// Who decides about an order.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Decider {
    actor: String,
    #[serde(default)]
    reason: String,
}

async fn approve(
    State(hall): State<Hall>,
    Extension(who): Extension<Who>,
    Path(order_id): Path<String>,
    Json(decider): Json<Decider>,
) -> Result<Json<Value>, Refusal> {
    let actor = person("actor", &decider.actor, true)?;
    // Where people have tokens of their own, whoever holds the directory's could be the one who ordered.
    if who == Who::Holder && hall.settings.operators.are_named() {
        let message =
            "a second person approves with a token of their own: the data directory's does not say who it is";
        return Err(Refusal::new(StatusCode::FORBIDDEN, "second_person", message.to_owned()));
    }
    let approved = hall.desk.ask(move |processor| processor.approve(&order_id, &actor, now())).await??;
    hall.news.notify_one();
    let refused = |code, message: String| Err(Refusal::new(StatusCode::CONFLICT, code, message));
    match approved {
        Approval::Approved(row) => Ok(Json(json!({ "order": shapes::order(&row) }))),
        Approval::NotWaiting(row) => {
            refused("order", format!("the order is {}: it waits for nobody", row.state.name()))
        }
        Approval::SamePerson(row) => {
            refused("actor", format!("{} has ordered it: another person must approve it", row.actor))
        }
        Approval::NotFound => Err(Refusal::not_found("there is no such order")),
    }
}

async fn stop(
    State(hall): State<Hall>,
    Path(order_id): Path<String>,
    Json(decider): Json<Decider>,
) -> Result<Json<Value>, Refusal> {
    let (actor, reason) = (person("actor", &decider.actor, true)?, person("reason", &decider.reason, false)?);
    let stopped = hall
        .desk
        .ask(move |processor| processor.stop_order(&order_id, By { actor: &actor, why: &reason }, now()));
    let row = stopped.await??.ok_or_else(|| Refusal::not_found("there is no such order"))?;
    Ok(Json(json!({ "order": shapes::order(&row) })))
}
