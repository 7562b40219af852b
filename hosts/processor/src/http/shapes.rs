//! The JSON of the operator's interface. Times are RFC 3339, money is decimal text with its currency, ids of
//! the platforms are numbers, and nothing is personal (I9).

pub(super) mod awards;
mod dead;

use ledger::{
    AdjustmentRow, AtRisk, Audit, AuditRow, ConversionRow, OwedPostback, PostingRow, Shown, StatusChange,
    Unmapped,
};
use reconciliation::Repeats;
use relay::Envelope;
use relay::delivery::State;
use relay::intake::{BoundVoucher, Considered, KeptClick};
use resilience::breaker::State as BreakerState;
use serde_json::{Map, Value, json};
use tracking::Home;
use units::{Money, Timestamp};

use crate::conservation::Health;
use crate::{PlatformStatus, Status};

pub(crate) use dead::{closed, corrected, edit, groups, items, masked, order, rehearsal, revealed, sums};

pub(super) fn time(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| Value::String(at.to_string()))
}

pub(super) fn money(amount: Option<Money>) -> Value {
    amount.map_or(
        Value::Null,
        |amount| json!({ "amount": amount.decimal(), "currency": amount.currency.code() }),
    )
}

fn states(counts: &[u64; 11]) -> Value {
    let pairs = State::ALL.iter().zip(counts).map(|(state, count)| (state.name().to_owned(), json!(count)));
    Value::Object(pairs.collect::<Map<String, Value>>())
}

/// What edges are told: which platforms count as down.
pub(super) fn breakers(down: [(Home, bool); 2]) -> Value {
    let name = |down| if down { BreakerState::Open } else { BreakerState::Closed };
    let pairs = down.map(|(home, down)| (home.name().to_owned(), json!(name(down).name())));
    Value::Object(pairs.into_iter().collect::<Map<String, Value>>())
}

fn platform(status: &PlatformStatus) -> Value {
    json!({
        "platform": status.home.name(),
        "breaker": status.breaker.name(),
        "down_since": time(status.down_since),
        "next_try_at": time(status.probe_at),
        "in_flight": status.in_flight,
        "retries_left": status.retries_left,
        "refuses_credentials": status.refuses_credentials,
    })
}

pub(super) fn status(status: &Status, draining: Value, now: Timestamp) -> Value {
    let waiting = status.queue.oldest.map(|at| now.since(at).as_secs());
    json!({
        "version": status.version,
        "accepted": status.accepted,
        "states": states(&status.states),
        "oldest_waiting_at": time(status.queue.oldest),
        "oldest_waiting_seconds": waiting,
        "corrected_late": status.queue.corrected_late,
        "oldest_unknown_at": time(status.oldest_unknown),
        "oldest_unknown_seconds": status.oldest_unknown.map(|at| now.since(at).as_secs()),
        "platforms": status.gates.iter().map(platform).collect::<Vec<_>>(),
        "destinations": status.destinations.iter().map(super::delivering::destination).collect::<Vec<_>>(),
        "backlog": draining,
        "at_risk": status.at_risk.iter().map(at_risk).collect::<Vec<_>>(),
        "changes": states(&status.changes),
        "changes_at_risk": status.changes_at_risk.iter().map(change).collect::<Vec<_>>(),
    })
}

/// What is known of the sums: the counters now, the rows at their last count, and who repeats.
pub(super) fn health(health: &Health, now: Timestamp) -> Value {
    let counted = health.counted.as_ref();
    let findings = counted.map(|counted| counted.findings.as_slice()).unwrap_or_default();
    let finding =
        |(invariant, message): &(&str, String)| json!({ "invariant": invariant, "message": message });
    let repeating = |one: &Repeats| {
        json!({
            "advertiser_id": one.advertiser_id,
            "arrivals": one.arrivals,
            "repeated": one.merged,
            "percent": one.share(),
            "usual_percent": one.usual(),
        })
    };
    let off = health.vitals.off.iter();
    json!({
        "adds_up": health.vitals.off.is_empty() && findings.is_empty(),
        "off": off.map(|(id, by)| json!({ "advertiser_id": id, "by": by })).collect::<Vec<_>>(),
        "counted_at": time(counted.map(|counted| counted.at)),
        "counted_seconds_ago": counted.map(|counted| now.since(counted.at).as_secs()),
        "count_took_ms": counted.map(|counted| u64::try_from(counted.took.as_millis()).unwrap_or(u64::MAX)),
        "findings": findings.iter().map(finding).collect::<Vec<_>>(),
        "oldest_unknown_at": time(health.vitals.oldest_unknown),
        "oldest_taken_at": time(health.vitals.oldest_taken),
        "oldest_held_at": time(health.vitals.oldest_held),
        "postbacks_given_up": health.vitals.postbacks_given_up,
        "repeating": health.repeating.iter().map(repeating).collect::<Vec<_>>(),
    })
}

