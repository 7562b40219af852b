//! Consent strings of the Transparency and Consent Framework, version 2: may this vendor do what it needs to?
//!
//! The core segment holds what the visitor permits for purposes and for vendors, each once by consent and once
//! by legitimate interest, and the publisher's restrictions. Only what bears on one vendor is read. A string
//! that ends before the fields that every string has is unreadable, and so is one of another version.

use super::bits::{Bits, Cursor};

/// The version of the strings that are read.
const VERSION: u16 = 2;
/// Where the fields of the core segment stand, in bits.
const PURPOSE_CONSENTS: usize = 152;
const PURPOSE_INTERESTS: usize = 176;
const VENDORS: usize = 213;
/// The type of the segment that lists the vendors which the visitor was told of.
const DISCLOSED: u16 = 1;

/// A vendor of the framework and what it needs: a platform's own declaration, as its dialect gives it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vendor {
    /// Its number in the framework's list.
    pub id: u16,
    /// Every purpose that it must have a legal basis for.
    pub purposes: Vec<Purpose>,
}

/// A purpose that a vendor needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Purpose {
    /// Its number, from 1 to 24.
    pub id: u16,
    /// What it may rest on.
    pub basis: Basis,
}

/// What a purpose may rest on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Basis {
    /// The visitor's consent alone.
    Consent,
    /// A legitimate interest that the visitor was told of and has not objected to.
    LegitimateInterest,
    /// Either of the two.
    Either,
}

impl Basis {
    /// The names of all.
    pub const NAMES: [&str; 3] = ["consent", "legitimate interest", "consent or legitimate interest"];

    /// The basis called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "consent" => Some(Self::Consent),
            "legitimate interest" => Some(Self::LegitimateInterest),
            "consent or legitimate interest" => Some(Self::Either),
            _ => None,
        }
    }
}

/// What a publisher says about a purpose of a vendor.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Restriction {
    None,
    Forbidden,
    OnlyConsent,
    OnlyInterest,
}

/// What a string says of one vendor.
struct Standing<'a> {
    core: Bits<'a>,
    consented: bool,
    interest: bool,
    /// Where the publisher's restrictions begin.
    restrictions: usize,
}

/// True if the string gives `vendor` a legal basis for everything that it needs; none if it cannot be read.
pub(super) fn permits(text: &str, vendor: &Vendor) -> Option<bool> {
    let mut segments = text.split('.');
    let core = Bits::new(segments.next()?)?;
    if core.number(0, 6)? != VERSION {
        return None;
    }
    let mut cursor = Cursor::at(core, VENDORS);
    let consented = holds(&mut cursor, vendor.id)?;
    let mut interest = holds(&mut cursor, vendor.id)?;
    for segment in segments {
        let bits = Bits::new(segment)?;
        if bits.number(0, 3)? == DISCLOSED {
            // Whoever was not shown to the visitor cannot rely on an interest that nobody could object to.
            interest &= holds(&mut Cursor::at(bits, 3), vendor.id)?;
        }
    }
    let standing = Standing { core, consented, interest, restrictions: cursor.place() };
    // Every purpose is looked at, so that a string which breaks off is unreadable whatever it says before.
    let mut permitted = true;
    for purpose in &vendor.purposes {
        permitted &= standing.permits(vendor.id, *purpose)?;
    }
    Some(permitted)
}

impl Standing<'_> {
    fn permits(&self, vendor: u16, purpose: Purpose) -> Option<bool> {
        let place = usize::from(purpose.id.checked_sub(1)?);
        let set = |field: usize| self.core.bit(field.saturating_add(place));
        let by_consent =
            purpose.basis != Basis::LegitimateInterest && self.consented && set(PURPOSE_CONSENTS)?;
        let by_interest = purpose.basis != Basis::Consent && self.interest && set(PURPOSE_INTERESTS)?;
        Some(match self.restriction(vendor, purpose.id)? {
            Restriction::None => by_consent || by_interest,
            Restriction::Forbidden => false,
            Restriction::OnlyConsent => by_consent,
            Restriction::OnlyInterest => by_interest,
        })
    }

    /// The publisher's word on this purpose of the vendor. If it says several things, the first but the ban wins.
    fn restriction(&self, vendor: u16, purpose: u16) -> Option<Restriction> {
        let mut cursor = Cursor::at(self.core, self.restrictions);
        let mut found = Restriction::None;
        for _ in 0..cursor.number(12)? {
            let (about, kind) = (cursor.number(6)?, cursor.number(2)?);
            let concerns = in_ranges(&mut cursor, vendor)? && about == purpose;
            found = match (concerns, kind) {
                (true, 0) => Restriction::Forbidden,
                (true, 1) if found == Restriction::None => Restriction::OnlyConsent,
                (true, 2) if found == Restriction::None => Restriction::OnlyInterest,
                _ => found,
            };
        }
        Some(found)
    }
}

/// Reads a list of vendors, written as one bit for each or as ranges: does it hold this one?
fn holds(cursor: &mut Cursor<'_>, vendor: u16) -> Option<bool> {
    let highest = cursor.number(16)?;
    if cursor.bit()? {
        return in_ranges(cursor, vendor);
    }
    let mut bits = *cursor;
    cursor.skip(usize::from(highest))?;
    if vendor == 0 || vendor > highest {
        return Some(false);
    }
    bits.skip(usize::from(vendor.saturating_sub(1)))?;
    bits.bit()
}

/// Reads ranges of vendors to their end: is this one in any?
fn in_ranges(cursor: &mut Cursor<'_>, vendor: u16) -> Option<bool> {
    let mut found = false;
    for _ in 0..cursor.number(12)? {
        let is_range = cursor.bit()?;
        let first = cursor.number(16)?;
        let last = if is_range { cursor.number(16)? } else { first };
        found |= (first..=last).contains(&vendor);
    }
    Some(found)
}
