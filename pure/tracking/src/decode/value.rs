//! Reading one value, by its kind. What cannot be read is a problem, never a guess and never a zero.

use sha2::{Digest, Sha256};
use units::{Currency, Money};

use super::{Problem, date};
use crate::dialect::{Fault, Kind, Parameter, PastLimit, RowColumns};
use crate::event::{Event, Field, Text, Value};

/// A value that was read, none if it is empty; or why it cannot be.
pub(super) type Read = Result<Option<Value>, Problem>;

/// Ids are bare decimal integers of at most this many digits on both platforms.
const ID_DIGITS_MAX: usize = 10;

/// Reads `text`. What is to be remarked of a value that was read all the same goes to `problems`.
pub(super) fn read(
    parameter: &Parameter,
    field: Field,
    text: &str,
    currency: Currency,
    problems: &mut Vec<Problem>,
) -> Read {
    let trimmed = trim(text);
    // Templates write the quotes of their own language around nothing: `name=''`.
    if trimmed.is_empty() || matches!(trimmed, "''" | "\"\"") {
        return Ok(None);
    }
    match &parameter.kind {
        Kind::Id => id(parameter, field, trimmed, problems),
        Kind::Text => written(parameter, field, trimmed, problems),
        Kind::Money => money(parameter, field, trimmed, currency),
        Kind::Percentage => percentage(parameter, field, trimmed),
        Kind::Currency => currency_code(parameter, trimmed),
        Kind::Flag { yes, no, unknown } => flag(parameter, field, trimmed, (yes, no, unknown)),
        Kind::Choice(words) => choice(parameter, field, trimmed, words),
        Kind::List(separator) => plain(Value::List(list(trimmed, *separator))),
        // Rows go into three fields: see `read_rows`.
        Kind::Row(_) => Ok(None),
        Kind::Date => date::read(trimmed)
            .map(|date| Some(Value::Text(date.into())))
            .ok_or_else(|| invalid(parameter, field, "a day, as 12/31/2026 or 2026-12-31", trimmed)),
        Kind::Hex(digits) => hex(parameter, field, trimmed, *digits),
        Kind::Email => plain(Value::Text(hidden(trimmed).into())),
        Kind::Url => limited(parameter, field, trimmed, problems),
        Kind::ClickId => click_id(parameter, field, trimmed, problems),
    }
}

/// The text without blanks around it, which few have.
fn trim(text: &str) -> &str {
    match text.as_bytes() {
        [first, .., last] | [first @ last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim(),
    }
}

fn plain(value: Value) -> Read {
    Ok(Some(value))
}

fn invalid(parameter: &Parameter, field: Field, wanted: &str, text: &str) -> Problem {
    let (name, shown) = (&parameter.name, shown(text));
    let held = if parameter.invalid == Fault::Hold { "held_" } else { "" };
    let message = format!("`{name}` is `{shown}`: {wanted} is expected");
    Problem::new(format!("{held}invalid_{}", field.name()), message)
}

/// The beginning of a text, short enough for a message.
fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// Digits; what is glued behind them and is no letter or digit (quotes, brackets, spaces) is dirt, and other
/// text as well where the dialect says so.
fn id(parameter: &Parameter, field: Field, text: &str, problems: &mut Vec<Problem>) -> Read {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, behind) = text.split_at_checked(digits).unwrap_or(("", text));
    let glued = behind.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '+'));
    let readable = digits <= ID_DIGITS_MAX && (parameter.ignores_text || !glued);
    let read = number.parse::<u64>().ok().filter(|_| readable);
    let Some(id) = read else { return Err(invalid(parameter, field, "an id of 1 to 10 digits", text)) };
    if !behind.is_empty() {
        let message = format!("`{}` has `{}` behind the id, which is ignored", parameter.name, shown(behind));
        problems.push(Problem::new(if glued { "text_behind_id" } else { "dirt_behind_id" }, message));
    }
    plain(Value::Id(id))
}

