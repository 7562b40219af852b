//! What the platform says itself that it has booked: by merchant, and by affiliate.
//!
//! Times are by the platform's own clock. A void keeps its row and is written in front of the comment.

use super::Legacy;
use crate::books::Transaction;
use crate::clock::{Civil, central, central_day, central_text, parse_slashed};
use crate::text::Query;
use crate::world::Advertiser;

/// Rows of one answer.
const ROWS_MAX: usize = 5_000;

const ACTIVITY: &str = "Trans ID|User ID|Merchant ID|Trans Date|Trans Amount|Commission|Comment|Voided|Pending Date|\
Locked|Aff Comment|Banner Page|Reversal Date|Click Date|Click Time|Banner Id|SKU List|Quantity List|Lock Date|\
Paid Date|Merchant Organization|Merchant Website|Trans Type|Merchant Defined Type|Store ID|Reference Trans\r\n";

const DETAIL: &str = "transid|orderNumber|transdate|transamount|commission|voided|locked\r\n";

/// The days that are asked for; a missing one leaves that side open.
struct Days {
    from: Option<i64>,
    until: Option<i64>,
}

impl Days {
    fn of(query: &Query) -> Self {
        let day = |name: &str| query.any_case(name).and_then(|text| parse_slashed(&text));
        Self { from: day("dateStart"), until: day("dateEnd") }
    }

    fn hold(&self, one: &Transaction) -> bool {
        let day = central_day(one.first_received_ms);
        self.from.is_none_or(|from| day >= from) && self.until.is_none_or(|until| day <= until)
    }
}

impl Legacy {
    /// Every transaction of an affiliate.
    pub(super) fn activity(&self, affiliate: u64, query: &Query) -> String {
        let days = Days::of(query);
        let directory = self.shared.directory();
        let books = self.gate.books();
        let mut out = ACTIVITY.to_owned();
        let of = |one: &&Transaction| one.publisher == Some(affiliate) && !one.test && days.hold(one);
        for one in books.transactions().iter().filter(of).take(ROWS_MAX) {
            out.push_str(&activity_row(one, directory.legacy(one.advertiser)));
        }
        out
    }

    /// Every transaction of a merchant.
    pub(super) fn transaction_detail(&self, advertiser: &Advertiser, query: &Query) -> String {
        let days = Days::of(query);
        let books = self.gate.books();
        let mut out = DETAIL.to_owned();
        let of = |one: &&Transaction| one.advertiser == advertiser.legacy_id && !one.test && days.hold(one);
        for one in books.transactions().iter().filter(of).take(ROWS_MAX) {
            let (date, earned) = (central_text(one.first_received_ms), earned(one, Some(advertiser)));
            let voided = voided(one);
            let (id, order, amount) = (one.id, &one.order_reference, &one.amount);
            out.push_str(&format!("{id}|{order}|{date}|{amount}|{earned}|{voided}|\r\n"));
        }
        out
    }
}

fn activity_row(one: &Transaction, merchant: Option<&Advertiser>) -> String {
    let date = central_text(one.first_received_ms);
    let (click_day, click_time) = one.click_ms.map(clicked).unwrap_or_default();
    let name = merchant.map(|merchant| merchant.name.replace('&', "&amp;")).unwrap_or_default();
    let kind = if one.kind == "lead" { "Lead" } else { "Sale" };
    let reason = one.details.get("reason").map(|reason| format!("{reason} ")).unwrap_or_default();
    let void = if one.status == "voided" { format!("VOIDED {reason}") } else { String::new() };
    let cells = [
        one.id.to_string(),
        one.publisher.unwrap_or(0).to_string(),
        one.advertiser.to_string(),
        date.clone(),
        one.amount.clone(),
        earned(one, merchant),
        format!("{void}{kind} - {}", one.order_reference),
        voided(one).to_owned(),
        String::new(),
        String::new(),
        one.click_reference.clone(),
        String::new(),
        String::new(),
        click_day,
        click_time,
        one.creative.to_string(),
        one.details.get("skulist").cloned().unwrap_or_default(),
        one.details.get("quantitylist").cloned().unwrap_or_default(),
        String::new(),
        String::new(),
        name,
        merchant.map(|merchant| merchant.landing_url.clone()).unwrap_or_default(),
        kind.to_owned(),
        String::new(),
        one.details.get("storeID").cloned().unwrap_or_else(|| "0".to_owned()),
        String::new(),
    ];
    format!("{}\r\n", cells.map(|cell| cell.replace(['|', '\r', '\n'], " ")).join("|"))
}

fn voided(one: &Transaction) -> &'static str {
    if one.status == "voided" { "1" } else { "" }
}

fn earned(one: &Transaction, merchant: Option<&Advertiser>) -> String {
    let Some(merchant) = merchant.filter(|_| one.publisher.is_some()) else { return "0.00".to_owned() };
    let share = one.amount_minor.unwrap_or(0).saturating_mul(i64::from(merchant.commission_bp)) / 10_000;
    let minor = share + i64::from(merchant.commission_flat_minor);
    format!("{}.{:02}", minor / 100, minor % 100)
}

/// Day and time of a click, as its two columns write them.
fn clicked(ms: u64) -> (String, String) {
    let Civil { year, month, day, .. } = central(ms);
    let time = central_text(ms);
    let (_, time) = time.split_once(' ').unwrap_or_default();
    (format!("{year:04}-{month:02}-{day:02} 00:00:00.0"), time.to_owned())
}
