//! Reading conditions: what must hold between several parameters.

use super::parameter::{FAULTS, fault};
use crate::dialect::{Condition, Fault, Meaning, Parameter, Rule};
use crate::source::{Section, unknown_word};

/// A condition as it stands in the file, by names.
#[derive(Clone, Debug)]
pub(super) struct Written {
    parameter: String,
    others: Vec<String>,
    rule: Rule,
    outcome: Fault,
    problem: Option<String>,
    line: usize,
}

pub(super) fn read_condition(section: &Section<'_, '_>) -> Option<Written> {
    section.text("why");
    section.text("source");
    let words = section.texts("is");
    let becomes = section.text("becomes");
    let one = |key| section.text(key).map(|name| vec![name]);
    let rows = section.texts("rows_with");
    let asked = [
        ("required_with", one("required_with"), Rule::RequiredWith(0)),
        ("required_when", one("required_when"), Rule::RequiredWhen(0, words.clone())),
        ("only_with", one("only_with"), Rule::OnlyWith(0)),
        ("only_when", one("only_when"), Rule::OnlyWhen(0, words.clone())),
        ("excludes", one("excludes"), Rule::Excludes(0)),
        (
            "forced_by",
            one("forced_by"),
            Rule::ForcedBy(0, words.clone(), becomes.clone().unwrap_or_default()),
        ),
        ("rows_with", (!rows.is_empty()).then_some(rows), Rule::RowsWith(Vec::new())),
        ("sums_to", one("sums_to"), Rule::SumsTo(0)),
    ];
    let names = asked.each_ref().map(|(name, ..)| *name).join("`, `");
    let mut asked = asked.into_iter().filter_map(|(_, others, rule)| others.map(|others| (others, rule)));
    let (Some((others, rule)), None) = (asked.next(), asked.next()) else {
        section.mistake(format!("a condition has exactly one of `{names}`"));
        return None;
    };
    let outcome = section.choice("outcome", &FAULTS, fault);
    if outcome.is_none() {
        section.mistake("`outcome` is missing: flag, hold or reject");
    }
    check_words(section, &rule, &words, becomes.is_some());
    Some(Written {
        parameter: section.required_text("parameter"),
        others,
        rule,
        outcome: outcome.unwrap_or(Fault::Flag),
        problem: section.text("problem"),
        line: section.line(),
    })
}

fn check_words(section: &Section<'_, '_>, rule: &Rule, words: &[String], becomes: bool) {
    let needs = matches!(rule, Rule::RequiredWhen(..) | Rule::OnlyWhen(..));
    let may = needs || matches!(rule, Rule::ForcedBy(..));
    if needs && words.is_empty() {
        section.mistake("`is` is missing: the words of the other parameter that the condition asks for");
    }
    if !may && !words.is_empty() {
        section.mistake_at("is", "only `required_when`, `only_when` and `forced_by` ask for words");
    }
    if matches!(rule, Rule::ForcedBy(..)) != becomes {
        section.mistake("`forced_by` and `becomes` stand together: what the value is then");
    }
}

/// The condition by the places of `parameters`; a name that is none of them is a mistake.
pub(super) fn resolve(
    section: &Section<'_, '_>,
    written: Written,
    parameters: &[Parameter],
) -> Option<Condition> {
    let find = |name: &str| {
        let place = parameters.iter().position(|parameter| parameter.name.eq_ignore_ascii_case(name));
        if place.is_none() {
            let names: Vec<&str> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
            let message = unknown_word("parameter of this endpoint", name, &names);
            section.source().mistake_on(written.line, message);
        }
        place
    };
    let parameter = find(&written.parameter)?;
    let others: Vec<usize> = written.others.iter().map(|name| find(name)).collect::<Option<_>>()?;
    for place in others.iter().chain([&parameter]) {
        if let Some(Parameter { name, meaning: Meaning::Dropped(_), .. }) = parameters.get(*place) {
            let message = format!("`{name}` is dropped, and a condition asks for what is kept");
            section.source().mistake_on(written.line, message);
        }
    }
    check_one_field(section, &written, parameters, parameter, &others);
    let first = others.first().copied()?;
    let rule = match written.rule {
        Rule::RequiredWith(_) => Rule::RequiredWith(first),
        Rule::RequiredWhen(_, words) => Rule::RequiredWhen(first, words),
        Rule::OnlyWith(_) => Rule::OnlyWith(first),
        Rule::OnlyWhen(_, words) => Rule::OnlyWhen(first, words),
        Rule::Excludes(_) => Rule::Excludes(first),
        Rule::ForcedBy(_, words, becomes) => Rule::ForcedBy(first, words, becomes),
        Rule::RowsWith(_) => Rule::RowsWith(others),
        Rule::SumsTo(_) => Rule::SumsTo(first),
    };
    let field = match parameters.get(parameter).map(|parameter| &parameter.meaning) {
        Some(Meaning::Field(field)) => field.name(),
        _ => "",
    };
    let code = written.problem.unwrap_or_else(|| format!("{}_{field}", rule.code()));
    let held = if written.outcome == Fault::Hold { "held_" } else { "" };
    let problem = format!("{held}{code}");
    Some(Condition { parameter, rule, outcome: written.outcome, problem, line: written.line })
}

/// Conditions look at what the event holds: two names of one field are never told apart by one.
fn check_one_field(
    section: &Section<'_, '_>,
    written: &Written,
    parameters: &[Parameter],
    parameter: usize,
    others: &[usize],
) {
    let field = |place: usize| match parameters.get(place).map(|parameter| &parameter.meaning) {
        Some(Meaning::Field(field)) => Some(field.name()),
        _ => None,
    };
    let own = field(parameter);
    for (other, name) in others.iter().zip(&written.others) {
        if own.is_some() && field(*other) == own {
            let message = format!(
                "`{}` and `{name}` are names of one field: two values for it are noted without a condition",
                written.parameter
            );
            section.source().mistake_on(written.line, message);
        }
    }
}
