use core::time::Duration;

use attribution::posting::balances;
use attribution::{Account, NoCredit};
use proptest::prelude::*;
use tracking::Event;
use tracking::consent::{Consent, ConsentReason};
use tracking::directory::{Advertiser, Commission, Directory, Domains, Programme, Publisher};
use tracking::event::Click;
use units::Currency;

use super::*;
use crate::envelope::tests::sale;
use crate::policy::{BreakerPolicy, ConsentPolicy, DeliveryPolicy, Phase, Policy, Terms, Wave};

mod bounds;
mod evidence;
mod merging;

const NOW: Timestamp = Timestamp::from_millis(1_795_462_261_000);

fn advertiser(legacy_id: u64, primary_id: Option<u64>, wave: &str) -> Advertiser<'static> {
    Advertiser {
        legacy_id,
        primary_id,
        name: format!("shop {legacy_id}").into(),
        landing_url: "https://shop.example/".into(),
        domains: Domains::new("shop.example"),
        wave: wave.to_owned().into(),
        programme: Programme::Online,
        currency: Currency::USD,
        window_days: 30,
        commission: Commission::Percent { basis_points: 1000 },
        deduplicates: false,
    }
}

fn directory() -> Directory {
    let publisher = |legacy_id, primary_id| Publisher { legacy_id, primary_id, name: "site".into() };
    let advertisers = vec![
        advertiser(789, Some(1789), "one"),
        advertiser(5, Some(6), "two"),
        advertiser(8, None, "one"),
        advertiser(9, None, "two"),
    ];
    let publishers = vec![publisher(456, Some(1456)), publisher(457, None), publisher(458, Some(1458))];
    Directory::new(advertisers, publishers, Vec::new())
}

fn policy() -> Policy {
    Policy {
        lock: crate::policy::Lock::default(),
        orders: crate::policy::OrdersPolicy::default(),
        terms: Terms::default(),
        waves: vec![Wave::new("one", Phase::Moved), Wave::new("two", Phase::Shadow)],
        delivery: DeliveryPolicy {
            evidence_wait: Duration::from_secs(60),
            attempt_deadline: Duration::from_secs(10),
            backoff_first: Duration::from_secs(1),
            backoff_max: Duration::from_secs(60),
            attempts_max: 3,
            retry_budget_percent: 10,
            in_flight_max: 64,
            ..DeliveryPolicy::USUAL
        },
        breaker: BreakerPolicy {
            failures_to_open: 3,
            open_for: Duration::from_secs(5),
            probe_every: Duration::from_secs(5),
            probe_deadline: Duration::from_secs(2),
            ..BreakerPolicy::USUAL
        },
        proxy_deadline: Duration::from_secs(2),
        legacy_lives: true,
        consent: ConsentPolicy::default(),
    }
}

/// Ids of the new platform are `new_ADVERTISER_SECONDS`, tokens are `t1_ADVERTISER_PUBLISHER_SECONDS`.
struct Ids;

impl ClickIds for Ids {
    fn primary(&self, id: &str) -> Option<ForeignClickId> {
        let (advertiser, seconds) = id.strip_prefix("new_")?.split_once('_')?;
        let at = seconds.parse().ok().map(Timestamp::from_seconds);
        Some(ForeignClickId { advertiser_id: advertiser.parse().ok(), at })
    }

    fn token(&self, id: &str) -> Token {
        let Some(rest) = id.strip_prefix("t1_") else { return Token::Other };
        let parts: Vec<u64> = rest.split('_').filter_map(|part| part.parse().ok()).collect();
        let &[advertiser_id, publisher_id, seconds] = parts.as_slice() else { return Token::Invalid };
        let at = Timestamp::from_seconds(i64::try_from(seconds).unwrap());
        Token::Click(Click { advertiser_id, publisher_id, creative_id: 0, at, click_id: id.to_owned() })
    }
}

fn decided(envelope: &Envelope, known: &Known) -> Decision {
    let (directory, policy) = (directory(), policy());
    let ground = Ground { directory: &directory, policy: &policy, click_ids: &Ids };
    decide(&ground, envelope, known, NOW)
}

fn decided_by(terms: &str, envelope: &Envelope, known: &Known, now: Timestamp) -> Decision {
    let directory = directory();
    let policy = Policy { terms: Terms::load("terms.toml", terms).unwrap(), ..policy() };
    let ground = Ground { directory: &directory, policy: &policy, click_ids: &Ids };
    decide(&ground, envelope, known, now)
}

fn booked(envelope: &Envelope) -> Booking {
    match decided(envelope, &Known::default()) {
        Decision::Book(booking) => *booking,
        other => panic!("{other:?}"),
    }
}

fn held(envelope: &Envelope, known: &Known) -> Vec<String> {
    match decided(envelope, known) {
        Decision::Hold { reasons, .. } => reasons.into_iter().map(|reason| reason.code).collect(),
        other => panic!("{other:?}"),
    }
}

fn raw(event_id: u128) -> Envelope {
    Envelope { click: None, problems: Vec::new(), ..sale(event_id) }
}

