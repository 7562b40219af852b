//! Query strings as bytes: pairs that keep what was sent, percent-decoding once, percent-encoding.
//!
//! Real queries hold invalid escapes, raw quotes and bytes of old code pages. Nothing here refuses, and
//! nothing changes what no rule touches.

use std::borrow::Cow;

/// One `name=value` of a query, as sent. An absent `=` differs from an empty value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pair<'a> {
    /// The whole pair.
    pub raw: &'a [u8],
    /// Before the first `=`.
    pub name: &'a [u8],
    /// Behind the first `=`; none if there is no `=`.
    pub value: Option<&'a [u8]>,
    /// True if decoding the name changes nothing.
    pub name_is_plain: bool,
    /// True if decoding the value changes nothing.
    pub value_is_plain: bool,
}

/// The pairs of `query`, split at `&`. Empty pairs are left out.
pub fn pairs(query: &[u8]) -> Pairs<'_> {
    Pairs { rest: query, plain: plain_length(query) }
}

/// The pairs of a query.
#[derive(Clone, Debug)]
pub struct Pairs<'a> {
    rest: &'a [u8],
    /// How many bytes of the rest stand before the first that has to be decoded.
    plain: usize,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Pair<'a>;

    #[inline]
    fn next(&mut self) -> Option<Pair<'a>> {
        while !self.rest.is_empty() {
            let end = find(b'&', self.rest).unwrap_or(self.rest.len());
            let (raw, behind) = self.rest.split_at_checked(end).unwrap_or((self.rest, &[]));
            let plain = self.plain;
            self.rest = behind.get(1..).unwrap_or_default();
            let taken = raw.len().saturating_add(1);
            self.plain = self.plain.checked_sub(taken).unwrap_or_else(|| plain_length(self.rest));
            if !raw.is_empty() {
                return Some(split(raw, plain));
            }
        }
        None
    }
}

/// Where `mark` first stands. Names and most values are so short that a search made for long texts takes longer to
/// begin than to end, so that the first bytes are looked at eight at a time.
#[inline]
fn find(mark: u8, bytes: &[u8]) -> Option<usize> {
    let (mut rest, mut before) = (bytes, 0);
    while let Some((eight, behind)) = rest.split_first_chunk() {
        let marked = zero_bytes(u64::from_le_bytes(*eight) ^ (u64::from(mark) * EVERY_BYTE));
        if marked != 0 {
            return Some(before | usize::try_from(marked.trailing_zeros() / 8).unwrap_or(0));
        }
        (rest, before) = (behind, before.saturating_add(8));
        if before == NEAR_BYTES {
            return memchr::memchr(mark, rest).map(|at| at.saturating_add(before));
        }
    }
    rest.iter().position(|byte| *byte == mark).map(|at| at | before)
}

/// As many bytes as are looked at before the search for long texts begins.
const NEAR_BYTES: usize = 32;

/// A one in every byte.
const EVERY_BYTE: u64 = 0x0101_0101_0101_0101;

/// A word whose lowest bit that is set stands in the lowest byte of `bytes` that is zero; none is, where none is zero.
const fn zero_bytes(bytes: u64) -> u64 {
    bytes.wrapping_sub(EVERY_BYTE) & !bytes & (EVERY_BYTE << 7)
}

/// One pair, split at its first `=`.
pub(crate) fn pair(raw: &[u8]) -> Pair<'_> {
    split(raw, plain_length(raw))
}

/// One pair, split at its first `=`; the first `plain` bytes stay as they are when it is decoded, and the next does not.
#[inline]
fn split(raw: &[u8], plain: usize) -> Pair<'_> {
    let (name, value) = match find(b'=', raw).and_then(|at| raw.split_at_checked(at)) {
        Some((name, value)) => (name, value.get(1..)),
        None => (raw, None),
    };
    let name_is_plain = name.len() <= plain;
    let behind = |value: &[u8]| !name_is_plain && plain_length(value) == value.len();
    let value_is_plain = raw.len() <= plain || value.is_none_or(behind);
    Pair { raw, name, value, name_is_plain, value_is_plain }
}

/// How many bytes stand before the first that has to be decoded.
fn plain_length(bytes: &[u8]) -> usize {
    let stays = |byte: &u8| !matches!(byte, b'%' | b'+') && byte.is_ascii();
    if bytes.len() <= NEAR_BYTES {
        return bytes.iter().position(|byte| !stays(byte)).unwrap_or(bytes.len());
    }
    let escaped = memchr::memchr2(b'%', b'+', bytes).unwrap_or(bytes.len());
    let before = bytes.get(..escaped).unwrap_or_default();
    if before.is_ascii() { escaped } else { before.iter().take_while(|byte| byte.is_ascii()).count() }
}

/// Percent-decodes once; `+` is a space, and an invalid escape stays as it is.
pub fn decode(raw: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, behind @ ..]) => match (nibble(*high), nibble(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push((high << 4) | low);
                    rest = behind;
                }
                _ => bytes.push(b'%'),
            },
            _ => bytes.push(*first),
        }
    }
    bytes
}

/// Percent-decodes once and reads the bytes as text: UTF-8, or else the code page of old senders (Latin-1).
pub fn decode_text(raw: &[u8]) -> String {
    text(raw).into_owned()
}

/// [`decode_text`], borrowed where nothing has to be decoded.
pub fn text(raw: &[u8]) -> Cow<'_, str> {
    if plain_length(raw) == raw.len()
        && let Ok(text) = core::str::from_utf8(raw)
    {
        return Cow::Borrowed(text);
    }
    Cow::Owned(match String::from_utf8(decode(raw)) {
        Ok(text) => text,
        Err(error) => error.as_bytes().iter().map(|&byte| char::from(byte)).collect(),
    })
}

