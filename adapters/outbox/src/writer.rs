//! The writing half: one batch, one write, one sync.
//!
//! A batch ends in one of three ways. *Durable*: written and synced. *Refused*: no room; what had been written of it is
//! cut off again, so the next batch continues from a whole record. *Unknown*: a sync failed, or cutting off did. After
//! a failed sync the kernel calls the lost pages clean, so asking again would get a yes that means nothing: the log is
//! poisoned, and only opening it anew, which reads back what the disk holds, can tell.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::error::{AppendError, Shortage};
use crate::format::{self, Cursor, HEADER_BYTES, Header, Previous, RECORD_HEADER_BYTES};
use crate::io::{Filesystem, Handle};
use crate::position::Position;
use crate::reserve::Reserve;
use crate::settings::{BATCH_BYTES_MAX, Settings};
use crate::shared::{Shared, Span};

/// Where recovery left off.
pub(crate) struct Tail<H> {
    /// Behind the last record; its segment is 0 when there is none yet.
    pub(crate) cursor: Cursor,
    /// The newest segment, when it holds no record yet and can be continued.
    pub(crate) active: Option<H>,
    /// For the next segment's header.
    pub(crate) epoch: u64,
}

pub(crate) struct Writer<F: Filesystem> {
    shared: Arc<Shared<F>>,
    tail: Tail<F::Handle>,
    reserve: Reserve,
    buffer: Vec<u8>,
    /// How far the present segment is laid out: a write that ends before it changes no length and claims no block.
    laid: u64,
}

/// Why a write did not happen.
enum Failure {
    /// Nothing is changed; it may work later.
    Shortage(io::Error),
    /// Nobody knows what is on the disk.
    Unknown(&'static str, io::Error),
}

impl<F: Filesystem> Writer<F> {
    pub(crate) fn new(shared: Arc<Shared<F>>, tail: Tail<F::Handle>) -> Self {
        let reserve = Reserve::new(&shared.directory, shared.gauges.settings.reserve_bytes);
        reserve.clear(&shared.filesystem);
        let mut writer = Self { shared, tail, reserve, buffer: Vec::new(), laid: 0 };
        // A lane on a full disk must still open, so that its backlog can be drained.
        drop(writer.regain());
        writer
    }

    pub(crate) fn shared(&self) -> &Arc<Shared<F>> {
        &self.shared
    }

    /// Makes the entries durable, all or none; returns the position of the last one.
    pub(crate) fn append<B: AsRef<[u8]>>(&mut self, entries: &[B]) -> Result<Position, AppendError> {
        let bytes = self.admit(entries)?;
        if entries.is_empty() {
            return Ok(Position::new(self.tail.cursor.next - 1));
        }
        self.regain()?;
        let mut end = self.encode(entries);
        let buffer = std::mem::take(&mut self.buffer);
        let outcome = self.write_with_reserve(&buffer, &mut end);
        self.buffer = buffer;
        self.buffer.shrink_to(BATCH_BYTES_MAX);
        outcome?;
        self.publish(end, entries.len() as u64, bytes);
        Ok(Position::new(end.next - 1))
    }

    /// After a full disk, tries to claim the reserve again and accepts once more when that works.
    pub(crate) fn regain(&mut self) -> Result<(), AppendError> {
        let regained = self.reserve.hold(&self.shared.filesystem);
        self.shared.gauges.disk_full.store(regained.is_err(), Ordering::Relaxed);
        regained.map_err(|error| disk_full(&error))
    }

