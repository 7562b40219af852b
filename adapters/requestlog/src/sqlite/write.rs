//! Writing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use relay::seen::Seen;
use rusqlite::{Connection, Transaction, params};

use super::{open, store};
use crate::entry::{Entry, Outcome};
use crate::error::LogError;
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
        let mut by_volume: BTreeMap<Volume, Vec<&Entry>> = BTreeMap::new();
        for entry in entries {
            by_volume.entry(Volume::of_entry(entry)).or_default().push(entry);
        }
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

    /// Forgets a volume, so that its file can be removed.
    pub(crate) fn close(&mut self, volume: Volume) {
        self.open.remove(&volume);
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
    for entry in entries {
        match entry {
            Entry::Seen(seen) => write_seen(&transaction, seen, lane)?,
            Entry::Outcome(outcome) => write_outcome(&transaction, outcome)?,
        }
    }
    transaction.commit()
}

fn write_seen(transaction: &Transaction<'_>, seen: &Seen, lane: &str) -> rusqlite::Result<()> {
    let insert = "INSERT INTO requests (event_id, lane, class, method, host, endpoint, recognised, advertiser_id,
        publisher_id, creative_id, reference, minor, currency, phase, consent, consent_reason, country, network,
        referrer, problems, mode, status, leads_to, took_micros)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22,
        ?23, ?24) ON CONFLICT (event_id) DO NOTHING";
    let amount = seen.amount.as_ref();
    let consent = seen.consent.filter(|_| seen.recognised);
    transaction.prepare_cached(insert)?.execute(params![
        seen.event_id.as_u128().to_be_bytes(),
        lane,
        seen.class.name(),
        seen.method.name(),
        seen.host.as_str(),
        seen.endpoint.as_str(),
        seen.recognised,
        seen.advertiser_id.map(u64::cast_signed),
        seen.publisher_id.map(u64::cast_signed),
        seen.creative_id.map(u64::cast_signed),
        seen.reference.as_deref(),
        amount.map(|amount| amount.minor),
        amount.map(|amount| amount.currency.code()),
        seen.phase.map(|phase| phase.name()),
        consent.map(|consent| consent.name()),
        consent.map(|consent| consent.reason().name()),
        seen.country.as_deref(),
        seen.network.map(|network| network.to_string()),
        seen.referrer.as_deref(),
        seen.problems.join(" "),
        seen.mode.name(),
        seen.status,
        seen.leads_to.as_deref(),
        i64::try_from(seen.took.as_micros()).unwrap_or(i64::MAX),
    ])?;
    Ok(())
}

fn write_outcome(transaction: &Transaction<'_>, outcome: &Outcome) -> rusqlite::Result<()> {
    let insert = "INSERT INTO outcomes (event_id, at, what, detail) VALUES (?1, ?2, ?3, ?4)";
    let event_id = outcome.event_id.as_u128().to_be_bytes();
    let row = params![event_id, outcome.at.as_millis(), outcome.what, outcome.detail];
    transaction.prepare_cached(insert)?.execute(row)?;
    Ok(())
}
