//! Copying files so that the copy is on the disk, and a list of them by which a copy is checked.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use outbox::OpenError;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use units::Timestamp;

use crate::data;

const MANIFEST: &str = "snapshot.json";
const FORMAT: u32 = 1;

/// The outbox's note of how far its consumer has come.
const PROGRESS: &str = "progress";

/// What opening a lane leaves behind in it.
const LOCK: &str = "lock";

/// How often a lane is copied anew because a segment was removed meanwhile, or grew so that its copy has a hole.
const LANE_TRIES_MAX: u32 = 10;

/// Why there is no snapshot, or no restored directory.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    #[error("{} is no data directory: name the one of the running process with --data", .0.display())]
    NoData(PathBuf),
    #[error("{} is not empty: name a new folder, nothing is overwritten", .0.display())]
    NotEmpty(PathBuf),
    #[error("cannot {doing} {}: {source}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("{} is no snapshot that this version can read: {why}", path.display())]
    Manifest { path: PathBuf, why: String },
    #[error("the copy is not what was taken:\n  {}", .0.join("\n  "))]
    Damaged(Vec<String>),
    #[error(
        "no copy of the lane {} can be opened, so that nothing could be restored of it: {why}. The lane itself may be \
         damaged: look at it (`turnout status`), then try again", lane.display()
    )]
    Unopenable { lane: PathBuf, why: OpenError },
    #[error("the lane {} changes faster than it can be copied: try again", .0.display())]
    Busy(PathBuf),
}

fn failed<'p>(doing: &'static str, path: &'p Path) -> impl FnOnce(io::Error) -> SnapshotError + 'p {
    move |source| SnapshotError::Io { doing, path: path.to_owned(), source }
}

/// Makes a folder for its owner alone, or takes one that is empty.
pub(super) fn new_folder(path: &Path) -> Result<(), SnapshotError> {
    data::make_private(path).map_err(failed("make", path))?;
    let mut held = fs::read_dir(path).map_err(failed("list", path))?;
    if held.next().is_some() { Err(SnapshotError::NotEmpty(path.to_owned())) } else { Ok(()) }
}

/// The names of the folders in a folder; none if it is not there.
pub(super) fn folders(path: &Path) -> Result<Vec<String>, SnapshotError> {
    Ok(names(path)?.into_iter().filter(|name| path.join(name).is_dir()).collect())
}

