//! Who earned what?
//!
//! Three questions in a row: which click earns the credit ([`credit`]), what it earns ([`commission`]), and
//! how that stands in the books ([`posting`]). Nothing here looks anything up: the candidates, the window and
//! the rule are arguments.
#![deny(clippy::float_arithmetic, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![cfg_attr(
    test,
    allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test may fail loudly")
)]

pub mod commission;
pub mod credit;
pub mod posting;

pub use commission::{CommissionError, commission};
pub use credit::{Candidate, Credit, Judged, NoCredit, Proof, credit};
pub use posting::{Account, Posting};
