//! Does `pure/clippy.toml` repeat the root's? The nearest file replaces the others, it adds nothing to them.

use toml::{Table, Value};

use crate::tidy::finding::Finding;
use crate::tidy::house::House;
use crate::tidy::tree::Tree;

const ROOT: &str = "clippy.toml";
const PURE: &str = "pure/clippy.toml";

const READABLE: &str = "it must be there, and be TOML";
const REPEAT: &str = "repeat the root clippy.toml's setting: clippy reads only the nearest file";

pub(crate) fn check(tree: &Tree, _house: &House) -> Vec<Finding> {
    let read = |path: &str| tree.text(path).and_then(|text| toml::from_str::<Table>(text).ok());
    let (Some(root), Some(pure)) = (read(ROOT), read(PURE)) else {
        let path = if read(ROOT).is_none() { ROOT } else { PURE };
        return vec![Finding::new(path, 1, "not readable", READABLE)];
    };
    let differing = root.iter().filter(|(key, value)| !repeats(pure.get(*key), value));
    differing.map(|(key, _)| Finding::new(PURE, 1, format!("`{key}` is not the root's"), REPEAT)).collect()
}

/// A list may be longer in the pure layer, never shorter.
fn repeats(pure: Option<&Value>, root: &Value) -> bool {
    match (pure, root) {
        (Some(Value::Array(pure)), Value::Array(root)) => root.iter().all(|entry| pure.contains(entry)),
        (pure, root) => pure == Some(root),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::finding::places;
    use crate::tidy::house::example;

    #[test]
    fn a_file_that_repeats_and_adds_is_accepted() {
        let pure = "too-many-lines-threshold = 60\ndisallowed-types = [\"a\", \"b\"]\nallow-x = true\n";
        let root = "too-many-lines-threshold = 60\ndisallowed-types = [\"b\"]\n";
        assert_eq!(check(&Tree::of(&[(ROOT, root), (PURE, pure)]), &example()), []);
    }

    #[test]
    fn a_forgotten_or_differing_setting_is_found() {
        let root = "too-many-lines-threshold = 60\nallow-x = true\ndisallowed-types = [\"a\"]\n";
        let pure = "too-many-lines-threshold = 90\ndisallowed-types = [\"b\"]\n";
        let tree = Tree::of(&[(ROOT, root), (PURE, pure)]);
        assert_eq!(places(&check(&tree, &example())), [(PURE, 1), (PURE, 1), (PURE, 1)]);
        assert_eq!(places(&check(&Tree::of(&[(ROOT, root)]), &example())), [(PURE, 1)]);
    }
}
