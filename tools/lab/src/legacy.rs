//! The platform being left: two-hop clicks, pixels that believe everything, an interface that says 200 to errors.
//!
//! Names and paths are read in any letter case, whatever host they come to; only the twin domain and the
//! short-link host make a difference. `HEAD` changes nothing.

mod affiliate_api;
mod click;
mod merchant_api;
mod reports;
mod sale;
mod signature;
mod statics;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use http::StatusCode;

use crate::chance::{Chance, base36};
use crate::platform::{Answer, Clicks, Gate, PlatformName, Received, Site, lock};
use crate::shared::Shared;
use crate::text::Query;

/// The legacy platform without its sockets.
#[derive(Debug)]
pub(crate) struct Legacy {
    gate: Arc<Gate>,
    shared: Arc<Shared>,
    clicks: Mutex<Clicks>,
    minted: AtomicU64,
}

impl Legacy {
    pub(crate) fn new(shared: Arc<Shared>) -> Arc<Self> {
        Arc::new(Self {
            gate: Gate::new(PlatformName::Legacy),
            shared,
            clicks: Mutex::default(),
            minted: AtomicU64::new(0),
        })
    }

    /// A click id of the shape `11k8_cr29d`: growing, and unique in a run.
    fn mint(&self) -> String {
        let number = self.minted.fetch_add(1, Ordering::Relaxed);
        let mut chance = Chance::part(self.shared.seed, number);
        let (first, digit) = (base36(chance.below(36)), chance.below(10));
        // Starts at the first five-character number, as in the samples.
        format!("{first}1k{digit}_{}", base36(36_u64.pow(4) * 12 + number))
    }

    /// Clicks recorded since the start or the last reset.
    pub(crate) fn clicks_total(&self) -> u64 {
        lock(&self.clicks).total()
    }
}

impl Site for Legacy {
    fn answer(&self, request: &Received) -> Answer {
        if request.host == "shrsl.com" || request.host.ends_with(".shrsl.com") {
            return self.short_link(request);
        }
        let query = Query::parse(&request.query);
        match request.path.to_ascii_lowercase().as_str() {
            "/" => {
                Answer::html(StatusCode::OK, "<!DOCTYPE html><title>ShareASale</title><h1>ShareASale</h1>")
            }
            "/r.cfm" | "/u.cfm" | "/m-pr.cfm" => self.click(request, &query),
            "/sale.cfm" | "/q.cfm" => self.sale(request, &query),
            "/w.cfm" => self.merchant_api(request, &query),
            "/x.cfm" => self.affiliate_api(request, &query),
            "/webhooks/api/" => self.awin_id(&query),
            "/sread.php" => self.foreign_sale(),
            path => statics::answer(path),
        }
    }

    fn reject(&self, request: &Received) -> Answer {
        match request.path.to_ascii_lowercase().as_str() {
            "/w.cfm" | "/x.cfm" => merchant_api::invalid_request(request),
            _ => Answer::html(
                StatusCode::OK,
                "<!DOCTYPE html><title>Error</title><h1>We're sorry, an error has occurred.</h1>",
            ),
        }
    }

    fn gate(&self) -> &Gate {
        &self.gate
    }

    fn forget(&self) {
        *lock(&self.clicks) = Clicks::default();
    }
}

/// An id as people paste it, with spaces around.
fn id(text: Option<String>) -> Option<u64> {
    text?.trim().parse().ok()
}
