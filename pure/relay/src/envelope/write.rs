//! Writing protocol buffers from what is borrowed.
//!
//! prost writes a message that it owns, so that each request would be copied before it is encrypted and each field
//! of its event before it is written. Reading stays with prost, and the tests hold both to the same bytes.

use core::fmt::{self, Write as _};

const VARINT: u64 = 0;
const BYTES: u64 = 2;

/// A message in the making, at the end of a buffer.
#[derive(Debug)]
pub(super) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// A writer that continues behind `bytes`.
    pub(super) const fn behind(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// A number, even 0.
    pub(super) fn number(&mut self, tag: u64, value: u64) {
        self.varint(tag << 3 | VARINT);
        self.varint(value);
    }

    /// A signed number; 0 is left out, as a reader assumes it.
    pub(super) fn signed(&mut self, tag: u64, value: i64) {
        if value != 0 {
            self.number(tag, (value.wrapping_shl(1) ^ (value >> 63)).cast_unsigned());
        }
    }

    /// Text or bytes; nothing is left out, as a reader assumes it.
    pub(super) fn bytes(&mut self, tag: u64, value: &[u8]) {
        if !value.is_empty() {
            self.item(tag, value);
        }
    }

    /// Text or bytes, even empty: for what may be absent and for what repeats.
    pub(super) fn item(&mut self, tag: u64, value: &[u8]) {
        self.varint(tag << 3 | BYTES);
        self.varint(value.len() as u64);
        self.bytes.extend_from_slice(value);
    }

    /// Text as it is shown.
    pub(super) fn shown(&mut self, tag: u64, value: impl fmt::Display) {
        // Writing into memory cannot fail.
        self.message(tag, |writer| {
            let _written = write!(writer, "{value}");
        });
    }

    /// A message within this one.
    pub(super) fn message(&mut self, tag: u64, write: impl FnOnce(&mut Self)) {
        self.varint(tag << 3 | BYTES);
        let start = self.bytes.len();
        write(self);
        let end = self.bytes.len();
        // The length stands before what it is the length of: it is written behind and turned to the front.
        self.varint(end.saturating_sub(start) as u64);
        let length_bytes = self.bytes.len().saturating_sub(end);
        if let Some(both) = self.bytes.get_mut(start..) {
            both.rotate_right(length_bytes);
        }
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(low_bits(value) | 0x80);
            value >>= 7;
        }
        self.bytes.push(low_bits(value));
    }
}

impl fmt::Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the low seven bits are wanted")]
const fn low_bits(value: u64) -> u8 {
    value as u8 & 0x7f
}
