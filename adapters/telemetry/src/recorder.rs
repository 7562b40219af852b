//! Each fact, counted and written down.

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use relay::Fact;
use relay::delivery::{State, Why};
use relay::reply::Mode;
use tracking::directory::Table;
use tracking::{Class, Home, Verdict};

use crate::handles::{Coded, Counters, Gauges, Histograms};
use crate::host::{Books, Gauge, HostFact};
use crate::lines::Lines;
use crate::list::{INVARIANTS, Metric, UNKNOWN_INVARIANT};

const MODES: [Mode; 8] = [
    Mode::Accept,
    Mode::Redirect,
    Mode::Direct,
    Mode::Proxy,
    Mode::Kept,
    Mode::Serve,
    Mode::Local,
    Mode::Refuse,
];
const VERDICTS: [Verdict; 6] = [
    Verdict::Confirmed,
    Verdict::Taken,
    Verdict::Rejected,
    Verdict::Later,
    Verdict::Paused,
    Verdict::Unknown,
];
/// The single numbers of the books, in the order in which they are set.
const BOOKS: [Metric; 8] = [
    Metric::Accepted,
    Metric::SumsOff,
    Metric::AuditFindings,
    Metric::PostingImbalances,
    Metric::AuditAgeSeconds,
    Metric::AuditSeconds,
    Metric::RepeatAlarms,
    Metric::PostbacksGivenUp,
];
/// What a destination may be: up, down, or paused for a reason.
const CONDITIONS: [&str; 5] =
    ["up", "down", Why::Credentials.name(), Why::Language.name(), Why::Rejections.name()];
const CLASSES: usize = Class::ALL.len();
const HOMES: usize = Home::ALL.len();
const TRUTHS: [&str; 2] = ["false", "true"];

/// Where facts go.
#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    lines: Lines,
    recognised: Counters<CLASSES>,
    replies: Counters<{ CLASSES * MODES.len() }>,
    reply_seconds: Histograms<{ MODES.len() }>,
    appended: Counters<1>,
    handed_over: Counters<1>,
    append_failed: Coded,
    destination_refused: Coded,
    unmapped: Counters<{ Table::ALL.len() }>,
    asked: Counters<{ HOMES * 2 }>,
    breaker_open: Gauges<HOMES>,
    breaker_changes: Counters<{ HOMES * 2 }>,
    destination_changes: Counters<{ HOMES * CONDITIONS.len() }>,
    destinations_impaired: Gauges<HOMES>,
    clock_set_back: Counters<1>,
    set_aside: Counters<1>,
    booked: Counters<2>,
    moved: Coded,
    conversions: Gauges<{ State::ALL.len() }>,
    oldest_seconds: Gauges<{ Books::OLDEST.len() }>,
    books: [Gauges<1>; BOOKS.len()],
    attempts: Counters<{ HOMES * VERDICTS.len() }>,
    attempt_seconds: Histograms<HOMES>,
    invariants: Counters<{ INVARIANTS.len() + 1 }>,
    refused: Coded,
    misdirected: Counters<1>,
    looped: Counters<1>,
    batches_taken: Counters<1>,
    batches_not_taken: Counters<1>,
    entries_taken: Counters<1>,
    outbox_unreadable: Counters<1>,
    gauges: [Gauges<1>; Gauge::ALL.len()],
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::new()
    }
}

