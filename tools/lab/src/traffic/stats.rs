//! What a run has done so far.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::limits::ORDERS_REMEMBERED_MAX;
use crate::platform::lock;

/// An order whose pixels were sent.
#[derive(Debug, Clone, Serialize)]
pub struct SentOrder {
    /// The merchant's legacy id.
    pub merchant: u64,
    /// The order number.
    pub order: String,
    /// The amount as sent.
    pub amount: String,
    /// Whether the landing carried a click id, and so a copy with it was sent.
    pub has_click_id: bool,
    /// Pixels sent.
    pub sent: u32,
    /// Pixels answered with success.
    pub acknowledged: u32,
}

/// Counters and latencies of a run, shared between the run and whoever watches.
#[derive(Debug, Default)]
pub struct Stats {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    counts: Counts,
    errors: BTreeMap<String, u64>,
    latency: Option<Histogram<u64>>,
    orders: Vec<SentOrder>,
}

/// The counters alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    requests: u64,
    pub(super) clicks: u64,
    pub(super) landed: u64,
    pub(super) landed_with_click_id: u64,
    conversions_sent: u64,
    conversions_acknowledged: u64,
}

/// Everything a run has counted, at one moment.
#[derive(Debug, Clone, Serialize)]
pub struct StatsSnapshot {
    /// Requests sent to the edge.
    pub requests: u64,
    /// Requests without an answer, or with a status of 5xx or 429.
    pub errors: u64,
    /// The same by kind: `connect`, `timeout`, `closed`, `broken`, `malformed`, `status 503`, …
    pub errors_by_kind: BTreeMap<String, u64>,
    /// Click requests among them.
    pub clicks: u64,
    /// Journeys that reached a shop.
    pub landed: u64,
    /// Journeys that reached a shop with a click id.
    pub landed_with_click_id: u64,
    /// Pixels and server calls sent.
    pub conversions_sent: u64,
    /// Those answered with success.
    pub conversions_acknowledged: u64,
    /// Orders behind them.
    pub orders: u64,
    /// Mean latency in µs.
    pub mean_us: f64,
    /// Median latency in µs.
    pub p50_us: u64,
    /// 95th percentile in µs.
    pub p95_us: u64,
    /// 99th percentile in µs.
    pub p99_us: u64,
    /// The slowest in µs.
    pub max_us: u64,
}

impl Stats {
    /// Counts at this moment.
    #[must_use]
    pub fn snapshot(&self) -> StatsSnapshot {
        let inner = lock(&self.inner);
        let at =
            |quantile: f64| inner.latency.as_ref().map_or(0, |latency| latency.value_at_quantile(quantile));
        StatsSnapshot {
            requests: inner.counts.requests,
            errors: inner.errors.values().sum(),
            errors_by_kind: inner.errors.clone(),
            clicks: inner.counts.clicks,
            landed: inner.counts.landed,
            landed_with_click_id: inner.counts.landed_with_click_id,
            conversions_sent: inner.counts.conversions_sent,
            conversions_acknowledged: inner.counts.conversions_acknowledged,
            orders: inner.orders.len() as u64,
            mean_us: inner.latency.as_ref().map_or(0.0, Histogram::mean),
            p50_us: at(0.5),
            p95_us: at(0.95),
            p99_us: at(0.99),
            max_us: inner.latency.as_ref().map_or(0, Histogram::max),
        }
    }

    /// Every order sent, to be compared with the platforms' books.
    #[must_use]
    pub fn orders(&self) -> Vec<SentOrder> {
        lock(&self.inner).orders.clone()
    }

    /// Notes one request and, when it failed, how.
    pub(super) fn request(&self, took: Duration, error: Option<String>) {
        let mut inner = lock(&self.inner);
        inner.counts.requests += 1;
        if let Some(kind) = error {
            *inner.errors.entry(kind).or_default() += 1;
        }
        if inner.latency.is_none() {
            inner.latency = Histogram::new_with_bounds(1, 120_000_000, 3).ok();
        }
        if let Some(latency) = &mut inner.latency {
            latency.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        }
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut lock(&self.inner).counts);
    }

    /// Notes an order before its first pixel, and answers with its place.
    pub(super) fn order(&self, order: SentOrder) -> usize {
        let mut inner = lock(&self.inner);
        if inner.orders.len() < ORDERS_REMEMBERED_MAX {
            inner.orders.push(order);
        }
        inner.orders.len().saturating_sub(1)
    }

    /// Notes a pixel of the order at this place.
    pub(super) fn pixel(&self, place: usize, acknowledged: bool) {
        let mut inner = lock(&self.inner);
        inner.counts.conversions_sent += 1;
        inner.counts.conversions_acknowledged += u64::from(acknowledged);
        if let Some(order) = inner.orders.get_mut(place) {
            order.sent += 1;
            order.acknowledged += u32::from(acknowledged);
        }
    }
}
