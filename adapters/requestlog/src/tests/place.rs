//! Where a test's log is.

use std::path::PathBuf;

use units::Timestamp;

use crate::{Entry, Log, Reader, Server, Settings, Status};

/// A place of its own for a test's log.
pub(super) enum Place {
    File(tempfile::TempDir),
    Server(pgserver::Schema),
}

impl Place {
    pub(super) fn file() -> Self {
        Self::File(tempfile::tempdir().unwrap())
    }

    pub(super) fn server() -> Self {
        Self::Server(pgserver::schema().unwrap_or_else(|error| panic!("{error}")))
    }

    /// Another, empty place of the same kind.
    pub(super) fn another(&self) -> Self {
        match self {
            Self::File(_) => Self::file(),
            Self::Server(_) => Self::server(),
        }
    }

    pub(super) fn of(&self) -> crate::Place {
        match self {
            Self::File(folder) => crate::Place::Folder(folder.path().join("requests")),
            Self::Server(schema) => Server::parse(schema.address(), None, None).unwrap().into(),
        }
    }

    /// The folder of a log in files.
    pub(super) fn folder(&self) -> PathBuf {
        match self.of() {
            crate::Place::Folder(folder) => folder,
            crate::Place::Server(server) => panic!("{server} is no folder"),
        }
    }

    pub(super) fn open(&self, lane: &str, settings: Settings, now: Timestamp) -> Log {
        Log::open(&self.of(), lane, settings, move || now).unwrap()
    }

    pub(super) fn reader(&self) -> Reader {
        Reader::open(&self.of()).unwrap()
    }

    /// Writes entries by a log of its own; how it stood when it was closed.
    pub(super) fn write(&self, entries: impl IntoIterator<Item = Entry>) -> Status {
        let log = self.open(super::LANE, super::roomy(), super::at("2026-11-30", 0));
        entries.into_iter().for_each(|entry| log.offer(entry));
        log.close();
        log.status()
    }
}
