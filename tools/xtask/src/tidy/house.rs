//! Who may use whom? The rules of the house, read from `data/house.toml`.

use serde::Deserialize;

use crate::failure::Failure;

const SHIPPED: &str = include_str!("../../data/house.toml");
const FOREIGN_WORDS: &str = include_str!("../../data/foreign-words.txt");
const MACHINE_DIRECTORIES: &str = include_str!("../../data/machine-directories.txt");

/// The rules that the checks hold the repository to.
#[derive(Debug)]
pub(crate) struct House {
    rules: Rules,
    pub(crate) foreign_words: Vec<String>,
    pub(crate) machine_directories: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    layers: Vec<String>,
    pure_may_use: Vec<String>,
    #[serde(rename = "crate")]
    crates: Vec<Arrows>,
}

/// The arrows that may leave one crate.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arrows {
    pub(crate) name: String,
    /// Crates, or a layer as `pure/*`.
    pub(crate) may: Vec<String>,
    /// What its dev-dependencies may name besides.
    #[serde(default)]
    tests_may: Vec<String>,
}

impl House {
    /// The rules of this repository.
    pub(crate) fn shipped() -> Result<Self, Failure> {
        Self::parse(SHIPPED, FOREIGN_WORDS, MACHINE_DIRECTORIES)
    }

    pub(crate) fn parse(rules: &str, words: &str, directories: &str) -> Result<Self, Failure> {
        let rules: Rules =
            toml::from_str(rules).map_err(|error| Failure::while_doing("data/house.toml", error))?;
        rules.judge_order()?;
        Ok(Self { rules, foreign_words: entries(words), machine_directories: entries(directories) })
    }

    pub(crate) fn layers(&self) -> &[String] {
        &self.rules.layers
    }

    pub(crate) fn crates(&self) -> &[Arrows] {
        &self.rules.crates
    }

    pub(crate) fn arrows_of(&self, name: &str) -> Option<&Arrows> {
        self.rules.crates.iter().find(|arrows| arrows.name == name)
    }

    pub(crate) fn pure_may_use(&self, name: &str) -> bool {
        self.rules.pure_may_use.iter().any(|allowed| allowed == name)
    }
}

impl Rules {
    /// An arrow to a crate further down could close a circle.
    fn judge_order(&self) -> Result<(), Failure> {
        for (index, arrows) in self.crates.iter().enumerate() {
            let above = self.crates.get(..index).unwrap_or_default();
            let known = |name: &String| name.ends_with("/*") || above.iter().any(|other| other.name == *name);
            if let Some(unknown) = arrows.may.iter().chain(&arrows.tests_may).find(|name| !known(name)) {
                let name = &arrows.name;
                return Err(Failure::new(format!(
                    "data/house.toml: {name} may use {unknown}, which is not above it"
                )));
            }
        }
        Ok(())
    }
}

impl Arrows {
    /// Whether an arrow to `name`, which lives in `layer`, is drawn.
    pub(crate) fn allow(&self, name: &str, layer: &str, of_tests: bool) -> bool {
        let drawn =
            |list: &[String]| list.iter().any(|entry| entry == name || *entry == format!("{layer}/*"));
        drawn(&self.may) || (of_tests && drawn(&self.tests_may))
    }
}

fn entries(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// A small house for the tests of the checks.
#[cfg(test)]
pub(crate) fn example() -> House {
    const RULES: &str = r#"
        layers = ["pure", "adapters", "hosts"]
        pure_may_use = ["serde"]
        [[crate]]
        name = "units"
        may = []
        [[crate]]
        name = "tracking"
        may = ["units"]
        [[crate]]
        name = "outbox"
        may = ["pure/*"]
        tests_may = ["adapters/*"]
    "#;
    House::parse(RULES, "# names\n*acme\nzed\nqfm\nshopid\n", "home").unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_rules_are_well_formed() {
        let house = House::shipped().unwrap();
        assert!(house.arrows_of("relay").is_some());
        assert!(house.pure_may_use("prost") && !house.pure_may_use("tokio"));
        assert!(!house.foreign_words.is_empty() && !house.machine_directories.is_empty());
    }

    #[test]
    fn an_arrow_downwards_is_refused() {
        let rules = "layers = []\npure_may_use = []\n\
                     [[crate]]\nname = \"a\"\nmay = [\"b\"]\n[[crate]]\nname = \"b\"\nmay = []";
        let failure = House::parse(rules, "", "").unwrap_err().to_string();
        assert!(failure.contains("a may use b"), "{failure}");
    }

    #[test]
    fn a_layer_stands_for_its_crates() {
        let house = example();
        let outbox = house.arrows_of("outbox").unwrap();
        assert!(outbox.allow("tracking", "pure", false));
        assert!(!outbox.allow("ledger", "adapters", false));
        assert!(outbox.allow("ledger", "adapters", true));
    }
}
