//! `turnout dialect`: a dialect or a migration for people, and its conformance cases.

mod cases;
mod conform;
mod document;
mod join;
mod postbacks;
mod table;

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use directory::{Files, embedded, embedded_under};

use self::cases::CaseFile;
use crate::cli::Outcome;

/// Read a dialect or a migration as tables, and run its conformance cases.
///
/// Example: turnout dialect conform migrations/mine
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print the tables of a dialect, or of a migration's join, as Markdown.
    ///
    /// Example: turnout dialect doc migrations/mine
    Doc {
        /// A shipped dialect's or migration's name, a dialect's file, or a migration's folder.
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Run the conformance cases of a dialect or of a migration.
    ///
    /// Cases stand in `cases/*.toml` of a migration's folder, and in `NAME/cases/*.toml` beside a dialect's
    /// file `NAME.toml`. Exit code 0: every case holds; 1: some do not; 2: they could not be run.
    ///
    /// Example: turnout dialect conform dialects/mine.toml
    Conform {
        /// A shipped dialect's or migration's name, a dialect's file, or a migration's folder.
        #[arg(value_name = "NAME")]
        name: String,
        /// Where the cases are, if they are not beside it.
        #[arg(long, value_name = "DIR")]
        cases: Option<PathBuf>,
    },
}

/// What the name on the command line means.
enum Subject {
    /// A dialect: its file's name for messages, its text, and where its cases are.
    Dialect {
        file: String,
        text: String,
        cases: Place,
    },
    Migration {
        files: Files,
        cases: Place,
    },
}

/// Where cases are.
enum Place {
    Folder(PathBuf),
    Shipped(String),
}

type Failed = Box<dyn Error + Send + Sync>;

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    match &arguments.what {
        What::Doc { name } => {
            let text = match find(name)? {
                Subject::Dialect { file, text, .. } => document::of_dialect(&file, &text)?,
                Subject::Migration { files, .. } => join::of_migration(&load(&files)?),
            };
            print!("{text}");
            Ok(ExitCode::SUCCESS)
        }
        What::Conform { name, cases } => conform::run(find(name)?, cases.as_deref()),
    }
}

fn load(files: &Files) -> Result<relay::policy::Snapshot, directory::LoadError> {
    directory::load_files(files, crate::snapshot::looking_secrets())
}

fn find(name: &str) -> Result<Subject, Failed> {
    let path = Path::new(name);
    if path.is_dir() {
        let cases = Place::Folder(path.join("cases"));
        return Ok(Subject::Migration { files: Files::folder(path), cases });
    }
    if path.is_file() {
        if path.file_name().is_some_and(|file| file == "migration.toml" || file == "policy.toml") {
            let folder =
                path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            return Err(
                format!("{name} is a file of a migration: name its folder, {}", folder.display()).into()
            );
        }
        let text = fs::read_to_string(path).map_err(|error| format!("{name}: it cannot be read: {error}"))?;
        let cases = Place::Folder(path.with_extension("").join("cases"));
        return Ok(Subject::Dialect { file: name.to_owned(), text, cases });
    }
    if let Some(text) = embedded(&format!("dialects/{name}.toml")) {
        let cases = Place::Shipped(format!("dialects/{name}/cases/"));
        return Ok(Subject::Dialect { file: format!("dialects/{name}.toml"), text: text.to_owned(), cases });
    }
    if embedded(&format!("migrations/{name}/migration.toml")).is_some() {
        let cases = Place::Shipped(format!("migrations/{name}/cases/"));
        return Ok(Subject::Migration { files: Files::embedded(name), cases });
    }
    Err(format!(
        "`{name}` is no file, no folder and nothing that is shipped; shipped are {}",
        shipped().join(", ")
    )
    .into())
}

/// The names of the dialects and migrations that the binary embeds.
fn shipped() -> Vec<String> {
    let dialects = embedded_under("dialects/").filter_map(|(path, _)| {
        path.strip_prefix("dialects/")?.strip_suffix(".toml").filter(|name| !name.contains('/'))
    });
    let migrations = embedded_under("migrations/")
        .filter_map(|(path, _)| path.strip_prefix("migrations/")?.strip_suffix("/migration.toml"));
    let names: BTreeSet<&str> = dialects.chain(migrations).collect();
    names.into_iter().map(str::to_owned).collect()
}

impl Place {
    /// Every file of cases, in the order of names.
    fn files(&self) -> Result<Vec<CaseFile>, Failed> {
        match self {
            Self::Folder(folder) => read_folder(folder),
            Self::Shipped(start) => {
                let file = |(path, text): (&str, &str)| CaseFile::new(path.to_owned(), text.to_owned());
                Ok(embedded_under(start).map(file).collect())
            }
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Folder(folder) => folder.display().to_string(),
            Self::Shipped(start) => start.trim_end_matches('/').to_owned(),
        }
    }
}

fn read_folder(folder: &Path) -> Result<Vec<CaseFile>, Failed> {
    let unreadable = |path: &Path, error: &std::io::Error| -> Failed {
        format!("{}: the cases cannot be read: {error}", path.display()).into()
    };
    let entries = fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
        Ok(CaseFile::new(path.display().to_string(), text))
    };
    paths.into_iter().map(read).collect()
}
