//! A second copy of each conversion, on another machine, before the reply.
//!
//! One disk is one loss domain. An edge may have a *keeper*: another edge that makes each entry durable in an outbox of
//! its own, and hands it over to the processor a little later, whether or not the first edge still exists. The
//! processor takes each event once, so the second hand-over changes nothing, unless the first one never came.
//! Nobody has to notice that a disk was lost, and nothing has to be released.
//!
//! The copy is written beside the entry itself and waited for, but not for long: a keeper that is away must not keep
//! shoppers waiting. A reply that went out with one copy only is counted ([`Tally`]), because until the
//! processor has the entry the promise stands on one disk. An entry that only the keeper has is durable all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use outbox::{AppendError, Appender};
use relay::Reply;
use relay::envelope::Batch;
use relay::reply::Mode;
use relay::signature::{KEY_HEADER, Keys, SIGNATURE_HEADER, Signature, TIME_HEADER};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tracking::{Inbound, Method, SendFailure};
use units::limits::{BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, COPIES_WAITING_MAX};
use upstream::{Call, Peer, Request};

use crate::clock;
use crate::http::{self, Service};
use crate::settings::KeeperSettings;
use crate::taken::{self, Kept};

/// Where copies are posted.
const PATH: &str = "/v1/copies";

/// How long a keeper that failed is left alone, so that a dead one costs one shopper in a second a wait.
const REST: Duration = Duration::from_secs(1);

/// Most bytes of entries in one request; the framing around them must fit into the limit as well.
const ENTRIES_BYTES_MAX: usize = BATCH_BYTES_MAX - BATCH_ENTRIES_MAX * 8;

/// How copying went since the start.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Entries that the keeper has made durable.
    pub(crate) copied: AtomicU64,
    /// Entries of which no copy was confirmed in time.
    pub(crate) uncopied: AtomicU64,
    /// Entries that only the keeper could make durable.
    pub(crate) saved: AtomicU64,
}

impl Tally {
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// What became of a copy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Copy {
    /// The keeper has made it durable.
    Kept,
    /// There certainly is none.
    None,
    /// Nobody can tell: there may be one, which the keeper will hand over.
    Unknown,
}

struct Wanted {
    entry: Bytes,
    reply: oneshot::Sender<Copy>,
}

/// Sends copies. Clones share one line.
#[derive(Clone, Debug)]
pub(crate) struct Copier {
    line: mpsc::Sender<Wanted>,
    within: Duration,
    pub(crate) tally: Arc<Tally>,
}

impl Copier {
    /// Starts what sends. It ends with the last clone.
    pub(crate) fn start(keeper: Peer, settings: KeeperSettings) -> Self {
        let (line, wanted) = mpsc::channel(COPIES_WAITING_MAX);
        let within = settings.within;
        tokio::spawn(Sender { keeper, settings, rests_until: None }.run(wanted));
        Self { line, within, tally: Arc::default() }
    }

    /// Waits until the keeper has said what became of the copy, but not for long.
    pub(crate) async fn copy(&self, entry: Bytes) -> Copy {
        let (reply, answer) = oneshot::channel();
        if self.line.try_send(Wanted { entry, reply }).is_err() {
            return Copy::None;
        }
        match tokio::time::timeout(self.within, answer).await {
            Ok(Ok(copy)) => copy,
            // It is still in the line or on its way.
            Ok(Err(_)) | Err(_) => Copy::Unknown,
        }
    }
}

/// The one that sends: whoever waits goes together, in one request and one sync of the keeper's.
struct Sender {
    keeper: Peer,
    settings: KeeperSettings,
    rests_until: Option<Instant>,
}

impl Sender {
    async fn run(mut self, mut wanted: mpsc::Receiver<Wanted>) {
        let mut next = None;
        loop {
            let first = match next.take() {
                Some(first) => first,
                None => match wanted.recv().await {
                    Some(first) => first,
                    None => return,
                },
            };
            let (group, left) = gather(first, &mut wanted);
            next = left;
            let copy = self.send(&group).await;
            // Who has stopped waiting has replied already, and its copy does no harm.
            for one in group {
                let _gone = one.reply.send(copy);
            }
        }
    }

    async fn send(&mut self, group: &[Wanted]) -> Copy {
        if self.rests_until.is_some_and(|until| Instant::now() < until) {
            return Copy::None;
        }
        let (copy, reason) = match self.post(group).await {
            Ok(()) => {
                if self.rests_until.take().is_some() {
                    tracing::info!("the keeper of copies is back");
                }
                return Copy::Kept;
            }
            Err(SendFailure::NothingSent(reason)) => (Copy::None, reason),
            Err(SendFailure::Ambiguous(reason)) => (Copy::Unknown, reason),
        };
        if self.rests_until.is_none() {
            tracing::warn!(%reason, "the keeper of copies does not take them; replies go out without");
        }
        self.rests_until = Some(Instant::now() + REST);
        copy
    }

