//! The directory: dialects, migrations, policies and id maps, from files or from what the binary embeds.
//!
//! A migration is a folder with `migration.toml`, `policy.toml`, perhaps `terms.toml`, `advertisers.csv`, `publishers.csv`,
//! `creatives.csv` and perhaps `short_links.csv`, or an imported map of any size in their place; dialects stand in `dialects/` beside the migrations' folder or are the embedded ones.
//! Everything is read and checked before anything is used, and every mistake is reported together.

mod files;
mod import;
mod maps;
mod mistakes;
mod records;
mod rows;

use std::path::Path;

use relay::policy::{Policy, Secrets, Snapshot, Terms};
use tracking::directory::Directory;
use tracking::migration::Migration;
use tracking::source::Mistake;

pub use files::{Files, embedded, embedded_under};
pub use import::{ImportError, Imported, import};
pub use maps::{MapError, Maps, Version, counts};

/// Why a migration cannot be used: every mistake found.
#[derive(Debug, thiserror::Error)]
pub struct LoadError {
    /// The mistakes, in the order of files and lines.
    pub mistakes: Vec<Mistake>,
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.mistakes.len();
        let noun = if count == 1 { "mistake" } else { "mistakes" };
        write!(f, "{count} {noun} in the migration:")?;
        self.mistakes.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))
    }
}

/// Loads the migration of the folder `migration`, or the embedded default where none is named, with its own tables.
///
/// # Errors
/// Every mistake in any of its files.
pub fn load(migration: Option<&Path>, secrets: Secrets) -> Result<Snapshot, LoadError> {
    load_files(&files_of(migration), secrets)
}

/// The same with the version of `maps` that is in force; with the migration's own tables where none is.
///
/// # Errors
/// Every mistake in any of its files, or what is wrong with the version.
pub fn load_with(migration: Option<&Path>, maps: &Maps, secrets: Secrets) -> Result<Snapshot, LoadError> {
    let files = files_of(migration);
    match maps.open_current() {
        Ok(None) => load_files(&files, secrets),
        Ok(Some((number, directory))) => load_parts(&files, Some((number, maps, directory)), secrets),
        Err(error) => Err(of_maps(maps, &error)),
    }
}

/// The same with this version of `maps`, whichever is in force.
///
/// # Errors
/// Every mistake in any of its files, or what is wrong with the version.
pub fn load_with_map(
    migration: Option<&Path>,
    maps: &Maps,
    number: u64,
    secrets: Secrets,
) -> Result<Snapshot, LoadError> {
    let directory = maps.open(number).map_err(|error| of_maps(maps, &error))?;
    load_parts(&files_of(migration), Some((number, maps, directory)), secrets)
}

fn of_maps(maps: &Maps, error: &MapError) -> LoadError {
    let file = maps.folder().display().to_string();
    LoadError { mistakes: vec![Mistake { file, line: 1, message: error.to_string() }] }
}

fn files_of(migration: Option<&Path>) -> Files {
    migration.map_or_else(Files::embedded_default, Files::folder)
}

/// Loads a migration from `files`.
///
/// # Errors
/// Every mistake in any of its files.
pub fn load_files(files: &Files, secrets: Secrets) -> Result<Snapshot, LoadError> {
    load_parts(files, None, secrets)
}

fn load_parts(
    files: &Files,
    imported: Option<(u64, &Maps, Directory)>,
    secrets: Secrets,
) -> Result<Snapshot, LoadError> {
    if let Some(mistake) = files.amiss() {
        return Err(LoadError { mistakes: vec![mistake] });
    }
    let mut mistakes = Vec::new();
    let mut text = |name: &str| {
        files.text(name).unwrap_or_else(|mistake| {
            mistakes.push(mistake);
            (name.to_owned(), String::new())
        })
    };
    let terms = files.has(TERMS).then(|| text(TERMS));
    let (join, rules) = (text("migration.toml"), text("policy.toml"));
    let tables = match &imported {
        Some(_) => Vec::new(),
        None => tables(&mut text, files),
    };
    if !mistakes.is_empty() {
        return Err(LoadError { mistakes });
    }
    let migration =
        Migration::load(&join.0, &join.1, |name| files.dialect(name)).and_then(|mut migration| {
            migration.legacy.furnish(|name| files.furniture(name))?;
            Ok(migration)
        });
    let policy = policy(&rules, terms.as_ref());
    let texts: Vec<_> = [&join, &rules].into_iter().chain(&terms).collect();
    let mut version = version(&texts, &tables);
    let (directory, source) = match imported {
        Some((number, maps, directory)) => {
            version.push_str(&format!("+map{number}"));
            (Ok(directory), maps.path(number).display().to_string())
        }
        None => (
            compile(&tables, migration.as_ref().ok()),
            tables.first().map(|(name, _)| name.clone()).unwrap_or_default(),
        ),
    };
    match (migration, policy, directory) {
        (Ok(migration), Ok(policy), Ok(directory)) => {
            let mistakes = cross_check(&policy, &directory, &source);
            if mistakes.is_empty() {
                return Ok(Snapshot { version, migration, directory, policy, secrets });
            }
            Err(LoadError { mistakes })
        }
        (migration, policy, directory) => {
            mistakes.extend(migration.err().into_iter().flatten());
            mistakes.extend(policy.err().into_iter().flatten());
            mistakes.extend(directory.err().into_iter().flatten());
            Err(LoadError { mistakes })
        }
    }
}

