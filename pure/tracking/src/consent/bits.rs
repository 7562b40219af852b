//! Reading bit fields out of base64url text, as consent strings are written, without copying the text.

/// Base64url text as a row of bits, six to a character.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bits<'a>(&'a [u8]);

impl<'a> Bits<'a> {
    /// The bits of `text`; none if a character is not of the alphabet. Padding at the end is allowed.
    pub(super) fn new(text: &'a str) -> Option<Self> {
        let bytes = text.trim_end_matches('=').as_bytes();
        bytes.iter().all(|&byte| sextet(byte).is_some()).then_some(Self(bytes))
    }

    /// How many bits there are.
    pub(super) const fn len(self) -> usize {
        self.0.len().saturating_mul(6)
    }

    /// The bit at `place`, from 0; none behind the end.
    pub(super) fn bit(self, place: usize) -> Option<bool> {
        let six = sextet(*self.0.get(place / 6)?)?;
        Some(six & (0b10_0000 >> (place % 6)) != 0)
    }

    /// The number of `width` bits (at most 16) at `place`, the first one the highest.
    pub(super) fn number(self, place: usize, width: usize) -> Option<u16> {
        (0..width).try_fold(0_u16, |number, step| {
            let bit = self.bit(place.checked_add(step)?)?;
            Some((number << 1) | u16::from(bit))
        })
    }
}

fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => byte.checked_sub(b'A'),
        b'a'..=b'z' => byte.checked_sub(b'a')?.checked_add(26),
        b'0'..=b'9' => byte.checked_sub(b'0')?.checked_add(52),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    }
}

/// A place in a row of bits that moves as it is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    bits: Bits<'a>,
    place: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at `place`.
    pub(super) const fn at(bits: Bits<'a>, place: usize) -> Self {
        Self { bits, place }
    }

    /// Where it stands.
    pub(super) const fn place(self) -> usize {
        self.place
    }

    /// The next bit.
    pub(super) fn bit(&mut self) -> Option<bool> {
        let bit = self.bits.bit(self.place)?;
        self.place = self.place.checked_add(1)?;
        Some(bit)
    }

    /// The next `width` bits as a number.
    pub(super) fn number(&mut self, width: usize) -> Option<u16> {
        let number = self.bits.number(self.place, width)?;
        self.place = self.place.checked_add(width)?;
        Some(number)
    }

    /// Moves on by `width` bits, which must be there.
    pub(super) fn skip(&mut self, width: usize) -> Option<()> {
        self.place = self.place.checked_add(width).filter(|end| *end <= self.bits.len())?;
        Some(())
    }

    /// The next number in Fibonacci coding: the sum of the Fibonacci numbers whose bits are set, ended by a
    /// second set bit in a row.
    pub(super) fn fibonacci(&mut self) -> Option<u16> {
        let (mut this, mut next) = (1_u32, 2_u32);
        let (mut sum, mut before) = (0_u32, false);
        loop {
            let bit = self.bit()?;
            if bit && before {
                return u16::try_from(sum).ok();
            }
            if bit {
                sum = sum.checked_add(this)?;
            }
            before = bit;
            (this, next) = (next, this.checked_add(next)?);
        }
    }
}
