//! The edge signs what it sends to the processor: it books money.
//!
//! A signature is an HMAC-SHA256 over the time and the body, and travels in three headers. The time keeps a
//! recorded batch from being replayed for longer than the window; within it a replay is harmless, because the
//! processor takes each event once. Keys have names, so that a new one can be accepted before anybody signs
//! with it, and an old one withdrawn when nobody does any more.

use core::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use units::Timestamp;

/// The header that names the key.
pub const KEY_HEADER: &str = "x-turnout-key";
/// The header with the time of signing, in milliseconds since the epoch.
pub const TIME_HEADER: &str = "x-turnout-time";
/// The header with the signature, in lower-case hexadecimal.
pub const SIGNATURE_HEADER: &str = "x-turnout-signature";

/// How far the clocks of edge and processor may be apart.
pub const CLOCK_DIFFERENCE_MAX: Duration = Duration::from_secs(300);

/// What is signed first, so that a signature made for something else is never one for a batch.
const DOMAIN: &[u8] = b"turnout-batch-1\n";

/// A named secret. It prints its name alone.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// The name, which travels in the clear.
    pub name: String,
    /// The secret; 32 random bytes are right.
    pub secret: Vec<u8>,
}

impl core::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SigningKey({})", self.name)
    }
}

/// The keys of one process: one signs, and any of them is accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keys {
    signing: SigningKey,
    also_accepted: Vec<SigningKey>,
}

/// A signature, as its three headers carry it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signature {
    /// The key's name.
    pub key: String,
    /// The time, as text.
    pub time: String,
    /// The signature, as text.
    pub signature: String,
}

/// Why a signature is not accepted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SignatureError {
    /// The key is none of ours.
    #[error("key `{0}` is not accepted here: add it to the processor's keys, or sign with another")]
    UnknownKey(String),
    /// The time is no number.
    #[error("`{0}` is no time: milliseconds since 1970 are expected")]
    InvalidTime(String),
    /// Too old or too new.
    #[error("signed at {signed}, {} s away from now: set the clocks, or sign again", difference.as_secs())]
    OutsideWindow {
        /// When it was signed.
        signed: Timestamp,
        /// How far away that is.
        difference: Duration,
    },
    /// Not what this key makes of this body.
    #[error("the signature does not fit the body and key `{0}`")]
    Wrong(String),
}

impl Signature {
    /// The three header lines.
    pub fn headers(&self) -> [(&'static str, &str); 3] {
        [(KEY_HEADER, &self.key), (TIME_HEADER, &self.time), (SIGNATURE_HEADER, &self.signature)]
    }
}

impl Keys {
    /// Keys of which `signing` signs and all are accepted.
    pub const fn new(signing: SigningKey, also_accepted: Vec<SigningKey>) -> Self {
        Self { signing, also_accepted }
    }

    /// Signs `body` at `now`.
    pub fn sign(&self, body: &[u8], now: Timestamp) -> Signature {
        let time = now.as_millis().to_string();
        let tag = mac(&self.signing.secret, &time, body).finalize().into_bytes();
        let signature = tag.iter().map(|byte| format!("{byte:02x}")).collect();
        Signature { key: self.signing.name.clone(), time, signature }
    }

    /// Accepts `signature` for `body` at `now`.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub fn verify(&self, signature: &Signature, body: &[u8], now: Timestamp) -> Result<(), SignatureError> {
        let mut keys = core::iter::once(&self.signing).chain(&self.also_accepted);
        let key = keys.find(|key| key.name == signature.key);
        let key = key.ok_or_else(|| SignatureError::UnknownKey(shown(&signature.key)))?;
        let millis = signature.time.parse::<i64>();
        let signed = millis.map_err(|_| SignatureError::InvalidTime(shown(&signature.time)))?;
        let signed = Timestamp::from_millis(signed);
        let difference = now.since(signed).max(signed.since(now));
        if difference > CLOCK_DIFFERENCE_MAX {
            return Err(SignatureError::OutsideWindow { signed, difference });
        }
        let wrong = || SignatureError::Wrong(key.name.clone());
        let tag = unhex(&signature.signature).ok_or_else(wrong)?;
        // The comparison takes the same time wherever the first difference is.
        mac(&key.secret, &signature.time, body).verify_slice(&tag).map_err(|_| wrong())
    }
}

