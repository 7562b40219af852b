//! Telling the new platform of changes to transactions that it has.
//!
//! A change sets a state there, so that telling it again is harmless: whatever becomes of a request, it goes again until
//! the platform takes it or refuses it. Changes of many transactions go in one request; where its answer is a refusal
//! nobody knows whose it is, and each goes by itself the next time.

use std::collections::BTreeMap;
use std::time::Duration;

use ledger::{AdjustmentFinished, Begun, DueAdjustment};
use relay::delivery::{Admission, Destination, Health, Outcome, Rank, Settled, State, Tried, Went, settle};
use relay::intake::EvidenceKind;
use relay::policy::Snapshot;
use relay::{Envelope, Fact};
use tracking::consent::Consent;
use tracking::dialect::interface::Operation;
use tracking::migration::{ConversionOrder, Dispatch, Evidence, Origin};
use tracking::{Answer, Class, Event, Field, Home, SendFailure, Value, Verdict};
use units::Timestamp;

use super::deliver::{Delivery, DeliveryId};
use super::quarantine::calmly;
use super::settle::{Ended, Unsettled, excerpt, judged};
use super::{Processor, ProcessorError, request};

/// Most changes in one request of ours.
const TOGETHER_MAX: usize = 1000;

/// Why a change is held.
const UNWRITABLE: &str = "no request can be written of it: its merchant has no id on the new platform, the migration no \
    rule, or its transaction cannot be read";

/// A change, with the event that tells of it.
type Writable = (DueAdjustment, Event);

/// What must be remembered of a change while it is under way.
#[derive(Debug)]
pub(super) struct Telling {
    destination: Destination,
    endpoint: String,
    event: Event,
    tried: Tried,
    went: Went,
    /// How many changes the request holds.
    company: usize,
    began_at: Timestamp,
}

impl Processor {
    pub(super) fn next_change(
        &mut self,
        operation: Operation,
        now: Timestamp,
    ) -> Result<Option<Delivery>, ProcessorError> {
        let snapshot = std::sync::Arc::clone(&self.snapshot);
        let Some(send) = snapshot.migration.change(operation) else { return Ok(None) };
        let destination = Destination::new(Home::Primary, &send.endpoint);
        if now < self.change_at || self.asks_first(&destination) || self.gate(&destination).room(now) == 0 {
            return Ok(None);
        }
        let (told_before, limit) = (now.minus(send.settle), send.batch_max.min(TOGETHER_MAX));
        let mut rows = self.changes_of_one(&destination, (told_before, operation), limit, now)?;
        if self.gate(&destination).in_doubt() {
            rows.truncate(1);
        }
        let (written, dispatch) = self.writable(rows, operation, now)?;
        let Some(dispatch) = dispatch else { return Ok(None) };
        let Some((first, _)) = written.first() else { return Ok(None) };
        let (merchant, retry) = (first.advertiser_id, first.tries > 0);
        let rank = if retry { Rank::Retry } else { Rank::Fresh };
        let Admission::Go { probe } = self.gate(&destination).admit(rank, merchant, now) else {
            return Ok(None);
        };
        let went = Went { merchant, retry, probe };
        if let Err(error) = self.begin_changes(&written, &dispatch, went, now) {
            self.gate(&destination).withdrawn(went, now);
            return Err(error);
        }
        self.change_at = now.plus(send.pace);
        self.change_turns.told(operation, merchant);
        Ok(Some(self.depart_changes(written, dispatch, went, now)))
    }

