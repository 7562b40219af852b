//! Whether a platform may be called: its breaker, its retry budget and its places in flight, as one.
//!
//! A platform that was down is first asked by a request that moves no money, where its dialect has one
//! ([`Gate::probe`]): a sale that it swallows would stand as `unknown`. That it answers is not yet that it
//! books, so one conversion goes ahead of the others, and fails for all of them if it fails. A platform that
//! refused our credentials is asked by a conversion from the start: nothing else shows whether it takes them.

use core::time::Duration;

use resilience::breaker::State as BreakerState;
use resilience::{Breaker, Budget, Permit};
use tracking::Home;
use units::Timestamp;

use super::Health;
use crate::policy::Policy;

/// Retries per second that time alone earns, so that a backlog of retries drains when nothing fresh comes.
const RETRIES_PER_SECOND: u32 = 10;

/// Most retries saved up: a burst after a short outage, and no more than the places in flight need.
const RETRIES_SAVED_MAX: u32 = 128;

/// What a delivery may do now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admission {
    /// Send; `probe` if its outcome decides whether others may follow.
    Go {
        /// True for the one attempt that goes while the platform is in doubt.
        probe: bool,
    },
    /// Not now.
    Wait,
}

/// What an attempt was admitted as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Went {
    /// True if it is not the conversion's first.
    pub retry: bool,
    /// True if it went while the platform was in doubt.
    pub probe: bool,
}

/// The gate before one platform.
#[derive(Clone, Debug)]
pub struct Gate {
    home: Home,
    breaker: Breaker,
    budget: Budget,
    in_flight: usize,
    in_flight_max: usize,
    /// It refuses our credentials, as far as is known.
    refused: bool,
    /// The breaker is open because it refused them.
    tripped: bool,
    trial: Trial,
    /// How long the outcome of a trial is waited for, before another is made.
    trial_wait: Duration,
}

/// Whether the first conversion after an outage is still awaited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Trial {
    /// No: conversions pass.
    Over,
    /// One may go.
    Wanted,
    /// One went at this time; no other goes.
    UnderWay(Timestamp),
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
            tripped: false,
            trial: Trial::Over,
            trial_wait: policy.delivery.attempt_deadline.saturating_mul(2),
        }
    }

    /// True if the platform is to be asked by its [`Gate::probe`] and no conversion may go.
    pub fn needs_probe(&self) -> bool {
        self.breaker.state() != BreakerState::Closed && !self.tripped
    }

    /// Asks to send a probe, which counts as in flight until [`Gate::probed`].
    pub fn probe(&mut self, now: Timestamp) -> bool {
        let goes = self.needs_probe() && self.room(now) > 0 && self.breaker.permit(now) == Permit::Probe;
        self.in_flight = self.in_flight.saturating_add(usize::from(goes));
        goes
    }

    /// A probe has ended. Returns the breaker's new state if it changed.
    pub fn probed(&mut self, well: bool, now: Timestamp) -> Option<BreakerState> {
        self.in_flight = self.in_flight.saturating_sub(1);
        let changed = self.breaker.record(well, now);
        if changed == Some(BreakerState::Closed) {
            self.trial = Trial::Wanted;
        }
        changed
    }

    /// True if a conversion may go only by itself: whatever happens to it happens to one.
    pub fn in_doubt(&self) -> bool {
        self.breaker.state() != BreakerState::Closed || self.trial != Trial::Over
    }

    /// How many deliveries could be admitted now: how many rows are worth loading.
    pub fn room(&self, now: Timestamp) -> usize {
        let free = self.in_flight_max.saturating_sub(self.in_flight);
        match self.breaker.state() {
            BreakerState::Closed => match self.trial {
                Trial::Over => free,
                Trial::Wanted => free.min(1),
                Trial::UnderWay(since) => free.min(usize::from(now >= since.plus(self.trial_wait))),
            },
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
        if !self.in_doubt() && retry && !self.budget.retry(now) {
            return Admission::Wait;
        }
        let probe = match self.breaker.permit(now) {
            Permit::Pass if self.trial != Trial::Over => {
                self.trial = Trial::UnderWay(now);
                true
            }
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
        if matches!(self.trial, Trial::UnderWay(_)) {
            self.trial = Trial::Wanted;
        }
    }

    /// A delivery that was admitted has ended; `went` is what it was admitted as. Returns the breaker's new
    /// state if it changed.
    pub fn ended(&mut self, health: Health, went: Went, now: Timestamp) -> Option<BreakerState> {
        self.in_flight = self.in_flight.saturating_sub(1);
        let trial = went.probe && matches!(self.trial, Trial::UnderWay(_));
        let changed = match health {
            Health::Well => {
                if went.retry {
                    self.budget.succeeded();
                }
                self.refused = false;
                self.breaker.record(true, now)
            }
            Health::Failed if trial => self.breaker.trip(now),
            Health::Failed => self.breaker.record(false, now),
            Health::Refuses => {
                self.refused = true;
                self.breaker.trip(now)
            }
        };
        // A probe that failed otherwise than by a refusal is followed by one that moves no money.
        if health == Health::Refuses || went.probe || self.breaker.state() == BreakerState::Closed {
            self.tripped = health == Health::Refuses;
        }
        if trial || self.breaker.state() != BreakerState::Closed {
            self.trial = Trial::Over;
        }
        changed
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

#[cfg(test)]
mod tests;
