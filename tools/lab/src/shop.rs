//! The merchants' shops: landing pages that keep the click id, a checkout that fires the sale pixel.
//!
//! One listener is all shops: the merchant is known by `Host`, or by a path `/m/<legacy id>/…`. What a page
//! does with the click id is what the platforms' own plug-ins do: a cookie with the click id as JSON, a raw
//! pixel, and the same pixel again with the click id when there is one.

mod pages;
mod pixel;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Json, State};
use axum::http::StatusCode;
use axum::routing::post;
use serde::{Deserialize, Serialize};

use crate::clock::now_ms;
use crate::shared::Shared;
use crate::text::{Query, decode};
use crate::wire::{Client, Outgoing};

pub(crate) use pixel::pixels;

const FIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// An order placed with a shop.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Buy {
    /// The landing page with its click id, as the click led to it.
    pub landing_url: String,
    /// The merchant's legacy id; found by the landing page's host when 0.
    pub merchant: u64,
    /// The order number.
    pub order: String,
    /// The amount, as the page prints it.
    pub amount: String,
    /// `sale` when empty.
    pub kind: String,
    /// The merchant's own when empty.
    pub currency: String,
    /// A voucher code.
    pub voucher: String,
    /// Leaves the raw pixel out, as shops with a server-side click id do.
    pub only_with_click: bool,
    /// Whether the shop fires the pixels itself.
    pub fire: bool,
    /// Where it fires them; the configured edge when absent.
    pub edge: Option<SocketAddr>,
    /// Cookies of the shopper's browser for the pixel's host.
    pub cookie: String,
}

/// A pixel as the page holds it, and what became of it when the shop fired it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pixel {
    /// The address in the page.
    pub url: String,
    /// Whether it carries the click id.
    pub has_click_id: bool,
    /// The status of the answer, when fired and answered.
    pub status: Option<u16>,
    /// Why there was no answer, when fired.
    pub error: Option<String>,
    /// How long the answer took, in ms.
    pub took_ms: Option<u64>,
}

/// The answer to an order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Receipt {
    /// The merchant's legacy id.
    pub merchant: u64,
    /// The order number.
    pub order: String,
    /// The click id that the landing page carried.
    pub click_id: Option<String>,
    /// The pixels in the order in which the page loads them.
    pub pixels: Vec<Pixel>,
}

/// All shops behind one listener.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new().route("/buy", post(buy)).fallback(pages::page).with_state(shared)
}

async fn buy(
    State(shared): State<Arc<Shared>>,
    Json(buy): Json<Buy>,
) -> Result<Json<Receipt>, (StatusCode, String)> {
    let mut receipt = receipt(&shared, &buy).map_err(|reason| (StatusCode::BAD_REQUEST, reason))?;
    if buy.fire {
        let edge = buy.edge.or(shared.behaviour().edge);
        let edge = edge.ok_or((StatusCode::BAD_REQUEST, "no edge is configured to fire at".to_owned()))?;
        for pixel in &mut receipt.pixels {
            fire(pixel, edge, &buy).await;
        }
    }
    Ok(Json(receipt))
}

fn receipt(shared: &Shared, buy: &Buy) -> Result<Receipt, String> {
    let directory = shared.directory();
    let found = directory.legacy(buy.merchant).or_else(|| directory.by_host(&buy.landing_url));
    let advertiser = found.ok_or("no merchant has this id or this landing page")?;
    let click_id = click_id(&buy.landing_url);
    let urls = pixels(buy, advertiser, click_id.as_deref(), shared.behaviour().edge);
    Ok(Receipt { merchant: advertiser.legacy_id, order: buy.order.clone(), click_id, pixels: urls })
}

async fn fire(pixel: &mut Pixel, edge: SocketAddr, buy: &Buy) {
    let Some(request) = Outgoing::of_url(&pixel.url) else { return };
    let host = if request.host.contains("shareasale") {
        request.host.clone()
    } else {
        pixel::PUBLIC_HOST.to_owned()
    };
    let mut request =
        Outgoing { host, ..request }.header("accept", "image/*").header("referer", "https://shop/thanks");
    if !buy.cookie.is_empty() {
        request = request.header("cookie", buy.cookie.clone());
    }
    let began_ms = now_ms();
    match Client::new(edge, FIRE_TIMEOUT).send(&request).await {
        Ok(answer) => pixel.status = Some(answer.status),
        Err(failure) => pixel.error = Some(failure.name().to_owned()),
    }
    pixel.took_ms = Some(now_ms().saturating_sub(began_ms));
}

/// The click id of a landing page, in either platform's name; the legacy one first, as the plug-ins read it.
pub(crate) fn click_id(landing_url: &str) -> Option<String> {
    let (_, query) = landing_url.split_once('?')?;
    let query = Query::parse(query.split('#').next().unwrap_or(query));
    query.first(&["sscid", "awc"]).filter(|id| !id.is_empty()).map(|id| decode(&id))
}
