//! A dialect's file as tables. They are made from the file itself, since what explains a rule (`why`, `source`)
//! is for people and is not compiled; a key that is not known here is shown under "further".

use std::fmt::Write as _;

use toml::{Table as Section, Value};
use tracking::dialect::Dialect;

use super::Failed;
use super::table::{Table, code};

/// The document of the dialect whose file is called `file`.
pub(super) fn of_dialect(file: &str, text: &str) -> Result<String, Failed> {
    Dialect::load(file, text).map_err(crate::command::mistakes)?;
    let root: Section = toml::from_str(text).map_err(|error| format!("{file}: {error}"))?;
    let mut out = String::new();
    head(&mut out, &root);
    part(&mut out, "Hosts", &hosts(&root));
    part(&mut out, "Endpoints", &endpoints(&root));
    for group in tables(&root, "parameters") {
        let title = format!("Parameters of the group “{}”", text_of(group, "group"));
        part(&mut out, &title, &parameters(&tables(group, "list")));
    }
    for endpoint in tables(&root, "endpoint") {
        let title = format!("Parameters of “{}”", text_of(endpoint, "name"));
        part(&mut out, &title, &parameters(&tables(endpoint, "parameters")));
        let title = format!("Answers of “{}”", text_of(endpoint, "name"));
        part(&mut out, &title, &answers(&tables(endpoint, "answers")));
    }
    part(
        &mut out,
        "Cookies",
        &rest_of(&tables(&root, "cookie"), &["name", "reads", "writes", "source", "why"]),
    );
    if let Some(postbacks) = root.get("postbacks").and_then(Value::as_table) {
        let marks: Section = postbacks.iter().filter(|(key, _)| *key != "macros").map(owned).collect();
        part(&mut out, "Postbacks", &rest_of(&[&marks], &["opening", "closing", "clock", "source"]));
        let macros = rest_of(&tables(postbacks, "macros"), &["name", "is", "why"]);
        part(&mut out, "Macros of postbacks", &macros);
    }
    further(&mut out, &root);
    Ok(out)
}

