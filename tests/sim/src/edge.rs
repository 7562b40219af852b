//! One edge: the real exchanges and the real outbox on a simulated disk, driven as a host drives them.

use std::collections::BTreeSet;
use std::path::Path;

use outbox::simulated::Loss;
use outbox::{AppendError, Log, OpenError, Position, Settings};
use relay::step::{AppendFailure, Entry};
use relay::{Envelope, Exchange};
use units::EventId;

use crate::clocks::Clock;
use crate::disk::Disk;
use crate::model::{Violation, violation};

/// Bytes at which the disk of an edge is full, when it is to be.
const FULL_BYTES: u64 = 6 << 10;

/// An exchange that waits for its entry's durability.
pub(crate) struct Waiting {
    pub(crate) exchange: Exchange,
    pub(crate) entry: Entry,
    /// The request's number.
    pub(crate) number: u64,
}

/// How a group of entries fared.
pub(crate) enum Committed {
    Durable,
    Failed(AppendFailure),
    /// The machine stopped in the middle: nobody is told anything.
    Stopped,
}

/// One edge.
pub(crate) struct Edge {
    pub(crate) disk: Disk,
    pub(crate) clock: Clock,
    log: Option<Log<Disk>>,
    pub(crate) waiting: Vec<Waiting>,
    records: Vec<Vec<u8>>,
    /// Kept until the outbox takes them.
    remembered: Vec<Vec<u8>>,
    /// The events in its outbox, as far as an observer can tell.
    pub(crate) holds: BTreeSet<EventId>,
}

/// Entries that were read and are not acknowledged.
pub(crate) struct Read {
    pub(crate) entries: Vec<Vec<u8>>,
    pub(crate) last: Position,
}

/// Segments of a few entries and a small backlog, so that every seed rotates, removes and overflows.
const fn settings() -> Settings {
    Settings {
        segment_bytes_max: 3 << 10,
        ahead_bytes: 1 << 10,
        backlog_bytes_max: 24 << 10,
        reserve_bytes: 2 << 10,
        waiting_max: 100,
        entry_bytes_max: 8 << 10,
    }
}

impl Edge {
    pub(crate) fn new(disk: Disk) -> Result<Self, Violation> {
        let (waiting, records, remembered) = (Vec::new(), Vec::new(), Vec::new());
        let mut edge = Self {
            disk,
            clock: Clock::default(),
            log: None,
            waiting,
            records,
            remembered,
            holds: BTreeSet::new(),
        };
        edge.open()?;
        Ok(edge)
    }

    /// An entry that nobody waits for.
    pub(crate) fn record(&mut self, entry: Entry) {
        self.records.push(entry.bytes);
    }

    /// An entry that is kept until the outbox takes it.
    pub(crate) fn remember(&mut self, entry: Entry) {
        self.remembered.push(entry.bytes);
    }

    /// Makes everything durable that waits for it, with one append; gives back who waited.
    pub(crate) fn commit(&mut self) -> (Committed, Vec<Waiting>) {
        let waiting = std::mem::take(&mut self.waiting);
        let records = std::mem::take(&mut self.records);
        let Some(log) = &mut self.log else { return (Committed::Stopped, waiting) };
        let own = waiting.iter().map(|each| each.entry.bytes.as_slice());
        let further = self.remembered.iter().chain(&records).map(Vec::as_slice);
        let batch: Vec<&[u8]> = own.chain(further).collect();
        let committed = match log.append_batch(&batch) {
            Ok(_) => Committed::Durable,
            Err(_) if self.disk.inner.is_down() => Committed::Stopped,
            Err(AppendError::Unknown { .. }) => Committed::Failed(AppendFailure::Unknown),
            Err(AppendError::Poisoned { .. }) => Committed::Failed(AppendFailure::Poisoned),
            Err(_) => Committed::Failed(AppendFailure::Full),
        };
        if matches!(committed, Committed::Durable) {
            self.remembered.clear();
            self.holds.extend(waiting.iter().map(|each| each.entry.event_id));
        }
        (committed, waiting)
    }

    /// The next entries for the processor; none if there are none or the disk does not give them.
    pub(crate) fn read(&mut self, entries_max: usize) -> Option<Read> {
        let log = self.log.as_mut()?;
        log.rewind();
        let batch = log.read(entries_max, 1 << 20).ok()?;
        let last = batch.last()?;
        let entries = batch.entries.into_iter().map(|(_, entry)| entry.to_vec()).collect();
        Some(Read { entries, last })
    }

    /// Gives up what the processor holds. A failure only means to hand over again.
    pub(crate) fn acknowledge(&mut self, read: &Read) {
        let Some(log) = &mut self.log else { return };
        if log.acknowledge(read.last).is_ok() {
            for entry in read.entries.iter().filter_map(|entry| Envelope::decode(entry).ok()) {
                self.holds.remove(&entry.event_id);
            }
        }
    }

    /// True if it cannot go on without a restart.
    pub(crate) fn must_restart(&self) -> bool {
        self.disk.inner.is_down() || self.log.as_ref().is_none_or(|log| log.status().poisoned.is_some())
    }

    /// True if nothing waits in it for the processor.
    pub(crate) fn is_drained(&self) -> bool {
        let status = self.log.as_ref().map(Log::status);
        status.is_some_and(|status| status.backlog_entries == 0) && self.waiting.is_empty()
    }

    /// Limits the disk, or lifts the limit.
    pub(crate) fn fill(&self, full: bool) {
        self.disk.inner.limit(full.then_some(FULL_BYTES));
    }

    /// Looks whether there is room again, as the host does once a second.
    pub(crate) fn regain(&mut self) {
        // Still full is an answer, not a failure.
        drop(self.log.as_mut().map(Log::regain));
    }

    /// The process or the machine ends and comes back. Who waited gets no reply.
    pub(crate) fn restart(&mut self, loss: Loss) -> Result<(), Violation> {
        self.waiting.clear();
        self.records.clear();
        self.remembered.clear();
        self.log = None;
        self.disk.inner.restart(loss);
        self.open()
    }

    fn open(&mut self) -> Result<(), Violation> {
        loop {
            match Log::open(&self.disk, Path::new("/lane"), settings()) {
                Ok((log, _)) => {
                    self.log = Some(log);
                    break;
                }
                // A planned fault hit the recovery itself.
                Err(OpenError::Io { .. }) => self.disk.inner.restart(Loss::Unsynced),
                Err(error) => {
                    let files = self.disk.inner.paths();
                    return violation("I1", format!("the outbox does not open again: {error}; {files:?}"));
                }
            }
        }
        self.look()
    }

    /// What a reader finds in the outbox.
    fn look(&mut self) -> Result<(), Violation> {
        let Some(log) = &mut self.log else { return Ok(()) };
        log.rewind();
        self.holds.clear();
        loop {
            let batch = log.read(100, 1 << 20);
            let batch =
                batch.or_else(|error| violation("I1", format!("the outbox cannot be read: {error}")))?;
            if batch.is_empty() {
                log.rewind();
                return Ok(());
            }
            for (_, entry) in &batch.entries {
                let envelope = Envelope::decode(entry);
                let envelope =
                    envelope.or_else(|error| violation("I1", format!("a broken entry: {error}")))?;
                self.holds.insert(envelope.event_id);
            }
        }
    }
}
