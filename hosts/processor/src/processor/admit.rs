//! Which conversions go now, and in which requests.

use ledger::{Due, Together, Which};
use relay::delivery::{Admission, Went, dispatch_to_bytes};
use relay::envelope::seal_bytes;
use tracking::Home;
use tracking::migration::Dispatch;
use units::Timestamp;
use units::limits::ANSWER_BYTES_MAX;

use super::lane::{Lane, Limit};
use super::request::{self, Obstacle, Written};
use super::{Processor, ProcessorError};

/// The largest body of a request for several conversions. Its answer names each of them, with reasons, and one
/// that is cut off at our limit would leave all of them unknown.
const TOGETHER_BYTES_MAX: usize = ANSWER_BYTES_MAX / 2;

/// A call that was admitted by its gate.
pub(super) struct Admitted {
    pub(super) home: Home,
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
    /// Everything that may go to a platform now. What was admitted before a failure is in `admitted` too.
    pub(super) fn admit(
        &mut self,
        home: Home,
        now: Timestamp,
        admitted: &mut Vec<Admitted>,
    ) -> Result<(), ProcessorError> {
        if self.asks_first(home) {
            return Ok(());
        }
        let lanes = std::sync::Arc::clone(&self.lanes);
        for lane in lanes.iter().filter(|lane| lane.home == home) {
            match &lane.limit {
                Some(limit) => admitted.extend(self.admit_together(lane, limit, now)?),
                None => self.admit_singly(lane, now, admitted)?,
            }
        }
        Ok(())
    }

    /// What is due in a lane and may go. First attempts have the larger part of the room, so that fresh sales
    /// do not wait behind the retries of an outage.
    fn admit_singly(
        &mut self,
        lane: &Lane,
        now: Timestamp,
        admitted: &mut Vec<Admitted>,
    ) -> Result<(), ProcessorError> {
        let room = self.gate(lane.home).room(now);
        if room == 0 {
            return Ok(());
        }
        let mut due = self.ledger.due(now, lane.rows(), Which::Fresh, room)?;
        let for_retries = (room - due.len()).max(room.div_ceil(4));
        let retries = self.ledger.due(now, lane.rows(), Which::Retries, for_retries)?;
        due.truncate(room - retries.len().min(room));
        // A budget without credit leaves its places to first attempts the next time round.
        for due in retries.into_iter().chain(due) {
            let retry = due.tries > 0;
            if let Admission::Go { probe } = self.gate(lane.home).admit(retry, now) {
                let items = vec![self.item(due)];
                admitted.push(Admitted {
                    home: lane.home,
                    went: Went { retry, probe },
                    items,
                    together: None,
                });
            }
        }
        Ok(())
    }

    /// One call of a lane with limits, if it may go: as many conversions of the advertiser whose conversion is
    /// due the longest as are due, however few. What may have been processed goes by itself, in its own bytes.
    fn admit_together(
        &mut self,
        lane: &Lane,
        limit: &Limit,
        now: Timestamp,
    ) -> Result<Option<Admitted>, ProcessorError> {
        let home = lane.home;
        if now < self.pace.opens_at(limit) || self.gate(home).room(now) == 0 {
            return Ok(None);
        }
        for which in self.pace.turns(limit) {
            let Some(first) = self.ledger.due(now, lane.rows(), which, 1)?.pop() else { continue };
            let retry = first.tries > 0;
            let alone = first.ambiguous || self.gate(home).in_doubt();
            let rows = if alone { vec![first] } else { self.together_with(first, lane, limit, now)? };
            if let Admission::Go { probe } = self.gate(home).admit(retry, now) {
                let (items, together) = self.write_together(rows);
                if items.iter().any(|item| item.written.is_ok()) {
                    self.pace.called(limit, which, now);
                }
                return Ok(Some(Admitted { home, went: Went { retry, probe }, items, together }));
            }
        }
        Ok(None)
    }

    fn together_with(
        &self,
        first: Due,
        lane: &Lane,
        limit: &Limit,
        now: Timestamp,
    ) -> Result<Vec<Due>, ProcessorError> {
        let kinds = lane.kinds_like(&first.evidence);
        let together = Together {
            advertiser_id: first.advertiser_id,
            lane: ledger::Lane { home: lane.home, kinds: &kinds },
        };
        let mut rows = self.ledger.due_together(now, together, limit.batch_max)?;
        // One request has one address. What was booked before the advertiser was mapped anew goes next time.
        let address = rows.first().map_or(first.advertiser_primary_id, |row| row.advertiser_primary_id);
        rows.retain(|row| row.advertiser_primary_id == address);
        if rows.is_empty() {
            rows.push(first);
        }
        Ok(rows)
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
