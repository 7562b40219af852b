//! The outbox, as a request uses it.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use outbox::{AppendError, Appender};
use relay::step::{AppendFailure, Entry, Happened};

use crate::stats::Stats;

/// Records are dropped while this many appends wait for the disk: what waits then is money.
const WAITING_RECORDS_MAX: usize = 4096;

/// The appending half of the outbox.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    appender: Appender,
    stats: Arc<Stats>,
}

impl Journal {
    pub(crate) const fn new(appender: Appender, stats: Arc<Stats>) -> Self {
        Self { appender, stats }
    }

    /// Makes an entry durable.
    pub(crate) async fn append(&self, entry: Entry) -> Happened {
        let outcome = self.appender.append(Bytes::from(entry.bytes)).await;
        self.stats.captured(outcome.is_ok());
        match outcome {
            Ok(_) => Happened::Appended,
            Err(error) => Happened::AppendFailed(failure(&error)),
        }
    }

    /// Hands an entry over without waiting. The first poll puts it into the committer's queue, and an append
    /// that nobody waits for is committed all the same, so no task is needed.
    pub(crate) fn record(&self, entry: Entry) {
        if self.appender.waiting() >= WAITING_RECORDS_MAX {
            return self.stats.recorded(false);
        }
        let append = pin!(self.appender.append(Bytes::from(entry.bytes)));
        let polled = append.poll(&mut Context::from_waker(Waker::noop()));
        self.stats.recorded(!matches!(polled, Poll::Ready(Err(_))));
    }

    pub(crate) fn status(&self) -> outbox::Status {
        self.appender.status()
    }
}

/// Whether it recovers by itself. What we do not know does not.
const fn failure(error: &AppendError) -> AppendFailure {
    match error {
        AppendError::Full { .. } | AppendError::Overloaded { .. } | AppendError::TooLarge { .. } => {
            AppendFailure::Full
        }
        _ => AppendFailure::Poisoned,
    }
}
