//! Do the documents still say what the code says? Blocks between markers are generated, and compared.
//!
//! A block stands in a Markdown file between `<!-- generated: NAME -->` and `<!-- end -->`, each on a line of its own.
//! A new kind of block is one entry of `BLOCKS` and one function.

mod blocks;

use crate::tidy::finding::Finding;
use crate::tidy::house::House;
use crate::tidy::tree::Tree;

/// A generated block: its name, the document that must have it, and how it is made.
struct Block {
    name: &'static str,
    home: Option<&'static str>,
    generate: fn(&Tree, &House) -> String,
}

const BLOCKS: [Block; 4] = [
    Block { name: "arrows", home: Some("ARCHITECTURE.md"), generate: crate::tidy::arrows::table },
    Block { name: "crates", home: Some("ARCHITECTURE.md"), generate: blocks::crates },
    Block { name: "limits", home: None, generate: blocks::limits },
    Block { name: "faults", home: None, generate: crate::tidy::faults::table },
];

const OPENING: &str = "<!-- generated: ";
const CLOSING: &str = "<!-- end -->";

const REWRITE: &str = "run `cargo xtask tidy --write`";
const CORRECT: &str =
    "use a name that tools/xtask/src/tidy/generated.rs lists, and close it with `<!-- end -->`";
const ADD: &str = "add `<!-- generated: NAME -->` and `<!-- end -->`, then run `cargo xtask tidy --write`";

pub(crate) fn check(tree: &Tree, house: &House) -> Vec<Finding> {
    let mut findings = missing(tree);
    for (path, text) in documents(tree) {
        let rewritten = rewrite(text, tree, house);
        findings.extend(rewritten.broken.iter().map(|line| {
            Finding::new(path, *line, "a generated block that is unknown or has no end", CORRECT)
        }));
        findings.extend(
            rewritten.stale.iter().map(|line| {
                Finding::new(path, *line, "the generated block is not what the code says", REWRITE)
            }),
        );
    }
    findings
}

/// The documents whose blocks are out of date, as they should be.
pub(crate) fn rewritten(tree: &Tree, house: &House) -> Vec<(String, String)> {
    let rewritten = documents(tree).map(|(path, text)| (path, rewrite(text, tree, house)));
    let stale = rewritten.filter(|(_, document)| !document.stale.is_empty());
    stale.map(|(path, document)| (path.to_owned(), document.text)).collect()
}

fn documents(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    tree.files().filter(|(path, _)| path.ends_with(".md"))
}

fn missing(tree: &Tree) -> Vec<Finding> {
    let homes = BLOCKS.iter().filter_map(|block| Some((block.name, block.home?)));
    let missing = homes.filter(|(name, home)| {
        let mut lines = tree.text(home).unwrap_or_default().lines();
        !lines.any(|line| opened(line) == Some(name))
    });
    missing
        .map(|(name, home)| Finding::new(home, 1, format!("the generated block `{name}` is missing"), ADD))
        .collect()
}

/// A document with every block generated anew.
#[derive(Debug, Default)]
struct Document {
    text: String,
    stale: Vec<usize>,
    broken: Vec<usize>,
}

fn rewrite(text: &str, tree: &Tree, house: &House) -> Document {
    let mut document = Document::default();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        document.push(line);
        let Some(name) = opened(line) else { continue };
        let mut old = String::new();
        while let Some((_, inner)) =
            lines.next_if(|(_, inner)| inner.trim() != CLOSING && opened(inner).is_none())
        {
            old.push_str(inner);
            old.push('\n');
        }
        let block = BLOCKS.iter().find(|block| block.name == name);
        let is_closed = lines.peek().is_some_and(|(_, inner)| inner.trim() == CLOSING);
        match block.filter(|_| is_closed) {
            Some(block) => document.replace(index + 1, &old, &(block.generate)(tree, house)),
            None => {
                document.broken.push(index + 1);
                document.text.push_str(&old);
            }
        }
    }
    document
}

impl Document {
    fn push(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn replace(&mut self, line: usize, old: &str, new: &str) {
        if old != new {
            self.stale.push(line);
        }
        self.text.push_str(new);
    }
}

fn opened(line: &str) -> Option<&str> {
    Some(line.trim().strip_prefix(OPENING)?.strip_suffix("-->")?.trim())
}

#[cfg(test)]
mod tests;
