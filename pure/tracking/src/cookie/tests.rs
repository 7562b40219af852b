use core::time::Duration;

use proptest::prelude::*;
use units::{Currency, Money};

use super::*;
use crate::dialect::{ClickIdShape, CookieForm};
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

fn rule(prefix: &str, suffix: CookieSuffix, reads: CookieValue, writes: CookieValue) -> CookieRule {
    let form = if suffix == CookieSuffix::PrimaryId { CookieForm::New } else { CookieForm::Old };
    CookieRule {
        prefix: prefix.to_owned(),
        suffix,
        form,
        site_wide: true,
        reads,
        writes,
        http_only: true,
        partitioned: false,
        line: 1,
    }
}

fn rules() -> Vec<CookieRule> {
    let json = CookieValue::JsonMember("click".to_owned());
    vec![
        rule("OLD", CookieSuffix::LegacyId, CookieValue::LeadingPublisher, CookieValue::PublisherAndClickId),
        rule("new_", CookieSuffix::PrimaryId, CookieValue::ClickId, CookieValue::ClickId),
        rule("last", CookieSuffix::Nothing, CookieValue::ClickId, CookieValue::Nothing),
        rule("tag", CookieSuffix::Nothing, json, CookieValue::Nothing),
    ]
}

fn keys() -> Keys {
    Keys::new(vec![(1, [3; 32])])
}

const CLICKED: Timestamp = Timestamp::from_seconds(1_795_000_000);
const TLS: Place<'_> = Place { domain: Some("old.test"), secure: true };
const MONTH: Duration = Duration::from_secs(30 * 86_400);
const BOTH: Lives = Lives { old: MONTH, new: MONTH };

fn minted(advertiser_id: u64, at: Timestamp) -> Click {
    let mut click = Click { advertiser_id, publisher_id: 456, creative_id: 0, at, click_id: String::new() };
    click.click_id = keys().mint(&click, 1);
    click
}

fn named_in(header: &str) -> Option<(String, Option<i64>)> {
    let primary = |id: &str| ClickIdShape::NumberNumberHex.read(id);
    named(header, &rules(), &advertiser(), primary)
        .map(|click| (click.id, click.at.map(Timestamp::as_seconds)))
}

#[test]
fn what_is_written_is_remembered() {
    let click = minted(789, CLICKED);
    let lines = remember(&click, &rules(), &advertiser(), TLS, BOTH);
    assert_eq!(lines.len(), 2);
    for line in lines {
        let attributes = "; Domain=old.test; Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=None";
        assert!(line.ends_with(attributes), "{line}");
        let header = format!("other=1; {}", line.split(';').next().unwrap());
        let found = remembered(&header, &rules(), &advertiser(), &keys(), CLICKED);
        assert_eq!(found, Some(click.clone()), "{header}");
    }
}

#[test]
fn attributes_are_what_a_browser_accepts() {
    let click = minted(789, CLICKED);
    let [mut old, mut new] = [rules().remove(0), rules().remove(1)];
    (old.site_wide, old.http_only, old.partitioned) = (false, false, true);
    new.partitioned = true;
    let rules = [old, new];
    let lines = |place, lives| -> Vec<String> {
        let lines = remember(&click, &rules, &advertiser(), place, lives);
        lines.iter().map(|line| line.split_once("; ").unwrap().1.to_owned()).collect()
    };
    let plain = Place { domain: Some("old.test"), secure: false };
    let week = Duration::from_secs(7 * 86_400);
    assert_eq!(
        lines(TLS, Lives { old: week, new: Duration::MAX }),
        [
            "Path=/; Max-Age=604800; Secure; SameSite=None; Partitioned",
            "Domain=old.test; Path=/; Max-Age=34560000; HttpOnly; Secure; SameSite=None; Partitioned",
        ]
    );
    assert_eq!(
        lines(plain, Lives { old: week, new: Duration::ZERO }),
        ["Path=/; Max-Age=604800; SameSite=Lax"],
        "a form without life is not written"
    );
    assert_eq!(
        lines(Place { domain: None, ..plain }, Lives { old: Duration::ZERO, new: week }),
        ["Path=/; Max-Age=604800; HttpOnly; SameSite=Lax"]
    );
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
    let other = minted(5, CLICKED);
    let header = format!("new_100789={}", other.click_id);
    assert_eq!(remembered(&header, &rules(), &advertiser(), &keys(), Timestamp::default()), None);
}

