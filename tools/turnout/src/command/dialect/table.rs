//! Markdown tables whose empty columns are left out.

use std::fmt::Write as _;

/// A table under construction: its columns, then its rows.
#[derive(Debug)]
pub(super) struct Table {
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(columns: &[&'static str]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn markdown(&self) -> String {
        let used =
            |place: &usize| self.rows.iter().any(|row| row.get(*place).is_some_and(|cell| !cell.is_empty()));
        let places: Vec<usize> = (0..self.columns.len()).filter(used).collect();
        let mut text = String::new();
        let mut line = |cell: &dyn Fn(usize) -> String| {
            let cells: Vec<String> = places.iter().map(|place| cell(*place)).collect();
            writeln!(text, "| {} |", cells.join(" | ")).ok();
        };
        line(&|place| self.columns.get(place).copied().unwrap_or_default().to_owned());
        line(&|_| "---".to_owned());
        for row in &self.rows {
            line(&|place| in_a_cell(row.get(place).map_or("", String::as_str)));
        }
        text
    }
}

/// A bar would end the cell, a line's end the row.
fn in_a_cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}

/// Names as code, separated by blanks.
pub(super) fn code<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{}`", name.as_ref())).collect();
    quoted.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_columns_are_left_out_and_bars_are_escaped() {
        let mut table = Table::new(&["name", "never", "why"]);
        table.row(vec!["a|b".to_owned(), String::new(), "two\nlines".to_owned()]);
        assert_eq!(table.markdown(), "| name | why |\n| --- | --- |\n| a\\|b | two lines |\n");
        assert_eq!(code(["x", "y"]), "`x` `y`");
    }
}
