//! Reading one value, by its kind. What cannot be read is a problem, never a guess and never a zero.

use units::{Currency, Money};

use super::Problem;
use crate::dialect::{Kind, Parameter};
use crate::event::{Field, Value};

/// A value that was read (none if it is empty), perhaps with something to remark.
pub(super) type Read = (Option<Value>, Option<Problem>);

/// Ids are bare decimal integers of at most this many digits on both platforms.
const ID_DIGITS_MAX: usize = 10;

pub(super) fn read(
    parameter: &Parameter,
    field: Field,
    text: &str,
    currency: Currency,
) -> Result<Read, Problem> {
    let trimmed = text.trim();
    // Templates write the quotes of their own language around nothing: `name=''`.
    if trimmed.is_empty() || matches!(trimmed, "''" | "\"\"") {
        return Ok((None, None));
    }
    match &parameter.kind {
        Kind::Id => id(parameter, field, trimmed),
        Kind::Text => Ok(limited(parameter, field, trimmed)),
        Kind::Money => money(parameter, field, trimmed, currency),
        Kind::Currency => currency_code(parameter, trimmed),
        Kind::Flag { yes, no } => flag(parameter, field, trimmed, yes, no),
        Kind::Choice(words) => choice(parameter, field, trimmed, words),
        Kind::List => Ok(list(trimmed)),
        Kind::Url => Ok((Some(Value::Text(trimmed.to_owned())), None)),
        Kind::ClickId => click_id(parameter, field, trimmed),
    }
}

fn plain(value: Value) -> Result<Read, Problem> {
    Ok((Some(value), None))
}

fn invalid(parameter: &Parameter, field: Field, wanted: &str, text: &str) -> Problem {
    let (name, shown) = (&parameter.name, shown(text));
    Problem::new(format!("invalid_{}", field.name()), format!("`{name}` is `{shown}`: {wanted} is expected"))
}

/// The beginning of a text, short enough for a message.
fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// Digits; what is glued behind them and is no letter or digit (quotes, brackets, spaces) is dirt.
fn id(parameter: &Parameter, field: Field, text: &str) -> Result<Read, Problem> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, behind) = text.split_at_checked(digits).unwrap_or(("", text));
    let glued = behind.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '+'));
    let read = number.parse::<u64>().ok().filter(|_| digits <= ID_DIGITS_MAX && !glued);
    let Some(id) = read else { return Err(invalid(parameter, field, "an id of 1 to 10 digits", text)) };
    let name = &parameter.name;
    let dirt = (!behind.is_empty()).then(|| {
        let message = format!("`{name}` has `{}` behind the id, which is ignored", shown(behind));
        Problem::new("dirt_behind_id", message)
    });
    Ok((Some(Value::Id(id)), dirt))
}

fn limited(parameter: &Parameter, field: Field, text: &str) -> Read {
    if text.chars().count() <= parameter.limit {
        return (Some(Value::Text(text.to_owned())), None);
    }
    let (name, limit) = (&parameter.name, parameter.limit);
    let message = format!("`{name}` is longer than {limit} characters and was cut there");
    let cut = text.chars().take(limit).collect();
    (Some(Value::Text(cut)), Some(Problem::new(format!("too_long_{}", field.name()), message)))
}

fn money(parameter: &Parameter, field: Field, text: &str, currency: Currency) -> Result<Read, Problem> {
    let money = Money::parse(text, currency);
    money.map(|money| (Some(Value::Money(money)), None)).map_err(|error| {
        Problem::new(format!("invalid_{}", field.name()), format!("`{}`: {error}", parameter.name))
    })
}

fn currency_code(parameter: &Parameter, text: &str) -> Result<Read, Problem> {
    let bare = text.trim_matches(['\'', '"']);
    match Currency::parse(bare) {
        Some(currency) => plain(Value::Text(currency.code().to_owned())),
        None => Err(invalid(parameter, Field::Currency, "a currency code of three letters", text)),
    }
}

fn flag(
    parameter: &Parameter,
    field: Field,
    text: &str,
    yes: &[String],
    no: &[String],
) -> Result<Read, Problem> {
    let is = |word: &str| is_word(text, word);
    if ["1", "true", "yes"].into_iter().chain(yes.iter().map(String::as_str)).any(is) {
        plain(Value::Flag(true))
    } else if ["0", "false", "no"].into_iter().chain(no.iter().map(String::as_str)).any(is) {
        plain(Value::Flag(false))
    } else {
        Err(invalid(parameter, field, "1 or 0", text))
    }
}

fn choice(parameter: &Parameter, field: Field, text: &str, words: &[String]) -> Result<Read, Problem> {
    match words.iter().find(|word| is_word(text, word)) {
        Some(word) => plain(Value::Text(word.clone())),
        None => Err(invalid(parameter, field, &format!("one of {}", words.join(", ")), text)),
    }
}

/// True if `text` is `word` (lower case) in any letter case.
fn is_word(text: &str, word: &str) -> bool {
    text.eq_ignore_ascii_case(word) || (!text.is_ascii() && text.to_lowercase() == word)
}

fn list(text: &str) -> Read {
    let mut items = Vec::with_capacity(text.split(',').count());
    items.extend(text.split(',').map(|item| item.trim().to_owned()));
    (Some(Value::List(items)), None)
}

fn click_id(parameter: &Parameter, field: Field, text: &str) -> Result<Read, Problem> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ',');
    if text.chars().all(allowed) {
        Ok(limited(parameter, field, text))
    } else {
        Err(invalid(parameter, field, "a click id of letters, digits and `_`", text))
    }
}
