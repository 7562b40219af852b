//! What opening a lane found, for the operator's log.

use std::fmt;
use std::path::PathBuf;

use crate::error::Flaw;
use crate::position::Position;

/// What was found and what was put right.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// The last entry that the consumer has acknowledged.
    pub acknowledged: Position,
    /// The last entry in the log.
    pub last: Position,
    /// Entries waiting for the consumer.
    pub backlog_entries: u64,
    /// Their bytes on disk.
    pub backlog_bytes: u64,
    /// Segments that are kept.
    pub segments: usize,
    /// The torn write that was cut off.
    pub trimmed: Option<Trim>,
    /// The name of the newest segment whose creation had not ended; it never held an entry and has been removed.
    pub unfinished: Option<Position>,
    /// Acknowledged segments that had been left behind.
    pub removed_segments: usize,
    /// True when the acknowledged position was gone, so that entries will be delivered again.
    pub progress_lost: bool,
    /// Bytes that were checked by header and length only; the rest is checked when it is read.
    pub unverified_bytes: u64,
}

/// A torn write, cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trim {
    /// The segment.
    pub path: PathBuf,
    /// Its length now.
    pub offset: u64,
    /// How many bytes were cut off.
    pub bytes: u64,
    /// What was wrong with the first of them.
    pub flaw: Flaw,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            acknowledged: Position::ORIGIN,
            last: Position::ORIGIN,
            backlog_entries: 0,
            backlog_bytes: 0,
            segments: 0,
            trimmed: None,
            unfinished: None,
            removed_segments: 0,
            progress_lost: false,
            unverified_bytes: 0,
        }
    }
}

impl Recovery {
    pub(crate) fn concluded(self, acknowledged: u64, last: u64, backlog_bytes: u64, segments: usize) -> Self {
        let (acknowledged, last) = (Position::new(acknowledged), Position::new(last));
        let backlog_entries = last.get() - acknowledged.get();
        Self { acknowledged, last, backlog_entries, backlog_bytes, segments, ..self }
    }

    /// True when nothing had to be put right.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.trimmed.is_none()
            && self.unfinished.is_none()
            && self.removed_segments == 0
            && !self.progress_lost
    }
}

impl fmt::Display for Recovery {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, last, backlog_entries, backlog_bytes, segments, .. } = self;
        write!(
            formatter,
            "{backlog_entries} entries ({backlog_bytes} bytes) in {segments} segments wait for the consumer, \
             acknowledged through {acknowledged}, last {last}"
        )?;
        if let Some(Trim { path, offset, bytes, flaw }) = &self.trimmed {
            write!(
                formatter,
                "; a torn write of {bytes} bytes was cut off {} at {offset} ({flaw})",
                path.display()
            )?;
        }
        if let Some(first) = self.unfinished {
            write!(formatter, "; the creation of segment {first} had not ended")?;
        }
        if self.removed_segments > 0 {
            write!(formatter, "; {} acknowledged segments were removed", self.removed_segments)?;
        }
        if self.progress_lost {
            formatter.write_str("; the acknowledged position was lost, entries will be delivered again")?;
        }
        if self.unverified_bytes > 0 {
            write!(formatter, "; {} bytes will be verified when read", self.unverified_bytes)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_right_is_told_and_nothing_else() {
        let path = PathBuf::from("one.segment");
        let trim = Trim { path, offset: 64, bytes: 30, flaw: Flaw::Checksum };
        let found = || Recovery::default().concluded(3, 8, 500, 2);
        let cases = [
            (found(), true, ""),
            (
                Recovery { trimmed: Some(trim), ..found() },
                false,
                "; a torn write of 30 bytes was cut off one.segment at 64 (the checksum does not match)",
            ),
            (
                Recovery { unfinished: Some(Position::new(9)), ..found() },
                false,
                "; the creation of segment 9 had not ended",
            ),
            (Recovery { removed_segments: 1, ..found() }, false, "; 1 acknowledged segments were removed"),
            (
                Recovery { progress_lost: true, ..found() },
                false,
                "; the acknowledged position was lost, entries will be delivered again",
            ),
            (Recovery { unverified_bytes: 1, ..found() }, true, "; 1 bytes will be verified when read"),
        ];
        let always =
            "5 entries (500 bytes) in 2 segments wait for the consumer, acknowledged through 3, last 8";
        for (recovery, clean, told) in cases {
            assert_eq!(recovery.to_string(), format!("{always}{told}"));
            assert_eq!(recovery.is_clean(), clean, "{told}");
        }
    }
}
