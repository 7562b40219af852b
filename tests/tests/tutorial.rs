//! The tutorial of a second pair: every command of `docs/new-migration.md` is run, in its order, and the examples of
//! data that it shows stand in the files that it talks about.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use system_tests::turnout;

const PAIR: &str = "migrations/tradetracker-webgains";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn document() -> String {
    fs::read_to_string(root().join("docs/new-migration.md")).unwrap()
}

/// The lines between fences of this language, a block each.
fn blocks(language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    let text = document();
    let found: Vec<String> =
        text.split(&opening).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect();
    assert!(found.len() >= 2, "{} blocks of {language}", found.len());
    found
}

/// A command of the tutorial: its words, and the file behind `<`. Paths stand for files below the root, and what is
/// written goes into the folder.
fn run(line: &str, folder: &Path) -> (Option<i32>, String, String) {
    let (command, input) = line.split_once(" < ").unwrap_or((line, ""));
    let input = if input.is_empty() { Vec::new() } else { fs::read(root().join(input)).unwrap() };
    let place = |word: &str| {
        let word = word.trim_matches('\'');
        match word {
            "draft.toml" => folder.join(word).display().to_string(),
            _ if root().join(word).exists() && word.contains('/') => root().join(word).display().to_string(),
            _ => word.to_owned(),
        }
    };
    let words: Vec<String> = command.split(' ').skip(1).map(place).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let ended = turnout(&words, &input);
    (ended.code, ended.out, ended.err)
}

#[test]
fn every_command_of_the_tutorial_does_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut ran = 0;
    for line in blocks("sh").iter().flat_map(|block| block.lines()) {
        assert!(line.starts_with("turnout "), "{line}");
        let (code, out, err) = run(line, folder.path());
        assert_eq!(code, Some(0), "{line}\n{out}\n{err}");
        assert!(!out.is_empty() && !err.contains("panicked"), "{line}\n{err}");
        ran += 1;
    }
    assert!(ran >= 10, "{ran} commands");
}

#[test]
fn the_examples_of_the_tutorial_are_lines_of_the_files() {
    let mut files = String::new();
    for path in [
        "dialects/tradetracker.toml",
        "dialects/tradetracker/cases/requests.toml",
        "migrations/tradetracker-webgains/migration.toml",
    ] {
        files += &fs::read_to_string(root().join(path)).unwrap();
    }
    for line in blocks("toml").iter().flat_map(|block| block.lines()) {
        // A file may say more in a line, as the reason.
        let start = line.trim_end_matches([' ', '}', ',']);
        assert!(files.lines().any(|known| known.starts_with(start)), "`{line}` stands in none of the files");
    }
}

#[test]
fn every_request_of_the_pair_is_translated_and_loses_nothing() {
    let input = fs::read(root().join("docs/new-migration/requests.txt")).unwrap();
    let pair = root().join(PAIR).display().to_string();
    let ended = turnout(&["translate", "--migration", &pair, "--now", "2026-01-01T00:00:00Z"], &input);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let lines: Vec<Value> = ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), input.iter().filter(|byte| **byte == b'\n').count());
    for line in &lines {
        assert_ne!(line["class"], "unrecognised", "{line}");
        let sent = line["input"].as_str().unwrap().split_once('?').unwrap().1.split('&').count();
        let accounts = line["parameters"].as_array().unwrap();
        let told = accounts.iter().filter(|account| account["fate"] != "defaulted").count();
        assert_eq!(told, sent, "{line}");
    }
    let urls: Vec<&str> = lines.iter().filter_map(|line| line["primary"]["url"].as_str()).collect();
    assert!(
        urls[0].starts_with("https://track.webgains.com/click.html?wgcampaignid=1295219&wgprogramid=300386")
    );
    assert!(urls.contains(&"https://api.webgains.io/queue-conversion"));
}