impl Telemetry {
    /// All metrics at 0.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let r = &mut registry;
        let classes = Class::ALL.map(Class::name);
        let (homes, modes) = (Home::ALL.map(Home::name), MODES.map(Mode::name));
        let verdicts = VERDICTS.map(Verdict::name);
        Self {
            lines: Lines::default(),
            recognised: Counters::register(r, Metric::Recognised, singles(&classes)),
            replies: Counters::register(
                r,
                Metric::Replies,
                pairs(&classes, &modes).each_ref().map(<[_; 2]>::as_slice),
            ),
            reply_seconds: Histograms::register(r, Metric::ReplySeconds, singles(&modes)),
            appended: Counters::register(r, Metric::Appended, [&[]]),
            handed_over: Counters::register(r, Metric::HandedOver, [&[]]),
            append_failed: Coded::register(r, Metric::AppendFailed),
            destination_refused: Coded::register(r, Metric::DestinationRefused),
            unmapped: Counters::register(r, Metric::Unmapped, singles(&Table::ALL.map(Table::label))),
            asked: Counters::register(
                r,
                Metric::Asked,
                pairs(&homes, &TRUTHS).each_ref().map(<[_; 2]>::as_slice),
            ),
            breaker_open: Gauges::register(r, Metric::BreakerOpen, singles(&homes)),
            breaker_changes: Counters::register(
                r,
                Metric::BreakerChanges,
                pairs(&homes, &TRUTHS).each_ref().map(<[_; 2]>::as_slice),
            ),
            destination_changes: Counters::register(
                r,
                Metric::DestinationChanges,
                pairs(&homes, &CONDITIONS).each_ref().map(<[_; 2]>::as_slice),
            ),
            destinations_impaired: Gauges::register(r, Metric::DestinationsImpaired, singles(&homes)),
            clock_set_back: Counters::register(r, Metric::ClockSetBack, [&[]]),
            set_aside: Counters::register(r, Metric::SetAside, [&[]]),
            booked: Counters::register(r, Metric::Booked, singles(&TRUTHS)),
            moved: Coded::register(r, Metric::Moved),
            conversions: Gauges::register(r, Metric::Conversions, singles(&State::ALL.map(State::name))),
            oldest_seconds: Gauges::register(r, Metric::OldestSeconds, singles(&Books::OLDEST)),
            books: BOOKS.map(|metric| Gauges::register(r, metric, [&[]])),
            attempts: Counters::register(
                r,
                Metric::Attempts,
                pairs(&homes, &verdicts).each_ref().map(<[_; 2]>::as_slice),
            ),
            attempt_seconds: Histograms::register(r, Metric::AttemptSeconds, singles(&homes)),
            invariants: Counters::register(r, Metric::InvariantBroken, singles(&counted())),
            refused: Coded::register(r, Metric::Refused),
            misdirected: Counters::register(r, Metric::Misdirected, [&[]]),
            looped: Counters::register(r, Metric::Looped, [&[]]),
            batches_taken: Counters::register(r, Metric::BatchesTaken, [&[]]),
            batches_not_taken: Counters::register(r, Metric::BatchesNotTaken, [&[]]),
            entries_taken: Counters::register(r, Metric::EntriesTaken, [&[]]),
            outbox_unreadable: Counters::register(r, Metric::OutboxUnreadable, [&[]]),
            gauges: Gauge::ALL.map(|gauge| Gauges::register(r, gauge.metric(), [&[]])),
            registry,
        }
    }

    /// Counts a fact of the pure core and writes its line.
    pub fn record(&self, fact: &Fact) {
        match fact {
            Fact::Recognised { class, .. } => self.recognised.add(*class as usize, 1),
            Fact::Appended { .. } => self.appended.add(0, 1),
            Fact::HandedOver { .. } => self.handed_over.add(0, 1),
            Fact::AppendFailed { reason, .. } => self.append_failed.add(reason),
            Fact::Replied { class, mode, took, .. } => {
                self.replies.add(*class as usize * MODES.len() + *mode as usize, 1);
                self.reply_seconds.observe(*mode as usize, *took);
            }
            Fact::DestinationRefused { reason, .. } => self.destination_refused.add(reason),
            Fact::Unmapped { table, .. } => self.unmapped.add(*table as usize, 1),
            Fact::Asked { home, answered, .. } => {
                self.asked.add(*home as usize * 2 + usize::from(*answered), 1)
            }
            Fact::BreakerChanged { home, open } => {
                self.breaker_changes.add(*home as usize * 2 + usize::from(*open), 1);
                self.breaker_open.set(*home as usize, u64::from(*open));
            }
            Fact::DestinationChanged { home, condition, impaired, .. } => {
                let place = CONDITIONS.iter().position(|known| known == condition).unwrap_or(0);
                self.destination_changes.add(*home as usize * CONDITIONS.len() + place, 1);
                self.destinations_impaired.set(*home as usize, *impaired);
            }
            Fact::ClockSetBack { .. } => self.clock_set_back.add(0, 1),
            Fact::SetAside { .. } => self.set_aside.add(0, 1),
            Fact::Booked { attributed, .. } => self.booked.add(usize::from(*attributed), 1),
            Fact::Moved { state, .. } => self.moved.add(state),
            Fact::Attempted { home, verdict, took, .. } => {
                self.attempts.add(*home as usize * VERDICTS.len() + *verdict as usize, 1);
                self.attempt_seconds.observe(*home as usize, *took);
            }
            Fact::InvariantBroken { invariant } => {
                let place = INVARIANTS.iter().position(|known| known == invariant);
                self.invariants.add(place.unwrap_or(INVARIANTS.len()), 1);
            }
        }
        self.lines.fact(fact);
    }

    /// Counts what happened in a host and writes its line.
    pub fn observe(&self, fact: &HostFact) {
        match *fact {
            HostFact::Refused { code } => self.refused.add(code),
            HostFact::Misdirected => self.misdirected.add(0, 1),
            HostFact::Looped => self.looped.add(0, 1),
            HostFact::BatchTaken { entries } => {
                self.batches_taken.add(0, 1);
                self.entries_taken.add(0, entries);
            }
            HostFact::BatchNotTaken => self.batches_not_taken.add(0, 1),
            HostFact::OutboxUnreadable => self.outbox_unreadable.add(0, 1),
        }
        self.lines.host(fact);
    }

    /// Sets a gauge.
    pub fn gauge(&self, gauge: Gauge, value: u64) {
        if let Some(handle) = self.gauges.get(gauge as usize) {
            handle.set(0, value);
        }
    }

    /// Sets what a processor knows of its ledger.
    pub fn books(&self, books: &Books) {
        for (place, count) in books.states.iter().enumerate() {
            self.conversions.set(place, *count);
        }
        for (place, seconds) in books.oldest_seconds.iter().enumerate() {
            self.oldest_seconds.set(place, *seconds);
        }
        let numbers = [
            books.accepted,
            books.off,
            books.findings,
            books.imbalances,
            books.audit_age_seconds,
            books.audit_seconds,
            books.repeat_alarms,
            books.postbacks_given_up,
        ];
        for (gauge, number) in self.books.iter().zip(numbers) {
            gauge.set(0, number);
        }
    }

    /// All metrics in the Prometheus text format.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        let written = encode(&mut text, &self.registry);
        debug_assert!(written.is_ok(), "writing into memory cannot fail");
        text
    }
}

