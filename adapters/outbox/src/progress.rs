//! How far the consumer has come: a small file of two checksummed slots.
//!
//! One slot holds the last position that is known to be durable, and segments may have been removed on its word. It is
//! never overwritten: every write goes into the other slot, and only a sync makes that one the slot that is kept. So a
//! torn write, or a power loss before the sync, leaves the kept one whole. Each slot also carries the last sequence
//! that was durable when it was written: a log that ends before it has lost entries, whatever its tail looks like.
//!
//! The file is synced only before segments are removed and at a clean end. A power loss may therefore bring back an
//! older position, which means that entries are delivered again, never that one is skipped.
//!
//! Slot, little-endian, at byte 0 and 512: `outboxpg`, version (u32), zero (u32), lane, generation, acknowledged,
//! durable (u64 each), zero (u32), CRC-32 of the 52 bytes before it.

use std::io;
use std::path::{Path, PathBuf};

use crate::format::{VERSION, u32_at, u64_at};
use crate::io::{Filesystem, Handle};

const MAGIC: [u8; 8] = *b"outboxpg";
const SLOT_BYTES: usize = 56;
/// Slots lie in sectors of their own, so that one torn write cannot hit both.
const SLOT_STRIDE: usize = 512;

/// What a slot says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) lane: u64,
    pub(crate) generation: u64,
    pub(crate) acknowledged: u64,
    pub(crate) durable: u64,
}

/// The file, opened at the first write.
pub(crate) struct Progress<F: Filesystem> {
    path: PathBuf,
    file: Option<F::Handle>,
    /// True while the file's name may not have reached the disk.
    unnamed: bool,
    mark: Mark,
    /// The slot of the last mark that is known to be durable.
    kept: usize,
    /// True while the other slot holds a newer mark that may not have reached the disk.
    unsynced: bool,
}

impl<F: Filesystem> Progress<F> {
    /// Reads the newest whole slot; nothing when there is no file or neither slot is whole.
    ///
    /// What it returns is durable, so that segments may be removed on its word.
    pub(crate) fn load(filesystem: &F, directory: &Path) -> io::Result<(Self, Option<Mark>)> {
        let path = directory.join("progress");
        let file = match filesystem.open(&path) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let mut bytes = [0; 2 * SLOT_STRIDE];
        if let Some(file) = &file {
            file.sync()?;
            file.evict()?;
            file.read_at(&mut bytes, 0)?;
        }
        let slots = bytes.chunks(SLOT_STRIDE).map(decode).enumerate();
        let whole = slots.filter_map(|(slot, mark)| mark.map(|mark| (slot, mark)));
        let newest = whole.max_by_key(|(_, mark)| mark.generation);
        let (kept, mark) = newest.unwrap_or((0, Mark::default()));
        let progress = Self { path, file, unnamed: false, mark, kept, unsynced: false };
        Ok((progress, newest.map(|(_, mark)| mark)))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the position into the slot that is not kept; survives the process, not yet a power loss.
    pub(crate) fn write(
        &mut self,
        filesystem: &F,
        lane: u64,
        acknowledged: u64,
        durable: u64,
    ) -> io::Result<()> {
        let mark = Mark { lane, generation: self.mark.generation + 1, acknowledged, durable };
        let offset = if self.kept == 0 { SLOT_STRIDE as u64 } else { 0 };
        self.file(filesystem)?.write_at(&encode(&mark), offset)?;
        self.mark = mark;
        self.unsynced = true;
        Ok(())
    }

    /// Makes the last written position survive a power loss.
    pub(crate) fn sync(&mut self, filesystem: &F) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        file.sync()?;
        if self.unnamed {
            filesystem.sync_directory(self.path.parent().unwrap_or(Path::new(".")))?;
            self.unnamed = false;
        }
        if self.unsynced {
            self.kept = 1 - self.kept;
            self.unsynced = false;
        }
        Ok(())
    }

    fn file(&mut self, filesystem: &F) -> io::Result<&F::Handle> {
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                let file = filesystem.create(&self.path)?;
                // Both slots at once, so that later positions need no space from a full disk.
                file.write_at(&[0; 2 * SLOT_STRIDE], 0)?;
                self.unnamed = true;
                file
            }
        };
        Ok(self.file.insert(file))
    }
}

fn encode(mark: &Mark) -> [u8; SLOT_BYTES] {
    let mut bytes = [0; SLOT_BYTES];
    bytes[0..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[16..24].copy_from_slice(&mark.lane.to_le_bytes());
    bytes[24..32].copy_from_slice(&mark.generation.to_le_bytes());
    bytes[32..40].copy_from_slice(&mark.acknowledged.to_le_bytes());
    bytes[40..48].copy_from_slice(&mark.durable.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..52]);
    bytes[52..56].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<Mark> {
    let whole = bytes.len() >= SLOT_BYTES
        && bytes[0..8] == MAGIC
        && u32_at(bytes, 8) == VERSION
        && u32_at(bytes, 52) == crc32fast::hash(&bytes[..52]);
    whole.then(|| Mark {
        lane: u64_at(bytes, 16),
        generation: u64_at(bytes, 24),
        acknowledged: u64_at(bytes, 32),
        durable: u64_at(bytes, 40),
    })
}
