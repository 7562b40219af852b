//! Cookies on the hosts that are ours: the click that a browser remembers.
//!
//! Two forms stand side by side: the old platform's, which its own pages and ours may have set, and the new
//! one. Both say which publisher brought the visitor; ours also carry the click id, which proves the time.

use core::time::Duration;

use units::Timestamp;

use crate::click_id::Keys;
use crate::dialect::{CookieRule, CookieSuffix, CookieValue};
use crate::directory::Advertiser;
use crate::event::Click;

/// The cookies of a `Cookie` header. Values are as sent; a pair without `=` is a value without a name.
pub fn pairs(header: &str) -> impl Iterator<Item = (&str, &str)> {
    header.split(';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some((name.trim(), value.trim().trim_matches('"')))
    })
}

/// The click that the cookies of `header` remember for `advertiser`: by a click id of ours if one is there,
/// else by the publisher that an old cookie names, at `now` for want of a better time.
///
/// `header` is a `Cookie` header; rules are tried in order.
pub fn remembered(
    header: &str,
    rules: &[CookieRule],
    advertiser: &Advertiser<'_>,
    keys: &Keys,
    now: Timestamp,
) -> Option<Click> {
    let mut named = None;
    for rule in rules {
        let Some(name) = name(rule, advertiser) else { continue };
        for (_, value) in pairs(header).filter(|(found, _)| *found == name) {
            if let Some(click) = value.split('.').find_map(|part| keys.open(part)) {
                let own = click.advertiser_id == advertiser.legacy_id;
                if own {
                    return Some(click);
                }
            }
            if rule.reads == CookieValue::LeadingPublisher {
                named = named.or_else(|| leading_publisher(value));
            }
        }
    }
    named.map(|publisher_id| Click {
        advertiser_id: advertiser.legacy_id,
        publisher_id,
        creative_id: 0,
        at: now,
        click_id: String::new(),
    })
}

fn leading_publisher(value: &str) -> Option<u64> {
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    value.get(..digits)?.parse().ok().filter(|id| *id > 0)
}

/// The name of the rule's cookie for `advertiser`; none if it has no id of that kind.
fn name(rule: &CookieRule, advertiser: &Advertiser<'_>) -> Option<String> {
    let id = match rule.suffix {
        CookieSuffix::LegacyId => advertiser.legacy_id,
        CookieSuffix::PrimaryId => advertiser.primary_id?,
    };
    Some(format!("{}{id}", rule.prefix))
}

/// How long after a click a programme still credits it.
pub fn window(advertiser: &Advertiser<'_>) -> Duration {
    Duration::from_secs(u64::from(advertiser.window_days).saturating_mul(86_400))
}

/// The `Set-Cookie` values that remember `click`, one for each rule, for `life`. `place` is the host that
/// sets them and whether it was asked over TLS.
///
/// Over TLS they work in pages of other sites (`SameSite=None` needs `Secure`); without TLS a browser keeps
/// them for our own hosts only.
pub fn remember(
    click: &Click,
    rules: &[CookieRule],
    advertiser: &Advertiser<'_>,
    (host, secure): (&str, bool),
    life: Duration,
) -> Vec<String> {
    let domain = registrable(host);
    let seconds = life.as_secs();
    let attributes = if secure { "; Secure; SameSite=None" } else { "" };
    let line = |rule: &CookieRule| {
        let name = name(rule, advertiser)?;
        let value = match rule.writes {
            CookieValue::ClickId => click.click_id.clone(),
            CookieValue::LeadingPublisher => click.publisher_id.to_string(),
            CookieValue::PublisherAndClickId => format!("{}.{}", click.publisher_id, click.click_id),
        };
        Some(format!("{name}={value}; Domain={domain}; Path=/; Max-Age={seconds}; HttpOnly{attributes}"))
    };
    rules.iter().filter_map(line).collect()
}

/// The domain that all our hosts of one platform share: the last two labels. A dialect whose hosts lie below a
/// public suffix of two labels would need more, and nothing checks for one.
fn registrable(host: &str) -> &str {
    let mut dots = host.rmatch_indices('.').map(|(place, _)| place);
    dots.nth(1).and_then(|place| host.get(place.saturating_add(1)..)).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use units::{Currency, Money};

    use super::*;
    use crate::directory::{Commission, Domains, Programme};

    fn advertiser() -> Advertiser<'static> {
        Advertiser {
            legacy_id: 789,
            primary_id: Some(100_789),
            name: "Shop".into(),
            landing_url: "https://example.com/".into(),
            domains: Domains::new("example.com"),
            wave: "first".into(),
            programme: Programme::Online,
            currency: Currency::USD,
            window_days: 30,
            commission: Commission::Flat(Money::from_minor(100, Currency::USD)),
            deduplicates: false,
        }
    }

    fn rules() -> [CookieRule; 2] {
        let rule = |prefix: &str, suffix, reads, writes| CookieRule {
            prefix: prefix.to_owned(),
            suffix,
            reads,
            writes,
            line: 1,
        };
        [
            rule(
                "OLD",
                CookieSuffix::LegacyId,
                CookieValue::LeadingPublisher,
                CookieValue::PublisherAndClickId,
            ),
            rule("new_", CookieSuffix::PrimaryId, CookieValue::ClickId, CookieValue::ClickId),
        ]
    }

    fn keys() -> Keys {
        Keys::new(vec![(1, [3; 32])])
    }

    fn minted() -> Click {
        let at = Timestamp::from_seconds(1_795_000_000);
        let mut click =
            Click { advertiser_id: 789, publisher_id: 456, creative_id: 0, at, click_id: String::new() };
        click.click_id = keys().mint(&click, 1);
        click
    }

    #[test]
    fn what_is_written_is_remembered() {
        let click = minted();
        let now = Timestamp::from_seconds(1_795_100_000);
        for line in remember(&click, &rules(), &advertiser(), ("www.old.test", true), window(&advertiser())) {
            assert!(
                line.contains("; Domain=old.test; Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=None")
            );
            let header = format!("other=1; {}", line.split(';').next().unwrap());
            assert_eq!(
                remembered(&header, &rules(), &advertiser(), &keys(), now),
                Some(click.clone()),
                "{header}"
            );
        }
    }

    #[test]
    fn an_old_cookie_names_the_publisher_alone() {
        let now = Timestamp::from_seconds(5);
        for (header, publisher) in [
            ("OLD789=456", Some(456)),
            ("OLD789=456|x", Some(456)),
            ("OLD788=456", None),
            ("OLD789=", None),
            ("OLD789=x", None),
            ("", None),
        ] {
            let click = remembered(header, &rules(), &advertiser(), &keys(), now);
            assert_eq!(click.as_ref().map(|click| click.publisher_id), publisher, "{header}");
            assert!(click.is_none_or(|click| click.at == now));
        }
    }

    #[test]
    fn a_click_of_another_programme_is_not_ours() {
        let mut other = minted();
        other.advertiser_id = 5;
        other.click_id = keys().mint(&other, 1);
        let header = format!("new_100789={}", other.click_id);
        assert_eq!(remembered(&header, &rules(), &advertiser(), &keys(), Timestamp::default()), None);
    }
}
