//! Where a test's ledger is. Every test of the ledger runs on each store.

pub(super) use pgserver::on_each_store;

use crate::store::Connection;
use crate::{Ledger, Server};

/// The ledger's file in a folder.
const FILE: &str = "ledger.sqlite";

/// Where a test's ledger is.
pub(super) enum Place {
    /// In memory: it is gone once it is closed.
    Memory,
    /// In a file.
    File(tempfile::TempDir),
    /// In a schema of its own on a server.
    Server(pgserver::Schema),
}

impl Place {
    pub(super) const fn memory() -> Self {
        Self::Memory
    }

    pub(super) fn file() -> Self {
        Self::File(tempfile::tempdir().unwrap())
    }

    pub(super) fn server() -> Self {
        Self::Server(pgserver::schema().unwrap_or_else(|error| panic!("{error}")))
    }

    /// Another, empty place of the same kind.
    pub(super) fn another(&self) -> Self {
        match self {
            Self::Memory => Self::Memory,
            Self::File(_) => Self::file(),
            Self::Server(_) => Self::server(),
        }
    }

    /// The ledger there.
    pub(super) fn open(&self) -> Ledger {
        self.try_open().unwrap()
    }

    pub(super) fn try_open(&self) -> Result<Ledger, crate::LedgerError> {
        match self {
            Self::Memory => Ledger::in_memory(),
            Self::File(folder) => Ledger::open(&folder.path().join(FILE)),
            Self::Server(schema) => Ledger::connect(&Server::parse(schema.address(), None, None).unwrap()),
        }
    }

    /// The ledger there for reading.
    pub(super) fn try_look(&self) -> Result<Ledger, crate::LedgerError> {
        match self {
            Self::Memory => panic!("a ledger in memory has one connection"),
            Self::File(folder) => Ledger::open_reader(&folder.path().join(FILE)),
            Self::Server(schema) => Ledger::look(&Server::parse(schema.address(), None, None).unwrap()),
        }
    }

    /// A connection to what is there, whatever its version.
    pub(super) fn connection(&self) -> Connection {
        match self {
            Self::Memory => Connection::memory().unwrap(),
            Self::File(folder) => Connection::file(&folder.path().join(FILE)).unwrap(),
            Self::Server(schema) => {
                Connection::server(&Server::parse(schema.address(), None, None).unwrap()).unwrap()
            }
        }
    }

    /// The same beside whoever writes, without the writer's lock.
    pub(super) fn connection_beside(&self) -> Connection {
        let Self::Server(schema) = self else { return self.connection() };
        let connection = Connection::look(&Server::parse(schema.address(), None, None).unwrap()).unwrap();
        connection.script("SET default_transaction_read_only = off").unwrap();
        connection
    }

    /// How many random cases are worth their time: a server's commits reach its disk.
    pub(super) const fn cases(&self) -> u32 {
        match self {
            Self::Memory | Self::File(_) => 48,
            Self::Server(_) => 8,
        }
    }
}

/// How SQLite answers a query, step by step.
pub(super) fn plan(ledger: &Ledger, query: &str) -> Vec<String> {
    let explain = format!("EXPLAIN QUERY PLAN {query}");
    crate::sql::all(&ledger.connection, &explain, (), |row| row.get::<String>(3)).unwrap()
}
