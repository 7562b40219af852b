//! What orders earn, under several models and under other terms.

use attribution::Model;
use ledger::AwardRow;
use serde_json::{Map, Value, json};
use units::limits::AWARDS_SHOWN_MAX;
use units::{Currency, EventId, Money};

use super::{money, time};
use crate::processor::awards::{Changed, Compared, ModelRow, Recalculated};

/// One publisher's part of a decision.
pub(super) fn award(row: &AwardRow) -> Value {
    json!({
        "decision": row.number,
        "publisher_id": row.publisher_id,
        "share": money(Some(row.share)),
        "of": money(Some(row.commission)),
        "credited": row.credited,
        "evidence": row.evidence,
        "touched_at": time(row.touched_at),
        "touches": row.touches,
        "model": row.model,
        "terms": row.terms,
        "rules": row.rules,
        "earned_before": row.figures,
        "decided_by": row.source,
        "decided_at": time(Some(row.decided_at)),
    })
}

/// A sum of minor units as decimal text. What is beyond every amount is told in minor units.
fn sum(minor: i128, currency: Currency) -> Value {
    let amount = i64::try_from(minor).ok().map(|minor| Money::from_minor(minor, currency).decimal());
    json!(amount.unwrap_or_else(|| format!("{minor} minor units")))
}

fn failures(failed: &[(EventId, String)]) -> Vec<Value> {
    failed.iter().map(|(event_id, why)| json!({ "event_id": event_id, "why": why })).collect()
}

pub(crate) fn compared(compared: &Compared, models: &[Model]) -> Value {
    let row = |row: &ModelRow| {
        let currency = row.currency;
        let mut cells = Map::new();
        cells.insert("publisher_id".to_owned(), json!(row.publisher_id));
        cells.insert("currency".to_owned(), json!(currency.code()));
        cells.insert("booked".to_owned(), sum(row.booked, currency));
        for (model, minor) in models.iter().zip(&row.under) {
            cells.insert(model.name().to_owned(), sum(*minor, currency));
            cells.insert(
                format!("{}_difference", model.name()),
                sum(minor.saturating_sub(row.booked), currency),
            );
        }
        Value::Object(cells)
    };
    json!({
        "orders": compared.orders,
        "left_alone": compared.left_alone,
        "failed": failures(&compared.failed),
        "more": compared.more,
        "models": models.iter().map(|model| model.name()).collect::<Vec<_>>(),
        "publishers": compared.rows.iter().map(row).collect::<Vec<_>>(),
    })
}

pub(crate) fn recalculated(result: &Recalculated, applied: Option<usize>) -> Value {
    let publishers = result.money.iter().map(|((publisher_id, currency), [booked, now])| {
        json!({
            "publisher_id": publisher_id,
            "currency": currency.code(),
            "booked": sum(*booked, *currency),
            "now": sum(*now, *currency),
            "difference": sum(now.saturating_sub(*booked), *currency),
        })
    });
    let changed = |order: &Changed| {
        let shares = order.awarded.iter().flat_map(|awarded| &awarded.awards);
        json!({
            "event_id": order.event_id,
            "locked": order.locked,
            "terms": order.awarded.as_ref().map(|awarded| awarded.terms.as_str()),
            "rules": order.awarded.as_ref().map(|awarded| awarded.rules.join("; ")),
            "now": shares
                .map(|award| json!({ "publisher_id": award.touch.publisher_id, "share": money(Some(award.share)) }))
                .collect::<Vec<_>>(),
        })
    };
    let [booked, now] = &result.digests;
    json!({
        "orders": result.orders,
        "left_alone": result.left_alone,
        "failures": result.failures,
        "failed": failures(&result.failed),
        "more": result.more,
        "identical": booked == now,
        "digest_booked": booked,
        "digest_now": now,
        "changed": result.changed.len(),
        "locked": result.changed.iter().filter(|order| order.locked).count(),
        "applied": applied,
        "publishers": publishers.collect::<Vec<_>>(),
        "orders_changed": result.changed.iter().take(AWARDS_SHOWN_MAX).map(changed).collect::<Vec<_>>(),
    })
}
