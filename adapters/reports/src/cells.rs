//! One row's cells, by the places or the paths of columns.

use std::borrow::Cow;

/// The cells of one row.
pub(crate) trait Cells {
    /// The text under a column's name; none if the row has no such cell.
    fn cell(&self, name: &str) -> Option<Cow<'_, str>>;

    /// True if the report has a column of this name, whatever this row has in it.
    fn has(&self, name: &str) -> bool;

    /// What is wrong with the row as a whole.
    fn wrong(&self) -> Option<String>;
}

/// Names are compared without regard to letter case, blanks and underscores.
pub(crate) fn plain_name(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, ' ' | '_' | '\u{feff}')).flat_map(char::to_lowercase).collect()
}

/// Text that is not UTF-8 is read as Latin-1, whose every byte is a letter.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()),
    }
}
