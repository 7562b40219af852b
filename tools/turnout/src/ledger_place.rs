//! Where the ledger is: a file in the data directory, or a PostgreSQL server.
//!
//! A processor whose ledger is on a server leaves a note of it in its data directory, readable by its owner alone, for the
//! commands that need the ledger while nothing is running.

use std::fmt;
use std::path::{Path, PathBuf};

use ledger::{Ledger, Server};
use serde::{Deserialize, Serialize};

use crate::data::write_private;

type Wrong = Box<dyn std::error::Error + Send + Sync>;

/// The ledger's file in a data directory.
const FILE: &str = "ledger.sqlite";

/// The note of a ledger that is elsewhere.
const NOTE: &str = "ledger.json";

/// Where the ledger is.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct LedgerPlace {
    /// The server's address; none for the file.
    pub(crate) address: Option<String>,
    /// The file that holds the password alone.
    pub(crate) password_file: Option<PathBuf>,
    /// The PEM file with the certificates that the server's is checked against, in the place of the system's.
    pub(crate) certificates: Option<PathBuf>,
}

/// An address may hold a password.
impl fmt::Debug for LedgerPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.address.is_some() { "LedgerPlace(server)" } else { "LedgerPlace(file)" })
    }
}

impl LedgerPlace {
    /// The place that the data directory `data` has a note of; the file in it if there is none.
    pub(crate) fn noted(data: &Path) -> Result<Self, Wrong> {
        let note = data.join(NOTE);
        match std::fs::read_to_string(&note) {
            Ok(text) => serde_json::from_str(&text).map_err(|error| {
                format!(
                    "{} is damaged: {error}. Start the processor once, which writes it anew",
                    note.display()
                )
                .into()
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(format!("cannot read {}: {error}", note.display()).into()),
        }
    }

    /// Leaves a note of this place in the data directory, or takes it away where the ledger is there itself.
    pub(crate) fn note(&self, data: &Path) -> Result<(), Wrong> {
        let note = data.join(NOTE);
        if self.address.is_some() {
            return Ok(write_private(&note, &serde_json::to_string_pretty(self)?)?);
        }
        match std::fs::remove_file(&note) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(format!("cannot remove {}: {error}", note.display()).into())
            }
            _ => Ok(()),
        }
    }

    /// The server; none if the ledger is in the file.
    pub(crate) fn server(&self) -> Result<Option<Server>, String> {
        let Some(address) = &self.address else { return Ok(None) };
        let password = self.password_file.as_ref().map(|file| {
            let read = std::fs::read_to_string(file);
            read.map_err(|error| format!("cannot read the ledger's password {}: {error}", file.display()))
        });
        let password = password.transpose()?;
        let server = Server::parse(address, password.as_deref().map(str::trim), self.certificates.as_deref());
        server.map(Some).map_err(|error| error.to_string())
    }

    /// Opens the ledger as its one writer.
    pub(crate) fn open(&self, data: &Path) -> Result<Ledger, Wrong> {
        Ok(match self.server()? {
            Some(server) => Ledger::connect(&server)?,
            None => Ledger::open(&data.join(FILE))?,
        })
    }

    /// Opens the ledger for reading, while nothing is running.
    pub(crate) fn look(&self, data: &Path) -> Result<Ledger, Wrong> {
        let file = data.join(FILE);
        match self.server()? {
            Some(server) => Ok(Ledger::look(&server)?),
            None if file.exists() => Ok(Ledger::open_reader(&file)?),
            None => Err(format!("nothing is running, and there is no {}", file.display()).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_found_again_and_goes_with_the_server() {
        let folder = tempfile::tempdir().unwrap();
        let place = LedgerPlace {
            address: Some("postgres://ada:secret@127.0.0.1:1/turnout".to_owned()),
            password_file: Some("password".into()),
            certificates: None,
        };
        place.note(folder.path()).unwrap();
        assert_eq!(LedgerPlace::noted(folder.path()).unwrap(), place);
        assert_eq!(format!("{place:?}"), "LedgerPlace(server)");
        LedgerPlace::default().note(folder.path()).unwrap();
        assert_eq!(LedgerPlace::noted(folder.path()).unwrap(), LedgerPlace::default());
        std::fs::write(folder.path().join(NOTE), "{").unwrap();
        let error = LedgerPlace::noted(folder.path()).unwrap_err().to_string();
        assert!(error.contains("is damaged"), "{error}");
    }

    #[test]
    fn a_password_that_cannot_be_read_is_told() {
        let place = LedgerPlace {
            address: Some("postgres://ada@127.0.0.1:1/turnout".to_owned()),
            password_file: Some("/no/such/password".into()),
            certificates: None,
        };
        let error = place.server().unwrap_err();
        assert!(error.contains("/no/such/password"), "{error}");
    }
}
