//! The processor's HTTP interface: batches from edges, and the operator's questions.
//!
//! An error is JSON with a code and a message that says what to do. `POST /v1/batches` answers only after the
//! batch is durable.

mod awards;
mod dead;
pub(crate) mod delivering;
mod evidence;
mod filter;
mod operator;
mod order;
mod postbacks;
mod proof;
mod reconcile;
mod reply;
mod report;
pub(crate) mod shapes;
mod transactions;

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use relay::signature::{KEY_HEADER, SIGNATURE_HEADER, Signature, TIME_HEADER};
use relay::step::Served;
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};
use tracking::Home;
use units::limits::BATCH_BYTES_MAX;

use crate::conservation::{self, Watched};
use crate::serve::{Settings, now};
use crate::{Desk, ReceiveError};
use reply::Refusal;

/// What every request may use.
#[derive(Clone)]
pub(crate) struct Hall {
    pub(crate) desk: Desk,
    pub(crate) news: Arc<Notify>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) watched: Watched,
    pub(crate) counted: delivering::Counted,
    /// Who may ask a long question now.
    pub(crate) readers: Arc<Semaphore>,
    /// True where the ledger is only read, and no processor delivers.
    pub(crate) at_rest: bool,
}

pub(crate) fn router(hall: Hall) -> Router {
    Router::new()
        .route("/v1/batches", post(batches))
        .route("/v1/calls", post(calls))
        .route("/healthz", get(healthz))
        .nest("/v1/operator", operator::router(&hall))
        .merge(operator::metrics(&hall))
        .fallback(|| async { Refusal::not_found("there is nothing at this path") })
        .with_state(hall)
}

/// The operator's questions alone, for whoever has the ledger in hand.
pub(crate) fn reading(hall: Hall) -> Router {
    Router::new()
        .nest("/v1/operator", operator::reading())
        .fallback(|| async { Refusal::not_found("there is nothing at this path") })
        .with_state(hall)
}

/// Says that the ledger's thread answers.
async fn healthz(State(hall): State<Hall>) -> Result<Json<Value>, Refusal> {
    let version = hall.desk.ask(|processor| processor.snapshot().version.clone()).await?;
    Ok(Json(json!({ "status": "ok", "version": version })))
}

/// What the processor counts, in the text format of Prometheus.
async fn metrics(State(hall): State<Hall>) -> impl IntoResponse {
    let metrics = &hall.settings.metrics;
    metrics.books(&conservation::books(&hall.watched.read(), now()));
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], metrics.encode())
}

/// A call of the signed interface, asked by an edge while its client waits: a batch of one entry, answered at once.
async fn calls(State(hall): State<Hall>, request: Request) -> Result<Json<Value>, Refusal> {
    let body = signed(&hall, request).await?;
    let served = hall.desk.ask(move |processor| processor.call(&body, now())).await?;
    let served = served.map_err(|error| match error {
        ReceiveError::Batch(_) => Refusal::new(StatusCode::BAD_REQUEST, "call", error.to_string()),
        ReceiveError::Ledger(_) => Refusal::unavailable(&error),
    })?;
    hall.news.notify_one();
    Ok(Json(match served {
        Served::Forward => json!({ "forward": true }),
        Served::Reply { status, content_type, body } => {
            json!({ "reply": { "status": status, "content_type": content_type, "body": body } })
        }
    }))
}

/// The body of a request that an edge has signed.
async fn signed(hall: &Hall, request: Request) -> Result<Bytes, Refusal> {
    let (head, body) = request.into_parts();
    let signature = signature(&head.headers)?;
    let body = read(body).await?;
    let verified = hall.settings.keys.verify(&signature, &body, now());
    verified.map_err(|error| Refusal::new(StatusCode::UNAUTHORIZED, "signature", error.to_string()))?;
    Ok(body)
}

async fn batches(State(hall): State<Hall>, request: Request) -> Result<Json<Value>, Refusal> {
    let body = signed(&hall, request).await?;
    let received = hall.desk.ask(move |processor| {
        let down = Home::ALL.map(|home| (home, processor.is_down(home)));
        (processor.receive(&body, now()), down)
    });
    let (received, down) = match received.await? {
        (Ok(received), down) => (received, down),
        (Err(error @ ReceiveError::Batch(_)), _) => {
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "batch", error.to_string()));
        }
        (Err(error @ ReceiveError::Ledger(_)), _) => return Err(Refusal::unavailable(&error)),
    };
    hall.news.notify_one();
    Ok(Json(json!({
        "accepted": received.accepted,
        "duplicates": received.duplicates,
        "breakers": shapes::breakers(down),
    })))
}

fn signature(headers: &HeaderMap) -> Result<Signature, Refusal> {
    let header = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        let missing = || {
            let message = format!("a batch is signed, and header `{name}` is missing or no text");
            Refusal::new(StatusCode::UNAUTHORIZED, "signature", message)
        };
        value.map(str::to_owned).ok_or_else(missing)
    };
    Ok(Signature {
        key: header(KEY_HEADER)?,
        time: header(TIME_HEADER)?,
        signature: header(SIGNATURE_HEADER)?,
    })
}

async fn read(body: Body) -> Result<Bytes, Refusal> {
    to_bytes(body, BATCH_BYTES_MAX).await.map_err(|_| {
        let message =
            format!("the body ended early or is larger than {BATCH_BYTES_MAX} bytes: send less at once");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "body", message)
    })
}

#[cfg(test)]
mod tests;
