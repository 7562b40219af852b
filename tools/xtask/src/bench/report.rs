//! What do people read? Sections of Markdown, with what is missing said first and plainly.

use std::process::Command;

use crate::failure::Failure;
use crate::process;

/// What one part came to.
#[derive(Debug, Default)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    /// What was measured, and how, in a sentence or two.
    pub(crate) about: String,
    /// Markdown: tables and sentences.
    pub(crate) body: String,
    /// Peers that could not be had, with the reason.
    pub(crate) missing_peers: Vec<String>,
    /// What of ours could not be measured, with the reason.
    pub(crate) missing: Vec<String>,
}

impl Section {
    /// The section with what was measured, or with why it could not be.
    pub(crate) fn finish(mut self, measured: Result<String, Failure>) -> Self {
        match measured {
            Ok(body) => self.body = body,
            Err(failure) => self.missing.push(format!("{}: {failure}", self.title)),
        }
        self
    }

    fn text(&self) -> String {
        let mut text = format!("## {}\n\n{}\n", self.title, self.about);
        for absent in self.missing.iter().chain(&self.missing_peers) {
            text.push_str(&format!("\n**Not measured:** {absent}\n"));
        }
        if !self.body.is_empty() {
            text.push_str(&format!("\n{}\n", self.body.trim_end()));
        }
        text
    }
}

/// The whole result.
#[derive(Debug)]
pub(crate) struct Report {
    head: String,
    /// Each part's title and text.
    parts: Vec<(String, String)>,
    missing: Vec<String>,
}

impl Report {
    pub(crate) fn of(sections: Vec<Section>) -> Self {
        let head = format!("# Results\n\nWritten by `cargo xtask bench`. {}\n", machine());
        let parts = sections.iter().map(|section| (section.title.to_owned(), section.text())).collect();
        let missing = sections.into_iter().flat_map(|section| section.missing).collect();
        Self { head, parts, missing }
    }

    pub(crate) fn text(&self) -> String {
        let parts = self.parts.iter().map(|(_, text)| format!("\n{text}"));
        std::iter::once(self.head.clone()).chain(parts).collect()
    }

    /// The results of before, with the parts that were measured now in the place of theirs. A part that was measured on
    /// another machine than the rest says so.
    pub(crate) fn merged_into(&self, before: &str) -> String {
        let mut old = Self::read(before);
        for (title, text) in &self.parts {
            let text = if self.head == old.head { text.clone() } else { format!("{text}\n{}\n", machine()) };
            match old.parts.iter_mut().find(|(known, _)| known == title) {
                Some((_, slot)) => *slot = text,
                None => old.parts.push((title.clone(), text)),
            }
        }
        old.text()
    }

    /// What was written before.
    fn read(text: &str) -> Self {
        let mut pieces = text.split("\n## ");
        let head = pieces.next().unwrap_or_default().to_owned();
        let part = |piece: &str| {
            let title = piece.lines().next().unwrap_or_default().to_owned();
            (title, format!("## {}\n", piece.trim_end()))
        };
        Self { head, parts: pieces.map(part).collect(), missing: Vec::new() }
    }

    pub(crate) fn missing(&self) -> &[String] {
        &self.missing
    }
}

/// Rows of cells as a Markdown table; the first row is its head.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        text.push_str(&format!("| {} |\n", row.join(" | ")));
        if index == 0 {
            text.push_str(&format!("|{}\n", "---|".repeat(row.len())));
        }
    }
    text
}

/// Whether a number kept its promise, in words.
pub(crate) fn verdict(kept: bool) -> String {
    if kept { "met".to_owned() } else { "**missed**".to_owned() }
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (os, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
    let compiler = process::first_line(Command::new("rustc").arg("--version")).unwrap_or_default();
    let plural = if cores == 1 { "" } else { "s" };
    format!(
        "Measured on {cores} core{plural} ({os}, {architecture}; {compiler}), release profile.\n\
         Compare the ratios: the absolute numbers belong to that machine."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_and_only_ours_is_a_failure() {
        let section = Section {
            title: "Edge",
            about: "All of it.".to_owned(),
            body: table(&[vec!["a".to_owned(), "b".to_owned()], vec!["1".to_owned(), "2".to_owned()]]),
            missing_peers: vec!["nginx: no root".to_owned()],
            missing: vec!["turnout: no binary".to_owned()],
        };
        let report = Report::of(vec![section]);
        assert!(report.text().contains("**Not measured:** nginx: no root"), "{}", report.text());
        assert!(report.text().ends_with("| a | b |\n|---|---|\n| 1 | 2 |\n"), "{}", report.text());
        assert_eq!(report.missing(), ["turnout: no binary"]);
    }

    #[test]
    fn one_part_measured_again_leaves_the_others_as_they_are() {
        let section = |title, about: &str| Section { title, about: about.to_owned(), ..Section::default() };
        let before = Report::of(vec![section("One", "1"), section("Two", "2"), section("Three", "3")]).text();
        let again = Report::of(vec![section("Two", "again"), section("Four", "new")]);
        let expected = ["1", "again", "3", "new"];
        let sections = ["One", "Two", "Three", "Four"].into_iter().zip(expected);
        let whole = Report::of(sections.map(|(title, about)| section(title, about)).collect()).text();
        assert_eq!(again.merged_into(&before), whole);
        let elsewhere =
            again.merged_into(&before.replace("Measured on", "Measured on a faster machine with"));
        assert!(elsewhere.contains("## One\n\n1\n\n## Two\n\nagain\n\nMeasured on "), "{elsewhere}");
    }
}
