//! Reading a data file so that every mistake is found at once.
//!
//! A dialect is written by people. The first mistake must not hide the second, so nothing here stops at one:
//! readers note a [`Mistake`] with file, line and what to do, and go on with what they have.

#![expect(
    clippy::disallowed_types,
    reason = "one reader collects mistakes from nested sections; it never leaves the call that loads a file"
)]

use core::cell::RefCell;
use core::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One thing wrong with a data file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Mistake {
    /// The file, as the reader was told its name.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// A data file and the mistakes found in it so far.
#[derive(Debug)]
pub struct Source<'a> {
    file: &'a str,
    text: &'a str,
    mistakes: RefCell<Vec<Mistake>>,
}

impl<'a> Source<'a> {
    /// The source called `file` in messages.
    pub const fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, mistakes: RefCell::new(Vec::new()) }
    }

    /// The file's name.
    pub const fn file(&self) -> &'a str {
        self.file
    }

    /// Notes a mistake at byte `offset`.
    pub fn mistake(&self, offset: usize, message: impl Into<String>) {
        let mistake =
            Mistake { file: self.file.to_owned(), line: self.line(offset), message: message.into() };
        self.mistakes.borrow_mut().push(mistake);
    }

    /// Notes a mistake on a line that was told before.
    pub fn mistake_on(&self, line: usize, message: impl Into<String>) {
        let mistake = Mistake { file: self.file.to_owned(), line, message: message.into() };
        self.mistakes.borrow_mut().push(mistake);
    }

    /// The line of byte `offset`, from 1.
    pub fn line(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().get(..offset.min(self.text.len())).unwrap_or_default();
        memchr::memchr_iter(b'\n', before).count().saturating_add(1)
    }

    /// The mistakes found, in the order of their lines.
    pub fn into_mistakes(self) -> Vec<Mistake> {
        let mut mistakes = self.mistakes.into_inner();
        mistakes.sort();
        mistakes.dedup();
        mistakes
    }

    /// Reads the file's root table with `read`; a syntax error is noted and what could be read is still read.
    pub fn read<T>(&self, read: impl FnOnce(&Section<'_, 'a>) -> T) -> T {
        let (root, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            let offset = error.span().map_or(0, |span| span.start);
            self.mistake(offset, format!("this is not valid TOML: {}", error.message()));
        }
        let section = Section { source: self, table: root.get_ref(), offset: 0, known: RefCell::default() };
        let read = read(&section);
        section.finish();
        read
    }
}

/// A table of a data file. Keys that nobody asked for are mistakes.
#[derive(Debug)]
pub struct Section<'s, 'a> {
    source: &'s Source<'a>,
    table: &'s DeTable<'a>,
    offset: usize,
    known: RefCell<Vec<&'static str>>,
}

impl<'s, 'a> Section<'s, 'a> {
    /// The source that the table stands in.
    pub const fn source(&self) -> &'s Source<'a> {
        self.source
    }

    /// The line that the table starts at.
    pub fn line(&self) -> usize {
        self.source.line(self.offset)
    }

    /// Notes a mistake at the start of the table.
    pub fn mistake(&self, message: impl Into<String>) {
        self.source.mistake(self.offset, message);
    }

    /// Notes a mistake at the value of `key`, or at the table if it is absent.
    pub fn mistake_at(&self, key: &'static str, message: impl Into<String>) {
        let offset = self.value(key).map_or(self.offset, |value| value.span().start);
        self.source.mistake(offset, message);
    }

    fn value(&self, key: &'static str) -> Option<&'s Spanned<DeValue<'a>>> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
        self.table.get(key)
    }

    fn typed<T>(
        &self,
        key: &'static str,
        wanted: &str,
        read: impl Fn(&'s DeValue<'a>) -> Option<T>,
    ) -> Option<T> {
        let value = self.value(key)?;
        let typed = read(value.get_ref());
        if typed.is_none() {
            self.source.mistake(value.span().start, format!("`{key}` must be {wanted}"));
        }
        typed
    }

    /// True if `key` is there, whatever its value.
    pub fn has(&self, key: &'static str) -> bool {
        self.value(key).is_some()
    }

    /// A text.
    pub fn text(&self, key: &'static str) -> Option<String> {
        self.typed(key, "a text", |value| value.as_str().map(str::to_owned))
    }

    /// A text that must be there; empty after its absence was noted.
    pub fn required_text(&self, key: &'static str) -> String {
        if self.table.get(key).is_none() {
            self.mistake(format!("`{key}` is missing"));
        }
        self.text(key).unwrap_or_default()
    }

    /// A flag; false if absent.
    pub fn flag(&self, key: &'static str) -> bool {
        self.typed(key, "true or false", DeValue::as_bool).unwrap_or(false)
    }

    /// A whole number from 0.
    pub fn number(&self, key: &'static str) -> Option<u64> {
        self.typed(key, "a whole number from 0", |value| {
            value.as_integer().and_then(|number| u64::from_str_radix(number.as_str(), number.radix()).ok())
        })
    }

