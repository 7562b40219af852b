//! What the writer writes into: volumes that are files, or volumes that are tables.

use crate::entry::Entry;
use crate::error::LogError;
use crate::place::Place;
use crate::postgres::write::Tables;
use crate::sqlite::Volumes;
use crate::volume::Volume;

#[derive(Debug)]
pub(crate) enum Store {
    Files(Volumes),
    Tables(Box<Tables>),
}

impl Store {
    /// The store of `place`, into which entries of `lane` are written.
    pub(crate) fn of(place: &Place, lane: &str) -> Result<Self, LogError> {
        match place {
            Place::Folder(folder) => {
                let io = |source| LogError::Io { path: folder.clone(), source };
                std::fs::create_dir_all(folder).map_err(io)?;
                Ok(Self::Files(Volumes::new(folder, lane)))
            }
            // Nobody waits for the log, so nobody waits for its server either.
            Place::Server(server) => Ok(Self::Tables(Box::new(Tables::new(server, lane)))),
        }
    }

    /// Writes entries, those of one volume together. How many were written.
    ///
    /// # Errors
    /// The first failure; what belongs to the other volumes is written all the same.
    pub(crate) fn write(&mut self, entries: &[Entry]) -> (usize, Result<(), LogError>) {
        match self {
            Self::Files(volumes) => volumes.write(entries),
            Self::Tables(tables) => tables.write(entries),
        }
    }

    /// Every volume with its bytes.
    pub(crate) fn held(&mut self) -> Result<Vec<(Volume, u64)>, LogError> {
        match self {
            Self::Files(volumes) => volumes.held(),
            Self::Tables(tables) => tables.held(),
        }
    }

    /// Removes a volume.
    pub(crate) fn remove(&mut self, volume: Volume) -> Result<(), LogError> {
        match self {
            Self::Files(volumes) => volumes.remove(volume),
            Self::Tables(tables) => tables.remove(volume),
        }
    }

    /// Bytes that are free where the volumes are; none if nobody can tell.
    pub(crate) fn free_bytes(&self) -> Option<u64> {
        match self {
            Self::Files(volumes) => volumes.free_bytes(),
            Self::Tables(_) => None,
        }
    }
}
