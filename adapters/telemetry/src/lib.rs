//! From facts to numbers and lines: the only list of metric names, and the only place that writes them.
//!
//! The pure core and the hosts report facts. Each fact becomes metrics and one log line here, together, so that
//! a graph and a log never tell different stories. Labels come from closed sets ([`Class`], [`Mode`], [`Home`],
//! [`Verdict`], and codes that stand in our own code), never from a request (I8, I9).
//!
//! The counters of broken invariants exist from the start and stay 0; that is what alerts watch.
//!
//! On the hot path a fact costs an array look-up and an atomic addition: handles are made once. Lines that may
//! come in floods are sampled.
//!
//! [`Class`]: tracking::Class
//! [`Mode`]: relay::reply::Mode
//! [`Home`]: tracking::Home
//! [`Verdict`]: tracking::Verdict

mod handles;
mod host;
mod lines;
mod list;
mod recorder;

pub use host::{Books, Gauge, HostFact};
pub use list::{Description, INVARIANTS, Kind, Metric, docs};
pub use recorder::Telemetry;
