//! The tables, and how an older file gets them.
//!
//! Each change of the tables is a numbered file that is never edited once it has been released. What was
//! applied is kept with a checksum, so that an edited file, a file from a newer version and a hand-made
//! change are refused instead of guessed at.

use sha2::{Digest as _, Sha256};

use crate::store::{Connection, Purpose, StoreError};
use crate::{LedgerError, sql, store};

/// One change of the tables, for either store.
struct Change {
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! changes {
    ($($name:literal),+ $(,)?) => {
        [$(Change {
            name: $name,
            sqlite: include_str!(concat!("../migrations/", $name, ".sql")),
            postgres: include_str!(concat!("../migrations/postgres/", $name, ".sql")),
        }),+]
    };
}

/// Every change, in order. The number is the place in this list, counted from 1.
const CHANGES: &[Change] = &changes![
    "0001_ledger",
    "0002_clicks",
    "0003_adjustments",
    "0004_held",
    "0005_postbacks",
    "0006_dead",
    "0007_transactions",
    "0008_taken",
    "0009_merchants",
    "0010_dead_summary",
    "0011_awards",
];

/// How many changes there are.
#[cfg(test)]
pub(crate) const COUNT: usize = CHANGES.len();

/// The text of a change, counted from 1.
#[cfg(test)]
pub(crate) fn text_of(number: usize, connection: &Connection) -> &'static str {
    CHANGES[number - 1].text(connection)
}

/// The checksums of every change: its name, that for SQLite and that for a server, one change a line.
#[cfg(test)]
pub(crate) fn checksums() -> String {
    let line = |change: &Change| {
        format!("{} {} {}\n", change.name, checksum(change.sqlite), checksum(change.postgres))
    };
    CHANGES.iter().map(line).collect()
}

/// Applies the changes that the store has not seen yet.
pub(crate) fn bring_up_to_date(connection: &Connection) -> Result<(), LedgerError> {
    bring_up_to(connection, CHANGES.len())
}

/// Applies those of the first `count` changes that the store has not seen yet.
pub(crate) fn bring_up_to(connection: &Connection, count: usize) -> Result<(), LedgerError> {
    let doing = "bring its tables up to date";
    let table = "CREATE TABLE IF NOT EXISTS schema_changes (number INTEGER PRIMARY KEY, name TEXT NOT NULL,
        checksum TEXT NOT NULL)";
    connection.script(table).map_err(store(doing))?;
    let applied = compared(connection)?;
    for (number, change) in (1_i64..).zip(CHANGES).take(count).skip(applied) {
        apply(connection, number, change).map_err(store(doing))?;
    }
    Ok(())
}

/// Says what is wrong with a store that is only read: it must have exactly the tables of this version.
pub(crate) fn check(connection: &Connection) -> Result<(), LedgerError> {
    let (known, found) = (CHANGES.len(), compared(connection)?);
    if found < known {
        return Err(LedgerError::Schema(format!(
            "the ledger has {found} changes of its tables and this version knows {known}: open it once with the version that serves it"
        )));
    }
    Ok(())
}

/// How many changes were applied, each of them being the one that this version knows.
fn compared(connection: &Connection) -> Result<usize, LedgerError> {
    let applied = applied(connection)?;
    if applied.len() > CHANGES.len() {
        let (known, found) = (CHANGES.len(), applied.len());
        return Err(LedgerError::Schema(format!(
            "the ledger has {found} changes of its tables and this version knows {known}: run the newer version"
        )));
    }
    let edited =
        CHANGES.iter().zip(&applied).find(|(change, found)| checksum(change.text(connection)) != **found);
    match edited {
        None => Ok(applied.len()),
        Some((Change { name, .. }, _)) => Err(LedgerError::Schema(format!(
            "change `{name}` of the ledger's tables is not the one that was applied: restore its file"
        ))),
    }
}

impl Change {
    const fn text(&self, connection: &Connection) -> &'static str {
        match connection {
            Connection::Sqlite(_) | Connection::Simulated(_) => self.sqlite,
            Connection::Postgres(_) => self.postgres,
        }
    }
}

fn applied(connection: &Connection) -> Result<Vec<String>, LedgerError> {
    let query = "SELECT checksum FROM schema_changes ORDER BY number";
    sql::all(connection, query, (), |row| row.get(0))
}

fn apply(connection: &Connection, number: i64, change: &Change) -> Result<(), StoreError> {
    let text = change.text(connection);
    let transaction = connection.begin(Purpose::Write)?;
    transaction.expect_a_long_change()?;
    transaction.script(text)?;
    let insert = "INSERT INTO schema_changes (number, name, checksum) VALUES (?1, ?2, ?3)";
    transaction.run(insert, &(number, change.name, checksum(text)))?;
    transaction.commit()
}

fn checksum(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
