//! The shipped reports, read as the platforms write them. Their words stand in files beside this one.

use tracking::dialect::Dialect;

use super::*;
use reconciliation::{Kind, Standing};

const LEGACY: &str = include_str!("../../../dialects/shareasale.toml");
const PRIMARY: &str = include_str!("../../../dialects/awin.toml");
const CELLS: &[u8] = include_bytes!("tests/activity.txt");
const PAGES: &[u8] = include_bytes!("tests/transactions.txt");

fn report(dialect: &str) -> Report {
    Dialect::load("dialect.toml", dialect).unwrap().reports[0].clone()
}

fn all(report: &Report, home: Home, bytes: &[u8]) -> Result<(Ended, Vec<(u64, OneRow)>), ReportError> {
    let legacy_id = |id: u64| (id != 100_790).then_some(if id > 100_000 { id - 100_000 } else { id });
    let known = Known { home, advertiser: None, legacy_id: &legacy_id, currency: &|_| None };
    let mut rows = Vec::new();
    let ended = read(report, &known, bytes, |line, row| rows.push((line, row)))?;
    Ok((ended, rows))
}

#[test]
fn every_report_that_is_shipped_can_be_followed() {
    for dialect in [LEGACY, PRIMARY] {
        for report in Dialect::load("dialect.toml", dialect).unwrap().reports {
            Compiled::of(&report).unwrap();
        }
    }
}

#[test]
fn lines_of_cells() {
    let (ended, rows) = all(&report(LEGACY), Home::Legacy, CELLS).unwrap();
    assert_eq!(ended, Ended { rows: 5, cut_off: false });
    let lines: Vec<u64> = rows.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6]);
    let row = |place: usize| rows[place].1.clone();
    let first = row(0).unwrap();
    assert_eq!(
        (first.transaction_id.as_str(), first.publisher, first.advertiser_id),
        ("171", Some(456), Some(789))
    );
    assert_eq!((first.amount.minor, first.commission.map(|money| money.minor)), (50_421, Some(5042)));
    assert_eq!(first.reference.as_deref(), Some("A-1"));
    assert_eq!(first.at.to_string(), "2021-01-03T18:41:28.000Z");
    assert_eq!(first.clicked_at.map(|at| at.to_string()).as_deref(), Some("2021-01-03T18:38:39.000Z"));
    // A quote is a letter, a void says why, and the last second of a day is that day's.
    let second = row(1).unwrap();
    assert_eq!(second.reference.as_deref(), Some("A \"2"));
    assert_eq!((second.standing, second.void_reason.as_deref()), (Standing::Pending, Some("sent back")));
    let third = row(2).unwrap();
    assert_eq!((third.kind, third.publisher, third.amount.minor), (Kind::Lead, None, 0));
    assert_eq!((third.reference.as_deref(), third.day - second.day), (Some("Lé-3"), 1));
    let wrong = row(3).unwrap_err().join("; ");
    assert!(wrong.contains("`ten` is not an amount") && wrong.contains("`soon`"), "{wrong}");
    let last = row(4).unwrap();
    assert_eq!((last.kind, last.standing), (Kind::Bonus, Standing::Approved));
    assert_eq!(last.reference.as_deref(), Some("for the spring campaign"));
}

#[test]
fn pages_of_json() {
    let (ended, rows) = all(&report(PRIMARY), Home::Primary, PAGES).unwrap();
    assert_eq!(ended, Ended { rows: 4, cut_off: false });
    let first = rows[0].1.clone().unwrap();
    assert_eq!(
        (first.advertiser_id, first.named_advertiser, first.publisher),
        (Some(789), 100_789, Some(200_456))
    );
    assert_eq!((first.amount.to_string(), first.reference.as_deref()), ("15.00 EUR".to_owned(), Some("A-1")));
    assert_eq!(first.clicked_at.map(|at| at.to_string()).as_deref(), Some("2026-11-01T10:00:00.000Z"));
    let second = rows[1].1.clone().unwrap();
    assert_eq!((second.advertiser_id, second.publisher, second.amount.minor), (None, None, -1510));
    assert_eq!((second.standing, second.void_reason.as_deref()), (Standing::Voided, Some("returned")));
    let third = rows[2].1.clone().unwrap_err();
    assert_eq!(third.len(), 4, "{third:?}");
    assert_eq!(rows[3].1, Err(vec!["it is no object".to_owned()]));
}

#[test]
fn what_was_cut_off_is_told() {
    let cells = report(LEGACY);
    // In the middle of the last row but one, and of the JSON's second object.
    let cut = CELLS.len() - 60;
    let (ended, rows) = all(&cells, Home::Legacy, &CELLS[..cut]).unwrap();
    assert!(ended.cut_off, "{rows:?}");
    assert!(rows.last().unwrap().1.is_err());
    let pages = report(PRIMARY);
    let (ended, _) = all(&pages, Home::Primary, &PAGES[..400]).unwrap();
    assert_eq!(ended, Ended { rows: 1, cut_off: true });
}

#[test]
fn what_is_no_report_is_refused() {
    let cells = report(LEGACY);
    let refused = |report: &Report, bytes: &[u8]| all(report, Home::Legacy, bytes).unwrap_err().to_string();
    assert!(refused(&cells, b"").contains("has no column"));
    assert!(refused(&cells, b"a,b\n1,2\n").contains("it is `a,b`"));
    let pages = report(PRIMARY);
    assert!(refused(&pages, b"").contains("no JSON"));
    assert!(refused(&pages, b"<html>").contains("no JSON"));
    assert!(refused(&pages, b"{\"error\":\"unauthorized\"}").contains("object with error"));
    assert_eq!(all(&pages, Home::Primary, b" [ ] ").unwrap(), (Ended::default(), Vec::new()));
    let nowhere = Report { zone: "Middle/Earth".to_owned(), ..report(PRIMARY) };
    assert!(refused(&nowhere, b"[]").contains("no time zone"));
}

#[test]
fn other_delimiters_and_marks_are_read() {
    let text = String::from_utf8_lossy(CELLS).replace('"', "");
    let (_, piped) = all(&report(LEGACY), Home::Legacy, text.as_bytes()).unwrap();
    let commas = format!("\u{feff}{}", text.replace('|', ","));
    let (_, with_commas) = all(&report(LEGACY), Home::Legacy, commas.as_bytes()).unwrap();
    assert_eq!(piped, with_commas);
}

#[test]
fn a_digest_is_of_every_byte() {
    let mut reading = Digesting::new(&b"abc"[..]);
    std::io::copy(&mut reading, &mut std::io::sink()).unwrap();
    assert_eq!(reading.bytes, 3);
    assert!(reading.digest().starts_with("ba7816bf8f01cfea414140de5dae2223"));
}
