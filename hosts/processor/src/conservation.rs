//! Conservation, watched: the counters every few seconds, the rows every few minutes, and orders that repeat.
//!
//! All of it is asked of a connection of its own, so that the ledger's writer never waits for it. A ledger in memory has
//! no second connection; there the writer's own is asked.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ledger::{Audit, Ledger, LedgerError, Vitals, Waiting};
use reconciliation::Repeats;
use relay::Fact;
use telemetry::{Books, Telemetry};
use tokio::sync::{oneshot, watch};
use units::Timestamp;
use units::limits::{RECOUNT_REST, REPEATS_WITHIN, UNREADABLE_AT_ONCE, VITALS_EVERY};

use crate::serve::{FactSink, now};
use crate::{Desk, Processor};

/// What is known of the ledger's health.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health {
    /// By the counters.
    pub(crate) vitals: Vitals,
    /// Advertisers of whose orders many more repeat than usual.
    pub(crate) repeating: Vec<Repeats>,
    /// The last count from the rows.
    pub(crate) counted: Option<Counted>,
}

/// A count from the rows.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    /// When it ended.
    pub(crate) at: Timestamp,
    /// How long it took.
    pub(crate) took: Duration,
    /// What does not hold, by invariant.
    pub(crate) findings: Vec<(&'static str, String)>,
}

/// The health as the last look left it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watched(Arc<Mutex<Health>>);

impl Watched {
    /// The health of a ledger that nobody watches, by one look.
    pub(crate) fn look(ledger: &Ledger) -> Result<Self, LedgerError> {
        let watched = Self::default();
        let vitals = ledger.vitals()?;
        watched.change(|health| health.vitals = vitals);
        Ok(watched)
    }

