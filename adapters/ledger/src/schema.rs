//! The tables, and how an older file gets them.
//!
//! Each change of the tables is a numbered file that is never edited once it has been released. What was
//! applied is kept with a checksum, so that an edited file, a file from a newer version and a hand-made
//! change are refused instead of guessed at.

use sha2::{Digest as _, Sha256};

use crate::store::{Connection, Purpose, StoreError};
use crate::{LedgerError, sql, store};

/// Every change, in order. The number is the place in this list, counted from 1.
const CHANGES: [(&str, &str); 8] = [
    ("0001_ledger", include_str!("../migrations/0001_ledger.sql")),
    ("0002_clicks", include_str!("../migrations/0002_clicks.sql")),
    ("0003_adjustments", include_str!("../migrations/0003_adjustments.sql")),
    ("0004_held", include_str!("../migrations/0004_held.sql")),
    ("0005_postbacks", include_str!("../migrations/0005_postbacks.sql")),
    ("0006_dead", include_str!("../migrations/0006_dead.sql")),
    ("0007_transactions", include_str!("../migrations/0007_transactions.sql")),
    ("0008_taken", include_str!("../migrations/0008_taken.sql")),
];

/// How many changes there are.
#[cfg(test)]
pub(crate) const COUNT: usize = CHANGES.len();

pub(crate) fn bring_up_to_date(connection: &Connection) -> Result<(), LedgerError> {
    let doing = "bring its tables up to date";
    let table = "CREATE TABLE IF NOT EXISTS schema_changes (number INTEGER PRIMARY KEY, name TEXT NOT NULL,
        checksum TEXT NOT NULL)";
    connection.script(table).map_err(store(doing))?;
    let applied = applied(connection)?;
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

/// Says what is wrong with a file that is only read: it must have exactly the tables of this version.
pub(crate) fn check(connection: &Connection) -> Result<(), LedgerError> {
    let found = applied(connection)?;
    let wanted: Vec<String> = CHANGES.iter().map(|(_, text)| checksum(text)).collect();
    if found == wanted {
        return Ok(());
    }
    Err(LedgerError::Schema(format!(
        "the ledger has {} changes of its tables and this version {}: open it once with the version that serves it",
        found.len(),
        wanted.len()
    )))
}

fn applied(connection: &Connection) -> Result<Vec<String>, LedgerError> {
    let query = "SELECT checksum FROM schema_changes ORDER BY number";
    sql::all(connection, query, (), |row| row.get(0))
}

fn apply(
    connection: &Connection,
    number: usize,
    name: &str,
    text: &str,
    checksum: &str,
) -> Result<(), StoreError> {
    let transaction = connection.begin(Purpose::Write)?;
    transaction.script(text)?;
    let insert = "INSERT INTO schema_changes (number, name, checksum) VALUES (?1, ?2, ?3)";
    transaction.run(insert, &(i64::try_from(number).unwrap_or(i64::MAX), name, checksum))?;
    transaction.commit()
}

fn checksum(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
