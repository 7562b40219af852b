//! The drive loop: whatever the exchange says is done, and the exchange is told how it went.
//!
//! No decision is made here. What waits for nothing is done on the spot; a reply is handed back at once, and
//! what an exchange still wants after its reply goes on in a task of its own, so that the client's next
//! request does not wait for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use relay::step::{self, Happened, Step};
use relay::tally::{Misses, Shapes};
use relay::{Exchange, Fact, Reply};
use requestlog::{Entry, Log};
use telemetry::Telemetry;
use tracking::{Home, Outbound, SendFailure};
use units::Timestamp;
use upstream::{Call, Upstream};

use crate::ask::Asker;
use crate::clock;
use crate::health::Platforms;
use crate::journal::Journal;
use crate::scrub::Found;
use crate::shelf::SharedShelf;
use crate::vows::Vows;

/// What steps are done with.
#[derive(Debug)]
pub(crate) struct Hands {
    pub(crate) journal: Journal,
    /// What is wrong with what waits in the outbox.
    pub(crate) found: Found,
    /// The outbox for copies of other edges' conversions.
    pub(crate) kept: Option<outbox::Appender>,
    pub(crate) upstream: Upstream,
    pub(crate) platforms: Platforms,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) log: Option<Log>,
    pub(crate) shelf: SharedShelf,
    /// Asks the processor; none where no processor is set.
    pub(crate) asker: Option<Arc<Asker>>,
    pub(crate) shapes: Mutex<Shapes>,
    pub(crate) misses: Mutex<Misses>,
}

/// Drives an exchange up to its reply. None if it ended without one.
pub(crate) async fn drive(hands: &Arc<Hands>, mut exchange: Exchange) -> Option<Reply> {
    let mut vows = Vows::default();
    while let Some(step) = exchange.poll() {
        if let Some(invariant) = vows.step(&step) {
            hands.telemetry.record(&Fact::InvariantBroken { invariant });
        }
        match hands.perform(step).await {
            Done::Nothing => {}
            Done::Happened(happened) => {
                vows.happened(&happened);
                exchange.handle(happened, clock::now());
            }
            Done::Reply(reply) => {
                finish(hands, exchange);
                return Some(reply);
            }
        }
    }
    None
}

/// Drives what is left after the reply, in a task if anything has to be waited for.
fn finish(hands: &Arc<Hands>, mut exchange: Exchange) {
    while let Some(step) = exchange.poll() {
        let Some(step) = hands.perform_at_once(step) else { continue };
        let hands = Arc::clone(hands);
        tokio::spawn(async move {
            let mut next = Some(step);
            while let Some(step) = next {
                if let Done::Happened(happened) = hands.perform(step).await {
                    exchange.handle(happened, clock::now());
                }
                next = exchange.poll();
            }
        });
        return;
    }
}

/// What doing a step came to.
enum Done {
    Nothing,
    Happened(Happened),
    Reply(Reply),
}

impl Hands {
    async fn perform(&self, step: Step) -> Done {
        match step {
            Step::Append(entry) => Done::Happened(self.journal.append(entry).await),
            Step::Send { request, within, repeatable } => {
                Done::Happened(self.send(&request, call(within, repeatable)).await)
            }
            Step::Ask { entry, within } => Done::Happened(match &self.asker {
                Some(asker) => asker.ask(entry, within).await,
                None => Happened::NotServed,
            }),
            Step::HandOver { entry, within } => Done::Happened(self.hand_over(entry, within).await),
            Step::WaitUntil(time) => {
                tokio::time::sleep(time.since(clock::now())).await;
                Done::Happened(Happened::TimePassed)
            }
            Step::Find { key, within } => Done::Happened(self.shelf.find(&key, within).await),
            Step::Reply(reply) => Done::Reply(reply),
            Step::Tally(_)
            | Step::Miss { .. }
            | Step::Keep { .. }
            | Step::Record(_)
            | Step::Remember(_)
            | Step::Log(_)
            | Step::Report(_) => {
                self.perform_at_once(step);
                Done::Nothing
            }
        }
    }

    /// Does a step that waits for nothing, or gives it back.
    fn perform_at_once(&self, step: Step) -> Option<Step> {
        match step {
            Step::Record(entry) => self.journal.record(entry),
            Step::Remember(entry) => self.journal.remember(entry),
            Step::Report(fact) => self.telemetry.record(&fact),
            Step::Log(seen) => {
                if let Some(log) = &self.log {
                    log.offer(Entry::Seen(seen));
                }
            }
            // Counting cannot be half done, so a holder that panicked spoiled nothing.
            Step::Tally(shape) => {
                let mut shapes = self.shapes.lock().unwrap_or_else(PoisonError::into_inner);
                shapes.count(shape, clock::now());
            }
            Step::Miss { table, key } => {
                let mut misses = self.misses.lock().unwrap_or_else(PoisonError::into_inner);
                misses.count((table, key), clock::now());
            }
            Step::Keep { key, kept } => self.shelf.keep(&key, kept),
            Step::Append(_)
            | Step::Send { .. }
            | Step::Ask { .. }
            | Step::HandOver { .. }
            | Step::Find { .. }
            | Step::Reply(_)
            | Step::WaitUntil(_) => {
                return Some(step);
            }
        }
        None
    }

    async fn hand_over(&self, entry: step::Entry, within: Duration) -> Happened {
        let Some(asker) = &self.asker else {
            return Happened::NotHandedOver(SendFailure::NothingSent("no processor is set".to_owned()));
        };
        match asker.hand_over(entry, within).await {
            Ok(()) => Happened::HandedOver,
            Err(failure) => Happened::NotHandedOver(failure),
        }
    }

    async fn send(&self, request: &Outbound, call: Call) -> Happened {
        let home = request.home;
        let outcome = self.upstream.call(request, call).await;
        let ok = outcome.as_ref().is_ok_and(|answer| answer.status < 500);
        self.heard(home, ok, clock::now());
        match outcome {
            Ok(answer) => Happened::Answered { home, answer },
            Err(failure) => Happened::Unanswered { home, failure },
        }
    }

    /// Tells what a call to a platform came to.
    pub(crate) fn heard(&self, home: Home, ok: bool, now: Timestamp) {
        self.report(self.platforms.heard(home, ok, now));
    }

    pub(crate) fn report(&self, fact: Option<Fact>) {
        if let Some(fact) = fact {
            self.telemetry.record(&fact);
        }
    }
}

/// How a step's request is sent, with room for an answer that is passed on.
const fn call(within: Duration, repeatable: bool) -> Call {
    let call = if repeatable { Call::fetch(within) } else { Call::once(within) };
    Call { answer_bytes_max: units::limits::PROXIED_BYTES_MAX, ..call }
}
