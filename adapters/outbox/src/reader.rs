//! The reading half: a read cursor, an acknowledged cursor, and the removal of segments that nobody needs.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::error::{AckError, Flaw, ReadError};
use crate::format::{self, Cursor, HEADER_BYTES, HEADER_LENGTH, Header};
use crate::io::{Filesystem, Handle};
use crate::position::{Batch, Position};
use crate::settings::CHUNK_BYTES;
use crate::shared::{Shared, Span, bytes_between};
use crate::walk::{Step, Walk};

pub(crate) struct Reader<F: Filesystem> {
    shared: Arc<Shared<F>>,
    cursor: Cursor,
    acknowledged: Cursor,
    /// The last sequence ever handed over, which a rewind does not take back.
    read_last: u64,
    /// The segment under the cursor, opened at the first read.
    open: Option<(Header, F::Handle)>,
}

impl<F: Filesystem> Reader<F> {
    pub(crate) fn new(shared: Arc<Shared<F>>, acknowledged: Cursor) -> Self {
        Self { shared, cursor: acknowledged, acknowledged, read_last: acknowledged.next - 1, open: None }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared<F>> {
        &self.shared
    }

    /// The sequence that the next read begins with.
    pub(crate) fn next(&self) -> u64 {
        self.cursor.next
    }

    pub(crate) fn read(&mut self, entries_max: usize, bytes_max: usize) -> Result<Batch, ReadError> {
        let mut take = Take { batch: Batch::default(), entries_max, bytes_left: bytes_max.max(1) };
        while !take.is_done() && self.cursor.next <= self.shared.gauges.durable() {
            match self.read_segment(&mut take) {
                // What lies before the damage is good and may go; the next call reports it.
                Err(_) if !take.batch.is_empty() => break,
                other => other?,
            }
        }
        self.read_last = self.read_last.max(self.cursor.next - 1);
        Ok(take.batch)
    }

    pub(crate) fn rewind(&mut self) {
        self.cursor = self.acknowledged;
    }

    pub(crate) fn acknowledge(&mut self, through: Position) -> Result<(), AckError> {
        if through.get() > self.read_last {
            return Err(AckError::Unread { through, read: Position::new(self.read_last) });
        }
        if through.get() < self.acknowledged.next {
            return Ok(());
        }
        let target = if through.get() + 1 == self.cursor.next { self.cursor } else { self.find(through)? };
        let target = self.settle(target);
        self.note(&target)?;
        let released = bytes_between(&self.shared.spans(), &self.acknowledged, &target);
        self.shared.gauges.backlog_bytes.fetch_sub(released, Ordering::AcqRel);
        self.shared.gauges.acknowledged.store(through.get(), Ordering::Release);
        self.acknowledged = target;
        if self.cursor.next < target.next {
            self.cursor = target;
        }
        self.remove_obsolete()
    }

    /// Takes what the segment under the cursor offers, or moves the cursor into the next one.
    fn read_segment(&mut self, take: &mut Take) -> Result<(), ReadError> {
        let span = self.enter()?;
        let Some((_, file)) = &self.open else { return Ok(()) };
        let chunk_bytes = take.bytes_left.clamp(4096, CHUNK_BYTES);
        let mut walk = Walk::new(file, self.cursor, span.bytes, chunk_bytes);
        let before = self.cursor.next;
        let outcome = take.fill(&mut walk);
        self.cursor = walk.cursor();
        outcome.map_err(|trouble| trouble.at(&self.shared, &self.cursor))?;
        if self.cursor.next == before && !take.is_done() {
            return Err(Trouble::Flaw(Flaw::Short).at(&self.shared, &self.cursor));
        }
        Ok(())
    }

    /// Makes the segment that holds the next record the open one; the caller knows that there is such a record.
    fn enter(&mut self) -> Result<Span, ReadError> {
        let span = self.span_of(self.cursor.next);
        if self.open.as_ref().is_none_or(|(header, _)| header.first != span.first) {
            self.open = Some(open_segment(&self.shared, span.first)?);
        }
        if let Some((header, _)) = &self.open
            && header.first != self.cursor.segment
        {
            let start = follow(&self.cursor, header);
            self.cursor = start.map_err(|trouble| trouble.at(&self.shared, &header.start()))?;
        }
        Ok(span)
    }

    /// The segment that holds a durable entry: the last one that does not begin behind it.
    fn span_of(&self, sequence: u64) -> Span {
        let spans = self.shared.spans();
        let behind = spans.partition_point(|span| span.first <= sequence);
        let none = Span { first: sequence, bytes: 0 };
        behind.checked_sub(1).and_then(|index| spans.get(index)).copied().unwrap_or(none)
    }

    /// The cursor behind a position that lies between the acknowledged one and the furthest one read.
    fn find(&self, through: Position) -> Result<Cursor, ReadError> {
        let mut seeker = Self::new(Arc::clone(&self.shared), self.acknowledged);
        let mut take = Take { batch: Batch::default(), entries_max: 0, bytes_left: CHUNK_BYTES };
        while seeker.cursor.next <= through.get() {
            take.entries_max = usize::try_from(through.get() + 1 - seeker.cursor.next).unwrap_or(usize::MAX);
            take.bytes_left = CHUNK_BYTES;
            take.batch.entries.clear();
            seeker.read_segment(&mut take)?;
        }
        Ok(seeker.cursor)
    }

    /// The same place in the following segment, where there is one, as the present segment may be removed.
    fn settle(&self, cursor: Cursor) -> Cursor {
        let span = self.span_of(cursor.next);
        if span.first == cursor.next {
            Cursor { segment: span.first, offset: HEADER_BYTES, ..cursor }
        } else {
            cursor
        }
    }

    fn note(&self, target: &Cursor) -> Result<(), AckError> {
        let mut progress = self.shared.progress();
        let durable = self.shared.gauges.durable();
        let written = progress.write(&self.shared.filesystem, self.shared.lane, target.next - 1, durable);
        written.map_err(|source| AckError::Io { action: "write", path: progress.path().to_owned(), source })
    }

    /// Removes the segments whose every entry is acknowledged, except the newest, which remembers the sequence.
    ///
    /// The position is synced first: an older one coming back after a power loss would ask for what is gone.
    fn remove_obsolete(&mut self) -> Result<(), AckError> {
        let obsolete = self.obsolete();
        if obsolete.is_empty() {
            return Ok(());
        }
        let mut progress = self.shared.progress();
        let synced = progress.sync(&self.shared.filesystem);
        synced.map_err(|source| AckError::Io { action: "sync", path: progress.path().to_owned(), source })?;
        drop(progress);
        for first in obsolete {
            let path = format::segment_path(&self.shared.directory, first);
            match self.shared.filesystem.remove(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(AckError::Io { action: "remove", path, source });
                }
                _ => self.shared.spans().retain(|span| span.first != first),
            }
        }
        Ok(())
    }

