//! Volumes as SQLite files: one writer each, any number of readers.

pub(crate) mod read;
mod write;

use std::path::{Path, PathBuf};

use pglink::Value;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags};

use crate::error::LogError;
use crate::settings::BUSY_WAIT;
use crate::volume::Volume;

pub(crate) use write::Volumes;

/// The version of the tables below.
const FORMAT: i64 = 1;

/// A request's row is found by its event, its order, its programme or its publisher. In a table without row numbers
/// every index ends with the primary key, so that each of them is in the order of time.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS requests (
        event_id       BLOB PRIMARY KEY,
        lane           TEXT NOT NULL,
        class          TEXT NOT NULL,
        method         TEXT NOT NULL,
        host           TEXT NOT NULL,
        endpoint       TEXT NOT NULL,
        recognised     INTEGER NOT NULL,
        advertiser_id  INTEGER,
        publisher_id   INTEGER,
        creative_id    INTEGER,
        reference      TEXT,
        minor          INTEGER,
        currency       TEXT,
        phase          TEXT,
        consent        TEXT,
        consent_reason TEXT,
        country        TEXT,
        network        TEXT,
        referrer       TEXT,
        problems       TEXT NOT NULL,
        mode           TEXT NOT NULL,
        status         INTEGER NOT NULL,
        leads_to       TEXT,
        took_micros    INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS requests_reference ON requests (reference) WHERE reference IS NOT NULL;
    CREATE INDEX IF NOT EXISTS requests_advertiser ON requests (advertiser_id) WHERE advertiser_id IS NOT NULL;
    CREATE INDEX IF NOT EXISTS requests_publisher ON requests (publisher_id) WHERE publisher_id IS NOT NULL;
    CREATE TABLE IF NOT EXISTS outcomes (
        number   INTEGER PRIMARY KEY,
        event_id BLOB NOT NULL,
        at       INTEGER NOT NULL,
        what     TEXT NOT NULL,
        detail   TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS outcomes_event ON outcomes (event_id);";

fn store<'p>(path: &'p Path, doing: &'static str) -> impl FnOnce(rusqlite::Error) -> LogError + 'p {
    move |source| LogError::Store { path: path.to_owned(), doing, source }
}

/// Opens a volume for writing; a new one gets its tables.
fn open(folder: &Path, volume: Volume) -> Result<Connection, LogError> {
    let path = volume.path(folder);
    let connection = Connection::open(&path).map_err(store(&path, "open"))?;
    // A crash of the machine may cost the last moments of the log, and never its soundness.
    let settings =
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 16777216;
        PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192;";
    connection.busy_timeout(BUSY_WAIT).map_err(store(&path, "open"))?;
    connection.execute_batch(settings).map_err(store(&path, "open"))?;
    match format(&connection, &path)? {
        0 => {
            let tables = format!("BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {FORMAT}; COMMIT;");
            connection.execute_batch(&tables).map_err(store(&path, "make its tables"))?;
        }
        FORMAT => {}
        found => return Err(of_format(&path, found)),
    }
    Ok(connection)
}

/// Opens a volume for reading; none if it is new and has no tables yet.
fn open_to_read(path: &PathBuf) -> Result<Option<Connection>, LogError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .map_err(store(path, "open for reading"))?;
    connection.busy_timeout(BUSY_WAIT).map_err(store(path, "open for reading"))?;
    match format(&connection, path)? {
        0 => Ok(None),
        FORMAT => Ok(Some(connection)),
        found => Err(of_format(path, found)),
    }
}

fn format(connection: &Connection, path: &Path) -> Result<i64, LogError> {
    let version = connection.query_row("PRAGMA user_version", (), |row| row.get(0));
    version.map_err(store(path, "read its version"))
}

fn of_format(path: &Path, found: i64) -> LogError {
    LogError::Format { volume: path.display().to_string(), found: found.to_string(), known: FORMAT }
}

/// A value for a statement's place.
fn bound<'a>(value: &Value<'a>) -> ToSqlOutput<'a> {
    ToSqlOutput::Borrowed(match *value {
        Value::Null => ValueRef::Null,
        Value::Integer(number) => ValueRef::Integer(number),
        Value::Text(text) => ValueRef::Text(text.as_bytes()),
        Value::Bytes(bytes) => ValueRef::Blob(bytes),
    })
}
