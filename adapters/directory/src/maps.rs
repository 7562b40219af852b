//! The versions of an imported id map, and which of them is in force.
//!
//! Each version is one immutable file. `current` names the one in force and the one before it; it is replaced as a
//! whole, so that whoever reads it sees the old word or the new one. Readers map the file they found: a version that
//! is pruned while it is read stays whole for them.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use memmap2::Mmap;
use tracking::directory::{Damage, Directory, Table};

/// Versions that are kept besides the one in force and the one before it.
const KEPT_MAX: usize = 5;

/// A folder of versions.
#[derive(Clone, Debug)]
pub struct Maps {
    folder: PathBuf,
}

/// Why a version cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// A file that cannot be read or written.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// What was to be done.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A version that is no whole directory.
    #[error("{}: {damage}. Switch to another version, or import the tables again", path.display())]
    Damaged {
        /// The version's file.
        path: PathBuf,
        /// What is wrong with it.
        damage: Damage,
    },
    /// The pointer does not name a version.
    #[error("{}: `{text}` names no version: write its number, as `turnout map switch` does", path.display())]
    Pointer {
        /// The pointer's file.
        path: PathBuf,
        /// What stands there.
        text: String,
    },
    /// A version that is not there.
    #[error("there is no version {0}: `turnout map list` shows those that are there")]
    Missing(u64),
    /// Nothing to go back to.
    #[error("there is no version before this one to go back to")]
    NoPrevious,
    /// Somebody else changes the versions.
    #[error("another import or switch is under way in {}: wait for it", _0.display())]
    Busy(PathBuf),
}

/// One version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Version {
    /// Its number: a later import has a higher one.
    pub number: u64,
    /// The file's length.
    pub bytes: u64,
    /// When it was imported, as its file tells.
    pub imported_at: Option<SystemTime>,
    /// True for the one in force.
    pub current: bool,
    /// True for the one that a rollback goes back to.
    pub previous: bool,
}

/// What the pointer says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Pointer {
    current: Option<u64>,
    previous: Option<u64>,
}

