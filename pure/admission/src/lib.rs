//! May it come in?
//!
//! HTTP/1.1 leaves room for two servers to read one message in two ways, and that room is where requests are
//! smuggled. The [`gate`] reads the raw bytes of a request head, refuses whatever is ambiguous, and hands the
//! rest on with the target's bytes untouched: what a legacy client writes into a query is its own business.
//! [`chunked`] reads chunked bodies with the same strictness, and [`front`] decides which forwarded address
//! is believed.
//!
//! Nothing here decides what a request means, and nothing here reads a socket.
#![deny(clippy::float_arithmetic, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::indexing_slicing, reason = "a test may fail loudly"))]

pub mod chunked;
mod fields;
pub mod front;
pub mod gate;
pub mod head;
pub mod refusal;

pub use gate::{Limits, check};
pub use head::{BodyLength, Head};
pub use refusal::Refusal;
