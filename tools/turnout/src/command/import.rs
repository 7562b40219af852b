//! What the commands share that take in an operator's table: the whole file is checked before a row of it is
//! taken, rows stream, and the ledger is that of the running process or of the data directory.

use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use csv::ByteRecord;
use indicatif::ProgressBar;
use ledger::{By, Ledger};
use processor::Imported;
use relay::policy::Snapshot;
use serde::Serialize;
use units::Timestamp;

use super::acting::Actor;
use super::ask::Where;
use crate::batch::Named;
use crate::cli::Outcome;
use crate::clock::wall_clock;
use crate::data::DataDir;
use crate::ledger_place::LedgerPlace;

/// Rows of one part: a transaction of the ledger, short enough that traffic does not notice it.
const PART_ROWS: usize = 4096;

/// Most mistakes of a file that are printed.
const MISTAKES_SHOWN: usize = 50;

/// Most differing ids that are printed.
const DIFFERING_SHOWN: usize = 20;

/// How far a file's times may be ahead of this machine's clock.
const AHEAD_MAX: Duration = Duration::from_secs(300);

type Failure = Box<dyn Error + Send + Sync>;

/// What every import is told.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The table, a CSV file with a first line that names its columns.
    file: PathBuf,
    #[command(flatten)]
    pub(crate) place: Where,
    /// The migration's folder, where nothing is running; the data directory's or the embedded default if it is
    /// not given.
    #[arg(long, value_name = "DIR")]
    migration: Option<PathBuf>,
    /// Check the file and take nothing in.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    by: Actor,
}

impl Arguments {
    /// The migration's folder: the one that is named, else the data directory's own.
    pub(crate) fn migration(&self) -> Option<PathBuf> {
        let own = self.place.data.join("migration");
        self.migration.clone().or_else(|| own.exists().then_some(own))
    }
}

/// What a row of a table becomes.
pub(crate) trait Table {
    /// A row.
    type Row: Serialize;
    /// What the journal and the messages call the import.
    const WHAT: &'static str;
    /// Where the running processor takes it.
    const PATH: &'static str;
    /// Columns that must be there, and further ones.
    const COLUMNS: (&'static [&'static str], &'static [&'static str]);
    /// Reads a row, or says everything that is wrong with it.
    fn read(&self, fields: &Fields<'_>) -> Result<Self::Row, Vec<String>>;
    /// Takes rows into a ledger that no process has open.
    fn take(ledger: &mut Ledger, snapshot: &Snapshot, rows: Vec<Self::Row>) -> Result<Imported, Failure>;
}

/// The values of a row by their columns.
pub(crate) struct Fields<'a> {
    columns: &'a [String],
    record: &'a ByteRecord,
    now: Timestamp,
}

impl Fields<'_> {
    /// The value of a column, trimmed; empty if the column is not there.
    pub(crate) fn text(&self, column: &str) -> Result<&str, String> {
        let place = self.columns.iter().position(|name| name == column);
        let bytes = place.and_then(|place| self.record.get(place)).unwrap_or_default();
        let text = std::str::from_utf8(bytes);
        text.map(str::trim).map_err(|_| format!("`{column}` is no UTF-8"))
    }

    /// An id; none if the value is empty.
    pub(crate) fn id(&self, column: &str) -> Result<Option<u64>, String> {
        let text = self.text(column)?;
        if text.is_empty() {
            return Ok(None);
        }
        let id = text.parse::<u64>().ok().filter(|id| (1..=9_999_999_999).contains(id));
        id.map(Some).ok_or_else(|| format!("`{column}` is `{}`: write 1 to 10 digits", cut(text)))
    }

    /// An id that must be there.
    pub(crate) fn required_id(&self, column: &str) -> Result<u64, String> {
        self.id(column)?.ok_or_else(|| format!("`{column}` is empty: write an id of the old platform"))
    }

    /// A time; none if the value is empty.
    pub(crate) fn time(&self, column: &str) -> Result<Option<Timestamp>, String> {
        let text = self.text(column)?;
        if text.is_empty() {
            return Ok(None);
        }
        let wrong = || {
            let shown = cut(text);
            format!(
                "`{column}` is `{shown}`: write it as 2026-11-23T19:31:00Z, or in seconds or milliseconds since 1970"
            )
        };
        time(text).map(Some).ok_or_else(wrong)
    }

    /// A time that must be there and lies in the past.
    pub(crate) fn past(&self, column: &str) -> Result<Timestamp, String> {
        let at = self.time(column)?.ok_or_else(|| format!("`{column}` is empty: write when it happened"))?;
        if at > self.now.plus(AHEAD_MAX) {
            return Err(format!("`{column}` is {at}, which has not come yet"));
        }
        Ok(at)
    }
}

fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Digits are seconds up to ten of them, and milliseconds from there on.
fn time(text: &str) -> Option<Timestamp> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let number: i64 = text.parse().ok()?;
        return match text.len() {
            ..=10 => Some(Timestamp::from_seconds(number)),
            11..=13 => Some(Timestamp::from_millis(number)),
            _ => None,
        };
    }
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_millis(at.as_millisecond()))
}

/// Checks the whole file, then takes it in.
pub(crate) fn run<T: Table>(table: &T, arguments: &Arguments) -> Outcome {
    let began = Instant::now();
    let Some(rows) = check(table, &arguments.file)? else { return Ok(ExitCode::FAILURE) };
    if arguments.check {
        println!("{rows} rows, sound; nothing was taken in");
        return Ok(ExitCode::SUCCESS);
    }
    let mut target = Target::of::<T>(arguments)?;
    let mut sum = Imported::default();
    let mut part = Vec::with_capacity(PART_ROWS);
    let bar = ProgressBar::new(rows);
    each(table, &arguments.file, |_, row| {
        part.extend(row.ok());
        if part.len() == PART_ROWS {
            add(&mut sum, target.take::<T>(std::mem::take(&mut part))?);
            bar.inc(PART_ROWS as u64);
        }
        Ok(())
    })?;
    add(&mut sum, target.take::<T>(part)?);
    bar.finish_and_clear();
    let detail = format!("{} new, {} known before, of {}", sum.new, sum.known, arguments.file.display());
    target.journal(T::WHAT, By { actor: &arguments.by.actor, why: &detail })?;
    report::<T>(arguments, &sum, rows, began.elapsed());
    Ok(if sum.differing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn add(sum: &mut Imported, part: Imported) {
    sum.new += part.new;
    sum.known += part.known;
    sum.unmapped += part.unmapped;
    sum.expired += part.expired;
    sum.corrected += part.corrected;
    sum.differing.extend(part.differing);
}

fn report<T: Table>(arguments: &Arguments, sum: &Imported, rows: u64, took: Duration) {
    if arguments.place.json {
        println!("{}", serde_json::json!({ "rows": rows, "imported": sum }));
        return;
    }
    let a_second = u128::from(rows) * 1000 / took.as_millis().max(1);
    println!("{}: {rows} rows, {} new, {} known before ({a_second} a second)", T::WHAT, sum.new, sum.known);
    if sum.corrected > 0 {
        println!("{} conversions have better evidence now", sum.corrected);
    }
    if sum.expired > 0 {
        println!(
            "{} rows are older than any window that could still need them; they were left out",
            sum.expired
        );
    }
    if sum.unmapped > 0 {
        println!("{} rows name somebody who is not in the directory; they are kept", sum.unmapped);
    }
    for id in sum.differing.iter().take(DIFFERING_SHOWN) {
        eprintln!("`{id}` is known with another advertiser, publisher or time: the first stays");
    }
    if sum.differing.len() > DIFFERING_SHOWN {
        eprintln!("and {} more", sum.differing.len() - DIFFERING_SHOWN);
    }
}

/// The number of rows, or none if there are mistakes, which are printed.
fn check<T: Table>(table: &T, file: &Path) -> Result<Option<u64>, Failure> {
    let (mut rows, mut wrong) = (0, 0);
    each(table, file, |line, row| {
        rows += 1;
        for mistake in row.err().into_iter().flatten() {
            if wrong < MISTAKES_SHOWN {
                eprintln!("{}:{line}: {mistake}", file.display());
            }
            wrong += 1;
        }
        Ok(())
    })?;
    if wrong == 0 {
        return Ok(Some(rows));
    }
    if wrong > MISTAKES_SHOWN {
        eprintln!("and {} more", wrong - MISTAKES_SHOWN);
    }
    let mistakes = if wrong == 1 { "1 mistake".to_owned() } else { format!("{wrong} mistakes") };
    let rows = if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") };
    eprintln!("{mistakes} in {rows}: nothing was taken in");
    Ok(None)
}

/// Every row with its line.
fn each<T: Table>(
    table: &T,
    file: &Path,
    mut take: impl FnMut(u64, Result<T::Row, Vec<String>>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let opened = File::open(file).map_err(|error| format!("cannot open {}: {error}", file.display()))?;
    let opened = Named::new(file.display().to_string(), opened);
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).from_reader(BufReader::with_capacity(1 << 20, opened));
    let columns = columns::<T>(file, reader.byte_headers()?)?;
    let (mut record, now) = (ByteRecord::new(), wall_clock());
    while reader.read_byte_record(&mut record)? {
        let line = record.position().map_or(0, csv::Position::line);
        let row = if record.len() == columns.len() {
            table.read(&Fields { columns: &columns, record: &record, now })
        } else {
            Err(vec![format!("{} values and {} columns", record.len(), columns.len())])
        };
        take(line, row)?;
    }
    Ok(())
}

fn columns<T: Table>(file: &Path, header: &ByteRecord) -> Result<Vec<String>, Failure> {
    let names: Vec<String> =
        header.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
    let (required, further) = T::COLUMNS;
    let missing = required.iter().filter(|name| !names.iter().any(|found| found == *name));
    let mut mistakes: Vec<String> = missing.map(|name| format!("column `{name}` is missing")).collect();
    let known = |name: &String| required.iter().chain(further).any(|known| known == name);
    mistakes.extend(names.iter().filter(|name| !known(name)).map(|name| {
        format!("column `{}` is unknown; there are {}", cut(name), [required, further].concat().join(", "))
    }));
    if mistakes.is_empty() {
        return Ok(names);
    }
    let lines: Vec<String> = mistakes.iter().map(|text| format!("{}:1: {text}", file.display())).collect();
    Err(lines.join("\n").into())
}

/// Where the rows go.
enum Target<'a> {
    Running(&'a Where),
    Resting(Box<(Ledger, Snapshot)>),
}

impl<'a> Target<'a> {
    fn of<T: Table>(arguments: &'a Arguments) -> Result<Self, Failure> {
        let place = &arguments.place;
        if place.running().is_ok_and(|run| run.processor.is_some()) {
            return Ok(Self::Running(place));
        }
        let data = DataDir::open(&place.data)?;
        let snapshot = directory::load(arguments.migration().as_deref(), data.keys()?.secrets)?;
        let ledger = LedgerPlace::noted(data.folder())?.open(data.folder())?;
        Ok(Self::Resting(Box::new((ledger, snapshot))))
    }

    fn take<T: Table>(&mut self, rows: Vec<T::Row>) -> Result<Imported, Failure> {
        if rows.is_empty() {
            return Ok(Imported::default());
        }
        match self {
            Self::Running(place) => {
                let answer = place.tell_processor(T::PATH, &serde_json::to_string(&rows)?)?;
                Ok(serde_json::from_value(answer)?)
            }
            Self::Resting(own) => T::take(&mut own.0, &own.1, rows),
        }
    }

    fn journal(&mut self, what: &str, by: By<'_>) -> Result<(), Failure> {
        match self {
            Self::Running(place) => {
                let note = serde_json::json!({ "what": what, "actor": by.actor, "detail": by.why });
                place.tell_processor("/imports", &note.to_string())?;
            }
            Self::Resting(own) => processor::journal_import(&mut own.0, what, by, wall_clock())?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_form() {
        let wanted = Some(Timestamp::from_seconds(1_795_462_260));
        for text in ["2026-11-23T19:31:00Z", "2026-11-23T14:31:00-05:00", "1795462260", "1795462260000"] {
            assert_eq!(time(text), wanted, "{text}");
        }
        for text in ["yesterday", "2026-11-23", "17954622600000", "-5", "1e9"] {
            assert_eq!(time(text), None, "{text}");
        }
    }
}
