//! Whether a platform may be called: its breaker, its retry budget and its places in flight, as one.

use resilience::breaker::State as BreakerState;
use resilience::{Breaker, Budget, Permit};
use tracking::Home;
use units::Timestamp;

use super::{Health, Settled};
use crate::policy::Policy;

/// Retries per second that time alone earns, so that a backlog of retries drains when nothing fresh comes.
const RETRIES_PER_SECOND: u32 = 10;

/// Most retries saved up: a burst after a short outage, and no more than the places in flight need.
const RETRIES_SAVED_MAX: u32 = 128;

/// What a delivery may do now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admission {
    /// Send; `probe` if its outcome decides about an open breaker.
    Go {
        /// True for the one attempt that an open breaker lets pass.
        probe: bool,
    },
    /// Not now.
    Wait,
}

/// The gate before one platform.
#[derive(Clone, Debug)]
pub struct Gate {
    home: Home,
    breaker: Breaker,
    budget: Budget,
    in_flight: usize,
    in_flight_max: usize,
    refused: bool,
}

/// A gate's state, for people.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GateStatus {
    /// Which platform.
    pub home: Home,
    /// Its breaker.
    pub breaker: BreakerState,
    /// Since when it counts as down.
    pub down_since: Option<Timestamp>,
    /// When it is next tried, if it counts as down.
    pub probe_at: Option<Timestamp>,
    /// Deliveries under way.
    pub in_flight: usize,
    /// Retries that may be made right now.
    pub retries_left: u64,
    /// True if it refuses our credentials.
    pub refuses_credentials: bool,
}

impl Gate {
    /// The open gate of a platform.
    pub fn new(home: Home, policy: &Policy) -> Self {
        Self {
            home,
            breaker: Breaker::new(policy.breaker.failures_to_open, policy.breaker.open_for),
            budget: Budget::new(policy.delivery.retry_budget_percent, RETRIES_PER_SECOND, RETRIES_SAVED_MAX),
            in_flight: 0,
            in_flight_max: policy.delivery.in_flight_max,
            refused: false,
        }
    }

    /// How many deliveries could be admitted now: how many rows are worth loading.
    pub fn room(&self, now: Timestamp) -> usize {
        let free = self.in_flight_max.saturating_sub(self.in_flight);
        match self.breaker.state() {
            BreakerState::Closed => free,
            BreakerState::Open | BreakerState::HalfOpen => {
                free.min(usize::from(self.breaker.would_allow(now)))
            }
        }
    }

    /// How many retries could be admitted now.
    pub fn retries(&self) -> usize {
        usize::try_from(self.budget.left()).unwrap_or(usize::MAX)
    }

    /// Asks to send one delivery; a `retry` spends from the budget. A delivery that may go counts as in
    /// flight until [`Gate::ended`].
    pub fn admit(&mut self, retry: bool, now: Timestamp) -> Admission {
        if self.room(now) == 0 {
            return Admission::Wait;
        }
        // A probe is one call in a long while and must not depend on a budget that an outage has emptied.
        let closed = self.breaker.state() == BreakerState::Closed;
        if closed && retry && !self.budget.retry(now) {
            return Admission::Wait;
        }
        let probe = match self.breaker.permit(now) {
            Permit::Pass => false,
            Permit::Probe => true,
            Permit::Refused(_) => return Admission::Wait,
        };
        if !retry {
            self.budget.fresh();
        }
        self.in_flight = self.in_flight.saturating_add(1);
        Admission::Go { probe }
    }

    /// A delivery that was admitted was not sent after all.
    pub fn withdrawn(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// A delivery that was admitted has ended. Returns the breaker's new state if it changed.
    pub fn ended(&mut self, settled: &Settled, retry: bool, now: Timestamp) -> Option<BreakerState> {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.refused = match settled.health {
            Health::Refuses => true,
            Health::Well => false,
            Health::Failed => self.refused,
        };
        match settled.health {
            Health::Well => {
                if retry {
                    self.budget.succeeded();
                }
                self.breaker.record(true, now)
            }
            Health::Failed => self.breaker.record(false, now),
            Health::Refuses => self.breaker.trip(now),
        }
    }

    /// When something may be admitted that cannot be now; none if nothing but a free place is needed.
    pub fn opens_at(&self) -> Option<Timestamp> {
        self.breaker.probe_at()
    }

    /// The gate's state.
    pub fn status(&self) -> GateStatus {
        GateStatus {
            home: self.home,
            breaker: self.breaker.state(),
            down_since: self.breaker.down_since(),
            probe_at: self.breaker.probe_at(),
            in_flight: self.in_flight,
            retries_left: self.budget.left(),
            refuses_credentials: self.refused,
        }
    }
}
