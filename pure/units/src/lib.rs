//! What is measured? Time, money, identity and chance, as values.
//!
//! Everything here is plain data. Nothing reads a clock, draws a random number or touches the environment:
//! a host brings the time and a seed, and the same inputs give the same outputs on every machine.
#![deny(clippy::float_arithmetic, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![cfg_attr(
    test,
    allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test may fail loudly")
)]

pub mod calendar;
pub mod chance;
pub mod id;
pub mod limits;
pub mod money;
pub mod time;

pub use calendar::Day;
pub use chance::{Chance, Seed};
pub use id::{EventId, EventIdText};
pub use money::{Currency, DecimalText, Money, MoneyError};
pub use time::Timestamp;
