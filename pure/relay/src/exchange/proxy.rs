//! Asking the legacy platform and passing its answer on, with a local reply if there is none.
//!
//! One try, within one deadline. A shopper's click that the platform fails is sent on by ourselves; what a
//! program asked for gets the platform's own answer, errors included.

use tracking::dialect::{Endpoint, ReplyKind};
use tracking::{Answer, Class, Home};
use units::Timestamp;

use super::conversion::original;
use super::{Exchange, State, headers, local};
use crate::reply::{Mode, Reply};
use crate::step::Step;

/// A request whose answer is awaited.
#[derive(Debug)]
pub(super) struct Pending {
    fallback: Fallback,
}

/// What is replied where the platform does not answer.
#[derive(Debug)]
pub(super) struct Fallback {
    reply: Reply,
    /// True if an error of the platform counts as no answer.
    replaces_errors: bool,
}

impl Fallback {
    /// For a click that we can send on ourselves.
    pub(super) const fn reply(reply: Reply) -> Self {
        Self { reply, replaces_errors: true }
    }

    /// For a click that nobody can send on.
    pub(super) fn shopper() -> Self {
        Self { reply: local::page(404), replaces_errors: true }
    }

    /// For an endpoint that is passed to the platform untouched.
    pub(super) fn endpoint(endpoint: &Endpoint) -> Self {
        match (endpoint.class, endpoint.reply) {
            (Class::Click, _) => Self::shopper(),
            (_, kind) => {
                let replaces_errors =
                    kind != ReplyKind::Page || endpoint.replacement.is_some() || endpoint.instead.is_some();
                Self { reply: local::of_endpoint(endpoint), replaces_errors }
            }
        }
    }

    /// For a reply of this kind.
    pub(super) fn kind(kind: ReplyKind) -> Self {
        Self { reply: local::of_kind(kind), replaces_errors: kind != ReplyKind::Page }
    }

    /// For what the dialect does not know.
    pub(super) fn unrecognised() -> Self {
        Self::kind(ReplyKind::Page)
    }
}

impl Exchange {
    pub(super) fn proxy(&mut self, fallback: Fallback, now: Timestamp) {
        if self.legacy_is_silent() {
            return self.reply(fallback.reply, now);
        }
        let request = original(&self.inbound, self.cookies, &self.snapshot);
        let within = self.snapshot.policy.proxy_deadline;
        let repeatable = self.inbound.method.is_safe() && self.changes_nothing();
        self.steps.push_back(Step::Send { request, within, repeatable });
        self.state = State::Proxy(Box::new(Pending { fallback }));
    }

    /// True if the legacy platform is down, or gone for good: nobody waits for it.
    pub(super) fn legacy_is_silent(&self) -> bool {
        self.health.legacy_open || !self.snapshot.policy.legacy_lives
    }

    /// True if the request may be processed twice without harm. A click may; an interface call may not.
    const fn changes_nothing(&self) -> bool {
        matches!(self.class, Class::Click | Class::Impression | Class::Script | Class::Report)
    }

    pub(super) fn proxy_answered(
        &mut self,
        pending: Pending,
        home: Home,
        mut answer: Answer,
        now: Timestamp,
    ) {
        self.report_asked(home, true);
        let failed = answer.status >= 500 || answer.status == 429;
        let reply = if failed && pending.fallback.replaces_errors {
            pending.fallback.reply
        } else {
            self.cookies.drop_refused(&self.snapshot, &mut answer.headers);
            let headers = headers::incoming(answer.headers);
            Reply { mode: Mode::Proxy, status: answer.status, headers, body: answer.body }
        };
        self.reply(reply, now);
    }

    pub(super) fn proxy_unanswered(&mut self, pending: Pending, home: Home, now: Timestamp) {
        self.report_asked(home, false);
        self.reply(pending.fallback.reply, now);
    }
}
