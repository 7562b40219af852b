//! The outbox, as a request uses it.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use outbox::{AppendError, Appender};
use relay::step::{AppendFailure, Entry, Happened};
use tokio::time::timeout;
use units::limits::APPEND_WITHIN;

use crate::copies::{Copier, Copy, Tally};
use crate::remembered::{self, Notes};
use crate::stats::Stats;

/// Records are dropped while this many appends wait for the disk: what waits then is money.
const WAITING_RECORDS_MAX: usize = 4096;

/// The appending half of the outbox.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    appender: Appender,
    copier: Option<Copier>,
    stats: Arc<Stats>,
    notes: Notes,
}

impl Journal {
    pub(crate) const fn new(
        appender: Appender,
        copier: Option<Copier>,
        stats: Arc<Stats>,
        notes: Notes,
    ) -> Self {
        Self { appender, copier, stats, notes }
    }

    /// Makes an entry durable, here and in its second copy where there is a keeper. Either is enough for a yes, and who
    /// has a copy waits for no disk of ours.
    pub(crate) async fn append(&self, entry: Entry) -> Happened {
        let entry = Bytes::from(entry.bytes);
        let own = self.own(entry.clone());
        let (own, copy) = match &self.copier {
            None => (Some(own.await), Copy::None),
            Some(copier) => own_and_copy(own, self.copied(copier, entry)).await,
        };
        self.stats.captured(copy == Copy::Kept || own == Some(Ok(())));
        match (own, copy) {
            (Some(Err(_)), Copy::Kept) => {
                self.copies().into_iter().for_each(|tally| Tally::count(&tally.saved));
                Happened::Appended
            }
            (Some(Err(_)), Copy::Unknown) => Happened::AppendFailed(AppendFailure::Unknown),
            (Some(Err(failure)), Copy::None) => Happened::AppendFailed(failure),
            (Some(Ok(())) | None, _) => Happened::Appended,
        }
    }

    /// Appends to the outbox of this edge, and waits for that no longer than [`APPEND_WITHIN`].
    async fn own(&self, entry: Bytes) -> Result<(), AppendFailure> {
        match timeout(APPEND_WITHIN, self.appender.append(entry)).await {
            Ok(appended) => appended.map(drop).map_err(|error| failure(&error)),
            // It stays in the committer's line, and is durable once the disk goes on.
            Err(_) => Err(AppendFailure::Unknown),
        }
    }

    async fn copied(&self, copier: &Copier, entry: Bytes) -> Copy {
        let copy = copier.copy(entry).await;
        Tally::count(if copy == Copy::Kept { &copier.tally.copied } else { &copier.tally.uncopied });
        copy
    }

    /// How copying goes; none where there is no keeper.
    pub(crate) fn copies(&self) -> Option<&Tally> {
        self.copier.as_ref().map(|copier| copier.tally.as_ref())
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

    /// Keeps an entry until the outbox or the processor holds it.
    pub(crate) fn remember(&self, entry: Entry) {
        self.notes.remember(entry);
    }

    /// How many entries are remembered.
    pub(crate) fn remembered(&self) -> &remembered::Tally {
        &self.notes.tally
    }

    pub(crate) fn status(&self) -> outbox::Status {
        self.appender.status()
    }
}

/// What became of an entry here and of its copy. Nothing here where the copy is kept and the disk has not answered yet.
async fn own_and_copy(
    own: impl Future<Output = Result<(), AppendFailure>>,
    copy: impl Future<Output = Copy>,
) -> (Option<Result<(), AppendFailure>>, Copy) {
    let (mut own, mut copy) = (pin!(own), pin!(copy));
    tokio::select! {
        // The first poll puts the entry into the committer's line, from which nothing is taken back.
        biased;
        own = &mut own => (Some(own), copy.await),
        copied = &mut copy => match copied {
            Copy::Kept => (None, Copy::Kept),
            copied => (Some(own.await), copied),
        },
    }
}

/// Whether it recovers by itself, and whether the entry is certainly not there.
const fn failure(error: &AppendError) -> AppendFailure {
    match error {
        AppendError::Poisoned { .. } | AppendError::Closed => AppendFailure::Poisoned,
        AppendError::Full { .. } | AppendError::Overloaded { .. } | AppendError::TooLarge { .. } => {
            AppendFailure::Full
        }
        // What we do not know may be there.
        _ => AppendFailure::Unknown,
    }
}