fn mac(secret: &[u8], time: &str, body: &[u8]) -> Hmac<Sha256> {
    // A key of any length is accepted, so that this never takes the default.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap_or_else(|_| Hmac::new(&Default::default()));
    mac.update(DOMAIN);
    mac.update(time.as_bytes());
    mac.update(b"\n");
    mac.update(body);
    mac
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |&[high, low]: &[u8; 2]| Some((digit(high)? << 4) | digit(low)?);
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

/// A stranger's text, short enough for a message.
fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(name: &str) -> SigningKey {
        SigningKey { name: name.to_owned(), secret: name.as_bytes().to_vec() }
    }

    const NOW: Timestamp = Timestamp::from_millis(1_795_462_260_000);

    #[test]
    fn keys_rotate_without_a_gap() {
        let (old, new) = (Keys::new(key("old"), vec![key("new")]), Keys::new(key("new"), vec![key("old")]));
        for (signer, reader) in [(&old, &new), (&new, &old), (&old, &old)] {
            assert_eq!(reader.verify(&signer.sign(b"body", NOW), b"body", NOW), Ok(()));
        }
        let withdrawn = Keys::new(key("new"), Vec::new());
        let error = withdrawn.verify(&old.sign(b"body", NOW), b"body", NOW).unwrap_err();
        assert_eq!(error, SignatureError::UnknownKey("old".to_owned()));
    }

    #[test]
    fn a_signature_fits_one_body_one_time_and_one_key() {
        let keys = Keys::new(key("a"), vec![key("b")]);
        let good = keys.sign(b"body", NOW);
        let wrong = |change: fn(&mut Signature)| {
            let mut signature = good.clone();
            change(&mut signature);
            keys.verify(&signature, b"body", NOW).unwrap_err()
        };
        assert!(keys.verify(&good, b"other", NOW).is_err());
        assert_eq!(wrong(|s| s.key = "b".to_owned()), SignatureError::Wrong("b".to_owned()));
        assert_eq!(wrong(|s| s.time = "1795462260001".to_owned()), SignatureError::Wrong("a".to_owned()));
        assert_eq!(wrong(|s| s.signature.truncate(62)), SignatureError::Wrong("a".to_owned()));
        assert_eq!(wrong(|s| s.signature = "é".to_owned()), SignatureError::Wrong("a".to_owned()));
        assert_eq!(wrong(|s| s.time = "soon".to_owned()), SignatureError::InvalidTime("soon".to_owned()));
    }

    #[test]
    fn a_recorded_batch_cannot_be_replayed_later() {
        let keys = Keys::new(key("a"), Vec::new());
        let signature = keys.sign(b"body", NOW);
        let at = |seconds: i64| Timestamp::from_millis(NOW.as_millis() + seconds * 1000);
        let outcomes = [-301, -300, 300, 301].map(|away| keys.verify(&signature, b"body", at(away)).is_ok());
        assert_eq!(outcomes, [false, true, true, false]);
    }

    /// The test vector stands for other implementations of the edge.
    #[test]
    fn the_signature_is_the_documented_one() {
        let keys = Keys::new(key("a"), Vec::new());
        let expected = "44b8407b3e1e6468c0837b267c4f8b12b3ec0919eefac56dcfc538280f459ce4";
        assert_eq!(keys.sign(b"body", NOW).signature, expected);
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(key_name: String, time: String, signature: String, body: Vec<u8>) {
            let keys = Keys::new(key("a"), Vec::new());
            let presented = Signature { key: key_name, time, signature };
            prop_assert!(keys.verify(&presented, &body, NOW).is_err());
        }
    }
}
