//! A PostgreSQL server on which something is kept, in the place of the data directory.
//!
//! A process that keeps something on a server leaves a note of it in its data directory, readable by its owner alone, for
//! the commands that need it while nothing is running.

use std::fmt;
use std::path::{Path, PathBuf};

use ledger::Server;
use serde::{Deserialize, Serialize};
use tracking::source::Section;

use crate::data::write_private;

type Wrong = Box<dyn std::error::Error + Send + Sync>;

/// What may be kept on a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kept {
    Ledger,
    RequestLog,
}

impl Kept {
    const fn name(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::RequestLog => "request log",
        }
    }

    const fn note(self) -> &'static str {
        match self {
            Self::Ledger => "ledger.json",
            Self::RequestLog => "requests.json",
        }
    }

    /// The keys of the address, the password's file and the certificates' file.
    const fn keys(self) -> [&'static str; 3] {
        match self {
            Self::Ledger => ["ledger", "ledger_password_file", "ledger_certificates"],
            Self::RequestLog => ["server", "password_file", "certificates"],
        }
    }
}

/// Where something is kept.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct ServerPlace {
    /// The server's address; none for the data directory.
    pub(crate) address: Option<String>,
    /// The file that holds the password alone.
    pub(crate) password_file: Option<PathBuf>,
    /// The PEM file with the certificates that the server's is checked against, in the place of the system's.
    pub(crate) certificates: Option<PathBuf>,
}

/// An address may hold a password.
impl fmt::Debug for ServerPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.address.is_some() { "ServerPlace(server)" } else { "ServerPlace(file)" })
    }
}

impl ServerPlace {
    /// Reads the keys of a section of the settings.
    pub(crate) fn read(section: &Section<'_, '_>, kept: Kept) -> Self {
        let [address, password_file, certificates] = kept.keys();
        let place = Self {
            address: section.text(address),
            password_file: section.text(password_file).map(PathBuf::from),
            certificates: section.text(certificates).map(PathBuf::from),
        };
        match &place.address {
            Some(text) => {
                if let Err(error) = Server::check(text) {
                    section.mistake_at(address, error.to_string());
                }
            }
            None if place != Self::default() => section.mistake(format!(
                "`{password_file}` and `{certificates}` are for a {} on a server: name it too, as `{address}`",
                kept.name()
            )),
            None => {}
        }
        place
    }

    /// The place that the data directory `data` has a note of; the directory itself if there is none.
    pub(crate) fn noted(data: &Path, kept: Kept) -> Result<Self, Wrong> {
        let note = data.join(kept.note());
        match std::fs::read_to_string(&note) {
            Ok(text) => serde_json::from_str(&text).map_err(|error| {
                format!(
                    "{} is damaged: {error}. Start its process once, which writes it anew",
                    note.display()
                )
                .into()
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(format!("cannot read {}: {error}", note.display()).into()),
        }
    }

    /// Leaves a note of this place in the data directory, or takes it away where the directory is the place.
    pub(crate) fn note(&self, data: &Path, kept: Kept) -> Result<(), Wrong> {
        let note = data.join(kept.note());
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

    /// The server; none if the data directory is the place.
    pub(crate) fn server(&self, kept: Kept) -> Result<Option<Server>, String> {
        let Some(address) = &self.address else { return Ok(None) };
        let password = self.password_file.as_ref().map(|file| {
            let read = std::fs::read_to_string(file);
            read.map_err(|error| {
                format!("cannot read the password of the {}, {}: {error}", kept.name(), file.display())
            })
        });
        let password = password.transpose()?;
        let server = Server::parse(address, password.as_deref().map(str::trim), self.certificates.as_deref());
        server.map(Some).map_err(|error| format!("the {}: {error}", kept.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_found_again_and_goes_with_the_server() {
        let folder = tempfile::tempdir().unwrap();
        let place = ServerPlace {
            address: Some("postgres://ada:secret@127.0.0.1:1/turnout".to_owned()),
            password_file: Some("password".into()),
            certificates: None,
        };
        place.note(folder.path(), Kept::Ledger).unwrap();
        assert_eq!(ServerPlace::noted(folder.path(), Kept::Ledger).unwrap(), place);
        assert_eq!(format!("{place:?}"), "ServerPlace(server)");
        ServerPlace::default().note(folder.path(), Kept::Ledger).unwrap();
        assert_eq!(ServerPlace::noted(folder.path(), Kept::Ledger).unwrap(), ServerPlace::default());
        std::fs::write(folder.path().join(Kept::Ledger.note()), "{").unwrap();
        let error = ServerPlace::noted(folder.path(), Kept::Ledger).unwrap_err().to_string();
        assert!(error.contains("is damaged"), "{error}");
    }

    #[test]
    fn a_password_that_cannot_be_read_is_told() {
        let place = ServerPlace {
            address: Some("postgres://ada@127.0.0.1:1/turnout".to_owned()),
            password_file: Some("/no/such/password".into()),
            certificates: None,
        };
        let error = place.server(Kept::RequestLog).unwrap_err();
        assert!(error.contains("/no/such/password"), "{error}");
    }
}
