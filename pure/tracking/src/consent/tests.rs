mod encoder;
mod strings;

use super::*;
use crate::event::{Class, Value};
use encoder::{Core, gpp, us_section};

/// A vendor that needs consent to purpose 1, and purpose 7 by consent or interest.
pub(super) fn vendor() -> Vendor {
    Vendor {
        id: 907,
        purposes: vec![Purpose { id: 1, basis: Basis::Consent }, Purpose { id: 7, basis: Basis::Either }],
    }
}

fn event(fields: &[(Field, &str)]) -> Event {
    let mut event = Event::new(Class::Click);
    for (field, text) in fields {
        event.set(*field, Value::Text((*text).into()));
    }
    event
}

#[track_caller]
fn check(fields: &[(Field, &str)], gpc: Option<&str>, table: Option<ConsentReason>, expected: Consent) {
    let vendor = vendor();
    let signals = Signals {
        global_opt_out: gpc,
        opted_out: false,
        refused_without_signal: table,
        vendor: Some(&vendor),
    };
    assert_eq!(decide(&event(fields), signals).consent, expected, "{fields:?} {gpc:?} {table:?}");
}

use ConsentReason as Why;

const fn refused(why: Why) -> Consent {
    Consent::Refused(why)
}

const fn granted(why: Why) -> Consent {
    Consent::Granted(why)
}

const fn gdpr(applies: &str) -> (Field, &str) {
    (Field::GdprApplies, applies)
}

const fn string(text: &str) -> (Field, &str) {
    (Field::GdprConsent, text)
}

const fn sections(text: &str) -> (Field, &str) {
    (Field::GppSections, text)
}

#[test]
fn i10_three_values_each_with_its_reason() {
    check(&[], None, None, Consent::NoSignal);
    check(&[], None, Some(Why::Country), refused(Why::Country));
    check(&[], None, Some(Why::CountryUnset), refused(Why::CountryUnset));
    check(&[], None, Some(Why::Policy), refused(Why::Policy));
    check(&[], Some(" 1 "), None, refused(Why::GlobalOptOut));
    check(&[], Some("0"), None, Consent::NoSignal);
    check(&[(Field::Consent, "0")], None, None, refused(Why::Link));
    check(&[(Field::Consent, " FALSE ")], None, None, refused(Why::Link));
    check(&[(Field::Consent, "True")], None, None, granted(Why::Link));
    for absent in ["maybe", "", "2", "01", "yes"] {
        check(&[(Field::Consent, absent)], None, None, Consent::NoSignal);
    }
    check(&[(Field::UsPrivacy, "1YYN")], None, None, refused(Why::UsPrivacy));
    check(&[(Field::UsPrivacy, "1-y-")], None, None, refused(Why::UsPrivacy));
    for silent in ["1YNN", "1---", "2YYN", "1YY", "1YYNN", "1YXN", "é", "${US_PRIVACY}"] {
        check(&[(Field::UsPrivacy, silent)], None, None, Consent::NoSignal);
    }
}

#[test]
fn a_consent_string_counts_where_european_rules_may_apply() {
    let (yes, no) = (Core::granting(907).text(), Core::default().text());
    check(&[gdpr("1"), string(&yes)], None, None, granted(Why::ConsentString));
    check(&[gdpr("1"), string(&no)], None, None, refused(Why::ConsentString));
    check(&[gdpr("1")], None, None, refused(Why::NoConsentString));
    for broken in ["CP", "", "${GDPR_CONSENT_907}", "BOEFEAyOEFEAyAHABDENAI4AAAB9vABAASA", "C!"] {
        check(&[gdpr("1"), string(broken)], None, None, refused(Why::UnreadableConsentString));
        check(&[string(broken)], None, None, Consent::NoSignal);
    }
    check(&[gdpr("0")], None, None, Consent::NoSignal);
    check(&[gdpr("0"), string(&no)], None, None, Consent::NoSignal);
    check(&[string(&no)], None, None, refused(Why::ConsentString));
    check(&[string(&yes)], None, Some(Why::Country), granted(Why::ConsentString));
    check(&[gdpr("${GDPR}")], None, None, Consent::NoSignal);
}

