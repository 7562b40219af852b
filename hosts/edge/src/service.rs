//! What answers the public's requests: the exchange, and before it three questions that need no brain.

use std::sync::Arc;
use std::time::Duration;

use admission::Refusal;
use arc_swap::ArcSwap;
use relay::policy::Snapshot;
use relay::{Exchange, Health, Reply};
use telemetry::HostFact;
use tracking::{Home, Inbound};

use crate::certificate::Watched;
use crate::clock::{self, Seeds};
use crate::drive::{self, Hands};
use crate::http::{self, Service};
use crate::stats::Stats;

/// The public's service.
#[derive(Debug)]
pub(crate) struct Public {
    pub(crate) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(crate) hands: Arc<Hands>,
    pub(crate) seeds: Seeds,
    pub(crate) stats: Arc<Stats>,
    /// The certificate that is shown; none where TLS is off.
    pub(crate) certificate: Option<Arc<Watched>>,
}

impl Service for Public {
    async fn reply(&self, inbound: Inbound) -> Reply {
        if inbound.headers.iter().any(|(name, _)| name == upstream::HOP_HEADER) {
            // An origin that leads back to us; answering would go in circles until something breaks.
            self.hands.telemetry.observe(&HostFact::Looped);
            return http::text(
                508,
                "this request has come back to where it was sent from: check the origins",
            );
        }
        let snapshot = self.snapshot.load_full();
        if !snapshot.migration.is_public_host(&inbound.host) {
            self.hands.telemetry.observe(&HostFact::Misdirected);
            return http::text(421, "this host is not served here: it is not a host of the migration");
        }
        let platforms = &self.hands.platforms;
        let health = Health {
            primary_open: platforms.is_open(Home::Primary),
            legacy_open: platforms.is_open(Home::Legacy),
        };
        let exchange = Exchange::open(inbound, snapshot, health, self.seeds.draw(), clock::now());
        let reply = drive::drive(&self.hands, exchange).await;
        // An exchange always replies; if one did not, the client is told so and is not left waiting.
        reply.unwrap_or_else(|| http::text(500, "no reply could be made"))
    }

    fn refused(&self, refusal: Refusal) {
        self.stats.refused();
        self.hands.telemetry.observe(&HostFact::Refused { code: refusal.code() });
    }

    fn replied(&self, took: Duration) {
        self.stats.replied(took);
    }
}
