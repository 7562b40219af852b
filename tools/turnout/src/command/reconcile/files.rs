//! The rows behind the sums, as files for people: one for each class, the claims, and what may be sent again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use reconciliation::{Class, Line};
use units::{EventId, Money, Timestamp};

use super::sources::Unreadable;

/// Events in one order to send again.
const REDRIVEN_TOGETHER: usize = 50;

const COLUMNS: [&str; 24] = [
    "class",
    "also",
    "why",
    "award_rule",
    "advertiser_id",
    "event_id",
    "state",
    "platform",
    "our_reference",
    "our_amount",
    "our_currency",
    "our_commission",
    "our_publisher",
    "received_at",
    "line",
    "transaction_id",
    "their_reference",
    "their_amount",
    "their_currency",
    "their_commission",
    "their_publisher",
    "their_standing",
    "transacted_at",
    "closed_by",
];

const CLAIMS: [&str; 10] = [
    "what",
    "platform",
    "advertiser_id",
    "order_reference",
    "amount",
    "currency",
    "time",
    "publisher_id",
    "transaction_id",
    "event_id",
];

type Table = csv::Writer<BufWriter<File>>;

/// The files of one comparison.
pub(super) struct Files {
    folder: PathBuf,
    classes: BTreeMap<Class, Table>,
    claims: Table,
    again: BTreeMap<Class, Vec<EventId>>,
    /// True if what the reports do not name is missing there: nothing of them is in doubt, and all of it was read.
    whole: bool,
}

fn table(path: &Path, columns: &[&str]) -> io::Result<Table> {
    let mut table = csv::Writer::from_writer(BufWriter::new(File::create(path)?));
    table.write_record(columns)?;
    Ok(table)
}

