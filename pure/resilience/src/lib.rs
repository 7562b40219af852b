//! Try, wait or give up?
//!
//! Four small machines that decide it, each given the time and its chance as arguments:
//! [`Backoff`] says how long to wait before another try, [`Budget`] whether the whole process may still
//! afford retries, [`Breaker`] whether a platform may be called at all, and [`Deadline`] how much of a total
//! time is left. None of them knows what is tried; whether a try *may* be repeated (I4) is decided by the
//! caller, before any of these is asked.
#![deny(clippy::float_arithmetic, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::indexing_slicing, reason = "a test may fail loudly"))]

pub mod backoff;
pub mod breaker;
pub mod budget;
pub mod deadline;

pub use backoff::Backoff;
pub use breaker::{Breaker, Permit};
pub use budget::Budget;
pub use deadline::Deadline;
