//! Space set aside for the moment when the disk is full.
//!
//! The file holds real blocks. When a write finds no room, the file is emptied and the write tried once more, so that
//! the entries already waiting are accepted instead of refused. From then on the lane is full until the reserve can be
//! claimed again: that is the sign that space has come back, and it keeps the lane from flapping at the last byte.

use std::io;
use std::path::{Path, PathBuf};

use crate::io::{Filesystem, Handle as _};

pub(crate) struct Reserve {
    path: PathBuf,
    bytes: u64,
    held: bool,
}

impl Reserve {
    pub(crate) fn new(directory: &Path, bytes: u64) -> Self {
        Self { path: directory.join("reserve"), bytes, held: false }
    }

    /// Gives back what an earlier setting has claimed, where none is to be kept any more.
    pub(crate) fn clear<F: Filesystem>(&self, filesystem: &F) {
        if self.bytes == 0 {
            // There rarely is one. One that cannot be removed costs its space and nothing else; the next start tries again.
            drop(filesystem.remove(&self.path));
        }
    }

    /// Claims the space, all or none of it.
    pub(crate) fn hold<F: Filesystem>(&mut self, filesystem: &F) -> io::Result<()> {
        if self.held || self.bytes == 0 {
            return Ok(());
        }
        let file = filesystem.open(&self.path).or_else(|_| filesystem.create(&self.path))?;
        file.truncate(file.bytes()?.min(self.bytes))?;
        let claimed = file.allocate(self.bytes);
        if claimed.is_err() {
            file.truncate(0)?;
        }
        self.held = claimed.is_ok();
        claimed
    }

    /// Gives the space back; true when there was any to give.
    pub(crate) fn release<F: Filesystem>(&mut self, filesystem: &F) -> bool {
        let held = std::mem::take(&mut self.held);
        held && filesystem.open(&self.path).and_then(|file| file.truncate(0)).is_ok()
    }
}
