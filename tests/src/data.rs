//! A data directory of one test: made by the binary itself, changed as an operator would change it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::process::Process;

/// A data directory that goes when the test ends.
#[derive(Debug)]
pub struct Data {
    folder: TempDir,
}

impl Data {
    /// A directory with the generated migration in it, and nothing running. Its waits are short, so that
    /// tests need not be long.
    pub fn prepared() -> Self {
        let data = Self { folder: tempfile::tempdir().unwrap() };
        let path = data.text();
        let arguments = ["up", "--data", &path, "--edge", "127.0.0.1:0", "--traffic", "0", "--json"];
        drop(Process::start(&arguments, &data.file("prepare.err")));
        fs::remove_file(data.file("run/up.json")).unwrap();
        data.set("evidence_wait", "\"500ms\"");
        data.set("backoff_first", "\"100ms\"");
        data.set("backoff_max", "\"1s\"");
        data.edit("migration.toml", |text| text.replace("pace_ms = 3000", "pace_ms = 20"));
        data
    }

    /// Its path.
    pub fn text(&self) -> String {
        self.folder.path().display().to_string()
    }

    /// The path of something in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Sets a value of the migration's policy; `value` is TOML.
    pub fn set(&self, name: &str, value: &str) {
        self.edit("policy.toml", |text| {
            let is_it = |line: &str| line.split('=').next().is_some_and(|key| key.trim() == name);
            assert!(text.lines().any(is_it), "the policy has no `{name}`");
            let line =
                |line: &str| if is_it(line) { format!("{name} = {value}\n") } else { format!("{line}\n") };
            text.lines().map(line).collect()
        });
    }

    /// Declares for the merchants that `choose` picks whether the new platform deduplicates.
    pub fn set_deduplicates(&self, choose: impl Fn(u64) -> Option<bool>) {
        self.edit("advertisers.csv", |text| {
            let mut lines = text.lines();
            let heading = lines.next().unwrap();
            assert!(heading.ends_with(",deduplicates"), "{heading}");
            let changed = lines.map(|line| {
                let (rest, was) = line.rsplit_once(',').unwrap();
                let id = rest.split(',').next().unwrap().trim_matches('"').parse().unwrap();
                choose(id).map_or(format!("{rest},{was}\n"), |flag| format!("{rest},\"{flag}\"\n"))
            });
            format!("{heading}\n{}", changed.collect::<String>())
        });
    }

    /// Changes a file of the migration.
    pub fn edit(&self, name: &str, change: impl Fn(&str) -> String) {
        let path = self.file("migration").join(name);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        fs::write(path, change(&text)).unwrap();
    }

    /// The operators' token, as the note of the running role `role` tells it.
    pub fn token(&self, role: &str) -> String {
        let path = self.file("run").join(format!("{role}.json"));
        let note: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        note.get("token").and_then(Value::as_str).unwrap().to_owned()
    }
}

impl AsRef<Path> for Data {
    fn as_ref(&self) -> &Path {
        self.folder.path()
    }
}