    fn obsolete(&self) -> Vec<u64> {
        let spans = self.shared.spans();
        let needed = |next: &Span| next.first > self.acknowledged.next;
        spans.windows(2).take_while(|pair| !needed(&pair[1])).map(|pair| pair[0].first).collect()
    }
}

/// What a read has gathered, and how much more it may.
struct Take {
    batch: Batch,
    entries_max: usize,
    bytes_left: usize,
}

impl Take {
    fn is_done(&self) -> bool {
        self.batch.entries.len() >= self.entries_max || self.bytes_left == 0
    }

    fn fill<H: Handle>(&mut self, walk: &mut Walk<'_, H>) -> Result<(), Trouble> {
        while !self.is_done() {
            let before = walk.cursor();
            match walk.step().map_err(Trouble::Io)? {
                Step::End => return Ok(()),
                Step::Flawed(flaw) => return Err(Trouble::Flaw(flaw)),
                // An entry longer than the whole limit goes out alone, or it would never go out.
                Step::Record(_, entry) if entry.len() > self.bytes_left && !self.batch.is_empty() => {
                    walk.return_to(before);
                    self.bytes_left = 0;
                }
                Step::Record(position, entry) => {
                    self.bytes_left = self.bytes_left.saturating_sub(entry.len());
                    self.batch.entries.push((position, entry));
                }
            }
        }
        Ok(())
    }
}

/// A failed step, before it is known of which file.
enum Trouble {
    Io(io::Error),
    Flaw(Flaw),
}

impl Trouble {
    fn at<F: Filesystem>(self, shared: &Shared<F>, cursor: &Cursor) -> ReadError {
        let path = format::segment_path(&shared.directory, cursor.segment);
        let offset = cursor.offset;
        match self {
            Self::Io(source) => ReadError::Io { path, offset, source },
            Self::Flaw(flaw) => ReadError::Damaged { path, offset, flaw },
        }
    }
}

pub(crate) fn open_segment<F: Filesystem>(
    shared: &Shared<F>,
    first: u64,
) -> Result<(Header, F::Handle), ReadError> {
    let path: PathBuf = format::segment_path(&shared.directory, first);
    let mut bytes = [0; HEADER_LENGTH];
    let opened = shared.filesystem.open(&path).and_then(|file| file.read_at(&mut bytes, 0).map(|_| file));
    let file = opened.map_err(|source| ReadError::Io { path: path.clone(), offset: 0, source })?;
    match Header::decode(&bytes) {
        Ok(header) => Ok((header, file)),
        Err(_) => Err(ReadError::Damaged { path, offset: 0, flaw: Flaw::Header }),
    }
}

/// The start of a segment, if it is the one that follows the cursor.
fn follow(cursor: &Cursor, header: &Header) -> Result<Cursor, Trouble> {
    let start = header.start();
    if start.next == cursor.next && start.crc == cursor.crc {
        Ok(start)
    } else {
        Err(Trouble::Flaw(Flaw::Predecessor))
    }
}
