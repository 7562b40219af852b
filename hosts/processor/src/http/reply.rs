//! Errors as replies.

use std::error::Error;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::DeskError;

/// A request that was not done, and why.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    pub(crate) const fn new(status: StatusCode, code: &'static str, message: String) -> Self {
        Self { status, code, message }
    }

    pub(crate) fn not_found(message: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message.to_owned())
    }

    pub(crate) fn bad_request(message: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "request", message)
    }

    /// Too much is asked at the same time.
    pub(crate) fn busy(message: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message.to_owned())
    }

    /// The store failed. The message names every cause: the reader is an edge's log or an operator.
    pub(crate) fn unavailable(error: &dyn Error) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "ledger", ledger::with_causes(error))
    }
}

impl From<DeskError> for Refusal {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::Closed => Self::unavailable(&error),
            DeskError::Failed => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", error.to_string()),
        }
    }
}

impl From<crate::ProcessorError> for Refusal {
    fn from(error: crate::ProcessorError) -> Self {
        Self::unavailable(&error)
    }
}

impl From<ledger::LedgerError> for Refusal {
    fn from(error: ledger::LedgerError) -> Self {
        Self::unavailable(&error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": { "code": self.code, "message": self.message } }));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            return (self.status, [(header::RETRY_AFTER, "1")], body).into_response();
        }
        (self.status, body).into_response()
    }
}
