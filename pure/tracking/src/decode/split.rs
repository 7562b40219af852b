//! Pairs that were glued together, taken apart where the dialect says how.
//!
//! Two things glue parameters in the wild. A decoder of HTML reads the beginning of a name as one of its
//! letters and swallows the `&` before it. And a whole second link is pasted behind the first, whose scheme
//! then ends the last value of the first.

use crate::dialect::{Dialect, Endpoint, Glued, Kind};
use crate::query::{self, Pair};

/// What may be glued in the query of one request.
#[derive(Clone, Copy)]
pub(super) struct Glue<'d> {
    /// The dialect, where a link stands in the query and the dialect takes such apart.
    dialect: Option<&'d Dialect>,
    endpoint: &'d Endpoint,
}

impl<'d> Glue<'d> {
    /// What may be glued in `query`, which came to `endpoint`.
    pub(super) fn in_query(dialect: &'d Dialect, endpoint: &'d Endpoint, query: &[u8]) -> Self {
        let links = dialect.splits_glued_links && has_link(query);
        Self { dialect: links.then_some(dialect), endpoint }
    }

    /// True if nothing is glued to `pair`.
    #[inline]
    pub(super) fn leaves(&self, pair: &Pair<'_>) -> bool {
        let plain = pair.name_is_plain && pair.value_is_plain;
        self.dialect.is_none() && (plain || glued_name(&self.endpoint.glued, pair.raw).is_none())
    }

    /// What `pair` falls into, one cut after another.
    pub(super) fn cut<'r>(&self, pair: Pair<'r>) -> Cut<'r> {
        cut(self.dialect, self.endpoint, pair)
    }
}

/// True if the end of a scheme stands in `query`. A raw colon is rare there.
fn has_link(query: &[u8]) -> bool {
    let behind = |at: usize| query.get(at..).unwrap_or_default();
    memchr::memchr_iter(b':', query).any(|at| behind(at).starts_with(b"://"))
}

/// What a pair falls into.
pub(super) struct Cut<'r> {
    /// A parameter.
    pub(super) head: Pair<'r>,
    /// The beginning of a second link behind it, up to its question mark.
    pub(super) link: Option<&'r [u8]>,
    /// What stands behind, which may fall into more.
    pub(super) tail: Option<Pair<'r>>,
}

/// `dialect` is told where the query holds a link and the dialect takes such apart.
fn cut<'r>(dialect: Option<&Dialect>, endpoint: &Endpoint, pair: Pair<'r>) -> Cut<'r> {
    let name = glued_name(&endpoint.glued, pair.raw);
    let link = dialect.and_then(|dialect| glued_link(dialect, endpoint, pair));
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
    let mut rest = raw;
    while let [first, behind @ ..] = rest {
        let at = raw.len().saturating_sub(rest.len());
        if is_escape(*first) && at > 0 {
            // Nearly every escape stands for a blank or a mark, which is decoded once for all names.
            let letter = query::decode_byte(rest).map(|(letter, _)| letter);
            let mut likely = names.iter().filter(|name| name.bytes.first().copied() == letter);
            if likely.any(|name| begins(name, rest)) {
                return Some(at);
            }
        }
        rest = behind;
    }
    None
}

/// True if `raw` begins with the name and an equals sign.
fn begins(name: &Glued, raw: &[u8]) -> bool {
    spelled(raw, &name.bytes).is_some_and(|rest| rest.first() == Some(&b'='))
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