    /// Notes at a clean end how far the log goes, so that a later loss of its tail cannot pass for a torn write.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        if self.shared.gauges.poison.get().is_none() {
            self.give_back();
        }
        let gauges = &self.shared.gauges;
        let mut progress = self.shared.progress();
        let acknowledged = gauges.acknowledged.load(Ordering::Acquire);
        progress.write(&self.shared.filesystem, self.shared.lane, acknowledged, gauges.durable())?;
        progress.sync(&self.shared.filesystem)
    }

    /// Checks the limits; returns the bytes that the entries take up on disk.
    fn admit<B: AsRef<[u8]>>(&self, entries: &[B]) -> Result<u64, AppendError> {
        let gauges = &self.shared.gauges;
        if let Some(cause) = gauges.poison.get() {
            return Err(AppendError::Poisoned { cause: Arc::clone(cause) });
        }
        let bytes_max = gauges.settings.entry_bytes_max;
        let lengths = entries.iter().map(|entry| entry.as_ref().len());
        if let Some(bytes) = lengths.clone().find(|bytes| *bytes > bytes_max) {
            return Err(AppendError::TooLarge { bytes, bytes_max });
        }
        let bytes: u64 = lengths.map(|bytes| (bytes + RECORD_HEADER_BYTES) as u64).sum();
        let backlog = gauges.backlog_bytes.load(Ordering::Acquire);
        let bytes_max = gauges.settings.backlog_bytes_max;
        if backlog + bytes > bytes_max {
            return Err(AppendError::Full { shortage: Shortage::Backlog { bytes: backlog, bytes_max } });
        }
        Ok(bytes)
    }

    /// Fills the buffer; returns the cursor behind the batch, as if it went into the present segment.
    fn encode<B: AsRef<[u8]>>(&mut self, entries: &[B]) -> Cursor {
        let mut end = self.tail.cursor;
        self.buffer.clear();
        for (behind, entry) in entries.iter().enumerate() {
            format::encode(&mut self.buffer, &mut end, behind, entry.as_ref());
        }
        end
    }

    fn write_with_reserve(&mut self, buffer: &[u8], end: &mut Cursor) -> Result<(), AppendError> {
        let mut outcome = self.write(buffer, end);
        if matches!(outcome, Err(Failure::Shortage(_))) {
            self.shared.gauges.disk_full.store(true, Ordering::Relaxed);
            if self.reserve.release(&self.shared.filesystem) {
                outcome = self.write(buffer, end);
            }
        }
        outcome.map_err(|failure| match failure {
            Failure::Shortage(error) => disk_full(&error),
            Failure::Unknown(action, error) => self.poison(action, &error),
        })
    }

    fn write(&mut self, buffer: &[u8], end: &mut Cursor) -> Result<(), Failure> {
        self.rotate_for(buffer.len() as u64)?;
        let Tail { cursor, active: Some(file), .. } = &self.tail else {
            return Err(Failure::Unknown("find the segment", io::ErrorKind::NotFound.into()));
        };
        (end.segment, end.offset) = (cursor.segment, cursor.offset + buffer.len() as u64);
        if let Err(error) = file.write_at(buffer, cursor.offset) {
            self.laid = cursor.offset;
            // The half batch must go, durably: its records would stand where the next batch's belong, and a power
            // loss must not bring back what has been refused.
            let cut = file.truncate(cursor.offset).and_then(|()| file.sync());
            cut.map_err(|error| Failure::Unknown("cut back the segment", error))?;
            return Err(shortage_or("write the segment", error));
        }
        if end.offset > self.laid {
            self.laid = lay_out(file, end.offset, &self.shared.gauges.settings);
        }
        let begun = Instant::now();
        file.sync().map_err(|error| Failure::Unknown("sync the segment", error))?;
        self.note_sync(begun);
        Ok(())
    }

    /// Cuts off what is laid out behind the last record. Nobody depends on it: readers know where the records end.
    fn give_back(&mut self) {
        if let Some(file) = self.tail.active.as_ref().filter(|_| self.laid > self.tail.cursor.offset) {
            drop(file.truncate(self.tail.cursor.offset));
        }
        self.laid = 0;
    }

    /// Begins a new segment where there is none, or where the batch would make the present one too long.
    fn rotate_for(&mut self, bytes: u64) -> Result<(), Failure> {
        let cursor = &self.tail.cursor;
        let roomy = cursor.offset + bytes <= self.shared.gauges.settings.segment_bytes_max;
        if self.tail.active.is_some() && (roomy || cursor.offset == HEADER_BYTES) {
            return Ok(());
        }
        let previous = Previous { first: cursor.segment, bytes: cursor.offset, crc: cursor.crc };
        let header = Header { lane: self.shared.lane, epoch: self.tail.epoch, first: cursor.next, previous };
        let file = self.create(&header)?;
        self.give_back();
        self.shared.spans().push(Span { first: header.first, bytes: HEADER_BYTES });
        self.tail.active = Some(file);
        self.tail.cursor = header.start();
        Ok(())
    }

    /// Makes a segment durable, its name included, before anything may be acknowledged from it.
    fn create(&self, header: &Header) -> Result<F::Handle, Failure> {
        let (filesystem, directory) = (&self.shared.filesystem, &self.shared.directory);
        // Out of descriptors or of inodes: nothing has been written yet, so it may work later. An earlier
        // attempt that stopped halfway is emptied here.
        let file =
            filesystem.create(&format::segment_path(directory, header.first)).map_err(Failure::Shortage)?;
        file.write_at(&header.encode(), 0).map_err(|error| shortage_or("write the segment header", error))?;
        file.sync().map_err(|error| Failure::Unknown("sync the segment header", error))?;
        let named = filesystem.sync_directory(directory);
        named.map_err(|error| Failure::Unknown("sync the directory", error))?;
        Ok(file)
    }

    /// Shows the batch to the reader. The spans come first: who sees the position must find the bytes.
    fn publish(&mut self, end: Cursor, entries: u64, bytes: u64) {
        self.tail.cursor = end;
        let gauges = &self.shared.gauges;
        if let Some(span) = self.shared.spans().last_mut() {
            span.bytes = end.offset;
        }
        gauges.backlog_bytes.fetch_add(bytes, Ordering::AcqRel);
        gauges.appended.fetch_add(entries, Ordering::Relaxed);
        debug_assert!(end.next > gauges.durable(), "durable positions only grow");
        gauges.durable.send_replace(end.next - 1);
    }

    fn note_sync(&self, begun: Instant) {
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let gauges = &self.shared.gauges;
        gauges.syncs.fetch_add(1, Ordering::Relaxed);
        gauges.sync_micros_last.store(micros, Ordering::Relaxed);
        gauges.sync_micros_max.fetch_max(micros, Ordering::Relaxed);
    }

    fn poison(&self, action: &str, error: &io::Error) -> AppendError {
        let path = format::segment_path(&self.shared.directory, self.tail.cursor.segment);
        let cause = format!("could not {action} ({error}) at or after {}", path.display());
        let cause = self.shared.gauges.poison.get_or_init(|| cause.into());
        AppendError::Unknown { cause: Arc::clone(cause) }
    }
}

/// Puts zeros behind the records, so that the next writes only overwrite: a sync then waits for their bytes alone, and
/// not for the file system's journal, in which everybody else on the disk stands as well. Returns how far it came.
fn lay_out<H: Handle>(file: &H, from: u64, settings: &Settings) -> u64 {
    static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
    let end = (from + settings.ahead_bytes).min(settings.segment_bytes_max);
    let mut offset = from;
    while offset < end {
        let count = usize::try_from(end - offset).map_or(ZEROS.len(), |rest| rest.min(ZEROS.len()));
        if file.write_at(&ZEROS[..count], offset).is_err() {
            // No room to be fast in: what was claimed is given back, and the records stand without it.
            drop(file.truncate(from));
            return from;
        }
        offset += count as u64;
    }
    offset
}

fn disk_full(error: &io::Error) -> AppendError {
    AppendError::Full { shortage: Shortage::Disk { cause: error.to_string().into() } }
}

/// No room, no quota or too large a file pass by themselves; any other failed write speaks of a broken disk.
fn shortage_or(action: &'static str, error: io::Error) -> Failure {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => Failure::Shortage(error),
        _ => Failure::Unknown(action, error),
    }
}
