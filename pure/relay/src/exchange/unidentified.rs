//! A request of a visitor who refused, without what it identifies that visitor by (I10).
//!
//! What is kept, and what the legacy platform may be told later, is the request as it came. Of one who refused, the
//! pairs that name a click, a browser or a person are cut out of it, and of the page that sent it only the address
//! without its query stays, for shops carry click ids there. Everything else stays byte for byte: the order arrives.

use tracking::decode::Decoded;
use tracking::dialect::Meaning;
use tracking::{Event, Field, Inbound, Method};

/// The fields that identify a visitor, or the page that does.
const IDENTIFIERS: [Field; 9] = [
    Field::ClickId,
    Field::HopClickId,
    Field::HopSessionId,
    Field::PublisherData,
    Field::DeviceData,
    Field::InstallReferrer,
    Field::BrowserId,
    Field::IdentityHash,
    Field::PageUrl,
];

/// Takes the identifiers out of an event.
pub(super) fn forget(event: &mut Event) {
    for field in IDENTIFIERS {
        event.remove(field);
    }
}

/// Takes the identifiers out of the request. `decoded` is what it, or the link that it stands for, was read as.
pub(super) fn cut(inbound: &mut Inbound, decoded: &Decoded<'_, '_>) {
    let parameters = &decoded.endpoint.parameters;
    let identifies = |place: Option<usize>| {
        let meaning = place.and_then(|place| parameters.get(place)).map(|parameter| &parameter.meaning);
        matches!(meaning, Some(Meaning::Field(field)) if IDENTIFIERS.contains(field))
    };
    let traces = decoded.traces.iter().filter(|trace| identifies(trace.parameter()));
    let pairs: Vec<&[u8]> = traces.map(|trace| trace.raw).filter(|raw| !raw.is_empty()).collect();
    if let Some(query) = inbound.query().filter(|_| !pairs.is_empty()) {
        let target = [inbound.path(), b"?", &without(query, &pairs)].concat();
        inbound.target = target;
    }
    if decoded.endpoint.form_body && inbound.method == Method::Post && !pairs.is_empty() {
        inbound.body = without(&inbound.body, &pairs);
    }
    for (_, page) in inbound.headers.iter_mut().filter(|(name, _)| name == "referer") {
        let end = page.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(page.len());
        page.truncate(end);
    }
}

/// `query` without `pairs`, of which one may be glued behind another pair.
fn without(query: &[u8], pairs: &[&[u8]]) -> Vec<u8> {
    let kept: Vec<Vec<u8>> = query
        .split(|byte| *byte == b'&')
        .filter(|piece| !pairs.contains(piece))
        .map(|piece| pairs.iter().fold(piece.to_vec(), |piece, pair| unglued(piece, pair)))
        .collect();
    kept.join(&b"&"[..])
}

/// A piece of a query without the pair that is glued to its end.
fn unglued(mut piece: Vec<u8>, pair: &[u8]) -> Vec<u8> {
    if piece.len() > pair.len() && piece.ends_with(pair) {
        piece.truncate(piece.len().saturating_sub(pair.len()));
    }
    piece
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_pairs_that_are_named_go() {
        for (query, pairs, kept) in [
            (&b"a=1&id=x&b=%zz&&c"[..], &[&b"id=x"[..]][..], &b"a=1&b=%zz&&c"[..]),
            (b"id=x", &[b"id=x"], b""),
            (b"id=x&ID=x&id=x", &[b"id=x"], b"ID=x"),
            (b"a=1%A4id=x&b=2", &[b"%A4id=x"], b"a=1&b=2"),
            (b"bid=x&a=1", &[b"none=x"], b"bid=x&a=1"),
        ] {
            assert_eq!(without(query, pairs), kept, "{}", String::from_utf8_lossy(query));
        }
    }
}
