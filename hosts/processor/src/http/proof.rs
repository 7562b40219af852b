//! What a third party needs to check the books: links, roots and the key.

use axum::extract::{Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use ledger::{ExportedLink, Root, hex};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Hall;
use super::reply::Refusal;
use super::transactions::beside;
use crate::serve::now;

/// Roots of one page.
const ROOTS_MAX: usize = 1000;

pub(super) fn router() -> Router<Hall> {
    Router::new()
        .route("/proof", get(head))
        .route("/proof/roots", get(roots))
        .route("/proof/links", get(links))
        .route("/proof/root", post(sign))
}

async fn head(State(hall): State<Hall>) -> Result<Json<Value>, Refusal> {
    let key = hall.desk.ask(|processor| processor.root_key().map(hex)).await?;
    let (ledger_id, head) = beside(&hall, |ledger| Ok((ledger.ledger_id()?, ledger.chain_head()?))).await?;
    Ok(Json(json!({
        "ledger": ledger_id,
        "links": head.sequence,
        "hash": hex(&head.hash),
        "public_key": key,
    })))
}

/// What comes after a link.
#[derive(Deserialize)]
struct After {
    after: Option<u64>,
}

async fn roots(State(hall): State<Hall>, Query(wanted): Query<After>) -> Result<Json<Value>, Refusal> {
    let roots = beside(&hall, move |ledger| ledger.roots(wanted.after, ROOTS_MAX)).await?;
    let next = roots.last().filter(|_| roots.len() == ROOTS_MAX).map(|root| root.sequence);
    Ok(Json(json!({ "roots": roots.iter().map(root).collect::<Vec<_>>(), "next_after": next })))
}

async fn sign(State(hall): State<Hall>) -> Result<Json<Value>, Refusal> {
    let signed = hall.desk.ask(|processor| processor.sign_root(now())).await??;
    let nobody = || Refusal::not_found("this processor signs no roots: it has no key for them");
    Ok(Json(root(&signed.ok_or_else(nobody)?)))
}

async fn links(State(hall): State<Hall>, Query(wanted): Query<After>) -> Result<Json<Value>, Refusal> {
    let links = beside(&hall, move |ledger| ledger.export_links(wanted.after)).await?;
    let link = |link: &ExportedLink| json!({ "sequence": link.sequence, "fields": link.fields, "hash": hex(&link.hash) });
    Ok(Json(json!({ "links": links.iter().map(link).collect::<Vec<_>>() })))
}

fn root(root: &Root) -> Value {
    json!({
        "sequence": root.sequence,
        "hash": hex(&root.hash),
        "signed_at": root.signed_at.as_millis(),
        "public_key": hex(&root.public_key),
        "signature": hex(&root.signature),
    })
}
