//! Reading reports: what a platform or a merchant says itself that it has booked, row by row.
//!
//! How a report is written stands in its platform's dialect (`[[report]]`); here are the readers of the two layouts,
//! lines of cells and JSON, and the one place that knows time zones. The zones' rules travel in the binary, so that
//! a day begins at the same moment on every machine.
//!
//! A row that cannot be read is told with its line and everything that is wrong with it, and never left out in
//! silence. A report that ends in the middle of a row was cut off, and is told as that.

mod amount;
mod cells;
mod clock;
mod delimited;
mod digest;
mod json;
mod row;

use std::io::Read;

use reconciliation::Theirs;
use tracking::Home;
use tracking::dialect::report::{Format, Report};
use units::Currency;

pub use clock::{Clock, ClockError};
pub use digest::Digesting;
pub use row::Compiled;

/// Why a report could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The bytes could not be got.
    #[error("it could not be read: {0}")]
    Io(#[from] std::io::Error),
    /// It is none of its kind: no line of names, or names that are not its columns'.
    #[error("{0}")]
    Shape(String),
    /// The dialect describes it in a way that cannot be followed.
    #[error("line {line} of the dialect: {why}")]
    Rule {
        /// The dialect's line.
        line: usize,
        /// What is wrong there.
        why: String,
    },
}

/// What is known beside the report itself.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// Whose report it is.
    pub home: Home,
    /// The advertiser of rows that name none, by the report's own ids.
    pub advertiser: Option<u64>,
    /// The legacy id of an advertiser by the report's own.
    pub legacy_id: &'a dyn Fn(u64) -> Option<u64>,
    /// The currency of an advertiser by its legacy id, where neither the row nor the report names one.
    pub currency: &'a dyn Fn(u64) -> Option<Currency>,
}

impl std::fmt::Debug for Known<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Known").field("home", &self.home).finish_non_exhaustive()
    }
}

/// A row, or everything that is wrong with it.
pub type OneRow = Result<Theirs, Vec<String>>;

/// How the reading ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ended {
    /// Rows, readable or not.
    pub rows: u64,
    /// True if the last one is not whole.
    pub cut_off: bool,
}

/// Reads a report; `take` gets each row with its line, or its place where there are no lines.
///
/// # Errors
/// If it cannot be read at all.
pub fn read(
    report: &Report,
    known: &Known<'_>,
    input: impl Read,
    mut take: impl FnMut(u64, OneRow),
) -> Result<Ended, ReportError> {
    let compiled = Compiled::of(report)?;
    let mut each = |line, cells: &dyn cells::Cells| take(line, compiled.row(line, cells, known));
    match &report.format {
        Format::Delimited(delimiters) => delimited::read(report, delimiters, input, &mut each),
        Format::Json => json::read(input, &mut each),
    }
}

#[cfg(test)]
mod tests;