fn names(path: &Path) -> Result<Vec<String>, SnapshotError> {
    if !path.is_dir() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(failed("list", path))? {
        let entry = entry.map_err(failed("list", path))?;
        names.extend(entry.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

/// Copies a lane of the outbox while its process appends to it and removes what was handed over.
///
/// The note of progress is copied first, and the segments are listed behind it: a note that is older than the segments
/// delivers again, one that is newer would promise entries that the copy does not have. What was being written when the
/// newest segment was copied is a torn tail, which opening the lane cuts off: it was acknowledged to nobody when the copy
/// began. A segment that grows while it is copied may come out with a hole in it all the same, so that the copy is opened.
pub(super) fn copy_lane(from: &Path, to: &Path) -> Result<(), SnapshotError> {
    copy_lane_by(copy_lane_once, from, to)
}

fn copy_lane_by(
    mut copy: impl FnMut(&Path, &Path) -> Result<bool, SnapshotError>,
    from: &Path,
    to: &Path,
) -> Result<(), SnapshotError> {
    let mut why = None;
    for _ in 0..LANE_TRIES_MAX {
        data::make_private(to).map_err(failed("make", to))?;
        if copy(from, to)? {
            match open_copy(to) {
                Ok(()) => return sync_folder(to),
                Err(error @ (OpenError::Damaged { .. } | OpenError::Missing { .. })) => why = Some(error),
                Err(error) => return Err(SnapshotError::Unopenable { lane: from.to_owned(), why: error }),
            }
        }
        fs::remove_dir_all(to).map_err(failed("empty", to))?;
    }
    Err(match why {
        Some(why) => SnapshotError::Unopenable { lane: from.to_owned(), why },
        None => SnapshotError::Busy(from.to_owned()),
    })
}

/// False if a segment was removed before it could be copied.
fn copy_lane_once(from: &Path, to: &Path) -> Result<bool, SnapshotError> {
    // A lane that was never read has no note yet.
    copied_if_there(&from.join(PROGRESS), &to.join(PROGRESS))?;
    for name in names(from)?.into_iter().filter(|name| name.ends_with(".segment")) {
        if !copied_if_there(&from.join(&name), &to.join(&name))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Copies a file; false if it is not there.
fn copied_if_there(from: &Path, to: &Path) -> Result<bool, SnapshotError> {
    match copy_file(from, to) {
        Err(SnapshotError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(false),
        copied => copied.map(|()| true),
    }
}

/// Opens the copy of a lane as its process would after the restore, which cuts off its torn tail.
fn open_copy(lane: &Path) -> Result<(), OpenError> {
    let settings = outbox::Settings { reserve_bytes: 0, ..outbox::Settings::default() };
    outbox::Log::open(&outbox::Disk, lane, settings).map(drop)?;
    let path = lane.join(LOCK);
    fs::remove_file(&path).map_err(|source| OpenError::Io { action: "remove", path, source })
}

/// Copies a file or a folder with everything in it; nothing if it is not there.
pub(super) fn copy_tree(from: &Path, to: &Path) -> Result<(), SnapshotError> {
    if from.is_dir() {
        data::make_private(to).map_err(failed("make", to))?;
        for name in names(from)? {
            copy_tree(&from.join(&name), &to.join(&name))?;
        }
        return sync_folder(to);
    }
    if from.exists() { copy_file(from, to) } else { Ok(()) }
}

/// Copies a file with its permissions, onto the disk.
fn copy_file(from: &Path, to: &Path) -> Result<(), SnapshotError> {
    fs::copy(from, to).map_err(failed("copy", from))?;
    let copied = File::open(to).and_then(|file| file.sync_all());
    copied.map_err(failed("sync", to))
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), SnapshotError> {
    data::sync_folder(path).map_err(failed("sync", path))
}

/// What a snapshot holds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    /// When it was begun: what was acknowledged before is in it.
    pub(super) taken_at: String,
    files: BTreeMap<String, Listed>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Listed {
    bytes: u64,
    sha256: String,
}

impl Manifest {
    /// Lists everything in `folder`.
    pub(super) fn of(folder: &Path, taken_at: Timestamp) -> Result<Self, SnapshotError> {
        let mut files = BTreeMap::new();
        list(folder, "", &mut files)?;
        Ok(Self { format: FORMAT, taken_at: taken_at.to_string(), files })
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), SnapshotError> {
        let path = folder.join(MANIFEST);
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        fs::write(&path, text).map_err(failed("write", &path))?;
        File::open(&path).and_then(|file| file.sync_all()).map_err(failed("sync", &path))?;
        sync_folder(folder)
    }

    pub(super) fn read(folder: &Path) -> Result<Self, SnapshotError> {
        let path = folder.join(MANIFEST);
        let text = fs::read_to_string(&path).map_err(failed("read", &path))?;
        let read: Result<Self, _> = serde_json::from_str(&text);
        match read {
            Ok(manifest) if manifest.format == FORMAT => Ok(manifest),
            Ok(manifest) => {
                let why = format!("it has format {}, and {FORMAT} is known here", manifest.format);
                Err(SnapshotError::Manifest { path, why })
            }
            Err(error) => Err(SnapshotError::Manifest { path, why: error.to_string() }),
        }
    }

    /// What of it is missing from `folder`, or is not what it was.
    pub(super) fn wrong(&self, folder: &Path) -> Vec<String> {
        let differs = |name: &String, listed: &Listed| match digest(&folder.join(name)) {
            Ok(found) if found == *listed => None,
            Ok(found) => {
                Some(format!("{name}: {} bytes that differ from the {} taken", found.bytes, listed.bytes))
            }
            Err(error) => Some(error.to_string()),
        };
        self.files.iter().filter_map(|(name, listed)| differs(name, listed)).collect()
    }

    /// How many files, and how many bytes.
    pub(super) fn size(&self) -> (usize, u64) {
        (self.files.len(), self.files.values().map(|listed| listed.bytes).sum())
    }
}

fn list(folder: &Path, above: &str, files: &mut BTreeMap<String, Listed>) -> Result<(), SnapshotError> {
    for name in names(folder)? {
        let (path, shown) = (folder.join(&name), format!("{above}{name}"));
        if path.is_dir() {
            list(&path, &format!("{shown}/"), files)?;
        } else {
            files.insert(shown, digest(&path)?);
        }
    }
    Ok(())
}

fn digest(path: &Path) -> Result<Listed, SnapshotError> {
    let mut file = File::open(path).map_err(failed("open", path))?;
    let (mut hasher, mut bytes) = (Sha256::new(), 0_u64);
    let mut buffer = vec![0; 256 << 10];
    loop {
        let count = file.read(&mut buffer).map_err(failed("read", path))?;
        let Some(part) = buffer.get(..count).filter(|part| !part.is_empty()) else { break };
        hasher.update(part);
        bytes = bytes.saturating_add(count as u64);
    }
    let sha256 = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Listed { bytes, sha256 })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A lane of two segments with some entries in each.
    fn lane(folder: &Path) -> PathBuf {
        let lane = folder.join("lane");
        let settings = outbox::Settings {
            segment_bytes_max: 400,
            ahead_bytes: 0,
            reserve_bytes: 0,
            ..Default::default()
        };
        let (mut log, _) = outbox::Log::open(&outbox::Disk, &lane, settings).unwrap();
        for _ in 0..4 {
            log.append_batch(&[[7; 100]]).unwrap();
        }
        lane
    }

    /// How many entries are in the copy of a lane.
    fn entries(copy: &Path) -> u64 {
        let settings = outbox::Settings { reserve_bytes: 0, ..Default::default() };
        outbox::Log::open(&outbox::Disk, copy, settings).unwrap().0.status().durable.get()
    }

    #[test]
    fn a_copy_with_a_hole_is_made_anew_until_it_can_be_opened() {
        let folder = tempfile::tempdir().unwrap();
        let (lane, to) = (lane(folder.path()), folder.path().join("copy"));
        let mut tries = 0;
        // The first entry of the newest segment was being written when its part was read, the second one was there.
        let holed = |from: &Path, to: &Path| {
            tries += 1;
            copy_lane_once(from, to)?;
            if tries < 3 {
                let newest =
                    to.join(names(to)?.into_iter().rfind(|name| name.ends_with(".segment")).unwrap());
                let mut bytes = fs::read(&newest).unwrap();
                bytes[100..150].fill(0);
                fs::write(newest, bytes).unwrap();
            }
            Ok(true)
        };
        copy_lane_by(holed, &lane, &to).unwrap();
        assert!(!to.join(LOCK).exists(), "nobody has it open");
        assert_eq!((tries, entries(&to)), (3, 4));
    }

    #[test]
    fn a_lane_of_which_no_copy_can_be_opened_is_told_at_once_and_not_at_the_restore() {
        let folder = tempfile::tempdir().unwrap();
        let (lane, to) = (lane(folder.path()), folder.path().join("copy"));
        let first =
            lane.join(names(&lane).unwrap().into_iter().find(|name| name.ends_with(".segment")).unwrap());
        let mut bytes = fs::read(&first).unwrap();
        bytes[100..150].fill(0);
        fs::write(first, bytes).unwrap();
        let told = copy_lane(&lane, &to).unwrap_err();
        assert!(matches!(told, SnapshotError::Unopenable { why: OpenError::Damaged { .. }, .. }), "{told}");
        assert!(!to.exists(), "what cannot be restored is not left there");
    }

    #[test]
    fn a_copy_that_was_changed_is_not_restored_from() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("deep")).unwrap();
        fs::write(from.join("deep/file"), "content").unwrap();
        new_folder(&to).unwrap();
        copy_tree(&from, &to).unwrap();
        for folder in [&to, &to.join("deep")] {
            assert_eq!(
                folder.metadata().unwrap().permissions().mode() & 0o777,
                0o700,
                "what is in it is nobody else's"
            );
        }
        let manifest = Manifest::of(&to, Timestamp::from_millis(0)).unwrap();
        manifest.write(&to).unwrap();
        let read = Manifest::read(&to).unwrap();
        assert_eq!((read.size(), read.wrong(&to)), ((1, 7), Vec::new()));
        fs::write(to.join("deep/file"), "contend").unwrap();
        assert_eq!(read.wrong(&to).len(), 1);
        fs::remove_file(to.join("deep/file")).unwrap();
        assert!(read.wrong(&to)[0].contains("deep/file"), "{:?}", read.wrong(&to));
        assert!(matches!(new_folder(&to), Err(SnapshotError::NotEmpty(_))));
        fs::write(to.join(MANIFEST), "{\"format\": 2, \"taken_at\": \"\", \"files\": {}}").unwrap();
        assert!(Manifest::read(&to).unwrap_err().to_string().contains("format 2"));
    }
}
