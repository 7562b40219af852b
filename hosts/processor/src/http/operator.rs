//! The operator's interface. Every request carries the operator's token as a bearer token.

use axum::body::{Body, to_bytes};
use axum::extract::{Query, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use ledger::{Ledger, Page};
use serde::Deserialize;
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;
use units::EventId;

use super::reply::Refusal;
use super::{Hall, shapes};
use crate::serve::now;
use crate::who::Who;
use crate::{Processor, ProcessorError};

/// Rows of a list where none are asked for, and at most.
const ROWS: usize = 100;
const ROWS_MAX: usize = 1000;

/// Most conversions that one order moves.
const ORDERED_MAX: usize = 1000;

pub(super) fn router(hall: &Hall) -> Router<Hall> {
    everything().layer(from_fn_with_state(hall.clone(), only_operators))
}

/// The same for somebody who has the ledger in hand, and may not write.
pub(super) fn reading() -> Router<Hall> {
    everything().layer(from_fn(only_questions))
}

async fn only_questions(request: Request, next: Next) -> Result<Response, Refusal> {
    if request.method() == Method::GET {
        return Ok(next.run(request).await);
    }
    let message = "the books are read at rest, and this changes them: start the processor, and ask again";
    Err(Refusal::new(StatusCode::CONFLICT, "at_rest", message.to_owned()))
}

fn everything() -> Router<Hall> {
    Router::new()
        .route("/status", get(status))
        .route("/queue", get(queue))
        .route("/conversions/{event_id}", get(super::dead::show))
        .route("/unmapped", get(unmapped))
        .route("/audit", get(audit))
        .merge(super::awards::router())
        .merge(super::dead::router())
        .merge(super::order::router())
        .merge(super::delivering::router())
        .merge(super::evidence::router())
        .merge(super::postbacks::router())
        .merge(super::transactions::router())
        .merge(super::reconcile::router())
        .merge(super::report::router())
        .merge(super::proof::router())
}

/// `GET /metrics`, which shows an operator's token as everything else does.
pub(super) fn metrics(hall: &Hall) -> Router<Hall> {
    Router::new()
        .route("/metrics", get(super::metrics))
        .layer(from_fn_with_state(hall.clone(), only_operators))
}

async fn only_operators(State(hall): State<Hall>, request: Request, next: Next) -> Result<Response, Refusal> {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let right: bool = token.as_bytes().ct_eq(hall.settings.operator_token.as_bytes()).into();
    // A processor without a token has no operators, rather than anybody.
    let who = match hall.settings.operators.whose(token) {
        _ if right && !hall.settings.operator_token.is_empty() => Who::Holder,
        Some(name) => Who::Named(name),
        None => {
            let message = "send your token, or the data directory's own, as `authorization: Bearer …`";
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, "token", message.to_owned()));
        }
    };
    let mut request = match &who {
        Who::Named(name) if request.method() != Method::GET => signed_by(name, request).await?,
        _ => request,
    };
    request.extensions_mut().insert(who);
    Ok(next.run(request).await)
}

/// The request with the name of whose token it shows in the place of whoever it says it is from: in one place, so that
/// no order can forget it. What is no object has no place for a name, and a reader could still find one in it: only the
/// rows of a list pass.
async fn signed_by(name: &str, request: Request) -> Result<Request, Refusal> {
    let (mut head, body) = request.into_parts();
    let bytes = to_bytes(body, ORDER_BYTES_MAX).await.map_err(|_| {
        let message =
            format!("the body ended early or is larger than {ORDER_BYTES_MAX} bytes: send less at once");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "body", message)
    })?;
    let signed = match serde_json::from_slice(&bytes) {
        Ok(Value::Object(mut order)) => {
            if let Some(actor) = order.get_mut("actor") {
                *actor = Value::String(name.to_owned());
            }
            Body::from(Value::Object(order).to_string())
        }
        Ok(Value::Array(rows)) if rows.iter().all(Value::is_object) => Body::from(bytes),
        _ if bytes.is_empty() => Body::empty(),
        Ok(_) => {
            let message = "the body is neither an object nor a list of objects";
            return Err(Refusal::bad_request(message.to_owned()));
        }
        Err(error) => {
            return Err(Refusal::bad_request(format!("the body cannot be read as JSON: {error}")));
        }
    };
    head.headers.remove(header::CONTENT_LENGTH);
    Ok(Request::from_parts(head, signed))
}

