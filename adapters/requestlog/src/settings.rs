//! The log's limits, each with its reason.

use std::time::Duration;

/// How much is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Days for which conversions and changes of them are kept. Merchants ask about a year's orders, and then some.
    pub money_days: u32,
    /// Days for which everything else is kept: clicks outlive the longest common window.
    pub other_days: u32,
    /// Most bytes on the disk. Beyond it the oldest volumes go before their time, those without money first.
    pub bytes_max: u64,
    /// Nothing is written while the disk has less than this free: what is left belongs to the outbox.
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
