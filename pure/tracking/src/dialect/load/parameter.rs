//! Reading parameters: what each one says.

use crate::dialect::{Family, Fault, Kind, Meaning, Parameter, PastLimit, RowColumns, VALUE_CHARS_MAX};
use crate::event::Field;
use crate::source::Section;

pub(super) const FAULTS: [&str; 3] = ["flag", "hold", "reject"];

pub(super) fn fault(name: &str) -> Option<Fault> {
    match name {
        "flag" => Some(Fault::Flag),
        "hold" => Some(Fault::Hold),
        "reject" => Some(Fault::Reject),
        _ => None,
    }
}

pub(super) fn read_parameter(section: &Section<'_, '_>) -> Parameter {
    section.text("why");
    section.text("source");
    let field = super::read_field(section, "field");
    let meaning = read_meaning(section, field);
    let name = section.required_text("name");
    let family = Family::parse(&name);
    if family.is_none() && name.contains(['{', '}']) {
        section.mistake_at("name", "a family of parameters is written as `name{1..9}`, with whole numbers");
    }
    let kind = read_kind(section, &meaning);
    check_family(section, family.is_some(), &kind, field);
    let limit = section.number("limit").and_then(|limit| usize::try_from(limit).ok());
    Parameter {
        spellings: section.texts("spellings"),
        glued: read_glued(section),
        family,
        invalid: section.choice("invalid", &["flag", "hold"], fault).unwrap_or(Fault::Flag),
        kind,
        meaning,
        required: section.flag("required"),
        default: section.text("default"),
        limit: limit.unwrap_or(VALUE_CHARS_MAX),
        past_limit: read_past_limit(section),
        ignores_text: section.choice("text_behind", &["ignore"], |_| Some(())).is_some(),
        hides_email: section.choice("email", &["hash"], |_| Some(())).is_some(),
        absorbs: section.flag("absorbs"),
        line: section.line(),
        name,
    }
}

fn read_meaning(section: &Section<'_, '_>, field: Option<Field>) -> Meaning {
    match (field, section.text("drop"), section.text("pass")) {
        (Some(field), None, None) => Meaning::Field(field),
        (None, Some(why), None) => Meaning::Dropped(why),
        (None, None, Some(what)) => Meaning::Passed(what),
        _ => {
            section.mistake(
                "a parameter has either `field`, or `drop` with the reason, or `pass` with what it is",
            );
            Meaning::Dropped("not declared".to_owned())
        }
    }
}

/// A family's values stand in one field one behind the other; rows go into the basket's three lists.
fn check_family(section: &Section<'_, '_>, is_family: bool, kind: &Kind, field: Option<Field>) {
    let many = [Field::CustomValues, Field::PublisherReferences, Field::BasketSkus];
    if let Some(field) = field.filter(|field| is_family && !many.contains(field)) {
        let names = many.map(Field::name).join(", ");
        section.mistake_at(
            "field",
            format!("`{}` holds one value: a family needs one of {names}", field.name()),
        );
    }
    if matches!(kind, Kind::Row(_)) && field.is_some_and(|field| field != Field::BasketSkus) {
        section.mistake_at("field", "rows of a basket go into `basket_skus` and the two lists beside it");
    }
}

fn read_glued(section: &Section<'_, '_>) -> Vec<String> {
    let glued = section.texts("glued");
    for name in &glued {
        if name.chars().next().is_none_or(|first| first.is_ascii()) {
            let message = format!(
                "`{name}` begins with a letter that stands in values too: only a name that begins with no ASCII letter can be told apart"
            );
            section.mistake_at("glued", message);
        }
    }
    glued
}

fn read_past_limit(section: &Section<'_, '_>) -> PastLimit {
    let choice = section.choice("past_limit", &["cut", "hold", "reject"], |name| match name {
        "cut" => Some(PastLimit::Cut),
        "hold" => Some(PastLimit::Hold),
        "reject" => Some(PastLimit::Reject),
        _ => None,
    });
    choice.unwrap_or(PastLimit::Cut)
}

const KINDS: [&str; 15] = [
    "id",
    "text",
    "money",
    "percentage",
    "currency",
    "flag",
    "tri-state",
    "choice",
    "list",
    "row",
    "date",
    "hex",
    "email",
    "url",
    "click id",
];

/// What says that nobody knows, wherever a third state is allowed.
const UNKNOWN: [&str; 6] = ["unknown", "na", "n/a", "null", "undefined", "none"];

fn read_kind(section: &Section<'_, '_>, meaning: &Meaning) -> Kind {
    let (yes, no) = (section.texts("yes"), section.texts("no"));
    let choices = section.texts("choices");
    let separator = read_separator(section);
    let row = section.section("columns", |columns| read_columns(columns, separator));
    let digits = section.number("digits").and_then(|digits| usize::try_from(digits).ok());
    let flag = |unknown: Vec<String>| Kind::Flag { yes: yes.clone(), no: no.clone(), unknown };
    let kind = section.choice("type", &KINDS, |name| match name {
        "id" => Some(Kind::Id),
        "text" => Some(Kind::Text),
        "money" => Some(Kind::Money),
        "percentage" => Some(Kind::Percentage),
        "currency" => Some(Kind::Currency),
        "flag" => Some(flag(Vec::new())),
        "tri-state" => Some(flag(UNKNOWN.map(str::to_owned).to_vec())),
        "choice" => Some(Kind::Choice(choices.clone())),
        "list" => Some(Kind::List(separator.unwrap_or(','))),
        "row" => row.map(Kind::Row),
        "date" => Some(Kind::Date),
        "hex" => Some(Kind::Hex(digits)),
        "email" => Some(Kind::Email),
        "url" => Some(Kind::Url),
        "click id" => Some(Kind::ClickId),
        _ => None,
    });
    if kind.is_none() && matches!(meaning, Meaning::Field(_)) {
        section.mistake("`type` is missing: a field's value has one, and a row has `columns`");
    }
    kind.unwrap_or(Kind::Text)
}

fn read_separator(section: &Section<'_, '_>) -> Option<char> {
    let text = section.text("separator")?;
    let mut letters = text.chars();
    let one = letters.next().filter(|_| letters.next().is_none());
    if one.is_none() {
        section.mistake_at("separator", "`separator` is a single letter");
    }
    one
}

fn read_columns(section: &Section<'_, '_>, separator: Option<char>) -> RowColumns {
    let column = |key| {
        let number = section.number(key).and_then(|number| usize::try_from(number).ok());
        number.unwrap_or_else(|| {
            section.mistake(format!("`{key}` is missing: the column that holds it, from 0"));
            0
        })
    };
    RowColumns {
        separator: separator.unwrap_or('|'),
        sku: column("sku"),
        otherwise: column("otherwise"),
        price: column("price"),
        quantity: column("quantity"),
    }
}
