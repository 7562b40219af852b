//! Where the ledger is: a file in the data directory, or a PostgreSQL server.

use std::path::Path;

use ledger::Ledger;
use tracking::source::Section;

use crate::server_place::{Kept, ServerPlace};

type Wrong = Box<dyn std::error::Error + Send + Sync>;

/// The ledger's file in a data directory.
const FILE: &str = "ledger.sqlite";

/// Where the ledger is.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct LedgerPlace(ServerPlace);

impl LedgerPlace {
    /// Reads the processor's section of the settings.
    pub(crate) fn read(section: &Section<'_, '_>) -> Self {
        Self(ServerPlace::read(section, Kept::Ledger))
    }

    /// The place that the data directory `data` has a note of; the file in it if there is none.
    pub(crate) fn noted(data: &Path) -> Result<Self, Wrong> {
        ServerPlace::noted(data, Kept::Ledger).map(Self)
    }

    /// Leaves a note of this place in the data directory, or takes it away where the ledger is there itself.
    pub(crate) fn note(&self, data: &Path) -> Result<(), Wrong> {
        self.0.note(data, Kept::Ledger)
    }

    /// Whether it is on a server.
    pub(crate) const fn is_on_server(&self) -> bool {
        self.0.address.is_some()
    }

    /// Says what is wrong with it, without asking anybody else.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.0.server(Kept::Ledger).map(drop)
    }

    /// Opens the ledger as its one writer.
    pub(crate) fn open(&self, data: &Path) -> Result<Ledger, Wrong> {
        Ok(match self.0.server(Kept::Ledger)? {
            Some(server) => Ledger::connect(&server)?,
            None => Ledger::open(&data.join(FILE))?,
        })
    }

    /// Whether there is a ledger for a process on the data directory `data`.
    pub(crate) fn is_there(&self, data: &Path) -> bool {
        self.is_on_server() || data.join(FILE).exists()
    }

    /// Opens the ledger for reading, while nothing is running.
    pub(crate) fn look(&self, data: &Path) -> Result<Ledger, Wrong> {
        let file = data.join(FILE);
        match self.0.server(Kept::Ledger)? {
            Some(server) => Ok(Ledger::look(&server)?),
            None if file.exists() => Ok(Ledger::open_reader(&file)?),
            None => Err(format!("nothing is running, and there is no {}", file.display()).into()),
        }
    }
}