impl Files {
    /// Begins them in `folder`. Those of an earlier comparison are replaced, so that none stays behind.
    pub(super) fn new(folder: &Path, whole: bool) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        for class in Class::ALL {
            remove(&folder.join(format!("{class}.csv")))?;
        }
        for name in ["redrive.txt", "unreadable.csv"] {
            remove(&folder.join(name))?;
        }
        let claims = table(&folder.join("claims.csv"), &CLAIMS)?;
        let (classes, again) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { folder: folder.to_owned(), classes, claims, again, whole })
    }

    pub(super) fn write(&mut self, line: &Line) -> io::Result<()> {
        if !self.classes.contains_key(&line.class) {
            let path = self.folder.join(format!("{}.csv", line.class));
            self.classes.insert(line.class, table(&path, &COLUMNS)?);
        }
        if let Some(table) = self.classes.get_mut(&line.class) {
            table.write_record(row(line).iter().map(|cell| guarded(cell)))?;
        }
        if is_absent(line.class) && !self.whole {
            return Ok(());
        }
        if let Some(claim) = claim(line) {
            self.claims.write_record(claim.iter().map(|cell| guarded(cell)))?;
        }
        let again = matches!(line.class, Class::MissingThereUnknown | Class::MissingThereDead);
        if let Some(ours) = line.ours.as_ref().filter(|_| again) {
            self.again.entry(line.class).or_default().push(ours.event_id);
        }
        Ok(())
    }

    /// Ends them.
    pub(super) fn end(mut self, unreadable: &[Unreadable]) -> io::Result<()> {
        self.claims.flush()?;
        for table in self.classes.values_mut() {
            table.flush()?;
        }
        if !self.again.is_empty() {
            let mut out = BufWriter::new(File::create(self.folder.join("redrive.txt"))?);
            for (class, events) in &self.again {
                let approve = if *class == Class::MissingThereUnknown { " --approve" } else { "" };
                for part in events.chunks(REDRIVEN_TOGETHER) {
                    let events: Vec<String> = part.iter().map(ToString::to_string).collect();
                    let events = events.join(" ");
                    writeln!(
                        out,
                        "turnout dead redrive{approve} --reason \"absent from a settled report\" {events}"
                    )?;
                }
            }
            out.flush()?;
        }
        if !unreadable.is_empty() {
            let mut rows = table(&self.folder.join("unreadable.csv"), &["report", "line", "what"])?;
            for row in unreadable {
                let cells = [row.report.clone(), row.line.to_string(), row.why.clone()];
                rows.write_record(cells.iter().map(|cell| guarded(cell)))?;
            }
            rows.flush()?;
        }
        Ok(())
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn row(line: &Line) -> [String; 24] {
    let (ours, theirs) = (line.ours.as_ref(), line.theirs.as_ref());
    let also: Vec<&str> = line.also.iter().map(|class| class.name()).collect();
    let of = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let owner = ours.and_then(|ours| ours.owner).or_else(|| theirs.map(|theirs| theirs.home));
    let (own, other) = (ours.and_then(|ours| ours.amount), theirs.map(|theirs| theirs.amount));
    [
        line.class.name().to_owned(),
        also.join(" "),
        line.why.to_owned(),
        of(line.award.map(|rule| rule.name())),
        id(line.advertiser_id()),
        ours.map(|ours| ours.event_id.to_string()).unwrap_or_default(),
        of(ours.map(|ours| ours.state.name())),
        of(owner.map(|home| home.name())),
        of(ours.and_then(|ours| ours.reference.as_deref())),
        decimal(own),
        currency(own),
        decimal(ours.and_then(|ours| ours.commission)),
        id(ours.and_then(|ours| ours.publisher_id)),
        time(ours.map(|ours| ours.received_at)),
        id(theirs.map(|theirs| theirs.line)),
        of(theirs.map(|theirs| theirs.transaction_id.as_str())),
        of(theirs.and_then(|theirs| theirs.reference.as_deref())),
        decimal(other),
        currency(other),
        decimal(theirs.and_then(|theirs| theirs.commission)),
        id(theirs.and_then(|theirs| theirs.publisher)),
        of(theirs.map(|theirs| theirs.standing.name())),
        time(theirs.map(|theirs| theirs.at)),
        line.class.closed_by().to_owned(),
    ]
}

/// True for what is claimed, or sent again, because no report names it.
pub(super) const fn is_absent(class: Class) -> bool {
    matches!(
        class,
        Class::MissingThereTaken
            | Class::MissingThereConfirmed
            | Class::MissingThereUnknown
            | Class::MissingThereDead
    )
}

/// What the platform is asked to put right.
fn claim(line: &Line) -> Option<[String; 10]> {
    let what = match line.class {
        Class::MissingThereTaken => "book: it was received and is in no report",
        Class::MissingThereConfirmed => "restore: it was confirmed and is in no report",
        Class::DuplicatedThere => "void: it is there more often than it was sent",
        Class::OnBothPlatforms => "void: the other platform has it",
        _ => return None,
    };
    let (ours, theirs) = (line.ours.as_ref(), line.theirs.as_ref());
    let amount = ours.and_then(|ours| ours.amount).or_else(|| theirs.map(|theirs| theirs.amount));
    let home = ours.and_then(|ours| ours.owner).or_else(|| theirs.map(|theirs| theirs.home));
    let reference = ours.and_then(|ours| ours.reference.clone());
    let publisher =
        ours.and_then(|ours| home.and_then(|home| reconciliation::award::publisher_in(ours, home)));
    Some([
        what.to_owned(),
        home.map(|home| home.name().to_owned()).unwrap_or_default(),
        id(line.advertiser_id()),
        reference.or_else(|| theirs.and_then(|theirs| theirs.reference.clone())).unwrap_or_default(),
        decimal(amount),
        currency(amount),
        time(ours.map(|ours| ours.received_at).or_else(|| theirs.map(|theirs| theirs.at))),
        id(publisher.or_else(|| theirs.and_then(|theirs| theirs.publisher))),
        theirs.map(|theirs| theirs.transaction_id.clone()).unwrap_or_default(),
        ours.map(|ours| ours.event_id.to_string()).unwrap_or_default(),
    ])
}

fn id(number: Option<u64>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

fn decimal(amount: Option<Money>) -> String {
    amount.map(|amount| amount.decimal()).unwrap_or_default()
}

fn currency(amount: Option<Money>) -> String {
    amount.map(|amount| amount.currency.code().to_owned()).unwrap_or_default()
}

fn time(at: Option<Timestamp>) -> String {
    at.map(|at| at.to_string()).unwrap_or_default()
}

/// A cell that a spreadsheet shows and does not compute: an order's reference may be written by anybody.
fn guarded(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let number = cell.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
    if formula && !(number && cell.len() > 1) { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spreadsheet_computes_nothing_of_it() {
        for (cell, written) in [
            ("A-1", "A-1"),
            ("=1+1", "'=1+1"),
            ("@x", "'@x"),
            ("+49", "'+49"),
            ("-2.50", "-2.50"),
            ("-cmd", "'-cmd"),
            ("\t=1", "'\t=1"),
            ("-", "'-"),
            ("", ""),
        ] {
            assert_eq!(guarded(cell), written);
        }
    }
}
