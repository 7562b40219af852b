//! Going over the records of one segment, checking each against the one before it.
//!
//! Recovery, reading and looking for an acknowledged position are all this one walk.

use std::io;

use bytes::Bytes;

use crate::error::Flaw;
use crate::format::{Cursor, RECORD_HEADER_BYTES, RecordHeader};
use crate::io::Handle;
use crate::position::Position;
use crate::settings::CHUNK_BYTES;

/// A walk from a cursor up to a byte limit.
pub(crate) struct Walk<'a, H> {
    file: &'a H,
    limit: u64,
    chunk_bytes: usize,
    chunk: Bytes,
    chunk_offset: u64,
    cursor: Cursor,
}

/// What lay at the cursor.
#[derive(Debug)]
pub(crate) enum Step {
    Record(Position, Bytes),
    /// Nothing: the limit is reached.
    End,
    /// Something that is not the record due; the walk stays before it.
    Flawed(Flaw),
}

impl<'a, H: Handle> Walk<'a, H> {
    pub(crate) fn new(file: &'a H, cursor: Cursor, limit: u64, chunk_bytes: usize) -> Self {
        Self { file, limit, chunk_bytes, chunk: Bytes::new(), chunk_offset: cursor.offset, cursor }
    }

    pub(crate) fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Goes back to a cursor that this walk has passed.
    pub(crate) fn return_to(&mut self, cursor: Cursor) {
        self.cursor = cursor;
        self.chunk = Bytes::new();
        self.chunk_offset = cursor.offset;
    }

    /// The record at the cursor; moves behind it.
    pub(crate) fn step(&mut self) -> io::Result<Step> {
        if self.cursor.offset >= self.limit {
            return Ok(Step::End);
        }
        let Some(head) = self.view(RECORD_HEADER_BYTES)? else { return Ok(Step::Flawed(Flaw::Short)) };
        let header = RecordHeader::decode(&head);
        if let Some(flaw) = header.flaw(&self.cursor) {
            return Ok(Step::Flawed(flaw));
        }
        let Some(record) = self.view(header.record_bytes())? else { return Ok(Step::Flawed(Flaw::Short)) };
        if !header.covers(&record) {
            return Ok(Step::Flawed(Flaw::Checksum));
        }
        self.cursor.offset += record.len() as u64;
        self.cursor.next += 1;
        self.cursor.crc = header.crc();
        Ok(Step::Record(Position::new(header.sequence()), record.slice(RECORD_HEADER_BYTES..)))
    }

    /// The bytes at the cursor, or nothing where the file or the limit ends before them.
    fn view(&mut self, bytes: usize) -> io::Result<Option<Bytes>> {
        if let Some(held) = self.held(bytes) {
            return Ok(Some(held));
        }
        self.refill(bytes)?;
        Ok(self.held(bytes))
    }

    /// The same, if the chunk has them all.
    fn held(&self, bytes: usize) -> Option<Bytes> {
        let start = usize::try_from(self.cursor.offset - self.chunk_offset).ok()?;
        let end = start.checked_add(bytes)?;
        (end <= self.chunk.len()).then(|| self.chunk.slice(start..end))
    }

    /// Reads at the cursor, never behind the limit.
    fn refill(&mut self, bytes: usize) -> io::Result<()> {
        let rest = usize::try_from(self.limit - self.cursor.offset).unwrap_or(usize::MAX);
        let mut buffer = vec![0; bytes.max(self.chunk_bytes).min(rest)];
        let filled = self.file.read_at(&mut buffer, self.cursor.offset)?;
        buffer.truncate(filled);
        self.chunk = Bytes::from(buffer);
        self.chunk_offset = self.cursor.offset;
        Ok(())
    }
}

/// Looks behind a flawed record for one that was written by a *later* write; returns its sequence.
///
/// A write begins only after the one before it has been synced, so such a record proves that the flawed one had
/// been durable. Records of the flawed one's own write prove nothing: a power loss keeps any part of a write.
pub(crate) fn later_write<H: Handle>(file: &H, flawed: &Cursor, end: u64) -> io::Result<Option<u64>> {
    let rest = usize::try_from(end.saturating_sub(flawed.offset)).unwrap_or(usize::MAX);
    let mut bytes = vec![0; rest];
    let filled = file.read_at(&mut bytes, flawed.offset)?;
    bytes.truncate(filled);
    // Every record takes up at least its header, which bounds the sequences that can lie ahead.
    let sequence_max = flawed.next + (filled / RECORD_HEADER_BYTES) as u64;
    let found = (0..filled.saturating_sub(RECORD_HEADER_BYTES - 1)).find_map(|start| {
        let header = RecordHeader::decode(&bytes[start..]);
        let later = header.sequence() <= sequence_max && header.write_first()? > flawed.next;
        let record = later.then(|| bytes.get(start..start + header.record_bytes())).flatten()?;
        header.covers(record).then(|| header.sequence())
    });
    Ok(found)
}

/// True if the file holds zeros alone from an offset to its end.
pub(crate) fn is_blank<H: Handle>(file: &H, mut from: u64) -> io::Result<bool> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let filled = file.read_at(&mut chunk, from)?;
        if filled == 0 {
            return Ok(true);
        }
        if chunk[..filled].iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        from += filled as u64;
    }
}
