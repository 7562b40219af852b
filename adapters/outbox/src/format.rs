//! The bytes on disk, format version 1. Numbers are little-endian.
//!
//! A segment is a header of 64 bytes and records without gaps. The header names its predecessor (first sequence,
//! length, last checksum), so a segment that is missing, cut or exchanged shows without reading any record.
//!
//! | segment header  | bytes  |   | record                                    | bytes |
//! |-----------------|--------|---|-------------------------------------------|-------|
//! | `outboxsg`      | 0..8   |   | CRC-32 of all that follows                | 0..4  |
//! | format version  | 8..12  |   | CRC-32 of the record before (the seed)    | 4..8  |
//! | previous crc    | 12..16 |   | length of the entry                       | 8..12 |
//! | lane            | 16..24 |   | entries before it in the same write       | 12..16|
//! | epoch           | 24..32 |   | sequence                                  | 16..24|
//! | first sequence  | 32..40 |   | entry                                     | 24..  |
//! | previous bytes  | 40..48 |   |                                           |       |
//! | previous first  | 48..56 |   |                                           |       |
//! | zero            | 56..60 |   |                                           |       |
//! | CRC-32 of 0..60 | 60..64 |   |                                           |       |
//!
//! A record carries its seed so that a search behind a damaged one can check a record without knowing its neighbour.
//! "Entries before it in the same write" is what tells a torn write from damage: see the module `recovery`.

use std::path::{Path, PathBuf};

use crate::error::Flaw;

pub(crate) const VERSION: u32 = 1;
pub(crate) const HEADER_LENGTH: usize = 64;
pub(crate) const HEADER_BYTES: u64 = HEADER_LENGTH as u64;
pub(crate) const RECORD_HEADER_BYTES: usize = 24;

const MAGIC: [u8; 8] = *b"outboxsg";
const SUFFIX: &str = ".segment";

/// Where the next record begins, and what must be true of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// First sequence of the segment, which is its name.
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    /// The sequence due.
    pub(crate) next: u64,
    /// Checksum of the record before.
    pub(crate) crc: u32,
}

/// The start of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) lane: u64,
    /// How many times the lane had been opened for writing.
    pub(crate) epoch: u64,
    pub(crate) first: u64,
    /// The end of the segment before; its `next` is `first`.
    pub(crate) previous: Previous,
}

/// What a segment says of the one before it; all zero in the first of a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Previous {
    pub(crate) first: u64,
    pub(crate) bytes: u64,
    pub(crate) crc: u32,
}

/// Why a header could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderFlaw {
    Unreadable,
    Version(u32),
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_LENGTH] {
        let mut bytes = [0; HEADER_LENGTH];
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.previous.crc.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.lane.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.first.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.previous.bytes.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.previous.first.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..60]);
        bytes[60..64].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, HeaderFlaw> {
        let whole =
            bytes.len() >= 64 && bytes[0..8] == MAGIC && u32_at(bytes, 60) == crc32fast::hash(&bytes[..60]);
        if !whole {
            return Err(HeaderFlaw::Unreadable);
        }
        // The checksum's place holds for every version, so that a newer file is told from a damaged one.
        if u32_at(bytes, 8) != VERSION {
            return Err(HeaderFlaw::Version(u32_at(bytes, 8)));
        }
        let previous =
            Previous { first: u64_at(bytes, 48), bytes: u64_at(bytes, 40), crc: u32_at(bytes, 12) };
        Ok(Self { lane: u64_at(bytes, 16), epoch: u64_at(bytes, 24), first: u64_at(bytes, 32), previous })
    }

    /// Where the first record goes.
    pub(crate) fn start(&self) -> Cursor {
        Cursor { segment: self.first, offset: HEADER_BYTES, next: self.first, crc: self.previous.crc }
    }
}

/// The start of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordHeader {
    crc: u32,
    previous: u32,
    length: u32,
    behind: u32,
    sequence: u64,
}

impl RecordHeader {
    /// Reads it from the front of `bytes`, which must hold [`RECORD_HEADER_BYTES`].
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        Self {
            crc: u32_at(bytes, 0),
            previous: u32_at(bytes, 4),
            length: u32_at(bytes, 8),
            behind: u32_at(bytes, 12),
            sequence: u64_at(bytes, 16),
        }
    }

    /// What speaks against it as the record due at `cursor`, its length and its checksum apart.
    pub(crate) fn flaw(&self, cursor: &Cursor) -> Option<Flaw> {
        if self.sequence != cursor.next {
            Some(Flaw::Sequence { found: self.sequence, due: cursor.next })
        } else if self.previous != cursor.crc {
            Some(Flaw::Chain)
        } else {
            None
        }
    }

    /// True when the checksum stands for these bytes, header included.
    pub(crate) fn covers(&self, record: &[u8]) -> bool {
        crc32fast::hash(&record[4..]) == self.crc
    }

    pub(crate) fn record_bytes(&self) -> usize {
        RECORD_HEADER_BYTES + self.length as usize
    }

    /// The first sequence of the write that this record was part of.
    pub(crate) fn write_first(&self) -> Option<u64> {
        self.sequence.checked_sub(u64::from(self.behind))
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    pub(crate) fn crc(&self) -> u32 {
        self.crc
    }
}

/// Appends the record due at `cursor` to the buffer and makes the cursor due for the next; its offset is the
/// writer's to set, once it knows the segment.
///
/// The caller has checked that the entry's length and `behind` fit; a wrap would only be refused at the next read.
pub(crate) fn encode(buffer: &mut Vec<u8>, cursor: &mut Cursor, behind: usize, entry: &[u8]) {
    let start = buffer.len();
    let length = u32::try_from(entry.len()).unwrap_or(u32::MAX);
    let behind = u32::try_from(behind).unwrap_or(u32::MAX);
    buffer.extend_from_slice(&[0; 4]);
    buffer.extend_from_slice(&cursor.crc.to_le_bytes());
    buffer.extend_from_slice(&length.to_le_bytes());
    buffer.extend_from_slice(&behind.to_le_bytes());
    buffer.extend_from_slice(&cursor.next.to_le_bytes());
    buffer.extend_from_slice(entry);
    let crc = crc32fast::hash(&buffer[start + 4..]);
    buffer[start..start + 4].copy_from_slice(&crc.to_le_bytes());
    cursor.next += 1;
    cursor.crc = crc;
}

/// The file of the segment that begins with this sequence; names sort as their numbers do.
pub(crate) fn segment_path(directory: &Path, first: u64) -> PathBuf {
    directory.join(format!("{first:020}{SUFFIX}"))
}

/// The first sequence in a segment's name; nothing for any other file.
pub(crate) fn segment_first(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    if digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        digits.parse().ok()
    } else {
        None
    }
}

pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[offset..offset + 4]);
    u32::from_le_bytes(number)
}

pub(crate) fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[offset..offset + 8]);
    u64::from_le_bytes(number)
}
