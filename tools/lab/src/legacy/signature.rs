//! The signature of the legacy interface: SHA-256 over `token:date:action:secret`, in hex of either case.

use sha2::{Digest, Sha256};

use crate::clock::parse_signed_date;
use crate::platform::Received;

/// How far the signed date may be from the clock.
const WINDOW_SECONDS: u64 = 15 * 60;

/// Whether the headers prove knowledge of `secret` for this action, now.
pub(super) fn is_valid(request: &Received, token: &str, action: &str, secret: &str) -> bool {
    let date = request.header("x-shareasale-date");
    let now = i64::try_from(request.at_ms / 1000).unwrap_or(0);
    let fresh = parse_signed_date(date).is_some_and(|at| at.abs_diff(now) <= WINDOW_SECONDS);
    let given = request.header("x-shareasale-authentication");
    fresh && given.eq_ignore_ascii_case(&sign(token, date, action, secret))
}

/// The signature in lower-case hex.
pub(super) fn sign(token: &str, date: &str, action: &str, secret: &str) -> String {
    let digest = Sha256::digest(format!("{token}:{date}:{action}:{secret}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_test_vector_holds() {
        let signed = sign(
            "NGc6dg5e9URups5o",
            "Thu, 14 Apr 2011 22:44:22 GMT",
            "bannerList",
            "ATj7vd8b7CCjeq9yQUo8cc2w3OThqe2e",
        );
        assert_eq!(
            signed.to_ascii_uppercase(),
            "78D54A3051AE0AAAF022AA2DA230B97D5219D82183FEFF71E2D53DEC6057D9F1"
        );
    }
}