/// Appends `text`, percent-encoded for a query value: letters, digits and `-._~` stay, a space is `%20`.
pub fn encode_into(target: &mut Vec<u8>, text: &[u8]) {
    escape_into(target, text, is_unreserved, |byte| byte);
}

/// [`encode_into`] with a space for each `unwanted` byte.
pub(crate) fn encode_without_into(target: &mut Vec<u8>, text: &[u8], unwanted: u8) {
    escape_into(target, text, is_unreserved, |byte| if byte == unwanted { b' ' } else { byte });
}

fn is_unreserved(byte: u8) -> bool {
    UNRESERVED.get(usize::from(byte)).copied().unwrap_or(false)
}

/// The bytes that never need escaping (RFC 3986, section 2.3).
#[expect(clippy::indexing_slicing, reason = "it is computed while compiling, where a mistake is an error")]
const UNRESERVED: [bool; 256] = {
    let mut unreserved = [false; 256];
    let mut byte: u8 = 0;
    while byte < 128 {
        let stays = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        unreserved[byte as usize] = stays;
        byte += 1;
    }
    unreserved
};

/// Appends raw bytes of a client, made safe for a header value: what is no visible ASCII is percent-encoded.
pub fn pass_into(target: &mut Vec<u8>, raw: &[u8]) {
    escape_into(target, raw, |byte| byte.is_ascii_graphic(), |byte| byte);
}

/// Appends bytes, and percent-encodes what `instead` makes of those that do not stay. Nearly always all do.
#[inline]
fn escape_into(
    target: &mut Vec<u8>,
    bytes: &[u8],
    stays: impl Fn(u8) -> bool + Copy,
    instead: impl Fn(u8) -> u8 + Copy,
) {
    if bytes.iter().fold(true, |all, byte| all & stays(*byte)) {
        target.extend_from_slice(bytes);
    } else {
        escape_runs(target, bytes, stays, instead);
    }
}

/// Appends whole runs of bytes that stay, and what is made of the others.
fn escape_runs(target: &mut Vec<u8>, bytes: &[u8], stays: impl Fn(u8) -> bool, instead: impl Fn(u8) -> u8) {
    let mut rest = bytes;
    loop {
        let run = rest.iter().take_while(|byte| stays(**byte)).count();
        let (run, behind) = rest.split_at_checked(run).unwrap_or((rest, &[]));
        target.extend_from_slice(run);
        let Some((escaped, behind)) = behind.split_first() else { return };
        let byte = instead(*escaped);
        target.extend_from_slice(&[b'%', hex(byte >> 4), hex(byte & 15)]);
        rest = behind;
    }
}

/// The first byte of `raw`, percent-decoded, and what stands behind it.
pub(crate) fn decode_byte(raw: &[u8]) -> Option<(u8, &[u8])> {
    if let [b'%', high, low, behind @ ..] = raw
        && let (Some(high), Some(low)) = (nibble(*high), nibble(*low))
    {
        return Some(((high << 4) | low, behind));
    }
    raw.split_first().map(|(first, behind)| (*first, behind))
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(digit.wrapping_sub(b'a').wrapping_add(10)),
        b'A'..=b'F' => Some(digit.wrapping_sub(b'A').wrapping_add(10)),
        _ => None,
    }
}

const fn hex(nibble: u8) -> u8 {
    if nibble < 10 { b'0'.wrapping_add(nibble) } else { b'A'.wrapping_add(nibble).wrapping_sub(10) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pairs_keep_what_was_sent() {
        let found: Vec<_> = pairs(b"a=1&&b&c=&=x&d==2").map(|p| (p.name, p.value)).collect();
        assert_eq!(
            found,
            [
                (&b"a"[..], Some(&b"1"[..])),
                (b"b", None),
                (b"c", Some(b"")),
                (b"", Some(b"x")),
                (b"d", Some(b"=2")),
            ]
        );
    }

    #[test]
    fn decoding_happens_once_and_never_refuses() {
        for (raw, text) in [
            (&b"a%20b+c"[..], "a b c"),
            (b"%2520", "%20"),
            (b"%zz%4", "%zz%4"),
            (b"%", "%"),
            (b"caf%e9", "café"),
            (b"caf\xc3\xa9", "café"),
        ] {
            assert_eq!(decode_text(raw), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_itself(bytes: Vec<u8>) {
            let mut encoded = Vec::new();
            encode_into(&mut encoded, &bytes);
            prop_assert_eq!(decode(&encoded), bytes);
        }

        #[test]
        fn pairs_lose_nothing(bytes: Vec<u8>) {
            let joined: Vec<&[u8]> = pairs(&bytes).map(|pair| pair.raw).collect();
            let kept: Vec<u8> = joined.join(&b"&"[..]);
            let wanted: Vec<&[u8]> = bytes.split(|b| *b == b'&').filter(|raw| !raw.is_empty()).collect();
            prop_assert_eq!(kept, wanted.join(&b"&"[..]));
        }

        #[test]
        fn pairs_know_what_is_plain(bytes in "[a%+=&\u{e9}]{0,12}") {
            for pair in pairs(bytes.as_bytes()) {
                let is_plain = |raw: &[u8]| decode(raw) == raw && raw.is_ascii() && !raw.contains(&b'%');
                prop_assert_eq!(pair.name_is_plain, is_plain(pair.name));
                prop_assert_eq!(pair.value_is_plain, pair.value.is_none_or(is_plain));
                prop_assert_eq!(pair, super::pair(pair.raw));
            }
        }
    }
}
