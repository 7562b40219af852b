//! Which headers go on to a platform, and which come back.

use tracking::cookie;
use tracking::dialect::{CookieForm, CookieRule};
use tracking::{Class, Event, Inbound};

use super::reading;
use crate::policy::Snapshot;

/// Marks a request that an edge has sent, so that a loop ends at the first turn.
pub(super) const HOP_MARK: &str = "x-turnout-hop";

/// Headers that belong to one connection, or that we write ourselves.
const OWN_TO_A_HOP: [&str; 14] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "expect",
    "host",
    "content-length",
    "alt-svc",
];

fn passes(name: &str) -> bool {
    !OWN_TO_A_HOP.contains(&name)
}

/// What becomes of cookies between a browser and the legacy platform.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Cookies {
    /// True where the platform's own cookies belong to the request, as where somebody is logged in, and where
    /// nothing is known of it. Elsewhere the declared ones alone pass.
    pub(super) all: bool,
    /// True if the visitor refused: no declared cookie goes either way.
    pub(super) refused: bool,
}

impl Cookies {
    /// Before the request is read: whether it refuses is told by its headers alone.
    pub(super) fn of(snapshot: &Snapshot, inbound: &Inbound) -> Self {
        let endpoint = snapshot.migration.legacy.recognise(&inbound.host, inbound.path());
        let silent = Event::new(endpoint.map_or(Class::Unrecognised, |endpoint| endpoint.class));
        let consent = reading::consent_of(&silent, inbound, inbound.country(), snapshot).consent;
        Self { all: endpoint.is_none_or(|endpoint| endpoint.all_cookies), refused: !consent.permits() }
    }

    /// Drops what nobody declared, before anything is kept, logged or passed on.
    pub(super) fn drop_foreign(self, snapshot: &Snapshot, inbound: &mut Inbound) {
        if !self.all {
            cookie::keep(&mut inbound.headers, |name| {
                let opt_out = snapshot.migration.legacy.opt_out.as_ref();
                let chosen = opt_out.is_some_and(|opt_out| opt_out.cookie.as_bytes() == name);
                chosen || declared(snapshot, name).is_some()
            });
        }
    }

    /// True if the cookie called `name` goes on to the legacy platform, or comes back from it. The new form is
    /// ours alone.
    pub(super) fn passes(self, snapshot: &Snapshot, name: &[u8]) -> bool {
        match declared(snapshot, name) {
            Some(rule) => !self.refused && rule.form == CookieForm::Old,
            None => self.all,
        }
    }

    /// Drops what the platform's answer may not set: of a visitor who refused, everything that no log-in needs.
    pub(super) fn drop_refused(self, snapshot: &Snapshot, headers: &mut Vec<(String, Vec<u8>)>) {
        if !self.refused {
            return;
        }
        headers.retain(|(header, value)| {
            let end = value.iter().position(|&byte| byte == b'=').unwrap_or(value.len());
            let name = value.get(..end).unwrap_or_default().trim_ascii();
            header != "set-cookie" || (self.all && self.passes(snapshot, name))
        });
    }
}

fn declared<'s>(snapshot: &'s Snapshot, name: &[u8]) -> Option<&'s CookieRule> {
    snapshot.migration.cookies.iter().find(|rule| rule.declares(name))
}

/// The headers that a client's request goes on with.
pub(super) fn outgoing(inbound: &Inbound, cookies: Cookies, snapshot: &Snapshot) -> Vec<(String, Vec<u8>)> {
    let forwarded = |name: &str| name.starts_with("x-forwarded-") || name == "forwarded";
    let kept = inbound.headers.iter().filter(|(name, _)| passes(name) && !forwarded(name));
    let mut headers: Vec<(String, Vec<u8>)> = kept.cloned().collect();
    cookie::keep(&mut headers, |name| cookies.passes(snapshot, name));
    // Answers are passed on as they are, so the platform may compress for the client alone.
    if let Some(peer) = inbound.peer {
        headers.push(("x-forwarded-for".to_owned(), peer.to_string().into_bytes()));
    }
    let scheme = if inbound.secure { "https" } else { "http" };
    headers.push(("x-forwarded-proto".to_owned(), scheme.as_bytes().to_vec()));
    headers.push((HOP_MARK.to_owned(), b"1".to_vec()));
    headers
}

/// The headers that a platform's answer comes back with. What could end a header line is left out.
pub(super) fn incoming(headers: Vec<(String, Vec<u8>)>) -> Vec<(String, String)> {
    let clean = |(name, value): (String, Vec<u8>)| {
        let value: String = String::from_utf8_lossy(&value).into_owned();
        let sound = !value.chars().any(|c| c.is_control() && c != '\t');
        (passes(&name) && sound).then_some((name, value))
    };
    headers.into_iter().filter_map(clean).collect()
}
