//! Our own side: from the running processor, or from a data directory at rest.

use std::collections::BTreeMap;

use ledger::{Ledger, Reconcilable};
use processor::{Confirmed, Proven};
use reconciliation::{Ours, Period};
use serde::Deserialize;
use tracking::Home;
use units::limits::RECONCILED_ROWS_MAX;
use units::{EventId, Timestamp};

use super::Failure;
use crate::clock::wall_clock;
use crate::command::ask::Where;
use crate::ledger_place::LedgerPlace;

/// Where our rows come from.
pub(super) enum Books<'a> {
    /// A process that serves.
    Running(&'a Where),
    /// A file that no process has open.
    Resting(Box<Ledger>, &'a Where),
}

#[derive(Deserialize)]
struct Rows {
    rows: Vec<Ours>,
    next_after: Option<EventId>,
}

#[derive(Deserialize)]
struct FirstSeen {
    first_seen: Vec<(u64, Timestamp)>,
}

impl<'a> Books<'a> {
    /// Those of the data directory, in whatever state it is.
    pub(super) fn of(place: &'a Where) -> Result<Self, Failure> {
        if place.running().is_ok_and(|run| run.processor.is_some()) {
            return Ok(Self::Running(place));
        }
        let ledger = LedgerPlace::noted(&place.data)?.look(&place.data)?;
        Ok(Self::Resting(Box::new(ledger), place))
    }

    /// Gives every conversion that was received in `period`.
    pub(super) fn each(
        &self,
        period: Period,
        mut take: impl FnMut(Ours) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut after = None;
        loop {
            let page = self.page(period, after)?;
            after = page.next_after;
            for row in page.rows {
                take(row)?;
            }
            if after.is_none() {
                return Ok(());
            }
        }
    }

    fn page(&self, period: Period, after: Option<EventId>) -> Result<Rows, Failure> {
        match self {
            Self::Running(place) => {
                let (from, until) = (period.from.as_millis(), period.until.as_millis());
                let after = after.map(|after| format!("&after={after}")).unwrap_or_default();
                let path = format!("/reconcile/rows?from={from}&until={until}{after}");
                Ok(serde_json::from_value(place.processor("GET", &path, None)?)?)
            }
            Self::Resting(ledger, _) => {
                let rows =
                    ledger.reconcilable(&Reconcilable { period, after, limit: RECONCILED_ROWS_MAX })?;
                let next_after =
                    rows.last().filter(|_| rows.len() == RECONCILED_ROWS_MAX).map(|row| row.event_id);
                Ok(Rows { rows, next_after })
            }
        }
    }

    /// When the first conversion of each advertiser was received.
    pub(super) fn first_seen(&self) -> Result<BTreeMap<u64, Timestamp>, Failure> {
        let seen = match self {
            Self::Running(place) => {
                let answer = place.processor("GET", "/reconcile/first_seen", None)?;
                serde_json::from_value::<FirstSeen>(answer)?.first_seen
            }
            Self::Resting(ledger, _) => ledger.first_seen()?,
        };
        Ok(seen.into_iter().collect())
    }

    /// Confirms what a report proves.
    pub(super) fn confirm(&self, home: Home, proven: &Proven) -> Result<Confirmed, Failure> {
        match self {
            Self::Running(place) => {
                let answer = place.tell_processor("/reconcile/confirm", &serde_json::to_string(proven)?)?;
                Ok(serde_json::from_value(answer)?)
            }
            // The reader reads alone; what is written goes through a ledger of its own.
            Self::Resting(_, place) => {
                let mut ledger = LedgerPlace::noted(&place.data)?.open(&place.data)?;
                Ok(processor::confirm_proven(&mut ledger, home, proven, wall_clock())?.0)
            }
        }
    }
}
