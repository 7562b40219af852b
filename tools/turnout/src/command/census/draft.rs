//! A draft of dialect entries for what a census found and the migration does not cover.
//!
//! A draft decides nothing: its endpoints are passed to the platform untouched, and what a parameter means is left
//! open, unless another endpoint of the dialect knows a parameter of that name.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write as _;

use census::{Census, Endpoint, Parameter};
use tracking::dialect::{Dialect, Kind, Meaning};

use super::coverage::{Coverage, Fate};
use super::report::{patterns, share};

/// Rarer endpoints than this share of all requests, one in so many, are noise and not drafted.
const RAREST: u64 = 1_000_000;

/// The draft's text, which the loader of dialects accepts.
pub(super) fn draft(
    census: &Census,
    coverage: &Coverage<'_>,
) -> Result<String, Box<dyn Error + Send + Sync>> {
    let mut out = String::from(
        "# Drafted by `turnout census` from what it found and the migration does not cover. Nothing in it is decided:\n\
         # move what you need into your dialect, and give each parameter a `field` with its `type`, or a reason to drop it.\n\n",
    );
    let legacy = &coverage.migration().legacy;
    writeln!(
        out,
        "[dialect]\nname = \"draft\"\ntitle = \"Not covered yet\"\nhome_url = {}\n",
        quoted(legacy.home_url.as_bytes())
    )?;
    unlisted(&mut out, census, coverage)?;
    unrecognised(&mut out, census, legacy)?;
    if let Err(mistakes) = Dialect::load("draft", &out) {
        return Err(crate::command::mistakes(mistakes));
    }
    Ok(out)
}

/// Parameters that endpoints of the dialect do not list, as a group for each endpoint.
fn unlisted(out: &mut String, census: &Census, coverage: &Coverage<'_>) -> Result<(), std::fmt::Error> {
    for endpoint in &census.endpoints {
        let Some(known) = coverage.known(endpoint.recognised) else { continue };
        let is_unlisted = |parameter: &&Parameter| {
            coverage.fate(Some(known), &parameter.name).0 == Fate::Unlisted && is_name(&parameter.name)
        };
        let list: Vec<&Parameter> = endpoint.parameters.iter().filter(is_unlisted).collect();
        if !list.is_empty() {
            let place = format!("{}{}", text(&endpoint.host), text(&endpoint.path));
            let name = format!("not listed at {}, seen at {place}", known.endpoint.name);
            writeln!(out, "[[parameters]]\ngroup = {}\nlist = [", quoted(name.as_bytes()))?;
            parameters(out, &list, &coverage.migration().legacy, endpoint)?;
            out.push_str("]\n\n");
        }
    }
    Ok(())
}

/// Hosts and paths that no endpoint takes.
fn unrecognised(out: &mut String, census: &Census, legacy: &Dialect) -> Result<(), std::fmt::Error> {
    let mut found: Vec<&Endpoint> =
        census.endpoints.iter().filter(|one| one.recognised.is_none() && is_host(&one.host)).collect();
    found.retain(|one| one.requests.saturating_mul(RAREST) >= census.requests);
    found.sort_by_key(|one| std::cmp::Reverse(one.requests));
    let hosts: BTreeSet<String> = found.iter().map(|one| text(&one.host)).collect();
    for host in &hosts {
        let host = quoted(host.as_bytes());
        writeln!(out, "[[hosts]]\ngroup = {host}\nnames = [{host}]\n")?;
    }
    let mut seen = BTreeSet::new();
    for endpoint in found {
        let (host, path) = (text(&endpoint.host), route(&text(&endpoint.path)));
        let name = format!("{host}{path}");
        if !seen.insert(name.clone()) {
            continue;
        }
        let requests = share(endpoint.requests, census.requests);
        writeln!(out, "# {} requests, {}\n[[endpoint]]", endpoint.requests, requests.trim())?;
        writeln!(out, "name = {}\nclass = \"other\"", quoted(name.as_bytes()))?;
        writeln!(out, "hosts = [{}]\npaths = [{}]", quoted(host.as_bytes()), quoted(path.as_bytes()))?;
        writeln!(out, "methods = [\"GET\", \"HEAD\", \"POST\"]\nhandling = \"proxy\"\nparameters = [")?;
        let list: Vec<&Parameter> = endpoint.parameters.iter().filter(|one| is_name(&one.name)).collect();
        parameters(out, &list, legacy, endpoint)?;
        out.push_str("]\n\n");
    }
    Ok(())
}

fn parameters(
    out: &mut String,
    list: &[&Parameter],
    legacy: &Dialect,
    endpoint: &Endpoint,
) -> Result<(), std::fmt::Error> {
    let mut seen = BTreeSet::new();
    for parameter in list {
        let name = text(&parameter.name);
        if !seen.insert(name.to_lowercase()) {
            continue;
        }
        let seen = share(parameter.occurrences, endpoint.requests);
        let looks = format!("in {} of the requests: {}", seen.trim(), patterns(parameter));
        let meaning = guess(legacy, &parameter.name)
            .unwrap_or_else(|| format!("drop = {}", quoted(format!("undecided; {looks}").as_bytes())));
        writeln!(out, "    {{ name = {}, {meaning} }}, # {looks}", quoted(&parameter.name))?;
    }
    Ok(())
}

/// What a parameter of this name means at another endpoint.
fn guess(legacy: &Dialect, name: &[u8]) -> Option<String> {
    let mut found = legacy.endpoints.iter().filter_map(|one| legacy.parameter(one, name));
    let (_, parameter) = found.find(|(_, parameter)| matches!(parameter.meaning, Meaning::Field(_)))?;
    let Meaning::Field(field) = &parameter.meaning else { return None };
    let kind = match &parameter.kind {
        Kind::Id => "id",
        Kind::Money => "money",
        Kind::Currency => "currency",
        Kind::Flag { .. } => "flag",
        Kind::List(_) => "list",
        Kind::Percentage => "percentage",
        Kind::Date => "date",
        Kind::Url => "url",
        Kind::ClickId => "click id",
        _ => "text",
    };
    Some(format!("field = \"{}\", type = \"{kind}\"", field.name()))
}

/// A path up to its first variable part.
fn route(path: &str) -> String {
    match path.split_once('{') {
        Some((start, _)) => format!("{start}*"),
        None => path.strip_suffix("...").map_or_else(|| path.to_owned(), |start| format!("{start}*")),
    }
}

/// A name that stands in the log as it is shown.
fn is_name(name: &[u8]) -> bool {
    !name.contains(&b'{') && !name.ends_with(b"[..]") && !name.ends_with(b"[n]")
}

fn is_host(host: &[u8]) -> bool {
    !host.is_empty() && !host.contains(&b'{')
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn quoted(bytes: &[u8]) -> String {
    toml::Value::String(text(bytes)).to_string()
}
