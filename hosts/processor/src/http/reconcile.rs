//! The operator's interface to what a comparison with others' books needs, and what it closes.
//!
//! Rows come in pages, each from a connection of its own: a reader that held on through a million rows would keep
//! the ledger's log from being cut back, and a client that fell asleep would hold the reader.

use axum::extract::{Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use ledger::{Ledger, LedgerError, Reconcilable};
use reconciliation::Period;
use serde::Deserialize;
use serde_json::{Value, json};
use tracking::Home;
use units::limits::RECONCILED_ROWS_MAX;
use units::{EventId, Timestamp};

use super::Hall;
use super::reply::Refusal;
use crate::Proven;
use crate::serve::now;

pub(super) fn router() -> Router<Hall> {
    Router::new()
        .route("/reconcile/rows", get(rows))
        .route("/reconcile/first_seen", get(first_seen))
        .route("/reconcile/confirm", post(confirm))
}

/// Reads from the ledger beside its writer, where it is a file.
pub(super) async fn beside<T: Send + 'static>(
    hall: &Hall,
    question: impl FnOnce(&Ledger) -> Result<T, LedgerError> + Send + 'static,
) -> Result<T, Refusal> {
    let Some(reader) = hall.desk.ask(|processor| processor.ledger().reader()).await?? else {
        return Ok(hall.desk.ask(move |processor| question(processor.ledger())).await??);
    };
    let asked = tokio::task::spawn_blocking(move || question(&reader)).await;
    Ok(asked.map_err(|error| Refusal::unavailable(&error))??)
}

#[derive(Deserialize)]
struct Wanted {
    /// Milliseconds since 1970.
    from: i64,
    until: i64,
    after: Option<EventId>,
}

async fn rows(State(hall): State<Hall>, Query(wanted): Query<Wanted>) -> Result<Json<Value>, Refusal> {
    let period =
        Period { from: Timestamp::from_millis(wanted.from), until: Timestamp::from_millis(wanted.until) };
    let wanted = Reconcilable { period, after: wanted.after, limit: RECONCILED_ROWS_MAX };
    let rows = beside(&hall, move |ledger| ledger.reconcilable(&wanted)).await?;
    let next = rows.last().filter(|_| rows.len() == RECONCILED_ROWS_MAX).map(|row| row.event_id);
    Ok(Json(json!({ "rows": rows, "next_after": next })))
}

async fn first_seen(State(hall): State<Hall>) -> Result<Json<Value>, Refusal> {
    let seen = beside(&hall, Ledger::first_seen).await?;
    Ok(Json(json!({ "first_seen": seen })))
}

async fn confirm(State(hall): State<Hall>, Json(proven): Json<Proven>) -> Result<Json<Value>, Refusal> {
    if proven.actor.trim().is_empty() || proven.report.trim().is_empty() {
        let message = "`actor` and `report` are needed: the journal keeps who closed it by what";
        return Err(Refusal::bad_request(message.to_owned()));
    }
    if proven.lines.len() > RECONCILED_ROWS_MAX {
        let message = format!("{} lines; one order takes {RECONCILED_ROWS_MAX}", proven.lines.len());
        return Err(Refusal::bad_request(message));
    }
    let home = Home::parse(&proven.platform).ok_or_else(|| {
        Refusal::bad_request(format!("`{}` is no platform: legacy or primary", proven.platform))
    })?;
    let confirmed = hall.desk.ask(move |processor| processor.confirm_proven(home, &proven, now())).await??;
    hall.news.notify_one();
    Ok(Json(json!(confirmed)))
}
