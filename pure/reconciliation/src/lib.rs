//! What did the others book? Our ledger, a platform's own report and the merchant's orders, laid side by side.
//!
//! Three lists that were written by three parties tell of the same orders. [`Matcher`] takes the rows of one order
//! (a [`Group`]) and gives [`Line`]s: every row stands in exactly one line, and every line in exactly one [`Class`],
//! which says what is the matter and what closes it. [`Summary`] adds the lines up, by class, by day and by currency;
//! what goes in comes out, to the unit.
//!
//! Nothing here reads a file or knows a time zone. A row comes with its instant and with the day that its
//! platform's clock showed; who reads the report knows the zone.
#![deny(clippy::float_arithmetic, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![cfg_attr(
    test,
    allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test may fail loudly")
)]

pub mod award;
pub mod class;
pub mod coverage;
mod judge;
mod matching;
pub mod repeats;
pub mod row;
pub mod summary;
pub mod terms;
mod wire;

pub use award::AwardRule;
pub use class::Class;
pub use coverage::{Coverage, Coverages, Doubt};
pub use matching::{Group, Line, Matcher};
pub use repeats::Repeats;
pub use row::{Kind, Order, Ours, Row, Standing, Theirs, Weighed};
pub use summary::{Cell, Sum, Summary};
pub use terms::{Period, Programme, Terms, Told};

#[cfg(test)]
mod tests;