    /// The changes with their request, without those of which none can be written: they are held, so that those behind
    /// them go on.
    fn writable(
        &mut self,
        rows: Vec<DueAdjustment>,
        operation: Operation,
        now: Timestamp,
    ) -> Result<(Vec<Writable>, Option<Dispatch>), ProcessorError> {
        let snapshot = std::sync::Arc::clone(&self.snapshot);
        let request = |some: &[(DueAdjustment, Event)]| {
            calmly(|| write(some, operation, &snapshot.migration)).ok().flatten().filter(|_| !some.is_empty())
        };
        let (mut good, mut spoilt) = (Vec::with_capacity(rows.len()), Vec::new());
        for row in rows {
            let id = row.adjustment_id;
            match calmly(|| event(row, &snapshot)) {
                Ok(Some(pair)) => good.push(pair),
                Ok(None) | Err(_) => spoilt.push(id),
            }
        }
        let mut dispatch = request(&good);
        if dispatch.is_none() {
            let (sound, bad): (Vec<_>, Vec<_>) =
                good.into_iter().partition(|pair| request(std::slice::from_ref(pair)).is_some());
            spoilt.extend(bad.iter().map(|(row, _)| row.adjustment_id));
            good = sound;
            good.truncate(1);
            dispatch = request(&good);
        }
        if !spoilt.is_empty() {
            let mut transaction = self.ledger.transaction(now)?;
            for id in spoilt {
                transaction.hold_change(id, UNWRITABLE)?;
            }
            transaction.commit()?;
        }
        Ok((good, dispatch))
    }

    fn begin_changes(
        &mut self,
        written: &[(DueAdjustment, Event)],
        dispatch: &Dispatch,
        went: Went,
        now: Timestamp,
    ) -> Result<(), ProcessorError> {
        let line = request::line(dispatch);
        let mut transaction = self.ledger.transaction(now)?;
        for (row, _) in written {
            let DeliveryId { event_id, number } = id(row);
            transaction.begin_adjustment(&Begun {
                event_id,
                number,
                home: Home::Primary,
                endpoint: &dispatch.endpoint,
                line: &line,
                probe: went.probe,
                request: &[],
            })?;
        }
        transaction.commit()?;
        Ok(())
    }

    fn depart_changes(
        &mut self,
        written: Vec<(DueAdjustment, Event)>,
        dispatch: Dispatch,
        went: Went,
        now: Timestamp,
    ) -> Delivery {
        let destination = Destination::new(Home::Primary, &dispatch.endpoint);
        let company = written.len();
        let alone = self.gate(&destination).refuses_alone(went.merchant);
        let ids: Vec<DeliveryId> = written.iter().map(|(row, _)| id(row)).collect();
        for (row, event) in written {
            // Setting a state twice is setting it once.
            let tried = Tried {
                deduplicates: true,
                counted: row.counted,
                ambiguous: false,
                probe: went.probe,
                alone,
            };
            let endpoint = dispatch.endpoint.clone();
            let (destination, endpoint) = (destination.clone(), endpoint.into());
            let telling = Telling { destination, endpoint, event, tried, went, company, began_at: now };
            self.telling.insert(id(&row), telling);
        }
        let within: Duration = self.snapshot.policy.delivery.attempt_deadline;
        let endpoint = dispatch.endpoint.to_string();
        Delivery { ids, destination, endpoint, request: dispatch.request, within }
    }

    /// True if the ended request told of changes.
    pub(super) fn tells(&self, ended: &Ended) -> bool {
        ended.ids.iter().any(|id| self.telling.contains_key(id))
    }

    /// Writes down how requests for changes ended. If the ledger fails, what was told is kept by the caller.
    pub(super) fn settle_changes(
        &mut self,
        ended: &[Unsettled],
        now: Timestamp,
    ) -> Result<(), ProcessorError> {
        let mut settled = Vec::new();
        for (call, Unsettled { ended, at, .. }) in ended.iter().enumerate() {
            for id in &ended.ids {
                settled
                    .extend(self.judge_change(*id, &ended.result, *at).map(|made| (call, *id, ended, made)));
            }
        }
        let mut transaction = self.ledger.transaction(now)?;
        for (_, id, ended, (made, alone)) in &settled {
            let answer = ended.result.as_ref().ok();
            let excerpt = answer.map(|answer| excerpt(&answer.body)).unwrap_or_default();
            transaction.finish_adjustment(&AdjustmentFinished {
                adjustment_id: id.event_id,
                number: id.number,
                settled: made,
                alone: *alone,
                status: answer.map(|answer| answer.status),
                excerpt: &excerpt,
            })?;
        }
        transaction.commit()?;
        // Each request gives its place back, however many changes it told of.
        let mut calls: BTreeMap<usize, (Destination, Went, Health)> = BTreeMap::new();
        for (call, id, _, (made, _)) in settled {
            let Some(telling) = self.telling.remove(&id) else { continue };
            let took = now.since(telling.began_at);
            let (event_id, home, verdict) = (id.event_id, Home::Primary, made.verdict);
            self.facts.push(Fact::Attempted { event_id, home, verdict, took });
            let (.., health) = calls.entry(call).or_insert((telling.destination, telling.went, made.health));
            *health = health.better(made.health);
        }
        for (destination, went, health) in calls.into_values() {
            let changes = self.gate(&destination).ended(health, went, now);
            self.changed(&destination, changes);
        }
        Ok(())
    }

