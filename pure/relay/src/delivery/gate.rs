//! Whether a destination may be called: its breaker, its pauses, its retry budget, the pace of its backlog, its
//! places in flight and the merchants who hold them, as one.
//!
//! A destination that was down is first asked by a request that moves no money, where its dialect has one
//! ([`Gate::probe`]): a sale that it swallows would stand as `unknown`. That it answers is not yet that it
//! books, so one conversion goes ahead of the others, and fails for all of them if it fails. A destination that
//! is paused is tried by a conversion from the start: nothing else shows whether it takes them.
//!
//! A failure speaks of the destination where it could not be reached, and where the merchant's call before had not
//! failed. What else fails of the same merchant speaks of this merchant, who is shut out for a while; then a probe
//! asks whether it was the destination after all.

use core::time::Duration;

use resilience::breaker::State as BreakerState;
use resilience::{Breaker, Budget, Evidence, Pacer, Permit, Window};
use units::Timestamp;

use super::merchants::{Merchants, Rules};
use super::{Destination, Health, Pause, Rank, Turns, Why};
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
        /// True for the one attempt that goes while the destination is in doubt.
        probe: bool,
    },
    /// Not now.
    Wait,
}

/// What an attempt was admitted as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Went {
    /// The merchant, by the legacy id; 0 for none.
    pub merchant: u64,
    /// True if it is not the conversion's first.
    pub retry: bool,
    /// True if it went while the destination was in doubt.
    pub probe: bool,
}

/// What an outcome changed at a gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Changes {
    /// The breaker's new state.
    pub breaker: Option<BreakerState>,
    /// The pause that began.
    pub paused: Option<Why>,
    /// The pause that ended.
    pub resumed: Option<Why>,
}

/// The gate before one destination.
#[derive(Clone, Debug)]
pub struct Gate {
    destination: Destination,
    breaker: Breaker,
    budget: Budget,
    pacer: Pacer,
    turns: Turns,
    merchants: Merchants,
    in_flight: usize,
    in_flight_max: usize,
    pause: Option<Pause>,
    throttled_until: Option<Timestamp>,
    /// Answers that were not understood.
    language: Window,
    /// Rejections for good, and whose was the last: one merchant's own mistakes are no evidence.
    rejections: Window,
    last_rejected: Option<u64>,
    /// For whom our credentials were refused last: if they are taken for another, it is this merchant's own affair.
    last_refused: Option<u64>,
    /// A merchant was shut out, and nothing has shown yet that it is not the destination.
    suspect: bool,
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
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GateStatus {
    /// Which destination.
    pub destination: Destination,
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
    /// Its pause, if it is paused.
    pub pause: Option<Pause>,
    /// Nothing goes before, because it asked for time.
    pub throttled_until: Option<Timestamp>,
    /// Merchants who may not send for now, because their own calls fail or are throttled.
    pub merchants_waiting: usize,
}

impl Gate {
    /// The open gate of a destination.
    pub fn new(destination: Destination, policy: &Policy, now: Timestamp) -> Self {
        let (delivery, breaker) = (&policy.delivery, &policy.breaker);
        let evidence = breaker.evidence();
        let many = Evidence { in_a_row: evidence.calls_min, failure_percent: 100, ..evidence };
        let rules = Rules {
            share: delivery.merchant_share(),
            failures_max: breaker.failures_to_open,
            wait: [breaker.open_for, breaker.open_for_max],
        };
        Self {
            destination,
            breaker: breaker.breaker(),
            budget: Budget::new(delivery.retry_budget_percent, RETRIES_PER_SECOND, RETRIES_SAVED_MAX),
            pacer: Pacer::new(delivery.drain_per_second, delivery.drain_ramp, now),
            turns: Turns::default(),
            merchants: Merchants::new(rules),
            in_flight: 0,
            in_flight_max: delivery.in_flight_max,
            pause: None,
            throttled_until: None,
            language: Window::new(evidence),
            rejections: Window::new(many),
            last_rejected: None,
            last_refused: None,
            suspect: false,
            trial: Trial::Over,
            trial_wait: delivery.attempt_deadline.saturating_mul(2),
        }
    }

    /// True if no conversion may go before a probe has shown that the destination answers.
    pub fn asks_first(&self) -> bool {
        self.breaker.state() != BreakerState::Closed
    }

