//! What a comparison tells: the sums by day, the classes with their money, and what is to be done.

use std::collections::BTreeMap;

use processor::Confirmed;
use reconciliation::coverage::day_text;
use reconciliation::{Cell, Class, Line, Sum, Summary};
use serde_json::{Map, Value, json};
use units::{Currency, Money};

use super::Arguments;
use super::files::is_absent;
use super::sources::{Source, Unreadable};
use crate::command::ask::table;

/// Lines that are kept for being shown; --csv has all of them.
pub(super) const LINES_SHOWN: usize = 1000;

/// Lines and days that a person is shown on a screen.
const SCREEN_LINES: usize = 20;
const SCREEN_DAYS: usize = 40;

/// Everything there is to tell.
pub(super) struct Told<'a> {
    pub(super) arguments: &'a Arguments,
    pub(super) summary: &'a Summary,
    pub(super) shown: &'a [Line],
    pub(super) sources: &'a [Source],
    pub(super) unreadable: &'a [Unreadable],
    pub(super) doubts: &'a [String],
    pub(super) confirmed: Option<Confirmed>,
    pub(super) rows: u64,
}

/// True for lines that are told one by one.
pub(super) fn is_shown(line: &Line) -> bool {
    !matches!(line.class, Class::Matched | Class::OutsidePeriod | Class::OrderOnly | Class::NotCompared)
}

impl Told<'_> {
    pub(super) fn print(&self) {
        if self.arguments.place.json {
            println!("{}", self.json());
        } else {
            self.screen();
        }
    }

    fn json(&self) -> Value {
        let summary = self.summary;
        let classes: Map<String, Value> = summary
            .classes
            .iter()
            .map(|(class, at)| {
                let mut told = cell(at);
                if let Some(told) = told.as_object_mut() {
                    told.insert("needs_a_person".to_owned(), json!(class.needs_a_person()));
                    told.insert("closed_by".to_owned(), json!(class.closed_by()));
                }
                (class.name().to_owned(), told)
            })
            .collect();
        let days: Vec<Value> =
            summary.days.iter().map(|((advertiser_id, day), at)| day_row(*advertiser_id, *day, at)).collect();
        let also: Map<String, Value> =
            summary.also.iter().map(|(class, count)| (class.name().to_owned(), json!(count))).collect();
        json!({
            "from": self.arguments.from,
            "to": self.arguments.to,
            "rows": self.rows,
            "reports": self.sources.iter().map(source).collect::<Vec<_>>(),
            "doubts": self.doubts,
            "unreadable": self.unreadable.len(),
            "withheld": self.withheld(),
            "classes": classes,
            "also": also,
            "total": cell(&summary.total()),
            "needs_a_person": summary.open(),
            "unexplained": summary.lines(Class::Unexplained),
            "confirmable": summary.confirmable,
            "confirmed": self.confirmed,
            "days": days,
            "lines": self.shown.iter().map(line).collect::<Vec<_>>(),
        })
    }

    fn screen(&self) {
        let days: Vec<Value> = self.days();
        println!("{}", table(&days, &["advertiser", "day", "ours", "theirs", "orders", "to look at"]));
        if self.summary.days.len() > days.len() {
            println!("and {} more days; --json has all of them", self.summary.days.len() - days.len());
        }
        let classes: Vec<Value> =
            self.summary.classes.iter().map(|(class, at)| class_row(class.name(), at)).collect();
        println!();
        println!("{}", table(&classes, &["class", "lines", "ours", "theirs", "orders"]));
        println!(
            "{}",
            table(
                &[class_row("total", &self.summary.total())],
                &["class", "lines", "ours", "theirs", "orders"]
            )
        );
        println!();
        for (class, at) in self.summary.classes.iter().filter(|(class, _)| class.needs_a_person()) {
            println!("{} {class}\n     -> {}", at.lines, class.closed_by());
            let lines = self.shown.iter().filter(|line| line.class == *class);
            for line in lines.take(SCREEN_LINES) {
                println!("     {}", sentence(line));
            }
        }
        for doubt in self.doubts {
            println!("IN DOUBT {doubt}");
        }
        if !self.unreadable.is_empty() {
            println!("{} rows could not be read: mend them and compare again", self.unreadable.len());
        }
        let withheld = self.withheld();
        if withheld > 0 {
            println!(
                "{withheld} that the report does not name are neither claimed nor in redrive.txt: a report that is in doubt, or \
                 has rows that could not be read, may have left them out"
            );
        }
        self.end();
    }

    /// Lines that would be claimed or sent again if the reports were beyond doubt.
    fn withheld(&self) -> u64 {
        if self.doubts.is_empty() && self.unreadable.is_empty() {
            return 0;
        }
        let absent = self.summary.classes.iter().filter(|(class, _)| is_absent(**class));
        absent.map(|(_, at)| at.lines).sum()
    }

    fn end(&self) {
        match &self.confirmed {
            Some(sum) => println!(
                "confirmed by the report: {} now, {} before, {} left as they were",
                sum.now, sum.before, sum.left
            ),
            None if self.summary.confirmable > 0 => println!(
                "{} that were only taken, or unknown, are named by the report: --apply --reason … confirms them",
                self.summary.confirmable
            ),
            None => {}
        }
        let unexplained = self.summary.lines(Class::Unexplained);
        match (self.summary.open(), unexplained) {
            (0, _) => println!("everything is explained"),
            (open, 0) => println!("{open} need a person; nothing is unexplained"),
            (open, rest) => println!("{open} need a person; {rest} of them nothing explains"),
        }
    }

    /// The days on which something is to be looked at first, then the others.
    fn days(&self) -> Vec<Value> {
        let mut days: Vec<_> = self.summary.days.iter().collect();
        days.sort_by_key(|(of, at)| (at.open == 0, **of));
        let mut shown: Vec<_> = days.into_iter().take(SCREEN_DAYS).collect();
        shown.sort_by_key(|(of, _)| **of);
        let row = |((advertiser_id, day), at): (&(Option<u64>, i64), &Cell)| {
            let advertiser = advertiser_id.map_or_else(|| "?".to_owned(), |id| id.to_string());
            json!({
                "advertiser": advertiser,
                "day": day_text(*day),
                "ours": sums(&at.ours),
                "theirs": sums(&at.theirs),
                "orders": sums(&at.orders),
                "to look at": at.open,
            })
        };
        shown.into_iter().map(row).collect()
    }
}

