//! Taking events in: what is known of a conversion, and writing down what was decided about it.

mod ahead;
mod correct;
mod known;
mod sent;
mod waiters;

use attribution::{Awarded, Credit, Status};
use relay::delivery::State;
use relay::intake::{AUTO_VOID, Booking, Claims, Considered, Decision, EvidenceKind, Known, Reason, Under};
use relay::{Envelope, Purpose};
use tracking::migration::Evidence;
use tracking::{Class, Field};
use units::{EventId, Money, Timestamp};

use crate::awards::{Award, Earned};
use crate::post::NewSet;
use crate::store::named_params;
use crate::{LedgerError, Transaction, sql};
pub(crate) use ahead::Ahead;
pub(crate) use known::{balances, in_force, posting, postings, standing_of};
use known::{collision, standing};
pub use waiters::Waiter;

impl Transaction<'_> {
    /// Takes an event in. False if it was taken in before: then nothing is to be done about it.
    ///
    /// # Errors
    /// If the store fails.
    pub fn receive(&mut self, envelope: &Envelope, lane: &str) -> Result<bool, LedgerError> {
        let money = matches!(envelope.event.class, Class::Conversion | Class::Adjustment);
        let advertiser_id = advertiser(envelope);
        let class = envelope.event.class.name();
        let purpose = envelope.purpose.name();
        let event = Arrived { id: envelope.event_id, class, purpose, advertiser_id, money };
        self.arrived(&event, lane, envelope.received_at)
    }

    /// Takes in an entry that nothing can be made of: its bytes are held, for this reason, until something can. False if
    /// they are held already. The identity is the caller's, made from the bytes.
    ///
    /// # Errors
    /// If the store fails.
    pub fn receive_unreadable(
        &mut self,
        event_id: EventId,
        entry: &[u8],
        lane: &str,
        why: &Reason,
    ) -> Result<bool, LedgerError> {
        let event =
            Arrived { id: event_id, class: "unreadable", purpose: "live", advertiser_id: 0, money: true };
        if !self.arrived(&event, lane, self.now)? {
            return Ok(false);
        }
        let insert = "INSERT INTO envelopes (event_id, open, sealed) VALUES (?1, ?2, NULL)";
        sql::run(&self.inner, insert, (sql::id(event_id), entry), "keep an entry")?;
        let place = Place {
            event_id,
            source: event_id,
            key: None,
            state: State::Held,
            reason: &why.code,
            detail: &why.message,
            first: None,
            considered: &[],
            wanted_click: None,
            flags: "",
            booking: None,
        };
        self.insert(&place, 0, &Claims::default(), self.now)?;
        Ok(true)
    }

    fn arrived(&mut self, event: &Arrived<'_>, lane: &str, at: Timestamp) -> Result<bool, LedgerError> {
        let insert = "INSERT INTO events
            (event_id, class, purpose, advertiser_id, money, lane, received_at, taken_in_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";
        let (at, now) = (at.as_millis(), self.now.as_millis());
        let advertiser_id = event.advertiser_id;
        let row = (sql::id(event.id), event.class, event.purpose, advertiser_id, event.money, lane, at, now);
        let doing = "take an event in";
        let new = if self.ahead.is_new(event.id) {
            sql::send(&self.inner, insert, row, doing)?;
            true
        } else {
            sql::run(&self.inner, insert, row, doing)? == 1
        };
        if new && event.money {
            self.tally.accepted(advertiser_id);
        }
        Ok(new)
    }

    /// What is known that bears on an event.
    ///
    /// # Errors
    /// If the store fails.
    pub fn known(&self, envelope: &Envelope) -> Result<Known, LedgerError> {
        if !is_looked_up(envelope) {
            return Ok(Known::default());
        }
        let claims = Claims::of(envelope);
        let known = Known {
            clicks: self.clicks_of(envelope, &claims)?,
            vouchers: self.bound_vouchers(&claims)?,
            ..Known::default()
        };
        let Some(key) = &envelope.key else { return Ok(known) };
        let standing = match self.ahead.is_free(key) {
            true => None,
            false => standing(&self.inner, key, self.lock.locked_before(self.now))?,
        };
        let advertiser_id = advertiser(envelope);
        let prefix = claims.reference_prefix.as_ref();
        let collides_with = match prefix.filter(|prefix| !self.ahead.has_no_prefix(advertiser_id, prefix)) {
            Some(prefix) => collision(&self.inner, advertiser_id, prefix, key)?,
            None => None,
        };
        let resembles = match &standing {
            None => self.resembling(envelope, &claims)?,
            Some(_) => None,
        };
        Ok(Known { standing, collides_with, resembles, ..known })
    }

    /// Writes down what was decided about an event that was just taken in. `sealed` is its sealed part.
    ///
    /// # Errors
    /// If the store fails.
    pub fn apply(
        &mut self,
        envelope: &Envelope,
        sealed: &[u8],
        decision: &Decision,
    ) -> Result<(), LedgerError> {
        if let Decision::Record { clicks } = decision {
            for click in clicks {
                self.keep_click(click)?;
            }
            return Ok(());
        }
        let keeps_sealed = match decision {
            Decision::Book(_) | Decision::Hold { .. } | Decision::Conflict { .. } => true,
            Decision::Merge { may_be_sent, .. } => *may_be_sent,
            Decision::Drop { .. } | Decision::Record { .. } => false,
        };
        let kept = (keeps_sealed && !sealed.is_empty()).then_some(sealed);
        let insert = "INSERT INTO envelopes (event_id, open, sealed) VALUES (?1, ?2, ?3)";
        let row = (sql::id(envelope.event_id), envelope.encode(), kept);
        sql::send(&self.inner, insert, row, "keep an envelope")?;
        self.place(envelope.event_id, envelope, decision, envelope.received_at)
    }

    /// Writes where the conversion `event_id`, received at `received_at`, stands after `decision` about `envelope`, which is
    /// its own or that of a later arrival with better evidence.
    pub(crate) fn place(
        &mut self,
        event_id: EventId,
        envelope: &Envelope,
        decision: &Decision,
        received_at: Timestamp,
    ) -> Result<(), LedgerError> {
        let claims = Claims::of(envelope);
        let key = envelope.key.as_deref();
        let (codes, details);
        let place = |state| Place {
            event_id,
            source: envelope.event_id,
            key: None,
            state,
            reason: "",
            detail: "",
            first: None,
            considered: &[],
            wanted_click: decision.wanted_click(),
            flags: if envelope.event.flag(Field::AutoVoid) == Some(true) { AUTO_VOID } else { "" },
            booking: None,
        };
        let place = match decision {
            Decision::Record { .. } => return Ok(()),
            Decision::Drop { rule } => Place { reason: rule, ..place(State::Dropped) },
            Decision::Hold { reasons, considered, .. } => {
                (codes, details) = told(reasons);
                // Without money nothing can be compared with it, so that it cannot stand for its key.
                let key = key.filter(|_| claims.amount.is_some());
                let key = if self.is_taken(key)? { None } else { key };
                Place { reason: &codes, detail: &details, key, considered, ..place(State::Held) }
            }
            Decision::Merge { into, .. } => Place { first: Some(*into), ..place(State::Merged) },
            Decision::Conflict { with, reason } => Place {
                first: Some(*with),
                reason: &reason.code,
                detail: &reason.message,
                ..place(State::Conflict)
            },
            Decision::Book(booking) => {
                let key = self.key_of(key, booking.under)?;
                let (considered, booking) = (&*booking.considered, Some(&**booking));
                Place { key, considered, booking, ..place(State::Queued) }
            }
        };
        self.insert(&place, advertiser(envelope), &claims, received_at)?;
        match decision {
            Decision::Book(booking) => {
                self.post(&NewSet {
                    event_id,
                    kind: "booking",
                    cause: event_id,
                    happened_at: received_at,
                    lines: &booking.postings,
                })?;
                self.earn(event_id, envelope.event_id, advertiser(envelope), booking)?;
                self.sent_already(event_id, envelope)
            }
            Decision::Merge { into, correction, .. } => {
                if let Some(better) = correction {
                    self.correct(*into, envelope, better)?;
                }
                self.sent_already(*into, envelope)
            }
            _ => Ok(()),
        }
    }

    /// Writes a booking's row alone: its postings are the caller's.
    pub(crate) fn place_booking(
        &mut self,
        event_id: EventId,
        envelope: &Envelope,
        booking: &Booking,
    ) -> Result<(), LedgerError> {
        let place = Place {
            event_id,
            source: envelope.event_id,
            key: self.key_of(envelope.key.as_deref(), booking.under)?,
            state: State::Queued,
            reason: "",
            detail: "",
            first: None,
            considered: &booking.considered,
            wanted_click: booking.wanted_click.as_deref(),
            flags: "",
            booking: Some(booking),
        };
        let advertiser_id = advertiser(envelope);
        self.insert(&place, advertiser_id, &Claims::of(envelope), envelope.received_at)?;
        self.earn(event_id, envelope.event_id, advertiser_id, booking)
    }

    /// True if something stands under the key.
    fn is_taken(&self, key: Option<&str>) -> Result<bool, LedgerError> {
        let Some(key) = key else { return Ok(false) };
        let query = "SELECT 1 FROM conversions WHERE key = ?1";
        Ok(sql::one(&self.inner, query, (key,), |_| Ok(()))?.is_some())
    }

    /// The key that a booking stands under, which another order may have to leave.
    fn key_of<'k>(&mut self, key: Option<&'k str>, under: Under) -> Result<Option<&'k str>, LedgerError> {
        match under {
            Under::Key => Ok(key),
            Under::Nothing => Ok(None),
            Under::InPlaceOf(other) => {
                let update = "UPDATE conversions SET key = NULL WHERE event_id = ?1 AND key = ?2";
                sql::run(&self.inner, update, (sql::id(other), key), "leave a key")?;
                Ok(key)
            }
        }
    }

    /// Who earns by a booking.
    fn earn(
        &mut self,
        event_id: EventId,
        source: EventId,
        advertiser_id: i64,
        booking: &Booking,
    ) -> Result<(), LedgerError> {
        let (at, amount, awarded) = (booking.at, booking.amount, booking.awarded.as_ref());
        self.award(&Award { event_id, source, at, currency: amount.currency, awarded })?;
        let earned = awarded.map(|awarded| earned(advertiser_id, at, amount, awarded));
        earned.map_or(Ok(()), |earned| self.count_earned(&earned, 1))
    }

    fn insert(
        &mut self,
        place: &Place<'_>,
        advertiser_id: i64,
        claims: &Claims,
        received_at: Timestamp,
    ) -> Result<(), LedgerError> {
        let insert = "INSERT INTO conversions (event_id, key, state, reason, detail, flags, advertiser_id,
            advertiser_primary_id, publisher_id, publisher_primary_id, creative_id, click_id, click_at, evidence,
            evidence_value, owner, minor, currency, commission_minor, commission_currency, reference,
            reference_prefix, source, first, active, attention, fresh, received_at, changed_at, due_at, considered,
            wanted_click, status)
            VALUES (:event_id, :key, :state, :reason, :detail, :flags, :advertiser_id, :advertiser_primary_id,
            :publisher_id, :publisher_primary_id, :creative_id, :click_id, :click_at, :evidence, :evidence_value,
            :owner, :minor, :currency, :commission_minor, :commission_currency, :reference, :reference_prefix,
            :source, :first, :active, :attention, 1, :received_at, :now, :due_at, :considered, :wanted_click,
            :status)";
        let proof = place.booking.map(ProofRow::of).unwrap_or_default();
        let booking = place.booking;
        let amount = booking.map(|booking| booking.amount).or(claims.amount);
        let row = named_params! {
            ":event_id": sql::id(place.event_id), ":key": place.key, ":state": place.state.name(),
            ":reason": place.reason, ":detail": place.detail,
            ":flags": booking.map_or_else(|| place.flags.to_owned(), |booking| booking.flags.join(" ")),
            ":advertiser_id": advertiser_id,
            ":advertiser_primary_id": booking.and_then(|booking| booking.advertiser_primary_id).map(sql::int),
            ":publisher_id": proof.publisher_id, ":publisher_primary_id": proof.publisher_primary_id,
            ":creative_id": proof.creative_id, ":click_id": proof.click_id, ":click_at": proof.click_at,
            ":evidence": proof.evidence.unwrap_or(EvidenceKind::None.name()), ":evidence_value": proof.value,
            ":owner": booking.map(|booking| booking.owner.name()),
            ":minor": amount.map(|amount| amount.minor),
            ":currency": amount.map(|amount| amount.currency.code().to_owned()),
            ":commission_minor": proof.commission.map(|earned| earned.minor),
            ":commission_currency": proof.commission.map(|earned| earned.currency.code().to_owned()),
            ":reference": claims.reference, ":reference_prefix": claims.reference_prefix,
            ":source": sql::id(place.source), ":first": place.first.map(sql::id),
            ":active": place.state == State::Queued, ":attention": place.state.needs_a_person(),
            ":received_at": received_at.as_millis(), ":now": self.now.as_millis(),
            ":due_at": booking.map(|booking| booking.due_at.as_millis()),
            ":considered": Considered::write(place.considered),
            ":wanted_click": place.wanted_click,
            ":status": booking.map(|_| Status::Pending.name()),
        };
        sql::send(&self.inner, insert, row, "place a conversion")?;
        let prefix = claims.reference_prefix.as_deref();
        self.ahead.placed(advertiser_id, place.key, prefix, proof.click_id);
        self.tally.entered(advertiser_id, place.state);
        if place.state.needs_a_person() { self.mark_cause(place.event_id) } else { Ok(()) }
    }
}

