//! Reads what waits in the outbox now and then, so that damage is known before it is in the way.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use outbox::Scrubber;
use telemetry::HostFact;
use tokio::sync::watch;

use crate::drive::Hands;

/// Bytes read at once, and the rest behind them: at most 10 MiB a second, a fraction of what any disk gives.
const STEP_BYTES: usize = 1 << 20;
const STEP_REST: Duration = Duration::from_millis(100);

/// The rest between two rounds.
const ROUND_REST: Duration = Duration::from_secs(3600);

/// What the last round found.
#[derive(Debug, Default)]
pub(crate) struct Found(Mutex<Option<String>>);

impl Found {
    /// What is damaged; none if all was well, or nothing was looked at yet.
    pub(crate) fn damage(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, damage: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = damage;
    }
}

/// Scrubs until `stop` changes.
pub(crate) async fn run(mut scrubber: Scrubber, hands: Arc<Hands>, mut stop: watch::Receiver<bool>) {
    loop {
        let step = tokio::task::spawn_blocking(move || {
            let step = scrubber.step(STEP_BYTES);
            (scrubber, step)
        });
        let Ok((back, step)) = step.await else { return };
        scrubber = back;
        let rest = match step {
            Ok(scrubbed) if scrubbed.ended => {
                hands.found.set(None);
                ROUND_REST
            }
            Ok(_) => STEP_REST,
            Err(error) => {
                hands.telemetry.observe(&HostFact::OutboxUnreadable);
                tracing::error!(%error, "an entry that waits in the outbox is damaged");
                hands.found.set(Some(error.to_string()));
                ROUND_REST
            }
        };
        if tokio::time::timeout(rest, stop.wait_for(|stop| *stop)).await.is_ok() {
            return;
        }
    }
}