pub(super) fn unmapped(rows: &[Unmapped]) -> Value {
    let row = |row: &Unmapped| {
        json!({
            "kind": row.missing.name(),
            "legacy_id": row.legacy_id,
            "held": row.held,
            "first_at": time(Some(row.first_at)),
            "last_at": time(Some(row.last_at)),
        })
    };
    json!({ "unmapped": rows.iter().map(row).collect::<Vec<_>>() })
}

fn at_risk(row: &AtRisk) -> Value {
    json!({
        "advertiser_id": row.advertiser_id,
        "state": row.state.name(),
        "count": row.count,
        "sum": money(row.amount),
        "since": time(Some(row.since)),
    })
}

pub(crate) fn conversion(row: &ConversionRow) -> Value {
    json!({
        "event_id": row.event_id,
        "state": row.state.name(),
        "reason": row.reason,
        "detail": row.detail,
        "flags": row.flags.split_whitespace().collect::<Vec<_>>(),
        "advertiser_id": row.advertiser_id,
        "publisher_id": row.publisher_id,
        "owner": row.owner.map(|home| home.name()),
        "amount": row.amount.map(|amount| amount.decimal()),
        "currency": row.amount.map(|amount| amount.currency.code().to_owned()),
        "commission": money(row.commission),
        "order_reference": row.reference,
        "evidence": row.evidence,
        "merged_into": row.first.filter(|_| row.state == State::Merged),
        "conflicts_with": row.first.filter(|_| row.state == State::Conflict),
        "corrected_late": row.corrected_late,
        "attempts": row.tries,
        "received_at": time(Some(row.received_at)),
        "changed_at": time(Some(row.changed_at)),
        "due_at": time(row.due_at),
        "status": row.status.map(attribution::Status::name),
    })
}

pub(super) fn list(name: &str, rows: &[ConversionRow], limit: usize) -> Value {
    let next = rows.last().filter(|_| rows.len() == limit).map(|row| row.event_id);
    json!({ name: rows.iter().map(conversion).collect::<Vec<_>>(), "next_after": next })
}

fn posting(row: &PostingRow) -> Value {
    json!({
        "set": row.set_id,
        "kind": row.kind,
        "cause": row.cause,
        "happened_at": time(Some(row.happened_at)),
        "posted_at": time(Some(row.posted_at)),
        "account": row.posting.map(|line| line.account.kind()),
        "party": row.posting.map(|line| line.account.party()),
        "amount": money(row.posting.map(|line| line.amount)),
    })
}

/// A click that is kept.
pub(crate) fn click(kept: &KeptClick) -> Value {
    let click = &kept.click;
    json!({
        "click_id": click.click_id,
        "advertiser_id": click.advertiser_id,
        "publisher_id": click.publisher_id,
        "creative_id": Some(click.creative_id).filter(|id| *id > 0),
        "clicked_at": time(Some(click.at)),
        "origin": kept.origin.name(),
        "platform": kept.home.map(|home| home.name()),
        "alias_of": kept.alias_of,
        "event_id": kept.event_id,
        "expires_at": time(Some(kept.expires_at)),
    })
}

/// The bound voucher codes of a programme.
pub(crate) fn vouchers(rows: &[BoundVoucher]) -> Value {
    let row = |bound: &BoundVoucher| {
        json!({
            "advertiser_id": bound.advertiser_id,
            "code": bound.code,
            "publisher_id": bound.publisher_id,
            "starts_at": time(bound.starts_at),
            "ends_at": time(bound.ends_at),
        })
    };
    json!({ "vouchers": rows.iter().map(row).collect::<Vec<_>>() })
}

fn considered(piece: &Considered) -> Value {
    json!({
        "evidence": piece.kind.name(),
        "outcome": piece.outcome,
        "publisher_id": piece.publisher_id,
        "clicked_at": time(piece.at),
    })
}

