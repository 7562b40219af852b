//! Where a test's ledger is. Every test of the ledger runs on each store.

use crate::{Ledger, Server};

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
            Self::File(folder) => Ledger::open(&folder.path().join("ledger.sqlite")),
            Self::Server(schema) => Ledger::connect(&Server::parse(schema.address(), None, None).unwrap()),
        }
    }

    /// How many random cases are worth their time: a server's commits reach its disk.
    pub(super) const fn cases(&self) -> u32 {
        match self {
            Self::Memory | Self::File(_) => 48,
            Self::Server(_) => 8,
        }
    }
}

/// Makes of each function a test on either store; on SQLite in `memory` or in a `file`.
macro_rules! on_each_store {
    ($sqlite:ident; $($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[test] fn $name() { super::$name(&super::Place::$sqlite()); })+
        }
        mod on_postgres {
            $(#[test] fn $name() { super::$name(&super::Place::server()); })+
        }
    };
}
pub(super) use on_each_store;
