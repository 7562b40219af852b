//! Dead letters, orders and edits as JSON. Nothing is personal but what was revealed (I9).

use std::collections::BTreeSet;

use axum::http::StatusCode;
use ledger::{CHANGE, Closed, EditRow, Group, OrderItem, OrderRow};
use relay::advice::advice;
use relay::delivery::State;
use relay::{Envelope, Sealed};
use serde_json::{Value, json};
use tracking::dialect::Dialect;
use tracking::{Event, query};
use units::{EventId, Money};

use super::{money, time};
use crate::http::reply::Refusal;
use crate::{Corrected, Rehearsal};

pub(crate) fn groups(groups: &[Group]) -> Value {
    let row = |group: &Group| {
        json!({
            "group": group.key,
            "kind": if group.key.starts_with(CHANGE) { "change" } else { "conversion" },
            "state": group.state.name(),
            "reasons": group.reasons.split_whitespace().collect::<Vec<_>>(),
            "count": group.count,
            "advertisers": group.advertisers,
            "sums": sums(&group.sums),
            "oldest": time(Some(group.oldest)),
            "newest": time(Some(group.newest)),
            "example": group.example,
            "advice": advised(group),
        })
    };
    json!({ "groups": groups.iter().map(row).collect::<Vec<_>>() })
}

fn advised(group: &Group) -> &'static str {
    if group.key.starts_with(CHANGE) {
        return "read the platform's answer (`turnout explain`), then redrive, or make the change there and settle it";
    }
    advice(group.state, &group.reasons)
}

pub(crate) fn sums(sums: &[Money]) -> Value {
    sums.iter().map(|sum| money(Some(*sum))).collect()
}

pub(crate) fn order(row: &OrderRow) -> Value {
    json!({
        "operation": row.order_id,
        "action": row.action.name(),
        "selection": row.selection,
        "overrules_doubts": row.overrules,
        "capped": row.capped,
        "actor": row.actor,
        "reason": row.reason,
        "state": row.state.name(),
        "approved_by": row.approved_by,
        "stopped_by": row.stopped_by,
        "items": row.items,
        "worked": row.worked,
        "moved": row.moved,
        "ordered_at": time(Some(row.ordered_at)),
        "changed_at": time(Some(row.changed_at)),
    })
}

pub(crate) fn items(items: &[OrderItem]) -> Value {
    let row = |item: &OrderItem| {
        let outcome = item.outcome.as_deref().unwrap_or("waits");
        json!({ "place": item.place, "event_id": item.event_id, "outcome": outcome, "state": item.state })
    };
    items.iter().map(row).collect()
}

pub(crate) fn rehearsal(one: &Rehearsal) -> Value {
    let in_the_way = one.in_the_way.iter();
    let in_the_way = in_the_way.map(|(code, message)| json!({ "code": code, "message": message }));
    json!({
        "event_id": one.event_id,
        "state": one.state.map(State::name),
        "outcome": one.outcome,
        "owner": one.owner.map(|home| home.name()),
        "endpoint": one.endpoint,
        "request": one.line,
        "in_the_way": in_the_way.collect::<Vec<_>>(),
    })
}

pub(crate) fn corrected(event_id: EventId, corrected: &Corrected, dry_run: bool) -> Result<Value, Refusal> {
    match corrected {
        Corrected::Done { state, owner, changes, reasons } => {
            let reasons = reasons.iter().map(|(code, message)| json!({ "code": code, "message": message }));
            Ok(json!({
                "event_id": event_id,
                "dry_run": dry_run,
                "changes": changes,
                "state": state.name(),
                "owner": owner.map(|home| home.name()),
                "in_the_way": reasons.collect::<Vec<_>>(),
            }))
        }
        Corrected::Refused(why) => Err(Refusal::new(StatusCode::CONFLICT, "edit", why.clone())),
        Corrected::NotFound => Err(Refusal::not_found("there is no conversion with this event id")),
    }
}

pub(crate) fn closed((event_id, closed): &(EventId, Closed)) -> Value {
    let (outcome, state, why) = match closed {
        Closed::Done(state) => ("done", Some(state), None),
        Closed::Already(state) => ("nothing_to_do", Some(state), None),
        Closed::Contradicts(state, why) => ("refused", Some(state), Some(*why)),
        Closed::NotFound => ("not_found", None, None),
    };
    json!({ "event_id": event_id, "outcome": outcome, "state": state.map(|state| state.name()), "because": why })
}

pub(crate) fn edit(row: &EditRow) -> Value {
    let before = Envelope::decode(&row.original).ok();
    json!({
        "number": row.number,
        "edited_at": time(Some(row.edited_at)),
        "actor": row.actor,
        "reason": row.reason,
        "changes": row.changes,
        "before": before.map(|envelope| envelope.event),
    })
}

/// The original request, in which a name is readable only where the dialect knows it, and a value only where the event
/// tells the same one: everything else may be personal. `open` is the envelope without its sealed part.
pub(crate) fn masked(sealed: &Sealed, open: &[u8], dialect: &Dialect) -> Value {
    let request = &sealed.original;
    let envelope = Envelope::decode(open).ok();
    let told = envelope.as_ref().map(|envelope| values(&envelope.event)).unwrap_or_default();
    let endpoint = envelope.as_ref().and_then(|envelope| dialect.endpoint(&envelope.endpoint));
    let parameter = |pair: query::Pair<'_>| {
        let known = endpoint.is_some_and(|endpoint| dialect.find_parameter(endpoint, pair.name).is_some());
        let name = if known { query::decode_text(pair.name) } else { covered(pair.name.len()) };
        let value = query::decode_text(pair.value.unwrap_or_default());
        let readable = value.is_empty() || (known && told.contains(value.trim()));
        json!({ "name": name, "value": if readable { value } else { covered(value.len()) } })
    };
    let from = |part: &[u8]| query::pairs(part).map(parameter).collect::<Vec<_>>();
    let headers = request.headers.iter();
    let headers = headers.map(|(name, value)| json!({ "name": name, "value": covered(value.len()) }));
    json!({
        "method": request.method.name(),
        "host": request.host,
        "path": String::from_utf8_lossy(request.path()),
        "parameters": from(request.query().unwrap_or_default()),
        "headers": headers.collect::<Vec<_>>(),
        "body_bytes": request.body.len(),
        "client": sealed.client.map(|_| "(not shown)"),
        "masked": true,
    })
}

fn covered(bytes: usize) -> String {
    format!("({bytes} bytes, not shown)")
}

/// Every value that the event tells.
fn values(event: &Event) -> BTreeSet<String> {
    event.fields().map(|(_, value)| value.text().into_string()).collect()
}

/// The original request as it came.
pub(crate) fn revealed(sealed: &Sealed) -> Value {
    let request = &sealed.original;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = request.headers.iter();
    let headers = headers.map(|(name, value)| json!({ "name": name, "value": text(value) }));
    json!({
        "method": request.method.name(),
        "host": request.host,
        "target": text(&request.target),
        "headers": headers.collect::<Vec<_>>(),
        "body": text(&request.body),
        "client": sealed.client.map(|address| address.to_string()),
        "masked": false,
    })
}