/// A change that a merchant asked for.
pub(crate) fn change(row: &AdjustmentRow) -> Value {
    json!({
        "change_id": row.adjustment_id,
        "call": row.event_id,
        "transaction": row.conversion,
        "number": row.number,
        "operation": row.operation,
        "advertiser_id": row.advertiser_id,
        "amount": money(row.amount),
        "commission": money(row.commission),
        "reason": row.reason,
        "state": row.state.name(),
        "detail": row.detail,
        "attempts": row.tries,
        "received_at": time(Some(row.received_at)),
        "changed_at": time(Some(row.changed_at)),
        "due_at": time(row.due_at),
    })
}

/// The whole walk of one conversion.
pub(super) fn shown(shown: &Shown) -> Value {
    let envelope = Envelope::decode(&shown.open).ok();
    let attempts = shown.attempts.iter().map(|attempt| {
        json!({
            "number": attempt.number,
            "platform": attempt.home,
            "endpoint": attempt.endpoint,
            "request": attempt.line,
            "probe": attempt.probe,
            "started_at": time(Some(attempt.started_at)),
            "finished_at": time(attempt.finished_at),
            "verdict": attempt.verdict,
            "reason": attempt.reason,
            "status": attempt.status,
            "answer": attempt.excerpt,
        })
    });
    let journal = shown.journal.iter().map(|entry| {
        json!({ "at": time(Some(entry.at)), "actor": entry.actor, "action": entry.action, "detail": entry.detail })
    });
    json!({
        "conversion": conversion(&shown.conversion),
        "event": envelope.as_ref().map(|envelope| &envelope.event),
        "endpoint": envelope.as_ref().map(|envelope| &envelope.endpoint),
        "purpose": envelope.as_ref().map(|envelope| envelope.purpose.name()),
        "key": envelope.as_ref().and_then(|envelope| envelope.key.as_deref()),
        "consent": envelope.as_ref().map(|envelope| envelope.consent.name()),
        "consent_reason": envelope.as_ref().map(|envelope| envelope.consent.reason().name()),
        "considered": shown.considered.iter().map(considered).collect::<Vec<_>>(),
        "country": envelope.as_ref().and_then(|envelope| envelope.country.as_deref()),
        "problems": envelope.as_ref().map(|envelope| &envelope.problems),
        "sealed_part_kept": shown.sealed,
        "attempts": attempts.collect::<Vec<_>>(),
        "awards": shown.awards.iter().map(awards::award).collect::<Vec<_>>(),
        "postings": shown.postings.iter().map(posting).collect::<Vec<_>>(),
        "journal": journal.collect::<Vec<_>>(),
        "changes": shown.changes.iter().map(change).collect::<Vec<_>>(),
        "postbacks": shown.postbacks.iter().map(owed_postback).collect::<Vec<_>>(),
        "statuses": shown.statuses.iter().map(status_change).collect::<Vec<_>>(),
        "follows": shown.follows,
        "later_arrivals": shown.later_arrivals.iter().map(conversion).collect::<Vec<_>>(),
    })
}

/// A step in the life of a transaction.
fn status_change(row: &StatusChange) -> Value {
    json!({
        "before": row.before.name(),
        "status": row.status.name(),
        "cause": row.cause,
        "actor": row.actor,
        "reason": row.reason,
        "set": row.set_id,
        "happened_at": time(Some(row.happened_at)),
        "recorded_at": time(Some(row.recorded_at)),
    })
}

fn owed_postback(row: &OwedPostback) -> Value {
    json!({
        "publisher_id": row.publisher_id,
        "state": row.state.name(),
        "detail": row.detail,
        "attempts": row.tries,
        "changed_at": time(Some(row.changed_at)),
        "due_at": time(row.due_at),
    })
}

fn audit_row(row: &AuditRow) -> Value {
    json!({
        "advertiser_id": row.advertiser_id,
        "accepted": row.accepted,
        "states": states(&row.states),
        "sum": row.sum(),
        "balances": row.accepted == row.sum(),
    })
}

pub(super) fn audit(audit: &Audit) -> Value {
    let findings = audit.findings.iter();
    let findings = findings.map(|found| json!({ "invariant": found.invariant, "message": found.message }));
    json!({
        "balances": audit.findings.is_empty(),
        "advertisers": audit.rows.iter().map(audit_row).collect::<Vec<_>>(),
        "changes": states(&audit.changes),
        "statuses": audit.statuses.iter().map(|sum| (sum.status.name().to_owned(), json!(sum.transactions))).collect::<Map<String, Value>>(),
        "links": audit.head.sequence,
        "chain_hash": ledger::hex(&audit.head.hash),
        "findings": findings.collect::<Vec<_>>(),
    })
}
