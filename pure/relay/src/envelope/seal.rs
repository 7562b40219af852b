//! The seal: AES-256-GCM over what is personal, bound to the event it belongs to.
//!
//! Sealed bytes are a format version, the key's number, a nonce, and the cipher's text with its tag. The
//! event's id is authenticated beside them, so that one event's sealed part cannot be put into another's
//! envelope. Keys rotate by number: the first of a list seals, and any of it opens.
//!
//! The nonce is drawn from a seed that a host takes from the system's entropy for every seal. Ninety-six
//! random bits may be used for four thousand million seals under one key; rotate well before.

use core::net::IpAddr;

use aes_gcm::aead::{Aead as _, AeadInOut as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use prost::Message as _;
use tracking::{Inbound, Method};
use units::{Chance, EventId, Seed};

use super::Sealed;
use super::write::Writer;

const FORMAT: u8 = 1;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// Room for method, host, both addresses, lengths and the tag: more would be copied once, and no more.
const FRAME_BYTES: usize = 256;

/// Format, key number and nonce.
const HEAD_BYTES: usize = 1 + 4 + NONCE_BYTES;

/// The key that seals the personal part of envelopes: 32 secret bytes. It prints nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct SealKey(pub [u8; 32]);

impl core::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SealKey(..)")
    }
}

/// Why a sealed part cannot be opened.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OpenError {
    /// Erased, or never there.
    #[error("the sealed part is empty: it has been erased")]
    Erased,
    /// Too short, or another format.
    #[error("the sealed part has a format that is not known here: update this process")]
    Format,
    /// The key is gone.
    #[error("key {0} of the sealed part is not among the configured ones: add it")]
    UnknownKey(u32),
    /// Changed, or of another event.
    #[error("the sealed part does not belong to this event, or was changed")]
    Forged,
    /// Opened, and not readable.
    #[error("the opened part is no request: {0}")]
    Malformed(String),
}

/// Seals `plain` for the event.
pub fn seal_bytes(plain: &[u8], key: &SealKey, key_id: u32, event_id: EventId, nonce_seed: Seed) -> Vec<u8> {
    seal_written(key, key_id, event_id, nonce_seed, |mut sealed| {
        sealed.reserve_exact(plain.len().saturating_add(TAG_BYTES));
        sealed.extend_from_slice(plain);
        sealed
    })
}

/// Seals what `write` appends to the bytes that it is given, in place.
fn seal_written(
    key: &SealKey,
    key_id: u32,
    event_id: EventId,
    nonce_seed: Seed,
    write: impl FnOnce(Vec<u8>) -> Vec<u8>,
) -> Vec<u8> {
    let mut nonce = [0_u8; NONCE_BYTES];
    let drawn = Chance::new(nonce_seed.fork(0x5ea1)).next_u128().to_be_bytes();
    nonce.iter_mut().zip(drawn).for_each(|(slot, byte)| *slot = byte);
    let mut head = Vec::with_capacity(HEAD_BYTES);
    head.push(FORMAT);
    head.extend_from_slice(&key_id.to_be_bytes());
    head.extend_from_slice(&nonce);
    let mut sealed = write(head);
    let associated = event_id.as_u128().to_be_bytes();
    let cipher = Aes256Gcm::new(&key.0.into());
    let text = sealed.get_mut(HEAD_BYTES..).unwrap_or_default();
    // The cipher refuses only texts beyond 64 GiB, and the limits keep every request below one MiB.
    match cipher.encrypt_inout_detached(&Nonce::from(nonce), &associated, text.into()) {
        Ok(tag) => sealed.extend_from_slice(&tag),
        Err(_) => sealed.truncate(HEAD_BYTES),
    }
    sealed
}