impl Maps {
    /// The versions in `folder`, which need not exist yet.
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf() }
    }

    /// The folder that they are in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of a version.
    pub fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("directory-{number}.tdir"))
    }

    /// The number of the version in force; none if nothing was ever switched to.
    ///
    /// # Errors
    /// If the pointer cannot be read.
    pub fn current(&self) -> Result<Option<u64>, MapError> {
        Ok(self.pointer()?.current)
    }

    /// The version in force, mapped and checked, with its number.
    ///
    /// # Errors
    /// If it is not there, or damaged.
    pub fn open_current(&self) -> Result<Option<(u64, Directory)>, MapError> {
        self.current()?.map(|number| Ok((number, self.open(number)?))).transpose()
    }

    /// A version, mapped and checked from the first byte to the last.
    ///
    /// # Errors
    /// If it is not there, or damaged.
    pub fn open(&self, number: u64) -> Result<Directory, MapError> {
        let path = self.path(number);
        match File::open(&path) {
            Ok(file) => open_file(&file, &path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(MapError::Missing(number)),
            Err(source) => Err(MapError::File { doing: "open", path, source }),
        }
    }

    /// Every version, the oldest first.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn list(&self) -> Result<Vec<Version>, MapError> {
        let pointer = self.pointer()?;
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(self.wrong("list", source)),
        };
        let mut versions = Vec::new();
        for entry in entries.flatten() {
            let name = entry.file_name();
            let number =
                name.to_str().and_then(|name| name.strip_prefix("directory-")?.strip_suffix(".tdir"));
            let (Some(number), Ok(about)) = (number.and_then(|text| text.parse().ok()), entry.metadata())
            else {
                continue;
            };
            versions.push(Version {
                number,
                bytes: about.len(),
                imported_at: about.modified().ok(),
                current: pointer.current == Some(number),
                previous: pointer.previous == Some(number),
            });
        }
        versions.sort_by_key(|version| version.number);
        Ok(versions)
    }

    /// Puts a version in force, after checking it whole. Who serves takes it up at the next reload.
    ///
    /// # Errors
    /// If it is not there, damaged, or the pointer cannot be written.
    pub fn switch(&self, number: u64) -> Result<(), MapError> {
        let _lock = self.lock()?;
        self.point_to(number)
    }

    /// Goes back to the version before the one in force, and gives its number. A second time undoes the first.
    ///
    /// # Errors
    /// If there is none, or it cannot be switched to.
    pub fn rollback(&self) -> Result<u64, MapError> {
        let _lock = self.lock()?;
        let previous = self.pointer()?.previous.ok_or(MapError::NoPrevious)?;
        self.point_to(previous).map(|()| previous)
    }

    fn point_to(&self, number: u64) -> Result<(), MapError> {
        self.open(number)?;
        let pointer = self.pointer()?;
        if pointer.current == Some(number) {
            return Ok(());
        }
        let before = pointer.current.map_or(String::new(), |before| format!("{before}\n"));
        self.replace("current", format!("{number}\n{before}").as_bytes())
    }

    fn pointer(&self) -> Result<Pointer, MapError> {
        let path = self.folder.join("current");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Pointer::default()),
            Err(source) => return Err(MapError::File { doing: "read", path, source }),
        };
        let mut numbers = text.split_whitespace().map(str::parse);
        match (numbers.next(), numbers.next().transpose()) {
            (Some(Ok(current)), Ok(previous)) => Ok(Pointer { current: Some(current), previous }),
            _ => Err(MapError::Pointer { path, text: text.trim().to_owned() }),
        }
    }

    /// Holds off other imports and switches for as long as it is kept.
    pub(crate) fn lock(&self) -> Result<File, MapError> {
        fs::create_dir_all(&self.folder).map_err(|source| self.wrong("make", source))?;
        let path = self.folder.join("lock");
        let wrong = |source| MapError::File { doing: "lock", path: path.clone(), source };
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(wrong)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(fs::TryLockError::WouldBlock) => Err(MapError::Busy(self.folder.clone())),
            Err(fs::TryLockError::Error(source)) => Err(wrong(source)),
        }
    }

    /// The number of the next import.
    pub(crate) fn next(&self) -> Result<u64, MapError> {
        Ok(self.list()?.last().map_or(1, |version| version.number.saturating_add(1)))
    }

    /// A file that becomes a version when it is whole.
    pub(crate) fn draft(&self) -> PathBuf {
        self.folder.join("draft")
    }

    /// Checks the draft whole, as it is on the disk, and makes it a version.
    pub(crate) fn publish(&self, number: u64) -> Result<Directory, MapError> {
        let (draft, path) = (self.draft(), self.path(number));
        let wrong = |doing| move |source| MapError::File { doing, path: self.draft(), source };
        let file = File::open(&draft).map_err(wrong("open"))?;
        file.sync_all().map_err(wrong("sync"))?;
        let directory = open_file(&file, &draft)?;
        let mut permissions = file.metadata().map_err(wrong("look at"))?.permissions();
        permissions.set_readonly(true);
        file.set_permissions(permissions).map_err(wrong("make read-only"))?;
        fs::rename(&draft, &path).map_err(|source| MapError::File { doing: "name", path, source })?;
        self.sync()?;
        Ok(directory)
    }

    /// Removes the oldest versions beyond those that are kept, and gives their numbers.
    pub(crate) fn prune(&self) -> Result<Vec<u64>, MapError> {
        let mut old: Vec<u64> = self
            .list()?
            .into_iter()
            .filter(|version| !version.current && !version.previous)
            .map(|version| version.number)
            .collect();
        old.truncate(old.len().saturating_sub(KEPT_MAX));
        for number in &old {
            let path = self.path(*number);
            fs::remove_file(&path).map_err(|source| MapError::File { doing: "remove", path, source })?;
        }
        Ok(old)
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), MapError> {
        let (path, new) = (self.folder.join(name), self.folder.join(format!("{name}.new")));
        let wrong = |source| MapError::File { doing: "write", path: path.clone(), source };
        let mut file = File::create(&new).map_err(wrong)?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(wrong)?;
        fs::rename(&new, &path).map_err(wrong)?;
        self.sync()
    }

    /// Makes the names in the folder durable.
    fn sync(&self) -> Result<(), MapError> {
        let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
        synced.map_err(|source| self.wrong("sync", source))
    }

    fn wrong(&self, doing: &'static str, source: io::Error) -> MapError {
        MapError::File { doing, path: self.folder.clone(), source }
    }
}

fn open_file(file: &File, path: &Path) -> Result<Directory, MapError> {
    let wrong = |source| MapError::File { doing: "map", path: path.to_path_buf(), source };
    let damaged = |damage| MapError::Damaged { path: path.to_path_buf(), damage };
    if file.metadata().map_err(wrong)?.len() == 0 {
        return Err(damaged(Damage::NoHeader(0)));
    }
    Directory::open(map(file).map_err(wrong)?).map_err(damaged)
}

/// The file's bytes, where the kernel keeps them.
#[expect(unsafe_code, reason = "nothing else holds ten million rows without a second copy of them")]
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the mapped bytes must not change while they are read. A version is written under another name, made
    // read-only and renamed when it is whole; from then on nobody writes to it, and removing its name leaves the
    // bytes to those who map them. Whoever edits it in place against its permissions breaks this, as with any
    // mapped file; the readers check every offset that they take from it, so that such bytes give wrong rows at
    // worst, and a file that was cut off under them ends the process.
    unsafe { Mmap::map(file) }
}

/// The number of rows of each table, with its name for programs.
pub fn counts(directory: &Directory) -> impl Iterator<Item = (&'static str, u64)> {
    Table::ALL.into_iter().map(|table| (table.label(), directory.count(table)))
}
