//! What a booked sale is in the store: rows, their bytes, and entries of indexes.

use std::path::Path;

use ledger::Ledger;
use rusqlite::Connection;

use crate::BATCH;
use crate::intake::Intake;
use crate::shop::{Failed, MERCHANTS};

/// What a bare insert must write to write as much.
pub(crate) struct Shape {
    /// Rows for each sale.
    pub(crate) rows: u64,
    /// Bytes in a row, numbers counted as their digits.
    pub(crate) bytes: u64,
    /// Indexes that a row is in, its key among them.
    pub(crate) indexes: u64,
}

impl Shape {
    /// Books one batch and counts what that was.
    pub(crate) fn measure(file: &Path) -> Result<Self, Failed> {
        let mut intake = Intake::new(Ledger::open(file)?, MERCHANTS)?;
        intake.batch()?;
        drop(intake);
        let connection = Connection::open(file)?;
        let list = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
        let (mut rows, mut bytes, mut entries) = (0, 0, 0);
        for table in texts(&connection, list)? {
            let of_table = number(&connection, &format!("SELECT count(*) FROM {table}"))?;
            // What was there before the first sale does not count.
            if of_table < BATCH / 2 {
                continue;
            }
            rows += of_table;
            bytes += bytes_of(&connection, &table)?;
            entries += entries_of(&connection, &table, of_table)?;
        }
        let half = rows / 2;
        Ok(Self {
            rows: (rows + BATCH / 2) / BATCH,
            bytes: bytes / rows.max(1),
            indexes: (entries + half) / rows.max(1),
        })
    }
}

fn bytes_of(connection: &Connection, table: &str) -> Result<u64, Failed> {
    let columns = texts(connection, &format!("SELECT name FROM pragma_table_info('{table}')"))?;
    let length = |column: &String| format!("coalesce(length(CAST({column} AS BLOB)), 0)");
    let lengths: Vec<String> = columns.iter().map(length).collect();
    number(connection, &format!("SELECT sum({}) FROM {table}", lengths.join(" + ")))
}

/// Entries of the table's indexes: each row is in its key's, and in each other index whose condition it meets.
fn entries_of(connection: &Connection, table: &str, rows: u64) -> Result<u64, Failed> {
    let indexes = format!(
        "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = '{table}' AND sql IS NOT NULL"
    );
    let mut entries = rows;
    for index in texts(connection, &indexes)? {
        entries += match index.split_once(" WHERE ") {
            Some((_, condition)) => {
                number(connection, &format!("SELECT count(*) FROM {table} WHERE {condition}"))?
            }
            None => rows,
        };
    }
    Ok(entries)
}

fn texts(connection: &Connection, query: &str) -> Result<Vec<String>, Failed> {
    let mut statement = connection.prepare(query)?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn number(connection: &Connection, query: &str) -> Result<u64, Failed> {
    let number: i64 = connection.query_row(query, [], |row| row.get(0))?;
    Ok(u64::try_from(number)?)
}