    pub(crate) fn read(&self) -> Health {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Health)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// When the first count from the rows begins at the latest.
const FIRST_RECOUNT: Duration = Duration::from_secs(60);

/// What the watch is made with.
pub(crate) struct Watch {
    pub(crate) desk: Desk,
    pub(crate) watched: Watched,
    pub(crate) metrics: Arc<Telemetry>,
    pub(crate) sink: FactSink,
    /// How often the rows are counted.
    pub(crate) recount_every: Duration,
}

/// Watches until the process stops.
pub(crate) async fn watch(parts: Watch, mut stop: watch::Receiver<bool>) {
    let Watch { desk, watched, metrics, sink, recount_every } = parts;
    let mut told = Told::default();
    // Not at once: a processor that has just started has a backlog to take in.
    let mut recount_at = Instant::now() + recount_every.min(FIRST_RECOUNT);
    loop {
        look(&desk, &watched, &sink, &mut told).await;
        if Instant::now() >= recount_at {
            let began = Instant::now();
            recount(&desk, &watched, &sink).await;
            recount_at = Instant::now() + recount_every.max(began.elapsed() * RECOUNT_REST);
        }
        metrics.books(&books(&watched.read(), now()));
        tokio::select! {
            () = tokio::time::sleep(VITALS_EVERY) => {}
            _ = stop.changed() => return,
        }
    }
}

/// What was told already: a breach is counted when it comes, and again when it changes, not at every look.
#[derive(Default)]
struct Told {
    off: Vec<(u64, i64)>,
    repeating: BTreeSet<u64>,
}

async fn look(desk: &Desk, watched: &Watched, sink: &FactSink, told: &mut Told) {
    let asked = |ledger: &Ledger| Ok((ledger.vitals()?, ledger.repeats(now(), REPEATS_WITHIN)?));
    let Some((vitals, repeats)) = beside(desk, asked).await else { return };
    if !vitals.off.is_empty() && vitals.off != told.off {
        sink(Fact::InvariantBroken { invariant: "I3" });
        tracing::error!(advertisers = ?vitals.off, "conversions do not add up, by the counters");
    }
    told.off.clone_from(&vitals.off);
    let repeating: Vec<Repeats> = repeats.into_iter().filter(Repeats::is_alarming).collect();
    for one in repeating.iter().filter(|one| !told.repeating.contains(&one.advertiser_id)) {
        let (advertiser_id, share, usual) = (one.advertiser_id, one.share(), one.usual());
        tracing::warn!(
            advertiser_id,
            share,
            usual,
            "many more orders repeat than usual: is there a second route?"
        );
    }
    told.repeating = repeating.iter().map(|one| one.advertiser_id).collect();
    watched.change(|health| {
        health.vitals = vitals;
        health.repeating = repeating;
    });
}

/// Sets aside what is queued where no lane looks: nothing else would ever tell of it.
async fn find_the_lost(desk: &Desk) {
    let Some(lost) = beside(desk, |ledger| ledger.lost(UNREADABLE_AT_ONCE)).await else { return };
    for (event_id, what) in lost {
        let why = format!("conversion {event_id} is queued where no lane looks: {what} is damaged");
        let set = move |processor: &mut Processor| {
            processor.set_row_aside(Waiting::Conversion(event_id), &why, now())
        };
        if let Ok(Err(error)) = desk.ask(set).await {
            tracing::error!(%event_id, %error, "a row that cannot be read could not be set aside");
        }
    }
}

async fn recount(desk: &Desk, watched: &Watched, sink: &FactSink) {
    find_the_lost(desk).await;
    let began = Instant::now();
    let Some(Audit { findings, .. }) = beside(desk, Ledger::audit).await else { return };
    for finding in &findings {
        tracing::error!(invariant = finding.invariant, finding = finding.message, "the books are wrong");
        sink(Fact::InvariantBroken { invariant: finding.invariant });
    }
    let findings = findings.into_iter().map(|finding| (finding.invariant, finding.message)).collect();
    let counted = Counted { at: now(), took: began.elapsed(), findings };
    watched.change(|health| health.counted = Some(counted));
}

/// Asks the ledger beside its writer; none if it cannot be asked, which the drive loop tells.
async fn beside<T: Send + 'static>(
    desk: &Desk,
    question: impl FnOnce(&Ledger) -> Result<T, LedgerError> + Send + 'static,
) -> Option<T> {
    let reader = desk.ask(|processor| processor.ledger().reader()).await.ok()?.ok()?;
    let answer = match reader {
        Some(reader) => {
            // A thread of its own: the process may end while millions of rows are being counted, and a thread of the
            // runtime would keep it waiting.
            let (answer, answered) = oneshot::channel();
            let read = move || drop(answer.send(question(&reader)));
            std::thread::Builder::new().name("ledger-reader".to_owned()).spawn(read).ok()?;
            answered.await.ok()?
        }
        None => desk.ask(move |processor| question(processor.ledger())).await.ok()?,
    };
    answer.map_err(|error| tracing::warn!(%error, "the ledger's sums could not be looked at")).ok()
}

/// The health in numbers.
pub(crate) fn books(health: &Health, now: Timestamp) -> Books {
    let vitals = &health.vitals;
    let age = |since: Option<Timestamp>| since.map_or(0, |since| now.since(since).as_secs());
    let findings = health.counted.iter().flat_map(|counted| &counted.findings);
    Books {
        accepted: vitals.accepted,
        states: vitals.states,
        oldest_seconds: [
            age(vitals.oldest_waiting),
            age(vitals.oldest_unknown),
            age(vitals.oldest_taken),
            age(vitals.oldest_held),
        ],
        off: vitals.off.len() as u64,
        findings: findings.clone().count() as u64,
        imbalances: findings.filter(|(invariant, _)| *invariant == "I12").count() as u64,
        audit_age_seconds: age(health.counted.as_ref().map(|counted| counted.at)),
        audit_seconds: health.counted.as_ref().map_or(0, |counted| counted.took.as_secs()),
        repeat_alarms: health.repeating.len() as u64,
        postbacks_given_up: vitals.postbacks_given_up,
    }
}
