//! Pairs that were glued together, taken apart where the dialect says how.
//!
//! Two things glue parameters in the wild. A decoder of HTML reads the beginning of a name as one of its
//! letters and swallows the `&` before it. And a whole second link is pasted behind the first, whose scheme
//! then ends the last value of the first.

use crate::dialect::{Dialect, Endpoint, Glued, Kind};
use crate::query::{self, Pair};

/// A piece of a query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Piece<'r> {
    /// A parameter.
    Pair(Pair<'r>),
    /// The beginning of a second link, up to its question mark.
    Link(&'r [u8]),
}

/// Tells the pieces of `query` to `each`, until it answers false.
pub(super) fn pieces<'r>(
    dialect: &Dialect,
    endpoint: &Endpoint,
    query: &'r [u8],
    mut each: impl FnMut(Piece<'r>) -> bool,
) {
    let links = dialect.splits_glued_links && has_link(query);
    for pair in query::pairs(query) {
        let plain = pair.name_is_plain && pair.value_is_plain;
        if !links && (plain || endpoint.glued.is_empty()) {
            if !each(Piece::Pair(pair)) {
                return;
            }
            continue;
        }
        let mut rest = Some(pair);
        while let Some(pair) = rest {
            let Cut { head, link, tail } = cut(dialect, endpoint, pair);
            if !(each(Piece::Pair(head)) && link.is_none_or(|link| each(Piece::Link(link)))) {
                return;
            }
            rest = tail;
        }
    }
}

/// True if the end of a scheme stands in `query`. A raw colon is rare there.
fn has_link(query: &[u8]) -> bool {
    let behind = |at: usize| query.get(at..).unwrap_or_default();
    memchr::memchr_iter(b':', query).any(|at| behind(at).starts_with(b"://"))
}

/// What a pair falls into.
struct Cut<'r> {
    head: Pair<'r>,
    link: Option<&'r [u8]>,
    tail: Option<Pair<'r>>,
}

fn cut<'r>(dialect: &Dialect, endpoint: &Endpoint, pair: Pair<'r>) -> Cut<'r> {
    let name = glued_name(&endpoint.glued, pair.raw);
    let link = glued_link(dialect, endpoint, pair);
    let at = [name, link].into_iter().flatten().min();
    let Some((head, behind)) = at.and_then(|at| pair.raw.split_at_checked(at)) else {
        return Cut { head: pair, link: None, tail: None };
    };
    let head = query::pair(head);
    if at != link {
        return Cut { head, link: None, tail: Some(query::pair(behind)) };
    }
    let start = memchr::memchr(b'?', behind).map_or(behind.len(), |mark| mark.saturating_add(1));
    let (link, rest) = behind.split_at_checked(start).unwrap_or((behind, &[]));
    Cut { head, link: Some(link), tail: (!rest.is_empty()).then(|| query::pair(rest)) }
}

const fn is_escape(byte: u8) -> bool {
    byte == b'%' || !byte.is_ascii()
}

/// Where a glued name begins in `raw`, behind something and before an equals sign.
fn glued_name(names: &[Glued], raw: &[u8]) -> Option<usize> {
    let begins = |at: &usize| {
        let rest = raw.get(*at..).unwrap_or_default();
        names.iter().any(|name| spelled(rest, &name.bytes).is_some_and(|rest| rest.first() == Some(&b'=')))
    };
    let places = raw.iter().enumerate().skip(1).filter(|(_, byte)| is_escape(**byte));
    places.map(|(at, _)| at).find(begins)
}

/// What stands behind `name` (decoded) in `raw` (perhaps percent-encoded); none if another name stands there.
fn spelled<'r>(raw: &'r [u8], name: &[u8]) -> Option<&'r [u8]> {
    let mut rest = raw;
    for wanted in name {
        let (byte, behind) = query::decode_byte(rest)?;
        let same = byte.eq_ignore_ascii_case(wanted);
        rest = if same { behind } else { return None };
    }
    Some(rest)
}

/// Where a link of the platform itself begins in the value of `pair`, if that is no URL by itself.
fn glued_link(dialect: &Dialect, endpoint: &Endpoint, pair: Pair<'_>) -> Option<usize> {
    if !dialect.splits_glued_links {
        return None;
    }
    let value = pair.value?;
    let mark = memchr::memmem::find(value, b"://")?;
    let place = dialect.find_parameter(endpoint, pair.name).map(|(place, _)| place)?;
    if endpoint.parameters.get(place).is_none_or(|parameter| parameter.kind == Kind::Url) {
        return None;
    }
    let (before, behind) = value.split_at_checked(mark)?;
    let scheme = [&b"https"[..], b"http"].into_iter().find(|scheme| {
        let start = before.len().checked_sub(scheme.len()).and_then(|start| before.get(start..));
        start.is_some_and(|end| end.eq_ignore_ascii_case(scheme))
    })?;
    let host = behind.get(3..)?.split(|byte| matches!(byte, b'/' | b'?' | b':' | b'#')).next()?;
    let host = core::str::from_utf8(host).ok()?.to_ascii_lowercase();
    let begins = pair.raw.len().checked_sub(value.len())?.checked_add(mark)?.checked_sub(scheme.len())?;
    dialect.has_host(&host).then_some(begins)
}
