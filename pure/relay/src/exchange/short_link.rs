//! A short link: the click that it stands for, or nothing that we could guess.

use std::sync::Arc;

use tracking::Inbound;
use tracking::dialect::{Code, Endpoint};
use tracking::directory::Table;
use units::Timestamp;
use units::limits::SHOWN_CODE_CHARS_MAX;

use super::proxy::Fallback;
use super::{Exchange, read};
use crate::fact::Fact;
use crate::policy::Snapshot;
use crate::step::Step;

/// What a short link's request stands for.
#[derive(Debug)]
pub(crate) enum Stored<'s> {
    /// It has no code.
    NoCode,
    /// No table has the code, or what it has is no link of the platform.
    Unmapped(String),
    /// Another link.
    Link(Box<Link<'s>>),
}

/// A link that a table has for a code.
#[derive(Debug)]
pub(crate) struct Link<'s> {
    /// The code.
    pub(crate) code: String,
    /// The pair of the query that the code is, as sent; none if it stood in the path.
    pub(crate) pair: Option<Vec<u8>>,
    /// The link as the table has it.
    pub(crate) text: String,
    /// How many pairs its own query has.
    pub(crate) own_pairs: usize,
    /// The endpoint that takes it.
    pub(crate) endpoint: &'s Endpoint,
    /// The request, as if it had been made for the link.
    pub(crate) inbound: Inbound,
}

/// Finds what `inbound`, a request to a short link's endpoint, stands for.
pub(crate) fn stored<'s>(snapshot: &'s Snapshot, inbound: &Inbound) -> Stored<'s> {
    let dialect = &snapshot.migration.legacy;
    let Some(Code { text: code, pair, rest }) =
        dialect.short_links.as_ref().and_then(|rule| rule.code(inbound))
    else {
        return Stored::NoCode;
    };
    let row = snapshot.directory.short_link(&code);
    let link = row.and_then(|row| dialect.stored_link(&row.link).ok().zip(Some(row)));
    match link {
        Some((link, row)) => Stored::Link(Box::new(Link {
            pair: pair.map(<[u8]>::to_vec),
            text: row.link.into_owned(),
            own_pairs: link.pairs(),
            endpoint: link.endpoint,
            inbound: link.asked_by(inbound, &rest),
            code,
        })),
        None => Stored::Unmapped(code),
    }
}

impl Exchange {
    /// Takes the request for the link that it stands for. Cookies, records and what legacy is asked stay those of
    /// the short link itself.
    pub(super) fn short_link(&mut self, endpoint: &Endpoint, now: Timestamp) {
        let snapshot = Arc::clone(&self.snapshot);
        match stored(&snapshot, &self.inbound) {
            Stored::Link(link) => {
                let reading = read(&snapshot, link.endpoint, &link.inbound, self.event_id, self.opened_at);
                self.translate(&reading, link.endpoint.reply, now);
            }
            Stored::Unmapped(code) => {
                self.miss(Table::ShortLinks, shown(code));
                self.proxy(Fallback::endpoint(endpoint), now);
            }
            Stored::NoCode => self.proxy(Fallback::endpoint(endpoint), now),
        }
    }

    /// Tells of a look-up that found nothing.
    pub(super) fn miss(&mut self, table: Table, key: String) {
        self.steps.push_back(Step::Report(Fact::Unmapped { event_id: self.event_id, table }));
        self.steps.push_back(Step::Miss { table, key });
    }
}

/// A code as people are shown it: what is none, as an address glued to it, is not shown (I9).
fn shown(code: String) -> String {
    let is_code =
        code.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '~' | '_'));
    if is_code && code.len() <= SHOWN_CODE_CHARS_MAX { code } else { "*".to_owned() }
}
