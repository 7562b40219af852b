//! What a dialect says about pages that send a shopper on.

use super::statics::read_replacement;
use crate::dialect::{Endpoint, Handling, OptOut, SendsOn};
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

pub(super) fn read_opt_out(section: &Section<'_, '_>) -> Option<OptOut> {
    section.text("source");
    let cookie = section.required_text("cookie");
    if !cookie.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        section.mistake_at("cookie", "a cookie's name is made of letters, digits and underscores");
    }
    let page = |key| {
        let page = read_replacement(section, key);
        if page.is_none() {
            section.mistake(format!("`{key}` is missing: the page's file"));
        }
        page
    };
    Some(OptOut { cookie, page: page("page")?, done: page("done")? })
}

/// The tables that endpoints may need.
#[derive(Clone, Copy)]
pub(super) struct Has {
    pub(super) script_page: bool,
    pub(super) opt_out: bool,
    pub(super) short_link: bool,
}

/// Notes endpoints that need a table which is not there.
pub(super) fn note_missing(root: &Section<'_, '_>, endpoints: &[Endpoint], has: Has) {
    for endpoint in endpoints {
        let name = &endpoint.name;
        if endpoint.sends_on == SendsOn::ScriptPage && !has.script_page {
            root.mistake(format!("endpoint `{name}` sends on by a script page: add `[script_page]`"));
        }
        if endpoint.handling == Handling::OptOut && !has.opt_out {
            root.mistake(format!("endpoint `{name}` is for opting out: add `[opt_out]`"));
        }
        if endpoint.handling == Handling::ShortLink && !has.short_link {
            root.mistake(format!("endpoint `{name}` is for short links: add `[short_link]`"));
        }
    }
}
