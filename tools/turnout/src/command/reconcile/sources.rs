//! The others' side: reports and lists of orders, read into the scratch.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::UNIX_EPOCH;

use reconciliation::{Coverages, Order, Row, Theirs};
use relay::policy::Snapshot;
use reports::{Clock, Compiled, Digesting, Known};
use tracking::Home;
use tracking::dialect::report::{Column, Format, Holds, Means, Report, Standing};
use units::{Currency, Timestamp};

use super::Failure;
use super::scratch::Scratch;
use crate::command::printable;

/// Mistakes that are shown one by one.
const MISTAKES_SHOWN: usize = 20;

/// A report that was read.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// Whose it is.
    pub(super) home: Home,
    /// Its file, or where it was asked for.
    pub(super) name: String,
    /// The SHA-256 of its bytes.
    pub(super) digest: String,
    /// When it was made.
    pub(super) as_of: Timestamp,
    /// Its rows.
    pub(super) rows: u64,
    /// True if it ends in the middle of one.
    pub(super) cut_off: bool,
}

/// What is known of a report beside its bytes.
pub(super) struct Made<'a> {
    /// Its file, or where it was asked for.
    pub(super) name: &'a str,
    /// When it was made.
    pub(super) as_of: Timestamp,
    /// Whose it is where its rows name no advertiser, by the report's own ids.
    pub(super) advertiser: Option<u64>,
}

/// A row that could not be read.
#[derive(Clone, Debug)]
pub(super) struct Unreadable {
    /// The report.
    pub(super) report: String,
    /// Its line.
    pub(super) line: u64,
    /// Everything that is wrong with it.
    pub(super) why: String,
}

/// What the readers bring together.
pub(super) struct Gathered<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) scratch: Scratch,
    pub(super) sources: Vec<Source>,
    pub(super) coverage: Coverages,
    pub(super) unreadable: Vec<Unreadable>,
    /// Merchants whose own lists were read, by the legacy id.
    pub(super) merchants: BTreeSet<u64>,
    /// Only these advertisers, by the legacy id; all if there are none.
    pub(super) only: BTreeSet<u64>,
    legacy_by_primary: BTreeMap<u64, u64>,
}

