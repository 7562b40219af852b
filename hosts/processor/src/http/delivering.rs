//! The operator's orders about destinations and owners, and how a backlog drains.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use ledger::{Backlog, By, Given};
use relay::delivery::{Destination, GateStatus, Pause};
use serde::Deserialize;
use serde_json::{Value, json};
use tracking::Home;
use units::{EventId, Timestamp};

use super::reply::Refusal;
use super::shapes::time;
use super::{Hall, operator};
use crate::serve::now;
use crate::{Draining, OwnerOrder};

/// How long a count of the backlog is good. Counting millions takes a second, of another thread's time.
const COUNT_IS_GOOD_FOR: Duration = Duration::from_secs(10);

/// The last count of the backlog.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted(Arc<Mutex<Option<Count>>>);

#[derive(Clone, Debug)]
struct Count {
    at: Timestamp,
    backlog: Arc<[Backlog]>,
}

impl Counted {
    fn last(&self, now: Timestamp) -> Option<Arc<[Backlog]>> {
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let good = |count: &&Count| now >= count.at && now.since(count.at) < COUNT_IS_GOOD_FOR;
        counted.as_ref().filter(good).map(|count| Arc::clone(&count.backlog))
    }

    fn keep(&self, backlog: &Arc<[Backlog]>, now: Timestamp) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counted = Some(Count { at: now, backlog: Arc::clone(backlog) });
    }
}

pub(super) fn router() -> Router<Hall> {
    Router::new().route("/owner", post(give)).route("/destinations/resume", post(resume))
}

/// How the backlog of each destination drains. It is counted on a connection of its own, where the ledger is a
/// file.
pub(super) async fn draining(hall: &Hall) -> Result<Value, Refusal> {
    let now = now();
    let backlog = match hall.counted.last(now) {
        Some(backlog) => backlog,
        None => {
            let (before, reader) = hall
                .desk
                .ask(move |processor| (processor.backlog_before(now), processor.ledger().reader()))
                .await?;
            let counted = match reader? {
                Some(reader) => tokio::task::spawn_blocking(move || reader.backlog(before))
                    .await
                    .map_err(|error| Refusal::unavailable(&error))??,
                None => hall.desk.ask(move |processor| processor.ledger().backlog(before)).await??,
            };
            let counted: Arc<[Backlog]> = counted.into();
            hall.counted.keep(&counted, now);
            counted
        }
    };
    let rows = hall.desk.ask(move |processor| processor.draining(&backlog, now)).await?;
    Ok(Value::Array(rows.iter().map(drains).collect()))
}

fn drains(row: &Draining) -> Value {
    json!({
        "destination": row.destination.to_string(),
        "waiting": row.waiting,
        "takes_seconds": row.takes.as_secs(),
        "ends_at": time(row.ends_at),
    })
}

fn paused(pause: Pause) -> Value {
    json!({
        "why": pause.why.name(),
        "since": time(Some(pause.since)),
        "next_trial_at": time(Some(pause.next)),
        "trials": pause.trials,
    })
}

/// A destination in the status.
pub(super) fn destination(gate: &GateStatus) -> Value {
    json!({
        "destination": gate.destination.to_string(),
        "platform": gate.destination.home.name(),
        "endpoint": &*gate.destination.endpoint,
        "breaker": gate.breaker.name(),
        "down_since": time(gate.down_since),
        "next_try_at": time(gate.probe_at),
        "in_flight": gate.in_flight,
        "retries_left": gate.retries_left,
        "paused": gate.pause.map(paused),
        "throttled_until": time(gate.throttled_until),
        "merchants_waiting": gate.merchants_waiting,
    })
}

#[derive(Deserialize)]
struct Give {
    events: Vec<EventId>,
    to: String,
    actor: String,
    reason: String,
}

async fn give(State(hall): State<Hall>, Json(order): Json<Give>) -> Result<Json<Value>, Refusal> {
    operator::checked(&order.actor, &order.events)?;
    reasoned(&order.reason)?;
    let to = home(&order.to)?;
    let order = OwnerOrder { events: order.events, to, actor: order.actor, why: order.reason };
    let outcomes = hall.desk.ask(move |processor| processor.give(&order, now())).await??;
    hall.news.notify_one();
    let rows = outcomes.iter().map(|(event_id, given)| {
        let (outcome, why) = match given {
            Given::Done => ("done", None),
            Given::Already => ("nothing_to_do", None),
            Given::NotFound => ("not_found", None),
            Given::Refused(refusal) => (refusal.name(), Some(refusal.message())),
        };
        json!({ "event_id": event_id, "outcome": outcome, "why": why })
    });
    Ok(Json(json!({ "events": rows.collect::<Vec<_>>() })))
}

#[derive(Deserialize)]
struct Resume {
    platform: String,
    #[serde(default)]
    endpoint: String,
    actor: String,
    reason: String,
}

async fn resume(State(hall): State<Hall>, Json(order): Json<Resume>) -> Result<Json<Value>, Refusal> {
    if order.actor.trim().is_empty() {
        return Err(operator::nobody());
    }
    reasoned(&order.reason)?;
    let destination = Destination::new(home(&order.platform)?, &order.endpoint);
    let name = destination.to_string();
    let resumed = hall
        .desk
        .ask(move |processor| {
            let by = By { actor: &order.actor, why: &order.reason };
            processor.resume(&destination, by, now())
        })
        .await??;
    hall.news.notify_one();
    let missing = || Refusal::not_found(&format!("there is no destination `{name}`; the status lists them"));
    let was = resumed.ok_or_else(missing)?.map(relay::delivery::Why::name);
    Ok(Json(json!({ "destination": name, "was_paused_because": was })))
}

fn reasoned(reason: &str) -> Result<(), Refusal> {
    let message = "`reason` is empty: the journal needs to know why";
    if reason.trim().is_empty() { Err(Refusal::bad_request(message.to_owned())) } else { Ok(()) }
}

fn home(name: &str) -> Result<Home, Refusal> {
    let message = || Refusal::bad_request(format!("`{name}` is no platform: write `legacy` or `primary`"));
    Home::parse(name).ok_or_else(message)
}