#[test]
fn click_ids_of_others_in_every_shape() {
    let told = |id: &str, at| Some((id.to_owned(), at));
    for (header, expected) in [
        ("new_100789=100789_1795000000_0af", told("100789_1795000000_0af", Some(1_795_000_000))),
        ("new_100789=5_1795000000_0af", None),
        ("new_5=100789_1795000000_0af", None),
        ("last=11k8_cr29d", told("11k8_cr29d", None)),
        ("tag={\"click\":\"11k8_cr29d\"}", told("11k8_cr29d", None)),
        ("tag=%7B%22click%22%3A%2211k8_cr29d%22%7D", told("11k8_cr29d", None)),
        ("tag=%7b%22click%22:%22100789_7_a%22%7d", told("100789_7_a", Some(7))),
        ("tag={\"other\":\"x\"}", None),
        ("tag={\"click\":7}", None),
        ("tag={\"click\":\"two words\"}", None),
        ("tag={", None),
        ("tag=", None),
        ("OLD789=456", None),
        (
            "last=11k8_cr29d; tag={\"click\":\"100789_9_a\"}; new_100789=100789_8_b",
            told("100789_9_a", Some(9)),
        ),
        ("last=t1_broken", None),
    ] {
        assert_eq!(named_in(header), expected, "{header}");
    }
    let ours = minted(789, CLICKED).click_id;
    let header = format!("tag={{\"click\":\"{ours}\"}}");
    assert_eq!(named_in(&header), None, "a token proves itself");
    let click = remembered(&header, &rules(), &advertiser(), &keys(), CLICKED);
    assert_eq!(click.map(|click| click.publisher_id), Some(456));
}

#[test]
fn the_oldest_programmes_make_room() {
    let at = |age: i64| Timestamp::from_seconds(1_795_000_000 - age);
    let cookie = |id: u64, age| format!("OLD{id}=456.{}", minted(id, at(age)).click_id);
    let most = u64::try_from(limits::COOKIES_MAX).unwrap();
    // One more than fits beside the two that are set, and cookies of others between.
    let mut sent: Vec<String> = (1..most).map(|id| cookie(id, i64::try_from(id % 7).unwrap())).collect();
    sent.insert(3, "session=OLD5".to_owned());
    sent[9] = "OLD10=456".to_owned();
    let set = remember(&minted(789, at(0)), &rules(), &advertiser(), TLS, BOTH);
    let forgotten = evict(&sent.join("; "), &rules(), &keys(), TLS, &set);
    let attributes = "; Domain=old.test; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=None";
    assert_eq!(forgotten, [format!("OLD10={attributes}")], "what tells no time goes first");
    sent.remove(9);
    assert_eq!(evict(&sent.join("; "), &rules(), &keys(), TLS, &set), Vec::<String>::new());
    sent.push(cookie(5000, 900));
    sent.push(cookie(6000, 100));
    let forgotten = evict(&sent.join("; "), &rules(), &keys(), TLS, &set);
    assert_eq!(forgotten, [format!("OLD5000={attributes}"), format!("OLD6000={attributes}")]);
    // What is set anew is not counted twice.
    sent.pop();
    sent.push(cookie(789, 900));
    assert_eq!(evict(&sent.join("; "), &rules(), &keys(), TLS, &set).len(), 1);
    let many: Vec<String> = (1..400).map(|id| format!("OLD{id}=1")).collect();
    assert_eq!(evict(&many.join("; "), &rules(), &keys(), TLS, &set).len(), limits::COOKIES_EVICTED_MAX);
}

fn kept(lines: &[&[u8]]) -> Vec<String> {
    let header = |line: &&[u8]| ("cookie".to_owned(), line.to_vec());
    let mut headers: Vec<_> = lines.iter().map(header).collect();
    headers.insert(0, ("accept".to_owned(), b"a=b; OLD1=2".to_vec()));
    let rules = rules();
    keep(&mut headers, |name| rules.iter().any(|rule| rule.declares(name)));
    assert_eq!(headers.remove(0).1, b"a=b; OLD1=2");
    headers.iter().map(|(_, line)| String::from_utf8_lossy(line).into_owned()).collect()
}

#[test]
fn what_is_not_declared_is_dropped() {
    for (lines, expected) in [
        (vec![&b"OLD1=2;new_3=x ;  last=\"y\""[..]], vec!["OLD1=2;new_3=x ;  last=\"y\""]),
        (vec![b"_ga=1; OLD1=2; session=OLD1=3; new_3=a=b"], vec!["OLD1=2; new_3=a=b"]),
        (vec![b"OLD1=2", b"a=1; new_3=4"], vec!["OLD1=2; new_3=4"]),
        (vec![b"a=1"], vec![]),
        (vec![b"OLD1"], vec![]),
        (vec![b"OLD=1; OLDx=1; lastly=1; old1=1; OLD1x=2; \xff=1; =OLD1"], vec![]),
        (vec![b""], vec![]),
        (vec![], vec![]),
    ] {
        assert_eq!(kept(&lines), expected, "{lines:?}");
    }
}

proptest! {
    #[test]
    fn no_cookie_header_panics(header in ".*", letters in "(OLD789|new_100789|last|tag)=[ -~]{0,80}") {
        for header in [header, letters] {
            let _ = named_in(&header);
            let _ = remembered(&header, &rules(), &advertiser(), &keys(), CLICKED);
            let _ = evict(&header, &rules(), &keys(), TLS, &[]);
            let once = kept(&[header.as_bytes()]);
            let lines: Vec<&[u8]> = once.iter().map(|line| line.as_bytes()).collect();
            prop_assert_eq!(kept(&lines), once, "dropping twice drops no more");
        }
    }
}
