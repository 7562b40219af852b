//! What a platform has booked, changed behind everybody's back: an editor's hand, a second processor, a lost row.

use axum::extract::{Json, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::{Controlled, Refusal, refusal};
use crate::books::{Evidence, Transaction};
use crate::platform::PlatformName;
use crate::text::minor;

const DAY_MS: u64 = 86_400_000;

/// One transaction, and what becomes of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Meddling {
    platform: PlatformName,
    id: u64,
    /// Another publisher, by the platform's own id.
    publisher: Option<u64>,
    amount: Option<String>,
    status: Option<String>,
    /// True: it is in no report any more.
    hidden: Option<bool>,
    /// It is dated so many days before.
    #[serde(default)]
    days_earlier: u64,
    /// True: a second one like it is booked.
    #[serde(default)]
    twice: bool,
}

pub(super) async fn meddle(
    State(lab): State<Controlled>,
    Json(asked): Json<Meddling>,
) -> Result<Json<Value>, Refusal> {
    let mut books = lab.site(asked.platform).gate().books();
    let missing = || refusal(StatusCode::NOT_FOUND, "there is no such transaction");
    let one = books.by_id(asked.id).ok_or_else(missing)?;
    change(one, &asked);
    let copy = one.clone();
    if asked.twice {
        books.copy(copy.clone());
    }
    Ok(Json(serde_json::json!(copy)))
}

fn change(one: &mut Transaction, asked: &Meddling) {
    if let Some(publisher) = asked.publisher {
        one.publisher = Some(publisher);
        one.evidence = Evidence::Cookie;
    }
    if let Some(amount) = &asked.amount {
        one.amount_minor = minor(amount);
        one.amount.clone_from(amount);
    }
    if let Some(status) = &asked.status {
        one.status.clone_from(status);
    }
    one.first_received_ms = one.first_received_ms.saturating_sub(asked.days_earlier.saturating_mul(DAY_MS));
    // A test is in no report.
    one.test = asked.hidden.unwrap_or(one.test);
}
