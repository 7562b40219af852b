//! Who earned what?
//!
//! Four questions in a row: which click earns the credit ([`credit`]), what it earns ([`commission`]), how that
//! stands in the books ([`posting`]), and what becomes of it until it is paid ([`status`]). Nothing here looks anything up: the candidates, the window and
//! the rule are arguments.
#![deny(clippy::float_arithmetic, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![cfg_attr(
    test,
    allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test may fail loudly")
)]

pub mod commission;
pub mod credit;
pub mod posting;
pub mod status;

pub use commission::{CommissionError, commission};
pub use credit::{Candidate, Credit, Judged, NoCredit, Proof, credit};
pub use posting::{Account, Posting};
pub use status::Status;
