//! The store behind the ledger: one connection, whichever database it leads to.
//!
//! Everything that the ledger asks goes through [`crate::sql`] in SQL that both stores understand, with values of four
//! kinds. What only one of them can do stays in this module.

mod postgres;
mod simulated;
mod sqlite;
mod value;

use std::ops::Deref;
use std::path::Path;

use pglink::LinkError;
pub(crate) use pglink::{AsValue, Params, Value};
pub use pglink::{Server, ServerError};
use postgres::Postgres;
use simulated::Simulated;
pub use simulated::{Fault, Faults, When};
use sqlite::Sqlite;
pub(crate) use value::{Row, named_params};

/// Why the store could not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// SQLite failed.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// A server failed.
    #[error(transparent)]
    Server(#[from] LinkError),
    /// The connection was lost before, in the middle of a transaction.
    #[error("the connection to the server is gone, and the transaction with it")]
    Gone,
    /// A statement of this transaction has failed before.
    #[error("a statement of this transaction has failed, and the whole of it with it")]
    Aborted,
    /// The server does not keep what it acknowledges.
    #[error(
        "the server runs with {0} = off: what it acknowledges may be lost with the next power cut; switch it on"
    )]
    Unsafe(&'static str),
    /// Another processor writes.
    #[error("another processor writes to this ledger (from {holder}): stop it first, there must be one")]
    Locked {
        /// What the server knows of it.
        holder: String,
    },
    /// Another processor has written while the connection was lost.
    #[error("another processor has written to this ledger while the connection was lost")]
    Displaced,
    /// A standby has taken the server's place.
    #[error("another server has taken the place of the ledger's, and may lack its last commits")]
    Replaced,
    /// Nobody knows whether a transaction has happened.
    #[error("the server was lost while it was to commit, and what became of that is not known yet")]
    InDoubt,
    /// A transaction that was reported as failed has happened.
    #[error("a transaction that was given up has happened after all")]
    Surprised,
    /// A file could not be synced.
    #[error("the file could not be synced: {0}")]
    File(#[source] std::io::Error),
    /// A column holds another kind of value than the one that belongs there.
    #[error("column {place} of the answer holds no {wanted}")]
    Column {
        /// The column, counted from 0.
        place: usize,
        /// What belongs there.
        wanted: &'static str,
    },
    /// A statement was given other parameters than it has places: a mistake of ours.
    #[error("a statement has no place for the parameter {0}")]
    Parameter(String),
}

impl StoreError {
    /// True if the connection is of no use any more.
    fn loses_the_connection(&self) -> bool {
        match self {
            Self::Server(error) => error.loses_the_connection(),
            Self::Gone => true,
            _ => false,
        }
    }

    /// True if it would have failed whatever was to be written: it says nothing about that.
    pub(crate) fn is_of_the_store(&self) -> bool {
        match self {
            Self::Sqlite(error) => error.sqlite_error_code().is_some_and(sqlite::is_of_the_store),
            Self::Server(error) => error.is_of_the_server(),
            Self::Aborted | Self::Column { .. } | Self::Parameter(_) => false,
            _ => true,
        }
    }

    /// True if what the caller remembers may be wrong: it must begin anew from what is stored.
    pub(crate) const fn is_final(&self) -> bool {
        matches!(self, Self::Displaced | Self::Replaced | Self::Surprised)
    }
}

/// One connection to a store.
#[derive(Debug)]
pub(crate) enum Connection {
    Sqlite(Sqlite),
    Postgres(Box<Postgres>),
    Simulated(Box<Simulated>),
}

/// What a transaction is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// To change something: nobody else changes anything meanwhile.
    Write,
    /// To see everything as it is at one moment.
    Look,
}

impl Connection {
    /// Opens a file.
    pub(crate) fn file(path: &Path) -> Result<Self, StoreError> {
        Sqlite::file(path).map(Self::Sqlite)
    }

    /// Opens a file that is only read.
    pub(crate) fn file_reader(path: &Path) -> Result<Self, StoreError> {
        Sqlite::file_reader(path).map(Self::Sqlite)
    }

    /// Copies a file as it stands at one moment.
    pub(crate) fn copy_file(path: &Path, to: &Path) -> Result<(), StoreError> {
        Sqlite::copy_file(path, to)
    }

