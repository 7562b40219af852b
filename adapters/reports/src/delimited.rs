//! Lines of cells: commas with quotes, pipes, tabs.

use std::borrow::Cow;
use std::io::{BufRead as _, BufReader, Read};

use csv::ByteRecord;
use tracking::dialect::report::Report;

use crate::cells::{Cells, plain_name, text};
use crate::{Ended, ReportError};

/// Longest line of names that is looked at, in bytes. The longest known one has about 350.
const HEADER_BYTES_MAX: u64 = 64 * 1024;

/// Read at once.
const BUFFER_BYTES: usize = 1 << 18;

/// A row's cells under the report's names.
struct Row<'a> {
    names: &'a [String],
    record: &'a ByteRecord,
}

impl Cells for Row<'_> {
    fn cell(&self, name: &str) -> Option<Cow<'_, str>> {
        let wanted = plain_name(name);
        let place = self.names.iter().position(|known| *known == wanted)?;
        self.record.get(place).map(text)
    }

    fn has(&self, name: &str) -> bool {
        self.names.contains(&plain_name(name))
    }

    fn wrong(&self) -> Option<String> {
        let (cells, names) = (self.record.len(), self.names.len());
        (cells != names).then(|| format!("{cells} cells under {names} names"))
    }
}

pub(crate) fn read(
    report: &Report,
    delimiters: &[u8],
    input: impl Read,
    each: &mut dyn FnMut(u64, &dyn Cells),
) -> Result<Ended, ReportError> {
    let mut input = BufReader::with_capacity(BUFFER_BYTES, input);
    let mut header = Vec::new();
    let mut taken = Read::by_ref(&mut input).take(HEADER_BYTES_MAX);
    taken.read_until(b'\n', &mut header)?;
    let line = text(&header).trim_matches(['\r', '\n', '\u{feff}', ' ']).to_owned();
    let delimiter =
        delimiters.iter().copied().max_by_key(|byte| line.bytes().filter(|one| one == byte).count());
    let delimiter = delimiter.unwrap_or(b',');
    let names = names(&line, delimiter);
    check(report, &names, &line)?;
    // Only commas come with quotes that hold line ends. Elsewhere a quote is a letter like any other: one that
    // nothing closes must not swallow the rest of the report.
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        // A carriage return before it is a blank like any other: so that lines are counted right.
        .terminator(csv::Terminator::Any(b'\n'))
        .quoting(delimiter == b',')
        .from_reader(input);
    let mut record = ByteRecord::new();
    let mut ended = Ended::default();
    while read_one(&mut reader, &mut record)? {
        if record.iter().all(|cell| cell.trim_ascii().is_empty()) {
            continue;
        }
        let line = record.position().map_or(0, csv::Position::line) + 1;
        ended.rows += 1;
        // Only the last line that was read may be one that was cut off.
        ended.cut_off = record.len() < names.len();
        each(line, &Row { names: &names, record: &record });
    }
    Ok(ended)
}

fn read_one(reader: &mut csv::Reader<impl Read>, record: &mut ByteRecord) -> Result<bool, ReportError> {
    reader.read_byte_record(record).map_err(|error| {
        let text = error.to_string();
        match error.into_kind() {
            csv::ErrorKind::Io(error) => ReportError::Io(error),
            _ => ReportError::Shape(text),
        }
    })
}

fn names(line: &str, delimiter: u8) -> Vec<String> {
    let cells = line.split(char::from(delimiter));
    cells.map(|name| plain_name(name.trim().trim_matches('"'))).collect()
}

/// Every column that a report cannot do without is there.
fn check(report: &Report, names: &[String], line: &str) -> Result<(), ReportError> {
    let is_there = |name: &String| names.contains(&plain_name(name));
    let missing =
        report.columns.iter().filter(|column| column.required && !column.names.iter().any(is_there));
    let missing: Vec<String> = missing.map(|column| format!("`{}`", column.names.join("` or `"))).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let shown: String = line.chars().take(120).collect();
    Err(ReportError::Shape(format!(
        "it is no report of this kind (`{}`): its first line has no column {}; it is `{shown}`",
        report.name,
        missing.join(", ")
    )))
}
