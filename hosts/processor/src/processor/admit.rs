//! Which conversions go now, and in which requests.

use std::collections::{BTreeSet, VecDeque};

use ledger::{Due, Together, Wanted};
use relay::delivery::{Admission, Destination, Rank, Went, dispatch_to_bytes};
use relay::envelope::seal_bytes;
use tracking::migration::Dispatch;
use units::limits::ANSWER_BYTES_MAX;
use units::{EventId, Timestamp};

use super::lane::{Lane, Limit};
use super::request::{self, Obstacle, Written};
use super::{Processor, ProcessorError};

/// The largest body of a request for several conversions. Its answer names each of them, with reasons, and one
/// that is cut off at our limit would leave all of them unknown.
const TOGETHER_BYTES_MAX: usize = ANSWER_BYTES_MAX / 2;

/// A call that was admitted by its gate.
pub(super) struct Admitted {
    pub(super) destination: Destination,
    pub(super) went: Went,
    pub(super) items: Vec<Item>,
    /// The one request for all; none where the only item's own is sent.
    pub(super) together: Option<Dispatch>,
}

/// A conversion of an admitted call.
pub(super) struct Item {
    pub(super) due: Due,
    pub(super) written: Result<Written, Obstacle>,
    /// The conversion's own request, sealed for the ledger: what is sent should it have to be sent again.
    pub(super) sealed: Vec<u8>,
}

impl Processor {
    /// Everything of a lane that may go now. What was admitted before a failure is in `admitted` too.
    pub(super) fn admit(
        &mut self,
        lane: &Lane,
        now: Timestamp,
        admitted: &mut Vec<Admitted>,
    ) -> Result<(), ProcessorError> {
        if self.asks_first(&lane.destination) || self.gate(&lane.destination).room(now) == 0 {
            return Ok(());
        }
        match &lane.limit {
            Some(limit) => admitted.extend(self.admit_together(lane, limit, now)?),
            None => self.admit_singly(lane, now, admitted)?,
        }
        Ok(())
    }

    /// What is due in a lane and may go, each for itself. Fresh sales have most of the places, so that they do not
    /// wait behind the backlog and the retries of an outage.
    fn admit_singly(
        &mut self,
        lane: &Lane,
        now: Timestamp,
        admitted: &mut Vec<Admitted>,
    ) -> Result<(), ProcessorError> {
        let gate = self.gate(&lane.destination);
        let room = gate.room(now);
        let (mut backlog, mut retries) = (gate.backlog_room(now), gate.retry_room(now));
        if gate.in_doubt() {
            (backlog, retries) = (1, 1);
        }
        let mut waiting = [
            VecDeque::from(self.pick(lane, Rank::Fresh, room, now)?),
            VecDeque::from(self.pick(lane, Rank::Backlog, backlog.min(room), now)?),
            VecDeque::from(self.pick(lane, Rank::Retry, retries.min(room), now)?),
        ];
        let counts = waiting.each_ref().map(VecDeque::len);
        for rank in self.gate(&lane.destination).share(room, counts) {
            let next = waiting.get_mut(rank as usize).and_then(VecDeque::pop_front);
            let Some(due) = next else { continue };
            let merchant = due.advertiser_id;
            if let Admission::Go { probe } = self.gate(&lane.destination).admit(rank, merchant, now) {
                let went = Went { merchant, retry: due.tries > 0, probe };
                let items = vec![self.item(due)];
                let destination = lane.destination.clone();
                admitted.push(Admitted { destination, went, items, together: None });
            }
        }
        Ok(())
    }

