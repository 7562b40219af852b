//! `turnout translate`: every request of the corpus gets an account of what became of it, and the cases under
//! `corpus/cases` get exactly the answer that was reviewed.
//!
//! `UPDATE_GOLDEN=1` writes the answers of today into the cases, for a person to read before keeping them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use system_tests::turnout;
use tempfile::TempDir;

const CLASSES: [&str; 8] =
    ["click", "conversion", "impression", "script", "adjustment", "report", "other", "unrecognised"];
const FATES: [&str; 5] = ["mapped", "passed", "dropped", "defaulted", "rejected"];
const NOW: &str = "2026-01-01T00:00:00Z";
const RULER: &str = "---";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The shipped migration with the tables of `corpus/tables`.
fn migration() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for from in ["migrations/shareasale-awin", "corpus/tables"] {
        for entry in fs::read_dir(root().join(from)).unwrap() {
            let path = entry.unwrap().path();
            // Conformance cases stand in a folder of their own.
            if path.is_dir() {
                continue;
            }
            fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    folder
}

/// One JSON line for each line of `input`, with time and chance fixed.
fn translate(migration: &Path, input: &str) -> Vec<Value> {
    let folder = migration.display().to_string();
    let arguments = ["translate", "--migration", &folder, "--now", NOW, "--seed", "1"];
    let ended = turnout(&arguments, input.as_bytes());
    assert!(!ended.err.contains("panicked"), "{}", ended.err);
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let answers: Vec<Value> = ended.out.lines().map(parse).collect();
    let bad = answers.iter().any(|answer| answer["problems"][0]["code"] == "bad_input");
    assert_eq!(ended.code, Some(i32::from(bad)), "{}", ended.err);
    answers
}

#[test]
fn every_line_of_the_corpus_gets_a_class_and_every_parameter_an_account() {
    let migration = migration();
    let mut wrong = Vec::new();
    for name in ["shareasale.jsonl", "awin.jsonl"] {
        let text = fs::read_to_string(root().join("corpus").join(name)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let outputs = translate(migration.path(), &text);
        assert_eq!(outputs.len(), lines.len(), "{name}: one line out for each line in");
        wrong.extend(lines.iter().zip(&outputs).filter_map(|(line, output)| complaint(line, output)));
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

/// What is wrong with the account of a line.
fn complaint(line: &str, output: &Value) -> Option<String> {
    let shown = |why: String| Some(format!("{why}\n  {line}\n  {output}"));
    if output["input"] != line {
        return shown("another input".to_owned());
    }
    if !output["class"].as_str().is_some_and(|class| CLASSES.contains(&class)) {
        return shown(format!("class {}", output["class"]));
    }
    if output["class"] == "unrecognised" && output["problems"].as_array().is_some_and(Vec::is_empty) {
        return shown("unrecognised without a problem".to_owned());
    }
    let accounts = output["parameters"].as_array().cloned().unwrap_or_default();
    for account in &accounts {
        let fate = account["fate"].as_str().unwrap_or_default();
        if !FATES.contains(&fate) || !names_a_line(account["why"].as_str().unwrap_or_default()) {
            return shown(format!("an account without a fate or without a file and line: {account}"));
        }
    }
    // A bad line has no parameters; its problem says why.
    let request: Value = serde_json::from_str(line).unwrap();
    let (Some(url), Some(_)) = (request["url"].as_str(), output["reply"].as_object()) else { return None };
    let sent = pairs(url, request["body"].as_str());
    let told = accounts.iter().filter(|account| account["fate"] != "defaulted").count();
    (told != sent.len())
        .then(|| shown(format!("{} parameters sent, {told} accounted for: {sent:?}", sent.len())))?
}

/// The pairs of a request that are not empty, in its query and in a form. A raw `#` is part of them: templates
/// leave it there, and no browser sends a fragment.
fn pairs(url: &str, body: Option<&str>) -> Vec<String> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let both = query.split('&').chain(body.unwrap_or_default().split('&'));
    both.filter(|pair| !pair.is_empty()).map(str::to_owned).collect()
}

/// `dialects/x.toml:12: …` somewhere in the text.
fn names_a_line(why: &str) -> bool {
    why.split([' ', ';']).any(|word| {
        let mut parts = word.trim_end_matches(':').rsplitn(2, ':');
        let line =
            parts.next().is_some_and(|line| !line.is_empty() && line.bytes().all(|b| b.is_ascii_digit()));
        let file = parts.next().is_some_and(|file| file.contains('.'));
        line && file
    })
}

#[test]
fn every_case_gets_the_answer_that_was_reviewed() {
    let migration = migration();
    let update = std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1");
    let mut cases: Vec<PathBuf> =
        fs::read_dir(root().join("corpus/cases")).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.extension().is_some_and(|extension| extension == "case"));
    cases.sort();
    assert!(cases.len() >= 25, "{} cases", cases.len());
    let mut differences = Vec::new();
    for path in cases {
        let text = fs::read_to_string(&path).unwrap();
        let (request, expected) = text.split_once(&format!("\n{RULER}\n")).expect("a case has a ruler");
        let input: String =
            request.lines().skip_while(|line| line.starts_with("# ")).fold(String::new(), add_line);
        let answers = translate(migration.path(), &input);
        assert_eq!(answers.len(), input.lines().count(), "{}", path.display());
        let answers: Vec<Value> = answers
            .iter()
            .map(|answer| without_places(answer, &migration.path().display().to_string()))
            .collect();
        if update {
            fs::write(&path, format!("{request}\n{RULER}\n{}", render(&answers))).unwrap();
        } else if let Some(difference) = differs(&answers, expected) {
            differences.push(format!("{}: {difference}", path.file_name().unwrap().display()));
        }
    }
    assert!(differences.is_empty(), "{}\n(UPDATE_GOLDEN=1 rewrites them)", differences.join("\n"));
}

fn add_line(mut text: String, line: &str) -> String {
    text.push_str(line);
    text.push('\n');
    text
}

/// The answer with the folder's name and the line numbers left out: a comment added to a rule file changes no
/// answer.
fn without_places(answer: &Value, folder: &str) -> Value {
    match answer {
        Value::String(text) => Value::String(without_lines(&text.replace(&format!("{folder}/"), ""))),
        Value::Array(items) => items.iter().map(|item| without_places(item, folder)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), without_places(value, folder))).collect()
        }
        other => other.clone(),
    }
}

