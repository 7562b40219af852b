//! Opening a lane: what is there, is it whole, and where does each half continue?
//!
//! A power loss leaves a *torn tail*: any part of the last write may be missing, the middle of it included. That part
//! was never acknowledged, so it is cut off. *Damage* is different: bytes that had been synced are wrong, and cutting
//! them off would lose what somebody was promised. The two look alike, "a bad record", and are told apart by what lies
//! behind it: a write begins only after the one before it has been synced, and each record says where its write began.
//! A good record of a *later* write proves that the bad one had been durable; then, and when the next segment, the
//! progress file or the sequence says that more must be there, the lane refuses to open and names file and offset.
//! What remains is damage to the very last write with nothing behind it, which no log can tell from a torn one.
//!
//! Before the newest segment is judged, it is synced and dropped from the page cache: after a failed sync the cache
//! shows records that the disk does not have.
//!
//! The newest segment and as many older ones as [`VERIFY_BYTES_MAX`] allows are read in full; the rest is checked by
//! header and length here, and record by record when it is read. Recovery may itself be cut short at any point.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::error::{Flaw, OpenError};
use crate::format::{self, Cursor, HEADER_BYTES, HEADER_LENGTH, Header, HeaderFlaw, Previous, VERSION};
use crate::io::{Filesystem, Handle};
use crate::position::Position;
use crate::progress::{Mark, Progress};
use crate::report::{Recovery, Trim};
use crate::settings::{CHUNK_BYTES, Settings, VERIFY_BYTES_MAX};
use crate::shared::{Gauges, Ground, Shared, Span, bytes_between};
use crate::walk::{Step, Walk, is_blank, later_write};
use crate::writer::Tail;

/// A lane ready for its two halves.
pub(crate) struct Opened<F: Filesystem> {
    pub(crate) shared: Arc<Shared<F>>,
    pub(crate) tail: Tail<F::Handle>,
    pub(crate) acknowledged: Cursor,
    pub(crate) recovery: Recovery,
}

/// A segment whose header has been read.
struct Segment {
    header: Header,
    /// The length of the file, then of its good part.
    bytes: u64,
}

pub(crate) fn open<F: Filesystem>(
    filesystem: &F,
    directory: &Path,
    settings: Settings,
) -> Result<Opened<F>, OpenError> {
    if let Some((field, why)) = settings.flaw() {
        return Err(OpenError::Setting { field, why });
    }
    filesystem.create_directory(directory).map_err(cannot("make the directory", directory))?;
    let lock = lock(filesystem, directory)?;
    let (progress, mark) =
        Progress::load(filesystem, directory).map_err(cannot("read back the progress file in", directory))?;
    let mut survey =
        Survey { filesystem, directory, mark, unfinished: Vec::new(), recovery: Recovery::default() };
    let mut segments = survey.segments()?;
    let (end, active) = survey.tail(&mut segments)?;
    let acknowledged = survey.acknowledged(&segments, &end)?;
    survey.verify(&segments)?;
    // Names first: the newest segment must not vanish after those it replaces have been removed.
    filesystem.sync_directory(directory).map_err(cannot("sync the directory", directory))?;
    survey.remove_obsolete(&mut segments, acknowledged)?;
    let cursor = survey.locate(&segments, acknowledged)?;

    let known = segments.last().map(|segment| segment.header.lane).or(mark.map(|mark| mark.lane));
    let lane = known.unwrap_or_else(|| filesystem.lane_draw());
    let epoch = segments.last().map_or(1, |segment| segment.header.epoch + 1);
    let spans: Vec<_> =
        segments.iter().map(|segment| Span { first: segment.header.first, bytes: segment.bytes }).collect();
    let backlog_bytes = bytes_between(&spans, &cursor, &end);
    let recovery = survey.recovery.concluded(acknowledged, end.next - 1, backlog_bytes, spans.len());
    let gauges = Gauges::new(settings, end.next - 1, acknowledged, backlog_bytes);
    let ground =
        Ground { filesystem: filesystem.clone(), directory: directory.to_owned(), lane, progress, lock };
    let shared = Arc::new(Shared::new(ground, gauges, spans));
    Ok(Opened { shared, tail: Tail { cursor: end, active, epoch }, acknowledged: cursor, recovery })
}

