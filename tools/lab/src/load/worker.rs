//! One connection's share of a run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::LoadSettings;
use super::connection::{Connection, Failure};
use super::latency;
use super::requests::{Prepared, prepare};
use crate::error::Error;
use crate::platform::lock;

/// Time for all threads to be ready before the first intended moment.
const HEAD_START: Duration = Duration::from_millis(50);
/// How long after the end overdue requests are still sent; later ones count as never sent.
const OVERTIME: Duration = Duration::from_secs(10);
/// Pause after a failure in the closed loop, so that a dead server is not hammered.
const FAILURE_PAUSE: Duration = Duration::from_millis(2);

/// What all workers agree on.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) start: Instant,
    end: Instant,
    settings: LoadSettings,
}

impl Plan {
    pub(super) fn new(settings: &LoadSettings) -> Self {
        let start = Instant::now() + HEAD_START;
        Self { start, end: start + settings.duration, settings: settings.clone() }
    }

    pub(super) const fn seed(&self) -> u64 {
        self.settings.seed
    }

    /// When the request `number` of all should leave; nothing in a closed loop.
    fn intended(&self, number: u64) -> Option<Instant> {
        if self.settings.rate <= 0.0 {
            return None;
        }
        // A request number fits a float's 53 bits.
        #[allow(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
        let seconds = number as f64 / self.settings.rate;
        Some(self.start + Duration::from_secs_f64(seconds))
    }
}

/// What a worker has counted.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) sent: u64,
    pub(super) completed: u64,
    pub(super) conversions_sent: u64,
    pub(super) conversions_acknowledged: u64,
    /// The numbers of their orders, if they are wanted.
    pub(super) acknowledged: Vec<u64>,
    pub(super) statuses: BTreeMap<u16, u64>,
    pub(super) errors: BTreeMap<String, u64>,
    pub(super) latency: Histogram<u64>,
    pub(super) last: Option<Instant>,
}

impl Tally {
    fn new(latency: Histogram<u64>) -> Self {
        Self {
            sent: 0,
            completed: 0,
            conversions_sent: 0,
            conversions_acknowledged: 0,
            acknowledged: Vec::new(),
            statuses: BTreeMap::new(),
            errors: BTreeMap::new(),
            latency,
            last: None,
        }
    }

    /// All tallies together.
    pub(super) fn sum<'a>(tallies: impl Iterator<Item = &'a Mutex<Self>>) -> Result<Self, Error> {
        let mut total = Self::new(latency::empty()?);
        for one in tallies {
            let one = lock(one);
            total.sent += one.sent;
            total.completed += one.completed;
            total.conversions_sent += one.conversions_sent;
            total.conversions_acknowledged += one.conversions_acknowledged;
            total.acknowledged.extend(&one.acknowledged);
            one.statuses
                .iter()
                .for_each(|(status, count)| *total.statuses.entry(*status).or_default() += count);
            one.errors
                .iter()
                .for_each(|(kind, count)| *total.errors.entry(kind.clone()).or_default() += count);
            total.latency.add(&one.latency).map_err(|error| Error::Task(error.to_string()))?;
            total.last = total.last.max(one.last);
        }
        Ok(total)
    }
}

/// One connection at work.
#[derive(Debug)]
pub(super) struct Worker {
    plan: Arc<Plan>,
    index: u64,
    connection: Connection,
    requests: Vec<Prepared>,
    tally: Arc<Mutex<Tally>>,
}

impl Worker {
    pub(super) fn new(plan: Arc<Plan>, index: usize) -> Result<Self, Error> {
        let settings = &plan.settings;
        let requests = prepare(settings, index);
        let connection = Connection::new(settings.target, settings.timeout);
        let tally = Arc::new(Mutex::new(Tally::new(latency::empty()?)));
        Ok(Self { index: index as u64, connection, requests, tally, plan })
    }

    pub(super) fn tally(&self) -> Arc<Mutex<Tally>> {
        Arc::clone(&self.tally)
    }

    /// Sends until the plan ends.
    pub(super) fn run(mut self) {
        let step = self.plan.settings.connections as u64;
        let mut number = self.index;
        wait_until(self.plan.start);
        loop {
            let intended = self.plan.intended(number);
            let now = Instant::now();
            if intended.unwrap_or(now) >= self.plan.end {
                return;
            }
            if now > self.plan.end + OVERTIME {
                self.note_unsent(intended.unwrap_or(now), now);
            } else {
                wait_until(intended.unwrap_or(now));
                self.one(number, intended);
            }
            number += step;
        }
    }

    fn one(&mut self, number: u64, intended: Option<Instant>) {
        let place = usize::try_from(number / self.plan.settings.connections as u64).unwrap_or(0)
            % self.requests.len();
        let request = &mut self.requests[place];
        let is_conversion = request.is_conversion();
        let from = intended.unwrap_or_else(Instant::now);
        let answer = self.connection.exchange(request.numbered(number));
        self.note(is_conversion.then_some(number), from, answer);
        if intended.is_none() && answer.is_err() {
            thread::sleep(FAILURE_PAUSE);
        }
    }

    /// How a request ended; `order` is the number of a conversion's order.
    fn note(&self, order: Option<u64>, from: Instant, answer: Result<u16, Failure>) {
        let now = Instant::now();
        let mut tally = lock(&self.tally);
        tally.sent += 1;
        tally.conversions_sent += u64::from(order.is_some());
        match answer {
            Ok(status) => {
                tally.completed += 1;
                tally.last = Some(now);
                *tally.statuses.entry(status).or_default() += 1;
                tally.latency.saturating_record(micros(now - from));
                match status {
                    200..400 => {
                        tally.conversions_acknowledged += u64::from(order.is_some());
                        tally.acknowledged.extend(order.filter(|_| self.plan.settings.names_orders));
                    }
                    500.. => *tally.errors.entry("status 5xx".to_owned()).or_default() += 1,
                    _ => *tally.errors.entry("status 4xx".to_owned()).or_default() += 1,
                }
            }
            Err(failure) => *tally.errors.entry(failure.name().to_owned()).or_default() += 1,
        }
    }

    /// A request that the server left no time for: a failure, and as late as it is by now.
    fn note_unsent(&self, intended: Instant, now: Instant) {
        let mut tally = lock(&self.tally);
        *tally.errors.entry("never sent".to_owned()).or_default() += 1;
        tally.latency.saturating_record(micros(now.saturating_duration_since(intended)));
    }
}

fn wait_until(at: Instant) {
    let now = Instant::now();
    if at > now {
        thread::sleep(at - now);
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
