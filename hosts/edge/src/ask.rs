//! Asking the processor while a client waits.

use std::time::Duration;

use relay::envelope::Batch;
use relay::signature::Keys;
use relay::step::{Entry, Happened, Served};
use serde::Deserialize;
use tracking::{Answer, SendFailure};
use upstream::{Call, Peer, Request};

use crate::clock;
use crate::settings::ProcessorSettings;
use crate::taken::{self, Taken};

/// Where calls are posted.
const PATH: &[u8] = b"/v1/calls";

/// Where batches are posted.
const HAND_OVER_PATH: &[u8] = b"/v1/batches";

/// What asks.
#[derive(Debug)]
pub(crate) struct Asker {
    processor: Peer,
    address: String,
    lane: String,
    keys: Keys,
}

/// What the processor answers: one of the two.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answered {
    reply: Option<Said>,
    forward: bool,
}

#[derive(Debug, Deserialize)]
struct Said {
    status: u16,
    content_type: String,
    body: String,
}

impl Asker {
    pub(crate) fn new(processor: Peer, settings: &ProcessorSettings) -> Self {
        Self {
            processor,
            address: settings.endpoint.address.clone(),
            lane: settings.lane.clone(),
            keys: settings.keys.clone(),
        }
    }

    /// Asks, once. What is no answer is logged with its reason, which may be an operator's to mend.
    pub(crate) async fn ask(&self, entry: Entry, within: Duration) -> Happened {
        match self.answered(entry, within).await {
            Ok(Answered { reply: Some(said), .. }) => Happened::Served(Served::Reply {
                status: said.status,
                content_type: said.content_type,
                body: said.body,
            }),
            Ok(Answered { forward: true, .. }) => Happened::Served(Served::Forward),
            Ok(_) => Happened::NotServed,
            Err(reason) => {
                tracing::warn!(%reason, "the processor did not answer a call; its client is told to call again");
                Happened::NotServed
            }
        }
    }

    /// Has the processor take an entry, as a batch of its own.
    ///
    /// # Errors
    /// Ambiguous unless it is certain that the processor has read nothing: it alone may say that it holds the entry.
    pub(crate) async fn hand_over(&self, entry: Entry, within: Duration) -> Result<(), SendFailure> {
        let answer = self.post(HAND_OVER_PATH, entry, within).await?;
        let taken = taken::yes::<Taken>(&answer, 1, &self.address);
        taken.map(drop).map_err(|reason| {
            tracing::warn!(%reason, "the processor did not take a conversion that the outbox cannot take");
            SendFailure::Ambiguous(reason)
        })
    }

    async fn answered(&self, entry: Entry, within: Duration) -> Result<Answered, String> {
        match self.post(PATH, entry, within).await {
            Ok(answer) if answer.status == 200 => {
                serde_json::from_slice(&answer.body).map_err(|error| error.to_string())
            }
            Ok(answer) => Err(format!("it answered {}", answer.status)),
            Err(SendFailure::NothingSent(reason) | SendFailure::Ambiguous(reason)) => Err(reason),
        }
    }

    async fn post(&self, path: &'static [u8], entry: Entry, within: Duration) -> Result<Answer, SendFailure> {
        let body = Batch { lane: self.lane.clone(), entries: vec![entry.bytes] }.encode();
        let signature = self.keys.sign(&body, clock::now());
        let signed = signature.headers().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        let mut headers = vec![("content-type".to_owned(), b"application/x-protobuf".to_vec())];
        headers.extend(signed);
        let request =
            Request { method: "POST", host: &self.address, target: path, headers: &headers, body: &body };
        self.processor.call(&request, Call::once(within)).await
    }
}
