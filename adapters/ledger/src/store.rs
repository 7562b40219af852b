//! The store behind the ledger: one connection, whichever database it leads to.
//!
//! Everything that the ledger asks goes through [`crate::sql`] in SQL that both stores understand, with values of four
//! kinds. What only one of them can do stays in this module.

mod sqlite;
mod value;

use std::ops::Deref;
use std::path::Path;

pub(crate) use sqlite::Sqlite;
pub(crate) use value::{AsValue, Params, Row, named_params};

/// Why the store could not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// SQLite failed.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
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

/// One connection to a store.
#[derive(Debug)]
pub(crate) enum Connection {
    Sqlite(Sqlite),
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

    /// A store that ends with this process.
    pub(crate) fn memory() -> Result<Self, StoreError> {
        Sqlite::memory().map(Self::Sqlite)
    }

    /// The same store for reading, on a connection of its own. None for one in memory.
    pub(crate) fn reader(&self) -> Result<Option<Self>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => Ok(sqlite.reader()?.map(Self::Sqlite)),
        }
    }

    /// Runs a statement; how many rows it changed.
    pub(crate) fn run(&self, sql: &str, params: &dyn Params) -> Result<usize, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.run(sql, params),
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
        }
    }

    /// Runs several statements that have no parameters.
    pub(crate) fn script(&self, text: &str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.script(text),
        }
    }

    /// Begins a transaction.
    pub(crate) fn begin(&self, purpose: Purpose) -> Result<Open<'_>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.begin(purpose)?,
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
        }
    }
}
