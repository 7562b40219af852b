//! The platform being moved to: redirecting clicks, silent pixels, a JSON interface with limits.
//!
//! Names are case sensitive. `HEAD` changes nothing. The reply to a pixel is the same picture for a booking,
//! a copy and nonsense.

mod api;
mod click;
mod conversion;
mod orders;
mod rate;
mod transactions;
mod validation;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use http::{Method, StatusCode};
use serde_json::json;

use crate::chance::Chance;
use crate::platform::{Answer, Click, Clicks, Gate, PlatformName, Received, Site, lock};
use crate::shared::Shared;
use crate::text::Query;
use rate::Rate;

const DAY_MS: u64 = 86_400_000;

/// The primary platform without its sockets.
#[derive(Debug)]
pub(crate) struct Primary {
    gate: Arc<Gate>,
    shared: Arc<Shared>,
    clicks: Mutex<Clicks>,
    rate: Mutex<Rate>,
    minted: AtomicU64,
}

impl Primary {
    pub(crate) fn new(shared: Arc<Shared>) -> Arc<Self> {
        Arc::new(Self {
            gate: Gate::new(PlatformName::Primary),
            shared,
            clicks: Mutex::default(),
            rate: Mutex::default(),
            minted: AtomicU64::new(0),
        })
    }

    /// Numbers for click ids, browser ids and batches.
    fn chance(&self) -> Chance {
        Chance::part(self.shared.seed ^ 0x00a1_1ce5, self.minted.fetch_add(1, Ordering::Relaxed))
    }

    /// Clicks recorded since the start or the last reset.
    pub(crate) fn clicks_total(&self) -> u64 {
        lock(&self.clicks).total()
    }

    /// The click behind an id, when it is this merchant's and inside its window.
    fn click_of(&self, click_id: &str, advertiser: u64, window_days: u32, now_ms: u64) -> Option<Click> {
        let click = lock(&self.clicks).get(click_id).cloned()?;
        let fresh = now_ms.saturating_sub(click.at_ms) <= u64::from(window_days) * DAY_MS;
        (click.advertiser == advertiser && fresh).then_some(click)
    }
}

impl Site for Primary {
    fn answer(&self, request: &Received) -> Answer {
        let query = Query::parse(&request.query);
        let path = request.path.as_str();
        match path {
            "/robots.txt" => Answer::text("User-agent: *\nDisallow: /\n"),
            "/" => Answer::html(StatusCode::OK, "<!DOCTYPE html><title>Awin</title>"),
            "/closedMerchant.html" => {
                Answer::html(StatusCode::OK, "<!DOCTYPE html><title>Awin</title><p>This link is inactive</p>")
            }
            "/cread.php" | "/awclick.php" | "/pclick.php" => self.click(request, &query),
            "/rclick.php" => Self::second_domain(request, &query),
            "/sread.img" | "/sread.php" | "/sread.js" => self.conversion(request, &query),
            "/cshow.php" | "/cawshow.php" | "/appshow.php" | "/alt.php" | "/basket.php" => Answer::pixel(),
            _ if path.starts_with("/ads/") => {
                Answer::new(StatusCode::OK, "image/jpeg", path.as_bytes().to_vec())
            }
            _ if is_tag(path) => Answer::script("/* master tag */"),
            _ => self.interface(request, &query),
        }
    }

    fn reject(&self, request: &Received) -> Answer {
        if request.method == Method::POST && request.path.ends_with("/orders") {
            return orders::reject_all(request);
        }
        Answer::html(StatusCode::OK, "<!DOCTYPE html><title>Error</title><p>Something went wrong</p>")
    }

    fn gate(&self) -> &Gate {
        &self.gate
    }

    fn forget(&self) {
        *lock(&self.clicks) = Clicks::default();
        *lock(&self.rate) = Rate::default();
    }
}

/// `/<merchant>.js`, or the `undefined` of broken set-ups.
fn is_tag(path: &str) -> bool {
    let name = path.strip_prefix('/').and_then(|path| path.strip_suffix(".js"));
    name.is_some_and(|name| {
        name == "undefined" || !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn error(status: StatusCode, error: &str, description: &str) -> Answer {
    Answer::json(status, &json!({ "error": error, "description": description }))
}
