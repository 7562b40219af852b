//! The click id that we mint: a token that carries the click.
//!
//! Credit must survive a lost click record, a cleared cookie and another region's edge, so the id itself
//! says which advertiser, publisher and creative it was and when, with a MAC so that nobody can write one
//! for a click that did not happen. It is written in digits and lower-case letters, because it passes
//! through plug-ins, cookies and query strings of every age, and fits into 64 characters.
//!
//! Layout before base 32: version (1 byte), key number (1 byte), advertiser, publisher, creative and time in
//! seconds as variable-length integers (7 bits a byte), 4 random bytes, 10 bytes of HMAC-SHA256.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use units::Timestamp;

use crate::event::Click;

const PREFIX: &str = "t1_";
const MAC_BYTES: usize = 10;
const RANDOM_BYTES: usize = 4;
const ALPHABET: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

/// The keys for click ids: the first signs, all check, so that a key can be retired a window later.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys(Vec<(u8, [u8; 32])>);

impl core::fmt::Debug for Keys {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Keys({} keys)", self.0.len())
    }
}

impl Keys {
    /// The keys with their numbers, the signing one first.
    pub const fn new(keys: Vec<(u8, [u8; 32])>) -> Self {
        Self(keys)
    }

    /// Mints the id of a click. `random` makes two clicks of one second differ.
    ///
    /// Without any key, which `check` refuses, the id is signed with zeros and no key will verify it.
    pub fn mint(&self, click: &Click, random: u32) -> String {
        let (number, key) = self.0.first().map_or((0, [0; 32]), |(number, key)| (*number, *key));
        let mut bytes = Vec::with_capacity(40);
        bytes.extend([1, number]);
        let seconds = u64::try_from(click.at.as_seconds()).unwrap_or(0);
        for value in [click.advertiser_id, click.publisher_id, click.creative_id, seconds] {
            write_varint(&mut bytes, value);
        }
        bytes.extend(random.to_be_bytes());
        let mac = code(&key, &bytes);
        bytes.extend(mac.get(..MAC_BYTES).unwrap_or_default());
        format!("{PREFIX}{}", base32(&bytes))
    }

    /// True if `id` is written as our tokens are, whether or not a key of ours signed it.
    pub fn is_token(id: &str) -> bool {
        id.starts_with(PREFIX)
    }

    /// The click that `id` carries; none if it is not of ours or its MAC is wrong.
    pub fn open(&self, id: &str) -> Option<Click> {
        let bytes = unbase32(id.strip_prefix(PREFIX)?)?;
        let (signed, mac) = bytes.split_at_checked(bytes.len().checked_sub(MAC_BYTES)?)?;
        let &[1, number, ref rest @ ..] = signed else { return None };
        let (_, key) = self.0.iter().find(|(known, _)| *known == number)?;
        if !bool::from(code(key, signed).get(..MAC_BYTES)?.ct_eq(mac)) {
            return None;
        }
        let (fields, _random) = rest.split_at_checked(rest.len().checked_sub(RANDOM_BYTES)?)?;
        let mut reader = fields.iter().copied();
        let (advertiser_id, publisher_id) = (read_varint(&mut reader)?, read_varint(&mut reader)?);
        let (creative_id, seconds) = (read_varint(&mut reader)?, read_varint(&mut reader)?);
        let at = Timestamp::from_seconds(i64::try_from(seconds).ok()?);
        Some(Click { advertiser_id, publisher_id, creative_id, at, click_id: id.to_owned() })
    }
}

fn code(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    // HMAC takes a key of any length, so this cannot fail; zeros would verify nothing.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(message);
    mac.finalize().into_bytes().into()
}

fn write_varint(bytes: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or(0);
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn read_varint(bytes: &mut impl Iterator<Item = u8>) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = bytes.next()?;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(8).div_ceil(5));
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    let letter = |five: u32| {
        let place = usize::try_from(five & 31).unwrap_or(0);
        char::from(*ALPHABET.get(place).unwrap_or(&b'0'))
    };
    for &byte in bytes {
        buffer = ((buffer << 8) | u32::from(byte)) & 0xffff;
        bits = bits.saturating_add(8);
        while bits >= 5 {
            bits = bits.saturating_sub(5);
            text.push(letter(buffer >> bits));
        }
    }
    if bits > 0 {
        text.push(letter(buffer << 5_u32.saturating_sub(bits)));
    }
    text
}

/// The bytes of a base 32 text. Bits of a last incomplete byte must be zero, so that a click has one id.
fn unbase32(text: &str) -> Option<Vec<u8>> {
    if text.len() > units::limits::CLICK_ID_CHARS_MAX {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len());
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for letter in text.bytes() {
        let five = match letter {
            b'0'..=b'9' => letter.checked_sub(b'0')?,
            b'a'..=b'v' => letter.checked_sub(b'a')?.checked_add(10)?,
            _ => return None,
        };
        buffer = ((buffer << 5) | u32::from(five)) & 0xffff;
        bits = bits.saturating_add(5);
        if bits >= 8 {
            bits = bits.saturating_sub(8);
            bytes.push(u8::try_from((buffer >> bits) & 0xff).ok()?);
        }
    }
    (buffer & ((1 << bits) - 1) == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys() -> Keys {
        Keys::new(vec![(2, [7; 32]), (1, [9; 32])])
    }

    fn click(advertiser_id: u64, publisher_id: u64, creative_id: u64, seconds: i64) -> Click {
        let at = Timestamp::from_seconds(seconds);
        Click { advertiser_id, publisher_id, creative_id, at, click_id: String::new() }
    }

    #[test]
    fn the_largest_ids_fit() {
        let id = keys().mint(&click(9_999_999_999, 9_999_999_999, 9_999_999_999, 4_000_000_000), u32::MAX);
        assert!(id.len() <= units::limits::CLICK_ID_CHARS_MAX, "{} characters: {id}", id.len());
        assert!(id.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase() || b == b'_'), "{id}");
    }

    #[test]
    fn a_retired_key_still_checks_and_a_foreign_one_does_not() {
        let old = Keys::new(vec![(1, [9; 32])]);
        let id = old.mint(&click(789, 456, 123, 1_795_000_000), 5);
        assert_eq!(keys().open(&id).map(|click| click.publisher_id), Some(456));
        assert_eq!(Keys::new(vec![(1, [8; 32])]).open(&id), None);
    }

    proptest! {
        #[test]
        fn a_click_survives_its_id(
            ids in (0..10_000_000_000_u64, 0..10_000_000_000_u64, 0..10_000_000_000_u64),
            seconds in 0..8_000_000_000_i64,
            random: u32,
        ) {
            let click = click(ids.0, ids.1, ids.2, seconds);
            let id = keys().mint(&click, random);
            let opened = keys().open(&id).unwrap();
            prop_assert_eq!(&opened.click_id, &id);
            prop_assert_eq!(Click { click_id: String::new(), ..opened }, click);
        }

        #[test]
        fn one_changed_character_is_noticed(place in 3_usize..40, letter in "[0-9a-v]") {
            let id = keys().mint(&click(789, 456, 123, 1_795_000_000), 5);
            let mut forged = id.clone();
            forged.replace_range(place..=place, &letter);
            prop_assert_eq!(keys().open(&forged).is_some(), forged == id);
        }

        #[test]
        fn no_text_panics(text in ".*") {
            prop_assert_eq!(keys().open(&text), None);
        }
    }
}
