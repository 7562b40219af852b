//! Conversions by pixel, beacon and server call. The answer never says what became of them.

use std::collections::BTreeMap;

use http::StatusCode;

use super::{Legacy, id};
use crate::books::{Earned, Evidence, Fold, Transaction};
use crate::platform::{Answer, PlatformName, Received, lock};
use crate::text::{Query, cookie, minor};
use crate::world::Advertiser;

const DAY_MS: u64 = 86_400_000;

/// Names kept with a transaction besides those that have a field.
const DETAILS: [&str; 14] = [
    "skulist",
    "pricelist",
    "quantitylist",
    "newcustomer",
    "storeID",
    "xtype",
    "autovoid",
    "channel",
    "v",
    "persale",
    "perlead",
    "cart",
    "app",
    "SSAIDDATA",
];

impl Legacy {
    pub(super) fn sale(&self, request: &Received, query: &Query) -> Answer {
        if !request.is_head() {
            self.book_sale(request, query);
        }
        if request.path.eq_ignore_ascii_case("/q.cfm") {
            Answer::html(StatusCode::OK, "")
        } else {
            Answer::pixel()
        }
    }

    /// A conversion in the other platform's words, as one of its plug-ins sends it here: taken, never booked.
    pub(super) fn foreign_sale(&self) -> Answer {
        self.gate.books().refuse("sale: in the primary's words");
        Answer::pixel()
    }

    fn book_sale(&self, request: &Received, query: &Query) {
        let directory = self.shared.directory();
        let Some(advertiser) = id(query.any_case("merchantID")).and_then(|id| directory.legacy(id)) else {
            self.gate.books().refuse("sale: no such merchant");
            return;
        };
        if advertiser.closed {
            self.gate.books().refuse("sale: merchant closed");
            return;
        }
        let earned = self.attribute(request, query, advertiser);
        let transaction = transaction(request, query, advertiser, &earned);
        let fold = Fold::Within(self.shared.behaviour().legacy_duplicate_window_ms);
        self.gate.books().book(transaction, fold);
    }

    /// Affiliate named by the merchant's server, else the click id, else the cookie; inside the tracking gap.
    pub(super) fn attribute(&self, request: &Received, query: &Query, advertiser: &Advertiser) -> Earned {
        if let Some(publisher) = id(query.any_case("userID")) {
            return Earned::by(publisher, Evidence::UserId, None);
        }
        let click_id =
            query.any_case("sscid").filter(|_| query.any_case("sscidmode").as_deref() == Some("6"));
        if let Some(click) = click_id.and_then(|click_id| lock(&self.clicks).get(&click_id).cloned()) {
            let gap_ms = u64::from(advertiser.window_days) * DAY_MS;
            if click.advertiser == advertiser.legacy_id && request.at_ms.saturating_sub(click.at_ms) <= gap_ms
            {
                return Earned::by_click(click);
            }
        }
        let value = cookie(request.header("cookie"), &format!("MERCHANT{}", advertiser.legacy_id));
        let digits =
            |value: &str| value.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok();
        value
            .and_then(digits)
            .map_or_else(Earned::default, |publisher| Earned::by(publisher, Evidence::Cookie, None))
    }
}

pub(super) fn transaction(
    request: &Received,
    query: &Query,
    advertiser: &Advertiser,
    earned: &Earned,
) -> Transaction {
    let text = |name: &str| query.any_case(name).filter(|value| !value.is_empty());
    let amount = text("amount").unwrap_or_default();
    let voided = text("autovoid").as_deref() == Some("1");
    let details: BTreeMap<String, String> =
        DETAILS.iter().filter_map(|name| Some(((*name).to_owned(), text(name)?))).collect();
    Transaction {
        advertiser: advertiser.legacy_id,
        order_reference: text("tracking").unwrap_or_default(),
        kind: text("transtype").unwrap_or_else(|| "sale".to_owned()).to_ascii_lowercase(),
        amount_minor: minor(&amount),
        amount,
        currency: text("currency").unwrap_or_else(|| "USD".to_owned()),
        click_id: text("sscid"),
        voucher: text("couponcode"),
        endpoint: request.path.to_ascii_lowercase(),
        status: if voided { "voided" } else { "pending" }.to_owned(),
        details,
        ..Transaction::arriving(PlatformName::Legacy, request, earned)
    }
}
