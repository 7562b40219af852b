//! One inbound request, from open to reply, without I/O.
//!
//! A host opens an exchange, asks it for steps, and tells it what happened. The exchange decides everything:
//! what the request means, whether it must be durable before it is answered, which platform is asked, and
//! what is said to the client. The same brain runs in a native server, in a Worker, in the simulator and in
//! `turnout explain` (I6).

mod click;
mod click_reference;
mod conversion;
mod headers;
mod local;
mod opt_out;
pub(crate) mod page;
mod proxy;
mod reading;
mod serve;
pub(crate) mod short_link;
mod statics;
mod unidentified;

use std::collections::VecDeque;
use std::sync::Arc;

use tracking::decode::Problem;
use tracking::dialect::{Endpoint, Handling, ReplyKind};
use tracking::{Class, Home, Inbound, Method};
use units::{EventId, Seed, Timestamp};

pub use self::reading::{Reading, read};
use crate::fact::Fact;
use crate::policy::Snapshot;
use crate::reply::{Mode, Reply};
use crate::seen::{self, Seen};
use crate::shapes;
use crate::step::{Entry, Happened, Step};

/// What an edge knows of the platforms' health when a request comes in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Health {
    /// True while the primary's breaker is open.
    pub primary_open: bool,
    /// True while the legacy platform's breaker is open.
    pub legacy_open: bool,
}

/// One inbound request on its way to a reply.
#[derive(Debug)]
pub struct Exchange {
    snapshot: Arc<Snapshot>,
    inbound: Arc<Inbound>,
    health: Health,
    seed: Seed,
    event_id: EventId,
    opened_at: Timestamp,
    class: Class,
    /// What becomes of cookies between the browser and the legacy platform.
    cookies: headers::Cookies,
    steps: VecDeque<Step>,
    state: State,
    /// What the request log will keep; none once it has been handed over.
    seen: Option<Box<Seen>>,
}

/// What an exchange waits for.
#[derive(Debug)]
enum State {
    /// The entry's durability; then the reply goes out.
    Append(Box<conversion::Pending>),
    /// The processor's word that it holds what the outbox could not take.
    HandOver(Box<conversion::Pending>),
    /// A platform's answer to a conversion that neither outbox nor processor could take.
    Direct(Box<conversion::Pending>),
    /// A platform's answer that is to be passed on.
    Proxy(Box<proxy::Pending>),
    /// What the shelf of kept answers holds.
    Find(Box<statics::Pending>),
    /// A platform's answer that goes onto the shelf.
    File(Box<statics::Pending>),
    /// The processor's answer to a call.
    Serve,
    /// Nothing more.
    Done,
}

impl Exchange {
    /// Opens an exchange for `inbound`, received at `now`.
    pub fn open(
        mut inbound: Inbound,
        snapshot: Arc<Snapshot>,
        health: Health,
        seed: Seed,
        now: Timestamp,
    ) -> Self {
        let cookies = headers::Cookies::of(&snapshot, &inbound);
        cookies.drop_foreign(&snapshot, &mut inbound);
        let event_id = EventId::new(seed, now);
        let mut exchange = Self {
            event_id,
            seen: Some(Box::new(Seen::of(&inbound, event_id, now))),
            snapshot,
            inbound: Arc::new(inbound),
            health,
            seed,
            opened_at: now,
            class: Class::Unrecognised,
            cookies,
            steps: VecDeque::new(),
            state: State::Done,
        };
        exchange.begin(now);
        exchange
    }

