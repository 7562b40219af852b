//! How far the outbox had come, noted outside its folder.
//!
//! A lane that is exchanged for an older copy of itself is whole and looks as it should: only who remembers it can tell. The
//! note is written behind the lane, and of what is durable alone, so that it never tells of more than must be there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::drive::Hands;

/// How often it is noted.
const EVERY: Duration = Duration::from_secs(1);

/// Why a lane is not to be used as it is.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// The note cannot be read.
    #[error("cannot read {}, which says how far the outbox had come: {source}", path.display())]
    Unreadable {
        /// The note.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The lane had come further.
    #[error(
        "the outbox ends at entry {found} and had come to entry {noted} at least: it is an older copy of itself, or a new one. \
         Put the right one in its place. If it is lost, tell the migration lead from when, remove {} and start again",
        path.display()
    )]
    Behind {
        /// The note.
        path: PathBuf,
        /// The lane's last entry.
        found: u64,
        /// The last entry that was noted.
        noted: u64,
    },
}

/// Compares a lane's last durable entry with the note.
///
/// # Errors
/// If the lane had come further, or the note cannot be read.
pub fn check(path: &Path, found: u64) -> Result<(), MarkError> {
    let unreadable = |source| MarkError::Unreadable { path: path.to_owned(), source };
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unreadable(error)),
    };
    let noted = text.trim().parse().map_err(|_| unreadable(io::Error::other("it is no number")))?;
    if found < noted {
        return Err(MarkError::Behind { path: path.to_owned(), found, noted });
    }
    Ok(())
}

/// Notes how far the lane has come, in the place of the old note at once.
fn note(path: &Path, durable: u64) -> io::Result<()> {
    let next = path.with_extension("next");
    fs::write(&next, format!("{durable}\n"))?;
    fs::rename(next, path)
}

/// Notes it every second, until `stop` changes.
pub(crate) async fn run(path: PathBuf, hands: Arc<Hands>, mut stop: watch::Receiver<bool>) {
    let mut noted = 0;
    let mut failing = false;
    loop {
        let durable = hands.journal.status().durable.get();
        if durable > noted {
            match note(&path, durable) {
                Ok(()) => (noted, failing) = (durable, false),
                Err(error) if !failing => {
                    failing = true;
                    tracing::warn!(%error, path = %path.display(), "how far the outbox has come cannot be noted");
                }
                Err(_) => {}
            }
        }
        if tokio::time::timeout(EVERY, stop.wait_for(|stop| *stop)).await.is_ok() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_that_had_come_further_is_refused_and_every_other_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lane-1");
        check(&path, 0).unwrap();
        note(&path, 7).unwrap();
        for found in [7, 8] {
            check(&path, found).unwrap();
        }
        let error = check(&path, 6).unwrap_err().to_string();
        assert!(error.contains("ends at entry 6 and had come to entry 7"), "{error}");
        fs::write(&path, "seven").unwrap();
        assert!(check(&path, 9).unwrap_err().to_string().contains("it is no number"));
    }
}
