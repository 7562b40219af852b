//! Reading, beside whoever writes.

use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};
use units::{EventId, Timestamp};

use super::{open_to_read, store};
use crate::error::LogError;
use crate::query::{Found, OutcomeRow, Query, RequestRow};
use crate::settings::OUTCOMES_MAX;
use crate::volume::{Volume, time_of};

const COLUMNS: &str = "event_id, lane, class, method, host, endpoint, recognised, advertiser_id, publisher_id,
    creative_id, reference, minor, currency, phase, consent, consent_reason, country, network, referrer, problems,
    mode, status, leads_to, took_micros";

/// Reads the log in a folder, whether or not a process writes it.
#[derive(Clone, Debug)]
pub struct Reader {
    folder: PathBuf,
}

impl Reader {
    /// The log in `folder`; a folder that is not there is an empty log.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The requests that `query` asks for. It looks through the volumes from the newest on and stops as soon as the
    /// answer is full.
    ///
    /// # Errors
    /// If a volume cannot be read.
    pub fn find(&self, query: &Query) -> Result<Found, LogError> {
        let wanted = query.rows();
        let mut rows = Vec::new();
        // Months and days overlap, so each kind is followed by itself up to a full answer.
        for money in [true, false] {
            let mut of_kind = Vec::new();
            for volume in self.volumes(query)?.into_iter().filter(|volume| volume.money == money) {
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
        let path = Volume::of(event_id, true).path(&self.folder);
        let Some(connection) = opened(&path)? else { return Ok(Vec::new()) };
        let query = "SELECT at, what, detail FROM outcomes WHERE event_id = ?1 ORDER BY number LIMIT ?2";
        let read = |row: &Row<'_>| {
            let at = Timestamp::from_millis(row.get(0)?);
            Ok(OutcomeRow { at, what: row.get(1)?, detail: row.get(2)? })
        };
        let limit = i64::try_from(OUTCOMES_MAX).unwrap_or(i64::MAX);
        let rows = connection.prepare(query).and_then(|mut statement| {
            statement.query_map((event_id.as_u128().to_be_bytes(), limit), read)?.collect()
        });
        rows.map_err(store(&path, "list outcomes"))
    }

    /// The volumes that may hold something of the answer, the newest first.
    fn volumes(&self, query: &Query) -> Result<Vec<Volume>, LogError> {
        let all = Volume::all(&self.folder);
        let mut volumes = all.map_err(|source| LogError::Io { path: self.folder.clone(), source })?;
        let (newest, oldest) = query.range();
        volumes.retain(|volume| volume.from.start() <= time_of(newest) && volume.end() > time_of(oldest));
        Ok(volumes)
    }

    fn find_in(&self, volume: Volume, query: &Query, limit: usize) -> Result<Vec<RequestRow>, LogError> {
        let path = volume.path(&self.folder);
        let Some(connection) = opened(&path)? else { return Ok(Vec::new()) };
        let (condition, values) = condition(query);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let text =
            format!("SELECT {COLUMNS} FROM requests WHERE {condition} ORDER BY event_id DESC LIMIT {limit}");
        let rows = connection
            .prepare(&text)
            .and_then(|mut statement| statement.query_map(params_from_iter(values), row)?.collect());
        rows.map_err(store(&path, "find requests"))
    }
}

/// Opens a volume; none if it is not there, as when retention took it a moment ago.
fn opened(path: &PathBuf) -> Result<Option<Connection>, LogError> {
    if path.exists() { open_to_read(path) } else { Ok(None) }
}

/// The condition of a query, in the store's words. The values are always bound, never written into it.
fn condition(query: &Query) -> (String, Vec<Value>) {
    let (newest, oldest) = query.range();
    let blob = |event_id: EventId| Value::Blob(event_id.as_u128().to_be_bytes().to_vec());
    let mut condition = "event_id <= ?1 AND event_id >= ?2".to_owned();
    let mut values = vec![blob(newest), blob(oldest)];
    let id = |id: Option<u64>| id.map(|id| Value::Integer(id.cast_signed()));
    for (column, value) in [
        ("reference", query.reference.clone().map(Value::Text)),
        ("advertiser_id", id(query.advertiser_id)),
        ("publisher_id", id(query.publisher_id)),
        ("class", query.class.clone().map(Value::Text)),
    ] {
        let Some(value) = value else { continue };
        values.push(value);
        condition = format!("{condition} AND {column} = ?{}", values.len());
    }
    (condition, values)
}

fn row(row: &Row<'_>) -> rusqlite::Result<RequestRow> {
    let event_id = EventId::from_u128(u128::from_be_bytes(row.get(0)?));
    let id =
        |column: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(i64::cast_unsigned));
    Ok(RequestRow {
        event_id,
        received_at: time_of(event_id),
        lane: row.get(1)?,
        class: row.get(2)?,
        method: row.get(3)?,
        host: row.get(4)?,
        endpoint: row.get(5)?,
        recognised: row.get(6)?,
        advertiser_id: id(7)?,
        publisher_id: id(8)?,
        creative_id: id(9)?,
        reference: row.get(10)?,
        minor: row.get(11)?,
        currency: row.get(12)?,
        phase: row.get(13)?,
        consent: row.get(14)?,
        consent_reason: row.get(15)?,
        country: row.get(16)?,
        network: row.get(17)?,
        referrer: row.get(18)?,
        problems: row.get(19)?,
        mode: row.get(20)?,
        status: row.get(21)?,
        leads_to: row.get(22)?,
        took_micros: row.get::<_, i64>(23)?.cast_unsigned(),
    })
}
