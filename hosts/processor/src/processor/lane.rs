//! Lanes: conversions that go to one destination, and how often they may go.
//!
//! Each endpoint has a lane of its own: its backlog stands in nobody's way, and nobody's in its.

use std::collections::BTreeMap;
use std::time::Duration;

use relay::delivery::Destination;
use relay::intake::EvidenceKind;
use tracking::migration::{Evidence, Migration};
use tracking::{Class, Home};
use units::Timestamp;

/// Conversions that go to one destination.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) destination: Destination,
    /// The kinds of evidence that send a conversion this way.
    pub(super) kinds: Vec<EvidenceKind>,
    /// None where each conversion is a call of its own, as soon as there is a place for it.
    pub(super) limit: Option<Limit>,
}

/// What an endpoint takes.
#[derive(Clone, Debug)]
pub(super) struct Limit {
    endpoint: String,
    /// Most conversions of one advertiser in one call.
    pub(super) batch_max: usize,
    /// The shortest time between two calls, over all advertisers.
    pub(super) pace: Duration,
}

impl Lane {
    /// Every lane, the old platform's last.
    pub(super) fn all(migration: &Migration) -> Vec<Self> {
        let mut lanes: Vec<Self> = Vec::new();
        for kind in EvidenceKind::ALL {
            let send = migration.send(Class::Conversion, kind.rule());
            // What no rule sends is held when its turn comes, with the reason.
            let endpoint = send.map_or("", |send| send.endpoint.as_str());
            let limit = send.filter(|send| send.batch_max > 1 || send.pace > Duration::ZERO);
            let limit = limit.map(|send| Limit {
                endpoint: endpoint.to_owned(),
                batch_max: send.batch_max,
                pace: send.pace,
            });
            let destination = Destination::new(Home::Primary, endpoint);
            match lanes.iter_mut().find(|lane| lane.destination == destination) {
                Some(lane) => lane.join(kind, limit),
                None => lanes.push(Self { destination, kinds: vec![kind], limit }),
            }
        }
        let legacy = Destination::new(Home::Legacy, "");
        lanes.push(Self { destination: legacy, kinds: EvidenceKind::ALL.to_vec(), limit: None });
        lanes
    }

    /// Another rule for the same endpoint: the narrower limit holds for both.
    fn join(&mut self, kind: EvidenceKind, limit: Option<Limit>) {
        self.kinds.push(kind);
        match (&mut self.limit, limit) {
            (Some(own), Some(other)) => {
                own.batch_max = own.batch_max.min(other.batch_max);
                own.pace = own.pace.max(other.pace);
            }
            (own @ None, other) => *own = other,
            (Some(_), None) => {}
        }
    }

    /// The lane as the ledger is asked for it.
    pub(super) fn rows(&self) -> ledger::Lane<'_> {
        ledger::Lane { home: self.destination.home, kinds: &self.kinds }
    }

    /// The kinds of evidence that are written by the same rule as `evidence`: one request has one rule.
    pub(super) fn kinds_like(&self, evidence: &Evidence) -> Vec<EvidenceKind> {
        self.kinds.iter().copied().filter(|kind| kind.rule() == evidence.kind()).collect()
    }
}

/// When the endpoints with limits may be called next.
#[derive(Debug)]
pub(super) struct Pace {
    /// By endpoint: when the next call may go.
    next: BTreeMap<String, Timestamp>,
    /// Nothing goes before: a process that ended may have called a moment ago.
    from: Timestamp,
}

impl Pace {
    pub(super) const fn new(now: Timestamp) -> Self {
        Self { next: BTreeMap::new(), from: now }
    }

    /// Somebody may have called every endpoint just now.
    pub(super) fn called_by_another(&mut self, lanes: &[Lane], now: Timestamp) {
        let longest = lanes.iter().filter_map(|lane| lane.limit.as_ref()).map(|limit| limit.pace).max();
        self.from = self.from.max(now.plus(longest.unwrap_or_default()));
    }

    /// When the endpoint may be called.
    pub(super) fn opens_at(&self, limit: &Limit) -> Timestamp {
        self.next.get(&limit.endpoint).map_or(self.from, |at| self.from.max(*at))
    }

    /// A call goes now.
    pub(super) fn called(&mut self, limit: &Limit, now: Timestamp) {
        self.next.insert(limit.endpoint.clone(), now.plus(limit.pace));
    }

    /// The clock was set back: every wait begins anew.
    pub(super) fn begin_anew(&mut self, lanes: &[Lane], now: Timestamp) {
        (self.from, self.next) = (now, BTreeMap::new());
        self.called_by_another(lanes, now);
    }
}
