//! The operator's interface to what conversions are credited by: clicks and vouchers.

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use ledger::By;
use serde::Deserialize;
use serde_json::Value;

use super::reply::Refusal;
use super::{Hall, shapes};
use crate::serve::now;
use crate::{Imported, ImportedClick, ImportedVoucher};

/// Most rows of one part of an import. Everybody else's turn at the ledger comes between two parts.
const ROWS_MAX: usize = 10_000;

/// Most voucher codes or addresses of one list.
pub(super) const LISTED_MAX: usize = 1000;

pub(super) fn router() -> Router<Hall> {
    Router::new()
        .route("/clicks", post(clicks))
        .route("/clicks/{click_id}", get(click))
        .route("/vouchers", post(vouchers))
        .route("/vouchers/{advertiser_id}", get(vouchers_of))
        .route("/imports", post(import))
}

pub(super) fn bounded<T>(rows: &[T]) -> Result<(), Refusal> {
    if rows.len() > ROWS_MAX {
        let message = format!("{} rows at once; one part of an import takes {ROWS_MAX}", rows.len());
        return Err(Refusal::bad_request(message));
    }
    Ok(())
}

async fn clicks(
    State(hall): State<Hall>,
    Json(rows): Json<Vec<ImportedClick>>,
) -> Result<Json<Imported>, Refusal> {
    bounded(&rows)?;
    let imported = hall.desk.ask(move |processor| processor.import_clicks(rows, now())).await??;
    hall.news.notify_one();
    Ok(Json(imported))
}

async fn vouchers(
    State(hall): State<Hall>,
    Json(rows): Json<Vec<ImportedVoucher>>,
) -> Result<Json<Imported>, Refusal> {
    bounded(&rows)?;
    Ok(Json(hall.desk.ask(move |processor| processor.import_vouchers(&rows, now())).await??))
}

/// Who imported what, for the journal.
#[derive(Deserialize)]
struct Note {
    what: String,
    actor: String,
    detail: String,
}

async fn import(State(hall): State<Hall>, Json(note): Json<Note>) -> Result<Json<Value>, Refusal> {
    let journal = move |processor: &mut crate::Processor| {
        processor.journal_import(&note.what, By { actor: &note.actor, why: &note.detail }, now())
    };
    hall.desk.ask(journal).await??;
    Ok(Json(Value::Bool(true)))
}

async fn click(State(hall): State<Hall>, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    let missing = format!("no click is kept under `{id}`: it was never seen, refused, or has expired");
    let found =
        hall.desk.ask(move |processor| crate::processor::show_click(processor.ledger(), &id)).await??;
    found.map(Json).ok_or_else(|| Refusal::not_found(&missing))
}

async fn vouchers_of(
    State(hall): State<Hall>,
    Path(advertiser_id): Path<u64>,
) -> Result<Json<Value>, Refusal> {
    let rows =
        hall.desk.ask(move |processor| processor.ledger().vouchers(advertiser_id, LISTED_MAX)).await??;
    Ok(Json(shapes::vouchers(&rows)))
}
