//! Reading what waits, record by record, beside everybody else: damage is found while there still is a copy.
//!
//! A bit that flips in a segment which nobody reads for a week, because the processor is away, would otherwise be seen
//! only when the consumer comes to it. Opening a lane reads no more than a part of a long backlog, for speed.

use std::sync::Arc;

use crate::error::ReadError;
use crate::format::segment_first;
use crate::io::{Disk, Filesystem};
use crate::position::Position;
use crate::reader::{Reader, open_segment};
use crate::shared::Shared;

/// Checks every record that is durable and not yet acknowledged, a little at a time.
pub struct Scrubber<F: Filesystem = Disk> {
    shared: Arc<Shared<F>>,
    /// None at the start of a round.
    reader: Option<Reader<F>>,
}

/// What one step has checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scrubbed {
    /// Bytes of entries.
    pub bytes: usize,
    /// The last entry that is whole.
    pub through: Position,
    /// True if everything that is durable has been checked in this round; the next step begins another one.
    pub ended: bool,
}

impl<F: Filesystem> Scrubber<F> {
    pub(crate) fn new(shared: Arc<Shared<F>>) -> Self {
        Self { shared, reader: None }
    }

    /// Checks about so many bytes more, at least one entry if there is one. It blocks for as long as that takes to read.
    ///
    /// # Errors
    /// When a record is damaged or the disk refuses. The next step begins a new round, so that what was mended shows.
    pub fn step(&mut self, bytes_max: usize) -> Result<Scrubbed, ReadError> {
        let outcome = self.advance(bytes_max);
        if !matches!(outcome, Ok(Scrubbed { ended: false, .. })) {
            self.reader = None;
        }
        outcome
    }

    fn advance(&mut self, bytes_max: usize) -> Result<Scrubbed, ReadError> {
        let reader = match self.reader.take() {
            Some(reader) => Some(reader),
            None => self.begin()?,
        };
        let Some(mut reader) = reader else {
            return Ok(Scrubbed { bytes: 0, through: Position::ORIGIN, ended: true });
        };
        let batch = match reader.read(usize::MAX, bytes_max) {
            Err(error) if self.is_gone(&error) => {
                // Its entries were acknowledged meanwhile: the round goes on with what is left.
                self.reader = self.begin()?;
                return Ok(Scrubbed { bytes: 0, through: Position::ORIGIN, ended: self.reader.is_none() });
            }
            batch => batch?,
        };
        let bytes = batch.entries.iter().map(|(_, entry)| entry.len()).sum();
        let through = Position::new(reader.next() - 1);
        let ended = through.get() >= self.shared.gauges.durable();
        self.reader = Some(reader);
        Ok(Scrubbed { bytes, through, ended })
    }

    /// A reader at the start of the oldest segment; none if there is no segment.
    fn begin(&self) -> Result<Option<Reader<F>>, ReadError> {
        loop {
            let Some(first) = self.shared.spans().first().map(|span| span.first) else { return Ok(None) };
            match open_segment(&self.shared, first) {
                Ok((header, _)) => return Ok(Some(Reader::new(Arc::clone(&self.shared), header.start()))),
                // Removed between the look and the opening: the list has lost it by now, or will in a moment.
                Err(error) if self.is_gone(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// True if it is about a segment that the consumer needs no more, whatever is wrong with it.
    fn is_gone(&self, error: &ReadError) -> bool {
        let (ReadError::Io { path, .. } | ReadError::Damaged { path, .. }) = error;
        let first = path.file_name().and_then(|name| segment_first(name.to_str()?));
        first.is_some_and(|first| self.shared.spans().iter().all(|span| span.first != first))
    }
}

impl<F: Filesystem> std::fmt::Debug for Scrubber<F> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Scrubber").field("begun", &self.reader.is_some()).finish_non_exhaustive()
    }
}
