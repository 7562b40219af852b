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

use crate::serve::{FactSink, now};
use crate::{Called, Delivery, Desk, DeskError, Ended, Postback, Processor, ProcessorError, Told};

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
        let told = told(std::mem::take(&mut ended), stopping);
        let turn = match desk.ask(move |processor| processor.turn(told, now())).await {
            Ok(turn) => turn,
            Err(DeskError::Closed) => return,
            // What it was told of is in flight until the next start, which recovers it.
            Err(DeskError::Failed) => {
                tell(&desk, &sink).await;
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
                tell(&desk, &sink).await;
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

/// Tells what has happened although the turn has failed: batches are taken in all the same, and what there is to tell of
/// them must not gather for as long as turns fail.
async fn tell(desk: &Desk, sink: &FactSink) {
    // A desk that is closed has nothing to tell any more.
    let facts = desk.ask(Processor::take_facts).await.unwrap_or_default();
    facts.into_iter().for_each(|fact| sink(fact));
}

fn told(over: Vec<Over>, stopping: bool) -> Told {
    let mut told = Told { stopping, ..Told::default() };
    for over in over {
        match over {
            Over::Delivery(one) => told.ended.push(one),
            Over::Postback(one) => told.called.push(one),
        }
    }
    told
}

fn send(under_way: &mut JoinSet<Over>, upstream: &Upstream, delivery: Delivery) {
    let Delivery { ids, destination, endpoint: _, request, within } = delivery;
    let upstream = Arc::clone(upstream);
    under_way.spawn(async move {
        let result = outcome(async move { upstream(request, within).await }, within).await;
        Over::Delivery(Ended { ids, destination, result })
    });
}

fn call(under_way: &mut JoinSet<Over>, elsewhere: &Elsewhere, postback: Postback) {
    let Postback { id, call, within } = postback;
    let elsewhere = Arc::clone(elsewhere);
    under_way.spawn(async move {
        let result = outcome(async move { elsewhere(call, within).await }, within).await;
        Over::Postback(Called { id, result })
    });
}

/// Waits for what is sent in a task of its own, so that a panic in an adapter ends as one ambiguous delivery.
async fn outcome(
    sending: impl Future<Output = Result<Answer, SendFailure>> + Send + 'static,
    within: Duration,
) -> Result<Answer, SendFailure> {
    match tokio::time::timeout(within + GRACE, tokio::spawn(sending)).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(SendFailure::Ambiguous("the sender failed".to_owned())),
        Err(_) => Err(SendFailure::Ambiguous("no answer within the deadline".to_owned())),
    }
}

/// A ledger that fails is an invariant at risk: what a platform said is not durable yet.
fn complain(sink: &FactSink, error: &ProcessorError) {
    let why = ledger::with_causes(error);
    tracing::error!(target: "turnout", why, "a turn of the processor went wrong, and is tried again");
    sink(Fact::InvariantBroken { invariant: "I2" });
}

#[cfg(test)]
mod tests {
    use ledger::{Fault, Faults, When};
    use tokio::sync::mpsc;

    use super::*;
    use crate::processor::tests::world::{MOVED, World, sale};

    const FAILURE: Fact = Fact::InvariantBroken { invariant: "I2" };

    fn nobody() -> Senders {
        let silent = |_: Outbound, _: Duration| -> Sending { Box::pin(std::future::pending()) };
        let deaf = |_: Call, _: Duration| -> Sending { Box::pin(std::future::pending()) };
        Senders { upstream: Arc::new(silent), elsewhere: Arc::new(deaf) }
    }

    /// Turns may fail for as long as a disk is ill or a row is, and batches come in all the while.
    #[tokio::test]
    async fn i8_what_has_happened_is_told_though_no_turn_succeeds() {
        let faults = Faults::default();
        let mut world = World::failing(&faults);
        world.receive(&[sale(1, MOVED)]);
        faults.plan(When::Statement(1), Fault::Killed { happened: false });
        let (desk, _ended) = Desk::open(world.processor).unwrap();
        let (told, mut facts) = mpsc::unbounded_channel();
        let sink: FactSink = Arc::new(move |fact| drop(told.send(fact)));
        let (_stop, stopped) = watch::channel(false);
        let driving = tokio::spawn(drive(desk, nobody(), sink, Arc::new(Notify::new()), stopped));
        let mut before = Vec::new();
        while let Some(fact) = facts.recv().await.filter(|fact| *fact != FAILURE) {
            before.push(fact);
        }
        assert!(before.iter().any(|fact| matches!(fact, Fact::Booked { .. })), "{before:?}");
        driving.abort();
    }
}
