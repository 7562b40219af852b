//! Where the files of a migration come from: a folder, or the binary itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tracking::source::Mistake;

/// Every shipped file, by its path from the repository's root.
const EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The text of a shipped file.
pub fn embedded(path: &str) -> Option<&'static str> {
    EMBEDDED.iter().find(|(name, _)| *name == path).map(|(_, text)| *text)
}

/// Every shipped file whose path begins with `start`: path and text, in the order of paths.
pub fn embedded_under(start: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    EMBEDDED.iter().copied().filter(move |(path, _)| path.starts_with(start))
}

/// The files of one migration.
#[derive(Debug)]
pub struct Files {
    place: Place,
}

#[derive(Debug)]
enum Place {
    Folder(PathBuf),
    Embedded { folder: String, replaced: BTreeMap<String, String> },
}

impl Files {
    /// The migration in `folder`.
    pub fn folder(folder: &Path) -> Self {
        Self { place: Place::Folder(folder.to_path_buf()) }
    }

    /// The migration that the binary ships as its default.
    pub fn embedded_default() -> Self {
        Self::embedded_with(BTreeMap::new())
    }

    /// The migration called `name` that the binary ships.
    pub fn embedded(name: &str) -> Self {
        Self { place: Place::Embedded { folder: format!("migrations/{name}"), replaced: BTreeMap::new() } }
    }

    /// The shipped default with some of its files replaced, by name.
    pub fn embedded_with(replaced: BTreeMap<String, String>) -> Self {
        let named = embedded("migrations/default.toml").unwrap_or_default();
        let named: toml::Table = toml::from_str(named).unwrap_or_default();
        let name = named.get("migration").and_then(toml::Value::as_str).unwrap_or_default();
        Self { place: Place::Embedded { folder: format!("migrations/{name}"), replaced } }
    }

    /// The names of the default's files, and its text for each.
    pub fn names() -> [&'static str; 6] {
        [
            "migration.toml",
            "policy.toml",
            "advertisers.csv",
            "publishers.csv",
            "creatives.csv",
            "short_links.csv",
        ]
    }

    /// A file's name for messages and its text.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn text(&self, name: &str) -> Result<(String, String), Mistake> {
        match &self.place {
            Place::Folder(folder) => read(&folder.join(name)),
            Place::Embedded { folder, replaced } => {
                let path = format!("{folder}/{name}");
                let text = replaced.get(name).map(String::as_str).or_else(|| embedded(&path));
                match text {
                    Some(text) => Ok((path, text.to_owned())),
                    None => Err(missing(path, "it is not embedded in this binary")),
                }
            }
        }
    }

    /// What is wrong with the folder itself: then nothing is to be said of each of its files.
    pub(crate) fn amiss(&self) -> Option<Mistake> {
        let Place::Folder(folder) = &self.place else { return None };
        let why = match folder.is_dir() {
            true if self.has("migration.toml") || self.has("policy.toml") => return None,
            true => "there is no migration in this folder",
            false if folder.exists() => "this is no folder",
            false => "there is no such folder",
        };
        let message =
            format!("{why}: a migration is a folder with `migration.toml`, `policy.toml` and its tables");
        Some(Mistake { file: folder.display().to_string(), line: 1, message })
    }

    /// True if there is a file called `name`, whether it can be read or not.
    pub(crate) fn has(&self, name: &str) -> bool {
        match &self.place {
            Place::Folder(folder) => folder.join(name).exists(),
            Place::Embedded { folder, replaced } => {
                replaced.contains_key(name) || embedded(&format!("{folder}/{name}")).is_some()
            }
        }
    }

    /// The file name and text of a dialect: from `dialects/` beside the migrations' folder, or embedded.
    pub fn dialect(&self, name: &str) -> Option<(String, String)> {
        self.beside(format!("dialects/{name}.toml"))
    }

    /// The text of a file that a dialect names, from where the dialects are.
    pub fn furniture(&self, name: &str) -> Option<String> {
        self.beside(format!("dialects/{name}")).map(|(_, text)| text)
    }

    fn beside(&self, shipped: String) -> Option<(String, String)> {
        if let Place::Folder(folder) = &self.place {
            let beside = [folder.join(&shipped), folder.join("../..").join(&shipped)];
            if let Some(found) = beside.iter().find_map(|path| read(path).ok()) {
                return Some(found);
            }
        }
        embedded(&shipped).map(|text| (shipped, text.to_owned()))
    }
}

fn read(path: &Path) -> Result<(String, String), Mistake> {
    let name = path.display().to_string();
    match fs::read_to_string(path) {
        Ok(text) => Ok((name, text)),
        Err(error) => Err(missing(name, &error.to_string())),
    }
}

fn missing(file: String, why: &str) -> Mistake {
    Mistake { file, line: 1, message: format!("this file cannot be read: {why}") }
}