impl Gauge {
    const fn metric(self) -> Metric {
        match self {
            Self::Connections => Metric::Connections,
            Self::OutboxEntries => Metric::OutboxEntries,
            Self::OutboxBytes => Metric::OutboxBytes,
            Self::OutboxWaiting => Metric::OutboxWaiting,
            Self::OutboxRefuses => Metric::OutboxRefuses,
            Self::CertificateExpires => Metric::CertificateExpires,
            Self::CertificateProblem => Metric::CertificateProblem,
        }
    }
}

/// What breaches are counted as.
fn counted() -> [&'static str; INVARIANTS.len() + 1] {
    std::array::from_fn(|place| INVARIANTS.get(place).copied().unwrap_or(UNKNOWN_INVARIANT))
}

/// Label values of one label.
fn singles<'a, const N: usize>(values: &'a [&'static str; N]) -> [&'a [&'static str]; N] {
    values.each_ref().map(std::slice::from_ref)
}

/// Label values of two labels, the second changing fastest.
fn pairs<const N: usize>(first: &[&'static str], second: &[&'static str]) -> [[&'static str; 2]; N] {
    let value = |values: &[&'static str], at: usize| values.get(at).copied().unwrap_or("");
    std::array::from_fn(|at| [value(first, at / second.len()), value(second, at % second.len())])
}

#[cfg(test)]
mod tests;
