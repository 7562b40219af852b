//! From CSV tables to the directory's rows.

use tracking::directory::{Advertiser, Commission, Creative, CreativeKind, Directory, Programme, Publisher};
use tracking::source::{Mistake, unknown_word};
use units::{Currency, Money};

/// One table: its file's name and its text.
type Table = (String, String);

/// Reads the tables of advertisers, publishers and creatives, in this order.
pub(crate) fn read(tables: &[Table; 3]) -> Result<Directory, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let [advertisers, publishers, creatives] = tables;
    let advertisers = rows(advertisers, &ADVERTISER, &mut mistakes, advertiser);
    let publishers = rows(publishers, &PUBLISHER, &mut mistakes, publisher);
    let creatives = rows(creatives, &CREATIVE, &mut mistakes, creative);
    note_double(&tables[0].0, advertisers.iter().map(|row| row.legacy_id), &mut mistakes);
    note_double(&tables[1].0, publishers.iter().map(|row| row.legacy_id), &mut mistakes);
    if mistakes.is_empty() { Ok(Directory::new(advertisers, publishers, creatives)) } else { Err(mistakes) }
}

/// An id that stands twice would be mapped by chance.
fn note_double(file: &str, ids: impl Iterator<Item = u64>, mistakes: &mut Vec<Mistake>) {
    let mut ids: Vec<u64> = ids.collect();
    ids.sort_unstable();
    let mut doubles: Vec<u64> =
        ids.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    doubles.dedup();
    for id in doubles {
        let message = format!("legacy id {id} stands twice: keep one row");
        mistakes.push(Mistake { file: file.to_owned(), line: 1, message });
    }
}

const ADVERTISER: [&str; 11] = [
    "legacy_id",
    "primary_id",
    "name",
    "landing_url",
    "domains",
    "wave",
    "programme",
    "currency",
    "window_days",
    "commission",
    "deduplicates",
];
const PUBLISHER: [&str; 3] = ["legacy_id", "primary_id", "name"];
const CREATIVE: [&str; 5] = ["kind", "legacy_id", "advertiser_id", "primary_id", "landing_url"];

/// One row, with what is wrong with it so far.
struct Row<'r> {
    columns: &'r [&'r str],
    record: &'r csv::StringRecord,
    wrong: Vec<String>,
}

impl Row<'_> {
    fn text(&self, column: &str) -> &str {
        let place = self.columns.iter().position(|name| *name == column);
        place.and_then(|place| self.record.get(place)).unwrap_or_default().trim()
    }

    fn read<T>(&mut self, column: &str, wanted: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.text(column).to_owned();
        let value = read(&text);
        if value.is_none() {
            self.wrong.push(format!("`{column}` is `{text}`: {wanted} is expected"));
        }
        value
    }

    fn id(&mut self, column: &str) -> u64 {
        self.read(column, "an id of digits", |text| text.parse().ok()).unwrap_or_default()
    }

    /// An id that may be absent.
    fn perhaps_id(&mut self, column: &str) -> Option<u64> {
        if self.text(column).is_empty() { None } else { Some(self.id(column)) }
    }

    fn url(&mut self, column: &str, domains: &[String]) -> String {
        let wanted = "an absolute URL on one of the row's domains";
        let read = |text: &str| tracking::destination::resolve(text, domains).ok().map(|url| url.to_string());
        self.read(column, wanted, read).unwrap_or_default()
    }
}

/// Reads a table whose first line names its columns.
fn rows<T>(
    (file, text): &Table,
    wanted: &[&str],
    mistakes: &mut Vec<Mistake>,
    read: impl Fn(&mut Row<'_>) -> T,
) -> Vec<T> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let header = reader.headers().cloned().unwrap_or_default();
    let columns: Vec<&str> = header.iter().map(str::trim).collect();
    let mut note = |line, message| mistakes.push(Mistake { file: file.clone(), line, message });
    for column in wanted.iter().filter(|column| !columns.contains(column)) {
        note(1, format!("column `{column}` is missing"));
    }
    for column in columns.iter().filter(|column| !wanted.contains(column)) {
        note(1, unknown_word("column", column, wanted));
    }
    let mut result = Vec::new();
    let mut record = csv::StringRecord::new();
    loop {
        let line = usize::try_from(reader.position().line()).unwrap_or(0);
        match reader.read_record(&mut record) {
            Ok(true) => {
                let mut row = Row { columns: &columns, record: &record, wrong: Vec::new() };
                if record.len() != columns.len() {
                    let (found, wanted) = (record.len(), columns.len());
                    row.wrong.push(format!("{found} values stand here: {wanted} are expected"));
                }
                result.push(read(&mut row));
                row.wrong.into_iter().for_each(|message| note(line, message));
            }
            Ok(false) => return result,
            Err(error) => note(line, format!("this is not valid CSV: {error}")),
        }
    }
}

fn advertiser(row: &mut Row<'_>) -> Advertiser {
    let domains: Vec<String> =
        row.text("domains").split_whitespace().map(|domain| domain.to_lowercase()).collect();
    let currency = row.read("currency", "a currency code of three letters", Currency::parse);
    let currency = currency.unwrap_or(Currency::USD);
    let commission = row.read("commission", "`10%` or `5.00`", |text| commission(text, currency));
    Advertiser {
        legacy_id: row.id("legacy_id"),
        primary_id: row.perhaps_id("primary_id"),
        name: row.text("name").to_owned(),
        landing_url: row.url("landing_url", &domains),
        domains,
        wave: row.text("wave").to_owned(),
        programme: row
            .read("programme", "online, offline or closed", Programme::parse)
            .unwrap_or(Programme::Online),
        currency,
        window_days: row.read("window_days", "a number of days", |text| text.parse().ok()).unwrap_or(30),
        commission: commission.unwrap_or(Commission::Percent { basis_points: 0 }),
        deduplicates: row.read("deduplicates", "true or false", |text| text.parse().ok()).unwrap_or(false),
    }
}

/// `10%` or `7.25%` of the order, or a flat amount.
fn commission(text: &str, currency: Currency) -> Option<Commission> {
    match text.strip_suffix('%') {
        // Hundredths of a percent are the cents of a percentage.
        Some(percent) => {
            let hundredths = Money::parse(percent, Currency::USD).ok()?.minor;
            u64::try_from(hundredths).ok().map(|basis_points| Commission::Percent { basis_points })
        }
        None => Money::parse(text, currency).ok().map(Commission::Flat),
    }
}

fn publisher(row: &mut Row<'_>) -> Publisher {
    Publisher {
        legacy_id: row.id("legacy_id"),
        primary_id: row.perhaps_id("primary_id"),
        name: row.text("name").to_owned(),
    }
}

fn creative(row: &mut Row<'_>) -> Creative {
    let kind = row.read("kind", "creative, deal or product", |text| match text {
        "creative" => Some(CreativeKind::Creative),
        "deal" => Some(CreativeKind::Deal),
        "product" => Some(CreativeKind::Product),
        _ => None,
    });
    let landing_url = row.text("landing_url").to_owned();
    Creative {
        kind: kind.unwrap_or(CreativeKind::Creative),
        legacy_id: row.id("legacy_id"),
        advertiser_id: row.id("advertiser_id"),
        primary_id: row.perhaps_id("primary_id"),
        landing_url: (!landing_url.is_empty()).then_some(landing_url),
    }
}