    /// True if a probe would show something: the destination counts as down, or is suspected to be.
    pub fn needs_probe(&self) -> bool {
        self.asks_first() || self.suspect
    }

    /// Asks to send a probe, which counts as in flight until [`Gate::probed`].
    pub fn probe(&mut self, now: Timestamp) -> bool {
        let free = self.in_flight < self.in_flight_max;
        let goes = free
            && match self.breaker.state() {
                BreakerState::Closed => self.suspect,
                BreakerState::Open | BreakerState::HalfOpen => self.breaker.permit(now) == Permit::Probe,
            };
        if goes {
            self.suspect = false;
            self.in_flight = self.in_flight.saturating_add(1);
        }
        goes
    }

    /// A probe has ended. Returns the breaker's new state if it changed.
    pub fn probed(&mut self, well: bool, now: Timestamp) -> Option<BreakerState> {
        self.in_flight = self.in_flight.saturating_sub(1);
        if self.breaker.state() == BreakerState::Closed {
            return if well { None } else { self.breaker.trip(now) };
        }
        let changed = self.breaker.record(well, now);
        if changed == Some(BreakerState::Closed) {
            self.trial = Trial::Wanted;
            self.came_back(now);
        }
        changed
    }

    /// True if a conversion may go only by itself: whatever happens to it happens to one.
    pub fn in_doubt(&self) -> bool {
        self.asks_first() || self.trial != Trial::Over || self.pause.is_some()
    }

    /// How many deliveries could be admitted now: how many rows are worth loading.
    pub fn room(&self, now: Timestamp) -> usize {
        if self.throttled(now).is_some() || self.pause.is_some_and(|pause| !pause.may_be_tried(now)) {
            return 0;
        }
        let free = self.in_flight_max.saturating_sub(self.in_flight);
        let free = if self.pause.is_some() { free.min(1) } else { free };
        match (self.breaker.state(), self.trial) {
            (BreakerState::Closed, Trial::Over) => free,
            (BreakerState::Closed, Trial::Wanted) => free.min(1),
            (BreakerState::Closed, Trial::UnderWay(since)) => {
                free.min(usize::from(now >= since.plus(self.trial_wait) || now < since))
            }
            (BreakerState::Open | BreakerState::HalfOpen, _) => {
                free.min(usize::from(self.breaker.would_allow(now)))
            }
        }
    }

    /// How many more calls of this merchant could be admitted now.
    pub fn merchant_room(&self, merchant: u64, now: Timestamp) -> usize {
        self.merchants.room(merchant, now)
    }

    /// True if our credentials are refused for this merchant, and are taken for others.
    pub fn refuses_alone(&self, merchant: u64) -> bool {
        self.merchants.is_refused(merchant)
    }

    /// The merchants of which no call could be admitted now.
    pub fn merchants_without_room(&self, now: Timestamp) -> impl Iterator<Item = u64> {
        self.merchants.without_room(now)
    }

    /// When the first of the merchants that wait may send again; none if none waits for a time.
    pub fn merchant_opens_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.merchants.waiting(now).map(|(_, until)| until).min()
    }

    /// How many first attempts of a backlog could be admitted now.
    pub fn backlog_room(&mut self, now: Timestamp) -> usize {
        self.pacer.left(now)
    }

    /// How many retries could be admitted now.
    pub fn retry_room(&mut self, now: Timestamp) -> usize {
        usize::try_from(self.budget.available(now)).unwrap_or(usize::MAX)
    }

    /// Shares `places` among what waits of each rank, in the order of [`Rank::ALL`].
    pub fn share(&mut self, places: usize, waiting: [usize; 3]) -> Vec<Rank> {
        self.turns.share(places, waiting)
    }

    /// The ranks in the order in which they are asked for the next place.
    pub fn turn(&self) -> [Rank; 3] {
        self.turns.order()
    }

    /// A turn was taken.
    pub const fn took_turn(&mut self) {
        self.turns.given();
    }