/// True if what is known bears on the event: it is a real order.
fn is_looked_up(envelope: &Envelope) -> bool {
    envelope.purpose == Purpose::Live && envelope.event.class == Class::Conversion
}

/// What a publisher earned by an order, as it is counted: commissions in the order's own currency.
pub(crate) fn earned(advertiser_id: i64, at: Timestamp, amount: Money, awarded: &Awarded) -> Earned {
    let own = awarded.commission.currency == amount.currency;
    let commission = if own { awarded.commission.minor } else { 0 };
    Earned { advertiser_id, publisher_id: awarded.credited.publisher_id, at, amount, commission }
}

/// An event as the table of arrivals has it.
struct Arrived<'a> {
    id: EventId,
    class: &'a str,
    purpose: &'a str,
    advertiser_id: i64,
    money: bool,
}

/// Where a conversion is put.
struct Place<'a> {
    event_id: EventId,
    source: EventId,
    key: Option<&'a str>,
    state: State,
    reason: &'a str,
    detail: &'a str,
    first: Option<EventId>,
    considered: &'a [Considered],
    wanted_click: Option<&'a str>,
    /// What is remarkable of what is not booked.
    flags: &'a str,
    booking: Option<&'a Booking>,
}

/// Who is credited and by which proof, in the store's types.
#[derive(Default)]
struct ProofRow<'a> {
    publisher_id: Option<i64>,
    publisher_primary_id: Option<i64>,
    creative_id: Option<i64>,
    click_id: Option<&'a str>,
    click_at: Option<i64>,
    evidence: Option<&'static str>,
    value: Option<&'a str>,
    commission: Option<Money>,
}