    /// What an outcome makes of a change, and whether it must go by itself from now on.
    fn judge_change(
        &mut self,
        id: DeliveryId,
        result: &Result<Answer, SendFailure>,
        at: Timestamp,
    ) -> Option<(Settled, bool)> {
        let seed = self.draw();
        let telling = self.telling.get(&id)?;
        let outcome = match result {
            Ok(answer) => {
                let migration = &self.snapshot.migration;
                judged(|| migration.judge(Home::Primary, &telling.endpoint, &telling.event, answer))
            }
            Err(failure) => Outcome::Failed(failure.clone()),
        };
        let later = matches!(&outcome, Outcome::Judged(judged) if judged.verdict == Verdict::Later);
        // "No such transaction" speaks of this change and not of the platform, so that it counts even where the call was to
        // find out whether the platform is well: else a transaction that is not there would be asked for without end.
        let not_there = later && result.as_ref().is_ok_and(|answer| answer.status < 429);
        let tried = Tried { probe: telling.tried.probe && !not_there, ..telling.tried };
        let mut settled = settle(&tried, &outcome, &self.snapshot.policy.delivery, at, seed);
        let decided = matches!(settled.verdict, Verdict::Rejected | Verdict::Confirmed);
        let alone = telling.company > 1 && (decided || not_there);
        if alone {
            settled.state = State::Queued;
            settled.due_at = Some(at);
        }
        Some((settled, alone))
    }
}

const fn id(row: &DueAdjustment) -> DeliveryId {
    DeliveryId { event_id: row.adjustment_id, number: row.tries.saturating_add(1) }
}

/// The change as an event, with the order reference that the platform knows the transaction by.
fn event(row: DueAdjustment, snapshot: &Snapshot) -> Option<(DueAdjustment, Event)> {
    let known = Envelope::decode(&row.open).ok()?;
    let mut event = Event::new(Class::Adjustment);
    event.set(Field::AdvertiserId, Value::Id(row.advertiser_id));
    event.set(Field::Amount, Value::Money(row.amount));
    event.set(Field::Currency, Value::Text(row.amount.currency.code().into()));
    event.set(Field::Reason, Value::Text(row.reason.as_str().into()));
    // Its kind decides in which group it was told, and a change is told in the same one.
    for field in [Field::OrderReference, Field::ConversionType] {
        if let Some(value) = known.event.get(field) {
            event.set(field, value.clone());
        }
    }
    if !request::identifies(&event, snapshot) {
        event.set(Field::OrderReference, Value::Text(row.conversion.to_string().into()));
    }
    Some((row, event))
}

fn write(
    written: &[(DueAdjustment, Event)],
    operation: Operation,
    migration: &tracking::migration::Migration,
) -> Option<Dispatch> {
    let orders = written.iter().filter_map(|(row, event)| order(row, event, migration));
    let orders: Vec<ConversionOrder<'_>> = orders.collect();
    migration.changes(operation, &orders).ok()
}

fn order<'a>(
    row: &DueAdjustment,
    event: &'a Event,
    migration: &tracking::migration::Migration,
) -> Option<ConversionOrder<'a>> {
    // The platform's own time of the transaction is what it was told, or when it was told.
    let kind = EvidenceKind::parse(&row.evidence)?;
    let send = migration.send(Class::Conversion, kind.rule());
    let told = send.is_some_and(|send| send.parameters.iter().any(|one| one.from == Origin::EventTime));
    Some(ConversionOrder {
        event_id: row.conversion,
        at: if told { row.received_at } else { row.sent_at },
        event,
        evidence: &Evidence::None,
        advertiser_primary_id: row.advertiser_primary_id?,
        publisher_primary_id: None,
        consent: Consent::NoSignal,
    })
}
