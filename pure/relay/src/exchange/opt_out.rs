//! Our own page on which a visitor opts out, and in again. It works whether or not the platform is there.

use tracking::dialect::Dialect;
use tracking::{Inbound, Method, cookie};
use units::Timestamp;

use super::{Exchange, local};
use crate::reply::{Mode, Reply};

/// The form's field and the word in it that takes an opt-out back.
const BACK: &[u8] = b"choice=in";

/// True if the visitor shows the cookie of an opt-out.
pub(super) fn has_opted_out(dialect: &Dialect, inbound: &Inbound) -> bool {
    let Some(opt_out) = &dialect.opt_out else { return false };
    let shown = inbound.header("cookie").unwrap_or_default();
    cookie::pairs(shown).any(|(name, value)| name == opt_out.cookie && value == "1")
}

impl Exchange {
    pub(super) fn opt_out(&mut self, now: Timestamp) {
        let dialect = &self.snapshot.migration.legacy;
        let Some(opt_out) = &dialect.opt_out else {
            return self.reply(local::page(404), now);
        };
        if self.inbound.method == Method::Post {
            let reply = self.opt_out_chosen(&opt_out.cookie);
            return self.reply(reply, now);
        }
        let page = if has_opted_out(dialect, &self.inbound) { &opt_out.done } else { &opt_out.page };
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let headers = vec![
            header("content-type", page.content_type),
            local::no_store(),
            // Nobody else's page may press the button.
            header(
                "content-security-policy",
                "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
            ),
            header("x-frame-options", "DENY"),
        ];
        let body = page.text.as_bytes().to_vec();
        self.reply(Reply { mode: Mode::Local, status: 200, headers, body }, now);
    }

    /// The visitor has pressed the button. A choice is taken from our own page alone: another site could
    /// otherwise opt people out who do not know of it, and somebody loses a commission.
    fn opt_out_chosen(&self, cookie: &str) -> Reply {
        if !self.comes_from_our_page() {
            return local::text(403, "403: a choice is made on this page itself, not from another site.\n");
        }
        let out = !self.inbound.body.windows(BACK.len()).any(|part| part == BACK);
        let shown = self.inbound.header("cookie").unwrap_or_default();
        let rules = &self.snapshot.migration.cookies;
        let lines = cookie::opt_out(cookie, out, shown, rules, self.place(&self.snapshot));
        let path = String::from_utf8_lossy(self.inbound.path()).into_owned();
        let mut headers = vec![("location".to_owned(), path), local::no_store()];
        headers.extend(lines.into_iter().map(|line| ("set-cookie".to_owned(), line)));
        Reply { mode: Mode::Local, status: 303, headers, body: Vec::new() }
    }

    /// True if the browser says that the request is from a page of this host, or is too old to say anything.
    fn comes_from_our_page(&self) -> bool {
        let site = self.inbound.header("sec-fetch-site").is_none_or(|site| site == "same-origin");
        let origin = self.inbound.header("origin").is_none_or(|origin| {
            origin.split_once("://").is_some_and(|(_, host)| {
                let host = host.split(':').next().unwrap_or_default();
                host.eq_ignore_ascii_case(&self.inbound.host)
            })
        });
        site && origin
    }
}
