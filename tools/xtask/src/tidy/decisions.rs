//! Has every decision record a number of its own? Two people often write the next one on the same day.

use std::collections::BTreeMap;

use crate::tidy::finding::Finding;
use crate::tidy::house::House;
use crate::tidy::tree::Tree;

const FOLDER: &str = "docs/decisions/";
const RENAME: &str = "give it the next free number, and mend what refers to it";

pub(crate) fn check(tree: &Tree, _house: &House) -> Vec<Finding> {
    let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
    let mut findings = Vec::new();
    for (path, name) in tree.files().filter_map(|(path, _)| Some((path, path.strip_prefix(FOLDER)?))) {
        let number = name.split('-').next().unwrap_or_default();
        if number.len() != 4 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            findings.push(Finding::new(
                path,
                1,
                "its name does not begin with four digits and a dash",
                RENAME,
            ));
        } else if let Some(first) = taken.insert(number, path) {
            findings.push(Finding::new(path, 1, format!("{first} has the same number"), RENAME));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::finding::places;
    use crate::tidy::house::example;

    #[test]
    fn numbers_of_their_own_are_accepted() {
        let files =
            [("docs/decisions/0001-a.md", ""), ("docs/decisions/0002-b.md", ""), ("docs/0001-c.md", "")];
        assert_eq!(check(&Tree::of(&files), &example()), []);
    }

    #[test]
    fn doubles_and_other_names_are_found() {
        let files = [
            ("docs/decisions/0001-a.md", ""),
            ("docs/decisions/0001-b.md", ""),
            ("docs/decisions/notes.md", ""),
        ];
        let found = check(&Tree::of(&files), &example());
        assert_eq!(places(&found), [("docs/decisions/0001-b.md", 1), ("docs/decisions/notes.md", 1)]);
    }
}
