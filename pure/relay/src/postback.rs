//! Calling a publisher for one of its transactions: what it is told, and what its answer means.
//!
//! A publisher that refused nobody is told the publisher's own reference of the click; one whose visitor refused is
//! not (I10). Nothing personal is told at all.

use core::time::Duration;

use tracking::postback::{Call, Facts, Manner, Postbacks, Template};
use tracking::{Answer, Field, Judged, Verdict};
use units::{EventId, Money, Timestamp};

use crate::Envelope;
use crate::policy::Snapshot;

/// A transaction and its publisher's address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The transaction.
    pub event_id: EventId,
    /// The publisher, by the legacy id.
    pub publisher_id: u64,
    /// `GET` or `POST`.
    pub method: String,
    /// The address with its macros.
    pub address: String,
    /// The advertiser, by the legacy id.
    pub advertiser_id: u64,
    /// The order's value.
    pub amount: Option<Money>,
    /// What the publisher earns.
    pub commission: Option<Money>,
    /// When the transaction came.
    pub received_at: Timestamp,
    /// The publisher's own reference, as it is kept with the click.
    pub reference: Option<String>,
    /// The encoded envelope of the transaction.
    pub open: Vec<u8>,
}

/// The call for a transaction, by the words of the platform being left.
///
/// # Errors
/// Why there can be none, for people.
pub fn call(snapshot: &Snapshot, row: &Row, private_allowed: bool) -> Result<Call, String> {
    let Some(postbacks) = &snapshot.migration.legacy.postbacks else {
        return Err("the dialect has no `[postbacks]` any more".to_owned());
    };
    let manner = Manner::parse(&row.method).ok_or_else(|| format!("`{}` is no way to call", row.method))?;
    let template = Template::parse(&row.address, postbacks, private_allowed);
    let template = template.map_err(|wrong| wrong.join("; "))?;
    let envelope = Envelope::decode(&row.open).map_err(|error| error.to_string())?;
    Ok(template.fill(manner, &facts(snapshot, postbacks, row, &envelope)))
}

fn facts(snapshot: &Snapshot, postbacks: &Postbacks, row: &Row, envelope: &Envelope) -> Facts {
    let text = |field| envelope.event.get(field).map(|value| value.text().into_string());
    let reference = text(Field::OrderReference);
    // The hash of an e-mail address still tells whose order it is.
    let reference = reference.filter(|_| !envelope.held_an_email(Field::OrderReference));
    Facts {
        transaction_id: row.event_id,
        advertiser_id: row.advertiser_id,
        publisher_id: row.publisher_id,
        tracking_reference: row.reference.clone().filter(|_| envelope.consent.permits()),
        order_reference: reference.filter(|text| !snapshot.migration.legacy.is_placeholder(text)),
        amount: row.amount,
        commission: row.commission,
        conversion_type: text(Field::ConversionType),
        at: row.received_at,
        clock: postbacks.clock,
    }
}

/// What a publisher's answer means. Its body is nobody's business: any success and any redirect says that the call
/// was received, and no redirect is followed.
pub fn judge(answer: &Answer) -> Judged {
    let verdict = match answer.status {
        200..400 => Verdict::Confirmed,
        408 | 425 | 429 | 500.. => Verdict::Later,
        _ => Verdict::Rejected,
    };
    let retry_after = answer.header("retry-after").and_then(|text| text.trim().parse().ok());
    Judged {
        verdict,
        reason: format!("answered {}", answer.status),
        retry_after: retry_after.map(Duration::from_secs),
        understood: true,
    }
}

#[cfg(test)]
mod tests {
    use tracking::Value;
    use tracking::consent::{Consent, ConsentReason};
    use tracking::postback::Clock;
    use units::Currency;

    use super::*;
    use crate::envelope::tests::sale;

    /// What a publisher is told of its own reference and of the order's, for this transaction.
    fn references(envelope: &Envelope) -> [Option<String>; 2] {
        let postbacks = Postbacks {
            opening: "{".to_owned(),
            closing: "}".to_owned(),
            clock: Clock::Utc,
            macros: Vec::new(),
        };
        let row = Row {
            event_id: envelope.event_id,
            publisher_id: 456,
            method: "GET".to_owned(),
            address: "https://t.example/".to_owned(),
            advertiser_id: 789,
            amount: Some(Money::from_minor(1000, Currency::USD)),
            commission: None,
            received_at: envelope.received_at,
            reference: Some("news7".to_owned()),
            open: Vec::new(),
        };
        let snapshot = crate::exchange::tests::fixture::snapshot();
        let facts = facts(&snapshot, &postbacks, &row, envelope);
        [facts.tracking_reference, facts.order_reference]
    }

    #[test]
    fn i10_a_publisher_is_told_nothing_of_a_visitor_who_refused_and_nothing_personal_of_anybody() {
        let refused = Consent::Refused(ConsentReason::Link);
        let problem = |code: &str| Envelope { problems: vec![code.to_owned()], ..sale(1) };
        let placed = |text: &str| {
            let mut envelope = sale(1);
            envelope.event.set(Field::OrderReference, Value::Text(text.into()));
            envelope
        };
        for (envelope, expected) in [
            (sale(1), [Some("news7"), Some("A-1")]),
            (Envelope { consent: refused, ..sale(1) }, [None, Some("A-1")]),
            (problem("email_in_order_reference"), [Some("news7"), None]),
            (problem("email_in_tracking_reference"), [Some("news7"), Some("A-1")]),
            (placed("  "), [Some("news7"), None]),
        ] {
            let told = references(&envelope);
            let told = told.each_ref().map(Option::as_deref);
            assert_eq!(told, expected, "{:?} {:?}", envelope.consent, envelope.problems);
        }
    }

    #[test]
    fn a_publishers_answer_is_its_status() {
        for (status, verdict) in [
            (200, Verdict::Confirmed),
            (204, Verdict::Confirmed),
            (302, Verdict::Confirmed),
            (400, Verdict::Rejected),
            (404, Verdict::Rejected),
            (429, Verdict::Later),
            (503, Verdict::Later),
        ] {
            let headers = vec![("retry-after".to_owned(), b"7".to_vec())];
            let judged = judge(&Answer { status, headers, body: Vec::new() });
            assert_eq!(
                (judged.verdict, judged.retry_after),
                (verdict, Some(Duration::from_secs(7))),
                "{status}"
            );
        }
    }
}
