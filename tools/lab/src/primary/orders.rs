//! The Conversion API: up to 1000 orders a call, each booked or refused on its own.
//!
//! There is no idempotency key: an order sent twice is booked twice, unless the programme folds references.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Value, json};

use super::conversion::{REFERENCE_CHARS_MAX, fold};
use super::{DAY_MS, Primary, error};
use crate::books::{Earned, Evidence, Transaction};
use crate::chance::Chance;
use crate::platform::{Answer, PlatformName, Received};
use crate::text::{Query, cut, minor};
use crate::world::{Advertiser, Directory};

const ORDERS_MAX: usize = 1000;

/// A field and what is wrong with it.
type Fault = (&'static str, &'static str);

impl Primary {
    pub(super) fn orders(&self, request: &Received, _: &Query, advertiser: u64) -> Answer {
        let orders = match read(request) {
            Ok(orders) => orders,
            Err(reason) => return error(StatusCode::BAD_REQUEST, "bad_request", reason),
        };
        let directory = self.shared.directory();
        let Some(advertiser) = directory.primary(advertiser) else { return Answer::not_found() };
        let mut chance = self.chance();
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for order in &orders {
            match self.order(request, order, advertiser, &directory) {
                Ok(transaction) => {
                    let reference = transaction.order_reference.clone();
                    self.gate.books().book(transaction, fold(advertiser));
                    successful
                        .push(json!({ "orderReference": reference, "correlationId": uuid(&mut chance) }));
                }
                Err(fault) => {
                    self.gate.books().refuse("order: invalid");
                    failed.push(failure(order, fault));
                }
            }
        }
        let status = if failed.is_empty() { StatusCode::OK } else { StatusCode::PARTIAL_CONTENT };
        Answer::json(
            status,
            &json!({
                "batchId": uuid(&mut chance), "successfulOrders": successful, "pendingOrders": [], "failedOrders": failed,
            }),
        )
    }

    fn order(
        &self,
        request: &Received,
        order: &Value,
        advertiser: &Advertiser,
        directory: &Directory,
    ) -> Result<Transaction, Fault> {
        let reference = text(order, "orderReference").ok_or(("orderReference", "is required"))?;
        let amount = order.get("amount").and_then(Value::as_f64).ok_or(("amount", "must be a number"))?;
        let channel = text(order, "channel").ok_or(("channel", "is required"))?;
        let currency = text(order, "currency").ok_or(("currency", "is required"))?;
        let earned = self.earned(request, order, advertiser, directory)?;
        let amount = format!("{amount:.2}");
        let mut details = details(order);
        details.insert("channel".to_owned(), channel);
        Ok(Transaction {
            advertiser: advertiser.primary_id,
            order_reference: cut(&reference, REFERENCE_CHARS_MAX),
            amount_minor: minor(&amount),
            amount,
            currency,
            click_id: text(order, "awc"),
            voucher: text(order, "voucher"),
            endpoint: "/s2s/advertiser/orders".to_owned(),
            test: order.get("isTest").and_then(Value::as_bool).unwrap_or(false),
            details,
            ..Transaction::arriving(PlatformName::Primary, request, &earned)
        })
    }

    /// One of click id, voucher, or publisher with click time must be there.
    fn earned(
        &self,
        request: &Received,
        order: &Value,
        advertiser: &Advertiser,
        directory: &Directory,
    ) -> Result<Earned, Fault> {
        let voucher = text(order, "voucher");
        let bound = voucher.as_deref().and_then(|code| self.bound_voucher(directory, advertiser, code));
        if let Some(earned) = bound {
            return Ok(earned);
        }
        if let Some(click_id) = text(order, "awc") {
            let newest = click_id.split(',').filter_map(|id| {
                self.click_of(id.trim(), advertiser.primary_id, advertiser.window_days, request.at_ms)
            });
            return Ok(newest.max_by_key(|click| click.at_ms).map_or_else(Earned::default, Earned::by_click));
        }
        match (order.get("publisherId"), order.get("clickTime")) {
            (Some(publisher), Some(time)) => by_publisher(request, publisher, time, advertiser, directory),
            (Some(_), None) => Err(("clickTime", "is required with publisherId")),
            (None, Some(_)) => Err(("publisherId", "is required with clickTime")),
            (None, None) if voucher.is_some() => Ok(Earned::default()),
            (None, None) => Err(("awc", "one of awc, voucher, or publisherId with clickTime is required")),
        }
    }
}

/// The answer that refuses every order of a batch with a cheerful status.
pub(super) fn reject_all(request: &Received) -> Answer {
    let orders = read(request).unwrap_or_default();
    let failed: Vec<Value> =
        orders.iter().map(|order| failure(order, ("orderReference", "could not be processed"))).collect();
    let batch = uuid(&mut Chance::new(request.at_ms));
    Answer::json(
        StatusCode::OK,
        &json!({ "batchId": batch, "successfulOrders": [], "pendingOrders": [], "failedOrders": failed }),
    )
}

fn read(request: &Received) -> Result<Vec<Value>, &'static str> {
    let body: Value = serde_json::from_slice(&request.body).map_err(|_| "The body is not JSON")?;
    let orders = body.get("orders").and_then(Value::as_array).ok_or("orders must be an array")?;
    match orders.len() {
        0 => Err("orders must not be empty"),
        count if count > ORDERS_MAX => Err("At most 1000 orders are taken in one call"),
        _ => Ok(orders.clone()),
    }
}

fn by_publisher(
    request: &Received,
    publisher: &Value,
    time: &Value,
    advertiser: &Advertiser,
    directory: &Directory,
) -> Result<Earned, Fault> {
    let id = publisher.as_u64().ok_or(("publisherId", "must be a number"))?;
    let click_ms =
        time.as_u64().ok_or(("clickTime", "must be an integer of unix seconds"))?.saturating_mul(1000);
    if directory.publisher_primary(id).is_none() {
        return Err(("publisherId", "is not known"));
    }
    if click_ms > request.at_ms + DAY_MS {
        return Err(("clickTime", "lies in the future"));
    }
    let fresh = request.at_ms.saturating_sub(click_ms) <= u64::from(advertiser.window_days) * DAY_MS;
    if !fresh {
        return Ok(Earned::default());
    }
    Ok(Earned::by(id, Evidence::PublisherTime, Some(click_ms)))
}

fn failure(order: &Value, (field, message): Fault) -> Value {
    let reference = order.get("orderReference").cloned().unwrap_or(Value::Null);
    json!({ "order": { "orderReference": reference }, "errors": [{ "field": field, "message": message }] })
}

fn details(order: &Value) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for name in [
        "commissionGroups",
        "basket",
        "custom",
        "customerAcquisition",
        "transactionTime",
        "linkId",
        "clickRef",
    ] {
        match order.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => drop(out.insert(name.to_owned(), text.clone())),
            Some(value) => drop(out.insert(name.to_owned(), value.to_string())),
        }
    }
    out
}

fn text(order: &Value, name: &str) -> Option<String> {
    order.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn uuid(chance: &mut Chance) -> String {
    let (low, high) = (chance.next(), chance.next());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        low >> 32,
        low >> 16 & 0xffff,
        low & 0xfff,
        0x8000 | (high >> 50),
        high & 0xffff_ffff_ffff
    )
}
