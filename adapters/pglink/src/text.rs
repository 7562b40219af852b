//! SQL of both stores in the server's spelling.
//!
//! Places (`?1`, `:name`) become `$1`. Hints that only SQLite's planner needs are left away: `INDEXED BY`, and `CROSS JOIN`
//! where a join is meant to keep its order. The type of bytes has another name.

/// A statement for the server, and where its named parameters go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Text {
    pub(crate) sql: String,
    /// The names, in the order of their places; empty where parameters go by place.
    pub(crate) names: Vec<String>,
}

pub(crate) fn translate(sql: &str) -> Text {
    let mut text = Text { sql: String::with_capacity(sql.len()), names: Vec::new() };
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' => quoted(rest),
            '?' => {
                text.sql.push('$');
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            ':' => text.place(rest),
            _ if first.is_ascii_alphabetic() || first == '_' => text.word(rest),
            _ => {
                text.sql.push(first);
                first.len_utf8()
            }
        };
        let (taken, left) = rest.split_at_checked(length).unwrap_or((rest, ""));
        if first == '\'' {
            text.sql.push_str(taken);
        }
        rest = left;
    }
    text
}

/// The length of a quoted text, with its quotes. A doubled quote inside ends one and begins the next.
fn quoted(rest: &str) -> usize {
    rest.get(1..).and_then(|inside| inside.find('\'')).map_or(rest.len(), |end| end.saturating_add(2))
}

/// The length of a word.
fn word(rest: &str) -> usize {
    rest.find(|char: char| !char.is_ascii_alphanumeric() && char != '_').unwrap_or(rest.len())
}

impl Text {
    /// Writes the place of a parameter; how much of `rest` it was.
    fn place(&mut self, rest: &str) -> usize {
        let length = rest.get(1..).map_or(0, word);
        let name = rest.get(..length.saturating_add(1)).unwrap_or_default();
        if length == 0 {
            self.sql.push(':');
            return 1;
        }
        let known = self.names.iter().position(|known| known == name);
        let place = known.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len().saturating_sub(1)
        });
        self.sql.push_str(&format!("${}", place.saturating_add(1)));
        name.len()
    }

    /// Writes a word, or leaves a hint away; how much of `rest` it was.
    fn word(&mut self, rest: &str) -> usize {
        let length = word(rest);
        let found = rest.get(..length).unwrap_or_default();
        let hints = [("INDEXED", "INDEXED BY ", 1), ("CROSS", "CROSS ", 0)];
        for (first, hint, words) in hints {
            if found == first && rest.starts_with(hint) {
                let named = rest.get(hint.len()..).unwrap_or_default();
                return hint.len().saturating_add(if words == 0 { 0 } else { word(named) });
            }
        }
        self.sql.push_str(if found == "BLOB" { "BYTEA" } else { found });
        length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_numbered_and_hints_are_left_away() {
        for (sql, expected, names) in [
            ("SELECT ?1, ?12", "SELECT $1, $12", &[][..]),
            ("a = :a AND b = :b_2 OR a = :a", "a = $1 AND b = $2 OR a = $1", &[":a", ":b_2"]),
            ("SELECT ':a ?1 CROSS JOIN', 'it''s ?2', ?1", "SELECT ':a ?1 CROSS JOIN', 'it''s ?2', $1", &[]),
            ("FROM a CROSS JOIN b ON a.x = b.x", "FROM a JOIN b ON a.x = b.x", &[]),
            ("CAST(?1 AS BLOB)", "CAST($1 AS BYTEA)", &[]),
            ("FROM a INDEXED BY a_held WHERE x", "FROM a  WHERE x", &[]),
            ("'grün' || :ü", "'grün' || :ü", &[]),
            ("an open 'text", "an open 'text", &[]),
        ] {
            let text = translate(sql);
            assert_eq!(
                (text.sql.as_str(), text.names.as_slice()),
                (expected, names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>().as_slice()),
                "{sql}"
            );
        }
    }
}
