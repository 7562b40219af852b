//! Files that are the same for everybody: kept on the edge's shelf, asked for once, replaced where the
//! platform is gone.
//!
//! Nothing that tells one visitor from another takes part: the platform is asked without the client's headers,
//! and what it says about cookies is dropped.

use core::time::Duration;
use std::sync::Arc;

use tracking::dialect::{Endpoint, KeepRule, ReplyKind};
use tracking::{Answer, Home, Method, Outbound};
use units::Timestamp;
use units::limits::{KEPT_BYTES_MAX, SHELF_KEY_BYTES_MAX};

use super::{Exchange, State, headers, local};
use crate::reply::{Mode, Reply};
use crate::shelf::{Kept, KeptKind};
use crate::step::Step;

/// How long the platform's word that there is no such file is believed.
const ABSENT_FOR: Duration = Duration::from_secs(60);

/// How long nobody asks again after the platform gave nothing.
const FAILED_FOR: Duration = Duration::from_secs(5);

/// How long a client may keep what is stale, or a file of ours that stands in: the platform may be back.
pub(super) const SHORTLY: Duration = Duration::from_secs(300);

/// Headers that describe the content, and may be told to everybody.
const DESCRIBING: [&str; 8] = [
    "content-type",
    "content-language",
    "content-disposition",
    "etag",
    "last-modified",
    "access-control-allow-origin",
    "cross-origin-resource-policy",
    "x-content-type-options",
];

/// A file that is waited for.
#[derive(Debug)]
pub(super) struct Pending {
    key: Vec<u8>,
    rule: KeepRule,
    /// What is replied where nothing can be had.
    fallback: Reply,
    /// True if a page is an answer, as it is none where an image or a script was asked for.
    wants_page: bool,
    stale: Option<Arc<Kept>>,
}

/// What a platform's answer is good for.
enum Use {
    /// It is kept.
    Keep(Kept),
    /// What is kept is still right, until then.
    Renew(Timestamp),
    /// It is passed on to this client alone.
    Pass,
    /// It is no answer to the question.
    Fail,
}

impl Exchange {
    /// True if the request is for a file that may be kept.
    pub(super) fn asks_for_a_file(&self, endpoint: &Endpoint) -> bool {
        let method = matches!(self.inbound.method, Method::Get | Method::Head);
        let short = self.inbound.target.len().saturating_add(self.inbound.host.len()) < SHELF_KEY_BYTES_MAX;
        endpoint.keep.is_some() && method && short && self.inbound.body.is_empty()
    }

    pub(super) fn file(&mut self, endpoint: &Endpoint, rule: KeepRule) {
        let mut key = self.inbound.host.clone().into_bytes();
        key.extend_from_slice(&self.inbound.target);
        let fallback = local::of_endpoint(endpoint);
        let wants_page = endpoint.reply == ReplyKind::Page;
        let within = self.snapshot.policy.proxy_deadline;
        self.steps.push_back(Step::Find { key: key.clone(), within });
        self.state = State::Find(Box::new(Pending { key, rule, fallback, wants_page, stale: None }));
    }

    pub(super) fn file_found(
        &mut self,
        mut pending: Pending,
        kept: Option<Arc<Kept>>,
        claimed: bool,
        now: Timestamp,
    ) {
        match kept {
            Some(kept) if kept.is_fresh(now) || !claimed => return self.reply_kept(&kept, now),
            None if !claimed => return self.reply(pending.fallback, now),
            stale => pending.stale = stale,
        }
        if self.legacy_is_silent() {
            return self.file_failed(pending, now);
        }
        let request = self.question(pending.stale.as_deref());
        let within = self.snapshot.policy.proxy_deadline;
        self.steps.push_back(Step::Send { request, within, repeatable: true });
        self.state = State::File(Box::new(pending));
    }

