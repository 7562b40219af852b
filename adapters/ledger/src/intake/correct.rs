//! Writing what more knowledge makes better into a conversion that stands.

use relay::Envelope;
use relay::delivery::State;
use relay::intake::{AUTO_VOID, Better, Booking, Considered, Correction, Decision, Under};
use units::{EventId, Timestamp};

use super::{ProofRow, earned, told};
use crate::awards::{Award, counted};
use crate::people::{By, Redriven};
use crate::post::NewSet;
use crate::store::named_params;
use crate::unmapped::waits_for_a_map;
use crate::{LedgerError, Transaction, sql};

const DOING: &str = "correct a conversion";

impl Transaction<'_> {
    /// Writes what `arrival` makes better into the conversion that stands. The arrival is a later one, or the
    /// conversion's own, seen again with more knowledge.
    ///
    /// # Errors
    /// If the store fails.
    pub fn correct(
        &mut self,
        into: EventId,
        arrival: &Envelope,
        better: &Correction,
    ) -> Result<(), LedgerError> {
        // What is declined or locked stands as it is, whatever proves its click later.
        if self.status_of(into)?.is_some_and(|status| !status.is_open()) {
            return Ok(());
        }
        // What a person has corrected is delivered as it was corrected, at the value that its terms take.
        let edited = "SELECT 1 FROM edits WHERE event_id = ?1";
        let edited = sql::one(&self.inner, edited, (sql::id(into),), |_| Ok(()))?.is_some();
        let sent = better.is_sent && !edited;
        if better.books && !edited {
            return self.book_at_last(into, arrival, &better.booking);
        }
        match better.postings {
            None => self.keep_waiting(into, arrival, better, sent),
            Some(_) => self.correct_what_is_booked(into, arrival, better, edited),
        }
    }

    /// What is held is not booked yet: it keeps its journey and its value, and is decided about by the arrival that proves
    /// the click that counts.
    fn keep_waiting(
        &mut self,
        into: EventId,
        arrival: &Envelope,
        better: &Correction,
        sent: bool,
    ) -> Result<(), LedgerError> {
        let update = "UPDATE conversions SET minor = :minor, currency = :currency, considered = :considered,
            source = CASE WHEN :sent THEN :arrival ELSE source END,
            flags = CASE WHEN :void THEN :auto_void ELSE flags END,
            reason = CASE WHEN :codes = '' THEN reason ELSE :codes END,
            detail = CASE WHEN :codes = '' THEN detail ELSE :details END, changed_at = :now
            WHERE event_id = :into";
        let booking = &better.booking;
        let (codes, details) = if sent { told(&better.unmapped) } else { Default::default() };
        let void = booking.flags.iter().any(|flag| flag == AUTO_VOID);
        let row = named_params! {
            ":minor": booking.amount.minor, ":currency": booking.amount.currency.code(),
            ":considered": Considered::write(&booking.considered), ":sent": sent,
            ":arrival": sql::id(arrival.event_id), ":codes": codes, ":details": details, ":void": void, ":auto_void": AUTO_VOID,
            ":now": self.now.as_millis(), ":into": sql::id(into),
        };
        sql::run(&self.inner, update, row, DOING)?;
        if sent {
            self.erase_first(into, arrival)?;
        }
        self.mark_cause(into)?;
        self.journal("processor", "correct", Some(into), &what_is_better(better))
    }

    fn correct_what_is_booked(
        &mut self,
        into: EventId,
        arrival: &Envelope,
        better: &Correction,
        edited: bool,
    ) -> Result<(), LedgerError> {
        let sent = better.is_sent && !edited;
        let silent = matches!(better.better, Better::Money | Better::Journey);
        let hears = better.in_time && !silent && !edited;
        if better.is_decided_anew {
            self.earn_instead(into, arrival.event_id, better)?;
        }
        if better.better == Better::Evidence {
            self.prove(into, &better.booking)?;
        }
        let update = "UPDATE conversions SET minor = :minor, currency = :currency,
            flags = CASE WHEN :void THEN trim(flags || ' auto_void') ELSE flags END,
            commission_minor = CASE WHEN :anew THEN :commission_minor ELSE commission_minor END,
            commission_currency = CASE WHEN :anew THEN :commission_currency ELSE commission_currency END,
            considered = :considered, source = CASE WHEN :sent THEN :arrival ELSE source END,
            due_at = CASE WHEN :hears AND state = 'queued' THEN :due_at ELSE due_at END,
            corrected_late = CASE WHEN :in_time THEN corrected_late ELSE 1 END, changed_at = :now
            WHERE event_id = :into RETURNING received_at";
        let booking = &better.booking;
        let row = named_params! {
            ":minor": booking.amount.minor, ":currency": booking.amount.currency.code(),
            ":void": better.better == Better::Void, ":anew": better.is_decided_anew,
            ":commission_minor": booking.commission.map(|earned| earned.minor),
            ":commission_currency": booking.commission.map(|earned| earned.currency.code().to_owned()),
            ":considered": Considered::write(&booking.considered),
            ":sent": sent, ":hears": hears, ":in_time": better.in_time, ":arrival": sql::id(arrival.event_id),
            ":due_at": booking.due_at.as_millis(), ":now": self.now.as_millis(), ":into": sql::id(into),
        };
        let happened_at = sql::one(&self.inner, update, row, |row| row.get::<i64>(0))?;
        if sent {
            self.erase_first(into, arrival)?;
        }
        if let Some(lines) = better.postings.as_ref().filter(|lines| !lines.is_empty()) {
            // Who earns it was so from the sale on, however late we learn it.
            let happened_at = happened_at.map_or(arrival.received_at, sql::time);
            let (kind, cause) = ("correction", arrival.event_id);
            self.post(&NewSet { event_id: into, kind, cause, happened_at, lines })?;
        }
        self.journal("processor", "correct", Some(into), &what_is_better(better))?;
        match (better.better, better.in_time) {
            (Better::Evidence, true) => self.change_owner(into, better)?,
            // What was sent already is not sent again, so that this is when its publisher is known.
            (Better::Evidence, false) => self.owe_postback_to_another(into)?,
            _ => {}
        }
        if better.better == Better::Evidence && !edited { self.go_on(into, better) } else { Ok(()) }
    }

    /// What waited for a map goes on where its better evidence needs none.
    fn go_on(&mut self, into: EventId, better: &Correction) -> Result<(), LedgerError> {
        let query = "SELECT reason FROM conversions WHERE event_id = ?1 AND state = 'held'";
        let reason = sql::one(&self.inner, query, (sql::id(into),), |row| row.get::<String>(0))?;
        let waits = reason.is_some_and(|reason| waits_for_a_map(&reason));
        if !waits || !better.unmapped.is_empty() {
            return Ok(());
        }
        let by = By { actor: "processor", why: "its better evidence needs no map" };
        self.requeue(into, better.booking.due_at, by).map(drop)
    }

    /// What was held is booked with a later arrival of it, and delivered from that.
    fn book_at_last(
        &mut self,
        into: EventId,
        arrival: &Envelope,
        booking: &Booking,
    ) -> Result<(), LedgerError> {
        let by = By { actor: "processor", why: "another arrival of it can be booked" };
        // What never stood under its key, because another order does, is booked beside that.
        let query = "SELECT 1 FROM conversions WHERE event_id = ?1 AND key IS NOT NULL";
        let stood = sql::one(&self.inner, query, (sql::id(into),), |_| Ok(()))?.is_some();
        let under = if stood { booking.under } else { Under::Nothing };
        let decision = Decision::Book(Box::new(Booking { under, ..booking.clone() }));
        if self.redecide(into, arrival, &decision, by)? == Redriven::Decided(State::Queued) {
            self.erase_first(into, arrival)?;
        }
        Ok(())
    }

    /// Erases what is personal in the first arrival of what is delivered from a later one.
    fn erase_first(&mut self, first: EventId, arrival: &Envelope) -> Result<(), LedgerError> {
        if arrival.event_id == first {
            return Ok(());
        }
        let erase = "UPDATE envelopes SET sealed = NULL WHERE event_id = ?1";
        sql::run(&self.inner, erase, (sql::id(first),), "erase what is personal")?;
        Ok(())
    }

    /// The click that the owner is told of.
    fn prove(&mut self, into: EventId, booking: &Booking) -> Result<(), LedgerError> {
        let update = "UPDATE conversions SET publisher_id = :publisher_id,
            advertiser_primary_id = coalesce(:advertiser_primary_id, advertiser_primary_id),
            publisher_primary_id = :publisher_primary_id, creative_id = :creative_id, click_id = :click_id,
            click_at = :click_at, evidence = :evidence, evidence_value = :evidence_value
            WHERE event_id = :into";
        let proof = ProofRow::of(booking);
        let row = named_params! {
            ":publisher_id": proof.publisher_id,
            ":advertiser_primary_id": booking.advertiser_primary_id.map(sql::int), ":publisher_primary_id": proof.publisher_primary_id,
            ":creative_id": proof.creative_id, ":click_id": proof.click_id, ":click_at": proof.click_at,
            ":evidence": proof.evidence, ":evidence_value": proof.value, ":into": sql::id(into),
        };
        sql::run(&self.inner, update, row, DOING)?;
        self.ahead.proven();
        Ok(())
    }

    /// Who earns from now on, in place of who earned before.
    fn earn_instead(
        &mut self,
        event_id: EventId,
        source: EventId,
        better: &Correction,
    ) -> Result<(), LedgerError> {
        let booking = &better.booking;
        let advertiser_id = self.earn_no_more(event_id)?;
        let (at, amount, awarded) = (booking.at, booking.amount, booking.awarded.as_ref());
        self.award(&Award { event_id, source, at, currency: amount.currency, awarded })?;
        match (advertiser_id, awarded) {
            (Some(advertiser_id), Some(awarded)) => {
                self.count_earned(&earned(advertiser_id, at, amount, awarded), 1)
            }
            _ => Ok(()),
        }
    }

    /// Takes an order out of what its publisher earned by; whose programme it is of.
    pub(crate) fn earn_no_more(&mut self, event_id: EventId) -> Result<Option<i64>, LedgerError> {
        if let Some(before) = counted(&self.inner, event_id)? {
            self.count_earned(&before, -1)?;
            return Ok(Some(before.advertiser_id));
        }
        let query = "SELECT advertiser_id FROM conversions WHERE event_id = ?1";
        sql::one(&self.inner, query, (sql::id(event_id),), |row| row.get(0))
    }

    /// Better evidence may name another platform. It becomes the owner only while it is certain that nothing
    /// arrived at the one before: no attempt was ever begun.
    fn change_owner(&mut self, into: EventId, better: &Correction) -> Result<(), LedgerError> {
        let owner = better.booking.owner.name();
        let query = "SELECT owner FROM conversions WHERE event_id = ?1 AND owner <> ?2 AND tries = 0
            AND state IN ('queued', 'held')";
        let id = sql::id(into);
        let before = sql::one(&self.inner, query, (id, owner), |row| row.get::<String>(0))?;
        let Some(before) = before else { return Ok(()) };
        let update = "UPDATE conversions SET owner = ?2, advertiser_primary_id = ?3 WHERE event_id = ?1";
        let primary_id = better.booking.advertiser_primary_id.map(sql::int);
        sql::run(&self.inner, update, (id, owner, primary_id), DOING)?;
        let kind = better.booking.evidence_kind.name();
        let detail =
            format!("from {before} to {owner}: its click ({kind}) is that platform's; nothing was sent");
        self.journal("processor", "change owner", Some(into), &detail)
    }

    /// When this transaction happens.
    pub(crate) const fn now(&self) -> Timestamp {
        self.now
    }
}

/// What a correction is, for people.
fn what_is_better(better: &Correction) -> String {
    let booking = &better.booking;
    let told = if better.in_time { "before it was sent" } else { "after it was sent" };
    match better.better {
        Better::Evidence => format!("better evidence ({}) {told}", booking.evidence_kind.name()),
        Better::Money => "another touch of its journey earns too".to_owned(),
        Better::Journey => "another touch of its journey is known".to_owned(),
        Better::Amount => format!("its value is {} {told}", booking.amount),
        Better::Void => format!("its merchant gave it to another channel {told}"),
    }
}