    /// Asks to send one delivery of this rank and merchant. A retry spends from the budget, one of the backlog
    /// from its pace. A delivery that may go counts as in flight until [`Gate::ended`].
    pub fn admit(&mut self, rank: Rank, merchant: u64, now: Timestamp) -> Admission {
        if self.room(now) == 0 || self.merchants.room(merchant, now) == 0 {
            return Admission::Wait;
        }
        // A probe is one call in a long while and must not depend on a budget that an outage has emptied.
        if !self.in_doubt() && rank == Rank::Retry && !self.budget.retry(now) {
            return Admission::Wait;
        }
        let mut probe = match self.breaker.permit(now) {
            Permit::Pass if self.trial != Trial::Over => {
                self.trial = Trial::UnderWay(now);
                true
            }
            Permit::Pass => false,
            Permit::Probe => true,
            Permit::Refused(_) => return Admission::Wait,
        };
        if let Some(pause) = &mut self.pause {
            pause.is_tried(now);
            probe = true;
        }
        match rank {
            Rank::Fresh => self.budget.fresh(),
            Rank::Backlog => {
                self.budget.fresh();
                self.pacer.spend();
            }
            Rank::Retry => {}
        }
        self.merchants.began(merchant);
        self.in_flight = self.in_flight.saturating_add(1);
        Admission::Go { probe }
    }

