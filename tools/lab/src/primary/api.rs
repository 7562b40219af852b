//! The JSON interface: who may call, how often, and which call it is.

use http::{Method, StatusCode};

use super::{Primary, error};
use crate::platform::{Answer, Received, lock};
use crate::text::Query;

impl Primary {
    /// Calls of the interface; any other path is unknown.
    pub(super) fn interface(&self, request: &Received, query: &Query) -> Answer {
        let parts: Vec<&str> = request.path.split('/').filter(|part| !part.is_empty()).collect();
        let call: fn(&Self, &Received, &Query, u64) -> Answer = match (&request.method, parts.as_slice()) {
            (&Method::POST, ["s2s", "advertiser", _, "orders"]) => Self::orders,
            (&Method::GET, ["advertisers", _, "transactions"]) => Self::transactions,
            (&Method::POST, ["advertisers", _, "transactions", "batch"]) => Self::validate,
            _ => return Answer::not_found(),
        };
        let is_conversion = parts.first() == Some(&"s2s");
        let Some(key) = self.user(request, query, is_conversion) else {
            return error(StatusCode::UNAUTHORIZED, "unauthorized", "The token is missing or not valid");
        };
        let limit = self.shared.behaviour().primary_rate_limit_per_minute;
        if !lock(&self.rate).admit(&key, limit, request.at_ms) {
            return error(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_requests",
                "The limit of calls a minute is reached",
            );
        }
        match parts.get(if is_conversion { 2 } else { 1 }).and_then(|id| id.parse().ok()) {
            Some(id) if self.shared.directory().primary(id).is_some() => call(self, request, query, id),
            _ => error(StatusCode::FORBIDDEN, "forbidden", "The account is not yours"),
        }
    }

    /// Conversions carry the bare token in a header of their own; everything else is a bearer or a parameter.
    fn user(&self, request: &Received, query: &Query, is_conversion: bool) -> Option<String> {
        let given = if is_conversion {
            request.header("x-api-key").to_owned()
        } else {
            let bearer = request.header("authorization").strip_prefix("Bearer ").map(str::to_owned);
            bearer.or_else(|| query.get("accessToken")).unwrap_or_default()
        };
        self.shared.directory().world().primary_api_keys.contains(&given).then_some(given)
    }
}