/// The largest body of an order, or of a part of an import.
const ORDER_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Which part of a list is wanted.
#[derive(Deserialize)]
struct Wanted {
    limit: Option<usize>,
    advertiser_id: Option<u64>,
    after: Option<EventId>,
}

impl Wanted {
    fn page(&self) -> Page {
        let limit = self.limit.unwrap_or(ROWS).clamp(1, ROWS_MAX);
        Page { limit, advertiser_id: self.advertiser_id, after: self.after }
    }
}

/// Asks the processor, and makes the answer a reply.
async fn ask(
    hall: &Hall,
    question: impl FnOnce(&mut Processor) -> Result<Value, ProcessorError> + Send + 'static,
) -> Result<Json<Value>, Refusal> {
    Ok(Json(hall.desk.ask(question).await??))
}

async fn status(State(hall): State<Hall>) -> Result<Json<Value>, Refusal> {
    let draining = super::delivering::draining(&hall).await?;
    let (health, at_rest) = (hall.watched.read(), hall.at_rest);
    ask(&hall, move |processor| {
        let mut status = shapes::status(&processor.status()?, draining, now());
        if let Some(status) = status.as_object_mut() {
            status.insert("conservation".to_owned(), shapes::health(&health, now()));
            status.insert("at_rest".to_owned(), Value::Bool(at_rest));
            // Nobody delivers: how destinations are is known to nobody, and no backlog drains.
            if at_rest {
                for of_a_process in ["platforms", "destinations", "backlog"] {
                    status.insert(of_a_process.to_owned(), Value::Array(Vec::new()));
                }
            }
        }
        Ok(status)
    })
    .await
}

async fn queue(State(hall): State<Hall>, Query(wanted): Query<Wanted>) -> Result<Json<Value>, Refusal> {
    if wanted.after.is_some() {
        // It stands in the order of what is due, which changes all the time: there is no place in it to go on from.
        return Err(Refusal::bad_request(
            "`after` is not for the queue: ask for more with `limit`".to_owned(),
        ));
    }
    let page = wanted.page();
    ask(&hall, move |processor| {
        let rows = processor.ledger().queue(&page)?;
        let shown: Vec<Value> = rows.iter().map(shapes::conversion).collect();
        Ok(json!({ "queue": shown, "more": rows.len() == page.limit }))
    })
    .await
}

async fn unmapped(State(hall): State<Hall>, Query(wanted): Query<Wanted>) -> Result<Json<Value>, Refusal> {
    let limit = wanted.page().limit;
    ask(&hall, move |processor| Ok(shapes::unmapped(&processor.ledger().unmapped(limit)?))).await
}

async fn audit(State(hall): State<Hall>) -> Result<Json<Value>, Refusal> {
    // An audit reads every row: on a connection of its own, where the ledger is a file.
    let audit = super::reconcile::beside(&hall, Ledger::audit).await?;
    Ok(Json(shapes::audit(&audit)))
}

/// Checks who orders something, and of how many conversions.
pub(super) fn checked(actor: &str, events: &[EventId]) -> Result<(), Refusal> {
    if actor.trim().is_empty() {
        return Err(nobody());
    }
    if events.is_empty() || events.len() > ORDERED_MAX {
        let message = format!("`events` has {}; one order takes 1 to {ORDERED_MAX}", events.len());
        return Err(Refusal::bad_request(message));
    }
    Ok(())
}

pub(super) fn nobody() -> Refusal {
    Refusal::bad_request("`actor` is empty: the journal needs to know who orders it".to_owned())
}
