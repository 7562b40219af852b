//! The outbox's one consumer: it hands batches to the processor, in order, and acknowledges what was taken.
//!
//! A batch is acknowledged after the processor has said that it holds it, and never before. Whatever else
//! happens (no answer, a refusal, a restart), the same entries are sent again: the processor takes each event
//! once, so handing over twice costs time and nothing else, while skipping would cost money.

use std::sync::Arc;
use std::time::Duration;

use outbox::Consumer;
use relay::envelope::Batch;
use resilience::Backoff;
use telemetry::HostFact;
use tokio::sync::watch;
use tracking::{Home, SendFailure};
use units::limits;
use upstream::{Call, Peer, Request};

use crate::clock::{self, Seeds};
use crate::drive::Hands;
use crate::settings::ProcessorSettings;
use crate::stats::Stats;
use crate::taken::{self, Taken};

/// Where batches are posted.
const PATH: &[u8] = b"/v1/batches";

/// Most bytes of entries in a batch; the framing around them must fit into the limit as well.
const ENTRIES_BYTES_MAX: usize = limits::BATCH_BYTES_MAX - limits::BATCH_ENTRIES_MAX * 8;

/// How long the consumer waits before it reads a damaged or failing disk again.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// What hands over.
#[derive(Debug)]
pub(crate) struct Handover {
    pub(crate) processor: Peer,
    pub(crate) settings: ProcessorSettings,
    pub(crate) hands: Arc<Hands>,
    pub(crate) seeds: Seeds,
    pub(crate) stats: Arc<Stats>,
    /// How long entries wait for company before they are handed over.
    pub(crate) linger: Duration,
    /// Whether what is handed over counts: copies are counted where they come from.
    pub(crate) counted: bool,
}

impl Handover {
    /// Hands over until `stop` changes; what is left then stays in the outbox.
    pub(crate) async fn run(self, mut consumer: Consumer, mut stop: watch::Receiver<bool>) {
        let mut full = false;
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                () = consumer.ready() => {}
            }
            // Behind a full batch there is a backlog, which waits for nobody.
            let lingers = !full && !self.linger.is_zero();
            if lingers && stops_within(&mut stop, self.linger).await {
                return;
            }
            match self.next(consumer, &mut stop).await {
                Some((back, was_full)) => (consumer, full) = (back, was_full),
                None => return,
            }
        }
    }

    /// Reads one batch, has it taken and acknowledges it; whether it was full. None if it was stopped on the way.
    async fn next(&self, consumer: Consumer, stop: &mut watch::Receiver<bool>) -> Option<(Consumer, bool)> {
        let read = |consumer: &mut Consumer| consumer.read(limits::BATCH_ENTRIES_MAX, ENTRIES_BYTES_MAX);
        let (consumer, read) = blocking(consumer, read).await?;
        let batch = match read {
            Ok(batch) => batch,
            Err(error) => {
                self.hands.telemetry.observe(&HostFact::OutboxUnreadable);
                tracing::error!(%error, "the outbox cannot be read; nothing behind it is delivered");
                return (!stops_within(stop, READ_AGAIN_AFTER).await).then_some((consumer, false));
            }
        };
        let Some(last) = batch.last() else { return Some((consumer, false)) };
        if !self.hand_over(&batch, stop).await {
            return None;
        }
        let (consumer, acknowledged) = blocking(consumer, move |consumer| consumer.acknowledge(last)).await?;
        if let Err(error) = acknowledged {
            tracing::warn!(%error, "an acknowledgement could not be kept; a restart hands over again");
        }
        Some((consumer, batch.entries.len() >= limits::BATCH_ENTRIES_MAX))
    }

    /// Tries until the processor has taken the batch; false if stopped before.
    async fn hand_over(&self, batch: &outbox::Batch, stop: &mut watch::Receiver<bool>) -> bool {
        let entries: Vec<Vec<u8>> = batch.entries.iter().map(|(_, bytes)| bytes.to_vec()).collect();
        let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        let body = Batch { lane: self.settings.lane.clone(), entries }.encode();
        let backoff = Backoff { first: self.settings.backoff_first, max: self.settings.backoff_max };
        let mut failures: u32 = 0;
        loop {
            let posted = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return false,
                posted = self.post(&body, batch.entries.len()) => posted,
            };
            match posted {
                Ok(taken) => {
                    self.stats.handed_over(count);
                    if self.counted {
                        self.hands.telemetry.observe(&HostFact::BatchTaken { entries: count });
                    }
                    self.learn(&taken);
                    return true;
                }
                Err(reason) => {
                    failures = failures.saturating_add(1);
                    self.hands.telemetry.observe(&HostFact::BatchNotTaken);
                    tracing::warn!(failures, %reason, "the processor did not take a batch; it will be sent again");
                    if stops_within(stop, backoff.wait(failures, self.seeds.draw())).await {
                        return false;
                    }
                }
            }
        }
    }

    async fn post(&self, body: &[u8], entries: usize) -> Result<Taken, String> {
        let signature = self.settings.keys.sign(body, clock::now());
        let signed = signature.headers().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        let mut headers = vec![("content-type".to_owned(), b"application/x-protobuf".to_vec())];
        headers.extend(signed);
        let host = self.settings.endpoint.address.as_str();
        let request = Request { method: "POST", host, target: PATH, headers: &headers, body };
        match self.processor.call(&request, Call::once(self.settings.within)).await {
            Ok(answer) => taken::yes(&answer, entries, host),
            Err(SendFailure::NothingSent(reason) | SendFailure::Ambiguous(reason)) => Err(reason),
        }
    }

    /// Takes over what the processor says about the platforms.
    fn learn(&self, taken: &Taken) {
        for home in Home::ALL {
            if let Some(state) = taken.breakers.get(home.name()) {
                let open = state == resilience::breaker::State::Open.name();
                self.hands.report(self.hands.platforms.told(home, open, clock::now()));
            }
        }
    }
}

/// Runs disk work away from the tasks that reply. None if the work panicked: then the lane is given up, and a
/// restart hands over again from the last acknowledgement.
async fn blocking<T, F>(mut consumer: Consumer, work: F) -> Option<(Consumer, T)>
where
    T: Send + 'static,
    F: FnOnce(&mut Consumer) -> T + Send + 'static,
{
    let work = tokio::task::spawn_blocking(move || {
        let outcome = work(&mut consumer);
        (consumer, outcome)
    });
    work.await.ok()
}

async fn stops_within(stop: &mut watch::Receiver<bool>, wait: Duration) -> bool {
    tokio::time::timeout(wait, stop.wait_for(|stop| *stop)).await.is_ok()
}