impl<'a> Gathered<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, scratch: Scratch, only: BTreeSet<u64>) -> Self {
        let ids = snapshot.directory.advertisers();
        let legacy_by_primary = ids.filter_map(|row| Some((row.primary_id?, row.legacy_id))).collect();
        Self {
            snapshot,
            scratch,
            sources: Vec::new(),
            coverage: Coverages::default(),
            unreadable: Vec::new(),
            merchants: BTreeSet::new(),
            only,
            legacy_by_primary,
        }
    }

    /// True if rows of this advertiser are compared.
    pub(super) fn wants(&self, advertiser_id: Option<u64>) -> bool {
        self.only.is_empty() || advertiser_id.is_some_and(|id| self.only.contains(&id))
    }

    /// The one advertiser that is compared, by the ids of the report.
    pub(super) fn single(&self, report: &Report) -> Option<u64> {
        let one = self.only.first().filter(|_| self.only.len() == 1)?;
        let primary = || self.snapshot.directory.advertiser(*one).and_then(|row| row.primary_id);
        if report.primary_ids { primary() } else { Some(*one) }
    }

    /// Reads a report of `home` from a file.
    pub(super) fn file(
        &mut self,
        home: Home,
        report: &Report,
        path: &Path,
        as_of: Option<Timestamp>,
    ) -> Result<(), Failure> {
        let wrong = |error| format!("cannot read {}: {error}", path.display());
        let file = File::open(path).map_err(wrong)?;
        let made = file.metadata().and_then(|data| data.modified()).map_err(wrong)?;
        let made = made.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let made = Timestamp::from_millis(i64::try_from(made).unwrap_or(i64::MAX));
        let (name, advertiser) = (path.display().to_string(), self.single(report));
        let made = Made { name: &name, as_of: as_of.unwrap_or(made), advertiser };
        self.report((home, report), &made, file)
    }

    /// Reads a report of a platform from `input`.
    pub(super) fn report(
        &mut self,
        (home, report): (Home, &Report),
        made: &Made<'_>,
        input: impl Read,
    ) -> Result<(), Failure> {
        let Made { name, as_of, advertiser } = *made;
        let ids = self.legacy_by_primary.clone();
        let legacy_id = |id: u64| if report.primary_ids { ids.get(&id).copied() } else { Some(id) };
        let snapshot = self.snapshot;
        let currency = |id: u64| snapshot.directory.advertiser(id).map(|row| row.currency);
        let known = Known { home, advertiser, legacy_id: &legacy_id, currency: &currency };
        let mut input = Digesting::new(input);
        let mut failed = None;
        let ended = reports::read(report, &known, &mut input, |line, row| {
            let taken = match row {
                Ok(theirs) => self.theirs(theirs),
                Err(why) => {
                    let why = why.join("; ");
                    self.unreadable.push(Unreadable { report: name.to_owned(), line, why });
                    Ok(())
                }
            };
            failed = failed.take().or_else(|| taken.err());
        });
        let ended = ended.map_err(|error| format!("{name}: {error}"))?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        // What follows the last row belongs to the report too.
        std::io::copy(&mut input, &mut std::io::sink())?;
        let (digest, name) = (input.digest(), name.to_owned());
        self.sources.push(Source { home, name, digest, as_of, rows: ended.rows, cut_off: ended.cut_off });
        Ok(())
    }

    fn theirs(&mut self, mut theirs: Theirs) -> std::io::Result<()> {
        theirs.report = u32::try_from(self.sources.len()).unwrap_or(u32::MAX);
        if !self.wants(theirs.advertiser_id) {
            return Ok(());
        }
        self.coverage.row(&theirs);
        self.add(Row::Theirs(theirs))
    }

    /// Takes a row of any side.
    pub(super) fn add(&mut self, row: Row) -> std::io::Result<()> {
        let dialect = &self.snapshot.migration.legacy;
        let row = row.identified(|text| dialect.is_placeholder(text));
        let key = row.group_key(|text| dialect.is_placeholder(text));
        self.scratch.add(key, &row)
    }

    /// Reads a merchant's list of orders.
    pub(super) fn orders(&mut self, path: &Path, zone: &str) -> Result<(), Failure> {
        let report = orders_report(zone);
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| format!("cannot read {name}: {error}"))?;
        let snapshot = self.snapshot;
        let currency = |id: u64| snapshot.directory.advertiser(id).map(|row| row.currency);
        let known = Known {
            home: Home::Legacy,
            advertiser: self.single(&report),
            legacy_id: &Some,
            currency: &currency,
        };
        let mut failed = None;
        let ended = reports::read(&report, &known, file, |line, row| {
            let taken = match row {
                Ok(theirs) => self.order(theirs, &name),
                Err(why) => {
                    let why = why.join("; ");
                    self.unreadable.push(Unreadable { report: name.clone(), line, why });
                    Ok(())
                }
            };
            failed = failed.take().or_else(|| taken.err());
        });
        let ended = ended.map_err(|error| format!("{name}: {error}"))?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        if ended.cut_off {
            // Whoever mends the list mends all of it at once.
            self.tell_unreadable();
            return Err(format!("{name} ends in the middle of a row: it was cut off").into());
        }
        Ok(())
    }

    fn order(&mut self, row: Theirs, name: &str) -> std::io::Result<()> {
        let Some(advertiser_id) = row.advertiser_id.filter(|id| self.wants(Some(*id))) else { return Ok(()) };
        let Some(reference) = row.reference else {
            let why = "it has no order reference".to_owned();
            self.unreadable.push(Unreadable { report: name.to_owned(), line: row.line, why });
            return Ok(());
        };
        self.merchants.insert(advertiser_id);
        let cancelled = row.standing == Standing::Voided;
        let Theirs { line, amount, at, day, .. } = row;
        self.add(Row::Order(Order { line, advertiser_id, reference, amount, at, day, cancelled }))
    }

    /// Tells of rows that could not be read.
    pub(super) fn tell_unreadable(&self) {
        for row in self.unreadable.iter().take(MISTAKES_SHOWN) {
            eprintln!("{}:{}: {}", row.report, row.line, printable(&row.why));
        }
        if self.unreadable.len() > MISTAKES_SHOWN {
            eprintln!("and {} more rows that could not be read", self.unreadable.len() - MISTAKES_SHOWN);
        }
    }
}

/// The clock of a report.
pub(super) fn clock(report: &Report) -> Result<Clock, Failure> {
    Ok(Compiled::of(report)?.clock().clone())
}

/// A merchant's list of orders, in our own words.
fn orders_report(zone: &str) -> Report {
    let column = |holds, names: &[&str], required| Column {
        holds,
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        required,
        times: Vec::new(),
        values: Vec::new(),
        otherwise: None,
        patterns: Vec::new(),
        line: 0,
    };
    let times = ["rfc3339", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d"];
    let cancelled = ["1", "true", "yes", "cancelled", "canceled", "refunded", "returned"];
    let means = |word: &&str| ((*word).to_owned(), Means::Standing(Standing::Voided));
    Report {
        name: "orders".to_owned(),
        format: Format::Delimited(vec![b',', b';', b'\t', b'|']),
        zone: zone.to_owned(),
        currency: None::<Currency>,
        primary_ids: false,
        rows_max: None,
        settling: std::time::Duration::ZERO,
        columns: vec![
            column(Holds::OrderReference, &["order_reference"], true),
            column(Holds::Advertiser, &["advertiser_id"], false),
            column(Holds::Amount, &["amount"], true),
            column(Holds::Currency, &["currency"], false),
            Column {
                times: times.map(str::to_owned).to_vec(),
                ..column(Holds::TransactedAt, &["ordered_at"], true)
            },
            Column {
                values: cancelled.iter().map(means).collect(),
                ..column(Holds::Standing, &["cancelled"], false)
            },
        ],
        live: None,
        line: 0,
    }
}
