//! The one thread that writes: everybody else hands over and goes on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use units::Timestamp;

use crate::entry::Entry;
use crate::error::LogError;
use crate::place::Place;
use crate::retention;
use crate::settings::{BATCH_MAX, BATCH_WAIT, Settings, TENDED_EVERY, WAITING_MAX};
use crate::store::Store;

/// How the log stands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Status {
    /// Entries written since the start.
    pub written: u64,
    /// Entries dropped since the start: more came than could be written, or there was no room for them.
    pub dropped: u64,
    /// Bytes that the volumes take, when they were last looked at.
    pub bytes: u64,
    /// How many volumes there are, when they were last looked at.
    pub volumes: u64,
    /// Volumes taken away since the start.
    pub removed: u64,
    /// True while nothing is written, because the disk is nearly full or the log takes all the room that it was given.
    pub paused: bool,
    /// What went wrong last, until something goes well again.
    pub failing: Option<String>,
}

#[derive(Debug, Default)]
struct Counts {
    written: AtomicU64,
    dropped: AtomicU64,
    bytes: AtomicU64,
    volumes: AtomicU64,
    removed: AtomicU64,
    paused: AtomicBool,
    failing: Mutex<Option<String>>,
}

impl Counts {
    /// Keeps what went wrong. The first of a row of failures is written to the process's own log.
    fn went(&self, result: Result<(), LogError>) {
        if matches!(result, Err(LogError::Resting { .. })) {
            // What it rests from is known already.
            return;
        }
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        *failing = result.err().map(|error| {
            if failing.is_none() {
                tracing::warn!(error = &error as &dyn std::error::Error, "the request log fails");
            }
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            format!("{error}{}", cause.unwrap_or_default())
        });
    }
}

/// Takes entries. Clones share one thread, which ends when the last of them is closed.
#[derive(Clone, Debug)]
pub struct Log {
    line: SyncSender<Message>,
    counts: Arc<Counts>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

enum Message {
    Entry(Entry),
    Close,
}

impl Log {
    /// Opens the log of `place` for entries of `lane`, as the process or its outbox is called. `now` tells the time
    /// for retention.
    ///
    /// # Errors
    /// If the folder cannot be made, or the system gives no thread.
    pub fn open(
        place: &Place,
        lane: &str,
        settings: Settings,
        now: impl Fn() -> Timestamp + Send + 'static,
    ) -> Result<Self, LogError> {
        let store = Store::of(place, lane)?;
        let (line, entries) = sync_channel(WAITING_MAX);
        let counts = Arc::new(Counts::default());
        let mut keeper =
            Keeper { store, settings, full: false, counts: Arc::clone(&counts), now: Box::new(now) };
        let thread = thread::Builder::new().name("requestlog".to_owned()).spawn(move || keeper.run(&entries));
        let thread = Arc::new(Mutex::new(Some(thread.map_err(LogError::Thread)?)));
        Ok(Self { line, counts, thread })
    }

    /// Hands an entry over. It never waits: what there is no room for is counted and dropped.
    pub fn offer(&self, entry: Entry) {
        if self.line.try_send(Message::Entry(entry)).is_err() {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How the log stands.
    pub fn status(&self) -> Status {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counts = &self.counts;
        Status {
            written: count(&counts.written),
            dropped: count(&counts.dropped),
            bytes: count(&counts.bytes),
            volumes: count(&counts.volumes),
            removed: count(&counts.removed),
            paused: counts.paused.load(Ordering::Relaxed),
            failing: counts.failing.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Writes what was handed over before this, and ends the thread. What is offered afterwards is dropped.
    pub fn close(&self) {
        // A thread that is gone already has written what it could.
        drop(self.line.send(Message::Close));
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the request log's thread has panicked");
        }
    }
}

/// What the thread has.
struct Keeper {
    store: Store,
    settings: Settings,
    /// True if the volumes take more room than they were given, and none of them may go.
    full: bool,
    counts: Arc<Counts>,
    now: Box<dyn Fn() -> Timestamp + Send>,
}

impl Keeper {
    fn run(&mut self, entries: &Receiver<Message>) {
        self.tend();
        let mut tended = Instant::now();
        loop {
            let (batch, open) = gather(entries, TENDED_EVERY.saturating_sub(tended.elapsed()));
            if !batch.is_empty() {
                self.write(&batch);
            }
            if !open {
                return;
            }
            if tended.elapsed() >= TENDED_EVERY {
                self.tend();
                tended = Instant::now();
            }
        }
    }

    fn write(&mut self, batch: &[Entry]) {
        let free = self.store.free_bytes();
        let short = self.full || free.is_some_and(|free| free < self.settings.free_bytes_min);
        if self.counts.paused.swap(short, Ordering::Relaxed) != short {
            tracing::warn!(paused = short, "the request log writes only while it has room");
        }
        let written = if short {
            0
        } else {
            let (written, result) = self.store.write(batch);
            self.counts.went(result);
            written
        };
        self.counts.written.fetch_add(written as u64, Ordering::Relaxed);
        self.counts.dropped.fetch_add((batch.len() - written) as u64, Ordering::Relaxed);
    }

    /// Takes away what has had its time.
    fn tend(&mut self) {
        let mut held = match self.store.held() {
            Ok(held) => held,
            Err(error) => return self.counts.went(Err(error)),
        };
        for volume in retention::to_go(&held, &self.settings, (self.now)()) {
            match self.store.remove(volume) {
                Ok(()) => {
                    held.retain(|(other, _)| *other != volume);
                    self.counts.removed.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => self.counts.went(Err(error)),
            }
        }
        let bytes = held.iter().map(|(_, bytes)| bytes).sum();
        self.full = bytes > self.settings.bytes_max;
        self.counts.volumes.store(held.len() as u64, Ordering::Relaxed);
        self.counts.bytes.store(bytes, Ordering::Relaxed);
    }
}

/// Waits for an entry at most `idle`, then for company a little. False if no more will come.
fn gather(entries: &Receiver<Message>, idle: Duration) -> (Vec<Entry>, bool) {
    let mut batch = Vec::new();
    let mut wait = idle;
    let mut until = None;
    while batch.len() < BATCH_MAX {
        match entries.recv_timeout(wait) {
            Ok(Message::Entry(entry)) => batch.push(entry),
            Ok(Message::Close) | Err(RecvTimeoutError::Disconnected) => return (batch, false),
            Err(RecvTimeoutError::Timeout) => break,
        }
        let until = *until.get_or_insert_with(|| Instant::now() + BATCH_WAIT);
        wait = until.saturating_duration_since(Instant::now());
    }
    (batch, true)
}
