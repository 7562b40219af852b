//! A call of the signed interface: answered by the processor, which holds the secrets and the books.
//!
//! A programme that has not moved is the legacy platform's to answer. Where the processor does not answer in time nobody
//! can tell what it did, and the client is told to call again: a call that is repeated changes nothing twice.

use std::sync::Arc;

use tracking::decode::Outcome;
use tracking::dialect::interface::Operation;
use tracking::{Class, Field};
use units::Timestamp;

use super::proxy::Fallback;
use super::reading::Reading;
use super::{Exchange, State, local};
use crate::envelope::Purpose;
use crate::fact::Fact;
use crate::policy::Phase;
use crate::reply::{Mode, Reply};
use crate::step::{Served, Step};

impl Exchange {
    /// A call to an endpoint that is served.
    pub(super) fn serve(&mut self, reading: &Reading<'_>, now: Timestamp) {
        let snapshot = Arc::clone(&self.snapshot);
        self.understood(reading);
        self.steps.push_back(Step::Report(Fact::Recognised {
            event_id: self.event_id,
            class: self.class,
            advertiser_id: reading.advertiser.as_ref().map(|row| row.legacy_id),
        }));
        let moved = matches!(reading.phase, Phase::Moved | Phase::Closed);
        if !moved || self.only_looks() {
            return self.proxy(Fallback::endpoint(reading.decoded.endpoint), now);
        }
        let mut envelope = self.envelope(&snapshot, reading, Purpose::Live);
        if self.class == Class::Conversion {
            envelope.key = reading.key(&snapshot);
            envelope.click = reading.proven_click(&snapshot);
            envelope.cookie_click = reading.remembered_click(&snapshot, &self.inbound);
        } else if assumed_currency(reading) {
            // The money of a change is of its transaction's currency, which only the processor knows.
            envelope.event.remove(Field::Currency);
        }
        if reading.decoded.endpoint.operation == Some(Operation::Refer) {
            // The publisher of the earlier transaction counts, whatever else the call names.
            (envelope.click, envelope.cookie_click) = (None, None);
        }
        let entry = self.entry(envelope.encode());
        let within = snapshot.policy.proxy_deadline;
        self.steps.push_back(Step::Ask { entry, within });
        self.state = State::Serve;
    }

    /// The processor answered, or did not.
    pub(super) fn served(&mut self, answer: Option<Served>, now: Timestamp) {
        match answer {
            Some(Served::Reply { status, content_type, body }) => {
                let headers = vec![("content-type".to_owned(), content_type), local::no_store()];
                self.reply(Reply { mode: Mode::Serve, status, headers, body: body.into_bytes() }, now);
            }
            Some(Served::Forward) => self.proxy(Fallback::unrecognised(), now),
            None => {
                let mut reply = local::not_durable(tracking::dialect::ReplyKind::Page);
                reply.mode = Mode::Local;
                self.reply(reply, now);
            }
        }
    }
}

/// True if the call names money and no currency.
fn assumed_currency(reading: &Reading<'_>) -> bool {
    reading.decoded.traces.iter().any(|trace| trace.outcome == Outcome::Defaulted(Field::Currency))
}
