//! A file system in memory that loses what a real one may lose.
//!
//! It keeps, for each file, what a reader sees and what a power loss would leave, and the same for the names in
//! directories. Faults are planned by number: the n-th sync fails, the n-th write finds no space, everything stops at
//! the n-th operation. Nothing in it depends on time, threads or entropy, so a run repeats exactly from its seed.
//!
//! ```
//! use outbox::simulated::{Loss, Simulated};
//! use outbox::{Log, Settings};
//!
//! let disk = Simulated::new(1);
//! let settings = Settings { reserve_bytes: 0, ..Settings::default() };
//! let (mut log, _) = Log::open(&disk, "/lane".as_ref(), settings.clone())?;
//! log.append_batch(&["durable"])?;
//! disk.restart(Loss::Unsynced);
//! let (_, recovery) = Log::open(&disk, "/lane".as_ref(), settings)?;
//! assert_eq!(recovery.last.get(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Not modelled: directories other than as the prefix of a name (making one is durable at once), damage to bytes that
//! were synced (plant it with [`Simulated::put`]), and slowness.

mod node;
mod world;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::io::{Filesystem, Handle};
use world::{Kind, World};

/// What a restart takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Nothing: the process died, the machine did not.
    Nothing,
    /// Everything unsynced.
    Unsynced,
    /// Any part of it, drawn from this seed: each sector of each write and each name for itself.
    Some(u64),
}

/// A simulated file system; clones share it.
#[derive(Clone, Debug)]
pub struct Simulated {
    world: Arc<Mutex<World>>,
}

impl Simulated {
    /// An empty disk without limit or fault. The seed only names the lanes made on it.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { world: Arc::new(Mutex::new(World::new(seed))) }
    }

    /// Lets some of what a failing sync should have made durable reach the platter all the same.
    pub fn keep_some_of_failed_syncs(&self, seed: u64) {
        self.world().kept_of_failed_syncs = Some(world::Dice::new(seed));
    }

    /// Fails the n-th sync from now (1 is the next one). What it should have made durable stays visible and is lost.
    pub fn fail_sync(&self, nth: u64) {
        self.world().plan(Kind::Sync, nth);
    }

    /// Lets the n-th write from now find no space after half of its bytes.
    pub fn fill_at_write(&self, nth: u64) {
        self.world().plan(Kind::Write, nth);
    }

    /// Stops everything at the n-th changing operation from now, which may or may not leave its effect.
    pub fn crash_at(&self, nth: u64) {
        self.world().plan(Kind::Any, nth);
    }

    /// Limits the bytes of all files together, or lifts the limit.
    pub fn limit(&self, bytes_max: Option<u64>) {
        self.world().bytes_max = bytes_max;
    }

    /// Stops everything now: each later operation of a handle from before fails.
    pub fn crash(&self) {
        self.world().down = true;
    }

    /// Starts again after a crash, or crashes first: open handles and locks are gone, planned faults forgotten.
    pub fn restart(&self, loss: Loss) {
        self.world().restart(loss);
    }

    /// True once a planned or ordered crash has happened, until the restart.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.world().down
    }

    /// How many changing operations there have been.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.world().count(Kind::Any)
    }

    /// How many writes there have been.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.world().count(Kind::Write)
    }

    /// How many syncs of files and directories there have been.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.world().count(Kind::Sync)
    }

    /// The bytes of a file as a reader sees them; nothing when there is none.
    #[must_use]
    pub fn get(&self, path: &Path) -> Option<Vec<u8>> {
        self.world().get(path)
    }

    /// Puts a file there, durable at once: a fixture, or damage.
    pub fn put(&self, path: &Path, bytes: &[u8]) {
        self.world().put(path, bytes);
    }

    /// The paths of all files, in order.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        self.world().names.keys().cloned().collect()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, (node, life): (u64, u64)) -> SimulatedFile {
        SimulatedFile { disk: self.clone(), node, life }
    }
}

impl Filesystem for Simulated {
    type Handle = SimulatedFile;
    type Lock = SimulatedLock;

    fn create_directory(&self, _path: &Path) -> io::Result<()> {
        self.world().alive()
    }

    fn names(&self, directory: &Path) -> io::Result<Vec<String>> {
        let world = self.world();
        world.alive()?;
        let inside = world.names.keys().filter(|path| path.parent() == Some(directory));
        Ok(inside.filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect())
    }

    fn open(&self, path: &Path) -> io::Result<SimulatedFile> {
        let found = self.world().open(path)?;
        Ok(self.handle(found))
    }

    fn create(&self, path: &Path) -> io::Result<SimulatedFile> {
        let made = self.world().create(path)?;
        Ok(self.handle(made))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.world().remove(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.world().sync_directory(path)
    }

    fn lock(&self, path: &Path) -> io::Result<SimulatedLock> {
        let life = self.world().lock(path)?;
        Ok(SimulatedLock { disk: self.clone(), path: path.to_owned(), life })
    }

    fn lane_draw(&self) -> u64 {
        self.world().draw()
    }
}

/// A file open on a [`Simulated`] disk, until its restart.
#[derive(Clone, Debug)]
pub struct SimulatedFile {
    disk: Simulated,
    node: u64,
    life: u64,
}

impl Handle for SimulatedFile {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.disk.world().node(self.node, self.life)?.seen().len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut world = self.disk.world();
        let seen = world.node(self.node, self.life)?.seen();
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(seen.len());
        let count = buffer.len().min(seen.len() - start);
        buffer[..count].copy_from_slice(&seen[start..start + count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.disk.world().write(self.node, self.life, bytes, offset)
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.disk.world().resize(self.node, self.life, bytes)
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.disk.world().allocate(self.node, self.life, bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.world().sync(self.node, self.life)
    }

    fn evict(&self) -> io::Result<()> {
        self.disk.world().node(self.node, self.life)?.evict();
        Ok(())
    }
}

/// A lock on a [`Simulated`] disk, until dropped or its restart.
#[derive(Debug)]
pub struct SimulatedLock {
    disk: Simulated,
    path: PathBuf,
    life: u64,
}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        self.disk.world().unlock(&self.path, self.life);
    }
}
