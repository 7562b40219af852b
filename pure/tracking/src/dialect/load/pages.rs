//! What a dialect says about pages that send a shopper on.

use crate::dialect::{Endpoint, SendsOn};
use crate::source::Section;

/// Where the address stands in the page.
const ADDRESS: &str = "{address}";

pub(super) fn read_sends_on(section: &Section<'_, '_>) -> SendsOn {
    let choice = section.choice("sends_on", &["redirect", "script page"], |name| match name {
        "redirect" => Some(SendsOn::Redirect),
        "script page" => Some(SendsOn::ScriptPage),
        _ => None,
    });
    choice.unwrap_or(SendsOn::Redirect)
}

/// The page in two parts. The address is written for a text in single quotes, so it must stand in one.
pub(super) fn read_script_page(section: &Section<'_, '_>) -> Option<(String, String)> {
    section.text("source");
    let template = section.required_text("template");
    let parts = template.split_once(ADDRESS);
    match parts {
        Some((before, behind)) if before.ends_with('\'') && behind.starts_with('\'') => {
            Some((before.to_owned(), behind.to_owned()))
        }
        _ => {
            let message =
                "the template holds `'{address}'` once: the address in single quotes, as a script's text";
            section.mistake_at("template", message);
            None
        }
    }
}

pub(super) fn note_missing(root: &Section<'_, '_>, endpoints: &[Endpoint], has_page: bool) {
    let wanting = endpoints.iter().find(|endpoint| endpoint.sends_on == SendsOn::ScriptPage);
    if let Some(endpoint) = wanting.filter(|_| !has_page) {
        root.mistake(format!("endpoint `{}` sends on by a script page: add `[script_page]`", endpoint.name));
    }
}
