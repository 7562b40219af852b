//! Correcting the event of a dead letter, and deciding about it anew.

use ledger::{By, Editable, LedgerError, NewEdit, Redriven};
use relay::Envelope;
use relay::delivery::State;
use relay::edit::{Change, Edited, edit};
use relay::intake::{self, Decision, Known, Reason};
use tracking::Home;
use units::{EventId, Timestamp};

use super::{Processor, ProcessorError, receive};

/// A person's correction of one event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Correcting {
    /// The conversion.
    pub event_id: EventId,
    /// Its fields.
    pub changes: Vec<Change>,
    /// True to overrule doubts that are left.
    pub overrules: bool,
    /// True to write nothing.
    pub dry_run: bool,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// What a correction came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Corrected {
    /// It is written down; the conversion stands here now, or would.
    Done {
        /// The state.
        state: State,
        /// The platform that it belongs to, if that is decided.
        owner: Option<Home>,
        /// Each field before and after.
        changes: String,
        /// What is still in the way, by code and in words.
        reasons: Vec<(String, String)>,
    },
    /// It cannot be corrected, for this reason. Nothing was done.
    Refused(String),
    /// There is no such conversion.
    NotFound,
}

impl Processor {
    /// Corrects the event of a dead letter that certainly never arrived, keeps the event as it was, and decides about
    /// the conversion anew.
    ///
    /// # Errors
    /// If the ledger fails; then nothing was done.
    pub fn correct_event(
        &mut self,
        correcting: &Correcting,
        now: Timestamp,
    ) -> Result<Corrected, ProcessorError> {
        let event_id = correcting.event_id;
        let mut transaction = self.ledger.transaction(now)?;
        let Some(before) = transaction.editable(event_id)? else { return Ok(Corrected::NotFound) };
        let envelope = match correctable(&before) {
            Ok(envelope) => envelope,
            Err(why) => return Ok(Corrected::Refused(why)),
        };
        let edited = match edit(&self.snapshot, &envelope, &correcting.changes) {
            Ok(edited) => edited,
            Err(mistakes) => return Ok(Corrected::Refused(mistakes.join("; "))),
        };
        let known = receive::known_without(&transaction, &self.snapshot, &edited.envelope, event_id)?;
        let known = Known { approved: correcting.overrules, ..known };
        let decision = intake::decide_by(&self.snapshot, &edited.envelope, &known, now);
        if let Err(why) = possible(&before, &decision) {
            return Ok(Corrected::Refused(why));
        }
        let told = done(&edited, &decision);
        if correcting.dry_run {
            return Ok(told);
        }
        let redriven = transaction.edit(&NewEdit {
            event_id,
            before: &before,
            envelope: &edited.envelope,
            decision: &decision,
            changes: &edited.told(),
            by: By { actor: &correcting.actor, why: &correcting.reason },
        });
        let redriven = match redriven {
            // Its books are closed to it.
            Err(LedgerError::Refused { refusal, .. }) => return Ok(Corrected::Refused(refusal.to_string())),
            other => other?,
        };
        transaction.commit()?;
        let Redriven::Decided(state) = redriven else { return Ok(told) };
        self.moved(event_id, state.name());
        let Corrected::Done { owner, changes, reasons, .. } = told else { return Ok(told) };
        Ok(Corrected::Done { state, owner, changes, reasons })
    }
}

/// The event of a dead letter that may be corrected.
fn correctable(before: &Editable) -> Result<Envelope, String> {
    let state = before.state;
    if before.ambiguous || matches!(state, State::Unknown | State::Taken) {
        return Err(format!(
            "it is {state}, and an attempt of it may have arrived as it was: settle that first \
             (`turnout dead settle`); what has not arrived can be corrected"
        ));
    }
    if !state.needs_a_person() {
        return Err(format!("it is {state}: only what waits for a person can be corrected"));
    }
    if before.changed {
        return Err("its merchant has changed it since it came: correct it by such a change".to_owned());
    }
    let envelope = Envelope::decode(&before.open);
    let envelope = envelope.map_err(|error| format!("its event cannot be read: {error}"))?;
    if envelope.sent.is_some() {
        return Err("an edge has sent it by itself, so that it may have arrived as it was".to_owned());
    }
    Ok(envelope)
}

/// What the corrected event becomes must be something that the conversion can become.
fn possible(before: &Editable, decision: &Decision) -> Result<(), String> {
    match decision {
        Decision::Book(booking) if booking.owner == Home::Legacy => Err(
            "it belongs to the platform being left, which gets the client's own bytes: no edit reaches them. Make the \
             change there, then discard this one"
                .to_owned(),
        ),
        Decision::Book(_) => Ok(()),
        Decision::Hold { reasons, .. } if before.booked => {
            let told: Vec<&str> = reasons.iter().map(|reason| reason.message.as_str()).collect();
            Err(format!("it is booked already, and so corrected it could not be: {}", told.join("; ")))
        }
        Decision::Merge { into: other, .. } | Decision::Conflict { with: other, .. } if before.booked => {
            Err(format!("an order under that key stands already, as event {other}: discard one of the two"))
        }
        Decision::Hold { .. } | Decision::Merge { .. } | Decision::Conflict { .. } => Ok(()),
        Decision::Record { .. } | Decision::Drop { .. } => {
            Err("so corrected it would be no money: discard it".to_owned())
        }
    }
}

/// What a decision makes of the conversion.
fn done(edited: &Edited, decision: &Decision) -> Corrected {
    let told = |reasons: &[Reason]| {
        reasons.iter().map(|reason| (reason.code.clone(), reason.message.clone())).collect()
    };
    let (state, owner, reasons) = match decision {
        Decision::Book(booking) => (State::Queued, Some(booking.owner), Vec::new()),
        Decision::Hold { reasons, .. } => (State::Held, None, told(reasons)),
        Decision::Merge { .. } => (State::Merged, None, Vec::new()),
        Decision::Conflict { reason, .. } => (State::Conflict, None, told(std::slice::from_ref(reason))),
        Decision::Record { .. } | Decision::Drop { .. } => (State::Dropped, None, Vec::new()),
    };
    Corrected::Done { state, owner, changes: edited.told(), reasons }
}
