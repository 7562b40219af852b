//! Handles to metrics, made once, so that recording needs no look-up by label.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric as RegisteredMetric, Registry};

use crate::list::Metric;

/// Label pairs. Values live in our code, which is what bounds them.
type Labels = Vec<(&'static str, &'static str)>;

/// Bounds of the histograms in seconds, from a pixel's reply to a platform's deadline.
const SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// A counter whose label values are all known.
#[derive(Debug)]
pub(crate) struct Counters<const N: usize>([Counter; N]);

impl<const N: usize> Counters<N> {
    /// Registers the metric with these label values, each at 0.
    pub(crate) fn register(registry: &mut Registry, metric: Metric, values: [&[&'static str]; N]) -> Self {
        if N == 1 && metric.description().labels.is_empty() {
            let counter = Counter::default();
            register(registry, metric, counter.clone());
            return Self(values.map(|_| counter.clone()));
        }
        let family = Family::<Labels, Counter>::default();
        register(registry, metric, family.clone());
        Self(values.map(|values| family.get_or_create(&labels(metric, values)).clone()))
    }

    pub(crate) fn add(&self, place: usize, count: u64) {
        if let Some(counter) = self.0.get(place) {
            counter.inc_by(count);
        }
    }
}

/// A counter whose label value is a code of ours. For things that are rare.
#[derive(Debug)]
pub(crate) struct Coded {
    family: Family<Labels, Counter>,
    metric: Metric,
}

impl Coded {
    pub(crate) fn register(registry: &mut Registry, metric: Metric) -> Self {
        let family = Family::<Labels, Counter>::default();
        register(registry, metric, family.clone());
        Self { family, metric }
    }

    pub(crate) fn add(&self, code: &'static str) {
        self.family.get_or_create(&labels(self.metric, &[code])).inc();
    }
}

/// Gauges of one metric.
#[derive(Debug)]
pub(crate) struct Gauges<const N: usize>([Gauge; N]);

impl<const N: usize> Gauges<N> {
    pub(crate) fn register(registry: &mut Registry, metric: Metric, values: [&[&'static str]; N]) -> Self {
        if N == 1 && metric.description().labels.is_empty() {
            let gauge = Gauge::default();
            register(registry, metric, gauge.clone());
            return Self(values.map(|_| gauge.clone()));
        }
        let family = Family::<Labels, Gauge>::default();
        register(registry, metric, family.clone());
        Self(values.map(|values| family.get_or_create(&labels(metric, values)).clone()))
    }

    pub(crate) fn set(&self, place: usize, value: u64) {
        if let Some(gauge) = self.0.get(place) {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        }
    }
}

/// Histograms of one metric, in seconds.
#[derive(Debug)]
pub(crate) struct Histograms<const N: usize>([Histogram; N]);

impl<const N: usize> Histograms<N> {
    pub(crate) fn register(registry: &mut Registry, metric: Metric, values: [&[&'static str]; N]) -> Self {
        let family = Family::<Labels, Histogram>::new_with_constructor(|| Histogram::new(SECONDS));
        register(registry, metric, family.clone());
        Self(values.map(|values| family.get_or_create(&labels(metric, values)).clone()))
    }

    pub(crate) fn observe(&self, place: usize, took: std::time::Duration) {
        if let Some(histogram) = self.0.get(place) {
            histogram.observe(took.as_secs_f64());
        }
    }
}

/// Registers a metric under its line of the list.
fn register(registry: &mut Registry, metric: Metric, handle: impl RegisteredMetric) {
    let line = metric.description();
    // The library ends the sentence itself.
    registry.register(line.name, line.help.trim_end_matches('.'), handle);
}

/// The metric's label names with these values.
fn labels(metric: Metric, values: &[&'static str]) -> Labels {
    let names = metric.description().labels;
    debug_assert_eq!(names.len(), values.len(), "{metric:?}");
    names.iter().copied().zip(values.iter().copied()).collect()
}
