//! `turnout reconcile`: our ledger beside what the platforms and the merchants say themselves.

mod apply;
mod books;
mod clocks;
mod files;
mod live;
mod output;
mod scratch;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use reconciliation::terms::DATE_TOLERANCE;
use reconciliation::{Line, Matcher, Ours, Period, Programme, Row, Summary, Terms};
use relay::Purpose;
use relay::delivery::State;
use relay::policy::Snapshot;
use reports::Clock;
use tracking::Home;
use tracking::dialect::report::Report;
use tracking::migration::Migration;
use units::{Money, Timestamp};

use super::acting::{Actor, PerhapsReason};
use super::ask::Where;
use crate::cli::Outcome;
use crate::clock::{parse_time, wall_clock};
use crate::snapshot;
use apply::Applying;
use books::Books;
use clocks::Clocks;
use files::Files;
use output::Told;
use scratch::Scratch;
use sources::Gathered;

type Failure = Box<dyn Error + Send + Sync>;

/// Lay our ledger beside the platforms' own reports and a merchant's orders, order by order, and name every difference.
///
/// The days are those of the platform's clock. At least one report is needed: a file that the platform exported, or
/// `--live`, which asks its interface. Nothing is changed without `--apply`.
///
/// Exit code 0: everything is explained; 1: something needs a person; 2: it could not be done, or a report does not
/// cover the period.
///
/// Example: turnout reconcile --from 2026-11-01 --to 2026-11-30 --primary transactions.json --csv differences/
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The first day, as 2026-11-01.
    #[arg(long, value_name = "DAY")]
    from: String,
    /// The last day.
    #[arg(long, value_name = "DAY")]
    to: String,
    /// A report of the platform being left, as it exported it. May be given several times.
    #[arg(long, value_name = "FILE")]
    legacy: Vec<PathBuf>,
    /// A report of the platform moved to. May be given several times.
    #[arg(long, value_name = "FILE")]
    primary: Vec<PathBuf>,
    /// Which report of its dialect the legacy files are; the first one if it is not given.
    #[arg(long, value_name = "NAME")]
    legacy_report: Option<String>,
    /// Which report of its dialect the primary files are.
    #[arg(long, value_name = "NAME")]
    primary_report: Option<String>,
    /// Ask this platform's interface for its report: legacy or primary.
    #[arg(long, value_name = "PLATFORM", value_parser = ["legacy", "primary"])]
    live: Vec<String>,
    /// A merchant's own list: order_reference, amount, ordered_at, and perhaps advertiser_id, currency, cancelled.
    #[arg(long, value_name = "FILE")]
    orders: Vec<PathBuf>,
    /// The zone of times in the list that name none.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    orders_zone: String,
    /// The zone of the days above; that of the first report if it is not given.
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// Only this advertiser, by its legacy id. May be given several times.
    #[arg(long, value_name = "ID")]
    advertiser: Vec<u64>,
    /// When the reports were made; a file's own time if it is not given.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    as_of: Option<Timestamp>,
    /// How long a platform may take until its report names what it received; what its dialect says if not given.
    #[arg(long, value_name = "TIME", value_parser = crate::clock::parse_duration)]
    settling: Option<Duration>,
    /// Compare although a report does not seem to cover the period. Nothing can be applied then.
    #[arg(long, conflicts_with = "apply")]
    partial: bool,
    /// Write the rows of every class, the claims and the orders to send again into this folder.
    #[arg(long, value_name = "DIR")]
    csv: Option<PathBuf>,
    /// Confirm what was only taken, or unknown, and is named by its owner's report.
    #[arg(long, requires = "reason")]
    apply: bool,
    #[command(flatten)]
    by: Actor,
    #[command(flatten)]
    because: PerhapsReason,
    /// The settings with the platforms' servers and credentials, for --live. A running `up` needs none.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The migration's folder; that of the data directory or the embedded default if it is not given.
    #[arg(long, value_name = "DIR")]
    migration: Option<PathBuf>,
    /// Where rows are sorted that do not fit into memory; the system's temporary folder if it is not given.
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    #[command(flatten)]
    place: Where,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let snapshot = arguments.snapshot()?;
    let used = arguments.reports(&snapshot)?;
    let clocks = Clocks::of(arguments, &used)?;
    let period = clocks.period(arguments)?;
    arguments.check_places()?;
    let books = Books::of(&arguments.place)?;
    let scratch = Scratch::new(arguments.scratch.as_deref())?;
    let mut gathered = Gathered::new(&snapshot, scratch, arguments.advertiser.iter().copied().collect());
    for (home, report) in &used {
        for path in arguments.files(*home) {
            gathered.file(*home, report, path, arguments.as_of)?;
        }
    }
    for path in &arguments.orders {
        gathered.orders(path, &arguments.orders_zone)?;
    }
    let settled_until = arguments.settled_until(&gathered, &used);
    let seen = ours(&mut gathered, &books, &clocks, (period, settled_until))?;
    for name in &arguments.live {
        let home = Home::parse(name).unwrap_or(Home::Primary);
        let Some((_, report)) = used.iter().find(|(of, _)| *of == home) else { continue };
        live::fetch(&mut gathered, arguments, (home, report), period, &seen)?;
    }
    let doubts = doubts(&gathered, &used);
    gathered.tell_unreadable();
    if !doubts.is_empty() && !arguments.partial {
        let doubts = doubts.join("\n");
        return Err(
            format!("{doubts}\nAsk for a whole report, or look at what there is with --partial").into()
        );
    }
    let terms = terms(arguments, &gathered, &used, &books, (&clocks, period))?;
    compare(arguments, gathered, &books, &terms, &doubts)
}

