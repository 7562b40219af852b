//! What happens to visitors who say nothing: the operator's table by country.

use tracking::consent::ConsentReason;
use tracking::source::Section;

/// The operator's table by country. Countries are ISO 3166-1 alpha-2, in upper case.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ConsentPolicy {
    /// True if visitors of countries that stand nowhere, or whose country is not known, are refused.
    pub refuses: bool,
    /// Whose visitors are permitted.
    pub permit: Vec<String>,
    /// Whose visitors are refused.
    pub refuse: Vec<String>,
    /// Whose visitors are refused until the operator has put them into one of the other two lists.
    pub undecided: Vec<String>,
}

impl ConsentPolicy {
    /// Why a visitor of `country`, as a trusted front told it, is refused tracking without a signal; none if
    /// permitted.
    pub fn refusal(&self, country: Option<&str>) -> Option<ConsentReason> {
        let listed = |list: &[String]| country.is_some_and(|code| list.iter().any(|known| known == code));
        if listed(&self.permit) {
            None
        } else if listed(&self.refuse) {
            Some(ConsentReason::Country)
        } else if listed(&self.undecided) {
            Some(ConsentReason::CountryUnset)
        } else {
            self.refuses.then_some(ConsentReason::Policy)
        }
    }

    /// The countries that wait for the operator's decision.
    pub fn open(&self) -> impl Iterator<Item = &str> {
        let decided = |code: &&String| self.permit.contains(code) || self.refuse.contains(code);
        self.undecided.iter().filter(move |code| !decided(code)).map(String::as_str)
    }
}

/// Reads the table `[consent]`.
pub(super) fn read(section: &Section<'_, '_>) -> ConsentPolicy {
    let refuses = section.choice("no_signal", &["permit", "refuse"], |name| match name {
        "permit" => Some(false),
        "refuse" => Some(true),
        _ => None,
    });
    let policy = ConsentPolicy {
        refuses: refuses.unwrap_or(false),
        permit: countries(section, "permit_countries"),
        refuse: countries(section, "refuse_countries"),
        undecided: countries(section, "undecided_countries"),
    };
    for code in policy.permit.iter().filter(|code| policy.refuse.contains(code)) {
        let message = format!("`{code}` is permitted and refused: leave it in one of the two lists");
        section.mistake_at("refuse_countries", message);
    }
    policy
}

fn countries(section: &Section<'_, '_>, key: &'static str) -> Vec<String> {
    let codes = section.texts(key);
    for code in &codes {
        if code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) {
            let message = format!("`{code}` is no country: write two capital letters, as `DE`");
            section.mistake_at(key, message);
        }
    }
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(text: &str) -> Result<ConsentPolicy, Vec<String>> {
        let source = tracking::source::Source::new("policy.toml", text);
        let policy = source.read(|root| root.section("consent", read)).unwrap_or_default();
        let mistakes: Vec<String> = source.into_mistakes().iter().map(ToString::to_string).collect();
        if mistakes.is_empty() { Ok(policy) } else { Err(mistakes) }
    }

    #[test]
    fn i10_no_signal_is_decided_by_country() {
        let lists = "permit_countries = [\"DE\"]\nrefuse_countries = [\"FR\"]\nundecided_countries = [\"DE\", \"AT\"]\n";
        let permits = policy(&format!("[consent]\nno_signal = \"permit\"\n{lists}")).unwrap();
        let refuses = policy(&format!("[consent]\nno_signal = \"refuse\"\n{lists}")).unwrap();
        for (country, usual, strict) in [
            (Some("DE"), None, None),
            (Some("FR"), Some(ConsentReason::Country), Some(ConsentReason::Country)),
            (Some("AT"), Some(ConsentReason::CountryUnset), Some(ConsentReason::CountryUnset)),
            (Some("US"), None, Some(ConsentReason::Policy)),
            (None, None, Some(ConsentReason::Policy)),
        ] {
            assert_eq!((permits.refusal(country), refuses.refusal(country)), (usual, strict), "{country:?}");
        }
        assert_eq!(permits.open().collect::<Vec<_>>(), ["AT"]);
        assert_eq!(policy("").unwrap().refusal(Some("DE")), None);
    }

    #[test]
    fn wrong_lists_are_mistakes() {
        let text = "[consent]\nno_signal = \"ask\"\npermit_countries = [\"de\", \"FR\"]\nrefuse_countries = [\"FR\", \"Chile\"]\n";
        let said = policy(text).unwrap_err().join("\n");
        for wanted in ["policy.toml:2: `ask`", "policy.toml:3: `de`", "policy.toml:4: `FR`", "`Chile`"] {
            assert!(said.contains(wanted), "{wanted} is not in\n{said}");
        }
    }
}
