//! Clicks that become known after the conversions that name them.

use ledger::{LedgerError, Transaction};
use relay::Envelope;
use relay::intake::{self, Ground, Known};
use relay::policy::Snapshot;
use units::Timestamp;

/// Most conversions that one click makes better. One click leads to a handful of orders; an id that many
/// unrelated ones share is no click id.
const RECONSIDERED_MAX: usize = 64;

/// Looks again at the conversions that name a click which has only now become known: edges hand over their
/// events independently, and an import may come any time.
pub(super) fn reconsider(
    transaction: &mut Transaction<'_>,
    snapshot: &Snapshot,
    click_id: &str,
    now: Timestamp,
) -> Result<usize, LedgerError> {
    let mut corrected = 0;
    for (event_id, open) in transaction.waiting_for_click(click_id, RECONSIDERED_MAX)? {
        let Ok(envelope) = Envelope::decode(&open) else { continue };
        let standing = transaction.standing_of(event_id)?;
        let known = Known { standing, ..transaction.known(&envelope)? };
        if let Some(better) = intake::reconsider(&Ground::of(snapshot), &envelope, &known, now) {
            transaction.correct(event_id, &envelope, &better)?;
            corrected += 1;
        }
    }
    Ok(corrected)
}
