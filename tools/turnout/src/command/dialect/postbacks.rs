//! Cases of postbacks: a registered address, a transaction's facts, and what must be called, or what is wrong with it.

use std::collections::BTreeSet;

use tracking::dialect::Dialect;
use tracking::postback::{Call, Facts, Manner, Template};
use tracking::source::Section;
use units::{Currency, EventId, Money, Timestamp};

use super::cases::named;
use super::conform::Difference;
use crate::clock::parse_time;

/// A registered address, and what it must be called as.
#[derive(Debug)]
pub(super) struct PostbackCase {
    pub(super) name: String,
    pub(super) line: usize,
    address: String,
    manner: Manner,
    told: Told,
    url: Option<String>,
    form: Option<String>,
    /// What is wrong with the address, word for word.
    mistakes: Vec<String>,
}

/// The facts that a case tells.
#[derive(Debug, Default)]
struct Told {
    transaction_id: Option<EventId>,
    at: Option<Timestamp>,
    tracking_reference: Option<String>,
    order_reference: Option<String>,
    conversion_type: Option<String>,
    amount: Option<Money>,
    commission: Option<Money>,
}

pub(super) fn read(section: &Section<'_, '_>) -> PostbackCase {
    PostbackCase {
        name: named(section),
        line: section.line(),
        address: section.required_text("address"),
        manner: section.choice("method", &["GET", "POST"], Manner::parse).unwrap_or(Manner::Get),
        told: section.section("facts", read_told).unwrap_or_default(),
        url: section.text("url"),
        form: section.text("form"),
        mistakes: section.texts("mistakes"),
    }
}

fn read_told(section: &Section<'_, '_>) -> Told {
    let currency = section.text("currency").and_then(|code| Currency::parse(&code)).unwrap_or(Currency::USD);
    let money = |key| {
        let money = section.text(key).map(|text| Money::parse(&text, currency));
        money.and_then(|money| money.map_err(|error| section.mistake_at(key, error.to_string())).ok())
    };
    Told {
        transaction_id: section.text("transaction_id").and_then(|text| {
            text.parse()
                .map_err(|error: units::id::EventIdError| {
                    section.mistake_at("transaction_id", error.to_string())
                })
                .ok()
        }),
        at: section.text("transaction_time").and_then(|text| {
            parse_time(&text).map_err(|error| section.mistake_at("transaction_time", error)).ok()
        }),
        tracking_reference: section.text("tracking_reference"),
        order_reference: section.text("order_reference"),
        conversion_type: section.text("conversion_type"),
        amount: money("amount"),
        commission: money("commission"),
    }
}

impl PostbackCase {
    /// What does not hold of this case. Advertiser and publisher are 789 and 456.
    pub(super) fn run(&self, dialect: &Dialect) -> Difference {
        let mut difference = Difference::default();
        let Some(postbacks) = &dialect.postbacks else {
            difference.0.push("  the dialect has no `[postbacks]`".to_owned());
            return difference;
        };
        let template = Template::parse(&self.address, postbacks, false);
        let wrong = template.as_ref().err().cloned().unwrap_or_default();
        let set = |lines: &[String]| -> BTreeSet<String> { lines.iter().cloned().collect() };
        difference.many("mistake", &set(&self.mistakes), &set(&wrong));
        let Ok(template) = template else { return difference };
        let Call { secure, host, target, form, .. } =
            template.fill(self.manner, &self.facts(postbacks.clock));
        let scheme = if secure { "https" } else { "http" };
        difference.one("url", self.url.as_deref().unwrap_or_default(), &format!("{scheme}://{host}{target}"));
        difference.one("form", self.form.as_deref().unwrap_or_default(), &form.unwrap_or_default());
        difference
    }

    fn facts(&self, clock: tracking::postback::Clock) -> Facts {
        Facts {
            transaction_id: self.told.transaction_id.unwrap_or(EventId::from_u128(0)),
            advertiser_id: 789,
            publisher_id: 456,
            tracking_reference: self.told.tracking_reference.clone(),
            order_reference: self.told.order_reference.clone(),
            amount: self.told.amount,
            commission: self.told.commission,
            conversion_type: self.told.conversion_type.clone(),
            at: self.told.at.unwrap_or(Timestamp::from_millis(0)),
            clock,
        }
    }
}
