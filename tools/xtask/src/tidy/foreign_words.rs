//! I7: do the platforms' words stay out of the code? Comments and tests are code here: what needs such a word is data.
//!
//! A path given to `include_str!` or `include_bytes!` names a file, not a parameter, and is left alone.

use crate::tidy::finding::Finding;
use crate::tidy::house::House;
use crate::tidy::source::is_word;
use crate::tidy::tree::{Tree, is_in};

const PLACES: [&str; 5] = ["pure", "adapters", "hosts", "tools/turnout", "tools/xtask"];
const REMEDY: &str = "say it in our words, or move it to a dialect, a migration or a test's data file (I7)";

pub(crate) fn check(tree: &Tree, house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in tree.sources().filter(|(path, _)| is_in(path, &PLACES)) {
        for line in source.lines().filter(|line| !includes_a_file(line.code)) {
            for word in line.text.split(|letter| !is_word(letter)).filter(|word| is_foreign(word, house)) {
                findings.push(Finding::new(
                    path,
                    line.number,
                    format!("`{word}` is a platform's word"),
                    REMEDY,
                ));
            }
        }
    }
    findings
}

fn includes_a_file(code: &str) -> bool {
    code.contains("include_str!") || code.contains("include_bytes!")
}

fn is_foreign(word: &str, house: &House) -> bool {
    let lower = word.to_ascii_lowercase();
    // The name of a type of ours may be spelled like a parameter: `ShopId` is our `shop_id`, `shopID` is not.
    let whole = (!is_type_name(word)).then_some(lower.as_str());
    let parts: Vec<&str> = lower.split('_').filter(|part| part.len() < lower.len()).chain(whole).collect();
    house.foreign_words.iter().any(|entry| match entry.strip_prefix('*') {
        Some(foreign) => parts.iter().any(|part| is_same(part, foreign)) || has_humps(word, foreign),
        None => parts.iter().any(|part| is_same(part, entry)),
    })
}

/// Several humps, the first with a capital.
fn is_type_name(word: &str) -> bool {
    word.starts_with(|letter: char| letter.is_ascii_uppercase()) && humps(word).len() > 1
}

/// Equal, but for digits at the end: a platform numbers its parameters.
fn is_same(part: &str, foreign: &str) -> bool {
    part.strip_prefix(foreign).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether consecutive humps of a CamelCase name spell the word: `NewAcmeClient` holds `acme`.
fn has_humps(word: &str, foreign: &str) -> bool {
    word.split('_').map(humps).any(|humps| {
        (0..humps.len()).any(|start| {
            let mut spelled = String::new();
            humps.iter().skip(start).any(|hump| {
                spelled.push_str(hump);
                spelled == foreign
            })
        })
    })
}

/// `HTTPClientA` is `http`, `client`, `a`.
fn humps(word: &str) -> Vec<String> {
    let mut humps: Vec<String> = Vec::new();
    let mut letters = word.chars().peekable();
    let mut after_capital = false;
    while let Some(letter) = letters.next() {
        let before_small = letters.peek().is_some_and(char::is_ascii_lowercase);
        let starts = letter.is_ascii_uppercase() && (!after_capital || before_small);
        after_capital = letter.is_ascii_uppercase();
        let small = letter.to_ascii_lowercase();
        match humps.last_mut() {
            Some(hump) if !starts => hump.push(small),
            _ => humps.push(small.to_string()),
        }
    }
    humps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::house::example;

    const NONE: [usize; 0] = [];

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)]), &example()).iter().map(|finding| finding.place().1).collect()
    }

    #[test]
    fn our_words_and_words_that_only_look_alike_are_accepted() {
        let good = "let bezed = zeder + fuzed_at;\nlet macmeqfm = acmestic;\nstruct ZedQfm(ShopId);\ninclude_str!(\"acme.toml\");\n";
        assert_eq!(lines("pure/tracking/src/lib.rs", good), NONE);
    }

    #[test]
    fn a_platforms_word_is_found_in_whatever_spelling() {
        for bad in [
            "let zed = 1;",
            "// the ZED\n",
            "\"r.qfm\"",
            "shopID",
            "shopid",
            "Zed",
            "old_zed_id",
            "zed2",
            "AcmeClient",
            "viaAcMe",
            "ACMEUrl",
        ] {
            assert_eq!(lines("pure/tracking/src/lib.rs", bad), [1], "{bad}");
        }
    }

    #[test]
    fn the_lab_and_the_system_tests_may_know_them() {
        for path in ["tools/lab/src/lib.rs", "tests/src/lib.rs", "tools/xtaskish/src/lib.rs"] {
            assert_eq!(lines(path, "let zed = \"acme\";"), NONE, "{path}");
        }
        assert_eq!(lines("tools/turnout/src/main.rs", "let zed = \"acme\";").len(), 2);
    }
}
