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
}

/// The whole result.
#[derive(Debug)]
pub(crate) struct Report {
    text: String,
    missing: Vec<String>,
}

impl Report {
    pub(crate) fn of(sections: Vec<Section>) -> Self {
        let mut text = format!("# Results\n\nWritten by `cargo xtask bench`. {}\n", machine());
        let mut missing = Vec::new();
        for section in sections {
            text.push_str(&format!("\n## {}\n\n{}\n", section.title, section.about));
            for absent in section.missing.iter().chain(&section.missing_peers) {
                text.push_str(&format!("\n**Not measured:** {absent}\n"));
            }
            if !section.body.is_empty() {
                text.push_str(&format!("\n{}\n", section.body.trim_end()));
            }
            missing.extend(section.missing);
        }
        Self { text, missing }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
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
}
