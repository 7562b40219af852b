//! Reading, whether or not anybody writes.

use std::cell::RefCell;
use std::path::PathBuf;

use units::EventId;

use crate::error::LogError;
use crate::place::Place;
use crate::postgres::read::Session;
use crate::query::{Found, OutcomeRow, Query, RequestRow};
use crate::sqlite::read as files;
use crate::volume::{Volume, time_of};

/// Reads the log of a place, beside whoever writes it.
#[derive(Debug)]
pub struct Reader {
    source: Source,
}

#[derive(Debug)]
enum Source {
    Files(PathBuf),
    Tables(Box<RefCell<Session>>),
}

impl Reader {
    /// The log of `place`; a folder that is not there is an empty log.
    ///
    /// # Errors
    /// If its server cannot be asked.
    pub fn open(place: &Place) -> Result<Self, LogError> {
        let source = match place {
            Place::Folder(folder) => Source::Files(folder.clone()),
            Place::Server(server) => Source::Tables(Box::new(RefCell::new(Session::open(server)?))),
        };
        Ok(Self { source })
    }

    /// The requests that `query` asks for. It looks through the volumes from the newest on and stops as soon as the
    /// answer is full.
    ///
    /// # Errors
    /// If a volume cannot be read.
    pub fn find(&self, query: &Query) -> Result<Found, LogError> {
        let wanted = query.rows();
        let mut rows = Vec::new();
        let volumes = self.volumes(query)?;
        // Months and days overlap, so each kind is followed by itself up to a full answer.
        for money in [true, false] {
            let mut of_kind = Vec::new();
            for volume in volumes.iter().copied().filter(|volume| volume.money == money) {
                // One row more than wanted tells whether there are more.
                let missing = (wanted + 1).saturating_sub(of_kind.len());
                if missing == 0 {
                    break;
                }
                of_kind.extend(self.find_in(volume, query, missing)?);
            }
            rows.extend(of_kind);
        }
        rows.sort_unstable_by_key(|row: &RequestRow| std::cmp::Reverse(row.event_id));
        let more = rows.len() > wanted;
        rows.truncate(wanted);
        Ok(Found { rows, more })
    }

    /// What became of an event, in the order in which it was learnt.
    ///
    /// # Errors
    /// If the volume cannot be read.
    pub fn outcomes(&self, event_id: EventId) -> Result<Vec<OutcomeRow>, LogError> {
        let volume = Volume::of(event_id, true);
        match &self.source {
            Source::Files(folder) => files::outcomes(folder, volume, event_id),
            Source::Tables(session) => session.borrow_mut().outcomes(volume, event_id),
        }
    }

    /// The volumes that may hold something of the answer, the newest first.
    fn volumes(&self, query: &Query) -> Result<Vec<Volume>, LogError> {
        let mut volumes = match &self.source {
            Source::Files(folder) => files::volumes(folder)?,
            Source::Tables(session) => session.borrow_mut().volumes()?,
        };
        let (newest, oldest) = query.range();
        volumes.retain(|volume| volume.from.start() <= time_of(newest) && volume.end() > time_of(oldest));
        Ok(volumes)
    }

    fn find_in(&self, volume: Volume, query: &Query, limit: usize) -> Result<Vec<RequestRow>, LogError> {
        match &self.source {
            Source::Files(folder) => files::find(folder, volume, query, limit),
            Source::Tables(session) => session.borrow_mut().find(volume, query, limit),
        }
    }
}