fn owned((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}

fn head(out: &mut String, root: &Section) {
    let empty = Section::new();
    let dialect = root.get("dialect").and_then(Value::as_table).unwrap_or(&empty);
    writeln!(out, "# {}\n", text_of(dialect, "title")).ok();
    let mut facts = Table::new(&["about", "value"]);
    for (key, value) in dialect.iter().filter(|(key, _)| !matches!(key.as_str(), "title" | "placeholders")) {
        facts.row(vec![key.replace('_', " "), shown(value)]);
    }
    let placeholders: Vec<String> = tables(dialect, "placeholders").into_iter().map(pairs).collect();
    if !placeholders.is_empty() {
        facts.row(vec!["references that identify nothing".to_owned(), placeholders.join("; ")]);
    }
    writeln!(out, "{}", facts.markdown()).ok();
}

/// Tables of the root that have no shape of their own here.
fn further(out: &mut String, root: &Section) {
    const KNOWN: [&str; 6] = ["dialect", "hosts", "parameters", "endpoint", "cookie", "postbacks"];
    for (key, value) in root.iter().filter(|(key, _)| !KNOWN.contains(&key.as_str())) {
        let sections: Vec<&Section> = match value {
            Value::Array(items) => items.iter().filter_map(Value::as_table).collect(),
            other => other.as_table().into_iter().collect(),
        };
        part(out, &key.replace('_', " "), &rest_of(&sections, &["name"]));
    }
}

fn part(out: &mut String, title: &str, table: &Table) {
    if !table.is_empty() {
        writeln!(out, "## {title}\n\n{}", table.markdown()).ok();
    }
}

fn hosts(root: &Section) -> Table {
    let mut table = Table::new(&["group", "hosts", "source", "further"]);
    for group in tables(root, "hosts") {
        let cells = vec![text_of(group, "group"), code(texts(group, "names")), text_of(group, "source")];
        table.row(with_further(cells, group, &["group", "names", "source"]));
    }
    table
}

fn endpoints(root: &Section) -> Table {
    const KNOWN: [&str; 14] = [
        "name",
        "class",
        "hosts",
        "paths",
        "methods",
        "include",
        "parameters",
        "unknown",
        "unknown_why",
        "handling",
        "reply",
        "body",
        "answers",
        "source",
    ];
    let mut table = Table::new(&[
        "endpoint",
        "class",
        "on the hosts",
        "paths",
        "methods",
        "handling",
        "reply",
        "parameters of its own",
        "and of the groups",
        "what is not listed",
        "source",
        "further",
    ]);
    for endpoint in tables(root, "endpoint") {
        let or = |key: &str, usual: &str| endpoint.get(key).map_or(usual.to_owned(), shown);
        let mut unknown = or("unknown", "pass");
        if let Some(why) = endpoint.get("unknown_why").and_then(Value::as_str) {
            write!(unknown, ": {why}").ok();
        }
        let own = tables(endpoint, "parameters").len();
        let cells = vec![
            text_of(endpoint, "name"),
            or("class", "other"),
            texts(endpoint, "hosts").join(", "),
            code(texts(endpoint, "paths")),
            texts(endpoint, "methods").join(" "),
            or("handling", "translate"),
            or("reply", "page"),
            if own == 0 { String::new() } else { own.to_string() },
            texts(endpoint, "include").join(", "),
            unknown,
            text_of(endpoint, "source"),
        ];
        table.row(with_further(cells, endpoint, &KNOWN));
    }
    table
}

fn parameters(list: &[&Section]) -> Table {
    const KNOWN: [&str; 10] =
        ["name", "spellings", "type", "field", "drop", "pass", "required", "default", "limit", "why"];
    let columns =
        ["parameter", "also spelled", "means", "type", "required", "default", "limit", "further", "why"];
    let mut table = Table::new(&columns);
    for parameter in list {
        let means = match (parameter.get("drop"), parameter.get("pass")) {
            (Some(why), _) => format!("dropped: {}", shown(why)),
            (_, Some(what)) => format!("passed on: {}", shown(what)),
            _ => code(parameter.get("field").and_then(Value::as_str)),
        };
        let required = parameter.get("required").and_then(Value::as_bool).unwrap_or(false);
        let mut cells = vec![
            code([text_of(parameter, "name")]),
            code(texts(parameter, "spellings")),
            means,
            text_of(parameter, "type"),
            if required { "yes".to_owned() } else { String::new() },
            text_of(parameter, "default"),
            parameter.get("limit").map(shown).unwrap_or_default(),
        ];
        cells = with_further(cells, parameter, &KNOWN);
        cells.push(text_of(parameter, "why"));
        table.row(cells);
    }
    table
}

fn answers(list: &[&Section]) -> Table {
    let mut table = Table::new(&["status", "the answer", "verdict", "why"]);
    for answer in list {
        let status: Vec<String> =
            answer.get("status").and_then(Value::as_array).into_iter().flatten().map(shown).collect();
        let body = further_of(answer, &["status", "verdict", "why"]);
        let verdict = answer.get("verdict").map_or("unknown".to_owned(), shown);
        table.row(vec![status.join(" "), body, verdict, text_of(answer, "why")]);
    }
    table
}

/// A table with these columns, as far as they occur, and everything else under "further".
fn rest_of(list: &[&Section], columns: &[&'static str]) -> Table {
    let all: Vec<&'static str> = columns.iter().copied().chain(["further"]).collect();
    let mut table = Table::new(&all);
    for section in list {
        let cells = columns.iter().map(|column| text_of(section, column)).collect();
        table.row(with_further(cells, section, columns));
    }
    table
}

fn with_further(mut cells: Vec<String>, section: &Section, known: &[&str]) -> Vec<String> {
    cells.push(further_of(section, known));
    cells
}

fn further_of(section: &Section, known: &[&str]) -> String {
    let rest = section.iter().filter(|(key, _)| !known.contains(&key.as_str()));
    rest.map(|(key, value)| pair(key, value)).collect::<Vec<_>>().join("; ")
}

fn pairs(section: &Section) -> String {
    section.iter().map(|(key, value)| pair(key, value)).collect::<Vec<_>>().join(", ")
}

fn pair(key: &str, value: &Value) -> String {
    match value {
        Value::Boolean(true) => key.replace('_', " "),
        Value::String(text) => format!("{} `{text}`", key.replace('_', " ")),
        other => format!("{} {}", key.replace('_', " "), shown(other)),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        Value::Table(section) => format!("({})", pairs(section)),
        other => other.to_string(),
    }
}

fn text_of(section: &Section, key: &str) -> String {
    section.get(key).map(shown).unwrap_or_default()
}

fn texts(section: &Section, key: &str) -> Vec<String> {
    let items = section.get(key).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn tables<'s>(section: &'s Section, key: &str) -> Vec<&'s Section> {
    let items = section.get(key).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_table).collect()
}
