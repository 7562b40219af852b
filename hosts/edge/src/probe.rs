//! Asking the platforms whether they are there, so that a shopper is not the one who finds out.

use std::sync::Arc;

use arc_swap::ArcSwap;
use relay::policy::Snapshot;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tracking::Home;
use upstream::Call;

use crate::clock;
use crate::drive::Hands;

/// Probes until `stop` changes.
pub(crate) async fn run(
    snapshot: Arc<ArcSwap<Snapshot>>,
    hands: Arc<Hands>,
    mut stop: watch::Receiver<bool>,
) {
    let mut ticks = tokio::time::interval(snapshot.load().policy.breaker.probe_every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            _ = ticks.tick() => {}
        }
        let snapshot = snapshot.load_full();
        tokio::join!(probe(&snapshot, &hands, Home::Primary), probe(&snapshot, &hands, Home::Legacy));
    }
}

async fn probe(snapshot: &Snapshot, hands: &Hands, home: Home) {
    let Some(dispatch) = snapshot.migration.probe(home) else {
        return hands.report(hands.platforms.tick(home, clock::now()));
    };
    let call = Call::fetch(snapshot.policy.breaker.probe_deadline);
    let answer = hands.upstream.call(&dispatch.request, call).await;
    let well = answer.is_ok_and(|answer| snapshot.migration.probe_is_well(home, &answer));
    hands.heard(home, well, clock::now());
}
