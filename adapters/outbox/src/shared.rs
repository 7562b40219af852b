//! What the writing half, the reading half and the onlookers share.
//!
//! The halves never share a file handle or a buffer. The writer publishes how far each segment is durable; the reader
//! goes no further. [`Gauges`] know nothing of the file system, so that an [`crate::Appender`] needs no type parameter.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::watch;

use crate::format::{Cursor, HEADER_BYTES};
use crate::io::Filesystem;
use crate::position::Position;
use crate::progress::Progress;
use crate::settings::Settings;

/// What an operator sees of a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// Entries appended since the lane was opened.
    pub appended: u64,
    /// The last durable entry.
    pub durable: Position,
    /// The last acknowledged entry.
    pub acknowledged: Position,
    /// Durable entries that are not acknowledged.
    pub backlog_entries: u64,
    /// Their bytes on disk, record headers included.
    pub backlog_bytes: u64,
    /// Appends that wait for the committer.
    pub waiting: usize,
    /// Syncs of entries since the lane was opened; appends divided by syncs is the size of a group.
    pub syncs: u64,
    /// How long the last sync took.
    pub sync_micros_last: u64,
    /// The longest sync since the lane was opened.
    pub sync_micros_max: u64,
    /// True while appends are refused for want of room.
    pub full: bool,
    /// What failed, once appends are refused until the lane is opened again.
    pub poisoned: Option<Arc<str>>,
    /// True once the appender has been closed.
    pub closed: bool,
}

/// The numbers, each written by one half only, except the backlog.
#[derive(Debug)]
pub(crate) struct Gauges {
    pub(crate) settings: Settings,
    pub(crate) appended: AtomicU64,
    pub(crate) acknowledged: AtomicU64,
    pub(crate) backlog_bytes: AtomicU64,
    pub(crate) syncs: AtomicU64,
    pub(crate) sync_micros_last: AtomicU64,
    pub(crate) sync_micros_max: AtomicU64,
    /// The disk has refused a write and the reserve is not whole again.
    pub(crate) disk_full: AtomicBool,
    pub(crate) closed: AtomicBool,
    pub(crate) poison: OnceLock<Arc<str>>,
    pub(crate) durable: watch::Sender<u64>,
}

impl Gauges {
    pub(crate) fn new(settings: Settings, durable: u64, acknowledged: u64, backlog_bytes: u64) -> Self {
        Self {
            settings,
            appended: AtomicU64::new(0),
            acknowledged: AtomicU64::new(acknowledged),
            backlog_bytes: AtomicU64::new(backlog_bytes),
            syncs: AtomicU64::new(0),
            sync_micros_last: AtomicU64::new(0),
            sync_micros_max: AtomicU64::new(0),
            disk_full: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            poison: OnceLock::new(),
            durable: watch::Sender::new(durable),
        }
    }

    pub(crate) fn durable(&self) -> u64 {
        *self.durable.borrow()
    }

    pub(crate) fn status(&self, waiting: usize) -> Status {
        // Acknowledged first: it only grows towards durable, so the difference cannot become negative.
        let acknowledged = self.acknowledged.load(Ordering::Acquire);
        let durable = self.durable();
        let backlog_bytes = self.backlog_bytes.load(Ordering::Acquire);
        Status {
            appended: self.appended.load(Ordering::Relaxed),
            durable: Position::new(durable),
            acknowledged: Position::new(acknowledged),
            backlog_entries: durable.saturating_sub(acknowledged),
            backlog_bytes,
            waiting,
            syncs: self.syncs.load(Ordering::Relaxed),
            sync_micros_last: self.sync_micros_last.load(Ordering::Relaxed),
            sync_micros_max: self.sync_micros_max.load(Ordering::Relaxed),
            full: self.disk_full.load(Ordering::Relaxed) || backlog_bytes >= self.settings.backlog_bytes_max,
            poisoned: self.poison.get().cloned(),
            closed: self.closed.load(Ordering::Relaxed),
        }
    }
}

/// A segment and how much of it is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first: u64,
    pub(crate) bytes: u64,
}

/// The lane, as both halves see it. The lock ends with the last of them.
pub(crate) struct Shared<F: Filesystem> {
    pub(crate) filesystem: F,
    pub(crate) directory: PathBuf,
    pub(crate) lane: u64,
    pub(crate) gauges: Arc<Gauges>,
    spans: Mutex<Vec<Span>>,
    progress: Mutex<Progress<F>>,
    _lock: F::Lock,
}

impl<F: Filesystem> Shared<F> {
    pub(crate) fn new(ground: Ground<F>, gauges: Gauges, spans: Vec<Span>) -> Self {
        let Ground { filesystem, directory, lane, progress, lock } = ground;
        let (spans, progress) = (Mutex::new(spans), Mutex::new(progress));
        Self { filesystem, directory, lane, gauges: Arc::new(gauges), spans, progress, _lock: lock }
    }

    /// The segments, oldest first. Held only to look or to note, never across I/O.
    pub(crate) fn spans(&self) -> MutexGuard<'_, Vec<Span>> {
        // Every change to it is a single push, drain or store, so a panic elsewhere leaves it whole.
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn progress(&self) -> MutexGuard<'_, Progress<F>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a lane stands on before its segments are known.
pub(crate) struct Ground<F: Filesystem> {
    pub(crate) filesystem: F,
    pub(crate) directory: PathBuf,
    pub(crate) lane: u64,
    pub(crate) progress: Progress<F>,
    pub(crate) lock: F::Lock,
}

/// Bytes of records between two cursors, headers of segments not counted.
pub(crate) fn bytes_between(spans: &[Span], from: &Cursor, to: &Cursor) -> u64 {
    let between = spans.iter().filter(|span| span.first >= from.segment && span.first < to.segment);
    let whole: u64 = between.map(|span| span.bytes - HEADER_BYTES).sum();
    (whole + to.offset.max(HEADER_BYTES)).saturating_sub(from.offset.max(HEADER_BYTES))
}
