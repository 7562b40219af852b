//! The log's limits, each with its reason.

use std::time::Duration;

/// How much is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Days for which conversions and changes of them are kept. Merchants ask about a year's orders, and then some.
    pub money_days: u32,
    /// Days for which everything else is kept: clicks outlive the longest common window.
    pub other_days: u32,
    /// Most bytes on the disk, or on the server. Beyond it the oldest volumes go before their time, those without money
    /// first; while those of today and of this month are too large by themselves, nothing is written.
    pub bytes_max: u64,
    /// Nothing is written while the disk has less than this free: what is left belongs to the outbox. A server does not
    /// tell how full its disk is.
    pub free_bytes_min: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { money_days: 400, other_days: 90, bytes_max: 20 << 30, free_bytes_min: 1 << 30 }
    }
}

/// Most entries that wait to be written: a second of the busiest edge.
pub(crate) const WAITING_MAX: usize = 32 * 1024;

/// Most entries written in one transaction.
pub(crate) const BATCH_MAX: usize = 4096;

/// How long an entry waits for company.
pub(crate) const BATCH_WAIT: Duration = Duration::from_millis(200);

/// How often retention looks at the volumes.
pub(crate) const TENDED_EVERY: Duration = Duration::from_secs(60);

/// Most volumes that are open for writing: this month's and today's, and those of late outcomes.
pub(crate) const OPEN_MAX: usize = 4;

/// Most rows of one answer.
pub(crate) const ROWS_MAX: usize = 1000;

/// Most outcomes shown of one event; a conversion has a dozen.
pub(crate) const OUTCOMES_MAX: usize = 500;

/// How long a reader or a second writer waits for the one that writes.
pub(crate) const BUSY_WAIT: Duration = Duration::from_secs(5);

/// The longest wait for an answer of a server while the log is written: longer, and the line fills for nothing.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(10);

/// The longest wait for a server's answer about what is remembered.
pub(crate) const QUESTION_MAX: Duration = Duration::from_secs(120);

/// How long a server that has failed is left alone. What comes meanwhile is dropped, and the end of the process is not
/// held up by one attempt after another.
pub(crate) const RESTS: Duration = Duration::from_secs(5);
