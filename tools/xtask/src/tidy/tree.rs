//! Which files are checked? What git tracks, and what it would track if it were added now.

use std::collections::BTreeMap;
use std::process::Command;

use crate::failure::Failure;
use crate::process;
use crate::repository::Repository;
use crate::tidy::source::Source;

/// Every text file by its path from the root, in order.
#[derive(Debug)]
pub(crate) struct Tree {
    files: BTreeMap<String, String>,
    sources: BTreeMap<String, Source>,
}

impl Tree {
    /// Reads the working copy. Files that are not text are left out.
    pub(crate) fn read(repository: &Repository) -> Result<Self, Failure> {
        let list = process::output(Command::new("git").current_dir(repository.root()).args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]))?;
        let paths = list.split('\0').filter(|path| !path.is_empty());
        // A tracked file that was deleted, or one that is not text, has nothing to check.
        let files = paths
            .filter_map(|path| Some((path.to_owned(), std::fs::read_to_string(repository.path(path)).ok()?)))
            .collect();
        Ok(Self::new(files))
    }

    fn new(files: BTreeMap<String, String>) -> Self {
        let rust = files.iter().filter(|(path, _)| path.ends_with(".rs"));
        let sources = rust.map(|(path, text)| (path.clone(), Source::read(path, text))).collect();
        Self { files, sources }
    }

    /// A tree for a test.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        Self::new(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
    }

    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Every file as path and text.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Every Rust file, read.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.sources.iter().map(|(path, source)| (path.as_str(), source))
    }

    pub(crate) fn source(&self, path: &str) -> Option<&Source> {
        self.sources.get(path)
    }
}

/// Whether a path lies in one of these directories.
pub(crate) fn is_in(path: &str, directories: &[&str]) -> bool {
    directories.iter().any(|directory| path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/')))
}
