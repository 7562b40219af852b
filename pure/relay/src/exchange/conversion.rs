//! A conversion: durable first, then replied to; delivered later, by somebody else.

use std::borrow::Cow;
use std::sync::Arc;

use tracking::cookie;
use tracking::dialect::ReplyKind;
use tracking::event::{Click, Event};
use tracking::migration::{ConversionOrder, Evidence};
use tracking::{Answer, Field, Home, Inbound, Outbound, SendFailure, Verdict};
use units::Timestamp;
use units::limits::HAND_OVER_WITHIN;

use super::reading::Reading;
use super::{Exchange, State, codes, headers, local, unidentified};
use crate::envelope::{self, Envelope, Purpose, Sent};
use crate::fact::Fact;
use crate::policy::Snapshot;
use crate::reply::{Mode, Reply};
use crate::step::{AppendFailure, Step};

/// A conversion that waits for its durability.
#[derive(Debug)]
pub(super) struct Pending {
    reply: Reply,
    kind: ReplyKind,
    /// True if the outbox or a copy may hold it all the same.
    perhaps: bool,
    /// How its owner is told at once, when the outbox has failed.
    direct: Option<Direct>,
}

#[derive(Debug)]
struct Direct {
    request: Outbound,
    endpoint: String,
    event: Event,
}

impl Exchange {
    pub(super) fn conversion(&mut self, reading: &Reading<'_>, now: Timestamp) {
        let snapshot = Arc::clone(&self.snapshot);
        let kind = reading.decoded.endpoint.reply;
        let mut reply = local::pixel(Mode::Accept, 200);
        if self.only_looks() {
            return self.reply(reply, now);
        }
        let envelope = self.told(&snapshot, reading);
        self.renew(&snapshot, reading, envelope.cookie_click.as_ref(), &mut reply);
        let entry = self.entry(envelope.encode());
        self.state = State::Append(Box::new(Pending { reply, kind, perhaps: false, direct: None }));
        self.steps.push_back(Step::Append(entry));
    }

    /// The whole envelope of a conversion.
    fn told(&self, snapshot: &Snapshot, reading: &Reading<'_>) -> Envelope {
        let mut envelope = self.envelope(snapshot, reading, purpose(&reading.decoded.event));
        envelope.key = reading.key(snapshot);
        envelope.click = reading.proven_click(snapshot);
        envelope.cookie_click = reading.remembered_click(snapshot, &self.inbound);
        envelope
    }

    /// A request that is recorded and answered and never booked: a copy of one that goes elsewhere.
    pub(super) fn record_only(&mut self, now: Timestamp) {
        let snapshot = Arc::clone(&self.snapshot);
        let inbound = Arc::clone(&self.inbound);
        let endpoint = snapshot.migration.legacy.recognise(&inbound.host, inbound.path());
        if let Some(endpoint) = endpoint.filter(|_| !self.only_looks()) {
            let reading = super::read(&snapshot, endpoint, &inbound, self.event_id, self.opened_at);
            self.understood(&reading);
            self.heed(&reading);
            let envelope = self.envelope(&snapshot, &reading, Purpose::Shadow);
            let entry = self.entry(envelope.encode());
            self.steps.push_back(Step::Record(entry));
        }
        self.reply(local::pixel(Mode::Accept, 200), now);
    }

    /// The envelope of this request, without key and clicks.
    pub(super) fn envelope(&self, snapshot: &Snapshot, reading: &Reading<'_>, purpose: Purpose) -> Envelope {
        let seed = self.seed.fork(0x5e);
        // Sealed is what the legacy platform may be told later: not our own form of cookie, and none of one who refused.
        let mut inbound = Cow::Borrowed(self.inbound.as_ref());
        let passes = |name: &[u8]| self.cookies.passes(snapshot, name);
        if !cookie::holds_only(&inbound.headers, passes) {
            cookie::keep(&mut inbound.to_mut().headers, passes);
        }
        let key = snapshot.secrets.seal_keys.first();
        let sealed = key.map_or_else(Vec::new, |(id, key)| {
            envelope::seal(&inbound, inbound.peer, (*id, key), self.event_id, seed)
        });
        let mut event = reading.decoded.event.clone();
        if !reading.consent.permits() {
            // Refused: no identifier is stored (I10), whatever the event is and wherever it goes.
            unidentified::forget(&mut event);
        }
        Envelope {
            event_id: self.event_id,
            purpose,
            received_at: self.opened_at,
            endpoint: reading.decoded.endpoint.name.clone(),
            event,
            key: None,
            consent: reading.consent,
            click: None,
            cookie_click: None,
            problems: codes(&reading.decoded.problems),
            country: self.inbound.country().map(str::to_owned),
            trace_parent: self.inbound.header("traceparent").map(str::to_owned),
            sealed,
            sent: None,
        }
    }

