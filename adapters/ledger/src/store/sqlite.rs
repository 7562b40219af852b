//! The store in a file: SQLite.

use std::path::Path;
use std::time::Duration;

use pglink::Value;
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, OpenFlags, ToSql};

use super::{Enough, Params, Purpose, Row, StoreError};

/// Compiled statements kept; there are fewer than this many.
const STATEMENTS_KEPT: usize = 224;

/// How long a reader waits for a writer that is changing the file's shape.
const READER_WAIT_MAX: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Sqlite(Connection);

impl Sqlite {
    pub(super) fn file(path: &Path) -> Result<Self, StoreError> {
        Self::prepare(Connection::open(path)?)
    }

    pub(super) fn memory() -> Result<Self, StoreError> {
        Self::prepare(Connection::open_in_memory()?)
    }

    fn prepare(connection: Connection) -> Result<Self, StoreError> {
        // FULL syncs the log at every commit: what was acknowledged is on stable storage (I1). The log's file
        // is cut back after a checkpoint, because under constant load it would keep its largest size.
        let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF;
            PRAGMA secure_delete = FAST; PRAGMA journal_size_limit = 67108864; PRAGMA busy_timeout = 5000;
            PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY;";
        connection.execute_batch(settings)?;
        Self::kept(connection)
    }

    /// A connection whose compiled statements are kept as they are. Without being told so, SQLite compiles a statement
    /// anew whenever a parameter changes that an index could depend on: nearly every time that it is run.
    fn kept(connection: Connection) -> Result<Self, StoreError> {
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        Ok(Self(connection))
    }

    pub(super) fn reader(&self) -> Result<Option<Self>, StoreError> {
        let Some(path) = self.0.path().filter(|path| !path.is_empty()) else { return Ok(None) };
        Self::file_reader(Path::new(path)).map(Some)
    }

    pub(super) fn file_reader(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.busy_timeout(READER_WAIT_MAX)?;
        Self::kept(connection)
    }

    /// Copies the store in `path` into a new file. The copy has no gaps, and every commit until now.
    pub(super) fn copy_file(path: &Path, to: &Path) -> Result<(), StoreError> {
        let reader = Self::file_reader(path)?;
        reader.0.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
        std::fs::File::open(to).and_then(|file| file.sync_all()).map_err(StoreError::File)
    }

    pub(super) fn run(&self, sql: &str, params: &dyn Params) -> Result<usize, StoreError> {
        Ok(self.bound(sql, params)?.raw_execute()?)
    }

    pub(super) fn rows(
        &self,
        sql: &str,
        params: &dyn Params,
        each: &mut dyn FnMut(&Row<'_>) -> Result<Enough, StoreError>,
    ) -> Result<(), StoreError> {
        let mut statement = self.bound(sql, params)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            if each(&Row::Sqlite(row))? == Enough::Yes {
                break;
            }
        }
        Ok(())
    }

    fn bound(&self, sql: &str, params: &dyn Params) -> Result<CachedStatement<'_>, StoreError> {
        let mut statement = self.0.prepare_cached(sql)?;
        let (mut place, mut wrong) = (0_usize, None);
        params.each(&mut |name, value| {
            place = place.saturating_add(1);
            let to = if name.is_empty() { Ok(Some(place)) } else { statement.parameter_index(name) };
            let bound = match to {
                Ok(Some(index)) => {
                    statement.raw_bind_parameter(index, Bound(value)).map_err(StoreError::from)
                }
                Ok(None) => Err(StoreError::Parameter(name.to_owned())),
                Err(error) => Err(error.into()),
            };
            wrong = wrong.take().or(bound.err());
        });
        wrong.map_or(Ok(statement), Err)
    }

    pub(super) fn script(&self, text: &str) -> Result<(), StoreError> {
        Ok(self.0.execute_batch(text)?)
    }

    pub(super) fn begin(&self, purpose: Purpose) -> Result<(), StoreError> {
        self.script(match purpose {
            Purpose::Write => "BEGIN IMMEDIATE",
            Purpose::Look => "BEGIN",
        })
    }

    /// Undoes the open transaction. A failed commit may have undone it already; one that cannot be undone is
    /// seen by the next that begins.
    pub(super) fn roll_back(&self) {
        if !self.0.is_autocommit() {
            drop(self.0.execute_batch("ROLLBACK"));
        }
    }
}

/// True if a failure is one of the file, its disk or this process, and not of a statement.
pub(super) const fn is_of_the_store(code: ErrorCode) -> bool {
    !matches!(
        code,
        ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::TooBig
            | ErrorCode::ParameterOutOfRange
            | ErrorCode::ApiMisuse
            | ErrorCode::Unknown
    )
}

/// A value as SQLite gives it; none for a kind that the ledger never stores.
pub(super) fn value(found: ValueRef<'_>) -> Option<Value<'_>> {
    match found {
        ValueRef::Null => Some(Value::Null),
        ValueRef::Integer(number) => Some(Value::Integer(number)),
        ValueRef::Text(text) => core::str::from_utf8(text).ok().map(Value::Text),
        ValueRef::Blob(bytes) => Some(Value::Bytes(bytes)),
        ValueRef::Real(_) => None,
    }
}

/// A value for a statement's place.
struct Bound<'a>(Value<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}
