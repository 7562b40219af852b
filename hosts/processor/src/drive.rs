//! The drive loop: sends what the processor hands out, and tells it how that ended. It decides nothing.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use relay::Fact;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tracking::postback::Call;
use tracking::{Answer, Outbound, SendFailure};
use units::Timestamp;

use crate::serve::{FactSink, now};
use crate::{Called, Delivery, Desk, DeskError, Ended, Postback, ProcessorError};

/// One request under way.
pub type Sending = Pin<Box<dyn Future<Output = Result<Answer, SendFailure>> + Send>>;

/// Sends one request to a platform within a time: the upstream adapter, or a stand-in.
pub type Upstream = Arc<dyn Fn(Outbound, Duration) -> Sending + Send + Sync>;

/// Calls a publisher's server within a time.
pub type Elsewhere = Arc<dyn Fn(Call, Duration) -> Sending + Send + Sync>;

/// Everything that sends.
#[derive(Clone)]
pub struct Senders {
    /// To the platforms.
    pub upstream: Upstream,
    /// To publishers' own servers.
    pub elsewhere: Elsewhere,
}

impl fmt::Debug for Senders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Senders(..)")
    }
}

/// The longest the loop sleeps, so that a clock that was set back delays nothing for long.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// The wait after the ledger failed, before it is asked again.
const LEDGER_WAIT: Duration = Duration::from_secs(1);

/// What an upstream may take beyond its deadline before it counts as lost. It keeps its own deadline; this
/// one is for an upstream that forgets it.
const GRACE: Duration = Duration::from_secs(5);

/// What one turn brought.
struct Turn {
    deliveries: Vec<Delivery>,
    postbacks: Vec<Postback>,
    wake: Option<Timestamp>,
    facts: Vec<Fact>,
    /// What went wrong beside them, and is tried again.
    complaints: Vec<ProcessorError>,
}

/// Something that was sent has ended.
enum Over {
    Delivery(Ended),
    Postback(Called),
}

pub(crate) async fn drive(
    desk: Desk,
    senders: Senders,
    sink: FactSink,
    news: Arc<Notify>,
    mut stop: watch::Receiver<bool>,
) {
    let mut under_way: JoinSet<Over> = JoinSet::new();
    let mut ended: Vec<Over> = Vec::new();
    loop {
        let stopping = *stop.borrow();
        if stopping && under_way.is_empty() && ended.is_empty() {
            return;
        }
        let told = std::mem::take(&mut ended);
        let turn = match desk.ask(move |processor| certain_turn(processor, told, stopping)).await {
            Ok(turn) => turn,
            Err(DeskError::Closed) => return,
            // What it was told of is in flight until the next start, which recovers it.
            Err(DeskError::Failed) => {
                sink(Fact::InvariantBroken { invariant: "I2" });
                tokio::time::sleep(LEDGER_WAIT).await;
                continue;
            }
        };
        let wait = match turn {
            Ok(turn) => {
                turn.facts.into_iter().for_each(|fact| sink(fact));
                turn.complaints.iter().for_each(|error| complain(&sink, error));
                turn.deliveries.into_iter().for_each(|one| send(&mut under_way, &senders.upstream, one));
                turn.postbacks.into_iter().for_each(|one| call(&mut under_way, &senders.elsewhere, one));
                turn.wake.map_or(SLEEP_MAX, |wake| wake.since(now()).min(SLEEP_MAX))
            }
            Err(error) => {
                complain(&sink, &error);
                LEDGER_WAIT
            }
        };
        tokio::select! {
            Some(result) = under_way.join_next() => {
                ended.extend(result.ok());
                while let Some(result) = under_way.try_join_next() {
                    ended.extend(result.ok());
                }
            }
            () = news.notified() => {}
            () = tokio::time::sleep(wait) => {}
            _ = stop.changed(), if !stopping => {}
        }
    }
}

/// A turn; where the ledger turns out to hold what the processor does not know, it begins anew before the next one.
fn certain_turn(
    processor: &mut crate::Processor,
    told: Vec<Over>,
    stopping: bool,
) -> Result<Turn, ProcessorError> {
    let outcome = turn(processor, told, stopping);
    if outcome.as_ref().is_err_and(ProcessorError::is_surprise) {
        processor.begin_anew(now())?;
    }
    outcome
}

fn turn(processor: &mut crate::Processor, told: Vec<Over>, stopping: bool) -> Result<Turn, ProcessorError> {
    let now = now();
    let (mut ended, mut called) = (Vec::new(), Vec::new());
    for over in told {
        match over {
            Over::Delivery(one) => ended.push(one),
            Over::Postback(one) => called.push(one),
        }
    }
    // Each keeps what it was told if the ledger fails, so both must be told.
    let (settled, written) = (processor.settle(ended, now), processor.settle_postbacks(called, now));
    settled.and(written)?;
    let (mut deliveries, mut postbacks, mut complaints) = (Vec::new(), Vec::new(), Vec::new());
    if !stopping {
        // An order that cannot go on is no reason to deliver nothing.
        if let Err(error) = processor.obey_orders(now) {
            if error.is_surprise() {
                return Err(error);
            }
            complaints.push(error);
        }
        deliveries = processor.next_deliveries(now)?;
        // What was begun above is in flight whatever happens to the calls, which are asked for again.
        postbacks = processor.next_postbacks(now).unwrap_or_else(|error| {
            complaints.push(error);
            Vec::new()
        });
    }
    // The books wait for nobody's answer, and can be kept a turn later.
    complaints.extend(processor.keep_books(now).err());
    // Without an answer the loop looks again after its longest sleep.
    let wake = processor.next_wake(now).unwrap_or_else(|error| {
        complaints.push(error);
        None
    });
    Ok(Turn { deliveries, postbacks, wake, facts: processor.take_facts(), complaints })
}

fn send(under_way: &mut JoinSet<Over>, upstream: &Upstream, delivery: Delivery) {
    let Delivery { ids, destination, endpoint: _, request, within } = delivery;
    let upstream = Arc::clone(upstream);
    under_way.spawn(async move {
        let result = outcome(upstream(request, within), within).await;
        Over::Delivery(Ended { ids, destination, result })
    });
}

fn call(under_way: &mut JoinSet<Over>, elsewhere: &Elsewhere, postback: Postback) {
    let Postback { id, call, within } = postback;
    let elsewhere = Arc::clone(elsewhere);
    under_way.spawn(async move {
        let result = outcome(elsewhere(call, within), within).await;
        Over::Postback(Called { id, result })
    });
}

/// Waits for what is sent in a task of its own, so that a panic in an adapter ends as one ambiguous delivery.
async fn outcome(sending: Sending, within: Duration) -> Result<Answer, SendFailure> {
    match tokio::time::timeout(within + GRACE, tokio::spawn(sending)).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(SendFailure::Ambiguous("the sender failed".to_owned())),
        Err(_) => Err(SendFailure::Ambiguous("no answer within the deadline".to_owned())),
    }
}

/// A ledger that fails is an invariant at risk: what a platform said is not durable yet.
fn complain(sink: &FactSink, _error: &ProcessorError) {
    sink(Fact::InvariantBroken { invariant: "I2" });
}
