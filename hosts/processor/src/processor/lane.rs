//! Lanes: conversions of one platform that go the same way, and how often they may go.
//!
//! An endpoint that takes several conversions at once, or only so many calls a minute, has a lane of its own:
//! its backlog stands in nobody's way, and nobody's in its.

use std::collections::BTreeMap;
use std::time::Duration;

use ledger::Which;
use relay::intake::EvidenceKind;
use tracking::migration::{Evidence, Migration};
use tracking::{Class, Home};
use units::Timestamp;

/// Conversions of one platform that go the same way.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) home: Home,
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
    pace: Duration,
}

impl Lane {
    /// Every lane; those with limits first, because they are seldom free and then want one place.
    pub(super) fn all(migration: &Migration) -> Vec<Self> {
        let mut limited: Vec<Self> = Vec::new();
        let mut plain = Vec::new();
        for kind in EvidenceKind::ALL {
            let send = migration.send(Class::Conversion, kind.rule());
            let Some(send) = send.filter(|send| send.batch_max > 1 || send.pace > Duration::ZERO) else {
                plain.push(kind);
                continue;
            };
            let of_endpoint =
                |lane: &&mut Self| lane.limit.as_ref().is_some_and(|limit| limit.endpoint == send.endpoint);
            if let Some(lane) = limited.iter_mut().find(of_endpoint) {
                lane.kinds.push(kind);
                if let Some(limit) = &mut lane.limit {
                    limit.batch_max = limit.batch_max.min(send.batch_max);
                    limit.pace = limit.pace.max(send.pace);
                }
            } else {
                let (endpoint, batch_max, pace) = (send.endpoint.clone(), send.batch_max, send.pace);
                let limit = Some(Limit { endpoint: endpoint.into(), batch_max, pace });
                limited.push(Self { home: Home::Primary, kinds: vec![kind], limit });
            }
        }
        limited.push(Self { home: Home::Primary, kinds: plain, limit: None });
        limited.push(Self { home: Home::Legacy, kinds: EvidenceKind::ALL.to_vec(), limit: None });
        limited
    }

    /// The lane as the ledger is asked for it.
    pub(super) fn rows(&self) -> ledger::Lane<'_> {
        ledger::Lane { home: self.home, kinds: &self.kinds }
    }

    /// The kinds of evidence that are written by the same rule as `evidence`: one request has one rule.
    pub(super) fn kinds_like(&self, evidence: &Evidence) -> Vec<EvidenceKind> {
        self.kinds.iter().copied().filter(|kind| kind.rule() == evidence.kind()).collect()
    }
}

/// When the endpoints with limits may be called next.
#[derive(Debug)]
pub(super) struct Pace {
    /// By endpoint: when the next call may go, and whose turn it is.
    next: BTreeMap<String, (Timestamp, Which)>,
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
        self.next.get(&limit.endpoint).map_or(self.from, |(at, _)| self.from.max(*at))
    }

    /// Whose turn it is. Fresh conversions and repeated ones take turns, so that an outage's backlog of calls
    /// that must go one by one delays no fresh sale by more than one call.
    pub(super) fn turns(&self, limit: &Limit) -> [Which; 2] {
        match self.next.get(&limit.endpoint) {
            Some((_, Which::Retries)) => [Which::Retries, Which::Fresh],
            Some((_, Which::Fresh)) | None => [Which::Fresh, Which::Retries],
        }
    }

    /// A call goes now, for `which`.
    pub(super) fn called(&mut self, limit: &Limit, which: Which, now: Timestamp) {
        let turn = match which {
            Which::Fresh => Which::Retries,
            Which::Retries => Which::Fresh,
        };
        self.next.insert(limit.endpoint.clone(), (now.plus(limit.pace), turn));
    }
}
