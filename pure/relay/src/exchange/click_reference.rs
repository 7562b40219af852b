//! A click id where the order's reference should be.
//!
//! Some tag managers' servers send the click id as the reference of the order, and no number of the order at all. Then
//! the id is evidence, and the reference identifies nothing: two orders of one shopper are two.

use tracking::decode::{Decoded, Outcome, Problem};
use tracking::dialect::Handling;
use tracking::directory::Advertiser;
use tracking::{Class, Field, Value};

use crate::policy::Snapshot;

/// Takes a click id out of the place of the order's reference, and for the click id where none is named.
pub(super) fn take(decoded: &mut Decoded<'_, '_>, snapshot: &Snapshot, advertiser: Option<&Advertiser<'_>>) {
    let endpoint = decoded.endpoint;
    if endpoint.class != Class::Conversion || endpoint.handling != Handling::Translate {
        return;
    }
    let Some(reference) = decoded.event.text(Field::OrderReference) else { return };
    if !is_click_id(reference, snapshot, advertiser) {
        return;
    }
    let id = reference.to_owned();
    let known = decoded.event.get(Field::ClickId).is_some();
    let message = format!(
        "the order's reference is a click id, `{id}`: booked by itself, never collapsed with another"
    );
    decoded.problems.push(Problem::new("click_id_as_order_reference", message));
    decoded.event.remove(Field::OrderReference);
    let outcome = if known { Outcome::Rejected } else { Outcome::Mapped(Field::ClickId) };
    let own = |outcome: &Outcome| *outcome == Outcome::Mapped(Field::OrderReference);
    decoded.traces.iter_mut().filter(|trace| own(&trace.outcome)).for_each(|trace| trace.outcome = outcome);
    if !known {
        decoded.event.set(Field::ClickId, Value::Text(id.into()));
    }
}

/// True if it is an id of ours, one of the new platform's for this advertiser, or looks like one of the old
/// platform's. Numbers joined by lines are common among orders, so that the new platform's shape alone says too little.
fn is_click_id(text: &str, snapshot: &Snapshot, advertiser: Option<&Advertiser<'_>>) -> bool {
    let foreign = || {
        let parts = snapshot.migration.primary.click_id_shape?.read(text)?;
        let id = advertiser?.primary_id?;
        (parts.advertiser_id == Some(id)).then_some(())
    };
    snapshot.migration.legacy.looks_like_click_id(text)
        || snapshot.secrets.click_id_keys.open(text).is_some()
        || foreign().is_some()
}