/// `.toml:12` and `.csv:12` become `.toml` and `.csv`.
fn without_lines(text: &str) -> String {
    let mut parts = text.split_inclusive([' ', ';']).map(|word| {
        let end = [".toml:", ".csv:"].iter().find_map(|mark| word.find(mark).map(|at| at + mark.len() - 1));
        end.map_or(word.to_owned(), |end| {
            let (file, rest) = word.split_at(end);
            let rest = rest.trim_start_matches(':').trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{file}{rest}")
        })
    });
    parts.by_ref().collect()
}

/// Each answer as JSON with one line for each field and for each item of a list: short to read, and a change
/// shows as the line that changed.
fn render(answers: &[Value]) -> String {
    let mut out = String::new();
    for (number, answer) in answers.iter().enumerate() {
        if number > 0 {
            writeln!(out, "{RULER}").unwrap();
        }
        let fields = answer.as_object().unwrap();
        let field = |(name, value): (&String, &Value)| format!("  {name:?}: {}", lines(value));
        writeln!(out, "{{\n{}\n}}", fields.iter().map(field).collect::<Vec<_>>().join(",\n")).unwrap();
    }
    out
}

fn lines(value: &Value) -> String {
    match value.as_array() {
        Some(items) if !items.is_empty() => {
            let items: Vec<String> = items.iter().map(|item| format!("    {item}")).collect();
            format!("[\n{}\n  ]", items.join(",\n"))
        }
        _ => value.to_string(),
    }
}

fn differs(answers: &[Value], expected: &str) -> Option<String> {
    let wanted: Vec<&str> = expected.split(&format!("\n{RULER}\n")).collect();
    for (number, answer) in answers.iter().enumerate() {
        let wanted = wanted.get(number).copied().unwrap_or("null");
        let wanted: Value = serde_json::from_str(wanted).unwrap_or(Value::Null);
        if wanted != *answer {
            let (have, want) = (render(std::slice::from_ref(answer)), render_or_nothing(&wanted));
            return Some(format!("request {}:\n{}", number + 1, difference(&want, &have)));
        }
    }
    (wanted.len() != answers.len()).then(|| "more answers expected than requests".to_owned())
}

fn render_or_nothing(answer: &Value) -> String {
    if answer.is_object() { render(std::slice::from_ref(answer)) } else { String::new() }
}

fn difference(wanted: &str, have: &str) -> String {
    let only = |mark: char, of: &str, other: &str| -> String {
        of.lines()
            .filter(|line| !other.lines().any(|one| one == *line))
            .map(|line| format!("  {mark} {line}\n"))
            .collect()
    };
    only('-', wanted, have) + &only('+', have, wanted)
}