/// Text, within its limit, and without an e-mail address where the dialect hides those.
fn written(parameter: &Parameter, field: Field, text: &str, problems: &mut Vec<Problem>) -> Read {
    if parameter.hides_email && text.contains('@') && text.split_whitespace().any(is_email) {
        let message = format!("`{}` is an e-mail address: only its hash is kept", parameter.name);
        problems.push(Problem::new(format!("email_in_{}", field.name()), message));
        return plain(Value::Text(hidden(text).into()));
    }
    limited(parameter, field, text, problems)
}

#[inline(always)]
fn limited(parameter: &Parameter, field: Field, text: &str, problems: &mut Vec<Problem>) -> Read {
    // No text has more characters than bytes.
    if text.len() <= parameter.limit || text.chars().count() <= parameter.limit {
        return plain(Value::Text(text.into()));
    }
    too_long(parameter, field, text, problems)
}

#[cold]
fn too_long(parameter: &Parameter, field: Field, text: &str, problems: &mut Vec<Problem>) -> Read {
    let (name, limit) = (&parameter.name, parameter.limit);
    let problem = |held: &str, end: &str| {
        let message = format!("`{name}` is longer than {limit} characters and was {end}");
        Problem::new(format!("{held}too_long_{}", field.name()), message)
    };
    problems.push(match parameter.past_limit {
        PastLimit::Cut => problem("", "cut there"),
        PastLimit::Hold => problem("held_", "cut there"),
        PastLimit::Reject => return Err(problem("", "not taken")),
    });
    plain(Value::Text(shortened(parameter, text).into()))
}

/// The text up to the parameter's limit.
pub(super) fn shortened(parameter: &Parameter, text: &str) -> String {
    text.chars().take(parameter.limit).collect()
}

/// True if a word can be an e-mail address: something before the sign, and a name with a dot behind it.
fn is_email(word: &str) -> bool {
    let word = word.trim_matches(['<', '>', '"', '\'', ',', ';']);
    let Some((local, domain)) = word.split_once('@') else { return false };
    let letters = domain.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-'));
    let ends = domain.rsplit_once('.').is_some_and(|(first, last)| !first.is_empty() && last.len() > 1);
    !local.is_empty() && letters && ends
}

