//! A connection to a PostgreSQL server, for the adapters that keep something on one.
//!
//! It knows where the server is and whether its certificate is good, asks in SQL that SQLite understands as well, and
//! waits for each answer no longer than it was told to. What is asked, and what a lost connection means, is its users'.

mod address;
mod error;
mod link;
mod text;
mod value;
mod wire;

pub use address::{Server, ServerError};
pub use error::LinkError;
pub use link::Link;
pub use value::{AsValue, Column, Params, Value};
pub use wire::value;

/// A row of an answer, of which [`value`] reads a column.
pub type Row = tokio_postgres::Row;

#[cfg(test)]
mod tests;
