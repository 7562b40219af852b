//! The advertiser's transactions: what a reconciliation reads.

use http::StatusCode;
use serde_json::{Value, json};

use super::{Primary, error};
use crate::books::Transaction;
use crate::clock::{iso, parse_iso};
use crate::platform::{Answer, Received};
use crate::text::{Query, decode};
use crate::world::Advertiser;

const SPAN_SECONDS_MAX: i64 = 31 * 86_400;

impl Primary {
    /// A JSON array, without pages. Times are UTC; other zones are not converted.
    pub(super) fn transactions(&self, _: &Received, query: &Query, advertiser: u64) -> Answer {
        let wanted = match Wanted::read(query) {
            Ok(wanted) => wanted,
            Err(reason) => return error(StatusCode::BAD_REQUEST, "bad_request", reason),
        };
        let directory = self.shared.directory();
        let Some(advertiser) = directory.primary(advertiser) else { return Answer::not_found() };
        let books = self.gate.books();
        let rows: Vec<Value> = books
            .transactions()
            .iter()
            .filter(|one| one.advertiser == advertiser.primary_id && !one.test && wanted.fits(one))
            .map(|one| {
                row(
                    one,
                    advertiser,
                    directory.publisher_primary(one.publisher.unwrap_or(0)).map(|one| &*one.name),
                )
            })
            .collect();
        Answer::json(StatusCode::OK, &Value::Array(rows))
    }
}

/// The filter of a call.
struct Wanted {
    ids: Vec<u64>,
    from: i64,
    to: i64,
    status: Option<String>,
    publishers: Vec<u64>,
}

impl Wanted {
    fn read(query: &Query) -> Result<Self, &'static str> {
        let list = |name: &str| -> Vec<u64> {
            let text = query.get(name).unwrap_or_default();
            text.split(',').filter_map(|id| id.trim().parse().ok()).collect()
        };
        let (ids, status, publishers) = (list("ids"), query.get("status"), list("publisherId"));
        if !ids.is_empty() {
            return Ok(Self { ids, from: i64::MIN, to: i64::MAX, status, publishers });
        }
        let date = |name: &str| query.get(name).and_then(|text| parse_iso(&decode(&text)));
        let from = date("startDate").ok_or("startDate is required, as yyyy-MM-ddThh:mm:ss")?;
        let to = date("endDate").ok_or("endDate is required, as yyyy-MM-ddThh:mm:ss")?;
        if to < from || to - from > SPAN_SECONDS_MAX {
            return Err("startDate and endDate may be at most 31 days apart");
        }
        Ok(Self { ids, from, to, status, publishers })
    }

    fn fits(&self, one: &Transaction) -> bool {
        let at = i64::try_from(one.first_received_ms / 1000).unwrap_or(0);
        (self.ids.is_empty() || self.ids.contains(&one.id))
            && (self.from..=self.to).contains(&at)
            && self.status.as_deref().is_none_or(|status| status == one.status)
            && (self.publishers.is_empty() || one.publisher.is_some_and(|id| self.publishers.contains(&id)))
    }
}

fn row(one: &Transaction, advertiser: &Advertiser, site: Option<&str>) -> Value {
    let minor = one.amount_minor.unwrap_or(0);
    let share = minor.saturating_mul(i64::from(advertiser.commission_bp)) / 10_000;
    let commission =
        if one.publisher.is_some() { share + i64::from(advertiser.commission_flat_minor) } else { 0 };
    let money = |minor: i64| json!({ "amount": decimal(minor), "currency": one.currency });
    let custom: Vec<Value> = (1..=255)
        .filter_map(|at| Some(json!({ "key": at.to_string(), "value": one.details.get(&format!("p{at}"))? })))
        .collect();
    json!({
        "id": one.id,
        "url": advertiser.landing_url,
        "advertiserId": one.advertiser,
        "publisherId": one.publisher,
        "commissionSharingPublisherId": null,
        "siteName": site,
        "commissionStatus": one.status,
        "commissionAmount": money(commission),
        "saleAmount": money(minor),
        "ipHash": null,
        "customerCountry": null,
        "clickRefs": json!({ "clickRef": one.click_reference }),
        "clickDate": one.click_ms.map(iso),
        "transactionDate": iso(one.first_received_ms),
        "validationDate": null,
        "type": "Sale",
        "declineReason": one.details.get("declineReason"),
        "voucherCodeUsed": one.voucher.is_some(),
        "voucherCode": one.voucher,
        "amended": one.details.contains_key("amendReason"),
        "orderRef": one.order_reference,
        "customParameters": custom,
        "transactionParts": [{ "commissionGroupCode": "DEFAULT", "amount": decimal(minor), "commissionAmount": decimal(commission) }],
        "paidToPublisher": false,
        "basketProducts": null,
    })
}

/// Hundredths as a JSON number with two digits.
fn decimal(minor: i64) -> Value {
    let text = format!("{}{}.{:02}", if minor < 0 { "-" } else { "" }, minor.abs() / 100, minor.abs() % 100);
    serde_json::from_str(&text).unwrap_or(Value::Null)
}
