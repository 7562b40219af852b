//! People: seeded, realistic traffic for an edge, from the link in a page to the pixel of the order.
//!
//! A journey is a click, the redirects a browser would follow, a landing in the shop, and for some a purchase
//! with its pixels. Between journeys come pictures, scripts, probes and junk. Requests leave at a steady rate;
//! a run that falls behind does not catch up with a burst, because people do not. To measure, use
//! [`crate::load`].

mod journey;
mod pace;
mod stats;
mod templates;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::error::Error;
use crate::limits::JOURNEYS_IN_FLIGHT_MAX;
use crate::world::World;
use journey::Person;
use pace::Pace;
use templates::Templates;

pub use stats::{SentOrder, Stats, StatsSnapshot};

/// What traffic to make, and for whom.
#[derive(Debug, Clone)]
pub struct TrafficSettings {
    /// The front door: every request to a legacy host goes here.
    pub edge: SocketAddr,
    /// Where landings go.
    pub shop: SocketAddr,
    /// Where redirects to the primary platform's hosts go; they end the journey when absent.
    pub primary: Option<SocketAddr>,
    /// Requests to the edge in a second.
    pub rate_per_s: f64,
    /// Fixes who clicks and buys what.
    pub seed: u64,
    /// Who exists.
    pub world: World,
    /// Of a hundred landed people, how many buy.
    pub buy_percent: u64,
    /// How long a person waits for one answer.
    pub timeout: Duration,
    /// Begins every order number, so that runs can be told apart.
    pub order_prefix: String,
    /// Ends the run after this many orders; none means until stopped.
    pub orders_max: Option<u64>,
}

impl TrafficSettings {
    /// A run with ordinary values.
    #[must_use]
    pub fn new(edge: SocketAddr, shop: SocketAddr, rate_per_s: f64, seed: u64, world: World) -> Self {
        Self {
            edge,
            shop,
            primary: None,
            rate_per_s,
            seed,
            world,
            buy_percent: 30,
            timeout: Duration::from_secs(10),
            order_prefix: format!("T{seed}-"),
            orders_max: None,
        }
    }
}

/// What all people of a run share.
#[derive(Debug)]
struct Crowd {
    settings: TrafficSettings,
    templates: Templates,
    pace: Pace,
    stats: Arc<Stats>,
    journeys: AtomicU64,
    orders: AtomicU64,
}

/// Sends traffic until `stop` is ready or the orders are used up. Journeys under way are abandoned on stop.
///
/// # Errors
///
/// When the rate is not positive or the world has no merchants or publishers.
pub async fn run(
    settings: TrafficSettings,
    stats: Arc<Stats>,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), Error> {
    let templates = Templates::load(&settings.world)?;
    let pace = Pace::new(settings.rate_per_s)?;
    let people = people(settings.rate_per_s);
    let crowd = Arc::new(Crowd {
        settings,
        templates,
        pace,
        stats,
        journeys: AtomicU64::new(0),
        orders: AtomicU64::new(0),
    });
    let mut at_work = JoinSet::new();
    for _ in 0..people {
        at_work.spawn(walk(Arc::clone(&crowd)));
    }
    tokio::select! {
        () = stop => {}
        () = async { while at_work.join_next().await.is_some() {} } => {}
    }
    Ok(())
}

/// Enough people that slow answers do not thin the traffic out at once.
fn people(rate_per_s: f64) -> usize {
    // The rate is positive and the clamp keeps the value small.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before the cast")]
    let wanted = (rate_per_s * 4.0).clamp(8.0, 1e6) as usize;
    wanted.min(JOURNEYS_IN_FLIGHT_MAX)
}

async fn walk(crowd: Arc<Crowd>) {
    let mut person = Person::new(&crowd);
    while !crowd.is_over() {
        let number = crowd.journeys.fetch_add(1, Ordering::Relaxed);
        person.journey(number).await;
    }
}

impl Crowd {
    fn is_over(&self) -> bool {
        self.settings.orders_max.is_some_and(|max| self.orders.load(Ordering::Relaxed) >= max)
    }

    /// The order number of a journey, unless the run has all its orders.
    fn order_of(&self, journey: u64) -> Option<String> {
        let placed = self.orders.fetch_add(1, Ordering::Relaxed);
        if self.settings.orders_max.is_some_and(|max| placed >= max) {
            return None;
        }
        Some(format!("{}{}", self.settings.order_prefix, 100_000 + journey))
    }
}