    /// The request for a file: the address, and what tells whether our copy is still right.
    fn question(&self, stale: Option<&Kept>) -> Outbound {
        let mut lines = vec![("accept".to_owned(), b"*/*".to_vec())];
        for (asked, known) in [("if-none-match", "etag"), ("if-modified-since", "last-modified")] {
            if let Some(value) = stale.and_then(|kept| kept.header(known)) {
                lines.push((asked.to_owned(), value.as_bytes().to_vec()));
            }
        }
        let scheme = if self.inbound.secure { "https" } else { "http" };
        lines.push(("x-forwarded-proto".to_owned(), scheme.as_bytes().to_vec()));
        lines.push((headers::HOP_MARK.to_owned(), b"1".to_vec()));
        Outbound {
            home: Home::Legacy,
            method: Method::Get.name().into(),
            secure: self.inbound.secure,
            host: self.inbound.host.as_str().into(),
            target: self.inbound.target.clone(),
            headers: lines,
            body: Vec::new(),
        }
    }

    pub(super) fn file_answered(&mut self, pending: Pending, home: Home, answer: Answer, now: Timestamp) {
        self.report_asked(home, true);
        match use_of(&answer, &pending, now) {
            Use::Keep(kept) => self.keep_and_reply(pending.key, kept, now),
            Use::Renew(fresh_until) => match &pending.stale {
                Some(stale) => {
                    let stale_until = fresh_until.plus(pending.rule.stale);
                    let kind = KeptKind::Content;
                    let kept = Kept { kind, stored_at: now, fresh_until, stale_until, ..(**stale).clone() };
                    self.keep_and_reply(pending.key, kept, now);
                }
                None => self.file_failed(pending, now),
            },
            Use::Pass => {
                self.steps.push_back(Step::Keep { key: pending.key, kept: None });
                let mut headers = headers::incoming(answer.headers);
                headers.retain(|(name, _)| name != "set-cookie");
                let reply = Reply { mode: Mode::Proxy, status: answer.status, headers, body: answer.body };
                self.reply(reply, now);
            }
            Use::Fail => self.file_failed(pending, now),
        }
    }

    pub(super) fn file_unanswered(&mut self, pending: Pending, home: Home, now: Timestamp) {
        self.report_asked(home, false);
        self.file_failed(pending, now);
    }

    /// The platform gives nothing: the stale copy, else what stands in for it. Nobody asks again for a moment.
    fn file_failed(&mut self, pending: Pending, now: Timestamp) {
        let fresh_until = now.plus(FAILED_FOR);
        let kept = match pending.stale.as_deref().filter(|kept| kept.kind != KeptKind::Substitute) {
            Some(stale) => {
                let fresh_until = fresh_until.min(stale.stale_until);
                Kept { kind: KeptKind::Stale, fresh_until, ..stale.clone() }
            }
            None => Kept {
                kind: KeptKind::Substitute,
                status: pending.fallback.status,
                headers: pending.fallback.headers,
                body: pending.fallback.body,
                stored_at: now,
                fresh_until,
                stale_until: fresh_until,
            },
        };
        self.keep_and_reply(pending.key, kept, now);
    }

    fn keep_and_reply(&mut self, key: Vec<u8>, kept: Kept, now: Timestamp) {
        self.reply_kept(&kept, now);
        // Before the reply, so that whoever waits for the same goes on.
        self.steps.push_front(Step::Keep { key, kept: Some(kept) });
    }

    /// Replies with a kept answer, or with the news that the client's own copy is still right.
    fn reply_kept(&mut self, kept: &Kept, now: Timestamp) {
        let substitute = kept.kind == KeptKind::Substitute;
        let mut headers = kept.headers.clone();
        if !substitute {
            let stale = kept.kind == KeptKind::Stale || !kept.is_fresh(now);
            let left = if stale { SHORTLY } else { kept.fresh_until.since(now) };
            headers.push(("cache-control".to_owned(), format!("public, max-age={}", left.as_secs())));
            headers.push(("accept-ranges".to_owned(), "none".to_owned()));
        }
        let unchanged = kept.status == 200 && self.has_already(kept);
        let status = if unchanged { 304 } else { kept.status };
        let body = if unchanged { Vec::new() } else { kept.body.clone() };
        let mode = if substitute { Mode::Local } else { Mode::Kept };
        self.reply(Reply { mode, status, headers, body }, now);
    }

