//! The request of a delivery, written from what the ledger holds.

use ledger::Due;
use relay::delivery::{dispatch_from_bytes, original};
use relay::edit::EDITED;
use relay::envelope::open_bytes;
use relay::policy::Snapshot;
use relay::{Envelope, Sealed};
use tracking::migration::{ConversionOrder, Dispatch, Evidence};
use tracking::{Event, Field, Home, Value};

use super::admit::Item;
use super::people::primary_ids;
use super::quarantine::calmly;

/// What is in the way of sending a conversion: a code, and what to do about it.
pub(super) struct Obstacle {
    pub(super) code: &'static str,
    pub(super) why: String,
}

fn obstacle(code: &'static str) -> impl Fn(String) -> Obstacle {
    move |why| Obstacle { code, why }
}

/// The request for one conversion, with the envelope by whose event its answer is judged.
pub(super) struct Written {
    pub(super) dispatch: Dispatch,
    pub(super) envelope: Envelope,
    /// The ids of [`told_ids`].
    pub(super) ids: (Option<u64>, Option<u64>),
}

/// The request for what is due.
///
/// What may have been processed goes out in the bytes of that attempt. What belongs to the old platform goes
/// out in the client's own bytes. Everything else is written with today's mapping.
pub(super) fn write(due: &Due, snapshot: &Snapshot) -> Result<Written, Obstacle> {
    calmly(|| written(due, snapshot)).unwrap_or_else(|panic| Err(obstacle("poison_entry")(panic)))
}

fn written(due: &Due, snapshot: &Snapshot) -> Result<Written, Obstacle> {
    #[cfg(test)]
    super::quarantine::fault::point(due.event_id).map_err(|error| obstacle("no_rule")(error.to_string()))?;
    let envelope = Envelope::decode(&due.open);
    let mut envelope = envelope.map_err(|error| obstacle("unreadable_entry")(error.to_string()))?;
    // What its merchant has changed since it came is sent as it is now, and what was merged at the value that stands.
    let says = envelope.event.money(Field::Amount);
    if let Some(amount) = due.amount.filter(|amount| due.owner == Home::Primary && says != Some(*amount)) {
        envelope.event.set(Field::Amount, Value::Money(amount));
        envelope.event.set(Field::Currency, Value::Text(amount.currency.code().into()));
    }
    // Where nothing identifies the order it goes to the new platform under our own identity of it, and so its
    // answer names it: what a template left behind would name one order for all of them.
    if due.owner == Home::Primary && !identifies(&envelope.event, snapshot) {
        envelope.event.remove(Field::OrderReference);
    }
    let dispatch = if due.ambiguous {
        resent(due, snapshot)?
    } else {
        match due.owner {
            Home::Legacy => forwarded(due, snapshot, &envelope)?,
            Home::Primary => translated(due, snapshot, &envelope)?,
        }
    };
    if due.owner == Home::Primary && envelope.event.text(Field::OrderReference).is_none() {
        envelope.event.set(Field::OrderReference, Value::Text(due.event_id.to_string().into()));
    }
    Ok(Written { dispatch, envelope, ids: told_ids(due, snapshot) })
}

/// True if the event's order reference identifies an order.
pub(super) fn identifies(event: &Event, snapshot: &Snapshot) -> bool {
    let reference = event.get(Field::OrderReference).map(Value::text);
    reference.is_some_and(|text| !snapshot.migration.legacy.is_placeholder(&text))
}

/// One request for all of these that can be sent; none if the migration has no rule for it.
pub(super) fn together(items: &[Item], snapshot: &Snapshot) -> Option<Dispatch> {
    let good = items.iter().filter_map(|item| Some((&item.due, &item.written.as_ref().ok()?.envelope)));
    let orders: Vec<ConversionOrder<'_>> =
        good.filter_map(|(due, envelope)| order(due, envelope, snapshot)).collect();
    calmly(|| snapshot.migration.conversions(&orders).ok()).ok().flatten()
}

