//! From a row's cells to a transaction.

use std::borrow::Cow;

use jiff::civil::DateTime;
use reconciliation::{Kind, Standing, Theirs};
use tracking::dialect::report::{Column, Holds, Means, Report};
use units::{Currency, Money, Timestamp};

use crate::cells::Cells;
use crate::clock::{Clock, Told, is_format, told};
use crate::{Known, OneRow, ReportError, amount};

/// A report's rule, checked.
#[derive(Debug)]
pub struct Compiled<'r> {
    report: &'r Report,
    clock: Clock,
}

impl<'r> Compiled<'r> {
    /// Checks what only a reader can: that the zone exists and times can be written so.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn of(report: &'r Report) -> Result<Self, ReportError> {
        let clock = Clock::new(&report.zone)
            .map_err(|error| ReportError::Rule { line: report.line, why: error.to_string() })?;
        for column in &report.columns {
            if let Some(wrong) = column.times.iter().find(|format| !is_format(format)) {
                let why = format!("`{wrong}` tells no time: write it in the letters of strptime");
                return Err(ReportError::Rule { line: column.line, why });
            }
        }
        Ok(Self { report, clock })
    }

    /// The clock of the report.
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn row(&self, line: u64, cells: &dyn Cells, known: &Known<'_>) -> OneRow {
        if let Some(wrong) = cells.wrong() {
            return Err(vec![wrong]);
        }
        let mut wrong = Vec::new();
        let transaction_id = self.text(cells, Holds::TransactionId).unwrap_or_default();
        let named = self.id(cells, Holds::Advertiser, &mut wrong).or(known.advertiser);
        if named.is_none() {
            wrong.push("it names no advertiser, and --advertiser names none either".to_owned());
        }
        let advertiser_id = named.and_then(known.legacy_id);
        let currency = self.currency(cells, advertiser_id, known, &mut wrong);
        let amount = self.money(cells, Holds::Amount, currency, &mut wrong);
        let at = self.time(cells, Holds::TransactedAt, &mut wrong);
        if at.is_none() && wrong.is_empty() {
            wrong.push("it tells no time".to_owned());
        }
        if amount.is_none() && wrong.is_empty() {
            wrong.push("it has no amount".to_owned());
        }
        let publisher = self.id(cells, Holds::Publisher, &mut wrong).filter(|id| *id > 0);
        let of_publishers = self.report.columns.iter().filter(|column| column.holds == Holds::Publisher);
        let names_publisher = of_publishers.flat_map(|column| &column.names).any(|name| cells.has(name));
        let commission = self.money(cells, Holds::Commission, currency, &mut wrong);
        let clicked_at = self.clicked_at(cells, &mut wrong);
        let (kind, standing) = (self.kind(cells), self.standing(cells));
        let (Some(named_advertiser), Some(amount), Some(at), true) = (named, amount, at, wrong.is_empty())
        else {
            return Err(wrong);
        };
        Ok(Theirs {
            home: known.home,
            report: 0,
            line,
            transaction_id,
            advertiser_id,
            named_advertiser,
            names_publisher,
            publisher,
            amount,
            commission,
            kind,
            standing,
            reference: self.text(cells, Holds::OrderReference),
            void_reason: self.text(cells, Holds::VoidReason),
            at,
            day: self.clock.day(at),
            clicked_at,
        })
    }

    /// Every column that holds `holds` and is in the row.
    fn cells<'c>(&self, cells: &'c dyn Cells, holds: Holds) -> impl Iterator<Item = (&Column, Cow<'c, str>)> {
        let columns = self.report.columns.iter().filter(move |column| column.holds == holds);
        columns.filter_map(|column| Some((column, column.names.iter().find_map(|name| cells.cell(name))?)))
    }

    /// A text: that of its own column, or of a place in another's.
    fn text(&self, cells: &dyn Cells, holds: Holds) -> Option<String> {
        // A text that was made otherwise than by a pattern is kept as it is: a person wrote it.
        let own = self.cells(cells, holds).next().map(|(column, cell)| {
            place_in(column, cell.trim(), holds).unwrap_or_else(|| cell.trim().to_owned())
        });
        let elsewhere = || {
            let others = self.report.columns.iter().filter(|column| !column.patterns.is_empty());
            others.filter(|column| column.holds != holds).find_map(|column| {
                let cell = column.names.iter().find_map(|name| cells.cell(name))?;
                place_in(column, cell.trim(), holds)
            })
        };
        own.or_else(elsewhere).filter(|text| !text.is_empty())
    }

    fn id(&self, cells: &dyn Cells, holds: Holds, wrong: &mut Vec<String>) -> Option<u64> {
        let (column, cell) = self.cells(cells, holds).find(|(_, cell)| !cell.trim().is_empty())?;
        let id = cell.trim().parse().ok();
        if id.is_none() {
            wrong.push(format!("`{}` under `{}` is no id", shown(&cell), name(column)));
        }
        id
    }

    fn currency(
        &self,
        cells: &dyn Cells,
        advertiser_id: Option<u64>,
        known: &Known<'_>,
        wrong: &mut Vec<String>,
    ) -> Option<Currency> {
        let Some((column, cell)) =
            self.cells(cells, Holds::Currency).find(|(_, cell)| !cell.trim().is_empty())
        else {
            let own = self.report.currency;
            return own.or_else(|| advertiser_id.and_then(known.currency)).or_else(|| {
                wrong.push("it names no currency, and neither the report nor a map does".to_owned());
                None
            });
        };
        let currency = Currency::parse(cell.trim());
        if currency.is_none() {
            wrong.push(format!("`{}` under `{}` is no currency", shown(&cell), name(column)));
        }
        currency
    }

    fn money(
        &self,
        cells: &dyn Cells,
        holds: Holds,
        currency: Option<Currency>,
        wrong: &mut Vec<String>,
    ) -> Option<Money> {
        let currency = currency?;
        let (column, cell) = self.cells(cells, holds).find(|(_, cell)| !cell.trim().is_empty())?;
        match amount::read(&cell, currency) {
            Ok(money) => Some(money),
            Err(why) => {
                wrong.push(format!("under `{}`: {why}", name(column)));
                None
            }
        }
    }

    fn time(&self, cells: &dyn Cells, holds: Holds, wrong: &mut Vec<String>) -> Option<Timestamp> {
        match self.told(cells, holds, wrong)? {
            Told::Moment(at) => Some(at),
            Told::Civil(civil) => self.clock.moment(civil),
            Told::Time(_) => None,
        }
    }

    fn told(&self, cells: &dyn Cells, holds: Holds, wrong: &mut Vec<String>) -> Option<Told> {
        let (column, cell) = self.cells(cells, holds).find(|(_, cell)| !cell.trim().is_empty())?;
        let read = column.times.iter().find_map(|format| told(format, cell.trim()));
        if read.is_none() {
            let written = column.times.join("` or `");
            wrong.push(format!(
                "`{}` under `{}` is no time, written `{written}`",
                shown(&cell),
                name(column)
            ));
        }
        read
    }

    /// When the click happened: of one column, or of day and time in two.
    fn clicked_at(&self, cells: &dyn Cells, wrong: &mut Vec<String>) -> Option<Timestamp> {
        if let Some(at) = self.time(cells, Holds::ClickedAt, wrong) {
            return Some(at);
        }
        let day = match self.told(cells, Holds::ClickedDay, wrong)? {
            Told::Civil(civil) => civil,
            Told::Moment(at) => return Some(at),
            Told::Time(_) => return None,
        };
        let time = match self.told(cells, Holds::ClickedTime, wrong) {
            Some(Told::Time(time)) => time,
            _ => day.time(),
        };
        self.clock.moment(DateTime::from_parts(day.date(), time))
    }

    fn means(&self, cells: &dyn Cells, holds: Holds) -> Option<Means> {
        self.cells(cells, holds).find_map(|(column, cell)| {
            let cell = cell.trim().to_lowercase();
            let known = column.values.iter().find(|(word, _)| *word == cell);
            known.map(|(_, means)| *means).or(column.otherwise)
        })
    }

    fn kind(&self, cells: &dyn Cells) -> Kind {
        match self.means(cells, Holds::Kind) {
            Some(Means::Kind(kind)) => kind,
            _ => Kind::Sale,
        }
    }

    fn standing(&self, cells: &dyn Cells) -> Standing {
        match self.means(cells, Holds::Standing) {
            Some(Means::Standing(standing)) => standing,
            _ => Standing::Pending,
        }
    }
}

/// What stands in the place of a column's text that holds `holds`.
fn place_in(column: &Column, cell: &str, holds: Holds) -> Option<String> {
    let found = column.patterns.iter().find_map(|pattern| pattern.read(cell))?;
    found.into_iter().find(|(place, _)| *place == holds).map(|(_, text)| text.to_owned())
}

fn name(column: &Column) -> &str {
    column.names.first().map_or("", String::as_str)
}

/// A cell as people are shown it.
fn shown(cell: &str) -> String {
    cell.chars().take(40).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
