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
    use super::*;

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
