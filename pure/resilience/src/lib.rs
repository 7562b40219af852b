//! Try, wait or give up?
//!
//! Small machines that decide it, each given the time and its chance as arguments:
//! [`Backoff`] says how long to wait before another try, [`Budget`] whether the whole process may still
//! afford retries, [`Window`] whether there is enough evidence of failure, [`Breaker`] whether a platform may
//! be called at all, [`Pacer`] how fast a backlog goes out, and [`Deadline`] how much of a total time is left.
//! None of them knows what is tried; whether a try *may* be repeated (I4) is decided by the caller, before any
//! of these is asked. None of them trusts the clock to run forward: one that is set back delays nothing for
//! longer than the machine's own wait, and one that jumps ahead makes no flood.
#![deny(clippy::float_arithmetic, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::indexing_slicing, reason = "a test may fail loudly"))]

pub mod backoff;
pub mod breaker;
pub mod budget;
pub mod deadline;
pub mod pacer;
pub mod window;

pub use backoff::Backoff;
pub use breaker::{Breaker, Permit};
pub use budget::Budget;
pub use deadline::Deadline;
pub use pacer::Pacer;
pub use window::{Evidence, Window};
