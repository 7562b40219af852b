//! Does every file say what question it answers?

use crate::tidy::finding::Finding;
use crate::tidy::house::House;
use crate::tidy::source::is_test_file;
use crate::tidy::tree::{Tree, is_in};

const LAYERS: [&str; 4] = ["pure", "adapters", "hosts", "tools"];
const REMEDY: &str = "start the file with `//!`: what question it answers, and what it leaves to others";

pub(crate) fn check(tree: &Tree, _house: &House) -> Vec<Finding> {
    let files = tree.sources().filter(|(path, _)| is_in(path, &LAYERS) && !is_test_file(path));
    let silent = files.filter(|(_, source)| !source.text.trim_start().starts_with("//! "));
    silent.map(|(path, _)| Finding::new(path, 1, "no module documentation", REMEDY)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::finding::places;
    use crate::tidy::house::example;

    #[test]
    fn a_file_that_introduces_itself_is_accepted() {
        let tree = Tree::of(&[
            ("pure/units/src/money.rs", "//! What is an amount?\n"),
            ("pure/units/src/money/tests.rs", "use super::*;\n"),
            ("tests/src/crash.rs", "use std::fs;\n"),
        ]);
        assert_eq!(check(&tree, &example()), []);
    }

    #[test]
    fn a_silent_file_is_found() {
        let tree = Tree::of(&[("hosts/edge/src/a.rs", "use b;\n"), ("pure/units/src/c.rs", "//!\nuse b;\n")]);
        assert_eq!(
            places(&check(&tree, &example())),
            [("hosts/edge/src/a.rs", 1), ("pure/units/src/c.rs", 1)]
        );
    }
}
