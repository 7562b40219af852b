//! Links of the wild that nobody had seen when the dialect was written: each gets a class, nothing of its query is
//! lost, and a shopper lands where the link says. The queries are read here by a reader of their own: one that
//! shares our decoder's mistakes would prove nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use system_tests::turnout;
use tempfile::TempDir;

/// Where a link pasted behind another one begins.
const LINK: &str = "shareasale.com/r.cfm?";

/// The names of a click's parts on each path: merchant, publisher.
const CLICKS: [(&str, &str, &str); 3] =
    [("/r.cfm", "m", "u"), ("/u.cfm", "m", "u"), ("/m-pr.cfm", "merchantid", "userid")];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn links() -> String {
    fs::read_to_string(root().join("corpus/links.txt")).unwrap()
}

/// The addresses of the corpus that the dialect was written with, one a line.
fn corpus() -> String {
    let text = fs::read_to_string(root().join("corpus/shareasale.jsonl")).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let addresses = rows.filter_map(|row| row["url"].as_str().map(|url| format!("{url}\n")));
    addresses.filter(|url| url.lines().count() == 1).collect()
}

fn translate(migration: &Path, input: &str) -> Vec<Value> {
    let folder = migration.display().to_string();
    let ended = turnout(&["translate", "--migration", &folder, "--seed", "1"], input.as_bytes());
    assert_eq!((ended.code, ended.err.contains("panicked")), (Some(0), false), "{}", ended.err);
    ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_link_has_a_class_and_nothing_of_its_query_is_lost() {
    let text = links();
    let answers = translate(&root().join("migrations/shareasale-awin"), &text);
    assert_eq!(answers.len(), text.lines().count());
    let (mut unrecognised, mut wrong) = (Vec::new(), Vec::new());
    for (line, answer) in text.lines().zip(&answers) {
        let class = answer["class"].as_str().unwrap_or_default();
        if class.is_empty() || answer["endpoint"].is_null() != (class == "unrecognised") {
            wrong.push(format!("class `{class}`, endpoint {}: {line}", answer["endpoint"]));
        }
        if class == "unrecognised" {
            unrecognised.push(line);
        }
        if let Some(lost) = first_lost(line, answer) {
            wrong.push(format!("{lost} is lost: {line}\n  {}", answer["parameters"]));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(answers.len() > 430, "only {} links", answers.len());
    // Hosts that are not the platform's, and addresses that writers of examples made up.
    assert!(unrecognised.len() <= 8, "{}", unrecognised.join("\n"));
}

/// The first pair of the query that has no account of its own, in the query's order. Where another link is glued
/// behind a value, the account holds what stands before it, and the pairs of the other link follow.
fn first_lost(line: &str, answer: &Value) -> Option<String> {
    let accounts: Vec<(String, String)> = answer["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|account| account["fate"] != "defaulted")
        .map(|account| (text_of(&account["name"]), text_of(&account["value"])))
        .collect();
    let mut rest = accounts.iter();
    for (name, value) in pairs(line) {
        let told = rest.by_ref().find(|(told, _)| decoded(told) == name);
        let whole = told.is_some_and(|(_, told)| *told == value);
        let cut = told.is_some_and(|(_, told)| value.starts_with(told.as_str()) && value.contains(LINK));
        if !whole && !cut {
            return Some(format!("`{name}={value}`"));
        }
    }
    None
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The pairs of a query as a browser's form would read them.
fn pairs(line: &str) -> Vec<(String, String)> {
    let query = line.split_once('?').map_or("", |(_, query)| query);
    let pair = |text: &str| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        (decoded(name), decoded(value))
    };
    query.split('&').filter(|text| !text.is_empty()).map(pair).collect()
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while let Some(byte) = bytes.get(at) {
        let escaped = text.get(at + 1..at + 3).and_then(|two| u8::from_str_radix(two, 16).ok());
        match (byte, escaped) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(*byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A click as this test reads it.
struct Click<'a> {
    line: &'a str,
    merchant: String,
    publisher: String,
    destination: String,
}

#[test]
fn a_shopper_lands_where_the_link_says() {
    let text = links() + &corpus();
    let clicks: Vec<Click<'_>> = text.lines().filter_map(click).collect();
    let migration = everybody(&clicks);
    let input: String = clicks.iter().map(|click| format!("{}\n", click.line)).collect();
    let (mut wrong, mut deep) = (Vec::new(), 0);
    for (click, answer) in clicks.iter().zip(translate(migration.path(), &input)) {
        let wanted = match click.destination.as_str() {
            "" => format!("https://shop{}.example/", click.merchant),
            place => format!("{}{place}", if place.starts_with("http") { "" } else { "https://" }),
        };
        deep += usize::from(!click.destination.is_empty());
        let landing = landing(&answer).unwrap_or_default();
        if !same_place(&landing, &wanted) {
            wrong.push(format!("{} lands at {landing}, not {wanted}", click.line));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(clicks.len() > 330 && deep > 60, "{} clicks, {deep} with a destination", clicks.len());
}

/// A link that this test can read without a doubt: its ids are numbers, and its destination is an address that
/// nothing is glued to.
fn click(line: &str) -> Option<Click<'_>> {
    let address = line.split_once("//").map_or(line, |(_, rest)| rest);
    let (host, path) = address.split_at(address.find('/')?);
    let path = path.split('?').next()?.to_lowercase();
    let (_, merchant, publisher) = CLICKS.into_iter().find(|(known, _, _)| *known == path)?;
    let plain = line.matches(LINK).count() < 2 && !line.contains(['"', '<', '{', '$', ' ', '+', '\'']);
    let of = |wanted: &str| -> String {
        let is = |(name, _): &(String, String)| name.trim_start_matches("amp;").eq_ignore_ascii_case(wanted);
        pairs(line).into_iter().find(is).map(|(_, value)| value).unwrap_or_default()
    };
    let (merchant, publisher, destination) = (of(merchant), of(publisher), of("urllink"));
    let number = |text: &str| !text.is_empty() && text.len() < 9 && text.bytes().all(|b| b.is_ascii_digit());
    let is_place = destination.is_empty() || destination.contains('.') && !destination.contains('%');
    let ours = host.trim_start_matches("www.") == "shareasale.com";
    (plain && ours && number(&merchant) && number(&publisher) && is_place).then_some(Click {
        line,
        merchant: merchant.trim_start_matches('0').to_owned(),
        publisher,
        destination,
    })
}

/// The shipped migration with every merchant and publisher of the links in its tables. A merchant's page is
/// `shopN.example`, and its domains are those that the links lead to.
fn everybody(clicks: &[Click<'_>]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["migration.toml", "policy.toml"] {
        fs::copy(root().join("migrations/shareasale-awin").join(name), folder.path().join(name)).unwrap();
    }
    let mut merchants = String::from(
        "legacy_id,primary_id,name,landing_url,domains,wave,programme,currency,window_days,commission,deduplicates\n",
    );
    let ids: BTreeSet<&str> = clicks.iter().map(|click| click.merchant.as_str()).collect();
    for (number, id) in ids.into_iter().enumerate() {
        let of_it = clicks.iter().filter(|click| click.merchant == id && !click.destination.is_empty());
        let hosts: BTreeSet<&str> = of_it.map(|click| host_of(&click.destination)).collect();
        let hosts: String = hosts.into_iter().fold(String::new(), |all, host| format!("{all} {host}"));
        let page = format!("shop{id}.example");
        writeln!(
            merchants,
            "{id},{},{page},https://{page}/,{page}{hosts},first,online,USD,30,10%,true",
            100_000 + number
        )
        .unwrap();
    }
    fs::write(folder.path().join("advertisers.csv"), merchants).unwrap();
    let mut publishers = String::from("legacy_id,primary_id,name\n");
    let ids: BTreeSet<&str> = clicks.iter().map(|click| click.publisher.as_str()).collect();
    for (number, id) in ids.into_iter().enumerate() {
        writeln!(publishers, "{id},{},Site {id}", 200_000 + number).unwrap();
    }
    fs::write(folder.path().join("publishers.csv"), publishers).unwrap();
    fs::write(folder.path().join("creatives.csv"), "kind,legacy_id,advertiser_id,primary_id,landing_url\n")
        .unwrap();
    folder
}

fn host_of(destination: &str) -> &str {
    let rest = destination.split_once("//").map_or(destination, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// Where a shopper ends: the destination inside of the new platform's link, without our own click id.
fn landing(answer: &Value) -> Option<String> {
    let headers = answer["reply"]["headers"].as_array()?;
    let location = headers.iter().find(|header| header[0] == "location")?[1].as_str()?;
    let place = pairs(location).into_iter().find(|(name, _)| name == "ued").map(|(_, value)| value)?;
    let (page, query) = place.split_once('?')?;
    let (own, rest) = query.split_once('&')?;
    own.starts_with("sscid=").then(|| format!("{page}{}{rest}", if rest.is_empty() { "" } else { "?" }))
}

/// The same address, however its characters are escaped; a click id of the destination's own is left out.
fn same_place(landing: &str, wanted: &str) -> bool {
    let (page, query) = wanted.split_once('?').unwrap_or((wanted, ""));
    let query: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("sscid=")).collect();
    let wanted = format!("{page}?{}", query.join("&"));
    let plain = |text: &str| decoded(text).trim_end_matches(['/', '?']).to_owned();
    plain(landing) == plain(&wanted)
}
