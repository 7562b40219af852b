//! The affiliate interface: piped text with CRLF lines, a header row, and a blank before the last line end.

use super::merchant_api::{invalid_request, plain};
use super::{Legacy, id};
use crate::platform::{Answer, Received};
use crate::text::Query;

impl Legacy {
    /// Known affiliates with any token are answered; the lab keeps no affiliate secrets.
    pub(super) fn affiliate_api(&self, request: &Received, query: &Query) -> Answer {
        let affiliate = id(query.any_case("affiliateId"));
        let known = affiliate.filter(|&id| self.shared.directory().publisher_legacy(id).is_some());
        let (Some(affiliate), Some(_token)) =
            (known, query.any_case("token").filter(|token| !token.is_empty()))
        else {
            return invalid_request(request);
        };
        match query.any_case("action").unwrap_or_default().to_ascii_lowercase().as_str() {
            "activity" => plain(&with_blank(&self.activity(affiliate, query))),
            "merchantstatus" => self.merchant_status(),
            "balance" => plain("Balance\r\n0.00 \r\n"),
            "apitokencount" => plain("creditsRemaining\r\n200 \r\n"),
            _ => invalid_request(request),
        }
    }

    fn merchant_status(&self) -> Answer {
        let mut out = "Merchant Id|Merchant|WWW|Program Status\r\n".to_owned();
        for one in &self.shared.directory().world().advertisers {
            let status = match (one.closed, one.offline) {
                (true, _) => "Closed",
                (_, true) => "Offline",
                _ => "Online",
            };
            let name = one.name.replace('&', "&amp;");
            out.push_str(&format!("{}|{name}|{}|{status}\r\n", one.legacy_id, one.landing_url));
        }
        plain(&with_blank(&out))
    }
}

fn with_blank(text: &str) -> String {
    format!("{} \r\n", text.trim_end_matches("\r\n"))
}
