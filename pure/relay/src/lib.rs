//! What happens next?
//!
//! The procedure between a request and its final home, without I/O: an [`exchange`] turns one inbound
//! request into steps and is told what happened; a delivery turns a booked conversion into attempts.
//! A host opens an exchange with the bytes it received, a policy snapshot, a seed and the time, and obeys.
#![deny(clippy::float_arithmetic, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::indexing_slicing, reason = "a test may fail loudly"))]

pub mod advice;
pub mod call;
pub mod delivery;
pub mod edit;
pub mod envelope;
pub mod exchange;
pub mod fact;
pub mod intake;
pub mod owner;
pub mod policy;
pub mod postback;
pub mod reply;
pub mod seen;
pub mod shapes;
pub mod shelf;
pub mod signature;
pub mod step;
pub mod tally;
pub mod translation;

pub use envelope::{Envelope, Purpose, Sealed};
pub use exchange::{Exchange, Health};
pub use fact::Fact;
pub use reply::Reply;
pub use step::{Happened, Step};
