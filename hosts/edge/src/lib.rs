//! The native edge: sockets, clock and entropy around the exchange. It decides nothing.
//!
//! A request comes in through [`mod@http`] (our own HTTP/1.1, behind the strict gate), is answered by an
//! exchange that `drive` obeys step by step, and what the exchange made durable is handed to the processor by
//! `consumer`. Beside them `probe` asks the platforms whether they are there, and `operator` tells people how
//! the edge stands.

mod ask;
mod certificate;
mod clock;
mod consumer;
mod copies;
mod drive;
mod health;
mod http;
mod journal;
pub mod mark;
mod operator;
mod probe;
mod remembered;
mod scrub;
mod serve;
mod service;
pub mod settings;
mod shelf;
mod stats;
mod taken;
mod tls;
mod vows;

pub use serve::{Addresses, Error, Parts, RunningEdge, serve};
pub use settings::EdgeSettings;
pub use stats::Reading;
pub use tls::TlsError;

#[cfg(test)]
mod tests;