    /// A delivery that was admitted as `went` was not sent after all.
    pub fn withdrawn(&mut self, went: Went, now: Timestamp) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.merchants.left(went.merchant);
        if matches!(self.trial, Trial::UnderWay(_)) {
            self.trial = Trial::Wanted;
        }
        // Nothing was found out, so that another may try at once.
        if let Some(pause) = self.pause.as_mut().filter(|_| went.probe) {
            pause.next = now;
        }
    }

    /// A delivery that was admitted has ended; `went` is what it was admitted as.
    pub fn ended(&mut self, health: Health, went: Went, now: Timestamp) -> Changes {
        self.in_flight = self.in_flight.saturating_sub(1);
        let trial = went.probe && matches!(self.trial, Trial::UnderWay(_));
        let breaker = match health {
            Health::Well | Health::Rejects => {
                if went.retry {
                    self.budget.succeeded();
                }
                self.merchants.went_well(went.merchant);
                self.breaker.record(true, now)
            }
            Health::Throttles(wait) => {
                let all = self.merchants.told_to_wait(went.merchant, wait, now);
                self.throttled_until = self.throttled_until.max(all);
                self.breaker.record(true, now)
            }
            Health::Refuses if self.merchants.is_refused(went.merchant) => {
                self.merchants.refused(went.merchant, now);
                self.breaker.record(true, now)
            }
            Health::Refuses => self.says_nothing_of_merchants(went.merchant, true, now),
            Health::NotUnderstood if trial => self.trial_failed(went.merchant, now),
            Health::NotUnderstood => self.says_nothing_of_merchants(went.merchant, true, now),
            Health::Unreachable if trial => self.trial_failed(went.merchant, now),
            Health::Unreachable => self.says_nothing_of_merchants(went.merchant, false, now),
            Health::Failed if trial => self.trial_failed(went.merchant, now),
            Health::Failed => self.merchant_failed(went.merchant, now),
        };
        if breaker == Some(BreakerState::Closed) {
            self.came_back(now);
        }
        if trial || self.asks_first() {
            self.trial = Trial::Over;
        }
        Changes { breaker, ..self.pausing(health, went, now) }
    }

    fn says_nothing_of_merchants(&mut self, merchant: u64, ok: bool, now: Timestamp) -> Option<BreakerState> {
        self.merchants.left(merchant);
        self.breaker.record(ok, now)
    }

    fn trial_failed(&mut self, merchant: u64, now: Timestamp) -> Option<BreakerState> {
        self.merchants.left(merchant);
        self.breaker.trip(now)
    }

    fn merchant_failed(&mut self, merchant: u64, now: Timestamp) -> Option<BreakerState> {
        let failed = self.merchants.failed(merchant, now);
        self.suspect |= failed.shut_out && !self.asks_first();
        if failed.first || self.asks_first() { self.breaker.record(false, now) } else { None }
    }

    /// What failed while it was away was its own failure, and what has piled up goes slowly at first.
    fn came_back(&mut self, now: Timestamp) {
        self.merchants.forgive();
        self.pacer.restart(now);
        self.suspect = false;
    }

    /// What an outcome does to the pause: only a trial ends one, because only a trial was sent during it.
    fn pausing(&mut self, health: Health, went: Went, now: Timestamp) -> Changes {
        let found = match health {
            Health::Refuses if self.merchants.is_refused(went.merchant) => return Changes::default(),
            Health::Refuses => {
                self.last_refused = Some(went.merchant);
                Some(Why::Credentials)
            }
            Health::NotUnderstood => {
                let enough = self.language.record(false, now);
                (enough || self.pause.is_some()).then_some(Why::Language)
            }
            Health::Rejects => {
                self.language.record(true, now);
                let others = self.last_rejected.replace(went.merchant) != Some(went.merchant);
                let enough = others && self.rejections.record(false, now);
                let as_before = self.pause.is_some_and(|pause| pause.why == Why::Rejections);
                (enough || as_before).then_some(Why::Rejections)
            }
            Health::Well => {
                self.language.record(true, now);
                self.rejections.record(true, now);
                None
            }
            // Nothing was found out; the trial that is due next finds it out.
            Health::Failed | Health::Unreachable => return Changes::default(),
            Health::Throttles(_) => None,
        };
        match (&mut self.pause, found) {
            (None, Some(why)) => {
                self.pause = Some(Pause::new(why, now));
                Changes { paused: Some(why), ..Changes::default() }
            }
            (Some(pause), Some(why)) if went.probe => {
                pause.goes_on(why, now);
                Changes::default()
            }
            (Some(_), None) if went.probe => {
                let alone = self.last_refused.filter(|other| *other != went.merchant);
                let resumed = self.go_on();
                // What is taken for one merchant and was refused for another is refused for that one alone.
                if matches!(health, Health::Well | Health::Rejects) && resumed == Some(Why::Credentials) {
                    alone.into_iter().for_each(|merchant| self.merchants.is_alone(merchant));
                }
                Changes { resumed, ..Changes::default() }
            }
            _ => Changes::default(),
        }
    }

    /// Ends the pause, as an operator orders it, and tries our credentials for every merchant anew. Returns why it was
    /// paused.
    pub fn resume(&mut self) -> Option<Why> {
        self.merchants.take_all();
        self.go_on()
    }

    /// Ends the pause, as a trial has shown. Returns why it was paused.
    fn go_on(&mut self) -> Option<Why> {
        self.language.clear();
        self.rejections.clear();
        self.throttled_until = None;
        self.pause.take().map(|pause| pause.why)
    }

    /// The clock was set back, to `now`: waits that were measured by the old time are over. One trial too early harms
    /// nothing.
    pub fn clock_went_back(&mut self, now: Timestamp) {
        self.throttled_until = None;
        self.merchants.forget_waits();
        if let Some(pause) = &mut self.pause {
            pause.next = now;
        }
    }

    /// True if it is paused.
    pub const fn is_paused(&self) -> bool {
        self.pause.is_some()
    }

    /// Until when everything waits because the platform asked for time. A longer time than it may ask for was set
    /// by a clock that has been set back since.
    fn throttled(&self, now: Timestamp) -> Option<Timestamp> {
        self.throttled_until
            .filter(|until| now < *until && until.since(now) <= units::limits::RETRY_AFTER_MAX)
    }

    /// When something may be admitted that cannot be now; none if nothing but a free place is needed.
    pub fn opens_at(&self, now: Timestamp) -> Option<Timestamp> {
        let pause = self.pause.map(|pause| pause.next);
        self.breaker.probe_at().into_iter().chain(pause).chain(self.throttled(now)).max()
    }

    /// How long `count` first attempts of a backlog take from `now` on.
    pub fn drains_in(&self, count: u64, now: Timestamp) -> Duration {
        self.pacer.drains_in(count, now)
    }

    /// The gate's state.
    pub fn status(&self, now: Timestamp) -> GateStatus {
        GateStatus {
            destination: self.destination.clone(),
            breaker: self.breaker.state(),
            down_since: self.breaker.down_since(),
            probe_at: self.breaker.probe_at(),
            in_flight: self.in_flight,
            retries_left: self.budget.left(),
            pause: self.pause,
            throttled_until: self.throttled(now),
            merchants_waiting: self.merchants.waiting(now).count(),
        }
    }
}

#[cfg(test)]
mod tests;
