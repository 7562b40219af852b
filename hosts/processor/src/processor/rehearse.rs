//! A dry run: what today's mapping and policy would make of dead letters. Nothing is written.

use attribution::Credit;
use ledger::{Due, LedgerError, Transaction, UNREADABLE_ROW};
use relay::Envelope;
use relay::delivery::State;
use relay::intake::{self, Booking, Decision, Known, Reason};
use relay::policy::Snapshot;
use tracking::Home;
use units::{EventId, Timestamp};

use super::people::primary_ids;
use super::quarantine::calmly;
use super::{Processor, ProcessorError, receive, request};

/// What would become of a dead letter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rehearsal {
    /// The conversion.
    pub event_id: EventId,
    /// Where it stands.
    pub state: Option<State>,
    /// `sent`, `held`, `merged`, `conflict`, `dropped`, `nothing` or `not_found`.
    pub outcome: &'static str,
    /// The platform that it would be sent to.
    pub owner: Option<Home>,
    /// The endpoint's name in that platform's dialect.
    pub endpoint: Option<String>,
    /// Method, host and path of the request.
    pub line: Option<String>,
    /// What is in the way, by code and in words.
    pub in_the_way: Vec<(String, String)>,
}

impl Rehearsal {
    fn of(event_id: EventId, state: Option<State>, outcome: &'static str) -> Self {
        let in_the_way = Vec::new();
        Self { event_id, state, outcome, owner: None, endpoint: None, line: None, in_the_way }
    }

    fn because(mut self, code: &str, why: &str) -> Self {
        self.in_the_way.push((code.to_owned(), why.to_owned()));
        self
    }
}

/// What stands in the ledger of a dead letter.
struct Standing {
    event_id: EventId,
    state: State,
    open: Vec<u8>,
    /// Its delivery, if it is booked.
    due: Option<Due>,
    /// Its sealed part.
    sealed: Vec<u8>,
}

impl Processor {
    /// What a redrive would make of these, with or without overruling doubts.
    ///
    /// # Errors
    /// If the ledger fails.
    pub fn rehearse(
        &mut self,
        events: &[EventId],
        overrules: bool,
        now: Timestamp,
    ) -> Result<Vec<Rehearsal>, ProcessorError> {
        let mut told = Vec::with_capacity(events.len());
        for &event_id in events {
            let due = match self.ledger.due_of(event_id) {
                Err(LedgerError::Unreadable { why, .. }) => {
                    told.push(Rehearsal::of(event_id, None, "held").because(UNREADABLE_ROW, &why));
                    continue;
                }
                due => due?,
            };
            let sealed = self.ledger.sealed_of(event_id)?.map(|(_, sealed)| sealed).unwrap_or_default();
            // Dropped at the end of the turn: what a transaction has not committed has not happened.
            let transaction = self.ledger.transaction(now)?;
            let Some((state, open)) = transaction.stands(event_id)? else {
                told.push(Rehearsal::of(event_id, None, "not_found"));
                continue;
            };
            let standing = Standing { event_id, state, open, due, sealed };
            let one = calmly(|| rehearsed(&self.snapshot, &transaction, standing, overrules, now));
            told.push(match one {
                Ok(told) => told?,
                Err(panic) => Rehearsal::of(event_id, Some(state), "held").because("poison_entry", &panic),
            });
        }
        Ok(told)
    }
}

fn rehearsed(
    snapshot: &Snapshot,
    transaction: &Transaction<'_>,
    standing: Standing,
    overrules: bool,
    now: Timestamp,
) -> Result<Rehearsal, LedgerError> {
    let Standing { event_id, state, open, due, sealed } = standing;
    let bare = |outcome| Rehearsal::of(event_id, Some(state), outcome);
    match (state, due) {
        (State::Unknown, _) if !overrules => {
            let why = "it may have arrived: settle it, or overrule the doubt to send the same bytes again";
            Ok(bare("nothing").because("unknown", why))
        }
        (State::Dead | State::Rejected | State::Unknown | State::Held, Some(mut due)) => {
            if !due.ambiguous && due.owner == Home::Primary {
                let publisher = due.publisher_id();
                let (advertiser, publisher) = primary_ids(snapshot, due.advertiser_id, publisher);
                due.advertiser_primary_id = advertiser.or(due.advertiser_primary_id);
                due.publisher_primary_id = publisher.or(due.publisher_primary_id);
            }
            Ok(written(bare("sent"), &due, snapshot))
        }
        (State::Held, None) => {
            let Ok(envelope) = Envelope::decode(&open) else {
                return Ok(bare("held").because("unreadable_entry", "this version cannot read it"));
            };
            let known = receive::known_about(transaction, snapshot, &envelope, event_id)?;
            let known = Known { approved: overrules, ..known };
            let decision = intake::decide_by(snapshot, &envelope, &known, now);
            Ok(decided(bare("sent"), &envelope, sealed, &decision, snapshot))
        }
        _ => Ok(bare("nothing").because(state.name(), "a redrive does nothing with what stands here")),
    }
}

fn decided(
    told: Rehearsal,
    envelope: &Envelope,
    sealed: Vec<u8>,
    decision: &Decision,
    snapshot: &Snapshot,
) -> Rehearsal {
    let reasons = |told: Rehearsal, reasons: &[Reason]| {
        reasons.iter().fold(told, |told, reason| told.because(&reason.code, &reason.message))
    };
    match decision {
        Decision::Book(booking) => written(told, &due(envelope, sealed, booking), snapshot),
        Decision::Hold { reasons: all, .. } => reasons(Rehearsal { outcome: "held", ..told }, all),
        Decision::Merge { into, .. } => {
            Rehearsal { outcome: "merged", ..told }.because("merged", &format!("into event {into}"))
        }
        Decision::Conflict { reason, .. } => {
            reasons(Rehearsal { outcome: "conflict", ..told }, std::slice::from_ref(reason))
        }
        Decision::Drop { rule } => {
            Rehearsal { outcome: "dropped", ..told }.because(rule, "a declared rule drops it")
        }
        Decision::Record { .. } => Rehearsal { outcome: "dropped", ..told },
    }
}

fn written(told: Rehearsal, due: &Due, snapshot: &Snapshot) -> Rehearsal {
    match request::write(due, snapshot) {
        Ok(written) => Rehearsal {
            owner: Some(due.owner),
            endpoint: Some(written.dispatch.endpoint.to_string()),
            line: Some(request::line(&written.dispatch)),
            ..told
        },
        Err(obstacle) => {
            let owner = Some(due.owner);
            Rehearsal { outcome: "held", owner, ..told }.because(obstacle.code, &obstacle.why)
        }
    }
}

/// The delivery that a booking would make.
fn due(envelope: &Envelope, sealed: Vec<u8>, booking: &Booking) -> Due {
    let advertiser_id = match &booking.credit {
        Credit::To(candidate) => candidate.click.advertiser_id,
        Credit::None(_) => envelope.event.id(tracking::Field::AdvertiserId).unwrap_or(0),
    };
    Due {
        event_id: envelope.event_id,
        advertiser_id,
        owner: booking.owner,
        tries: 0,
        counted: 0,
        ambiguous: false,
        evidence: booking.evidence.clone(),
        advertiser_primary_id: booking.advertiser_primary_id,
        publisher_primary_id: booking.publisher_primary_id,
        source: envelope.event_id,
        open: envelope.encode(),
        sealed,
        resend: None,
        amount: None,
    }
}
