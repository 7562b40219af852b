//! How far the outbox had come, noted outside its folder.
//!
//! A lane that is exchanged for an older copy of itself is whole and looks as it should: only who remembers it can tell. The
//! note is written behind the lane, and of what is durable alone, so that it never tells of more than must be there.
//! It is written away from the tasks that reply: a disk that hangs keeps the note and nobody else.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;

/// How often it is noted.
const EVERY: Duration = Duration::from_secs(1);

/// Why a lane is not to be used as it is.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
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

/// Compares a lane's last durable entry with the note. A note that cannot be read says nothing: the lane is good without it.
///
/// # Errors
/// If the lane had come further.
pub fn check(path: &Path, found: u64) -> Result<(), MarkError> {
    let read = fs::read_to_string(path).and_then(|text| {
        text.trim().parse().map_err(|_| io::Error::other(format!("it holds {text:?}, which is no number")))
    });
    match read {
        Ok(noted) if found < noted => Err(MarkError::Behind { path: path.to_owned(), found, noted }),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => {
            let path = path.display();
            tracing::warn!(%error, %path, "how far the outbox had come cannot be read; it is noted anew, and whether this is an older copy nobody can tell");
            Ok(())
        }
    }
}

/// Notes how far the lane has come, in the place of the old note at once. It is durable before it is there, so that a
/// power loss leaves the old note or the new one.
fn note(path: &Path, durable: u64) -> io::Result<()> {
    let next = path.with_extension("next");
    let mut file = File::create(&next)?;
    writeln!(file, "{durable}")?;
    file.sync_all()?;
    fs::rename(next, path)
}

/// What was noted, and how that goes.
struct Noter {
    path: PathBuf,
    noted: u64,
    failing: bool,
}

impl Noter {
    fn note(&mut self, durable: u64) {
        if durable <= self.noted {
            return;
        }
        match note(&self.path, durable) {
            Ok(()) => (self.noted, self.failing) = (durable, false),
            Err(error) if !self.failing => {
                self.failing = true;
                tracing::warn!(%error, path = %self.path.display(), "how far the outbox has come cannot be noted");
            }
            Err(_) => {}
        }
    }
}

/// Notes it every second, until `stop` changes.
pub(crate) async fn run(path: PathBuf, durable: impl Fn() -> u64 + Send, mut stop: watch::Receiver<bool>) {
    let noter = Arc::new(Mutex::new(Noter { path, noted: 0, failing: false }));
    loop {
        let (noter, durable) = (Arc::clone(&noter), durable());
        let _on_its_own = tokio::task::spawn_blocking(move || {
            // While one note hangs on the disk there is no second one.
            if let Ok(mut noter) = noter.try_lock() {
                noter.note(durable);
            }
        });
        if tokio::time::timeout(EVERY, stop.wait_for(|stop| *stop)).await.is_ok() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::sync::mpsc;

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
    }

    #[test]
    fn a_note_that_a_power_loss_has_emptied_refuses_no_lane() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lane-1");
        for spoiled in ["", "seven", "-1"] {
            fs::write(&path, spoiled).unwrap();
            check(&path, 9).unwrap();
        }
        note(&path, 10).unwrap();
        check(&path, 9).unwrap_err();
    }

    #[test]
    fn a_note_that_hangs_on_the_disk_holds_up_nobody_and_there_is_no_second_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lane-1");
        // Whoever opens it for writing waits for a reader.
        let hangs = path.with_extension("next");
        assert!(Command::new("mkfifo").arg(&hangs).status().unwrap().success());
        let (told, heard) = mpsc::channel();
        let runtime = std::thread::spawn(move || {
            let one_thread = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            one_thread.block_on(async {
                let (stop, stopped) = watch::channel(false);
                let noting = tokio::spawn(run(path, || 7, stopped));
                // Nothing tells when a turn has passed that starts no note, so time must pass: three turns of it.
                tokio::time::sleep(EVERY * 3).await;
                stop.send_replace(true);
                noting.await.unwrap();
                told.send(()).unwrap();
            });
        });
        let went_on = heard.recv_timeout(Duration::from_secs(20));
        // Each writer that waits is let go; one that came after that would wait for ever.
        assert_eq!(fs::read_to_string(&hangs).unwrap(), "7\n");
        went_on.unwrap();
        runtime.join().unwrap();
    }
}
