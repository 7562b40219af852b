//! The identity of an event: 48 bits of time and 80 bits of chance, written in 26 characters.
//!
//! Ids sort by time, which keeps indexes compact, and are written in lower-case base 32 (digits and
//! letters without `i`, `l`, `o`, `u`), so that one can be read out over a telephone.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Chance, Seed, Timestamp};

/// The identity of one event, unique over all edges.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EventId(u128);

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH: usize = 26;

impl EventId {
    /// The id drawn from `seed` for an event at `now`. Times before 1970 count as 1970.
    pub fn new(seed: Seed, now: Timestamp) -> Self {
        let millis = u128::try_from(now.as_millis()).unwrap_or(0) & 0xffff_ffff_ffff;
        let chance = Chance::new(seed.fork(0x1d)).next_u128() & ((1 << 80) - 1);
        Self((millis << 80) | chance)
    }

    /// The id with these bits.
    pub const fn from_u128(bits: u128) -> Self {
        Self(bits)
    }

    /// The bits of the id.
    pub const fn as_u128(self) -> u128 {
        self.0
    }

    /// The id as it is written, without asking for memory.
    pub fn text(self) -> EventIdText {
        let mut rest = self.0;
        let mut letters = [b'0'; LENGTH];
        for letter in letters.iter_mut().rev() {
            let digit = usize::try_from(rest & 31).unwrap_or(0);
            *letter = ALPHABET.get(digit).copied().unwrap_or(b'0');
            rest >>= 5;
        }
        EventIdText(letters)
    }
}

/// The 26 characters of an id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EventIdText([u8; LENGTH]);

impl core::ops::Deref for EventIdText {
    type Target = str;

    fn deref(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is no event id.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is not an event id: 26 characters of 0-9 and a-z without i, l, o, u are expected")]
pub struct EventIdError(String);

impl FromStr for EventId {
    type Err = EventIdError;

    fn from_str(text: &str) -> Result<Self, EventIdError> {
        let wrong = || EventIdError(text.to_owned());
        if text.len() != LENGTH {
            return Err(wrong());
        }
        let mut bits: u128 = 0;
        for byte in text.bytes() {
            let digit = ALPHABET.iter().position(|&letter| letter == byte.to_ascii_lowercase());
            let digit = u128::try_from(digit.ok_or_else(wrong)?).map_err(|_| wrong())?;
            bits = bits.checked_mul(32).and_then(|bits| bits.checked_add(digit)).ok_or_else(wrong)?;
        }
        Ok(Self(bits))
    }
}

impl Serialize for EventId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_being_written() {
        for bits in [0, 1, u128::MAX >> 2, 0x1234_5678_9abc_def0_1234_5678_9abc_def0 >> 1, u128::MAX] {
            let id = EventId::from_u128(bits);
            assert_eq!(id.to_string().parse(), Ok(id), "{bits:x}");
        }
    }

    #[test]
    fn a_wrong_text_is_named() {
        let error = "not-an-id".parse::<EventId>().unwrap_err();
        assert!(error.to_string().contains("not-an-id"));
        assert!("zzzzzzzzzzzzzzzzzzzzzzzzzz".parse::<EventId>().is_err(), "more than 128 bits");
    }

    #[test]
    fn ids_sort_by_time() {
        let early = EventId::new(Seed(9), Timestamp::from_millis(1000));
        let late = EventId::new(Seed(3), Timestamp::from_millis(2000));
        assert!(early < late);
    }
}
