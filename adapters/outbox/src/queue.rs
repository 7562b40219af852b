//! Where appends wait for the committer.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::error::{AppendError, Shortage};
use crate::format::RECORD_HEADER_BYTES;
use crate::position::Position;
use crate::settings::{BATCH_BYTES_MAX, WAITING_BYTES_MAX};
use crate::shared::Gauges;

/// How often an idle committer looks whether a full disk has room again.
///
/// A host that stops appending while the lane says full would otherwise never see it recover.
const REGAIN_INTERVAL: Duration = Duration::from_secs(1);

/// An entry, and who wants to know its fate. That somebody may be gone; the entry is written all the same.
pub(crate) struct Waiting {
    pub(crate) entry: Bytes,
    pub(crate) reply: oneshot::Sender<Result<Position, AppendError>>,
}

impl AsRef<[u8]> for Waiting {
    fn as_ref(&self) -> &[u8] {
        &self.entry
    }
}

/// What the committer finds when it asks.
pub(crate) enum Work {
    Batch(Vec<Waiting>),
    /// Nothing for a while, and the disk was full.
    Regain,
    Closed,
}

pub(crate) struct Queue {
    gauges: Arc<Gauges>,
    line: Mutex<Line>,
    filled: Condvar,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// Bytes taken by the committer that may not be in the backlog yet.
    committing_bytes: usize,
    closed: bool,
}

impl Queue {
    pub(crate) fn new(gauges: Arc<Gauges>) -> Self {
        Self { gauges, line: Mutex::default(), filled: Condvar::new() }
    }

    pub(crate) fn gauges(&self) -> &Gauges {
        &self.gauges
    }

    pub(crate) fn waiting(&self) -> usize {
        self.line().waiting.len()
    }

    /// Joins the line, or says why not.
    pub(crate) fn push(&self, waiting: Waiting) -> Result<(), AppendError> {
        let bytes = waiting.entry.len() + RECORD_HEADER_BYTES;
        let mut line = self.line();
        self.admit(&line, waiting.entry.len())?;
        line.bytes += bytes;
        line.waiting.push_back(waiting);
        // The committer waits for the first only; waking it is a system call, which the others spare themselves.
        let first = line.waiting.len() == 1;
        drop(line);
        if first {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Waits for something to do; takes everything that waits, up to one write's worth.
    pub(crate) fn take(&self) -> Work {
        let mut line = self.line();
        while line.waiting.is_empty() {
            if line.closed {
                return Work::Closed;
            }
            if self.gauges.disk_full.load(Ordering::Relaxed) {
                let waited = self.filled.wait_timeout(line, REGAIN_INTERVAL);
                let (guard, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
                line = guard;
                if timeout.timed_out() {
                    return Work::Regain;
                }
            } else {
                line = self.filled.wait(line).unwrap_or_else(PoisonError::into_inner);
            }
        }
        Work::Batch(line.take())
    }

    /// What was taken is in the backlog now, or nowhere.
    pub(crate) fn committed(&self) {
        self.line().committing_bytes = 0;
    }

    /// Lets nobody else join; who waits is still served.
    pub(crate) fn close(&self) {
        self.line().closed = true;
        self.gauges.closed.store(true, Ordering::Relaxed);
        self.filled.notify_all();
    }

    /// Sends everybody away, when the committer ends without having been asked to.
    pub(crate) fn abandon(&self) {
        self.gauges.poison.get_or_init(|| "the committer stopped".into());
        self.close();
        self.line().waiting.clear();
    }

    fn admit(&self, line: &Line, entry_bytes: usize) -> Result<(), AppendError> {
        let settings = &self.gauges.settings;
        if let Some(cause) = self.gauges.poison.get() {
            return Err(AppendError::Poisoned { cause: Arc::clone(cause) });
        }
        if line.closed {
            return Err(AppendError::Closed);
        }
        if entry_bytes > settings.entry_bytes_max {
            return Err(AppendError::TooLarge { bytes: entry_bytes, bytes_max: settings.entry_bytes_max });
        }
        let waiting_bytes = line.bytes + entry_bytes + RECORD_HEADER_BYTES;
        if line.waiting.len() >= settings.waiting_max || waiting_bytes > WAITING_BYTES_MAX {
            let (waiting, waiting_max) = (line.waiting.len(), settings.waiting_max);
            return Err(AppendError::Overloaded { waiting, waiting_max, bytes_max: WAITING_BYTES_MAX });
        }
        // Counting who waits and who is being written keeps one late comer from overfilling the batch of the others.
        let (bytes, bytes_max) =
            (self.gauges.backlog_bytes.load(Ordering::Acquire), settings.backlog_bytes_max);
        if bytes + (line.committing_bytes + waiting_bytes) as u64 > bytes_max {
            return Err(AppendError::Full { shortage: Shortage::Backlog { bytes, bytes_max } });
        }
        Ok(())
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        // Nothing under this lock can panic half-way, so a panic elsewhere leaves the line whole.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn take(&mut self) -> Vec<Waiting> {
        let mut bytes = 0;
        let mut fits = |waiting: &Waiting| {
            bytes += waiting.entry.len() + RECORD_HEADER_BYTES;
            bytes <= BATCH_BYTES_MAX
        };
        let count = self.waiting.iter().take_while(|waiting| fits(waiting)).count();
        let batch: Vec<_> = self.waiting.drain(..count).collect();
        self.committing_bytes = batch.iter().map(|waiting| waiting.entry.len() + RECORD_HEADER_BYTES).sum();
        self.bytes -= self.committing_bytes;
        batch
    }
}
