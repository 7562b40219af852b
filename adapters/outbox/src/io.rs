//! The few things the log asks of a file system, and the real one.
//!
//! Everything the log does to the outside passes through here, so that [`crate::simulated`] can lose power at any of
//! these calls. The trait is small on purpose: positioned reads and writes, and the two syncs.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rustix::fs::{FallocateFlags, FlockOperation};

/// A place for files. Clones see the same files.
pub trait Filesystem: Clone + Send + Sync + 'static {
    /// An open file.
    type Handle: Handle;
    /// Holds a lock until dropped.
    type Lock: Send + Sync + 'static;

    /// Makes the directory and what is missing above it, durably; no error if it exists.
    ///
    /// # Errors
    /// The system's answer.
    fn create_directory(&self, path: &Path) -> io::Result<()>;
    /// The names in a directory, in any order.
    ///
    /// # Errors
    /// The system's answer.
    fn names(&self, directory: &Path) -> io::Result<Vec<String>>;
    /// Opens an existing file for reading and writing.
    ///
    /// # Errors
    /// The system's answer.
    fn open(&self, path: &Path) -> io::Result<Self::Handle>;
    /// Makes an empty file, emptying one that is there; durable only after `sync_directory`.
    ///
    /// # Errors
    /// The system's answer.
    fn create(&self, path: &Path) -> io::Result<Self::Handle>;
    /// Removes a file; durable only after `sync_directory`.
    ///
    /// # Errors
    /// The system's answer.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// The system's answer.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
    /// Takes the exclusive lock of this file, without waiting.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when somebody else holds it.
    fn lock(&self, path: &Path) -> io::Result<Self::Lock>;
    /// A number that no other lane is likely to have drawn.
    fn lane_draw(&self) -> u64;
}

/// An open file; reads and writes name their offset, so that several threads may share it.
pub trait Handle: Send + Sync + 'static {
    /// Its length.
    ///
    /// # Errors
    /// The system's answer.
    fn bytes(&self) -> io::Result<u64>;
    /// Fills the buffer from `offset`, or as much of it as the file has; returns how much.
    ///
    /// # Errors
    /// The system's answer.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all bytes at `offset`; after an error some of them may be there.
    ///
    /// # Errors
    /// The system's answer.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Cuts or extends the file.
    ///
    /// # Errors
    /// The system's answer.
    fn truncate(&self, bytes: u64) -> io::Result<()>;
    /// Claims real space for the first `bytes`.
    ///
    /// # Errors
    /// The system's answer.
    fn allocate(&self, bytes: u64) -> io::Result<()>;
    /// Makes contents and length durable. After an error nothing is known, and asking again proves nothing.
    ///
    /// # Errors
    /// The system's answer.
    fn sync(&self) -> io::Result<()>;
    /// Forgets what memory holds of the file, so that the next read shows what the disk holds.
    ///
    /// After a failed sync the kernel keeps the lost pages and calls them clean; only this tells them from real ones.
    ///
    /// # Errors
    /// The system's answer.
    fn evict(&self) -> io::Result<()>;
}

/// The operating system's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Filesystem for Disk {
    type Handle = File;
    type Lock = File;

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        self.create_directory(parent)?;
        match std::fs::create_dir(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => self.sync_directory(parent),
        }
    }

    fn names(&self, directory: &Path) -> io::Result<Vec<String>> {
        // A name that is not text is none of ours.
        std::fs::read_dir(directory)?
            .filter_map(|entry| entry.map(|entry| entry.file_name().into_string().ok()).transpose())
            .collect()
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(path)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<File> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        // The process id only serves the message to a second opener; the lock holds without it.
        drop(file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())));
        Ok(file)
    }

    fn lane_draw(&self) -> u64 {
        use std::hash::{BuildHasher as _, RandomState};
        // The standard library seeds its hashers from the system's entropy; telling lanes apart needs no more.
        RandomState::new().hash_one(std::process::id())
    }
}

impl Handle for File {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match std::os::unix::fs::FileExt::read_at(self, &mut buffer[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        match rustix::fs::fallocate(self, FallocateFlags::empty(), 0, bytes) {
            Err(rustix::io::Errno::OPNOTSUPP) => fill(self, bytes),
            other => Ok(other?),
        }
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn evict(&self) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        rustix::fs::fadvise(self, 0, None, rustix::fs::Advice::DontNeed)?;
        Ok(())
    }
}

/// Claims space the slow way, where the file system has no call for it.
fn fill(file: &File, bytes: u64) -> io::Result<()> {
    static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
    let mut offset = file.metadata()?.len();
    while offset < bytes {
        let count = usize::try_from(bytes - offset).map_or(ZEROS.len(), |rest| rest.min(ZEROS.len()));
        file.write_all_at(&ZEROS[..count], offset)?;
        offset += count as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_claimed_the_slow_way_is_zeros_behind_what_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let file = Disk.create(&directory.path().join("reserve")).unwrap();
        file.write_all_at(&[7; 10], 0).unwrap();
        for bytes in [10, 100 << 10] {
            fill(&file, bytes).unwrap();
            assert_eq!(file.bytes().unwrap(), bytes);
        }
        fill(&Disk.create(&directory.path().join("empty")).unwrap(), 1).unwrap();
        let mut read = vec![1; 100 << 10];
        Handle::read_at(&file, &mut read, 0).unwrap();
        assert_eq!((&read[..10], read[10..].iter().all(|byte| *byte == 0)), (&[7; 10][..], true));
    }
}
