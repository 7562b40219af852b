//! Approving, declining and amending transactions after the fact.
//!
//! The platform works through a batch later and answers with a job; the lab is done when it answers.

use http::StatusCode;
use serde_json::{Value, json};

use super::{Primary, error};
use crate::platform::{Answer, Received};
use crate::text::{Query, minor};

const BATCH_MAX: usize = 40_000;

impl Primary {
    pub(super) fn validate(&self, request: &Received, _: &Query, advertiser: u64) -> Answer {
        let body: Option<Value> = serde_json::from_slice(&request.body).ok();
        let Some(steps) = body.as_ref().and_then(Value::as_array).filter(|steps| steps.len() <= BATCH_MAX)
        else {
            return error(
                StatusCode::BAD_REQUEST,
                "bad_request",
                "The body must be a JSON array of at most 40000",
            );
        };
        for step in steps {
            if self.step(step, advertiser).is_none() {
                self.gate.books().refuse("validation: no such transaction");
            }
        }
        let job = format!("{:016x}", self.chance().next());
        Answer::json(StatusCode::OK, &json!({ "jobId": job }))
    }

    fn step(&self, step: &Value, advertiser: u64) -> Option<()> {
        let named = step.get("transaction")?;
        let mut books = self.gate.books();
        let by_id = named.get("transactionId").and_then(Value::as_u64);
        let by_order = || {
            let order = named.get("orderRef")?.as_str()?;
            books.of_order(advertiser, order).last().copied()
        };
        let id = by_id.or_else(by_order)?;
        let transaction = books.by_id(id).filter(|one| one.advertiser == advertiser)?;
        match step.get("action")?.as_str()? {
            "approve" => "approved".clone_into(&mut transaction.status),
            "decline" => {
                "declined".clone_into(&mut transaction.status);
                let reason = named.get("declineReason").and_then(Value::as_str).unwrap_or("");
                transaction.details.insert("declineReason".to_owned(), reason.to_owned());
            }
            "amend" => {
                let amount = named.get("saleAmount").and_then(Value::as_f64)?;
                transaction.amount = format!("{amount:.2}");
                transaction.amount_minor = minor(&transaction.amount);
                let reason = named.get("amendReason").and_then(Value::as_str).unwrap_or("");
                transaction.details.insert("amendReason".to_owned(), reason.to_owned());
            }
            "amendTrackingParameters" => {}
            _ => return None,
        }
        Some(())
    }
}
