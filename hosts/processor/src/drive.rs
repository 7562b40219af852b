//! The drive loop: sends what the processor hands out, and tells it how that ended. It decides nothing.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use relay::Fact;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tracking::{Answer, Outbound, SendFailure};
use units::Timestamp;

use crate::serve::{FactSink, now};
use crate::{Delivery, Desk, Ended, ProcessorError};

/// One request under way.
pub type Sending = Pin<Box<dyn Future<Output = Result<Answer, SendFailure>> + Send>>;

/// Sends one request to a platform within a time: the upstream adapter, or a stand-in.
pub type Upstream = Arc<dyn Fn(Outbound, Duration) -> Sending + Send + Sync>;

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
    wake: Option<Timestamp>,
    facts: Vec<Fact>,
}

pub(crate) async fn drive(
    desk: Desk,
    upstream: Upstream,
    sink: FactSink,
    news: Arc<Notify>,
    mut stop: watch::Receiver<bool>,
) {
    let mut under_way: JoinSet<Ended> = JoinSet::new();
    let mut ended: Vec<Ended> = Vec::new();
    loop {
        let stopping = *stop.borrow();
        if stopping && under_way.is_empty() && ended.is_empty() {
            return;
        }
        let told = std::mem::take(&mut ended);
        let Ok(turn) = desk.ask(move |processor| turn(processor, told, stopping)).await else { return };
        let wait = match turn {
            Ok(turn) => {
                turn.facts.into_iter().for_each(|fact| sink(fact));
                turn.deliveries.into_iter().for_each(|delivery| send(&mut under_way, &upstream, delivery));
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

fn turn(processor: &mut crate::Processor, told: Vec<Ended>, stopping: bool) -> Result<Turn, ProcessorError> {
    let now = now();
    processor.settle(told, now)?;
    let deliveries = if stopping { Vec::new() } else { processor.next_deliveries(now)? };
    let wake = processor.next_wake(now)?;
    Ok(Turn { deliveries, wake, facts: processor.take_facts() })
}

fn send(under_way: &mut JoinSet<Ended>, upstream: &Upstream, delivery: Delivery) {
    let Delivery { ids, endpoint: _, request, within } = delivery;
    let home = request.home;
    let upstream = Arc::clone(upstream);
    under_way.spawn(async move {
        // A task of its own, so that a panic in an adapter ends as one ambiguous delivery.
        let sending = tokio::spawn(upstream(request, within));
        let result = match tokio::time::timeout(within + GRACE, sending).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(SendFailure::Ambiguous("the sender failed".to_owned())),
            Err(_) => Err(SendFailure::Ambiguous("no answer within the deadline".to_owned())),
        };
        Ended { ids, home, result }
    });
}

/// A ledger that fails is an invariant at risk: what a platform said is not durable yet.
fn complain(sink: &FactSink, _error: &ProcessorError) {
    sink(Fact::InvariantBroken { invariant: "I2" });
}
