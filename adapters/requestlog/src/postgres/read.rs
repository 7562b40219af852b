//! Reading, beside whoever writes.

use std::fmt;

use pglink::{Link, Row, Server, Value};
use units::EventId;

use super::{OUTCOMES, REQUESTS, check, connected, failed, listed};
use crate::columns::{self, Cells, Question};
use crate::error::LogError;
use crate::query::{OutcomeRow, Query, RequestRow};
use crate::settings::QUESTION_MAX;
use crate::volume::Volume;

/// A connection that reads.
pub(crate) struct Session {
    server: Server,
    link: Link,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({})", self.server)
    }
}

impl Session {
    pub(crate) fn open(server: &Server) -> Result<Self, LogError> {
        // Volumes are read along an index: a planner that has not seen a new volume yet would read and sort all of it.
        let more =
            "SET default_transaction_read_only = on; SET enable_seqscan = off; SET enable_bitmapscan = off;";
        let link = connected(server, QUESTION_MAX, more).map_err(failed(server, "take a connection"))?;
        Ok(Self { server: server.clone(), link })
    }

    /// Every volume, the newest first.
    pub(crate) fn volumes(&mut self) -> Result<Vec<Volume>, LogError> {
        let mut volumes = Vec::new();
        for table in listed(&mut self.link).map_err(failed(&self.server, "list its volumes"))? {
            check(&table)?;
            if table.is_requests {
                volumes.push(table.volume);
            }
        }
        volumes.sort_unstable_by(|a, b| b.cmp(a));
        Ok(volumes)
    }

    /// The requests of one volume that `query` asks for.
    pub(crate) fn find(
        &mut self,
        volume: Volume,
        query: &Query,
        limit: usize,
    ) -> Result<Vec<RequestRow>, LogError> {
        let table = volume.table(REQUESTS);
        columns::with_query(query, &table, limit, |question| {
            self.rows(&table, &question, "find requests", columns::request)
        })
    }

    /// What became of an event of a volume.
    pub(crate) fn outcomes(
        &mut self,
        volume: Volume,
        event_id: EventId,
    ) -> Result<Vec<OutcomeRow>, LogError> {
        let table = volume.table(OUTCOMES);
        columns::with_outcomes(event_id, &table, |question| {
            self.rows(&table, &question, "list outcomes", columns::outcome)
        })
    }

    fn rows<T>(
        &mut self,
        table: &str,
        question: &Question<'_>,
        doing: &'static str,
        read: impl Fn(&Row) -> Result<T, usize>,
    ) -> Result<Vec<T>, LogError> {
        let rows = match self.link.rows(&question.sql, &question.values) {
            // Retention took it a moment ago, or it never was.
            Err(error) if error.is_missing_table() => return Ok(Vec::new()),
            rows => rows.map_err(failed(&self.server, doing))?,
        };
        let strange = |column| LogError::Strange { volume: table.to_owned(), column };
        rows.iter().map(|row| read(row).map_err(strange)).collect()
    }
}

impl Cells for Row {
    fn value(&self, place: usize) -> Option<Value<'_>> {
        pglink::value(self, place)
    }
}