/// The click of a publisher, so many minutes before the sale.
fn click(publisher_id: u64, minutes: u64) -> Option<Click> {
    let at = raw(1).received_at.minus(Duration::from_secs(60 * minutes));
    let click_id = format!("t1_789_{publisher_id}_{}", at.as_seconds());
    Some(Click { advertiser_id: 789, publisher_id, creative_id: 0, at, click_id })
}

fn with(change: impl FnOnce(&mut Event)) -> Envelope {
    let mut envelope = sale(1);
    change(&mut envelope.event);
    envelope
}

fn standing(envelope: &Envelope, sent: bool) -> Known {
    let booking = booked(envelope);
    let standing = Standing {
        event_id: envelope.event_id,
        state: State::Queued,
        amount: Some(booking.amount),
        publisher_id: publisher_of(&booking),
        evidence: booking.evidence_kind,
        sent,
        postings: Some(booking.postings),
        received_at: envelope.received_at,
        first_at: envelope.received_at,
        last_at: envelope.received_at,
        considered: booking.considered,
        figures: None,
        auto_voided: booking.flags.iter().any(|flag| flag == "auto_void"),
    };
    Known { standing: Some(standing), ..Known::default() }
}

fn publisher_of(booking: &Booking) -> Option<u64> {
    match &booking.credit {
        Credit::To(candidate) => Some(candidate.click.publisher_id),
        Credit::None(_) => None,
    }
}

#[test]
fn a_sound_sale_is_booked_with_credit_and_commission() {
    let booking = booked(&sale(1));
    assert_eq!(booking.owner, Home::Primary);
    assert_eq!((booking.advertiser_primary_id, booking.publisher_primary_id), (Some(1789), Some(1456)));
    assert_eq!((publisher_of(&booking), booking.evidence_kind), (Some(456), EvidenceKind::Token));
    assert_eq!(booking.commission, Some(Money::from_minor(100, Currency::USD)));
    assert_eq!(booking.postings[1].account, Account::Publisher(456));
    assert_eq!((booking.due_at, booking.flags), (NOW, vec!["late".to_owned()]));
}

#[test]
fn without_evidence_it_is_booked_unattributed_and_waits_a_while() {
    let envelope = raw(1);
    let booking = booked(&envelope);
    assert_eq!(booking.credit, Credit::None(NoCredit::NoClick));
    assert_eq!((booking.evidence, booking.commission, booking.postings.len()), (Evidence::None, None, 0));
    assert_eq!(booking.due_at, envelope.received_at.plus(Duration::from_secs(60)));
}

#[test]
fn the_new_platforms_own_click_id_is_the_best_evidence() {
    let id = "new_1789_1795462000";
    let mut envelope = with(|event| event.set(Field::ClickId, Value::Text(id.into())));
    assert_eq!(booked(&envelope).evidence, Evidence::PlatformClickId(id.to_owned()));
    assert_eq!(publisher_of(&booked(&envelope)), Some(456), "and our own books keep our own click");
    envelope.click = None;
    assert_eq!((publisher_of(&booked(&envelope)), booked(&envelope).due_at), (None, NOW));
}

#[test]
fn a_stored_click_and_then_a_cookie_stand_in_for_a_token() {
    let mut envelope = raw(1);
    envelope.cookie_click = sale(1).click;
    assert_eq!(booked(&envelope).evidence_kind, EvidenceKind::Cookie);
    let mut named = raw(1);
    named.event.set(Field::ClickId, Value::Text("11k8_cr29d".into()));
    let known = Known { clicks: vec![evidence::held("11k8_cr29d", 456, None)], ..Known::default() };
    let Decision::Book(booking) = decided(&named, &known) else { panic!("not booked") };
    assert_eq!(booking.evidence_kind, EvidenceKind::ClickId);
}

#[test]
fn i10_a_refusal_leaves_no_identifier_and_the_order_is_booked() {
    let mut envelope = with(|event| event.set(Field::ClickId, Value::Text("new_77".into())));
    envelope.consent = Consent::Refused(ConsentReason::GlobalOptOut);
    let booking = booked(&envelope);
    assert_eq!(booking.credit, Credit::None(NoCredit::ConsentRefused));
    assert_eq!((booking.evidence, booking.due_at), (Evidence::None, NOW));
}

#[test]
fn the_owner_follows_the_wave() {
    let envelope = with(|event| event.set(Field::AdvertiserId, Value::Id(5)));
    assert_eq!(booked(&envelope).owner, Home::Legacy);
}