/// What stands for a text that must not be kept: the first half of its SHA-256 in hexadecimal digits, in
/// lower case and without blanks around it, so that one address is one text everywhere.
fn hidden(text: &str) -> String {
    let digest = Sha256::digest(text.trim().to_lowercase());
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn hex(parameter: &Parameter, field: Field, text: &str, digits: Option<usize>) -> Read {
    let all = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if all && digits.is_none_or(|digits| digits == text.len()) && text.len() <= parameter.limit {
        return plain(Value::Text(text.to_ascii_lowercase().into()));
    }
    let wanted =
        digits.map_or("hexadecimal digits".to_owned(), |count| format!("{count} hexadecimal digits"));
    Err(invalid(parameter, field, &wanted, text))
}

/// A share of a hundred as a decimal text without its sign: `7.25`.
fn percentage(parameter: &Parameter, field: Field, text: &str) -> Read {
    let bare = text.trim_end_matches('%').trim_end();
    let (whole, fraction) = bare.split_once('.').unwrap_or((bare, ""));
    let digits = |part: &str| part.len() <= 6 && part.bytes().all(|byte| byte.is_ascii_digit());
    let number =
        whole.parse::<u32>().ok().filter(|number| digits(whole) && digits(fraction) && *number <= 100);
    let fraction = fraction.trim_end_matches('0');
    match number {
        Some(100) if !fraction.is_empty() => Err(invalid(parameter, field, "a share of a hundred", text)),
        Some(number) if fraction.is_empty() => plain(Value::Text(number.to_string().into())),
        Some(number) => plain(Value::Text(format!("{number}.{fraction}").into())),
        None => Err(invalid(parameter, field, "a share of a hundred", text)),
    }
}

fn money(parameter: &Parameter, field: Field, text: &str, currency: Currency) -> Read {
    let money = Money::parse(text, currency);
    money.map(|money| Some(Value::Money(money))).map_err(|error| {
        let held = if parameter.invalid == Fault::Hold { "held_" } else { "" };
        Problem::new(format!("{held}invalid_{}", field.name()), format!("`{}`: {error}", parameter.name))
    })
}

fn currency_code(parameter: &Parameter, text: &str) -> Read {
    let bare = text.trim_matches(['\'', '"']);
    match Currency::parse(bare) {
        Some(currency) => plain(Value::Text(currency.code().into())),
        None => Err(invalid(parameter, Field::Currency, "a currency code of three letters", text)),
    }
}

fn flag(
    parameter: &Parameter,
    field: Field,
    text: &str,
    (yes, no, unknown): (&[String], &[String], &[String]),
) -> Read {
    let is = |word: &str| is_word(text, word);
    if ["1", "true", "yes"].into_iter().chain(yes.iter().map(String::as_str)).any(is) {
        plain(Value::Flag(true))
    } else if ["0", "false", "no"].into_iter().chain(no.iter().map(String::as_str)).any(is) {
        plain(Value::Flag(false))
    } else if unknown.iter().any(|word| is(word)) {
        Ok(None)
    } else {
        Err(invalid(parameter, field, "1 or 0", text))
    }
}

fn choice(parameter: &Parameter, field: Field, text: &str, words: &[String]) -> Read {
    match words.iter().find(|word| is_word(text, word)) {
        Some(word) => plain(Value::Text(word.as_str().into())),
        None => Err(invalid(parameter, field, &format!("one of {}", words.join(", ")), text)),
    }
}

/// True if `text` is `word` (lower case) in any letter case.
fn is_word(text: &str, word: &str) -> bool {
    text.eq_ignore_ascii_case(word) || (!text.is_ascii() && text.to_lowercase() == word)
}

/// The items between separators. A final one begins no further item: shops' loops write one behind each.
fn list(text: &str, separator: char) -> Vec<Text> {
    let text = text.strip_suffix(separator).unwrap_or(text);
    let Some(separator) = u8::try_from(separator).ok().filter(u8::is_ascii) else {
        return text.split(separator).map(|item| Text::from(trim(item))).collect();
    };
    let mut items = Vec::with_capacity(USUAL_ITEMS);
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte == separator) {
        let (item, behind) = rest.split_at_checked(at).unwrap_or((rest, ""));
        items.push(Text::from(trim(item)));
        rest = behind.get(1..).unwrap_or_default();
    }
    items.push(Text::from(trim(rest)));
    items
}

/// As many items as nearly every list has.
const USUAL_ITEMS: usize = 4;

/// Adds the rows of a basket in `text`, one a line, to the event's three lists. False if the parameter holds no
/// rows, or none is there.
pub(super) fn read_rows(parameter: &Parameter, event: &mut Event, text: &str) -> bool {
    let Kind::Row(columns) = &parameter.kind else { return false };
    let before = event.list(Field::BasketSkus).len();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let parts: Vec<&str> = line.split(columns.separator).map(str::trim).collect();
        let column = |place: usize| parts.get(place).copied().unwrap_or_default().into();
        event.push(Field::BasketSkus, row_sku(columns, line).unwrap_or_default());
        event.push(Field::BasketPrices, column(columns.price));
        event.push(Field::BasketQuantities, column(columns.quantity));
    }
    event.list(Field::BasketSkus).len() > before
}

/// What names the article of a row.
fn row_sku(columns: &RowColumns, row: &str) -> Option<Text> {
    let column = |place: usize| row.split(columns.separator).nth(place).map(str::trim);
    let named = [column(columns.sku), column(columns.otherwise)].into_iter().flatten();
    named.filter(|name| !name.is_empty()).map(Text::from).next()
}

fn click_id(parameter: &Parameter, field: Field, text: &str, problems: &mut Vec<Problem>) -> Read {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.' | b',');
    if text.bytes().all(allowed) {
        limited(parameter, field, text, problems)
    } else {
        Err(invalid(parameter, field, "a click id of letters, digits and `_`", text))
    }
}
