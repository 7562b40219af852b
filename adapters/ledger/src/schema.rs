//! The tables, and how an older file gets them.
//!
//! Each change of the tables is a numbered file that is never edited once it has been released. What was
//! applied is kept with a checksum, so that an edited file, a file from a newer version and a hand-made
//! change are refused instead of guessed at.

use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

use crate::{LedgerError, store};

/// Every change, in order. The number is the place in this list, counted from 1.
const CHANGES: [(&str, &str); 5] = [
    ("0001_ledger", include_str!("../migrations/0001_ledger.sql")),
    ("0002_clicks", include_str!("../migrations/0002_clicks.sql")),
    ("0003_adjustments", include_str!("../migrations/0003_adjustments.sql")),
    ("0004_held", include_str!("../migrations/0004_held.sql")),
    ("0005_postbacks", include_str!("../migrations/0005_postbacks.sql")),
];

/// How many changes there are.
#[cfg(test)]
pub(crate) const COUNT: usize = CHANGES.len();

pub(crate) fn bring_up_to_date(connection: &mut Connection) -> Result<(), LedgerError> {
    let doing = "bring its tables up to date";
    let table = "CREATE TABLE IF NOT EXISTS schema_changes (number INTEGER PRIMARY KEY, name TEXT NOT NULL,
        checksum TEXT NOT NULL)";
    connection.execute_batch(table).map_err(store(doing))?;
    let applied = applied(connection).map_err(store(doing))?;
    if applied.len() > CHANGES.len() {
        let (known, found) = (CHANGES.len(), applied.len());
        return Err(LedgerError::Schema(format!(
            "the ledger has {found} changes of its tables and this version knows {known}: run the newer version"
        )));
    }
    for (place, (name, text)) in CHANGES.iter().enumerate() {
        let checksum = checksum(text);
        match applied.get(place) {
            Some(found) if *found == checksum => {}
            Some(_) => {
                return Err(LedgerError::Schema(format!(
                    "change `{name}` of the ledger's tables is not the one that was applied: restore its file"
                )));
            }
            None => {
                apply(connection, place.saturating_add(1), name, text, &checksum).map_err(store(doing))?
            }
        }
    }
    Ok(())
}

fn applied(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT checksum FROM schema_changes ORDER BY number")?;
    statement.query_map((), |row| row.get(0))?.collect()
}

fn apply(
    connection: &mut Connection,
    number: usize,
    name: &str,
    text: &str,
    checksum: &str,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(text)?;
    let insert = "INSERT INTO schema_changes (number, name, checksum) VALUES (?1, ?2, ?3)";
    transaction.execute(insert, (i64::try_from(number).unwrap_or(i64::MAX), name, checksum))?;
    transaction.commit()
}

fn checksum(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