/// Opens what [`seal_bytes`] sealed for the event.
///
/// # Errors
/// Why it cannot be opened.
pub fn open_bytes(sealed: &[u8], keys: &[(u32, SealKey)], event_id: EventId) -> Result<Vec<u8>, OpenError> {
    if sealed.is_empty() {
        return Err(OpenError::Erased);
    }
    let (&format, rest) = sealed.split_first().ok_or(OpenError::Format)?;
    let (key_id, rest) = rest.split_first_chunk::<4>().ok_or(OpenError::Format)?;
    let (nonce, text) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(OpenError::Format)?;
    if format != FORMAT {
        return Err(OpenError::Format);
    }
    let key_id = u32::from_be_bytes(*key_id);
    let (_, key) = keys.iter().find(|(id, _)| *id == key_id).ok_or(OpenError::UnknownKey(key_id))?;
    let associated = event_id.as_u128().to_be_bytes();
    let cipher = Aes256Gcm::new(&key.0.into());
    cipher
        .decrypt(&Nonce::from(*nonce), Payload { msg: text, aad: &associated })
        .map_err(|_| OpenError::Forged)
}

#[derive(Clone, PartialEq, prost::Message)]
struct SealedV1 {
    #[prost(string, tag = "1")]
    method: String,
    #[prost(bool, tag = "2")]
    secure: bool,
    #[prost(string, tag = "3")]
    host: String,
    #[prost(bytes = "vec", tag = "4")]
    target: Vec<u8>,
    #[prost(message, repeated, tag = "5")]
    headers: Vec<HeaderV1>,
    #[prost(bytes = "vec", tag = "6")]
    body: Vec<u8>,
    #[prost(string, optional, tag = "7")]
    peer: Option<String>,
    #[prost(string, optional, tag = "8")]
    client: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct HeaderV1 {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// Seals a request and its client's address for the event with this id: the fields of [`SealedV1`], in its order.
pub fn seal(
    original: &Inbound,
    client: Option<IpAddr>,
    (key_id, key): (u32, &SealKey),
    event_id: EventId,
    nonce_seed: Seed,
) -> Vec<u8> {
    let lines = original.headers.iter().map(|(name, value)| name.len().saturating_add(value.len()));
    // Each line has two tags and three lengths of up to two bytes beside its text.
    let lines = lines.fold(0_usize, |sum, line| sum.saturating_add(line).saturating_add(8));
    let room = original.target.len().saturating_add(original.body.len()).saturating_add(lines);
    seal_written(key, key_id, event_id, nonce_seed, |mut sealed| {
        sealed.reserve_exact(room.saturating_add(FRAME_BYTES));
        let mut writer = Writer::behind(sealed);
        writer.bytes(1, original.method.name().as_bytes());
        if original.secure {
            writer.number(2, 1);
        }
        writer.bytes(3, original.host.as_bytes());
        writer.bytes(4, &original.target);
        for (name, value) in &original.headers {
            writer.message(5, |writer| {
                writer.bytes(1, name.as_bytes());
                writer.bytes(2, value);
            });
        }
        writer.bytes(6, &original.body);
        for (tag, address) in [(7, original.peer), (8, client)] {
            if let Some(address) = address {
                writer.shown(tag, address);
            }
        }
        writer.into_bytes()
    })
}

impl Sealed {
    /// Seals the part for the event with this id.
    pub fn seal(&self, key: &SealKey, key_id: u32, event_id: EventId, nonce_seed: Seed) -> Vec<u8> {
        seal(&self.original, self.client, (key_id, key), event_id, nonce_seed)
    }

    /// Opens the sealed part of the event with this id, by whichever of the keys sealed it.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub fn open(bytes: &[u8], keys: &[(u32, SealKey)], event_id: EventId) -> Result<Self, OpenError> {
        let plain = open_bytes(bytes, keys, event_id)?;
        let malformed = |reason: String| OpenError::Malformed(reason);
        let message = SealedV1::decode(plain.as_slice()).map_err(|error| malformed(error.to_string()))?;
        let method = Method::parse(&message.method);
        let original = Inbound {
            method: method.ok_or_else(|| malformed(format!("`{}` is no known method", message.method)))?,
            secure: message.secure,
            host: message.host,
            target: message.target,
            headers: message.headers.into_iter().map(|header| (header.name, header.value)).collect(),
            body: message.body,
            peer: address(message.peer)?,
        };
        Ok(Self { original, client: address(message.client)? })
    }
}

fn address(text: Option<String>) -> Result<Option<IpAddr>, OpenError> {
    let parse =
        |text: String| text.parse().map_err(|_| OpenError::Malformed("an address is none".to_owned()));
    text.map(parse).transpose()
}
