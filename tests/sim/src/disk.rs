//! The simulated disk, which on purpose can be made to lie about syncs.
//!
//! With `forgets` every sync says that it worked and does nothing: what an outbox without a sync before its
//! acknowledgement would amount to. It exists to prove that the checker sees it.

use std::io;
use std::path::Path;

use outbox::simulated::{Simulated, SimulatedFile, SimulatedLock};
use outbox::{Filesystem, Handle};

/// A disk of one edge.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    pub(crate) inner: Simulated,
    forgets: bool,
}

impl Disk {
    pub(crate) fn new(seed: u64, forgets: bool) -> Self {
        let inner = Simulated::new(seed);
        inner.keep_some_of_failed_syncs(seed);
        Self { inner, forgets }
    }
}

/// A file of it.
#[derive(Clone, Debug)]
pub(crate) struct File {
    inner: SimulatedFile,
    forgets: bool,
}

impl Filesystem for Disk {
    type Handle = File;
    type Lock = SimulatedLock;

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        self.inner.create_directory(path)
    }

    fn names(&self, directory: &Path) -> io::Result<Vec<String>> {
        self.inner.names(directory)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        Ok(File { inner: self.inner.open(path)?, forgets: self.forgets })
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        Ok(File { inner: self.inner.create(path)?, forgets: self.forgets })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.inner.remove(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.inner.sync_directory(path)
    }

    fn lock(&self, path: &Path) -> io::Result<SimulatedLock> {
        self.inner.lock(path)
    }

    fn lane_draw(&self) -> u64 {
        self.inner.lane_draw()
    }
}

impl Handle for File {
    fn bytes(&self) -> io::Result<u64> {
        self.inner.bytes()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.inner.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.inner.write_at(bytes, offset)
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.inner.truncate(bytes)
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.inner.allocate(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        if self.forgets { Ok(()) } else { self.inner.sync() }
    }

    fn evict(&self) -> io::Result<()> {
        if self.forgets { Ok(()) } else { self.inner.evict() }
    }
}