    /// A list of texts; empty if absent.
    pub fn texts(&self, key: &'static str) -> Vec<String> {
        let read = |value: &DeValue<'_>| {
            let array = value.as_array()?;
            array.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
        };
        self.typed(key, "a list of texts", read).unwrap_or_default()
    }

    /// A list of whole numbers; empty if absent.
    pub fn numbers(&self, key: &'static str) -> Vec<u64> {
        let read = |value: &DeValue<'_>| {
            let array = value.as_array()?;
            let number = |item: &Spanned<DeValue<'_>>| item.get_ref().as_integer()?.as_str().parse().ok();
            array.iter().map(number).collect()
        };
        self.typed(key, "a list of whole numbers", read).unwrap_or_default()
    }

    /// The choice that `key` names, by `parse`; its possible names are `names`.
    pub fn choice<T>(
        &self,
        key: &'static str,
        names: &[&str],
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(key)?;
        let choice = parse(&text);
        if choice.is_none() {
            self.mistake_at(key, unknown_word(key, &text, names));
        }
        choice
    }

    /// A table below this one, read by `read`.
    pub fn section<T>(&self, key: &'static str, read: impl FnOnce(&Section<'_, 'a>) -> T) -> Option<T> {
        let value = self.value(key)?;
        let Some(table) = value.get_ref().as_table() else {
            self.source.mistake(value.span().start, format!("`{key}` must be a table"));
            return None;
        };
        Some(self.enter(table, value.span().start, read))
    }

    /// Every table of the list `key`, read by `read` in order.
    pub fn sections<T>(&self, key: &'static str, mut read: impl FnMut(&Section<'_, 'a>) -> T) -> Vec<T> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.source.mistake(value.span().start, format!("`{key}` must be a list of tables"));
            return Vec::new();
        };
        let mut results = Vec::with_capacity(array.len());
        for item in array {
            match item.get_ref().as_table() {
                Some(table) => results.push(self.enter(table, item.span().start, &mut read)),
                None => self.source.mistake(item.span().start, format!("`{key}` must hold tables only")),
            }
        }
        results
    }

    fn enter<T>(&self, table: &DeTable<'a>, offset: usize, read: impl FnOnce(&Section<'_, 'a>) -> T) -> T {
        let section = Section { source: self.source, table, offset, known: RefCell::default() };
        let read = read(&section);
        section.finish();
        read
    }

    /// Notes every key that nobody asked for.
    fn finish(&self) {
        let known = self.known.borrow();
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                self.source.mistake(key.span().start, unknown_word("key", name, &known));
            }
        }
    }
}

/// The message for a word that is none of `names`, with the nearest one as a suggestion.
pub fn unknown_word(what: &str, word: &str, names: &[&str]) -> String {
    let nearest = names.iter().map(|name| (distance(word, name), *name)).min();
    match nearest {
        Some((steps, name)) if steps <= 1 + word.len() / 3 => {
            format!("`{word}` is not a known {what}: did you mean `{name}`?")
        }
        _ => format!("`{word}` is not a known {what}: known are {}", names.join(", ")),
    }
}

/// The Levenshtein distance, without regard to letter case.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (done, letter) in left.to_lowercase().chars().enumerate() {
        let mut diagonal = done;
        let mut before = done.saturating_add(1);
        if let Some(first) = row.first_mut() {
            *first = before;
        }
        for (other, cell) in right.iter().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal.saturating_add(usize::from(*other != letter));
            diagonal = *cell;
            *cell = replaced.min(cell.saturating_add(1)).min(before.saturating_add(1));
            before = *cell;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_reported_with_its_line() {
        let text = "name = 3\nmode = \"fst\"\nextra = true\n[[row]]\nsize = -1\n";
        let source = Source::new("file.toml", text);
        source.read(|root| {
            root.required_text("name");
            root.required_text("missing");
            root.choice("mode", &["fast", "slow"], |name| (name == "fast").then_some(()));
            root.sections("row", |row| row.number("size"));
        });
        let mistakes: Vec<String> = source.into_mistakes().iter().map(ToString::to_string).collect();
        assert_eq!(
            mistakes,
            [
                "file.toml:1: `missing` is missing",
                "file.toml:1: `name` must be a text",
                "file.toml:2: `fst` is not a known mode: did you mean `fast`?",
                "file.toml:3: `extra` is not a known key: known are name, missing, mode, row",
                "file.toml:5: `size` must be a whole number from 0",
            ]
        );
    }

    #[test]
    fn broken_syntax_is_a_mistake_and_no_end() {
        let source = Source::new("file.toml", "a = \"x\"\nb = = 3\nc = \"y\"\n");
        let read = source.read(|root| (root.text("a"), root.text("c")));
        assert_eq!(read, (Some("x".to_owned()), Some("y".to_owned())));
        assert!(source.into_mistakes().iter().any(|mistake| mistake.line == 2));
    }

    #[test]
    fn distances_count_single_steps() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("Same", "same"), 0);
    }
}