#[test]
fn every_reason_to_hold_is_named() {
    let text = |text: &str| Value::Text(text.into());
    let money = |minor| Value::Money(Money::from_minor(minor, Currency::USD));
    let cases: [(Envelope, &[&str]); 8] = [
        (with(|event| event.remove(Field::Amount)), &["missing_amount"]),
        (with(|event| event.set(Field::Amount, text("ten"))), &["invalid_amount"]),
        (with(|event| event.set(Field::Amount, money(-1))), &["negative_amount"]),
        (with(|event| event.set(Field::Amount, money(100_000_001))), &["amount_out_of_range"]),
        (with(|event| event.set(Field::AdvertiserId, text("x"))), &["invalid_advertiser_id"]),
        (with(|event| event.set(Field::AdvertiserId, Value::Id(4))), &["unknown_advertiser"]),
        (with(|event| event.set(Field::AdvertiserId, Value::Id(8))), &["advertiser_unmapped"]),
        (with(|event| event.class = Class::Adjustment), &["adjustment"]),
    ];
    for (envelope, expected) in cases {
        assert_eq!(held(&envelope, &Known::default()), expected);
    }
    let mut both = with(|event| event.remove(Field::Amount));
    both.event.remove(Field::AdvertiserId);
    both.problems = vec!["invalid_amount".to_owned()];
    assert_eq!(held(&both, &Known::default()), ["missing_advertiser_id", "invalid_amount"]);
    let mut unmapped = sale(1);
    unmapped.click.as_mut().unwrap().publisher_id = 457;
    assert_eq!(held(&unmapped, &Known::default()), ["publisher_unmapped"]);
}

#[test]
fn a_person_may_overrule_a_doubt_and_nothing_else() {
    let known = Known { collides_with: Some("other".to_owned()), ..Known::default() };
    assert_eq!(held(&sale(1), &known), ["reference_collides"]);
    let approved = Known { approved: true, ..known };
    let Decision::Book(booking) = decided(&sale(1), &approved) else { panic!("not booked") };
    assert!(booking.flags.contains(&"reference_collides".to_owned()));
    assert_eq!(held(&with(|event| event.remove(Field::Amount)), &approved).len(), 2);
}

#[test]
fn only_live_is_money() {
    for (purpose, rule) in [(Purpose::Test, "purpose_test"), (Purpose::Shadow, "purpose_shadow")] {
        let envelope = Envelope { purpose, ..sale(1) };
        assert_eq!(decided(&envelope, &Known::default()), Decision::Drop { rule });
    }
}

#[test]
fn a_click_is_kept() {
    let envelope = with(|event| event.class = Class::Click);
    let Decision::Record { clicks } = decided(&envelope, &Known::default()) else { panic!("not recorded") };
    assert_eq!(clicks.iter().map(|kept| Some(kept.click.clone())).collect::<Vec<_>>(), [envelope.click]);
}

#[test]
fn the_same_money_is_merged_and_other_money_is_a_conflict() {
    let known = standing(&sale(1), false);
    let expected = Decision::Merge {
        into: EventId::from_u128(1),
        correction: None,
        wanted_click: None,
        may_be_sent: false,
    };
    assert_eq!(decided(&sale(2), &known), expected);
    assert_eq!(decided(&raw(2), &known), expected, "a weaker arrival takes nothing away");
    let other = with(|event| event.set(Field::Amount, Value::Money(Money::from_minor(999, Currency::USD))));
    let Decision::Conflict { with, reason } = decided(&other, &known) else { panic!("no conflict") };
    assert_eq!(with, EventId::from_u128(1));
    assert!(reason.message.contains("10.00 USD") && reason.message.contains("9.99 USD"));
}

#[test]
fn better_evidence_later_is_a_correction() {
    for sent in [false, true] {
        let decision = decided(&sale(2), &standing(&raw(1), sent));
        let Decision::Merge { correction: Some(correction), .. } = decision else { panic!("{decision:?}") };
        assert_eq!((correction.in_time, correction.booking.due_at), (!sent, NOW));
        assert_eq!(correction.postings.map(|lines| lines.len()), Some(2));
    }
}

#[test]
fn a_reference_is_compared_as_far_as_the_new_platform_reads() {
    let claims =
        |text: String| Claims::of(&with(|event| event.set(Field::OrderReference, Value::Text(text.into()))));
    assert_eq!(claims("x".repeat(49)).reference_prefix, None);
    assert_eq!(claims("é".repeat(50)).reference_prefix, Some("é".repeat(50)));
    assert_eq!(claims("é".repeat(99)).reference_prefix, Some("é".repeat(50)));
    assert_eq!(claims(String::new()).reference, None);
}

proptest! {
    /// I12 at the door: whatever arrives, what is booked or corrected balances.
    #[test]
    fn i12_every_decision_balances(minor in 0_i64..100_000_000, clicked: bool, second_clicked: bool) {
        let event = |id, clicked| {
            let mut envelope = if clicked { sale(id) } else { raw(id) };
            envelope.event.set(Field::Amount, Value::Money(Money::from_minor(minor, Currency::USD)));
            envelope
        };
        let first = booked(&event(1, clicked));
        prop_assert!(balances(&first.postings));
        let decision = decided(&event(2, second_clicked), &standing(&event(1, clicked), false));
        let Decision::Merge { correction, .. } = decision else { panic!("{decision:?}") };
        prop_assert_eq!(correction.is_some(), second_clicked && !clicked);
        prop_assert!(correction.is_none_or(|correction| balances(&correction.postings.unwrap())));
    }
}