    /// Has the keeper take copies. Ambiguous unless it is certain that it holds none of them.
    async fn post(&self, group: &[Wanted]) -> Result<(), SendFailure> {
        let entries = group.iter().map(|one| one.entry.to_vec()).collect();
        let body = Batch { lane: self.settings.lane.clone(), entries }.encode();
        let signature = self.settings.keys.sign(&body, clock::now());
        let signed = signature.headers().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        let host = self.settings.endpoint.address.as_str();
        let request =
            Request { method: "POST", host, target: PATH.as_bytes(), headers: &signed, body: &body };
        let answer = self.keeper.call(&request, Call::once(self.settings.within)).await?;
        taken::yes::<Kept>(&answer, group.len(), host).map(drop).map_err(|reason| match answer.status {
            // Refused at its door, before anything was kept.
            400..=499 => SendFailure::NothingSent(reason),
            503 if Kept::none(&answer) => SendFailure::NothingSent(reason),
            _ => SendFailure::Ambiguous(reason),
        })
    }
}

/// Everybody who waits, as far as one request takes them; and the first one whom it does not.
fn gather(first: Wanted, wanted: &mut mpsc::Receiver<Wanted>) -> (Vec<Wanted>, Option<Wanted>) {
    let mut bytes = first.entry.len();
    let mut group = vec![first];
    while group.len() < BATCH_ENTRIES_MAX {
        let Ok(one) = wanted.try_recv() else { break };
        bytes = bytes.saturating_add(one.entry.len());
        if bytes > ENTRIES_BYTES_MAX {
            return (group, Some(one));
        }
        group.push(one);
    }
    (group, None)
}

/// Keeps the copies of other edges.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) appender: Appender,
    pub(crate) keys: Keys,
}

impl Service for Keeper {
    async fn reply(&self, inbound: Inbound) -> Reply {
        if inbound.method != Method::Post || inbound.path() != PATH.as_bytes() {
            return http::text(404, "copies are posted to /v1/copies, and nothing else is here");
        }
        match self.verified(&inbound) {
            Ok(batch) => self.keep(batch).await,
            Err(message) => http::text(401, &message),
        }
    }

    fn refused(&self, _refusal: admission::Refusal) {}

    fn replied(&self, _took: Duration) {}
}

impl Keeper {
    /// What another edge has signed.
    fn verified(&self, inbound: &Inbound) -> Result<Batch, String> {
        let header = |name: &str| {
            let value = inbound.header(name).map(str::to_owned);
            value.ok_or_else(|| format!("a batch is signed, and header `{name}` is missing"))
        };
        let signature = Signature {
            key: header(KEY_HEADER)?,
            time: header(TIME_HEADER)?,
            signature: header(SIGNATURE_HEADER)?,
        };
        let verified = self.keys.verify(&signature, &inbound.body, clock::now());
        verified.map_err(|error| error.to_string())?;
        Batch::decode(&inbound.body).map_err(|error| error.to_string())
    }

    /// Makes every entry durable, and says how many it keeps if that is all of them or none.
    async fn keep(&self, batch: Batch) -> Reply {
        let entries = batch.entries.len();
        let mut appends = tokio::task::JoinSet::new();
        for entry in batch.entries {
            let appender = self.appender.clone();
            appends.spawn(async move { appender.append(entry.into()).await });
        }
        let (mut kept, mut refused, mut why) = (0_usize, 0_usize, String::new());
        while let Some(appended) = appends.join_next().await {
            match appended {
                Ok(Ok(_)) => kept = kept.saturating_add(1),
                Ok(Err(error)) => {
                    refused =
                        refused.saturating_add(usize::from(!matches!(error, AppendError::Unknown { .. })));
                    why = error.to_string();
                }
                Err(error) => why = error.to_string(),
            }
        }
        let (status, body) = match entries {
            all if all == kept => (200, Kept::told(kept)),
            all if all == refused => (503, Kept::told(0)),
            _ => (500, why.clone()),
        };
        if status != 200 {
            tracing::warn!(entries, kept, %why, "copies of another edge cannot be kept");
        }
        Reply { mode: Mode::Local, status, headers: Vec::new(), body: body.into_bytes() }
    }
}

#[cfg(test)]
mod tests {
    use relay::signature::SigningKey;

    use super::*;

    #[tokio::test]
    async fn a_keeper_says_what_it_keeps_of_all_of_none_and_not_of_some() {
        let folder = tempfile::tempdir().unwrap();
        let limits = outbox::Settings { entry_bytes_max: 8, reserve_bytes: 0, ..Default::default() };
        let (appender, _consumer, _) = outbox::open(folder.path(), limits).unwrap();
        let keys = Keys::new(SigningKey { name: "edge".to_owned(), secret: vec![9; 32] }, Vec::new());
        let keeper = Keeper { appender, keys };
        let (small, large) = (vec![1; 8], vec![1; 9]);
        for (entries, status, said) in [
            (vec![small.clone(), small.clone()], 200, r#"{"kept":2}"#),
            (vec![large.clone(), large.clone()], 503, r#"{"kept":0}"#),
            (vec![large, small], 500, "an entry of 9 bytes is over the limit of 8 (entry_bytes_max)"),
        ] {
            let reply = keeper.keep(Batch { lane: String::new(), entries }).await;
            assert_eq!((reply.status, String::from_utf8(reply.body).unwrap().as_str()), (status, said));
        }
    }
}
