//! Writing, beside others who write.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Instant;

use pglink::{Link, LinkError, Server};

use super::{MAKING, OUTCOMES, REQUESTS, check, connected, failed, listed, tables};
use crate::columns;
use crate::entry::Entry;
use crate::error::LogError;
use crate::settings::{ANSWER_MAX, RESTS};
use crate::volume::Volume;

/// The tables of a server, into which entries of a lane are written.
pub(crate) struct Tables {
    server: Server,
    lane: String,
    link: Option<Link>,
    /// Volumes whose tables are known to be there.
    made: BTreeSet<Volume>,
    /// Until when the server is left alone.
    rests: Option<Instant>,
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tables({})", self.server)
    }
}

impl Tables {
    pub(crate) fn new(server: &Server, lane: &str) -> Self {
        let (server, lane) = (server.clone(), lane.to_owned());
        Self { server, lane, link: None, made: BTreeSet::new(), rests: None }
    }

    /// Writes entries, those of one volume together. How many were written.
    pub(crate) fn write(&mut self, entries: &[Entry]) -> (usize, Result<(), LogError>) {
        let (mut written, mut outcome) = (0, Ok(()));
        for (volume, entries) in Volume::sorted(entries) {
            match self.write_into(volume, &entries) {
                Ok(()) => written += entries.len(),
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        (written, outcome)
    }

    /// Every volume with its bytes.
    pub(crate) fn held(&mut self) -> Result<Vec<(Volume, u64)>, LogError> {
        let mut held: BTreeMap<Volume, u64> = BTreeMap::new();
        for table in self.with("list its volumes", listed)? {
            let bytes = held.entry(table.volume).or_default();
            *bytes = bytes.saturating_add(table.bytes);
        }
        Ok(held.into_iter().collect())
    }

    /// Removes a volume. Another writer may do the same at the same time.
    pub(crate) fn remove(&mut self, volume: Volume) -> Result<(), LogError> {
        self.made.remove(&volume);
        // The requests last, so that a volume that is half removed is still one.
        for kind in [OUTCOMES, REQUESTS] {
            let drop = format!("DROP TABLE IF EXISTS {}", volume.table(kind));
            self.with("remove a volume", |link| link.script(&drop, ANSWER_MAX))?;
        }
        Ok(())
    }

    fn write_into(&mut self, volume: Volume, entries: &[&Entry]) -> Result<(), LogError> {
        self.make(volume)?;
        let lane = self.lane.clone();
        let outcome = self.with("write", |link| {
            let written = in_transaction(link, |link| write(link, volume, entries, &lane));
            // Another writer has taken the volume away meanwhile.
            written
                .map(|()| true)
                .or_else(|error| if error.is_missing_table() { Ok(false) } else { Err(error) })
        });
        if outcome? {
            return Ok(());
        }
        self.made.remove(&volume);
        self.make(volume)?;
        self.with("write", |link| in_transaction(link, |link| write(link, volume, entries, &lane)))
    }

    /// Makes a volume's tables, if they are not there; refuses those of a newer version.
    fn make(&mut self, volume: Volume) -> Result<(), LogError> {
        if self.made.contains(&volume) {
            return Ok(());
        }
        let there = self.with("list its volumes", listed)?;
        there.iter().filter(|table| table.volume == volume).try_for_each(check)?;
        self.with("make a volume", |link| in_transaction(link, |link| make(link, volume)))?;
        self.made.insert(volume);
        Ok(())
    }

    /// Does `task` with a connection that works, and leaves the server alone for a while after one that does not.
    fn with<T>(
        &mut self,
        doing: &'static str,
        task: impl FnOnce(&mut Link) -> Result<T, LinkError>,
    ) -> Result<T, LogError> {
        if self.rests.is_some_and(|until| Instant::now() < until) {
            return Err(LogError::Resting { server: self.server.to_string() });
        }
        self.rests = None;
        let outcome = match self.link.take().filter(|link| !link.is_closed()) {
            Some(link) => Ok(link),
            None => connected(&self.server, ANSWER_MAX, ""),
        };
        let outcome = outcome.and_then(|mut link| {
            let outcome = task(&mut link);
            self.link = Some(link);
            outcome
        });
        if outcome.as_ref().is_err_and(LinkError::loses_the_connection) {
            self.link = None;
            self.rests = Instant::now().checked_add(RESTS);
        }
        outcome.map_err(failed(&self.server, doing))
    }
}

/// Makes what is missing of a volume's tables. Two sessions that make the same table at the same time would trip over each
/// other; and what is there is not touched, because even to look for its indexes would wait for those who write.
fn make(link: &mut Link, volume: Volume) -> Result<(), LinkError> {
    link.script(&format!("SELECT pg_advisory_xact_lock({MAKING})"), ANSWER_MAX)?;
    let there = listed(link)?.iter().filter(|table| table.volume == volume).count();
    if there == 1 + usize::from(volume.money) {
        return Ok(());
    }
    link.script(&tables(volume), ANSWER_MAX)
}

/// Does `task` in a transaction, of which nothing has happened if it fails.
fn in_transaction(
    link: &mut Link,
    task: impl FnOnce(&mut Link) -> Result<(), LinkError>,
) -> Result<(), LinkError> {
    link.script("BEGIN", ANSWER_MAX)?;
    let outcome = task(link);
    // What was sent and not waited for is waited for now, whether or not it matters any more.
    let settled = link.settle();
    match outcome.and(settled) {
        Ok(()) => link.script("COMMIT", ANSWER_MAX),
        Err(error) => link.script("ROLLBACK", ANSWER_MAX).and(Err(error)),
    }
}

fn write(link: &mut Link, volume: Volume, entries: &[&Entry], lane: &str) -> Result<(), LinkError> {
    let request = columns::insert_request(&volume.table(REQUESTS));
    let outcome = columns::insert_outcome(&volume.table(OUTCOMES));
    for entry in entries {
        match entry {
            Entry::Seen(seen) => columns::with_request(seen, lane, |row| link.send(&request, &row))?,
            Entry::Outcome(one) => columns::with_outcome(one, |row| link.send(&outcome, &row))?,
        }
    }
    Ok(())
}