fn lock<F: Filesystem>(filesystem: &F, directory: &Path) -> Result<F::Lock, OpenError> {
    let path = directory.join("lock");
    filesystem.lock(&path).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => OpenError::Locked { holder: holder(filesystem, &path), path },
        _ => OpenError::Io { action: "lock", path, source: error },
    })
}

/// What the owner of the lock wrote into it.
fn holder<F: Filesystem>(filesystem: &F, path: &Path) -> String {
    let mut bytes = [0; 32];
    let filled = filesystem.open(path).and_then(|file| file.read_at(&mut bytes, 0)).unwrap_or(0);
    let text = String::from_utf8_lossy(&bytes[..filled]).into_owned();
    if text.is_empty() { "unknown".to_owned() } else { text }
}

/// What is being looked over, and what has been noticed so far.
struct Survey<'a, F: Filesystem> {
    filesystem: &'a F,
    directory: &'a Path,
    mark: Option<Mark>,
    /// Files without a header, newest first.
    unfinished: Vec<u64>,
    recovery: Recovery,
}

impl<F: Filesystem> Survey<'_, F> {
    /// The segments, oldest first, of one lane and with readable headers.
    ///
    /// A file that ends before its header was written is one whose creation a crash or a full disk cut short. It never
    /// held an entry; that none is missing without it, the headers of the others tell.
    fn segments(&mut self) -> Result<Vec<Segment>, OpenError> {
        let names = self.filesystem.names(self.directory).map_err(cannot("list", self.directory))?;
        let mut firsts: Vec<_> = names.iter().filter_map(|name| format::segment_first(name)).collect();
        firsts.sort_unstable();
        let mut segments = Vec::with_capacity(firsts.len());
        for first in firsts.into_iter().rev() {
            if segments.is_empty() {
                self.read_back(first)?;
            }
            match self.segment(first)? {
                Some(segment) => segments.push(segment),
                None => self.unfinished.push(first),
            }
        }
        segments.reverse();
        self.recovery.unfinished = self.unfinished.first().map(|first| Position::new(*first));
        self.check_lane(&segments)?;
        Ok(segments)
    }

    /// Makes sure that what is read of a segment is what the disk holds.
    fn read_back(&self, first: u64) -> Result<(), OpenError> {
        let path = format::segment_path(self.directory, first);
        let file = self.open(first)?;
        file.sync().and_then(|()| file.evict()).map_err(cannot("sync", &path))
    }

    /// Reads a header; nothing when the file ends inside or right behind an unreadable one.
    fn segment(&self, first: u64) -> Result<Option<Segment>, OpenError> {
        let path = format::segment_path(self.directory, first);
        let file = self.open(first)?;
        let mut bytes = [0; HEADER_LENGTH];
        let length = file.bytes().and_then(|length| file.read_at(&mut bytes, 0).map(|_| length));
        let length = length.map_err(cannot("read", &path))?;
        match Header::decode(&bytes) {
            Ok(header) if header.first == first => Ok(Some(Segment { header, bytes: length })),
            Ok(_) => Err(self.damaged(first, 0, Flaw::Predecessor)),
            Err(HeaderFlaw::Version(found)) => Err(OpenError::Version { path, found, known: VERSION }),
            Err(HeaderFlaw::Unreadable) if length <= HEADER_BYTES => Ok(None),
            Err(HeaderFlaw::Unreadable) => Err(self.damaged(first, 0, Flaw::Header)),
        }
    }

    fn check_lane(&self, segments: &[Segment]) -> Result<(), OpenError> {
        let Some(expected) = segments.last().map(|segment| segment.header.lane) else { return Ok(()) };
        let foreign = |found: u64, path| OpenError::Foreign { path, found, expected };
        if let Some(segment) = segments.iter().find(|segment| segment.header.lane != expected) {
            return Err(foreign(
                segment.header.lane,
                format::segment_path(self.directory, segment.header.first),
            ));
        }
        match self.mark {
            Some(mark) if mark.lane != expected => Err(foreign(mark.lane, self.directory.join("progress"))),
            _ => Ok(()),
        }
    }

    /// The end of the log, its torn tail cut off; and the newest segment, if it is still empty.
    fn tail(&mut self, segments: &mut [Segment]) -> Result<(Cursor, Option<F::Handle>), OpenError> {
        let Some(newest) = segments.last_mut() else { return self.empty_tail() };
        let header = newest.header;
        let file = self.open(header.first)?;
        let (end, flaw) = self.scan(&file, header.start(), newest.bytes)?;
        if let Some(flaw) = flaw {
            self.trim(&file, &end, newest.bytes, flaw)?;
        }
        newest.bytes = end.offset;
        self.check_reaches(&end)?;
        Ok((end, (end.offset == HEADER_BYTES).then_some(file)))
    }

    fn empty_tail(&self) -> Result<(Cursor, Option<F::Handle>), OpenError> {
        let end = Cursor { segment: 0, offset: 0, next: 1, crc: 0 };
        self.check_reaches(&end)?;
        Ok((end, None))
    }

    /// Cuts off what a torn write left; refuses where it is not one. What was laid out and never written goes without
    /// a word.
    fn trim(&mut self, file: &F::Handle, end: &Cursor, bytes: u64, flaw: Flaw) -> Result<(), OpenError> {
        let path = format::segment_path(self.directory, end.segment);
        if later_write(file, end, bytes).map_err(cannot("read", &path))?.is_some() {
            return Err(self.damaged(end.segment, end.offset, flaw));
        }
        self.check_reaches(end)?;
        let laid_out = is_blank(file, end.offset).map_err(cannot("read", &path))?;
        file.truncate(end.offset)
            .and_then(|()| file.sync())
            .map_err(cannot("cut the torn tail off", &path))?;
        if laid_out {
            return Ok(());
        }
        self.recovery.trimmed = Some(Trim { path, offset: end.offset, bytes: bytes - end.offset, flaw });
        Ok(())
    }

    /// Refuses a log that ends before something that is known to have been durable.
    fn check_reaches(&self, end: &Cursor) -> Result<(), OpenError> {
        let marked = self.mark.map_or(0, |mark| mark.durable.max(mark.acknowledged));
        let begun = self.recovery.unfinished.map_or(0, |first| first.get() - 1);
        let missing = |through: u64, evidence| OpenError::Missing {
            directory: self.directory.to_owned(),
            from: Position::new(end.next),
            through: Position::new(through),
            evidence,
        };
        if marked >= end.next {
            Err(missing(marked, "the progress file says that they were durable"))
        } else if begun >= end.next {
            Err(missing(begun, "the next segment had been begun behind them"))
        } else {
            Ok(())
        }
    }

    /// The acknowledged sequence; without a progress file, everything that is left counts as unacknowledged.
    fn acknowledged(&mut self, segments: &[Segment], end: &Cursor) -> Result<u64, OpenError> {
        let oldest = segments.first().map_or(end.next, |segment| segment.header.first);
        let Some(mark) = self.mark else {
            self.recovery.progress_lost = oldest > 1;
            return Ok(oldest - 1);
        };
        if mark.acknowledged + 1 < oldest {
            return Err(self.missing_before(mark.acknowledged + 1, oldest));
        }
        Ok(mark.acknowledged)
    }

    /// Checks every needed segment but the newest against the one behind it, newest first.
    fn verify(&mut self, segments: &[Segment]) -> Result<(), OpenError> {
        let needed = self.mark.map_or(1, |mark| mark.acknowledged + 1);
        let mut verified = 0;
        for pair in segments.windows(2).rev().take_while(|pair| pair[1].header.first > needed) {
            let [segment, next] = pair else { continue };
            let previous = next.header.previous;
            if previous.first != segment.header.first {
                return Err(self.missing_before(previous.first, next.header.first));
            }
            if segment.bytes < previous.bytes {
                return Err(self.damaged(segment.header.first, segment.bytes, Flaw::Short));
            }
            if verified + previous.bytes > VERIFY_BYTES_MAX {
                self.recovery.unverified_bytes += previous.bytes;
                continue;
            }
            verified += previous.bytes;
            self.verify_segment(segment, &previous, next.header.first)?;
        }
        Ok(())
    }

    fn verify_segment(&self, segment: &Segment, previous: &Previous, next: u64) -> Result<(), OpenError> {
        let first = segment.header.first;
        let (end, flaw) = self.scan(&self.open(first)?, segment.header.start(), previous.bytes)?;
        match flaw {
            Some(flaw) => Err(self.damaged(first, end.offset, flaw)),
            None if end.next != next || end.crc != previous.crc => {
                Err(self.damaged(next, 0, Flaw::Predecessor))
            }
            None => Ok(()),
        }
    }

    /// Removes what a crash between acknowledging and removing left, and every unfinished file; lays down the true
    /// length of the rest.
    fn remove_obsolete(&mut self, segments: &mut Vec<Segment>, acknowledged: u64) -> Result<(), OpenError> {
        let needed =
            segments.partition_point(|segment| segment.header.first <= acknowledged + 1).saturating_sub(1);
        let obsolete: Vec<_> = segments.drain(..needed).map(|segment| segment.header.first).collect();
        self.recovery.removed_segments = obsolete.len();
        for first in obsolete.into_iter().chain(std::mem::take(&mut self.unfinished)) {
            let path = format::segment_path(self.directory, first);
            self.filesystem.remove(&path).map_err(cannot("remove", &path))?;
        }
        let lengths: Vec<_> = segments.iter().skip(1).map(|next| next.header.previous.bytes).collect();
        // A write that found the disk full may have left bytes behind the end that its successor states.
        segments.iter_mut().zip(lengths).for_each(|(segment, bytes)| segment.bytes = bytes);
        Ok(())
    }

    /// The cursor behind the acknowledged sequence.
    fn locate(&self, segments: &[Segment], acknowledged: u64) -> Result<Cursor, OpenError> {
        let Some(segment) = segments.first() else {
            return Ok(Cursor { segment: 0, offset: 0, next: 1, crc: 0 });
        };
        let file = self.open(segment.header.first)?;
        let path = format::segment_path(self.directory, segment.header.first);
        let mut walk = Walk::new(&file, segment.header.start(), segment.bytes, CHUNK_BYTES);
        while walk.cursor().next <= acknowledged {
            match walk.step().map_err(cannot("read", &path))? {
                Step::Record(..) => {}
                Step::End => return Err(self.damaged(segment.header.first, segment.bytes, Flaw::Short)),
                Step::Flawed(flaw) => {
                    return Err(self.damaged(segment.header.first, walk.cursor().offset, flaw));
                }
            }
        }
        Ok(walk.cursor())
    }

    /// Walks from a cursor as far as the records are good.
    fn scan(&self, file: &F::Handle, from: Cursor, limit: u64) -> Result<(Cursor, Option<Flaw>), OpenError> {
        let path = format::segment_path(self.directory, from.segment);
        let mut walk = Walk::new(file, from, limit, CHUNK_BYTES);
        loop {
            match walk.step().map_err(cannot("read", &path))? {
                Step::Record(..) => {}
                Step::End => return Ok((walk.cursor(), None)),
                Step::Flawed(flaw) => return Ok((walk.cursor(), Some(flaw))),
            }
        }
    }

    fn open(&self, first: u64) -> Result<F::Handle, OpenError> {
        let path = format::segment_path(self.directory, first);
        self.filesystem.open(&path).map_err(cannot("open", &path))
    }

    fn damaged(&self, first: u64, offset: u64, flaw: Flaw) -> OpenError {
        OpenError::Damaged { path: format::segment_path(self.directory, first), offset, flaw }
    }

    fn missing_before(&self, from: u64, next: u64) -> OpenError {
        OpenError::Missing {
            directory: self.directory.to_owned(),
            from: Position::new(from),
            through: Position::new(next - 1),
            evidence: "the next segment begins behind them",
        }
    }
}

fn cannot(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Io { action, path, source }
}
