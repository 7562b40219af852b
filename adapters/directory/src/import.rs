//! Importing an id map: from files of any size to a version.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use tracking::directory::{Builder, Built, Directory};
use tracking::source::Mistake;

use crate::maps::{MapError, Maps};
use crate::records::{self, TableFile};
use crate::rows::{Kind, Tables};
use crate::{Rules, cross_check};

/// Text is written once this much of it has come together.
const CHUNK_BYTES: usize = 1 << 20;

/// Rows between two reports of progress.
const PROGRESS_ROWS: u64 = 1 << 16;

/// Why nothing was imported. What is in force stays.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Mistakes in the tables.
    #[error("{total} mistakes in the tables, nothing was imported; the first of them:{}", listed(mistakes))]
    Mistakes {
        /// The first of them.
        mistakes: Vec<Mistake>,
        /// How many there are.
        total: u64,
    },
    /// A file that is no table.
    #[error(
        "{}: tables are called advertisers, publishers, creatives or short_links, with more behind a dash or \
         a dot if need be, and end with .csv or .parquet",
        _0.display()
    )]
    NotATable(PathBuf),
    /// No table of advertisers.
    #[error("there is no table of advertisers among the files: a map without them maps nothing")]
    NoAdvertisers,
    /// A file that cannot be read or written, or a version that is damaged.
    #[error(transparent)]
    Map(#[from] MapError),
}

/// How many mistakes stand in the message of an error.
const SHOWN_MAX: usize = 50;

fn listed(mistakes: &[Mistake]) -> String {
    mistakes.iter().take(SHOWN_MAX).map(|mistake| format!("\n  {mistake}")).collect()
}

/// What was imported.
#[derive(Debug)]
pub struct Imported {
    /// The version's number.
    pub number: u64,
    /// The version, checked as it is on the disk.
    pub directory: Directory,
    /// Versions that were removed for it.
    pub pruned: Vec<u64>,
}

/// Imports the tables in `places`, files or folders of them, as a new version of `maps`. It is not in force
/// before it is switched to. They must fit the migration of `rules`; `progress` is told the rows read.
///
/// # Errors
/// Every mistake in the tables, or what went wrong with a file.
pub fn import(
    maps: &Maps,
    places: &[PathBuf],
    rules: &Rules,
    progress: &mut dyn FnMut(u64),
) -> Result<Imported, ImportError> {
    let files = tables(places)?;
    let _lock = maps.lock()?;
    let number = maps.next()?;
    let draft = maps.draft();
    let result = write(&draft, files, rules, progress).and_then(|()| {
        let directory = maps.publish(number)?;
        let mistakes = cross_check(&rules.policy, &directory, "advertisers");
        if mistakes.is_empty() {
            return Ok(directory);
        }
        // It never was in force.
        fs::remove_file(maps.path(number))
            .map_err(|source| file_error("remove", &maps.path(number), source))?;
        let total = mistakes.len() as u64;
        Err(ImportError::Mistakes { mistakes, total })
    });
    if result.is_err() {
        // A draft of nothing is in nobody's way, should it stay.
        drop(fs::remove_file(&draft));
    }
    let directory = result?;
    Ok(Imported { number, directory, pruned: maps.prune()? })
}

fn file_error(doing: &'static str, path: &Path, source: io::Error) -> MapError {
    MapError::File { doing, path: path.to_path_buf(), source }
}

/// The files of `places`, with their kinds, in the order in which they must be read.
fn tables(places: &[PathBuf]) -> Result<Vec<(Kind, PathBuf)>, ImportError> {
    let mut found = Vec::new();
    for place in places {
        if !place.is_dir() {
            fs::metadata(place).map_err(|source| file_error("read", place, source))?;
            let kind = kind_of(place).ok_or_else(|| ImportError::NotATable(place.clone()))?;
            found.push((kind, place.clone()));
            continue;
        }
        let entries = fs::read_dir(place).map_err(|source| file_error("list", place, source))?;
        for entry in entries {
            let path = entry.map_err(|source| file_error("list", place, source))?.path();
            found.extend(kind_of(&path).map(|kind| (kind, path)));
        }
    }
    found.sort();
    if found.first().is_none_or(|(kind, _)| *kind != Kind::Advertisers) {
        return Err(ImportError::NoAdvertisers);
    }
    Ok(found)
}

/// The kind of table that a file's name tells, as `creatives.csv` or `creatives-2.parquet`.
fn kind_of(path: &Path) -> Option<Kind> {
    let name = path.file_name()?.to_str()?;
    let stem = records::stem(name)?;
    Kind::ALL.into_iter().find(|kind| {
        stem.strip_prefix(kind.name()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
    })
}

/// Writes the tables as one directory into `draft`.
fn write(
    draft: &Path,
    files: Vec<(Kind, PathBuf)>,
    rules: &Rules,
    progress: &mut dyn FnMut(u64),
) -> Result<(), ImportError> {
    // What an import that was killed left behind.
    drop(fs::remove_file(draft));
    let wrong = |source| ImportError::Map(file_error("write", draft, source));
    let mut file = BufWriter::with_capacity(CHUNK_BYTES, File::create(draft).map_err(wrong)?);
    // The header is known last.
    let no_header = [0; Built::HEADER_BYTES];
    let mut written: io::Result<()> = file.write_all(&no_header);
    let mut reading = Tables::new(true, Some(&rules.migration.legacy));
    let mut rows = 0_u64;
    for (kind, path) in files {
        reading.read(kind, TableFile::file(&path), &mut |builder: &mut Builder| {
            rows = rows.saturating_add(1);
            if rows.is_multiple_of(PROGRESS_ROWS) {
                progress(rows);
            }
            if builder.text_waiting() >= CHUNK_BYTES && written.is_ok() {
                written = file.write_all(&builder.take_text());
            }
        });
    }
    progress(rows);
    written.map_err(wrong)?;
    let (built, mistakes) = reading.finish();
    if mistakes.total() > 0 {
        let total = mistakes.total();
        return Err(ImportError::Mistakes { mistakes: mistakes.into_kept(), total });
    }
    finish(file, &built).map_err(wrong)
}

fn finish(mut file: BufWriter<File>, built: &Built) -> io::Result<()> {
    for part in built.parts() {
        file.write_all(part)?;
    }
    file.flush()?;
    let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&built.header())?;
    file.sync_all()
}