    /// One call of a lane with limits, if it may go: as many conversions of one merchant as are due, however few.
    /// Fresh sales have most of the calls; the others go to the merchants by turns. What may have been processed
    /// goes by itself, in its own bytes.
    fn admit_together(
        &mut self,
        lane: &Lane,
        limit: &Limit,
        now: Timestamp,
    ) -> Result<Option<Admitted>, ProcessorError> {
        if now < self.pace.opens_at(limit) {
            return Ok(None);
        }
        for rank in self.gate(&lane.destination).turn() {
            let first = match rank {
                Rank::Fresh => self.pick(lane, rank, 1, now)?.pop(),
                Rank::Backlog | Rank::Retry => self.pick_in_turn(lane, rank, now)?,
            };
            let Some(first) = first else { continue };
            let (merchant, retry) = (first.advertiser_id, first.tries > 0);
            let alone = first.ambiguous || self.gate(&lane.destination).in_doubt();
            let rows = if alone { vec![first] } else { self.together_with(first, lane, limit, now)? };
            let gate = self.gate(&lane.destination);
            if let Admission::Go { probe } = gate.admit(rank, merchant, now) {
                gate.took_turn();
                let (items, together) = self.write_together(rows);
                if items.iter().any(|item| item.written.is_ok()) {
                    self.pace.called(limit, now);
                }
                let (destination, went) = (lane.destination.clone(), Went { merchant, retry, probe });
                return Ok(Some(Admitted { destination, went, items, together }));
            }
        }
        Ok(None)
    }

    /// What goes in one request with `first`: the merchant's fresh sales, and what has waited the longest.
    fn together_with(
        &self,
        first: Due,
        lane: &Lane,
        limit: &Limit,
        now: Timestamp,
    ) -> Result<Vec<Due>, ProcessorError> {
        let kinds = lane.kinds_like(&first.evidence);
        let rows = ledger::Lane { home: lane.destination.home, kinds: &kinds };
        let (merchant, most) = (first.advertiser_id, limit.batch_max);
        // One request has one address. What was booked before the advertiser was mapped anew goes next time.
        let address = first.advertiser_primary_id;
        let mut company = vec![first];
        let ask = Wanted { lane: rows, ..self.ask(lane, Rank::Fresh, now) };
        let fresh = self.ledger.waiting_of(merchant, &ask, most)?;
        let rest = if fresh.len() < most {
            let together = Together { advertiser_id: merchant, lane: rows };
            self.ledger.due_together(now, together, most)?
        } else {
            Vec::new()
        };
        let mut seen: BTreeSet<EventId> = company.iter().map(|row| row.event_id).collect();
        let good = fresh.into_iter().chain(rest).filter(|row| row.advertiser_primary_id == address);
        company.extend(good.filter(|row| seen.insert(row.event_id)));
        company.truncate(most);
        Ok(company)
    }

    /// Writes each conversion's own request, and the one for all of them, in which each stands in the same
    /// bytes. What does not fit stays queued.
    fn write_together(&mut self, rows: Vec<Due>) -> (Vec<Item>, Option<Dispatch>) {
        let mut items = Vec::with_capacity(rows.len());
        let mut bytes = 0_usize;
        for due in rows {
            let item = self.item(due);
            let body = item.written.as_ref().map_or(0, |written| written.dispatch.request.body.len());
            bytes = bytes.saturating_add(body);
            if bytes > TOGETHER_BYTES_MAX && !items.is_empty() {
                break;
            }
            items.push(item);
        }
        let good = |item: &Item| item.written.is_ok();
        if items.iter().filter(|item| good(item)).count() < 2 {
            return (items, None);
        }
        let together = request::together(&items, &self.snapshot);
        if together.is_none() {
            // Each was written by the same rule, so that this cannot be; one alone is right in any case.
            let first = items.iter().position(good).unwrap_or(0);
            items.truncate(first.saturating_add(1));
        }
        (items, together)
    }

    fn item(&mut self, due: Due) -> Item {
        let written = request::write(&due, &self.snapshot);
        let seed = self.draw();
        let sealed = match (&written, self.snapshot.secrets.seal_keys.first()) {
            (Ok(written), Some((key_id, key))) => {
                seal_bytes(&dispatch_to_bytes(&written.dispatch), key, *key_id, due.event_id, seed)
            }
            _ => Vec::new(),
        };
        Item { due, written, sealed }
    }
}
