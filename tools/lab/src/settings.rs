//! What a lab is started with, and what can be changed while it runs.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::world::World;

/// What [`crate::start`] needs. Port 0 takes any free port.
#[derive(Debug, Clone)]
pub struct WorldSettings {
    /// Fixes click ids and whatever else the platforms mint.
    pub seed: u64,
    /// Where the platform being left listens.
    pub legacy_addr: SocketAddr,
    /// Where the platform being moved to listens.
    pub primary_addr: SocketAddr,
    /// Where the merchants' shops listen, all of them by `Host`.
    pub shop_addr: SocketAddr,
    /// Where faults are set and books are read.
    pub control_addr: SocketAddr,
    /// Who exists.
    pub world: World,
}

impl WorldSettings {
    /// Everything on free loopback ports, with the world generated from the same seed.
    #[must_use]
    pub fn local(seed: u64) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            seed,
            legacy_addr: any,
            primary_addr: any,
            shop_addr: any,
            control_addr: any,
            world: World::generate(seed),
        }
    }
}

/// How the platforms behave where their documents leave a choice; `POST /settings` changes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// The legacy platform folds the same merchant and order number into one transaction for this long.
    pub legacy_duplicate_window_ms: u64,
    /// Calls a minute and user on the primary's interface; 0 lifts the limit.
    pub primary_rate_limit_per_minute: u32,
    /// Sends a click over the primary's second cookie domain before the shop.
    pub primary_zenaps_hop: bool,
    /// Where the shop's pages and purchases send their pixels; without one, the public legacy host is written.
    pub edge: Option<SocketAddr>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            legacy_duplicate_window_ms: 10 * 60 * 1000,
            primary_rate_limit_per_minute: 20,
            primary_zenaps_hop: false,
            edge: None,
        }
    }
}