    /// Pixels renew the cookies of a click that they remember, for what is left of the window.
    fn renew(
        &self,
        snapshot: &Snapshot,
        reading: &Reading<'_>,
        remembered: Option<&Click>,
        reply: &mut Reply,
    ) {
        let (Some(click), Some(advertiser)) = (remembered, reading.advertiser.as_ref()) else { return };
        let window = snapshot.policy.click_window(advertiser, click.publisher_id);
        let left = window.saturating_sub(self.opened_at.since(click.at));
        if click.click_id.is_empty() {
            return;
        }
        let lives = snapshot.policy.cookie_lives(advertiser, self.opened_at, left);
        let place = self.place(snapshot);
        let lines = cookie::remember(click, &snapshot.migration.cookies, advertiser, place, lives);
        reply.headers.extend(lines.into_iter().map(|line| ("set-cookie".to_owned(), line)));
    }

    /// How the owner could be told at once; only for a browser's pixel, which nobody will send again.
    fn direct(&self) -> Option<Direct> {
        let (snapshot, inbound) = (&self.snapshot, &self.inbound);
        let endpoint = snapshot.migration.legacy.recognise(&inbound.host, inbound.path())?;
        let reading = super::read(snapshot, endpoint, inbound, self.event_id, self.opened_at);
        let proven = reading.proven_click(snapshot);
        let advertiser = reading.advertiser.as_ref().filter(|_| is_browser(inbound))?;
        reading.decoded.event.money(Field::Amount)?;
        if reading.phase.owner() == Home::Legacy {
            let (request, endpoint) =
                (original(inbound, self.cookies, snapshot), reading.decoded.endpoint.name.clone());
            return Some(Direct { request, endpoint, event: reading.decoded.event.clone() });
        }
        let event = reading.event_for_primary(snapshot);
        let credited = proven.as_ref().and_then(|click| snapshot.directory.publisher(click.publisher_id));
        let publisher_primary_id = credited.and_then(|row| row.primary_id);
        let order = ConversionOrder {
            event_id: self.event_id,
            at: self.opened_at,
            event: &event,
            evidence: &evidence(snapshot, &event, proven, publisher_primary_id),
            advertiser_primary_id: advertiser.primary_id?,
            publisher_primary_id,
            consent: reading.consent,
        };
        let dispatch = snapshot.migration.conversion(&order).ok()?;
        Some(Direct { request: dispatch.request, endpoint: dispatch.endpoint.to_string(), event })
    }

    pub(super) fn appended(&mut self, pending: Pending, now: Timestamp) {
        self.steps.push_back(Step::Report(Fact::Appended { event_id: self.event_id }));
        self.reply(pending.reply, now);
    }

    /// The outbox cannot take it: the processor is asked to, whose disk is another one and who knows every order.
    pub(super) fn append_failed(&mut self, mut pending: Pending, failure: AppendFailure, now: Timestamp) {
        let reason = failure.name();
        self.steps.push_back(Step::Report(Fact::AppendFailed { event_id: self.event_id, reason }));
        let Some(envelope) = self.told_again() else {
            return self.reply(local::not_durable(pending.kind), now);
        };
        let entry = self.entry(envelope.encode());
        pending.perhaps = failure == AppendFailure::Unknown;
        self.state = State::HandOver(Box::new(pending));
        self.steps.push_back(Step::HandOver { entry, within: HAND_OVER_WITHIN });
    }

    pub(super) fn handed_over(&mut self, pending: Pending, now: Timestamp) {
        self.steps.push_back(Step::Report(Fact::HandedOver { event_id: self.event_id }));
        self.reply(pending.reply, now);
    }

