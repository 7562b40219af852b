//! A durable outbox on disk: many appenders, one consumer, entries of opaque bytes.
//!
//! # The problem
//!
//! A conversion is acknowledged to a browser that will never ask again, so it must be on stable storage first (I1).
//! One sync for each would allow a few hundred a second. Writing without waiting for the sync would acknowledge what a
//! power loss takes away. And a disk does more than lose power: it fills up, it fails a sync and then claims that all is
//! well, it flips a bit in a file that nobody has read for a week.
//!
//! # The idea
//!
//! *Group commit*: entries that arrive while a sync is under way wait together; one thread takes them all, writes them
//! with one call, syncs once and wakes everybody. The slower the disk, the larger the group.
//!
//! *A log of segments*: `00000000000000000001.segment`, named by the first sequence in them. A segment whose entries are
//! all acknowledged is removed; nothing is ever rewritten. The module `format` has the bytes.
//!
//! *A position*: `progress` says how far the consumer has come. Losing it means to deliver again, never to skip.
//!
//! *A chain*: each record's checksum covers the one before it, each segment's header the end of its predecessor. Order,
//! gaps and exchanges show when a record is read, whoever made them.
//!
//! # What is promised
//!
//! - `append` returned a position: the entry survives any crash and is delivered, in order, until it is acknowledged.
//! - `append` returned [`AppendError::Unknown`]: unknown; opening the lane again tells. Any other error: not in the log.
//! - Positions are gap-free. The consumer sees durable entries only.
//! - A torn tail is cut off and reported; damage before it refuses to open, with file and offset: see the module `recovery`.
//! - One process at a time: the `lock` file is locked for as long as a half of the lane lives.
//!
//! # Limits
//!
//! [`Settings`] has all of them, with reasons. Memory does not grow with the backlog; it is bounded by what waits for the
//! committer, one batch, and what the consumer asks for. The disk holds the backlog, two segments more at most, and the
//! `reserve`. One disk is one loss domain: against losing it, a copy elsewhere is needed.
//!
//! When the disk is full, the reserve is released, the entries at hand are written, and then appends are refused with
//! [`AppendError::Full`] until the reserve can be claimed again, which is tried at every append and once a second. A file
//! system that admits only at the sync that it is full has failed that sync, and poisons.

mod appender;
mod consumer;
mod error;
mod format;
mod io;
mod log;
mod position;
mod progress;
mod queue;
mod reader;
mod recovery;
mod report;
mod reserve;
mod scrub;
mod settings;
mod shared;
pub mod simulated;
mod walk;
mod writer;

use std::path::Path;

pub use crate::appender::Appender;
pub use crate::consumer::Consumer;
pub use crate::error::{AckError, AppendError, Flaw, OpenError, ReadError, Shortage};
pub use crate::io::{Disk, Filesystem, Handle};
pub use crate::log::Log;
pub use crate::position::{Batch, Position};
pub use crate::report::{Recovery, Trim};
pub use crate::scrub::{Scrubbed, Scrubber};
pub use crate::settings::Settings;
pub use crate::shared::Status;

/// Opens the lane in this directory, makes it where there is none, and starts its committer.
///
/// # Errors
/// When the lane is in use, damaged, incomplete, or the disk refuses; the message says what to do.
pub fn open(dir: &Path, settings: Settings) -> Result<(Appender, Consumer, Recovery), OpenError> {
    open_on(&Disk, dir, settings)
}

/// [`open`] on any file system.
///
/// # Errors
/// As [`open`].
pub fn open_on<F: Filesystem>(
    filesystem: &F,
    dir: &Path,
    settings: Settings,
) -> Result<(Appender, Consumer<F>, Recovery), OpenError> {
    let (log, recovery) = Log::open(filesystem, dir, settings)?;
    let (writer, reader) = log.split();
    let appender = Appender::start(writer);
    let appender = appender.map_err(|source| OpenError::Io {
        action: "start the committer thread for",
        path: dir.to_owned(),
        source,
    })?;
    Ok((appender, Consumer::new(reader), recovery))
}
