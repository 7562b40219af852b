//! Does any file name a directory that exists only on somebody's machine?

use crate::tidy::finding::Finding;
use crate::tidy::house::House;
use crate::tidy::tree::Tree;

const REMEDY: &str = "name it from the root of the repository, or take it from the environment";

pub(crate) fn check(tree: &Tree, house: &House) -> Vec<Finding> {
    let directories: Vec<String> = house.machine_directories.iter().map(|name| format!("/{name}/")).collect();
    let mut findings = Vec::new();
    for (path, text) in tree.files() {
        for (index, line) in text.lines().enumerate() {
            if let Some(directory) = directories.iter().find(|directory| starts_a_path(line, directory)) {
                findings.push(Finding::new(path, index + 1, format!("a path below {directory}"), REMEDY));
            }
        }
    }
    findings
}

/// Whether it stands at the beginning of a path, not inside of one or of an address.
fn starts_a_path(line: &str, directory: &str) -> bool {
    let is_inner = |letter: char| letter.is_ascii_alphanumeric() || "_-.~}*)/$%".contains(letter);
    line.match_indices(directory)
        .any(|(at, _)| !line.get(..at).is_some_and(|before| before.ends_with(is_inner)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::finding::places;
    use crate::tidy::house::example;

    /// The shipped check reads this file too.
    fn fixture(text: &str) -> String {
        text.replace("HOME", "home")
    }

    #[test]
    fn paths_from_the_root_and_addresses_are_accepted() {
        let good = fixture("docs/HOME/page https://shop.example/HOME/x $DIR/HOME/y /HOMEly/z");
        assert_eq!(check(&Tree::of(&[("README.md", &good)]), &example()), []);
    }

    #[test]
    fn a_path_of_a_machine_is_found_in_any_file() {
        let bad = fixture("fine\ncd \"/HOME/me/turnout\"\n");
        let tree = Tree::of(&[("README.md", &bad), ("pure/units/src/lib.rs", &bad)]);
        assert_eq!(places(&check(&tree, &example())), [("README.md", 2), ("pure/units/src/lib.rs", 2)]);
    }
}
