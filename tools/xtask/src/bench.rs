//! Are we as fast as we say? Every number as a ratio within one run, printed and written to `benches/RESULTS.md`.
//!
//! `benches/README.md` says how it is measured. A part that cannot be measured is named as missing, never imitated:
//! a missing peer is only said, a missing part of ours is a failure.

mod books;
mod commands;
mod contenders;
mod edge;
mod examples;
mod load;
mod probe;
mod report;
mod site;

use crate::failure::Failure;
use crate::repository::Repository;
use report::{Report, Section};

/// How the benchmarks are run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// How long each load lasts.
    pub(crate) seconds: u64,
    /// How often the contenders are measured in turn; the median counts.
    pub(crate) rounds: u64,
    /// One part alone.
    pub(crate) only: Option<Part>,
}

impl Default for Options {
    fn default() -> Self {
        Self { seconds: 5, rounds: 3, only: None }
    }
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Translate,
    Lines,
    Census,
    Outbox,
    Directory,
    Posting,
    Backlog,
    Restart,
    Edge,
}

impl Part {
    const ALL: [(&'static str, Self); 9] = [
        ("translate", Self::Translate),
        ("lines", Self::Lines),
        ("census", Self::Census),
        ("outbox", Self::Outbox),
        ("directory", Self::Directory),
        ("posting", Self::Posting),
        ("backlog", Self::Backlog),
        ("restart", Self::Restart),
        ("edge", Self::Edge),
    ];

    pub(crate) fn named(name: &str) -> Result<Self, Failure> {
        let found = Self::ALL.into_iter().find(|(known, _)| *known == name);
        found.map(|(_, part)| part).ok_or_else(|| Failure::new(format!("bench: no part is called `{name}`")))
    }

    fn measure(self, repository: &Repository, options: &Options) -> Section {
        match self {
            Self::Translate => examples::translate(repository),
            Self::Lines => commands::lines(repository),
            Self::Census => commands::census(repository),
            Self::Outbox => examples::outbox(repository),
            Self::Directory => examples::directory(repository),
            Self::Posting => books::posting(repository),
            Self::Backlog => books::backlog(repository),
            Self::Restart => books::restart(repository),
            Self::Edge => edge::measure(repository, options),
        }
    }
}

/// Measures, prints, writes. One part alone takes the place of its own last result.
pub(crate) fn run(repository: &Repository, options: &Options) -> Result<(), Failure> {
    let wanted = Part::ALL
        .into_iter()
        .map(|(_, part)| part)
        .filter(|part| options.only.is_none_or(|one| one == *part));
    let report = Report::of(wanted.map(|part| part.measure(repository, options)).collect());
    println!("{}", report.text());
    if let missing @ [_, ..] = report.missing()
        && options.only.is_some()
    {
        return Err(not_measured(missing));
    }
    let path = repository.path("benches/RESULTS.md");
    let failed = |error| Failure::while_doing("benches/RESULTS.md", error);
    let text = match options.only {
        Some(_) => report.merged_into(&std::fs::read_to_string(&path).map_err(failed)?),
        None => report.text(),
    };
    std::fs::write(&path, text).map_err(failed)?;
    match report.missing() {
        [] => Ok(()),
        missing => Err(not_measured(missing)),
    }
}

fn not_measured(missing: &[String]) -> Failure {
    Failure::new(format!("not measured: {}", missing.join("; ")))
}
