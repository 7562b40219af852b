//! What an operator asks first: is money being lost, whose, since when, and when is it over.

use std::time::Duration;

use ledger::{AdjustmentRow, AtRisk, Backlog, QueueStatus, Which};
use relay::delivery::{Destination, Gate, GateStatus, Why};
use resilience::breaker::State as BreakerState;
use tracking::Home;
use units::Timestamp;

use super::lane::Lane;
use super::{Processor, ProcessorError};

/// The processor at one glance.
#[derive(Clone, PartialEq, Debug)]
pub struct Status {
    /// The snapshot that is decided by.
    pub version: String,
    /// Conversions accepted, ever.
    pub accepted: u64,
    /// Conversions in each state, in the order of `relay::delivery::State::ALL`.
    pub states: [u64; 11],
    /// What waits.
    pub queue: QueueStatus,
    /// Since when the oldest `unknown` stands there.
    pub oldest_unknown: Option<Timestamp>,
    /// Both platforms, the old one first.
    pub gates: [PlatformStatus; 2],
    /// The destinations of both, which is where things go wrong.
    pub destinations: Vec<GateStatus>,
    /// The money that only a person can move.
    pub at_risk: Vec<AtRisk>,
    /// Changes of transactions in each state, in the same order.
    pub changes: [u64; 11],
    /// Changes that only a person can move.
    pub changes_at_risk: Vec<AdjustmentRow>,
}

/// A platform: its destinations taken together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlatformStatus {
    /// Which platform.
    pub home: Home,
    /// The worst of its breakers.
    pub breaker: BreakerState,
    /// Since when the first of them that is down counts as down.
    pub down_since: Option<Timestamp>,
    /// When the next of them is tried.
    pub probe_at: Option<Timestamp>,
    /// Deliveries under way.
    pub in_flight: usize,
    /// Retries that may be made right now.
    pub retries_left: u64,
    /// True if a destination of it refuses our credentials.
    pub refuses_credentials: bool,
}

/// How the backlog of a destination drains.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Draining {
    /// Which destination.
    pub destination: Destination,
    /// How many conversions are overdue.
    pub waiting: u64,
    /// How long they take at the stated rate.
    pub takes: Duration,
    /// When that is over; none while nothing goes there.
    pub ends_at: Option<Timestamp>,
}

/// Changes that are listed at one glance.
const CHANGES_SHOWN: usize = 20;

impl Processor {
    /// The processor at one glance. It reads counters and short lists, never whole tables.
    ///
    /// # Errors
    /// If the ledger fails.
    pub fn status(&self) -> Result<Status, ProcessorError> {
        let (accepted, states) = self.ledger.totals()?;
        Ok(Status {
            version: self.snapshot.version.clone(),
            accepted,
            states,
            queue: self.ledger.queue_status()?,
            oldest_unknown: self.ledger.oldest_unknown()?,
            gates: Home::ALL.map(|home| self.platform(home)),
            destinations: self.gates.values().map(|gate| gate.status(self.times.latest)).collect(),
            at_risk: self.ledger.at_risk()?,
            changes: self.ledger.adjustment_totals()?,
            changes_at_risk: self.ledger.adjustments_at_risk(CHANGES_SHOWN)?,
        })
    }

    pub(super) fn platform(&self, home: Home) -> PlatformStatus {
        let gates = self.gates.iter().filter(|(destination, _)| destination.home == home);
        let gates: Vec<GateStatus> = gates.map(|(_, gate)| gate.status(self.times.latest)).collect();
        let worst = |gate: &GateStatus| match gate.breaker {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open => 2,
        };
        let paused = |gate: &GateStatus| gate.pause.map(|pause| pause.why);
        PlatformStatus {
            home,
            breaker: gates.iter().max_by_key(|gate| worst(gate)).map_or(BreakerState::Closed, |g| g.breaker),
            down_since: gates.iter().filter_map(|gate| gate.down_since).min(),
            probe_at: gates.iter().filter_map(|gate| gate.probe_at).min(),
            in_flight: gates.iter().map(|gate| gate.in_flight).sum(),
            retries_left: gates.iter().map(|gate| gate.retries_left).min().unwrap_or(0),
            refuses_credentials: gates.iter().any(|gate| paused(gate) == Some(Why::Credentials)),
        }
    }

    /// True if a platform counts as down for shoppers too: where its links lead to does not answer. An interface
    /// of it that is down or paused says nothing about those.
    pub fn is_down(&self, home: Home) -> bool {
        let own = self.snapshot.migration.probe(home).map(|probe| probe.request.host);
        let speaks = |destination: &Destination| {
            let host = self.host(destination);
            destination.home == home && (own.is_none() || host.is_none() || host == own)
        };
        self.gates.iter().any(|(destination, gate)| speaks(destination) && gate.asks_first())
    }

    /// Before when what is due counts as backlog.
    pub fn backlog_before(&self, now: Timestamp) -> Timestamp {
        now.minus(self.snapshot.policy.delivery.fresh_for)
    }

    /// How the backlog drains that the ledger tells of.
    pub fn draining(&self, backlog: &[Backlog], now: Timestamp) -> Vec<Draining> {
        let lanes = self.lanes.iter().filter_map(|lane| {
            let gate = self.gates.get(&lane.destination)?;
            let of_lane =
                |row: &&Backlog| row.home == lane.destination.home && lane.kinds.contains(&row.evidence);
            let rows: Vec<&Backlog> = backlog.iter().filter(of_lane).collect();
            let waiting = rows.iter().map(|row| row.count).sum();
            let takes = takes(lane, gate, &rows, waiting, now);
            let goes = !gate.asks_first() && !gate.is_paused();
            let ends_at = goes.then(|| now.plus(takes));
            let destination = lane.destination.clone();
            (waiting > 0).then_some(Draining { destination, waiting, takes, ends_at })
        });
        lanes.collect()
    }
}

/// How long a backlog takes: at the pace of the endpoint's calls where it has one, else at the policy's rate.
fn takes(lane: &Lane, gate: &Gate, rows: &[&Backlog], waiting: u64, now: Timestamp) -> Duration {
    let Some(limit) = &lane.limit else { return gate.drains_in(waiting, now) };
    let most = u64::try_from(limit.batch_max.max(1)).unwrap_or(u64::MAX);
    // What is tried again may have been processed, and then goes by itself.
    let calls = rows.iter().map(|row| match row.which {
        Which::Fresh => row.count.div_ceil(most),
        Which::Retries => row.count,
    });
    let calls = u32::try_from(calls.sum::<u64>()).unwrap_or(u32::MAX);
    limit.pace.saturating_mul(calls)
}
