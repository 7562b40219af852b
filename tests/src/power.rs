//! Power loss for a running process: what its files are once everything that was not synced is gone.
//!
//! `strace` keeps a journal of a thread's writes, cuts, syncs and new files. After the process was killed each file is
//! written again as of its last sync that really happened, and a file whose directory was not synced since it was
//! made is removed. It is the hardest loss that a disk is allowed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The calls that change files, and those that make changes last.
pub const CALLS: &str = "openat,pwrite64,ftruncate,fallocate,fdatasync,fsync,unlink";

/// What `strace` must be told besides: whole buffers, and the path behind each descriptor.
pub(crate) const JOURNALLING: [&str; 3] = ["--decode-fds=path", "--string-limit=1048576", "-xx"];

/// One file, as programs see it and as the disk has it.
#[derive(Debug, Default, Clone)]
struct Image {
    seen: Vec<u8>,
    /// None until its first sync.
    synced: Option<Vec<u8>>,
    /// Whether its directory holds its name for good.
    named: bool,
}

/// What a power loss leaves of the files below a directory.
#[derive(Debug)]
pub struct Disk {
    below: PathBuf,
    files: BTreeMap<PathBuf, Image>,
}

impl Disk {
    /// Files that are there before the journal begins are safe as they are.
    pub fn new(below: &Path) -> Self {
        let below = below.canonicalize().unwrap();
        let entries = fs::read_dir(&below).unwrap().map(|entry| entry.unwrap().path());
        let image = |path: PathBuf| {
            let seen = fs::read(&path).unwrap();
            (path, Image { synced: Some(seen.clone()), seen, named: true })
        };
        Self { files: entries.map(image).collect(), below }
    }

    /// Goes through the journal; how many writes and how many syncs of files it holds.
    pub fn replay(&mut self, journal: &str) -> (usize, usize) {
        let (mut writes, mut syncs) = (0, 0);
        for line in journal.lines() {
            let Some(call) = Call::read(line) else { continue };
            writes += usize::from(call.name == "pwrite64");
            syncs += usize::from(call.name == "fdatasync");
            self.happened(&call);
        }
        (writes, syncs)
    }

    fn happened(&mut self, call: &Call<'_>) {
        if call.path == self.below {
            if call.name == "fsync" {
                self.files.values_mut().for_each(|file| file.named = true);
            }
            return;
        }
        if !call.path.starts_with(&self.below) {
            return;
        }
        if call.name == "unlink" {
            self.files.remove(&call.path);
            return;
        }
        let file = self.files.entry(call.path.clone()).or_default();
        match call.name {
            "openat" if call.text.contains("O_TRUNC") => file.seen.clear(),
            "pwrite64" => file.write(call.number(), &call.buffer()),
            "ftruncate" => file.seen.resize(call.number(), 0),
            "fdatasync" | "fsync" => file.synced = Some(file.seen.clone()),
            _ => {}
        }
    }

    /// Makes the files what the disk has of them.
    pub fn lose(&self) {
        for (path, file) in &self.files {
            match &file.synced {
                Some(bytes) if file.named => fs::write(path, bytes).unwrap(),
                // It may have been removed by the process itself.
                _ => drop(fs::remove_file(path)),
            }
        }
    }
}

impl Image {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.seen.len() < end {
            self.seen.resize(end, 0);
        }
        self.seen[offset..end].copy_from_slice(bytes);
    }
}

/// A call that happened.
struct Call<'a> {
    name: &'a str,
    path: PathBuf,
    text: &'a str,
}

impl<'a> Call<'a> {
    /// None if the line tells of no call, or of one that failed or was not let through.
    fn read(line: &'a str) -> Option<Self> {
        let (head, result) = line.rsplit_once(") ")?;
        let result = result.trim_start().strip_prefix("= ")?;
        if result.starts_with('-') || result.contains("INJECTED") {
            return None;
        }
        let (name, text) = head.split_once('(')?;
        let name = name.rsplit(' ').next()?;
        // `openat` names its file by the descriptor that it returns, the others by the one that they are given.
        let place = match name {
            "openat" => result,
            "unlink" => return Some(Self { name, path: PathBuf::from(unescaped(quoted(text)?)), text }),
            _ => text,
        };
        let path = place.split_once('<')?.1.split_once('>')?.0;
        Some(Self { name, path: PathBuf::from(unescaped(path)), text })
    }

    /// The last number: the offset of a `pwrite64`, the length of an `ftruncate`.
    fn number(&self) -> usize {
        let last = self.text.rsplit(", ").next().unwrap_or_default();
        last.parse().unwrap_or_else(|error| panic!("{error}: {last}"))
    }

    fn buffer(&self) -> Vec<u8> {
        let text = quoted(self.text).unwrap_or_else(|| panic!("no buffer: {:.200}", self.text));
        bytes(text)
    }
}

fn quoted(text: &str) -> Option<&str> {
    text.split('"').nth(1)
}

/// Paths and buffers are written as `\x2f\x74`.
fn bytes(text: &str) -> Vec<u8> {
    let digits = text.split("\\x").skip(1);
    digits
        .map(|pair| u8::from_str_radix(pair, 16).unwrap_or_else(|error| panic!("{error}: {pair}")))
        .collect()
}

fn unescaped(text: &str) -> String {
    if text.contains("\\x") { String::from_utf8(bytes(text)).unwrap() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_synced_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().canonicalize().unwrap();
        let path = |name: &str| below.join(name);
        for name in ["old", "kept", "new", "nameless"] {
            fs::write(path(name), "seen by programs").unwrap();
        }
        fs::write(path("old"), "abcdef").unwrap();
        let mut disk = Disk::new(&below);
        let at = below.display();
        let journal = format!(
            "openat(AT_FDCWD, \"x\", O_RDWR|O_CREAT|O_TRUNC, 0666) = 7<{at}/kept>\n\
             pwrite64(7<{at}/kept>, \"\\x31\\x32\", 2, 0) = 2\n\
             fdatasync(7<{at}/kept>) = 0\n\
             fsync(8<{at}>) = 0\n\
             pwrite64(7<{at}/kept>, \"\\x33\", 1, 2)   = 1\n\
             fdatasync(7<{at}/kept>) = 0 (INJECTED)\n\
             openat(AT_FDCWD, \"x\", O_RDWR|O_CREAT|O_TRUNC, 0666) = 9<{at}/later>\n\
             pwrite64(9<{at}/later>, \"\\x41\", 1, 0) = 1\n\
             fdatasync(9<{at}/later>) = 0\n\
             pwrite64(5<{at}/old>, \"\\x58\", 1, 0) = 1\n\
             fdatasync(5<{at}/old>) = -1 EIO (Input/output error)\n\
             ftruncate(5<{at}/old>, 3) = 0\n"
        );
        fs::write(path("later"), "A").unwrap();
        assert_eq!(disk.replay(&journal), (4, 2));
        disk.lose();
        assert_eq!(fs::read(path("old")).unwrap(), b"abcdef");
        assert_eq!(fs::read(path("kept")).unwrap(), b"12");
        assert!(!path("later").exists(), "its directory was not synced");
    }
}