    /// Connects to a server, as the one that writes.
    pub(crate) fn server(server: &Server) -> Result<Self, StoreError> {
        Postgres::connect(server).map(Box::new).map(Self::Postgres)
    }

    /// Connects to a server to read.
    pub(crate) fn look(server: &Server) -> Result<Self, StoreError> {
        Postgres::look(server).map(Box::new).map(Self::Postgres)
    }

    /// A store that ends with this process.
    pub(crate) fn memory() -> Result<Self, StoreError> {
        Sqlite::memory().map(Self::Sqlite)
    }

    /// The same, failing as planned.
    pub(crate) fn simulated(faults: &Faults) -> Result<Self, StoreError> {
        Simulated::new(faults.clone()).map(Box::new).map(Self::Simulated)
    }

    /// The same store for reading, on a connection of its own. None for one in memory.
    pub(crate) fn reader(&self) -> Result<Option<Self>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => Ok(sqlite.reader()?.map(Self::Sqlite)),
            Self::Postgres(server) => Ok(Some(Self::Postgres(Box::new(server.reader())))),
            Self::Simulated(_) => Ok(None),
        }
    }

    /// True if each question takes a way to a server and back.
    pub(crate) const fn is_far(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// From now on this is another writer, which knows nothing but what is stored.
    pub(crate) fn begin_anew(&self) {
        match self {
            Self::Sqlite(_) => {}
            Self::Postgres(server) => server.begin_anew(),
            Self::Simulated(simulated) => simulated.begin_anew(),
        }
    }

    /// Runs a statement; how many rows it changed.
    pub(crate) fn run(&self, sql: &str, params: &dyn Params) -> Result<usize, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.run(sql, params),
            Self::Postgres(server) => server.run(sql, params),
            Self::Simulated(simulated) => simulated.run(sql, params),
        }
    }

    /// Runs a statement of which nobody asks what it did. A server is not waited for: what went wrong is told by the
    /// statements after it, and by the commit at the latest.
    pub(crate) fn send(&self, sql: &str, params: &dyn Params) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.run(sql, params).map(drop),
            Self::Postgres(server) => server.send(sql, params),
            Self::Simulated(simulated) => simulated.send(sql, params),
        }
    }

    /// Gives `each` the rows of a query, until it has enough.
    pub(crate) fn rows(
        &self,
        sql: &str,
        params: &dyn Params,
        each: &mut dyn FnMut(&Row<'_>) -> Result<Enough, StoreError>,
    ) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.rows(sql, params, each),
            Self::Postgres(server) => server.rows(sql, params, each),
            Self::Simulated(simulated) => simulated.rows(sql, params, each),
        }
    }

    /// Runs several statements that have no parameters.
    pub(crate) fn script(&self, text: &str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.script(text),
            Self::Postgres(server) => server.script(text),
            Self::Simulated(simulated) => simulated.script(text),
        }
    }

    /// The open transaction changes the tables: it may read everything, and take its time.
    pub(crate) fn expect_a_long_change(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) | Self::Simulated(_) => Ok(()),
            Self::Postgres(server) => server.expect_a_long_change(),
        }
    }

    /// Begins a transaction.
    pub(crate) fn begin(&self, purpose: Purpose) -> Result<Open<'_>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.begin(purpose)?,
            Self::Postgres(server) => server.begin(purpose)?,
            Self::Simulated(simulated) => simulated.begin(purpose)?,
        }
        Ok(Open { connection: self, over: false })
    }
}

/// Whether more rows are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Enough {
    Yes,
    NotYet,
}

/// An open transaction of a connection. Dropped, nothing of it has happened.
#[derive(Debug)]
pub(crate) struct Open<'a> {
    connection: &'a Connection,
    over: bool,
}

impl Open<'_> {
    /// Makes everything durable.
    pub(crate) fn commit(mut self) -> Result<(), StoreError> {
        match self.connection {
            Connection::Sqlite(sqlite) => sqlite.script("COMMIT")?,
            Connection::Postgres(server) => {
                self.over = true;
                server.commit()?;
            }
            Connection::Simulated(simulated) => {
                self.over = true;
                simulated.commit()?;
            }
        }
        self.over = true;
        Ok(())
    }
}

impl Deref for Open<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        match self.connection {
            Connection::Sqlite(sqlite) => sqlite.roll_back(),
            Connection::Postgres(server) => server.roll_back(),
            Connection::Simulated(simulated) => simulated.roll_back(),
        }
    }
}