    /// The next thing to do; none while it waits for something to happen, or when it is done.
    pub fn poll(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    /// True when nothing more will be asked.
    pub fn is_done(&self) -> bool {
        self.steps.is_empty() && matches!(self.state, State::Done)
    }

    /// The identity of the event that the request is.
    pub const fn event_id(&self) -> EventId {
        self.event_id
    }

    /// Tells the exchange that something happened. What it does not wait for is ignored.
    pub fn handle(&mut self, happened: Happened, now: Timestamp) {
        match (core::mem::replace(&mut self.state, State::Done), happened) {
            (State::Append(pending), Happened::Appended) => self.appended(*pending, now),
            (State::Append(pending), Happened::AppendFailed(failure)) => {
                self.append_failed(*pending, failure, now);
            }
            (State::HandOver(pending), Happened::HandedOver) => self.handed_over(*pending, now),
            (State::HandOver(pending), Happened::NotHandedOver(failure)) => {
                self.not_handed_over(*pending, &failure, now);
            }
            (State::Direct(pending), Happened::Answered { home, answer }) => {
                self.direct_answered(*pending, home, &answer, now);
            }
            (State::Direct(pending), Happened::Unanswered { home, failure }) => {
                self.direct_unanswered(*pending, home, &failure, now);
            }
            (State::Proxy(pending), Happened::Answered { home, answer }) => {
                self.proxy_answered(*pending, home, answer, now);
            }
            (State::Proxy(pending), Happened::Unanswered { home, .. }) => {
                self.proxy_unanswered(*pending, home, now);
            }
            (State::Find(pending), Happened::Found { kept, claimed }) => {
                self.file_found(*pending, kept, claimed, now);
            }
            (State::File(pending), Happened::Answered { home, answer }) => {
                self.file_answered(*pending, home, answer, now);
            }
            (State::File(pending), Happened::Unanswered { home, .. }) => {
                self.file_unanswered(*pending, home, now);
            }
            (State::Serve, Happened::Served(answer)) => self.served(Some(answer), now),
            (State::Serve, Happened::NotServed) => self.served(None, now),
            (waiting, _) => self.state = waiting,
        }
    }

    fn begin(&mut self, now: Timestamp) {
        if self.inbound.header(headers::HOP_MARK).is_some() {
            let text = "508: this request has already passed through this system. A platform's origin leads back \
                        to our own hosts; see `turnout check`.\n";
            return self.reply(local::text(508, text), now);
        }
        let snapshot = Arc::clone(&self.snapshot);
        let inbound = Arc::clone(&self.inbound);
        let Some(endpoint) = snapshot.migration.legacy.recognise_request(&inbound) else {
            let shape = shapes::shape(&snapshot.migration.legacy, &inbound);
            self.asked_for(&shape, false);
            self.steps.push_back(Step::Tally(shape));
            return self.pass(None, now);
        };
        self.class = endpoint.class;
        self.asked_for(&endpoint.name, true);
        if !endpoint.methods.contains(&inbound.method) {
            return self.pass(Some(endpoint), now);
        }
        match (inbound.method, endpoint.handling) {
            (Method::Options, _) => self.reply(local::preflight(), now),
            (_, Handling::Proxy) => match endpoint.keep.filter(|_| self.asks_for_a_file(endpoint)) {
                Some(rule) => self.file(endpoint, rule),
                None => self.proxy(proxy::Fallback::endpoint(endpoint), now),
            },
            (_, Handling::OptOut) => self.opt_out(now),
            (_, Handling::ShortLink) => self.short_link(endpoint, now),
            (_, Handling::Record) => self.record_only(now),
            (_, Handling::Serve) => {
                let reading = read(&snapshot, endpoint, &inbound, self.event_id, self.opened_at);
                self.serve(&reading, now);
            }
            (_, Handling::Translate) => {
                let reading = read(&snapshot, endpoint, &inbound, self.event_id, self.opened_at);
                self.translate(&reading, endpoint.reply, now);
            }
        }
    }

    /// What is not ours to answer is the legacy platform's to refuse, as long as it is there: any method passes
    /// where nothing is known of the path, or where the endpoint is passed on anyway. On the other endpoints a method
    /// that is not listed could book there what we do not see.
    fn pass(&mut self, endpoint: Option<&Endpoint>, now: Timestamp) {
        let passed = endpoint.is_none_or(|endpoint| endpoint.handling == Handling::Proxy);
        let ours = endpoint.map_or(self.inbound.method.is_ours(), |_| false);
        if passed && (ours || self.snapshot.policy.legacy_lives) {
            return self.proxy(proxy::Fallback::unrecognised(), now);
        }
        self.reply(local::method(endpoint), now);
    }

    /// From here on nothing identifies a visitor who refused, whatever becomes of the request (I10).
    fn heed(&mut self, reading: &Reading<'_>) {
        self.cookies.refused = !reading.consent.permits();
        if self.cookies.refused {
            unidentified::cut(Arc::make_mut(&mut self.inbound), &reading.decoded);
        }
    }

    fn translate(&mut self, reading: &Reading<'_>, kind: ReplyKind, now: Timestamp) {
        self.heed(reading);
        self.understood(reading);
        self.steps.push_back(Step::Report(Fact::Recognised {
            event_id: self.event_id,
            class: self.class,
            advertiser_id: reading.advertiser.as_ref().map(|row| row.legacy_id),
        }));
        for (table, id) in reading.misses(&self.snapshot) {
            self.miss(table, id.to_string());
        }
        match self.class {
            Class::Click => self.click(reading, now),
            Class::Conversion => self.conversion(reading, now),
            // The dialect check allows translation for clicks and conversions only; a wrong one still replies.
            Class::Impression
            | Class::Script
            | Class::Adjustment
            | Class::Report
            | Class::Other
            | Class::Unrecognised => self.proxy(proxy::Fallback::kind(kind), now),
        }
    }

    /// True for requests that get the same reply and are never booked: HEAD and prefetches.
    fn only_looks(&self) -> bool {
        let purpose = ["sec-purpose", "purpose", "x-purpose", "x-moz"];
        let prefetch = |name: &&str| {
            self.inbound.header(name).is_some_and(|value| value.to_ascii_lowercase().contains("prefetch"))
        };
        self.inbound.method == Method::Head || purpose.iter().any(prefetch)
    }

    fn entry(&self, bytes: Vec<u8>) -> Entry {
        Entry { event_id: self.event_id, bytes }
    }

    fn reply(&mut self, reply: Reply, now: Timestamp) {
        let took = now.since(self.opened_at);
        self.steps.push_back(Step::Report(Fact::Replied {
            event_id: self.event_id,
            class: self.class,
            mode: reply.mode,
            status: reply.status,
            took,
        }));
        let seen = self.seen.take().map(|mut seen| {
            seen.class = self.class;
            seen.replied(&reply, took);
            seen
        });
        self.steps.extend(seen.map(Step::Log));
        self.steps.push_back(Step::Reply(reply));
        self.state = State::Done;
    }

    /// Keeps for the request log what was asked for.
    fn asked_for(&mut self, endpoint: &str, recognised: bool) {
        if let Some(seen) = &mut self.seen {
            (seen.endpoint, seen.recognised) = (seen::bounded(endpoint), recognised);
        }
    }

    /// Keeps for the request log that a destination was refused.
    fn noted(&mut self, refusal: &str) {
        if let Some(seen) = &mut self.seen {
            seen.problems.push(refusal.to_owned());
        }
    }

    /// Keeps for the request log what was read.
    fn understood(&mut self, reading: &Reading<'_>) {
        if let Some(seen) = &mut self.seen {
            seen.read(reading);
        }
    }

    fn report_asked(&mut self, home: Home, answered: bool) {
        self.steps.push_back(Step::Report(Fact::Asked { event_id: self.event_id, home, answered }));
    }
}

/// The codes of problems, as an envelope keeps them.
fn codes(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(|problem| problem.code.clone()).collect()
}

/// A redirect. The `location` was written by the URL parser or by our own encoder.
fn redirect(mode: Mode, location: String, cookies: Vec<String>) -> Reply {
    let mut headers = vec![("location".to_owned(), location), local::no_store()];
    headers.extend(cookies.into_iter().map(|line| ("set-cookie".to_owned(), line)));
    Reply { mode, status: 302, headers, body: Vec::new() }
}

#[cfg(test)]
pub(crate) mod tests;