fn class_row(name: &str, at: &Cell) -> Value {
    json!({
        "class": name,
        "lines": at.lines,
        "ours": sums(&at.ours),
        "theirs": sums(&at.theirs),
        "orders": sums(&at.orders),
    })
}

/// Sums as a person reads them: `12: 340.00 USD`.
fn sums(sums: &BTreeMap<Option<Currency>, Sum>) -> String {
    let one = |(currency, sum): (&Option<Currency>, &Sum)| match currency {
        Some(currency) => format!("{}: {} {currency}", sum.count, decimal(sum, *currency)),
        None => format!("{} without money", sum.count),
    };
    sums.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// A sum may be larger than any amount.
fn decimal(sum: &Sum, currency: Currency) -> String {
    let places = usize::try_from(currency.decimals()).unwrap_or(0);
    let digits = format!("{:0>width$}", sum.minor.unsigned_abs(), width = places + 1);
    let sign = if sum.minor < 0 { "-" } else { "" };
    match digits.split_at_checked(digits.len() - places) {
        Some((whole, part)) if !part.is_empty() => format!("{sign}{whole}.{part}"),
        _ => format!("{sign}{digits}"),
    }
}

fn cell(at: &Cell) -> Value {
    json!({ "lines": at.lines, "open": at.open, "ours": side(&at.ours), "theirs": side(&at.theirs), "orders": side(&at.orders) })
}

fn side(sums: &BTreeMap<Option<Currency>, Sum>) -> Value {
    let one = |(currency, sum): (&Option<Currency>, &Sum)| {
        let amount = currency.map(|currency| decimal(sum, currency));
        let name = currency.map_or_else(|| "none".to_owned(), |currency| currency.code().to_owned());
        (name, json!({ "count": sum.count, "amount": amount }))
    };
    Value::Object(sums.iter().map(one).collect())
}

fn day_row(advertiser_id: Option<u64>, day: i64, at: &Cell) -> Value {
    let mut told = cell(at);
    if let Some(told) = told.as_object_mut() {
        told.insert("advertiser_id".to_owned(), json!(advertiser_id));
        told.insert("day".to_owned(), json!(day_text(day)));
    }
    told
}

fn source(source: &Source) -> Value {
    json!({
        "platform": source.home.name(),
        "name": source.name,
        "sha256": source.digest,
        "as_of": source.as_of.to_string(),
        "rows": source.rows,
    })
}

fn line(line: &Line) -> Value {
    let money = |amount: Option<Money>| amount.map(|amount| amount.to_string());
    let (ours, theirs) = (line.ours.as_ref(), line.theirs.as_ref());
    json!({
        "class": line.class.name(),
        "also": line.also.iter().map(|class| class.name()).collect::<Vec<_>>(),
        "why": line.why,
        "award_rule": line.award.map(|rule| rule.name()),
        "advertiser_id": line.advertiser_id(),
        "order_reference": reference(line),
        "event_id": ours.map(|ours| ours.event_id),
        "state": ours.map(|ours| ours.state.name()),
        "our_amount": money(ours.and_then(|ours| ours.amount)),
        "their_amount": money(theirs.map(|theirs| theirs.amount)),
        "order_amount": money(line.order.as_ref().map(|order| order.amount)),
        "our_publisher": ours.and_then(|ours| ours.publisher_id),
        "their_publisher": theirs.and_then(|theirs| theirs.publisher),
        "platform": theirs.map(|theirs| theirs.home.name()),
        "transaction_id": theirs.map(|theirs| theirs.transaction_id.as_str()),
        "report_line": theirs.map(|theirs| theirs.line),
    })
}

fn reference(line: &Line) -> Option<&str> {
    let ours = line.ours.as_ref().and_then(|ours| ours.reference.as_deref());
    let theirs = || line.theirs.as_ref().and_then(|theirs| theirs.reference.as_deref());
    ours.or_else(theirs).or_else(|| line.order.as_ref().map(|order| order.reference.as_str()))
}

fn sentence(line: &Line) -> String {
    let mut parts = vec![format!("order {}", reference(line).unwrap_or("without reference"))];
    if let Some(ours) = &line.ours {
        let amount = ours.amount.map_or_else(|| "no amount".to_owned(), |amount| amount.to_string());
        parts.push(format!("event {} {} {amount}", ours.event_id, ours.state));
    }
    if let Some(theirs) = &line.theirs {
        let (home, id) = (theirs.home, &theirs.transaction_id);
        parts.push(format!("{home} {id} {} {}", theirs.standing.name(), theirs.amount));
    }
    if let Some(order) = &line.order {
        parts.push(format!("the merchant's list {}", order.amount));
    }
    if !line.why.is_empty() {
        parts.push(line.why.to_owned());
    }
    // A reference may be written by anybody, and a terminal obeys control characters.
    parts.join(", ").replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_written_to_the_unit() {
        let currency = |code| Currency::parse(code).unwrap();
        for (minor, code, text) in [
            (0, "USD", "0.00"),
            (5, "USD", "0.05"),
            (-1234, "USD", "-12.34"),
            (i128::from(i64::MAX) * 10, "USD", "922337203685477580.70"),
            (7, "JPY", "7"),
            (1, "KWD", "0.001"),
        ] {
            let sum = Sum { count: 1, minor };
            assert_eq!(decimal(&sum, currency(code)), text);
        }
    }
}