#[test]
fn a_privacy_platform_string_speaks_for_its_applicable_sections() {
    let (yes, no) = (Core::granting(907).text(), Core::default().text());
    let (out, stays) = (us_section(1, &[(18, 1)], 60), us_section(1, &[(18, 2), (20, 2), (22, 2)], 60));
    let both = gpp(&[(2, &yes), (7, &out)]);
    check(&[(Field::Gpp, &gpp(&[(7, &out)]))], None, None, refused(Why::Gpp));
    check(&[(Field::Gpp, &gpp(&[(7, &stays)]))], None, None, Consent::NoSignal);
    check(&[(Field::Gpp, &gpp(&[(2, &yes)]))], None, None, granted(Why::GppConsentString));
    check(&[(Field::Gpp, &gpp(&[(2, &no)]))], None, None, refused(Why::GppConsentString));
    check(&[(Field::Gpp, &gpp(&[(6, "1YYN")]))], None, None, refused(Why::Gpp));
    check(&[(Field::Gpp, &both)], None, None, refused(Why::Gpp));
    check(&[(Field::Gpp, &both), sections("2")], None, None, granted(Why::GppConsentString));
    check(&[(Field::Gpp, &both), sections("2,7")], None, None, refused(Why::Gpp));
    check(&[(Field::Gpp, &both), sections("8_6")], None, None, Consent::NoSignal);
    check(&[(Field::Gpp, &both), sections("-1")], None, None, Consent::NoSignal);
    check(&[(Field::Gpp, &both), sections("${GPP_SID}")], None, None, refused(Why::Gpp));
    check(&[sections("2")], None, None, refused(Why::NoConsentString));
    check(&[(Field::Gpp, "nothing"), sections("2")], None, None, refused(Why::UnreadableConsentString));
    check(&[(Field::Gpp, "nothing")], None, None, Consent::NoSignal);
    check(
        &[(Field::Gpp, &gpp(&[(2, "CP")])), sections("2")],
        None,
        None,
        refused(Why::UnreadableConsentString),
    );
}

/// Every pair of signals that contradict each other: the stronger rank wins, whatever the order.
#[test]
fn precedence() {
    let (yes, no) = (Core::granting(907).text(), Core::default().text());
    let out = gpp(&[(8, &us_section(1, &[(14, 1)], 40))]);
    let grants = [
        (vec![(Field::Consent, "1")], Why::Link),
        (vec![(Field::GdprApplies, "1"), (Field::GdprConsent, yes.as_str())], Why::ConsentString),
    ];
    let refusals = [
        (vec![(Field::UsPrivacy, "1YYN")], None, Why::UsPrivacy),
        (vec![], Some("1"), Why::GlobalOptOut),
        (vec![(Field::Gpp, out.as_str())], None, Why::Gpp),
    ];
    for (said, why) in &grants {
        check(said, None, Some(Why::Country), granted(*why));
        for (more, gpc, against) in &refusals {
            let all: Vec<_> = said.iter().chain(more).copied().collect();
            check(&all, *gpc, None, refused(*against));
        }
    }
    let consent = (Field::Consent, "1");
    check(&[consent, (Field::GdprApplies, "1")], None, None, granted(Why::Link));
    check(&[consent, (Field::GdprApplies, "1"), (Field::GdprConsent, "CP")], None, None, granted(Why::Link));
    check(&[consent, (Field::GdprConsent, &no)], None, None, refused(Why::ConsentString));
    let refuses = (Field::Consent, "0");
    check(&[refuses, (Field::GdprApplies, "1"), (Field::GdprConsent, &yes)], None, None, refused(Why::Link));
    check(&[refuses, (Field::UsPrivacy, "1YYN")], Some("1"), None, refused(Why::Link));
    check(&[(Field::GdprApplies, "1")], None, Some(Why::Country), refused(Why::NoConsentString));
}

#[test]
fn without_a_declared_vendor_a_string_gives_no_basis() {
    let yes = Core::granting(907).text();
    let signals =
        Signals { global_opt_out: None, opted_out: false, refused_without_signal: None, vendor: None };
    let with = event(&[(Field::GdprApplies, "1"), (Field::GdprConsent, &yes)]);
    assert_eq!(decide(&with, signals).consent, refused(Why::ConsentString));
    assert_eq!(decide(&event(&[(Field::GdprConsent, &yes)]), signals).consent, Consent::NoSignal);
}

#[test]
fn what_cannot_be_read_is_named() {
    let all =
        event(&[(Field::GdprConsent, "nonsense"), (Field::UsPrivacy, "nonsense"), (Field::Gpp, "nonsense")]);
    let vendor = vendor();
    let signals = Signals {
        global_opt_out: None,
        opted_out: false,
        refused_without_signal: None,
        vendor: Some(&vendor),
    };
    let decided = decide(&all, signals);
    assert_eq!(decided.consent, Consent::NoSignal);
    assert_eq!(decided.unreadable, [Field::UsPrivacy, Field::Gpp, Field::GdprConsent]);
    assert_eq!(decide(&event(&[]), signals).unreadable, []);
}

#[test]
fn every_reason_is_found_again() {
    for reason in ConsentReason::ALL {
        assert_eq!(ConsentReason::parse(reason.name()), Some(*reason));
    }
    assert_eq!(ConsentReason::parse("because"), None);
}

#[test]
fn our_own_opt_out_beats_a_consent() {
    let granted = event(&[(Field::Consent, "1")]);
    let signals =
        Signals { global_opt_out: None, opted_out: true, refused_without_signal: None, vendor: None };
    assert_eq!(decide(&granted, signals).consent, refused(Why::OptOutCookie));
}
