//! The request log: what came in, what was decided, and what became of it, for months.
//!
//! It is made of two kinds of entries. A [`Seen`] comes from an edge with each reply; an [`Outcome`] comes from the
//! processor whenever a conversion moves on. Both name the event, and an event's identity holds its time, so that
//! everything about one event stands in one *volume*: the conversions of a month, or the other requests of a day.
//! Volumes are what retention takes away, whole: nothing has to be searched, and no file has holes.
//!
//! The log is not money. Whoever offers an entry never waits and is never refused anything: what the log cannot take
//! is counted and dropped ([`Status`]). It stops writing while the disk is nearly full, long before the outbox does,
//! and while it takes more room than it was given and nothing of it may go.
//!
//! It is a folder of SQLite files, or tables on a PostgreSQL server, where any number of edges and processors write into
//! one log. A volume is a file there and a table here; whatever else is said of it holds for both.
//!
//! Nothing personal comes in here ([`relay::seen`] sees to that), so nothing has to be erased.
//!
//! [`Seen`]: relay::seen::Seen

mod columns;
mod entry;
mod error;
mod place;
mod postgres;
mod query;
mod reader;
mod retention;
mod settings;
mod sqlite;
mod store;
mod volume;
mod writer;

pub use entry::{Entry, Outcome};
pub use error::LogError;
pub use pglink::Server;
pub use place::Place;
pub use query::{Found, OutcomeRow, Query, RequestRow};
pub use reader::Reader;
pub use settings::Settings;
pub use writer::{Log, Status};

#[cfg(test)]
mod tests;
