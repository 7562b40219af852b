//! What a platform needs a consent string to say, from its dialect.

use crate::consent::{Basis, Purpose, Vendor};
use crate::source::Section;

/// Reads the table `[consent]`.
pub(super) fn read(section: &Section<'_, '_>) -> Option<Vendor> {
    section.text("source");
    let purposes = section.sections("purposes", read_purpose);
    let id = section.number("vendor").and_then(|id| u16::try_from(id).ok()).filter(|id| *id > 0);
    if id.is_none() {
        section.mistake("`vendor` is missing or too large: the platform's number in the list of vendors");
    }
    if purposes.is_empty() {
        section.mistake("`purposes` is empty: a vendor that needs nothing needs no `[consent]`");
    }
    Some(Vendor { id: id?, purposes: purposes.into_iter().flatten().collect() })
}

fn read_purpose(section: &Section<'_, '_>) -> Option<Purpose> {
    section.text("why");
    let id = section.number("id").and_then(|id| u16::try_from(id).ok()).filter(|id| (1..=24).contains(id));
    if id.is_none() {
        section.mistake("a purpose has an `id` from 1 to 24");
    }
    let basis = section.choice("basis", &Basis::NAMES, Basis::parse);
    if basis.is_none() {
        section.mistake("a purpose has a `basis`: what it may rest on");
    }
    Some(Purpose { id: id?, basis: basis? })
}
