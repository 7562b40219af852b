//! Every limit of the outbox, with its reason.

use crate::format::{HEADER_BYTES, RECORD_HEADER_BYTES};

/// The most bytes that go to the disk in one write and one sync.
///
/// Larger batches stop paying: at 4 MiB the copy and the transfer outweigh the sync they share, and everybody in the
/// batch waits for the last byte of it.
pub(crate) const BATCH_BYTES_MAX: usize = 4 << 20;

/// The most bytes of entries that may wait in memory for the committer.
///
/// Eight full batches. A disk that cannot take those is hanging, and waiting longer in memory would only
/// make more callers wait for a "no".
pub(crate) const WAITING_BYTES_MAX: usize = 8 * BATCH_BYTES_MAX;

/// The most bytes of closed segments that `open` reads in full.
///
/// A restart must serve again within a second whatever the backlog. What lies beyond is checked by its headers at
/// `open`, and record by record when it is read.
pub(crate) const VERIFY_BYTES_MAX: u64 = 256 << 20;

/// How many bytes a walk over a segment reads at a time: few calls, yet small beside the memory budget.
pub(crate) const CHUNK_BYTES: usize = 256 << 10;

const _: () = assert!(WAITING_BYTES_MAX >= BATCH_BYTES_MAX);
const _: () = assert!(CHUNK_BYTES > RECORD_HEADER_BYTES);

/// The limits that an operator may set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Bytes after which a new segment is begun; only a single larger write makes a segment longer.
    pub segment_bytes_max: u64,
    /// Bytes of zeros that are laid out behind the records at once, within the segment; 0 lays out none.
    pub ahead_bytes: u64,
    /// Bytes of unacknowledged entries, record headers included, above which appends are refused as full.
    ///
    /// The lane's directory stays below this plus two segments, the batch in flight and the reserve.
    pub backlog_bytes_max: u64,
    /// Bytes kept allocated so that work in flight can end when the disk is full; 0 keeps none.
    pub reserve_bytes: u64,
    /// Appends that may wait for the committer; more are refused as overloaded.
    pub waiting_max: usize,
    /// Bytes of the longest entry.
    pub entry_bytes_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // Small enough that `open` reads the newest one in full in well under a second, and that the disk
            // gets space back soon after an acknowledgement; large enough that a rotation's two extra syncs vanish.
            segment_bytes_max: 64 << 20,
            // A thousand entries share the one sync that makes the segment longer, which then carries a megabyte more.
            ahead_bytes: 1 << 20,
            // A weekend without a consumer: 72 h at 95 entries a second of 600 bytes are 15 GB.
            backlog_bytes_max: 16 << 30,
            // The largest write (4 MiB), the segment it may begin, and room for the neighbours on the
            // same disk to end what they are doing.
            reserve_bytes: 16 << 20,
            // A second of the tested 10,000 requests a second; a sync that takes longer is a hanging disk.
            waiting_max: 10_000,
            // A target of 64 KiB, its headers and its decoded event in one envelope, with room to spare.
            entry_bytes_max: 256 << 10,
        }
    }
}

impl Settings {
    /// The first setting that cannot work, with the reason.
    pub fn flaw(&self) -> Option<(&'static str, &'static str)> {
        let record_bytes_max = (self.entry_bytes_max + RECORD_HEADER_BYTES) as u64;
        if self.entry_bytes_max == 0 || self.entry_bytes_max > BATCH_BYTES_MAX - RECORD_HEADER_BYTES {
            Some(("entry_bytes_max", "must be at least 1 and fit into one write of 4 MiB"))
        } else if self.waiting_max == 0 {
            Some(("waiting_max", "must be at least 1, or nobody could ever append"))
        } else if self.segment_bytes_max <= HEADER_BYTES {
            Some(("segment_bytes_max", "must leave room behind the 64 byte header"))
        } else if self.backlog_bytes_max < record_bytes_max {
            Some(("backlog_bytes_max", "must hold at least one entry of entry_bytes_max"))
        } else {
            None
        }
    }
}
