//! One crate's manifest, as far as the checks read it.

use toml::{Table, Value};

const KINDS: [(&str, bool); 3] =
    [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)];

/// A crate of ours.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) table: Table,
    text: String,
}

/// An entry of one of its dependency tables.
#[derive(Debug)]
pub(crate) struct Dependency {
    /// The package, even where the crate calls it otherwise.
    pub(crate) name: String,
    pub(crate) of_tests: bool,
    pub(crate) is_inherited: bool,
}

impl Manifest {
    pub(crate) fn read(path: &str, text: &str) -> Result<Self, String> {
        let table: Table = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let name = table.get("package").and_then(|package| package.get("name")?.as_str());
        let name = name.ok_or("it names no package")?.to_owned();
        let mut dependencies = dependencies(&table);
        let targets = table.get("target").and_then(Value::as_table);
        for target in targets.into_iter().flat_map(Table::values).filter_map(Value::as_table) {
            dependencies.extend(self::dependencies(target));
        }
        Ok(Self { path: path.to_owned(), name, dependencies, table, text: text.to_owned() })
    }

    /// The directory that stands for its layer.
    pub(crate) fn layer(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    /// The directory of the crate.
    pub(crate) fn directory(&self) -> &str {
        self.path.strip_suffix("/Cargo.toml").unwrap_or_default()
    }

    /// The line that starts with a key, or the first.
    pub(crate) fn line_of(&self, key: &str) -> usize {
        line_of(&self.text, key)
    }
}

/// The line, from 1, that starts with a key, or the first.
pub(crate) fn line_of(text: &str, key: &str) -> usize {
    let found = text.lines().position(|line| {
        let rest = line.trim_start().strip_prefix(key);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '.', '=', ']']))
    });
    found.map_or(1, |index| index + 1)
}

fn dependencies(table: &Table) -> Vec<Dependency> {
    let mut found = Vec::new();
    for (kind, of_tests) in KINDS {
        for (key, value) in table.get(kind).and_then(Value::as_table).into_iter().flatten() {
            let name = value.get("package").and_then(Value::as_str).unwrap_or(key).to_owned();
            let is_inherited = value.get("workspace").and_then(Value::as_bool) == Some(true);
            found.push(Dependency { name, of_tests, is_inherited });
        }
    }
    found
}
