//! The consuming half: one task that reads, delivers and acknowledges.

use std::sync::Arc;

use crate::error::{AckError, ReadError};
use crate::io::{Disk, Filesystem};
use crate::position::{Batch, Position};
use crate::reader::Reader;
use crate::scrub::Scrubber;
use crate::shared::Status;

/// Reads durable entries in order. There is one for each lane.
///
/// Reading and acknowledging do blocking disk I/O of at most the asked for size, mostly from the page cache.
pub struct Consumer<F: Filesystem = Disk> {
    reader: Reader<F>,
}

impl<F: Filesystem> Consumer<F> {
    pub(crate) fn new(reader: Reader<F>) -> Self {
        Self { reader }
    }

    /// The next durable entries, at most so many and so many bytes, but at least one if there is one. Never waits.
    ///
    /// # Errors
    /// When a record is damaged or the disk refuses; the cursor stays before it.
    pub fn read(&mut self, entries_max: usize, bytes_max: usize) -> Result<Batch, ReadError> {
        self.reader.read(entries_max, bytes_max)
    }

    /// Waits until something unread is durable. After the appender has closed and all is read, that is for ever.
    pub async fn ready(&self) {
        let mut durable = self.reader.shared().gauges.durable.subscribe();
        let next = self.reader.next();
        if durable.wait_for(|durable| *durable >= next).await.is_err() {
            // The sender lives in the lane that this consumer holds.
            std::future::pending::<()>().await;
        }
    }

    /// Goes back to the last acknowledged entry, to deliver what follows it again.
    pub fn rewind(&mut self) {
        self.reader.rewind();
    }

    /// Gives up every entry through this position; an older position than the last one does nothing.
    ///
    /// Kept at once against the end of the process; against a power loss when a segment is removed and at a clean
    /// end. What a power loss takes back is delivered again.
    ///
    /// # Errors
    /// When it was never read, or the position could not be kept.
    pub fn acknowledge(&mut self, through: Position) -> Result<(), AckError> {
        self.reader.acknowledge(through)
    }

    /// What checks the waiting entries, beside this consumer and without moving it.
    #[must_use]
    pub fn scrubber(&self) -> Scrubber<F> {
        Scrubber::new(Arc::clone(self.reader.shared()))
    }

    /// How the lane stands; the number of waiting appends is the appender's to tell.
    #[must_use]
    pub fn status(&self) -> Status {
        self.reader.shared().gauges.status(0)
    }
}

impl<F: Filesystem> std::fmt::Debug for Consumer<F> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Consumer").field("status", &self.status()).finish_non_exhaustive()
    }
}
