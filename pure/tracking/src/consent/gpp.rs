//! Strings of the Global Privacy Platform: a header that names sections, and the sections.
//!
//! Read are the sections of the United States (who has opted out of sale, sharing or targeted advertising) and
//! the European section, which is a consent string in itself. The others are passed on unread.

use super::bits::{Bits, Cursor};
use super::us;

/// What the header begins with: its own type, and the version that is read.
const HEADER: (u16, u16) = (3, 1);
/// The section that is a European consent string.
const EUROPE: u16 = 2;
/// The section that is a US privacy string as it stands.
const US_PRIVACY: u16 = 6;
/// The optional segment that repeats the browser's global opt-out.
const OPT_OUT_SEGMENT: u16 = 1;
/// An opt-out field's value for "opted out".
const OPTED_OUT: u16 = 1;

/// What a string says, as far as it is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Gpp<'a> {
    /// True if a section of the United States says that the visitor has opted out.
    pub(super) opted_out: bool,
    /// The European section.
    pub(super) europe: Option<&'a str>,
    /// True if something in it cannot be read.
    pub(super) unreadable: bool,
}

/// Which sections apply, as the parameter beside the string says it: numbers with anything between them. None
/// if it names no section at all; then the string's own sections apply.
pub(super) fn applicable(text: &str) -> Option<Vec<u16>> {
    let numbers = text.split(|letter: char| !letter.is_ascii_digit() && letter != '-');
    let numbers: Vec<&str> = numbers.filter(|number| !number.is_empty()).collect();
    let ids = numbers.iter().map(|number| number.parse().unwrap_or(0)).collect();
    (!numbers.is_empty()).then_some(ids)
}

/// True if the European section applies.
pub(super) fn europe_applies(applicable: Option<&[u16]>) -> bool {
    applicable.is_some_and(|ids| ids.contains(&EUROPE))
}

/// Reads a string; where `applicable` names sections, the others count as absent.
pub(super) fn read<'a>(text: &'a str, applicable: Option<&[u16]>) -> Gpp<'a> {
    let unreadable = Gpp { unreadable: true, ..Gpp::default() };
    let mut parts = text.split('~');
    let Some(ids) = parts.next().and_then(section_ids) else { return unreadable };
    let mut sections = 0_usize;
    let mut gpp = Gpp::default();
    for (id, section) in ids.iter().zip(parts.by_ref()) {
        sections = sections.saturating_add(1);
        if applicable.is_some_and(|wanted| !wanted.contains(id)) {
            continue;
        }
        match *id {
            EUROPE => gpp.europe = Some(section),
            id => match opted_out(id, section) {
                Some(opted_out) => gpp.opted_out |= opted_out,
                None => gpp.unreadable = true,
            },
        }
    }
    // A header that promises more or fewer sections than there are cannot say which is which.
    if sections != ids.len() || parts.next().is_some() { unreadable } else { gpp }
}

/// The sections that a header names, in their order.
fn section_ids(header: &str) -> Option<Vec<u16>> {
    let mut cursor = Cursor::at(Bits::new(header)?, 0);
    if (cursor.number(6)?, cursor.number(6)?) != HEADER {
        return None;
    }
    let mut ids = Vec::new();
    let mut last = 0_u16;
    for _ in 0..cursor.number(12)? {
        let is_range = cursor.bit()?;
        let first = last.checked_add(cursor.fibonacci()?)?;
        last = if is_range { first.checked_add(cursor.fibonacci()?)? } else { first };
        if ids.len().saturating_add(usize::from(last.saturating_sub(first))) > SECTIONS_MAX {
            return None;
        }
        ids.extend(first..=last);
    }
    Some(ids)
}

/// Most sections of one string; about thirty are defined.
const SECTIONS_MAX: usize = 256;

/// Whether a section of the United States says that the visitor has opted out; false for another section, none
/// if it cannot be read.
fn opted_out(id: u16, section: &str) -> Option<bool> {
    if id == US_PRIVACY {
        return us::opted_out(section);
    }
    let Some(places) = opt_outs(id) else { return Some(false) };
    let mut segments = section.split('.');
    let core = Bits::new(segments.next()?)?;
    if !versions(id).contains(&core.number(0, 6)?) {
        return None;
    }
    let mut opted_out = false;
    for place in places {
        opted_out |= core.number(*place, 2)? == OPTED_OUT;
    }
    for segment in segments {
        let bits = Bits::new(segment)?;
        opted_out |= bits.number(0, 2)? == OPT_OUT_SEGMENT && bits.bit(2)?;
    }
    Some(opted_out)
}

/// Where a section's opt-outs of sale, sharing and targeted advertising stand, in bits; none for a section that
/// is not one of the United States. The sections differ in the notices before them.
const fn opt_outs(id: u16) -> Option<&'static [usize]> {
    match id {
        // The whole country: sale, sharing, targeted advertising.
        7 => Some(&[18, 20, 22]),
        // California: sale and sharing.
        8 => Some(&[12, 14]),
        // Utah and Iowa have one notice more.
        11 | 18 => Some(&[14, 16]),
        // The other states: sale and targeted advertising.
        9 | 10 | 12..=17 | 19..=27 => Some(&[12, 14]),
        _ => None,
    }
}

/// The versions of a section whose opt-outs stand at those places.
const fn versions(id: u16) -> core::ops::RangeInclusive<u16> {
    if id == 7 { 1..=2 } else { 1..=1 }
}
