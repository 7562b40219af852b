//! Cookies on the hosts that are ours: the click that a browser remembers.
//!
//! Two forms stand side by side: the old platform's, which its own pages and ours may have set, and the new
//! one. Both say which publisher brought the visitor; ours also carry the click id, which proves the time.
//! A cookie that no rule declares is not ours: it is dropped before anything is kept or passed on ([`keep`]).

mod write;

use std::borrow::Cow;

use units::{Timestamp, limits};

pub use self::write::{Lives, Place, evict, opt_out, remember};
use crate::click_id::Keys;
use crate::dialect::{CookieRule, CookieSuffix, CookieValue, ForeignClickId};
use crate::directory::Advertiser;
use crate::event::Click;
use crate::query;

/// The cookies of a `Cookie` header. Values are as sent; a pair without `=` is a value without a name.
pub fn pairs(header: &str) -> impl Iterator<Item = (&str, &str)> {
    header.split(';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some((name.trim(), value.trim().trim_matches('"')))
    })
}

/// The click that the cookies of `header` remember for `advertiser`: by a click id of ours if one is there,
/// else by the publisher that an old cookie names, at `now` for want of a better time.
///
/// `header` is a `Cookie` header; rules are tried in order.
pub fn remembered(
    header: &str,
    rules: &[CookieRule],
    advertiser: &Advertiser<'_>,
    keys: &Keys,
    now: Timestamp,
) -> Option<Click> {
    let mut named = None;
    for (rule, value) in of_advertiser(header, rules, advertiser) {
        let mut clicks = ids(rule, value).into_iter().filter_map(|id| keys.open(&id));
        if let Some(click) = clicks.find(|click| click.advertiser_id == advertiser.legacy_id) {
            return Some(click);
        }
        if rule.reads == CookieValue::LeadingPublisher {
            named = named.or_else(|| leading_publisher(value));
        }
    }
    named.map(|publisher_id| Click {
        advertiser_id: advertiser.legacy_id,
        publisher_id,
        creative_id: 0,
        at: now,
        click_id: String::new(),
    })
}

/// A click id of another's making in a cookie, with its time if it tells one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedClick {
    /// The click id.
    pub id: String,
    /// When the click happened, if the id itself tells.
    pub at: Option<Timestamp>,
}

/// The latest click id in the cookies of `header` that is not of our making and may be a click of `advertiser`.
/// `primary` reads a click id of the primary; one of another advertiser is left alone. Ids that tell no time
/// count as earlier than those that do.
pub fn named(
    header: &str,
    rules: &[CookieRule],
    advertiser: &Advertiser<'_>,
    primary: impl Fn(&str) -> Option<ForeignClickId>,
) -> Option<NamedClick> {
    let candidate = |id: Cow<'_, str>| {
        let at = match primary(&id) {
            Some(told) if told.advertiser_id != advertiser.primary_id => return None,
            Some(told) => told.at,
            None => None,
        };
        Some(NamedClick { id: id.into_owned(), at })
    };
    let whole = |rule: &CookieRule| matches!(rule.reads, CookieValue::ClickId | CookieValue::JsonMember(_));
    let found = of_advertiser(header, rules, advertiser).filter(|(rule, _)| whole(rule));
    let ids = found.flat_map(|(rule, value)| ids(rule, value));
    let foreign = ids.filter(|id| is_click_id(id) && !Keys::is_token(id));
    // The first of several that tell the same is kept.
    foreign.filter_map(candidate).reduce(|best, next| if next.at > best.at { next } else { best })
}

/// The rules with the values that `header` gives them for `advertiser`, in the rules' order.
fn of_advertiser<'a>(
    header: &'a str,
    rules: &'a [CookieRule],
    advertiser: &'a Advertiser<'_>,
) -> impl Iterator<Item = (&'a CookieRule, &'a str)> {
    rules.iter().filter_map(|rule| Some((rule, name(rule, advertiser)?))).flat_map(move |(rule, name)| {
        pairs(header).filter(move |(found, _)| *found == name).map(move |(_, value)| (rule, value))
    })
}

/// The texts in a cookie's value that may be click ids.
fn ids<'v>(rule: &CookieRule, value: &'v str) -> Vec<Cow<'v, str>> {
    match &rule.reads {
        CookieValue::Nothing => Vec::new(),
        CookieValue::JsonMember(member) => json_member(value, member).map(Cow::Owned).into_iter().collect(),
        CookieValue::ClickId | CookieValue::LeadingPublisher | CookieValue::PublisherAndClickId => {
            value.split('.').map(Cow::Borrowed).collect()
        }
    }
}

/// The text in this member of a JSON object, which scripts write raw or percent-encoded.
fn json_member(value: &str, member: &str) -> Option<String> {
    let value = if value.starts_with('{') { Cow::Borrowed(value) } else { query::text(value.as_bytes()) };
    let object: serde_json::Value = serde_json::from_str(&value).ok()?;
    object.get(member)?.as_str().map(str::to_owned)
}

fn is_click_id(id: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b',');
    !id.is_empty() && id.len() <= limits::CLICK_ID_CHARS_MAX && id.bytes().all(letter)
}

fn leading_publisher(value: &str) -> Option<u64> {
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    value.get(..digits)?.parse().ok().filter(|id| *id > 0)
}

/// The name of the rule's cookie for `advertiser`; none if it has no id of that kind.
fn name(rule: &CookieRule, advertiser: &Advertiser<'_>) -> Option<String> {
    let id = match rule.suffix {
        CookieSuffix::LegacyId => advertiser.legacy_id,
        CookieSuffix::PrimaryId => advertiser.primary_id?,
        CookieSuffix::Nothing => return Some(rule.prefix.clone()),
    };
    Some(format!("{}{id}", rule.prefix))
}

/// Drops every cookie from header lines but those whose names `wanted` takes. What stays is byte for byte what
/// came, in its order, in one line.
pub fn keep(headers: &mut Vec<(String, Vec<u8>)>, wanted: impl Fn(&[u8]) -> bool) {
    let lines = || headers.iter().filter(|(name, _)| name == "cookie");
    if lines().count() <= 1 && holds_only(headers, &wanted) {
        return;
    }
    let kept: Vec<&[u8]> =
        lines().flat_map(|(_, line)| written_pairs(line)).filter(|pair| takes(pair, &wanted)).collect();
    let line = kept.join(&b"; "[..]);
    let place = headers.iter().position(|(name, _)| name == "cookie");
    headers.retain(|(name, _)| name != "cookie");
    if let (false, Some(place)) = (line.is_empty(), place) {
        headers.insert(place, ("cookie".to_owned(), line));
    }
}

/// True if header lines hold no other cookies than those whose names `wanted` takes.
pub fn holds_only(headers: &[(String, Vec<u8>)], wanted: impl Fn(&[u8]) -> bool) -> bool {
    let mut lines = headers.iter().filter(|(name, _)| name == "cookie");
    lines.all(|(_, line)| written_pairs(line).all(|pair| takes(pair, &wanted)))
}

fn written_pairs(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|&byte| byte == b';').map(<[u8]>::trim_ascii)
}

fn takes(pair: &[u8], wanted: &impl Fn(&[u8]) -> bool) -> bool {
    let end = memchr::memchr(b'=', pair);
    end.and_then(|end| pair.get(..end)).is_some_and(|name| wanted(name.trim_ascii()))
}

#[cfg(test)]
mod tests;