    /// True if the client names the copy that we have.
    fn has_already(&self, kept: &Kept) -> bool {
        let weak = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        match (self.inbound.header("if-none-match"), kept.header("etag")) {
            (Some(known), Some(tag)) => {
                known.split(',').any(|one| one.trim() == "*" || weak(one) == weak(tag))
            }
            (Some(_), None) => false,
            (None, _) => {
                let since = self.inbound.header("if-modified-since");
                since.is_some() && since == kept.header("last-modified")
            }
        }
    }
}

/// What `answer` is good for.
fn use_of(answer: &Answer, pending: &Pending, now: Timestamp) -> Use {
    let fresh = fresh_for(answer, pending.rule.fresh);
    match answer.status {
        304 if pending.stale.is_some() => Use::Renew(now.plus(fresh.unwrap_or(FAILED_FOR))),
        // A platform that is shut down answers everything with a page, and a page is no script.
        200 if !pending.wants_page && is_page(answer) => Use::Fail,
        200 => match fresh.filter(|_| may_be_kept(answer)) {
            Some(fresh) => Use::Keep(kept(answer, KeptKind::Content, (fresh, pending.rule.stale), now)),
            None => Use::Pass,
        },
        404 | 410 => Use::Keep(kept(answer, KeptKind::Absent, (ABSENT_FOR, Duration::ZERO), now)),
        429 | 500.. => Use::Fail,
        _ => Use::Pass,
    }
}

/// A copy for the shelf, with what describes the content and nothing else.
fn kept(answer: &Answer, kind: KeptKind, (fresh, stale): (Duration, Duration), now: Timestamp) -> Kept {
    let mut headers = headers::incoming(answer.headers.clone());
    headers.retain(|(name, _)| DESCRIBING.contains(&name.as_str()));
    let fresh_until = now.plus(fresh);
    let stale_until = fresh_until.plus(stale);
    Kept {
        kind,
        status: answer.status,
        headers,
        body: answer.body.clone(),
        stored_at: now,
        fresh_until,
        stale_until,
    }
}

fn is_page(answer: &Answer) -> bool {
    answer.header("content-type").is_some_and(|value| value.to_ascii_lowercase().starts_with("text/html"))
}

/// True unless the answer depends on who asked, or is too large.
fn may_be_kept(answer: &Answer) -> bool {
    let varies = answer.header("vary").is_some_and(|value| value.trim() == "*");
    let coded = answer.header("content-encoding").is_some_and(|value| value.trim() != "identity");
    !varies && !coded && answer.body.len() <= KEPT_BYTES_MAX
}

/// How long the answer is as good as new: as declared, or less if the platform says so. None if it says that
/// nobody may keep it.
fn fresh_for(answer: &Answer, declared: Duration) -> Option<Duration> {
    let said = answer.header("cache-control").unwrap_or_default().to_ascii_lowercase();
    let mut said_for = None;
    for directive in said.split(',').map(str::trim) {
        match directive.split_once('=') {
            None if directive == "no-store" || directive == "private" => return None,
            None if directive == "no-cache" => said_for = Some(0),
            Some(("s-maxage", seconds)) => said_for = seconds.trim_matches('"').parse().ok().or(said_for),
            Some(("max-age", seconds)) if said_for.is_none() => {
                said_for = seconds.trim_matches('"').parse().ok()
            }
            _ => {}
        }
    }
    Some(said_for.map_or(declared, |seconds| declared.min(Duration::from_secs(seconds))))
}
