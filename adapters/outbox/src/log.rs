//! The whole log on one thread: what the threaded halves are made of, and what a simulator drives.

use std::path::Path;
use std::sync::Arc;

use crate::error::{AckError, AppendError, OpenError, ReadError};
use crate::io::Filesystem;
use crate::position::{Batch, Position};
use crate::reader::Reader;
use crate::recovery;
use crate::report::Recovery;
use crate::scrub::Scrubber;
use crate::settings::Settings;
use crate::shared::Status;
use crate::writer::Writer;

/// Both halves of a lane, without a thread and without waiting.
///
/// ```
/// use outbox::{Log, Settings, simulated::Simulated};
///
/// let disk = Simulated::new(7);
/// let settings = Settings { reserve_bytes: 0, ..Settings::default() };
/// let (mut log, _) = Log::open(&disk, "/lane".as_ref(), settings)?;
/// let last = log.append_batch(&["one", "two"])?;
/// let batch = log.read(10, 1 << 20)?;
/// assert_eq!(batch.last(), Some(last));
/// log.acknowledge(last)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Log<F: Filesystem> {
    writer: Writer<F>,
    reader: Reader<F>,
}

impl<F: Filesystem> Log<F> {
    /// Takes the lane's lock, recovers, and stands behind the acknowledged entries.
    ///
    /// # Errors
    /// When the lane is in use, damaged, incomplete, or the disk refuses.
    pub fn open(filesystem: &F, directory: &Path, settings: Settings) -> Result<(Self, Recovery), OpenError> {
        let recovery::Opened { shared, tail, acknowledged, recovery } =
            recovery::open(filesystem, directory, settings)?;
        let reader = Reader::new(shared.clone(), acknowledged);
        Ok((Self { writer: Writer::new(shared, tail), reader }, recovery))
    }

    /// Makes the entries durable, all or none, with one write and one sync; returns the position of the last.
    ///
    /// Their positions are consecutive. An empty batch does nothing.
    ///
    /// # Errors
    /// After [`AppendError::Unknown`] the entries may or may not be found when the lane is opened again; after any other
    /// error they are not in the log.
    pub fn append_batch<B: AsRef<[u8]>>(&mut self, entries: &[B]) -> Result<Position, AppendError> {
        self.writer.append(entries)
    }

    /// After a full disk, looks whether there is room again, without appending.
    ///
    /// # Errors
    /// [`AppendError::Full`] while there is none.
    pub fn regain(&mut self) -> Result<(), AppendError> {
        self.writer.regain()
    }

    /// The next durable entries, at most so many and so many bytes, but at least one if there is one.
    ///
    /// # Errors
    /// When a record is damaged or the disk refuses; the cursor stays before it.
    pub fn read(&mut self, entries_max: usize, bytes_max: usize) -> Result<Batch, ReadError> {
        self.reader.read(entries_max, bytes_max)
    }

    /// Goes back to the last acknowledged entry.
    pub fn rewind(&mut self) {
        self.reader.rewind();
    }

    /// Gives up every entry through this position.
    ///
    /// # Errors
    /// When it was never read, or the position could not be kept.
    pub fn acknowledge(&mut self, through: Position) -> Result<(), AckError> {
        self.reader.acknowledge(through)
    }

    /// What checks the waiting entries, without moving anything.
    #[must_use]
    pub fn scrubber(&self) -> Scrubber<F> {
        Scrubber::new(Arc::clone(self.writer.shared()))
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> Status {
        self.writer.shared().gauges.status(0)
    }

    /// A clean end; merely dropping the log is as good as a crash, which loses nothing either.
    ///
    /// # Errors
    /// When the position could not be synced.
    pub fn close(mut self) -> std::io::Result<()> {
        self.writer.close()
    }

    pub(crate) fn split(self) -> (Writer<F>, Reader<F>) {
        (self.writer, self.reader)
    }
}

impl<F: Filesystem> std::fmt::Debug for Log<F> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Log").field("status", &self.status()).finish_non_exhaustive()
    }
}