/// The new platform's ids that it is told of the advertiser and the publisher: those of the booking, and where no map had
/// one then, today's.
pub(super) fn told_ids(due: &Due, snapshot: &Snapshot) -> (Option<u64>, Option<u64>) {
    let publisher = match &due.evidence {
        Evidence::Click(click) => Some(click.publisher_id),
        Evidence::PlatformClickId(_) | Evidence::Voucher(_) | Evidence::None => None,
    };
    let (advertiser, publisher) = primary_ids(snapshot, due.advertiser_id, publisher);
    (due.advertiser_primary_id.or(advertiser), due.publisher_primary_id.or(publisher))
}

/// What the new platform is told; none if it does not know the advertiser.
fn order<'a>(due: &'a Due, envelope: &'a Envelope, snapshot: &Snapshot) -> Option<ConversionOrder<'a>> {
    let (advertiser_primary_id, publisher_primary_id) = told_ids(due, snapshot);
    Some(ConversionOrder {
        event_id: due.event_id,
        at: envelope.received_at,
        event: &envelope.event,
        evidence: &due.evidence,
        advertiser_primary_id: advertiser_primary_id?,
        publisher_primary_id,
        consent: envelope.consent,
    })
}

fn resent(due: &Due, snapshot: &Snapshot) -> Result<Dispatch, Obstacle> {
    let gone = || {
        let why = "it may have arrived, and the request is not kept any more: look for it on the platform, then \
                   discard it";
        obstacle("request_erased")(why.to_owned())
    };
    let sealed = due.resend.as_deref().ok_or_else(gone)?;
    let bytes = open_bytes(sealed, &snapshot.secrets.seal_keys, due.event_id);
    let bytes = bytes.map_err(|error| obstacle("sealed_unreadable")(error.to_string()))?;
    dispatch_from_bytes(&bytes).map_err(|error| obstacle("request_unreadable")(error.to_string()))
}

fn forwarded(due: &Due, snapshot: &Snapshot, envelope: &Envelope) -> Result<Dispatch, Obstacle> {
    if envelope.problems.iter().any(|code| code == EDITED) {
        let why = "a person has corrected it, and the platform gets the client's own bytes: make the change there, then \
                   discard it";
        return Err(obstacle("edited_for_legacy")(why.to_owned()));
    }
    let sealed = Sealed::open(&due.sealed, &snapshot.secrets.seal_keys, due.source);
    let mut sealed = sealed.map_err(|error| obstacle("sealed_unreadable")(error.to_string()))?;
    if !envelope.consent.permits() {
        sealed.original.headers.retain(|(name, _)| name != "cookie");
    }
    Ok(Dispatch { request: original(&sealed), endpoint: envelope.endpoint.clone().into() })
}

fn translated(due: &Due, snapshot: &Snapshot, envelope: &Envelope) -> Result<Dispatch, Obstacle> {
    let unmapped = || {
        let why =
            format!("advertiser {} has no id on the new platform: map it, then redrive", due.advertiser_id);
        obstacle("advertiser_unmapped")(why)
    };
    let order = order(due, envelope, snapshot).ok_or_else(unmapped)?;
    if let (Evidence::Click(click), None) = (order.evidence, order.publisher_primary_id) {
        let id = click.publisher_id;
        let why = format!("publisher {id} has no id on the new platform: add it to the map, then redrive");
        return Err(obstacle("publisher_unmapped")(why));
    }
    snapshot.migration.conversion(&order).map_err(|error| obstacle("no_rule")(error.to_string()))
}

/// Method, host and path of a request, for people. The query stays away: it may be personal.
pub(super) fn line(dispatch: &Dispatch) -> String {
    let request = &dispatch.request;
    let path = request.target.split(|&byte| byte == b'?').next().unwrap_or_default();
    format!("{} {}{}", request.method, request.host, String::from_utf8_lossy(path))
}
