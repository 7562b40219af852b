//! What can go wrong, for each operation: what, where, and what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::position::Position;

/// Why a lane could not be opened. Nothing has been changed that a repair would need.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A setting that cannot work.
    #[error("outbox setting {field} {why}")]
    Setting {
        /// The setting's name.
        field: &'static str,
        /// What it must be.
        why: &'static str,
    },
    /// Another process owns this lane.
    #[error(
        "{} is locked by process {holder}: each process needs a lane of its own; stop that one or choose another \
         directory", path.display()
    )]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// What the owner wrote into it, normally its process id.
        holder: String,
    },
    /// The operating system refused.
    #[error("cannot {action} {}: check that the disk is mounted, writable and healthy, then start again", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Written by another version of this program.
    #[error(
        "{} has format version {found}, this program reads version {known}: start the program that wrote it, drain \
         the lane there, then change over", path.display()
    )]
    Version {
        /// The segment.
        path: PathBuf,
        /// The version in its header.
        found: u32,
        /// The version this program knows.
        known: u32,
    },
    /// Bytes that were durable are not what was written.
    #[error(
        "{} is damaged at byte {offset}: {flaw}; entries behind it had been synced, so it is not a torn tail: restore \
         the file from a copy, or move the directory aside for salvage and start with an empty one", path.display()
    )]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where the first bad record or header begins.
        offset: u64,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// Entries that must be there are not.
    #[error(
        "entries {from} to {through} are missing in {} ({evidence}): restore the missing segments from a copy, or \
         move the directory aside for salvage and start with an empty one", directory.display()
    )]
    Missing {
        /// The lane's directory.
        directory: PathBuf,
        /// The first missing entry.
        from: Position,
        /// The last missing entry that is known of.
        through: Position,
        /// How it is known.
        evidence: &'static str,
    },
    /// A file of another lane lies in this directory.
    #[error(
        "{} belongs to lane {found:016x}, the lane here is {expected:016x}: files of two lanes were mixed; move the \
         foreign ones back", path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The lane in it.
        found: u64,
        /// The lane of the newest segment.
        expected: u64,
    },
}

/// What is wrong with a record or a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flaw {
    /// The file ends inside it.
    Short,
    /// Its checksum does not match its bytes.
    Checksum,
    /// It carries another sequence number than the one due.
    Sequence {
        /// The number in it.
        found: u64,
        /// The number due.
        due: u64,
    },
    /// It was written behind another record than the one before it.
    Chain,
    /// The segment's header cannot be read.
    Header,
    /// The header says that another segment or another length came before.
    Predecessor,
}

impl fmt::Display for Flaw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => formatter.write_str("the file ends inside the record"),
            Self::Checksum => formatter.write_str("the checksum does not match"),
            Self::Sequence { found, due } => write!(formatter, "sequence {found} where {due} was due"),
            Self::Chain => formatter.write_str("the record does not follow the one before it"),
            Self::Header => formatter.write_str("the segment header cannot be read"),
            Self::Predecessor => formatter.write_str("the segment does not follow the one before it"),
        }
    }
}

/// Why an entry was not accepted. Only after [`AppendError::Unknown`] may it yet be found in the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// No room. Nothing of the entry is in the log; it accepts again by itself once there is room.
    #[error("the outbox is full: {shortage}")]
    Full {
        /// Which limit was met.
        shortage: Shortage,
    },
    /// Writing this very entry has failed, so nobody knows whether the disk has it. Opening the log again tells.
    #[error(
        "nobody knows whether the outbox holds the entry: {cause}; restart to read back what the disk really holds"
    )]
    Unknown {
        /// What failed.
        cause: Arc<str>,
    },
    /// A sync failed before, and the log refuses until it is opened again. Nothing of the entry is in the log.
    #[error("the outbox stopped accepting: {cause}; restart to read back what the disk really holds")]
    Poisoned {
        /// What failed first.
        cause: Arc<str>,
    },
    /// The entry is longer than the limit.
    #[error("an entry of {bytes} bytes is over the limit of {bytes_max} (entry_bytes_max)")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Too many appends wait already: the disk is slower than the traffic.
    #[error("{waiting} appends are waiting for the disk already (limit {waiting_max} or {bytes_max} bytes)")]
    Overloaded {
        /// How many wait.
        waiting: usize,
        /// The limit in entries.
        waiting_max: usize,
        /// The limit in bytes.
        bytes_max: usize,
    },
    /// The appender has been closed.
    #[error("the outbox has been closed")]
    Closed,
}

/// Which room ran out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shortage {
    /// Too much is unacknowledged; room comes back with the consumer's next acknowledgement.
    Backlog {
        /// Unacknowledged bytes now.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// The disk took no more; room comes back when space does.
    Disk {
        /// The system's answer.
        cause: Arc<str>,
    },
}

impl fmt::Display for Shortage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backlog { bytes, bytes_max } => {
                write!(
                    formatter,
                    "{bytes} bytes are unacknowledged (limit {bytes_max}); is the consumer running?"
                )
            }
            Self::Disk { cause } => write!(formatter, "{cause}; free space on its disk"),
        }
    }
}

/// Why nothing could be read. The cursor has not moved, so nothing is skipped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// A durable record is not what was written.
    #[error(
        "{} is damaged at byte {offset}: {flaw}; restore the file from a copy, nothing behind it will be delivered",
        path.display()
    )]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where the bad record begins.
        offset: u64,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// The operating system refused.
    #[error("cannot read {} at byte {offset}: check the disk", path.display())]
    Io {
        /// The segment.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// The system's answer.
        source: io::Error,
    },
}

/// Why an acknowledgement is not safe. No entry is skipped by it: at worst some are delivered again after a restart.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AckError {
    /// Entries that were never read cannot be acknowledged.
    #[error("cannot acknowledge through {through}: only entries through {read} have been read")]
    Unread {
        /// The position asked for.
        through: Position,
        /// The last position that a read handed over.
        read: Position,
    },
    /// The operating system refused; at worst the entries are delivered again.
    #[error("cannot {action} {}: the entries will be delivered again after a restart", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The way to the position leads over a damaged record.
    #[error("cannot find the acknowledged position")]
    Read(#[from] ReadError),
}
