//! Reading, beside whoever writes.

use std::path::{Path, PathBuf};

use pglink::Value;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params_from_iter};
use units::EventId;

use super::{bound, open_to_read, store};
use crate::columns::{self, Cells, Question};
use crate::error::LogError;
use crate::query::{OutcomeRow, Query, RequestRow};
use crate::volume::Volume;

/// Every volume of a folder, the newest first; a folder that is not there has none.
pub(crate) fn volumes(folder: &Path) -> Result<Vec<Volume>, LogError> {
    Volume::all(folder).map_err(|source| LogError::Io { path: folder.to_owned(), source })
}

/// The requests of one volume that `query` asks for.
pub(crate) fn find(
    folder: &Path,
    volume: Volume,
    query: &Query,
    limit: usize,
) -> Result<Vec<RequestRow>, LogError> {
    columns::with_query(query, "requests", limit, |question| {
        rows(&volume.path(folder), &question, "find requests", |row| columns::request(row))
    })
}

/// What became of an event of a volume.
pub(crate) fn outcomes(
    folder: &Path,
    volume: Volume,
    event_id: EventId,
) -> Result<Vec<OutcomeRow>, LogError> {
    columns::with_outcomes(event_id, "outcomes", |question| {
        rows(&volume.path(folder), &question, "list outcomes", |row| columns::outcome(row))
    })
}

fn rows<T>(
    path: &PathBuf,
    question: &Question<'_>,
    doing: &'static str,
    read: impl Fn(&Row<'_>) -> Result<T, usize>,
) -> Result<Vec<T>, LogError> {
    let Some(connection) = opened(path)? else { return Ok(Vec::new()) };
    let mut statement = connection.prepare(&question.sql).map_err(store(path, doing))?;
    let values = params_from_iter(question.values.iter().map(bound));
    let mut answer = statement.query(values).map_err(store(path, doing))?;
    let mut found = Vec::new();
    while let Some(row) = answer.next().map_err(store(path, doing))? {
        let strange = |column| LogError::Strange { volume: path.display().to_string(), column };
        found.push(read(row).map_err(strange)?);
    }
    Ok(found)
}

/// Opens a volume; none if it is not there, as when retention took it a moment ago.
fn opened(path: &PathBuf) -> Result<Option<Connection>, LogError> {
    if path.exists() { open_to_read(path) } else { Ok(None) }
}

impl Cells for Row<'_> {
    fn value(&self, place: usize) -> Option<Value<'_>> {
        match self.get_ref(place).ok()? {
            ValueRef::Null => Some(Value::Null),
            ValueRef::Integer(number) => Some(Value::Integer(number)),
            ValueRef::Text(text) => core::str::from_utf8(text).ok().map(Value::Text),
            ValueRef::Blob(bytes) => Some(Value::Bytes(bytes)),
            ValueRef::Real(_) => None,
        }
    }
}
