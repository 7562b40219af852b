//! Who earned what?
//!
//! An order has a journey of touches ([`journey`]), each proven in one way or another ([`credit`]). It earns a
//! commission by the rules of its programme's terms ([`commission`], [`terms`]), and a model shares it over the journey
//! ([`model`]); that is who earned what, and why ([`award`]). How it stands in the books is [`posting`], and what
//! becomes of it until it is paid [`status`]. Nothing here looks anything up: evidence, terms and what was earned before
//! are arguments.
//!
//! **Rounding** is half to even, once for each rule of an order. A split is exact: what rounding leaves goes to the largest
//! remainders. There are no fractions in binary anywhere.
#![deny(clippy::float_arithmetic, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![cfg_attr(
    test,
    allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test may fail loudly")
)]

pub mod award;
pub mod commission;
pub mod credit;
pub mod journey;
pub mod model;
pub mod posting;
mod rate;
pub mod status;
pub mod terms;

pub use award::{Award, Awarded, Case};
pub use commission::{CommissionError, Figures, commission};
pub use credit::{Candidate, Credit, Judged, NoCredit, Proof};
pub use journey::{Journey, Touch};
pub use model::Model;
pub use posting::{Account, Posting};
pub use rate::Rate;
pub use status::Status;
pub use terms::{Duplicates, PublisherClass, Terms};