impl<'a> ProofRow<'a> {
    fn of(booking: &'a Booking) -> Self {
        let click = match &booking.credit {
            Credit::To(candidate) => Some(&candidate.click),
            Credit::None(_) => None,
        };
        Self {
            publisher_id: click.map(|click| sql::int(click.publisher_id)),
            publisher_primary_id: booking.publisher_primary_id.map(sql::int),
            creative_id: click.map(|click| sql::int(click.creative_id)),
            click_id: click.map(|click| click.click_id.as_str()),
            click_at: click.map(|click| click.at.as_millis()),
            evidence: Some(booking.evidence_kind.name()),
            value: match (&booking.evidence, &booking.credit) {
                (Evidence::PlatformClickId(id), _) => Some(id),
                (Evidence::Voucher(code), _) => Some(code),
                (_, Credit::None(why)) => Some(why.name()),
                (_, Credit::To(_)) => None,
            },
            commission: booking.commission,
        }
    }
}

/// The advertiser's id; 0 stands for none, in the conservation sum too.
fn advertiser(envelope: &Envelope) -> i64 {
    Claims::of(envelope).advertiser_id.map_or(0, sql::int)
}

/// Every code once, and every message.
fn told(reasons: &[Reason]) -> (String, String) {
    let codes: Vec<&str> = reasons.iter().map(|reason| reason.code.as_str()).collect();
    let messages: Vec<&str> = reasons.iter().map(|reason| reason.message.as_str()).collect();
    (codes.join(" "), messages.join("; "))
}