/// The file of a migration that says who earns what. It need not be there.
pub const TERMS: &str = "terms.toml";

/// The policy with the terms of its programmes, or every mistake in either file.
fn policy(rules: &(String, String), terms: Option<&(String, String)>) -> Result<Policy, Vec<Mistake>> {
    let policy = Policy::load(&rules.0, &rules.1);
    let terms = terms.map(|(file, text)| Terms::load(file, text)).transpose();
    match (policy, terms) {
        (Ok(policy), Ok(terms)) => Ok(Policy { terms: terms.unwrap_or_default(), ..policy }),
        (policy, terms) => Err(policy.err().into_iter().chain(terms.err()).flatten().collect()),
    }
}

/// The texts of a migration's tables, in the order of their kinds. Short links need not be there.
fn tables(text: &mut dyn FnMut(&str) -> (String, String), files: &Files) -> Vec<(String, String)> {
    let is_there = |kind: &rows::Kind| *kind != rows::Kind::ShortLinks || files.has(kind.file());
    rows::Kind::ALL.into_iter().filter(is_there).map(|kind| text(kind.file())).collect()
}

/// The tables, in the order of their kinds, compiled in memory.
fn compile(tables: &[(String, String)], migration: Option<&Migration>) -> Result<Directory, Vec<Mistake>> {
    let mut reading = rows::Tables::new(false, migration.map(|migration| &migration.legacy));
    for (kind, (name, text)) in rows::Kind::ALL.into_iter().zip(tables) {
        reading.read(kind, records::TableFile::text(name.clone(), text.clone()), &mut |_| {});
    }
    let (built, mistakes) = reading.finish();
    if mistakes.total() == 0 { Ok(built.into()) } else { Err(mistakes.into_kept()) }
}

/// What an imported map must fit.
#[derive(Debug)]
pub struct Rules {
    /// Whose short links it may hold.
    pub(crate) migration: Migration,
    /// Which waves it may name.
    pub(crate) policy: Policy,
}

impl Rules {
    /// The rules of the migration of the folder `migration`, or of the embedded default.
    ///
    /// # Errors
    /// Every mistake in its files.
    pub fn of(migration: Option<&Path>) -> Result<Self, LoadError> {
        Self::load(&files_of(migration)).map_err(|mistakes| LoadError { mistakes })
    }

    fn load(files: &Files) -> Result<Self, Vec<Mistake>> {
        let text = |name| files.text(name).map_err(|mistake| vec![mistake]);
        let (join, rules) = (text("migration.toml")?, text("policy.toml")?);
        let migration = Migration::load(&join.0, &join.1, |name| files.dialect(name))?;
        Ok(Self { migration, policy: Policy::load(&rules.0, &rules.1)? })
    }
}

/// What can only be seen with the policy and the rows at hand.
fn cross_check(policy: &Policy, directory: &Directory, file: &str) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let mut seen = Vec::new();
    for row in directory.advertisers() {
        let known = policy.waves.iter().any(|wave| wave.name == row.wave);
        if !known && !seen.contains(&row.wave) {
            let message = format!("wave `{}` is not in the policy: add a [[wave]] with its phase", row.wave);
            seen.push(row.wave);
            mistakes.push(Mistake { file: file.to_owned(), line: 1, message });
        }
    }
    mistakes
}

/// A name for exactly these texts: a checksum, since a person compares it at a glance.
fn version(files: &[&(String, String)], tables: &[(String, String)]) -> String {
    let texts = files.iter().map(|file| &file.1).chain(tables.iter().map(|table| &table.1));
    let sum = texts.flat_map(|text| text.bytes()).fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{sum:016x}")
}

#[cfg(test)]
mod tests;
