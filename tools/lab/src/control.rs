//! The control listener: faults, settings, and what the platforms have seen and booked.

mod books;
mod change;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Json, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::books::Transaction;
use crate::fault::Fault;
use crate::legacy::Legacy;
use crate::platform::{PlatformName, Site};
use crate::primary::Primary;
use crate::requests::LoggedRequest;
use crate::shared::Shared;
use crate::world::World;

const REQUESTS_ANSWERED_DEFAULT: usize = 1_000;

type Refusal = (StatusCode, Json<Value>);

/// What the control listener can reach.
#[derive(Debug, Clone)]
pub(crate) struct Controlled {
    pub(crate) legacy: Arc<Legacy>,
    pub(crate) primary: Arc<Primary>,
    pub(crate) shared: Arc<Shared>,
}

impl Controlled {
    pub(crate) fn site(&self, name: PlatformName) -> &dyn Site {
        match name {
            PlatformName::Legacy => &*self.legacy,
            PlatformName::Primary => &*self.primary,
        }
    }

    pub(crate) fn sites(&self) -> [&dyn Site; 2] {
        [&*self.legacy, &*self.primary]
    }

    pub(crate) fn counts(&self) -> BTreeMap<PlatformNameKey, PlatformCounts> {
        let clicks = [self.legacy.clicks_total(), self.primary.clicks_total()];
        self.sites().into_iter().zip(clicks).map(|(site, clicks)| (key(site), counts(site, clicks))).collect()
    }

    /// Everything as at the start, without faults.
    pub(crate) async fn reset(&self) {
        self.shared.restore();
        for site in self.sites() {
            site.gate().set_fault(Fault::default()).await;
            site.gate().clear();
            site.forget();
        }
    }
}

pub(crate) type PlatformNameKey = &'static str;

/// A platform's counters.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PlatformCounts {
    requests: u64,
    clicks: u64,
    transactions: usize,
    orders_received: u64,
    attributed: usize,
    by_path: BTreeMap<String, u64>,
    by_outcome: BTreeMap<String, u64>,
    unbooked: BTreeMap<String, u64>,
}

/// The control interface.
pub(crate) fn router(controlled: Controlled) -> Router {
    Router::new()
        .route("/fault", get(faults).post(set_fault))
        .route("/requests", get(requests))
        .route("/transactions", get(transactions).post(books::meddle))
        .route("/counts", get(counts_of_both))
        .route("/settings", get(change::settings).post(change::change))
        .route("/world", get(world))
        .route("/reset", post(reset))
        .layer(DefaultBodyLimit::max(crate::limits::BODY_BYTES_MAX))
        .with_state(controlled)
}

pub(crate) fn refusal(status: StatusCode, reason: &str) -> Refusal {
    (status, Json(json!({ "error": reason })))
}

#[derive(Debug, Deserialize)]
struct SetFault {
    platform: PlatformName,
    #[serde(flatten)]
    fault: serde_json::Map<String, Value>,
}

async fn set_fault(
    State(lab): State<Controlled>,
    Json(asked): Json<SetFault>,
) -> Result<Json<Value>, Refusal> {
    let fault: Fault = serde_json::from_value(Value::Object(asked.fault))
        .map_err(|error| refusal(StatusCode::BAD_REQUEST, &error.to_string()))?;
    if !lab.site(asked.platform).gate().set_fault(fault).await {
        return Err(refusal(StatusCode::INTERNAL_SERVER_ERROR, "the listener did not follow in time"));
    }
    Ok(faults(State(lab)).await)
}

async fn faults(State(lab): State<Controlled>) -> Json<Value> {
    let now: BTreeMap<_, _> =
        lab.sites().into_iter().map(|site| (key(site), site.gate().active().fault)).collect();
    Json(json!(now))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    platform: Option<PlatformName>,
    since: u64,
    limit: Option<usize>,
    order: Option<String>,
    advertiser: Option<u64>,
}

async fn requests(
    State(lab): State<Controlled>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Vec<LoggedRequest>>, Refusal> {
    let name = wanted.platform.ok_or_else(|| refusal(StatusCode::BAD_REQUEST, "platform is required"))?;
    let limit = wanted.limit.unwrap_or(REQUESTS_ANSWERED_DEFAULT);
    Ok(Json(lab.site(name).gate().requests().since(wanted.since, limit)))
}

async fn transactions(State(lab): State<Controlled>, Query(wanted): Query<Wanted>) -> Json<Vec<Transaction>> {
    let fits = |one: &&Transaction| {
        one.id > wanted.since
            && wanted.order.as_deref().is_none_or(|order| order == one.order_reference)
            && wanted.advertiser.is_none_or(|id| id == one.advertiser)
    };
    let of = |site: &dyn Site| -> Vec<Transaction> {
        site.gate().books().transactions().iter().filter(fits).cloned().collect()
    };
    let mut all: Vec<Transaction> = match wanted.platform {
        Some(name) => of(lab.site(name)),
        None => lab.sites().into_iter().flat_map(of).collect(),
    };
    all.truncate(wanted.limit.unwrap_or(usize::MAX));
    Json(all)
}

async fn counts_of_both(State(lab): State<Controlled>) -> Json<Value> {
    Json(json!(lab.counts()))
}

async fn world(State(lab): State<Controlled>) -> Json<World> {
    Json(lab.shared.directory().world().clone())
}

async fn reset(State(lab): State<Controlled>) -> Json<Value> {
    lab.reset().await;
    Json(json!({ "reset": true }))
}

fn counts(site: &dyn Site, clicks: u64) -> PlatformCounts {
    let requests = site.gate().requests();
    let books = site.gate().books();
    PlatformCounts {
        requests: requests.total(),
        clicks,
        transactions: books.transactions().len(),
        orders_received: books.transactions().iter().map(|one| u64::from(one.received)).sum(),
        attributed: books.transactions().iter().filter(|one| one.publisher.is_some()).count(),
        by_path: requests.by_path().clone(),
        by_outcome: requests.by_outcome().clone(),
        unbooked: books.unbooked().clone(),
    }
}

fn key(site: &dyn Site) -> PlatformNameKey {
    match site.gate().name() {
        PlatformName::Legacy => "legacy",
        PlatformName::Primary => "primary",
    }
}
