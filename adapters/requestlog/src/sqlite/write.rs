//! Writing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pglink::Value;
use rusqlite::{CachedStatement, Connection, params_from_iter};

use super::{bound, open, store};
use crate::columns;
use crate::entry::Entry;
use crate::error::LogError;
use crate::retention;
use crate::settings::OPEN_MAX;
use crate::volume::Volume;

/// The volumes that are open for writing.
#[derive(Debug)]
pub(crate) struct Volumes {
    folder: PathBuf,
    lane: String,
    open: BTreeMap<Volume, Connection>,
}

impl Volumes {
    /// The volumes of `folder`, into which entries of `lane` are written.
    pub(crate) fn new(folder: &Path, lane: &str) -> Self {
        Self { folder: folder.to_owned(), lane: lane.to_owned(), open: BTreeMap::new() }
    }

    /// Writes entries, those of one volume together. How many were written.
    ///
    /// # Errors
    /// The first failure; what belongs to the other volumes is written all the same.
    pub(crate) fn write(&mut self, entries: &[Entry]) -> (usize, Result<(), LogError>) {
        let by_volume = Volume::sorted(entries);
        let (mut written, mut outcome) = (0, Ok(()));
        for (volume, entries) in by_volume {
            match self.write_into(volume, &entries) {
                Ok(()) => written += entries.len(),
                Err(error) => {
                    // A volume that failed is opened anew: its file may have been moved or mended meanwhile.
                    self.open.remove(&volume);
                    outcome = outcome.and(Err(error));
                }
            }
        }
        (written, outcome)
    }

    /// Every volume with its bytes.
    pub(crate) fn held(&self) -> Result<Vec<(Volume, u64)>, LogError> {
        retention::held(&self.folder).map_err(self.io())
    }

    /// Removes a volume.
    pub(crate) fn remove(&mut self, volume: Volume) -> Result<(), LogError> {
        self.open.remove(&volume);
        retention::remove(&self.folder, volume).map_err(self.io())
    }

    /// Bytes that are free where the volumes are; none if nobody can tell.
    pub(crate) fn free_bytes(&self) -> Option<u64> {
        retention::free_bytes(&self.folder)
    }

    fn io(&self) -> impl FnOnce(std::io::Error) -> LogError {
        let path = self.folder.clone();
        |source| LogError::Io { path, source }
    }

    fn write_into(&mut self, volume: Volume, entries: &[&Entry]) -> Result<(), LogError> {
        let path = volume.path(&self.folder);
        if !self.open.contains_key(&volume) {
            while self.open.len() >= OPEN_MAX {
                self.open.pop_first();
            }
            self.open.insert(volume, open(&self.folder, volume)?);
        }
        let Some(connection) = self.open.get_mut(&volume) else { return Ok(()) };
        let doing = store(&path, "write");
        write(connection, entries, &self.lane).map_err(doing)
    }
}

fn write(connection: &mut Connection, entries: &[&Entry], lane: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut requests = transaction.prepare_cached(&columns::insert_request("requests"))?;
        let mut outcomes = transaction.prepare_cached(&columns::insert_outcome("outcomes"))?;
        for entry in entries {
            match entry {
                Entry::Seen(seen) => columns::with_request(seen, lane, |row| run(&mut requests, row))?,
                Entry::Outcome(outcome) => columns::with_outcome(outcome, |row| run(&mut outcomes, row))?,
            }
        }
    }
    transaction.commit()
}

fn run(statement: &mut CachedStatement<'_>, row: &[Value<'_>]) -> rusqlite::Result<()> {
    statement.execute(params_from_iter(row.iter().map(bound))).map(drop)
}
