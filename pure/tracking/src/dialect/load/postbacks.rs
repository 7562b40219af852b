//! What a dialect says about postbacks.

use crate::postback::{Clock, Fact, Postbacks};
use crate::source::Section;

pub(super) fn read_postbacks(section: &Section<'_, '_>) -> Postbacks {
    section.text("source");
    section.text("why");
    let macros: Vec<(String, Fact)> = section
        .sections("macros", |item| {
            item.text("why");
            let name = item.required_text("name");
            if item.text("is").is_none() {
                item.mistake("`is` is missing: what the macro stands for");
            }
            let fact = item.choice("is", &Fact::NAMES, Fact::parse)?;
            Some((name, fact))
        })
        .into_iter()
        .flatten()
        .collect();
    for (place, (name, _)) in macros.iter().enumerate() {
        if macros.iter().take(place).any(|(other, _)| other.eq_ignore_ascii_case(name)) {
            section.mistake(format!("two macros are called `{name}`: letter case does not count"));
        }
    }
    let mark = |key| {
        let mark = section.required_text(key);
        if mark.is_empty() {
            section.mistake_at(key, "a macro's mark is not empty");
        }
        mark
    };
    Postbacks {
        opening: mark("opening"),
        closing: mark("closing"),
        clock: section.choice("clock", &Clock::NAMES, Clock::parse).unwrap_or(Clock::Utc),
        macros,
    }
}
