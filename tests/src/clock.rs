//! Another clock for a process: the wall clock that it is told of, while real time goes on.

use std::fs;
use std::path::PathBuf;

/// A clock that the processes started under it go by. They look at it at every question.
#[derive(Debug)]
pub struct Clock {
    file: PathBuf,
}

impl Clock {
    /// A clock that says this, as `+0` or `-2d` from the real time.
    pub fn new(file: PathBuf, says: &str) -> Self {
        let clock = Self { file };
        clock.set(says);
        clock
    }

    /// Sets it, for running processes as well.
    pub fn set(&self, says: &str) {
        // In the place of the old one at once: nobody reads half a time.
        let next = self.file.with_extension("next");
        fs::write(&next, says).unwrap();
        fs::rename(&next, &self.file).unwrap();
    }

    /// What stands before the command of a process that is to go by it.
    pub fn launcher(&self) -> Vec<String> {
        let file = format!("FAKETIME_TIMESTAMP_FILE={}", self.file.display());
        let words = ["faketime", "-m", "--exclude-monotonic", "-f", "+0", "env", "-u", "FAKETIME"];
        let words = words.into_iter().map(str::to_owned);
        words.chain(["FAKETIME_NO_CACHE=1".to_owned(), file]).collect()
    }
}
