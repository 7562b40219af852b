//! Is a call signed by the one whose token it shows?
//!
//! The legacy platform signs little: neither the order nor the amount. What is checked here is what it checked.

use core::time::Duration;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use units::{Timestamp, calendar};

use crate::dialect::interface::{SignatureRule, SignatureTransform, parameter};
use crate::wire::Inbound;

/// What a call shows to prove who makes it. It prints nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Shown {
    /// The public token.
    pub token: String,
    date: String,
    action: String,
    signature: String,
}

impl core::fmt::Debug for Shown {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Shown(..)")
    }
}

/// What `inbound` shows; none if a part is missing.
pub fn shown(rule: &SignatureRule, inbound: &Inbound) -> Option<Shown> {
    Some(Shown {
        token: parameter(inbound, &rule.token)?,
        date: inbound.header(&rule.date_header)?.trim().to_owned(),
        action: parameter(inbound, &rule.action)?,
        signature: inbound.header(&rule.signature_header)?.trim().to_owned(),
    })
}

/// The signature that `secret` makes of token, date and action, in hexadecimal.
pub fn sign(rule: &SignatureRule, [token, date, action]: [&str; 3], secret: &str) -> String {
    let digest = match rule.transform {
        SignatureTransform::Sha256TokenDateActionSecret => {
            Sha256::digest([token, date, action, secret].join(":").as_bytes())
        }
    };
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Shown {
    /// True if `secret` made the signature. The comparison takes the same time wherever the first difference is.
    pub fn is_by(&self, rule: &SignatureRule, secret: &str) -> bool {
        let expected = sign(rule, [&self.token, &self.date, &self.action], secret);
        self.signature.to_ascii_lowercase().as_bytes().ct_eq(expected.as_bytes()).into()
    }

    /// True if it was signed for this time, as far as clocks agree.
    pub fn is_fresh(&self, rule: &SignatureRule, at: Timestamp) -> bool {
        let signed = calendar::parse_time(&self.date);
        signed.is_some_and(|signed| {
            at.since(signed).max(signed.since(at)) <= Duration::from_secs(rule.window_s)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Method;

    fn rule() -> SignatureRule {
        SignatureRule {
            transform: SignatureTransform::Sha256TokenDateActionSecret,
            token: "token".to_owned(),
            action: "action".to_owned(),
            date_header: "x-date".to_owned(),
            signature_header: "x-signature".to_owned(),
            window_s: 900,
            line: 1,
        }
    }

    fn call(date: &str, action: &str, signature: &str) -> Inbound {
        Inbound {
            method: Method::Get,
            secure: true,
            host: "api.example".to_owned(),
            target: format!("/w?TOKEN=NGc6dg5e9URups5o&action={action}").into_bytes(),
            headers: vec![
                ("x-date".to_owned(), date.as_bytes().to_vec()),
                ("x-signature".to_owned(), signature.as_bytes().to_vec()),
            ],
            body: Vec::new(),
            peer: None,
        }
    }

    const SECRET: &str = "ATj7vd8b7CCjeq9yQUo8cc2w3OThqe2e";
    const DATE: &str = "Thu, 14 Apr 2011 22:44:22 GMT";
    const SIGNATURE: &str = "78D54A3051AE0AAAF022AA2DA230B97D5219D82183FEFF71E2D53DEC6057D9F1";

    /// The one signature that a public client's own tests know.
    #[test]
    fn the_public_test_vector_holds_in_either_case() {
        for signature in [SIGNATURE.to_owned(), SIGNATURE.to_lowercase()] {
            let shown = shown(&rule(), &call(DATE, "bannerList", &signature)).unwrap();
            assert!(shown.is_by(&rule(), SECRET));
            assert!(!shown.is_by(&rule(), "another"));
        }
    }

    #[test]
    fn the_action_is_signed_as_it_is_spelled() {
        let shown = shown(&rule(), &call(DATE, "bannerlist", SIGNATURE)).unwrap();
        assert!(!shown.is_by(&rule(), SECRET));
    }

    #[test]
    fn a_date_is_good_for_a_quarter_of_an_hour_either_way() {
        let signed = Timestamp::from_seconds(1_302_821_062);
        for date in [DATE, "Thu, 14 Apr 2011 22:44:22 +0000", "2011-04-14 22:44:22 GMT"] {
            let shown = shown(&rule(), &call(date, "void", SIGNATURE)).unwrap();
            let at = |seconds: i64| Timestamp::from_seconds(signed.as_seconds() + seconds);
            let fresh = [-901, -900, 0, 900, 901].map(|away| shown.is_fresh(&rule(), at(away)));
            assert_eq!(fresh, [false, true, true, true, false], "{date}");
        }
        let wrong = shown(&rule(), &call("yesterday", "void", SIGNATURE)).unwrap();
        assert!(!wrong.is_fresh(&rule(), signed));
    }

    #[test]
    fn a_call_without_its_headers_shows_nothing() {
        let mut bare = call(DATE, "void", SIGNATURE);
        bare.headers.clear();
        assert_eq!(shown(&rule(), &bare), None);
        assert_eq!(format!("{:?}", shown(&rule(), &call(DATE, "void", "x"))), "Some(Shown(..))");
    }
}