    /// Neither outbox nor processor: a browser's pixel goes to its owner at once, a server's call is refused. What
    /// the processor, an outbox or a copy may hold goes nowhere else: it would be told twice (I2).
    pub(super) fn not_handed_over(&mut self, mut pending: Pending, failure: &SendFailure, now: Timestamp) {
        if pending.perhaps || matches!(failure, SendFailure::Ambiguous(_)) {
            let entry = self.told_again().map(|envelope| self.entry(envelope.encode()));
            self.steps.extend(entry.map(Step::Remember));
            return self.reply(local::not_durable(pending.kind), now);
        }
        pending.direct = self.direct();
        let Some(request) = pending.direct.as_ref().map(|direct| direct.request.clone()) else {
            return self.reply(local::not_durable(pending.kind), now);
        };
        pending.reply.mode = Mode::Proxy;
        let within = self.snapshot.policy.proxy_deadline;
        self.state = State::Direct(Box::new(pending));
        self.steps.push_back(Step::Send { request, within, repeatable: false });
    }

    /// Acknowledged only on an answer that we recognise; never a false yes (I1).
    pub(super) fn direct_answered(&mut self, pending: Pending, home: Home, answer: &Answer, now: Timestamp) {
        self.report_asked(home, true);
        let Some(direct) = &pending.direct else { return self.reply(local::not_durable(pending.kind), now) };
        let judged = self.snapshot.migration.judge(home, &direct.endpoint, &direct.event, answer);
        let endpoint = direct.endpoint.clone();
        let verdict = judged.verdict;
        if matches!(verdict, Verdict::Taken | Verdict::Confirmed | Verdict::Unknown) {
            self.remember(Sent { home, endpoint, verdict, reason: judged.reason });
        }
        let reply = match verdict {
            Verdict::Taken | Verdict::Confirmed => pending.reply,
            _ => local::not_durable(pending.kind),
        };
        self.reply(reply, now);
    }

    /// The processor is told as soon as that is possible: what has left, or may have, is not sent again.
    fn remember(&mut self, sent: Sent) {
        let envelope = self.told_again().map(|told| Envelope { sent: Some(sent), ..told });
        let entry = envelope.map(|envelope| self.entry(envelope.encode()));
        self.steps.extend(entry.map(Step::Remember));
    }

    /// The envelope once more, the same to the byte: nobody keeps it while the outbox works.
    fn told_again(&self) -> Option<Envelope> {
        let (snapshot, inbound) = (Arc::clone(&self.snapshot), Arc::clone(&self.inbound));
        let endpoint = snapshot.migration.legacy.recognise(&inbound.host, inbound.path())?;
        let reading = super::read(&snapshot, endpoint, &inbound, self.event_id, self.opened_at);
        Some(self.told(&snapshot, &reading))
    }

    pub(super) fn direct_unanswered(
        &mut self,
        pending: Pending,
        home: Home,
        failure: &SendFailure,
        now: Timestamp,
    ) {
        self.report_asked(home, false);
        if let (SendFailure::Ambiguous(why), Some(direct)) = (failure, &pending.direct) {
            let (endpoint, verdict) = (direct.endpoint.clone(), Verdict::Unknown);
            self.remember(Sent {
                home,
                endpoint,
                verdict,
                reason: format!("may have been processed: {why}"),
            });
        }
        self.reply(local::not_durable(pending.kind), now);
    }
}

/// What proves the click, for the moment in which only the edge can tell the primary.
fn evidence(snapshot: &Snapshot, event: &Event, proven: Option<Click>, publisher: Option<u64>) -> Evidence {
    let named = event.text(Field::ClickId).filter(|id| snapshot.migration.is_primary_click_id(id));
    match (named, proven) {
        (Some(id), _) => Evidence::PlatformClickId(id.to_owned()),
        (None, Some(click)) if publisher.is_some() => Evidence::Click(click),
        (None, _) => Evidence::None,
    }
}

fn purpose(event: &Event) -> Purpose {
    if event.flag(Field::TestMode) == Some(true) { Purpose::Test } else { Purpose::Live }
}

/// True if a browser sent it: it says so, in the headers that only browsers send or in its name.
fn is_browser(inbound: &Inbound) -> bool {
    let named = inbound.header("user-agent").is_some_and(|agent| agent.starts_with("Mozilla/"));
    named || inbound.header("sec-fetch-dest").is_some()
}

/// The request as it came, for the legacy platform.
pub(super) fn original(inbound: &Inbound, cookies: headers::Cookies, snapshot: &Snapshot) -> Outbound {
    Outbound {
        home: Home::Legacy,
        method: inbound.method.name().into(),
        secure: inbound.secure,
        host: inbound.host.as_str().into(),
        target: inbound.target.clone(),
        headers: headers::outgoing(inbound, cookies, snapshot),
        body: inbound.body.clone(),
    }
}
