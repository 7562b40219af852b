//! The operator's questions about what orders earn: under other models, and under other terms.

use std::sync::Arc;

use attribution::Model;
use axum::extract::{Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use ledger::{By, Ledger, Span};
use relay::policy::{Snapshot, Terms};
use serde::Deserialize;
use serde_json::Value;
use units::Timestamp;
use units::limits::BATCH_ENTRIES_MAX;

use super::reply::Refusal;
use super::{Hall, shapes};
use crate::processor::awards::{compare, recalculate};
use crate::serve::now;

pub(super) fn router() -> Router<Hall> {
    Router::new().route("/models", get(models)).route("/recalculate", post(recalculated))
}

/// Which orders: times in milliseconds since 1970, the second exclusively.
#[derive(Deserialize)]
struct Asked {
    since: i64,
    until: i64,
    advertiser_id: Option<u64>,
    /// Names joined by commas; every model if there is none.
    #[serde(default)]
    model: String,
}

fn span(since: i64, until: i64, advertiser_id: Option<u64>) -> Result<Span, Refusal> {
    if since >= until {
        return Err(Refusal::bad_request("`until` is not after `since`".to_owned()));
    }
    let [since, until] = [since, until].map(Timestamp::from_millis);
    Ok(Span { since, until, advertiser_id })
}

/// Answers from a reader of the ledger, so that no delivery waits for it; from the ledger itself where it is no file.
async fn read<T: Send + 'static>(
    hall: &Hall,
    look: impl FnOnce(&Ledger, &Snapshot) -> Result<T, ledger::LedgerError> + Send + 'static,
) -> Result<T, Refusal> {
    let (reader, snapshot) =
        hall.desk.ask(|processor| (processor.ledger().reader(), Arc::clone(processor.snapshot()))).await?;
    let Some(reader) = reader? else {
        return Ok(hall.desk.ask(move |processor| look(processor.ledger(), processor.snapshot())).await??);
    };
    let looked = tokio::task::spawn_blocking(move || look(&reader, &snapshot)).await;
    Ok(looked.map_err(|error| Refusal::unavailable(&error))??)
}

async fn models(State(hall): State<Hall>, Query(asked): Query<Asked>) -> Result<Json<Value>, Refusal> {
    let span = span(asked.since, asked.until, asked.advertiser_id)?;
    let names: Vec<&str> = asked.model.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let known = || Model::ALL.map(Model::name).join(", ");
    let parsed = names.iter().map(|name| {
        Model::parse(name)
            .ok_or_else(|| Refusal::bad_request(format!("`{name}` is no model; there are {}", known())))
    });
    let mut models: Vec<Model> = parsed.collect::<Result<_, _>>()?;
    if models.is_empty() {
        models = Model::ALL.to_vec();
    }
    models.dedup();
    let asked = models.clone();
    let compared = read(&hall, move |ledger, snapshot| compare(ledger, snapshot, &span, &asked)).await?;
    Ok(Json(shapes::awards::compared(&compared, &models)))
}

/// What is to be decided about again, and whether the difference is posted.
#[derive(Deserialize)]
struct Again {
    since: i64,
    until: i64,
    advertiser_id: Option<u64>,
    /// A file of terms, by its name and its text; those in force if there is none.
    terms: Option<(String, String)>,
    #[serde(default)]
    apply: bool,
    #[serde(default)]
    actor: String,
    #[serde(default)]
    reason: String,
}

async fn recalculated(State(hall): State<Hall>, Json(again): Json<Again>) -> Result<Json<Value>, Refusal> {
    let span = span(again.since, again.until, again.advertiser_id)?;
    if again.apply && (again.actor.trim().is_empty() || again.reason.trim().is_empty()) {
        let message = "`actor` and `reason` are needed: the journal keeps who moved money, and why";
        return Err(Refusal::bad_request(message.to_owned()));
    }
    let terms =
        again.terms.map(|(file, text)| Terms::load(&file, &text)).transpose().map_err(|mistakes| {
            let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            Refusal::bad_request(format!("the terms have mistakes: {}", lines.join("; ")))
        })?;
    let look = move |ledger: &Ledger, snapshot: &Snapshot| {
        let terms = terms.as_ref().unwrap_or(&snapshot.policy.terms);
        recalculate(ledger, snapshot, terms, &span, now())
    };
    let mut result = read(&hall, look).await?;
    let mut applied = 0;
    if again.apply {
        // Everybody else's turn at the ledger comes between two parts.
        let mut left = std::mem::take(&mut result.changed);
        result.changed.reserve(left.len());
        while !left.is_empty() {
            let part: Vec<_> = left.drain(..left.len().min(BATCH_ENTRIES_MAX)).collect();
            let (actor, reason) = (again.actor.clone(), again.reason.clone());
            let (part, done) = hall
                .desk
                .ask(move |processor| {
                    let done = processor.reaward(&part, By { actor: &actor, why: &reason }, now());
                    (part, done)
                })
                .await?;
            applied += done?;
            result.changed.extend(part);
        }
        hall.news.notify_one();
    }
    Ok(Json(shapes::awards::recalculated(&result, again.apply.then_some(applied))))
}