/// Pairs, adds up, writes and tells.
fn compare(
    arguments: &Arguments,
    gathered: Gathered<'_>,
    books: &Books<'_>,
    terms: &Terms,
    doubts: &[String],
) -> Outcome {
    let matcher = Matcher { terms };
    let mut summary = Summary::default();
    let mut shown: Vec<Line> = Vec::new();
    let whole = doubts.is_empty() && gathered.unreadable.is_empty();
    let mut files = arguments.csv.as_deref().map(|folder| Files::new(folder, whole)).transpose()?;
    let mut applying = Applying::new(arguments, books, &gathered.sources);
    let (unreadable, rows) = (gathered.unreadable, gathered.scratch.rows);
    gathered.scratch.groups(|group| {
        for line in matcher.lines(group) {
            summary.add(&line);
            if let Some(files) = &mut files {
                files.write(&line)?;
            }
            applying.line(&line).map_err(std::io::Error::other)?;
            if shown.len() < output::LINES_SHOWN && output::is_shown(&line) {
                shown.push(line);
            }
        }
        Ok(())
    })?;
    let confirmed = applying.end()?;
    if let Some(files) = files {
        files.end(&unreadable)?;
    }
    let sources = &gathered.sources;
    let told = Told {
        arguments,
        summary: &summary,
        shown: &shown,
        sources,
        unreadable: &unreadable,
        doubts,
        confirmed,
        rows,
    };
    told.print();
    let open = summary.open() > 0 || !whole;
    Ok(if open { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl Arguments {
    fn snapshot(&self) -> Result<Snapshot, Failure> {
        let own = self.place.data.join("migration");
        let folder = self.migration.clone().or_else(|| own.exists().then_some(own));
        Ok(snapshot::load_served(folder.as_deref(), &self.place.data)?)
    }

    /// What is needed last, and would be found out after the platforms were asked.
    fn check_places(&self) -> Result<(), Failure> {
        Clock::new(&self.orders_zone)?;
        let Some(folder) = &self.csv else { return Ok(()) };
        let wrong = |error| format!("--csv {}: the folder cannot be made: {error}", folder.display());
        Ok(std::fs::create_dir_all(folder).map_err(wrong)?)
    }

    /// What was delivered until then, the reports ought to name.
    fn settled_until(&self, gathered: &Gathered<'_>, used: &[(Home, Report)]) -> Timestamp {
        let made = gathered.sources.iter().map(|source| source.as_of).min();
        let as_of = self.as_of.or(made).unwrap_or_else(wall_clock);
        let settling = used.iter().map(|(_, report)| report.settling).max();
        as_of.minus(self.settling.or(settling).unwrap_or_default())
    }

    fn files(&self, home: Home) -> &[PathBuf] {
        match home {
            Home::Legacy => &self.legacy,
            Home::Primary => &self.primary,
        }
    }

    /// The reports that are used, with their rules.
    fn reports(&self, snapshot: &Snapshot) -> Result<Vec<(Home, Report)>, Failure> {
        let mut used = Vec::new();
        for home in Home::ALL {
            let asked = self.live.iter().any(|name| name == home.name());
            if self.files(home).is_empty() && !asked {
                continue;
            }
            let (dialect, name) = match home {
                Home::Legacy => (&snapshot.migration.legacy, self.legacy_report.as_deref()),
                Home::Primary => (&snapshot.migration.primary, self.primary_report.as_deref()),
            };
            let live = |report: &&Report| report.live.is_some();
            let found = match name {
                None if asked => dialect.reports.iter().find(live),
                name => dialect.report(name),
            };
            let known: Vec<&str> = dialect.reports.iter().map(|report| report.name.as_str()).collect();
            let missing = || match name {
                Some(name) => tracking::source::unknown_word("report", name, &known),
                None => format!("{} describes no report that could be read", dialect.file),
            };
            used.push((home, found.ok_or_else(missing)?.clone()));
        }
        if used.is_empty() {
            return Err(
                "there is nothing to compare with: name a report (--legacy FILE, --primary FILE) or --live"
                    .into(),
            );
        }
        Ok(used)
    }
}

/// Brings our own rows; which advertisers have any that are delivered, by platform.
fn ours(
    gathered: &mut Gathered<'_>,
    books: &Books<'_>,
    clocks: &Clocks,
    (period, settled_until): (Period, Timestamp),
) -> Result<BTreeMap<Home, BTreeSet<u64>>, Failure> {
    let mut seen: BTreeMap<Home, BTreeSet<u64>> = BTreeMap::new();
    let directory = &gathered.snapshot.directory;
    books.each(period.widened(DATE_TOLERANCE), |mut row| {
        if !gathered.wants(Some(row.advertiser_id)) {
            return Ok(());
        }
        row.day = clocks.day(&row);
        row.told = told_instead(&gathered.snapshot.migration, &row);
        for one in &mut row.weighed {
            let publisher = one.publisher_id.and_then(|id| directory.publisher(id));
            one.publisher_primary_id = publisher.and_then(|publisher| publisher.primary_id);
        }
        let delivered = matches!(row.state, State::Taken | State::Confirmed) && row.purpose == Purpose::Live;
        if let Some(owner) = row.owner.filter(|owner| clocks.of.contains_key(owner)) {
            seen.entry(owner).or_default().insert(row.advertiser_id);
            let days = clocks.whole_days(owner, period);
            let within = days.holds(row.received_at) && days.holds(row.last_sent());
            if delivered && within && row.changed_at <= settled_until {
                let sent = clocks.of.get(&owner).map_or(row.day, |clock| clock.day(row.last_sent()));
                gathered.coverage.of(owner, Some(row.advertiser_id)).delivered(row.day, sent);
            }
        }
        Ok(gathered.add(Row::Ours(row))?)
    })?;
    Ok(seen)
}

/// The amount that the new platform was told where the migration tells another one for this kind of order.
fn told_instead(migration: &Migration, row: &Ours) -> Option<Money> {
    let own = row.amount.filter(|_| row.owner == Some(Home::Primary))?;
    let instead = migration.group_of(row.kind.as_deref())?.amount.as_deref()?;
    Money::parse(instead, own.currency).ok()
}

/// What speaks against a report's being whole, for people.
fn doubts(gathered: &Gathered<'_>, used: &[(Home, Report)]) -> Vec<String> {
    let cut = gathered.sources.iter().filter(|source| source.cut_off);
    let mut doubts: Vec<String> =
        cut.map(|source| format!("{} ends in the middle of a row: it was cut off", source.name)).collect();
    for (home, report) in used {
        doubts.extend(gathered.coverage.doubts(*home).iter().map(|(advertiser_id, doubt)| {
            let of = advertiser_id.map(|id| format!(", advertiser {id}")).unwrap_or_default();
            format!("{home}{of}: {doubt}")
        }));
        let full = |rows: u64| report.rows_max.is_some_and(|most| rows > 0 && rows.is_multiple_of(most));
        let sources = gathered.sources.iter().filter(|source| source.home == *home && full(source.rows));
        doubts.extend(sources.map(|source| {
            let (name, rows) = (&source.name, source.rows);
            format!("{name} has {rows} rows, as many as the platform gives at once: ask for shorter spans")
        }));
    }
    doubts
}

fn terms(
    arguments: &Arguments,
    gathered: &Gathered<'_>,
    used: &[(Home, Report)],
    books: &Books<'_>,
    (clocks, period): (&Clocks, Period),
) -> Result<Terms, Failure> {
    let first_seen = books.first_seen()?;
    let policy = &gathered.snapshot.policy;
    let programme = |row: tracking::directory::Advertiser<'_>| {
        let first_seen = first_seen.get(&row.legacy_id).copied();
        (row.legacy_id, Programme { phase: policy.phase(&row), window_days: row.window_days, first_seen })
    };
    let told =
        |(home, _): &(Home, Report)| (*home, gathered.coverage.told(*home, clocks.whole_days(*home, period)));
    Ok(Terms {
        period,
        settled_until: arguments.settled_until(gathered, used),
        programmes: gathered.snapshot.directory.advertisers().map(programme).collect(),
        told: used.iter().map(told).collect(),
        merchants: gathered.merchants.clone(),
    })
}
