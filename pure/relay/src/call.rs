//! A signed call of a merchant, as the processor reads it.
//!
//! Four questions in a row: is it ours to answer, is it signed by the merchant that it names ([`open`]), what does it
//! ask for ([`Change::read`]), and what does that make of a transaction ([`effect`]). Nothing is looked up here and
//! nothing is written.

mod caller;
mod change;
mod effect;

use core::net::IpAddr;

use tracking::Field;
use tracking::dialect::Endpoint;
use tracking::dialect::interface::{AnswerFormat, CallOutcome, Interface, Operation};
use tracking::signed;

pub use caller::{Caller, Callers};
pub use change::Change;
pub use effect::{Applied, Effect, How, Last, Rules, Target, effect};

use crate::envelope::{Envelope, Sealed};
use crate::policy::{Phase, Snapshot};
use crate::step::Served;

/// What a call is to us.
#[derive(Debug)]
pub enum Opened<'a> {
    /// Ours, and signed by the merchant that it names.
    Ours(Call<'a>),
    /// Ours, and refused.
    Refused(Call<'a>, CallOutcome),
    /// Not ours: the legacy platform is to be asked.
    Forward,
}

/// A call that is ours to answer.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// What it asks for.
    pub operation: Operation,
    /// The merchant's legacy id.
    pub advertiser_id: u64,
    /// True while the legacy platform can be asked about what we do not know.
    pub legacy_lives: bool,
    interface: &'a Interface,
    format: AnswerFormat,
    address: Option<IpAddr>,
}

/// Reads a call and checks its signature, as far as the legacy platform did.
pub fn open<'a>(
    snapshot: &'a Snapshot,
    callers: &Callers,
    envelope: &Envelope,
    sealed: &Sealed,
) -> Opened<'a> {
    let endpoint = snapshot.migration.legacy.endpoint(&envelope.endpoint);
    let Some((operation, interface)) = endpoint.and_then(served) else { return Opened::Forward };
    let Some(advertiser_id) = envelope.event.id(Field::AdvertiserId) else { return Opened::Forward };
    let advertiser = snapshot.directory.advertiser(advertiser_id);
    let phase = advertiser.map_or(Phase::Observe, |row| snapshot.policy.phase(&row));
    let legacy_lives = match phase {
        Phase::Observe | Phase::Shadow => return Opened::Forward,
        Phase::Moved => snapshot.policy.legacy_lives,
        Phase::Closed => false,
    };
    let (original, address) = (&sealed.original, sealed.client.or(sealed.original.peer));
    let format = interface.format(original);
    let call = Call { operation, advertiser_id, legacy_lives, interface, format, address };
    if !callers.knows(advertiser_id) && legacy_lives {
        // Nobody has told us this merchant's secret: only the legacy platform can say who calls.
        return Opened::Forward;
    }
    let rule = &interface.signature;
    let shown = signed::shown(rule, original).filter(|shown| shown.is_fresh(rule, envelope.received_at));
    match shown.and_then(|shown| callers.who(advertiser_id, rule, &shown)) {
        None => Opened::Refused(call, CallOutcome::Unsigned),
        Some(caller) if !caller.calls_from(address) => Opened::Refused(call, CallOutcome::WrongAddress),
        Some(_) => Opened::Ours(call),
    }
}

fn served(endpoint: &Endpoint) -> Option<(Operation, &Interface)> {
    endpoint.operation.zip(endpoint.interface.as_deref())
}

impl Call<'_> {
    /// The reply for an outcome. `transaction` is the id that the caller is told.
    pub fn reply(&self, outcome: CallOutcome, transaction: &str) -> Served {
        // The loader sees to it that there is an answer for every outcome.
        let Some(says) = self.interface.says(outcome, self.format) else { return Served::Forward };
        let address = self.address.map_or_else(String::new, |address| address.to_string());
        let body = says.body.replace("{address}", &address).replace("{transaction}", transaction);
        Served::Reply { status: says.status, content_type: says.content_type.clone(), body }
    }
}

/// True if something that the call cannot do without is missing or cannot be read.
pub fn is_incomplete(envelope: &Envelope) -> bool {
    let needed = [
        Field::Amount,
        Field::Currency,
        Field::OrderReference,
        Field::ParentReference,
        Field::TransactionDate,
        Field::PublisherId,
        Field::Children,
    ];
    let about = |code: &str| {
        let field = ["missing_", "invalid_", "conflicting_"].iter().find_map(|kind| code.strip_prefix(kind));
        field.is_some_and(|name| needed.iter().any(|field| field.name() == name))
    };
    envelope.problems.iter().any(|code| about(code))
}

#[cfg(test)]
mod tests;
