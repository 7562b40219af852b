//! Conversions by image, script and server call, in both vocabularies on every path.

use std::collections::BTreeMap;

use super::Primary;
use crate::books::{Earned, Evidence, Fold, Transaction};
use crate::platform::{Answer, PlatformName, Received};
use crate::text::{Query, cookie, cut, decode, minor};
use crate::world::Advertiser;

/// Characters of an order reference that are kept.
pub(super) const REFERENCE_CHARS_MAX: usize = 50;

/// Names that have a field of their own; all others are kept as details.
const FIELDS: [&str; 13] =
    ["merchant", "a", "amount", "b", "ref", "c", "cr", "vc", "testmode", "t", "cks", "tt", "tv"];

impl Primary {
    pub(super) fn conversion(&self, request: &Received, query: &Query) -> Answer {
        if !request.is_head() {
            self.book(request, query);
        }
        if request.path == "/sread.js" { Answer::script("") } else { Answer::pixel() }
    }

    fn book(&self, request: &Received, query: &Query) {
        let directory = self.shared.directory();
        let id = query.first(&["merchant", "a"]).and_then(|text| text.trim().parse().ok());
        let Some(advertiser) = id.and_then(|id| directory.primary(id)) else {
            self.gate.books().refuse("conversion: no such programme");
            return;
        };
        if query.first(&["ref", "c"]).unwrap_or_default().is_empty() {
            self.gate.books().refuse("conversion: no order reference");
            return;
        }
        let bound = voucher(query).and_then(|code| self.bound_voucher(&directory, advertiser, &code));
        let earned = bound.unwrap_or_else(|| self.by_click(request, query, advertiser));
        self.gate.books().book(transaction(request, query, advertiser, &earned), fold(advertiser));
    }

    /// A code that always earns for one publisher beats every click.
    pub(super) fn bound_voucher(
        &self,
        directory: &crate::world::Directory,
        advertiser: &Advertiser,
        code: &str,
    ) -> Option<Earned> {
        let bound = directory.world().vouchers.iter().find(|voucher| {
            voucher.advertiser == advertiser.primary_id && voucher.code.eq_ignore_ascii_case(code)
        })?;
        Some(Earned::by(bound.publisher, Evidence::Voucher, None))
    }

    /// The newest known click id of this programme, else the cookie.
    fn by_click(&self, request: &Received, query: &Query, advertiser: &Advertiser) -> Earned {
        let ids = query.get("cks").unwrap_or_default();
        let known = ids
            .split(',')
            .filter_map(|id| {
                self.click_of(id.trim(), advertiser.primary_id, advertiser.window_days, request.at_ms)
            })
            .max_by_key(|click| click.at_ms);
        match known {
            Some(click) => Earned::by_click(click),
            None => from_cookie(request, advertiser).unwrap_or_default(),
        }
    }
}

/// Whether this programme folds equal references.
pub(super) fn fold(advertiser: &Advertiser) -> Fold {
    if advertiser.dedup { Fold::Always } else { Fold::Never }
}

fn from_cookie(request: &Received, advertiser: &Advertiser) -> Option<Earned> {
    let content = decode(cookie(request.header("cookie"), &format!("aw{}", advertiser.primary_id))?);
    let fields: Vec<&str> = content.split('|').collect();
    let publisher = fields.first()?.parse().ok()?;
    let click_ms = fields.get(3)?.parse::<u64>().ok()?.checked_mul(1000)?;
    let window_ms = u64::from(advertiser.window_days) * super::DAY_MS;
    let fresh = request.at_ms.saturating_sub(click_ms) <= window_ms;
    fresh.then_some(Earned::by(publisher, Evidence::Cookie, Some(click_ms)))
}

fn transaction(request: &Received, query: &Query, advertiser: &Advertiser, earned: &Earned) -> Transaction {
    let text = |names: &[&str]| query.first(names).filter(|text| !text.is_empty());
    let amount = text(&["amount", "b"]).unwrap_or_default();
    let details: BTreeMap<String, String> = query
        .pairs()
        .filter(|(name, value)| !FIELDS.contains(name) && !value.is_empty())
        .map(|(name, value)| (name.to_owned(), decode(value)))
        .collect();
    Transaction {
        advertiser: advertiser.primary_id,
        order_reference: cut(&text(&["ref", "c"]).unwrap_or_default(), REFERENCE_CHARS_MAX),
        amount_minor: minor(&amount),
        amount,
        currency: text(&["cr"]).unwrap_or_else(|| advertiser.currency.clone()),
        click_id: text(&["cks"]),
        voucher: voucher(query),
        test: text(&["testmode", "t"]).as_deref() == Some("1"),
        details,
        ..Transaction::arriving(PlatformName::Primary, request, earned)
    }
}

fn voucher(query: &Query) -> Option<String> {
    query.get("vc").filter(|code| !code.is_empty() && code != "null")
}
