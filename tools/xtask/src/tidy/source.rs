//! What in a Rust file is code, what is comment, and what is test?
//!
//! Not a parser: it tells comments and literals from code and matches braces, which is all the checks need. Both
//! masks keep every byte's place, so that a line of a mask is a line of the file.

mod lexer;

use std::ops::Range;

use lexer::Kind;

/// A Rust file, read once for every check.
#[derive(Debug)]
pub(crate) struct Source {
    /// The file as it is.
    pub(crate) text: String,
    /// The file with comments and the insides of literals blanked.
    pub(crate) code: String,
    /// The file with all but its comments blanked.
    pub(crate) comments: String,
    /// For each line from 0, whether it is test code.
    test_lines: Vec<bool>,
}

/// A function with a body.
#[derive(Debug)]
pub(crate) struct Function<'a> {
    pub(crate) name: &'a str,
    /// The line of its `fn`, from 1.
    pub(crate) line: usize,
    /// Lines between its braces that are neither blank nor comment: what clippy counts too.
    pub(crate) length: usize,
}

impl Source {
    pub(crate) fn read(path: &str, text: &str) -> Self {
        let pieces = lexer::pieces(text);
        let code = masked(text, &pieces, |kind| kind == Kind::Code);
        let comments = masked(text, &pieces, |kind| kind == Kind::Comment);
        let count = text.lines().count();
        let test_lines = if is_test_file(path) { vec![true; count] } else { test_regions(&code, count) };
        Self { text: text.to_owned(), code, comments, test_lines }
    }

    /// Lines with their number from 1: the file's, and the same line of both masks.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let masks = self.code.lines().zip(self.comments.lines());
        let lines = self.text.lines().zip(masks).zip(&self.test_lines).enumerate();
        lines.map(|(index, ((text, (code, comment)), test))| Line {
            number: index + 1,
            text,
            code,
            comment,
            is_test: *test,
        })
    }

    /// Lines that are not test code.
    pub(crate) fn length(&self) -> usize {
        self.test_lines.iter().filter(|test| !**test).count()
    }

    /// Functions outside test code.
    pub(crate) fn functions(&self) -> Vec<Function<'_>> {
        let starts = self.code.match_indices("fn ").map(|(at, _)| at);
        starts
            .filter(|at| !self.code.get(..*at).is_some_and(|before| before.ends_with(is_word)))
            .filter_map(|at| self.function(at))
            .filter(|function| !self.is_test(function.line))
            .collect()
    }

    fn function(&self, at: usize) -> Option<Function<'_>> {
        let name = self.code.get(at + "fn ".len()..)?.split(|letter| !is_word(letter)).next()?;
        let body = item_body(&self.code, at)?;
        let (first, last) = (self.line_of(body.start), self.line_of(body.end));
        let inner = self.lines().filter(|line| first < line.number && line.number < last);
        let length = inner.filter(Line::counts).count();
        (!name.is_empty()).then(|| Function { name, line: self.line_of(at), length })
    }

    pub(crate) fn is_test(&self, line: usize) -> bool {
        line.checked_sub(1).and_then(|index| self.test_lines.get(index)).copied().unwrap_or(false)
    }

    /// The line, from 1, of a byte.
    pub(crate) fn line_of(&self, at: usize) -> usize {
        line_of(&self.code, at)
    }
}

/// One line of a source.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) number: usize,
    pub(crate) text: &'a str,
    pub(crate) code: &'a str,
    pub(crate) comment: &'a str,
    pub(crate) is_test: bool,
}

impl Line<'_> {
    /// Whether there is more on it than blanks and comments.
    fn counts(&self) -> bool {
        let commented = self.comment.bytes().filter(|byte| !byte.is_ascii_whitespace()).count();
        self.text.bytes().filter(|byte| !byte.is_ascii_whitespace()).count() > commented
    }
}

pub(crate) fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// Tests that stand in files of their own.
pub(crate) fn is_test_file(path: &str) -> bool {
    let mut parts = path.split('/').rev();
    parts.next() == Some("tests.rs") || parts.any(|directory| directory == "tests")
}

/// The braces that belong to the item whose text starts at `at`, or `None` if it ends with a semicolon.
fn item_body(code: &str, at: usize) -> Option<Range<usize>> {
    let (mut nested, mut braces, mut start) = (0_usize, 0_usize, at);
    for (offset, letter) in code.get(at..)?.char_indices() {
        match letter {
            '(' | '[' => nested += 1,
            ')' | ']' => nested = nested.saturating_sub(1),
            ';' if nested == 0 && braces == 0 => return None,
            '{' => {
                start = if braces == 0 { at + offset } else { start };
                braces += 1;
            }
            '}' => {
                braces = braces.checked_sub(1)?;
                if braces == 0 {
                    return Some(start..at + offset);
                }
            }
            _ => {}
        }
    }
    None
}

fn test_regions(code: &str, count: usize) -> Vec<bool> {
    let mut lines = vec![false; count];
    for attribute in ["#[cfg(test)]", "#[cfg(all(test"] {
        for (at, _) in code.match_indices(attribute) {
            let after = at + attribute.len();
            let semicolon =
                || code.get(after..).and_then(|rest| rest.find(';')).map_or(after, |found| after + found);
            let end = item_body(code, after).map_or_else(semicolon, |body| body.end);
            let region = line_of(code, at) - 1..line_of(code, end);
            lines.get_mut(region).into_iter().flatten().for_each(|line| *line = true);
        }
    }
    lines
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// The text with the pieces that are not wanted blanked. Bytes that are not ASCII are blanked too: every offset is
/// then the start of a character.
fn masked(text: &str, pieces: &[(Kind, Range<usize>)], wanted: fn(Kind) -> bool) -> String {
    let mut mask = String::with_capacity(text.len());
    for (kind, range) in pieces {
        for byte in text.as_bytes().get(range.clone()).unwrap_or_default() {
            let keep = *byte == b'\n' || (wanted(*kind) && byte.is_ascii());
            mask.push(if keep { char::from(*byte) } else { ' ' });
        }
    }
    mask
}

#[cfg(test)]
mod tests;
