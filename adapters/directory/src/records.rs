//! Rows of text from the files that people bring: CSV, from memory or as a stream, and Parquet.

mod parquet;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use crate::mistakes::Mistakes;

/// One table's file.
#[derive(Clone, Debug)]
pub(crate) struct TableFile {
    /// Its name in messages.
    pub(crate) name: String,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    Text(String),
    Csv(PathBuf),
    Parquet(PathBuf),
}

/// How a file's name tells what it is.
const PARQUET: &str = ".parquet";
const CSV: &str = ".csv";

/// A table's name without what tells how it is written; none if it is no table.
pub(crate) fn stem(name: &str) -> Option<&str> {
    name.strip_suffix(CSV).or_else(|| name.strip_suffix(PARQUET))
}

/// The buffer of a file that is read as a stream.
const BUFFER_BYTES: usize = 1 << 20;

impl TableFile {
    /// A table whose text is at hand.
    pub(crate) const fn text(name: String, text: String) -> Self {
        Self { name, place: Place::Text(text) }
    }

    /// A table in a file.
    pub(crate) fn file(path: &Path) -> Self {
        let name = path.display().to_string();
        let is_parquet = name.ends_with(PARQUET);
        let place = if is_parquet { Place::Parquet } else { Place::Csv };
        Self { name, place: place(path.to_path_buf()) }
    }

    /// Gives each row to `each`, with its line, or with its number where a file has no lines. The columns must be
    /// `wanted`; the first line of CSV names them.
    pub(crate) fn read(&self, wanted: &[&str], mistakes: &mut Mistakes, each: &mut Each<'_>) {
        match &self.place {
            Place::Text(text) => self.csv(text.as_bytes(), wanted, mistakes, each),
            Place::Parquet(path) => parquet::read(path, &self.name, wanted, mistakes, each),
            Place::Csv(path) => match File::open(path) {
                Ok(file) => {
                    self.csv(BufReader::with_capacity(BUFFER_BYTES, file), wanted, mistakes, each);
                }
                Err(error) => mistakes.note(&self.name, 1, format!("this file cannot be read: {error}")),
            },
        }
    }

    fn csv(&self, from: impl Read, wanted: &[&str], mistakes: &mut Mistakes, each: &mut Each<'_>) {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(from);
        let header = reader.headers().cloned().unwrap_or_default();
        let columns: Vec<&str> = header.iter().map(str::trim).collect();
        let places = self::columns(&self.name, &columns, wanted, mistakes);
        let mut record = csv::StringRecord::new();
        loop {
            let before = reader.position().line();
            match reader.read_record(&mut record) {
                Ok(true) => {
                    let line = line(record.position().map_or(before, csv::Position::line));
                    if record.len() != columns.len() {
                        let (found, wanted) = (record.len(), columns.len());
                        let message = format!("{found} values stand here: {wanted} are expected");
                        mistakes.note(&self.name, line, message);
                    }
                    let value = |column: usize| {
                        let place = places.get(column).copied().flatten();
                        place.and_then(|place| record.get(place)).unwrap_or_default().trim()
                    };
                    each(&Row { file: &self.name, line, value: &value }, mistakes);
                }
                Ok(false) => return,
                Err(error) => {
                    mistakes.note(&self.name, line(before), format!("this is not valid CSV: {error}"));
                    if matches!(error.kind(), csv::ErrorKind::Io(_)) {
                        return;
                    }
                }
            }
        }
    }
}

/// Where each wanted column stands among `columns` of the file called `name`.
fn columns(name: &str, columns: &[&str], wanted: &[&str], mistakes: &mut Mistakes) -> Vec<Option<usize>> {
    for column in wanted.iter().filter(|column| !columns.contains(column)) {
        mistakes.note(name, 1, format!("column `{column}` is missing"));
    }
    for column in columns.iter().filter(|column| !wanted.contains(column)) {
        mistakes.note(name, 1, tracking::source::unknown_word("column", column, wanted));
    }
    wanted.iter().map(|name| columns.iter().position(|column| column == name)).collect()
}

/// What is done with each row.
pub(crate) type Each<'e> = dyn FnMut(&Row<'_>, &mut Mistakes) + 'e;

/// One row.
pub(crate) struct Row<'r> {
    /// The file's name.
    pub(crate) file: &'r str,
    /// The row's line in it, or its number.
    pub(crate) line: usize,
    value: &'r dyn Fn(usize) -> &'r str,
}

impl Row<'_> {
    /// The value of a column, by its place among those that were wanted; empty where it is missing.
    pub(crate) fn text(&self, column: usize) -> &str {
        (self.value)(column)
    }
}

fn line(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
