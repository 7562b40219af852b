//! The search for evidence: each kind, each way in which it can fail, and the owner that follows from it.

use super::*;

const SECOND: i64 = 1_795_462_261;
const DAY: i64 = 86_400;

/// A click of advertiser 789 that the ledger holds.
pub(super) fn held(id: &str, publisher_id: u64, home: Option<Home>) -> KeptClick {
    let at = Timestamp::from_seconds(SECOND - DAY);
    KeptClick {
        click: Click { advertiser_id: 789, publisher_id, creative_id: 1, at, click_id: id.to_owned() },
        home,
        origin: Origin::Imported,
        alias_of: None,
        event_id: None,
        reference: None,
        expires_at: at,
    }
}

pub(super) fn naming(id: &str) -> Envelope {
    let mut envelope = raw(1);
    envelope.event.set(Field::ClickId, Value::Text(id.into()));
    envelope
}

fn with_known(envelope: &Envelope, known: &Known) -> Booking {
    match decided(envelope, known) {
        Decision::Book(booking) => *booking,
        other => panic!("{other:?}"),
    }
}

/// What became of each piece of evidence of a kind.
fn outcomes(booking: &Booking, kind: EvidenceKind) -> Vec<&str> {
    let of_kind = booking.considered.iter().filter(|piece| piece.kind == kind);
    of_kind.map(|piece| piece.outcome.as_str()).collect()
}

#[test]
fn what_is_wrong_with_a_token_is_named() {
    let token = |advertiser: u64, seconds: i64| format!("t1_{advertiser}_456_{seconds}");
    for (id, outcome) in [
        (token(789, SECOND - DAY), "used"),
        (token(789, SECOND - 30 * DAY), "used"),
        (token(789, SECOND - 31 * DAY), "click_outside_window"),
        (token(789, SECOND + 3600), "click_after_conversion"),
        (token(5, SECOND - DAY), "click_of_other_advertiser"),
        ("t1_forged".to_owned(), "tampered"),
    ] {
        let booking = booked(&naming(&id));
        assert_eq!(outcomes(&booking, EvidenceKind::Token), [outcome], "{id}");
        assert_eq!(publisher_of(&booking).is_some(), outcome == "used", "{id}");
        assert_eq!(booking.due_at > NOW, outcome != "used", "{id}: without evidence it waits for some");
    }
}

#[test]
fn what_is_wrong_with_an_id_of_the_new_platform_is_named_and_the_platform_judges_it() {
    let id = |advertiser: u64, seconds: i64| format!("new_{advertiser}_{seconds}");
    for (id, outcome) in [
        (id(1789, SECOND - DAY), "used"),
        (id(1789, SECOND - 31 * DAY), "click_outside_window"),
        (id(1789, SECOND + 3600), "click_after_conversion"),
        (id(6, SECOND - DAY), "click_of_other_advertiser"),
    ] {
        let booking = booked(&naming(&id));
        assert_eq!(outcomes(&booking, EvidenceKind::PlatformClickId), [outcome], "{id}");
        assert_eq!(booking.evidence, Evidence::PlatformClickId(id.clone()), "{id}");
        assert_eq!(booking.due_at > NOW, outcome != "used", "{id}");
        let mut better = naming(&id);
        better.cookie_click = sale(1).click;
        let expected = if outcome == "used" { EvidenceKind::PlatformClickId } else { EvidenceKind::Cookie };
        assert_eq!(booked(&better).evidence_kind, expected, "{id}: beside a cookie");
    }
}

#[test]
fn of_several_ids_each_counts_by_itself() {
    let (own, foreign) = (format!("new_1789_{}", SECOND - DAY), format!("new_6_{}", SECOND - DAY));
    let booking = booked(&naming(&format!("{foreign},{own},11k8_cr29d,")));
    assert_eq!(booking.evidence, Evidence::PlatformClickId(own));
    let wanted = ["click_of_other_advertiser", "used"];
    assert_eq!(outcomes(&booking, EvidenceKind::PlatformClickId), wanted);
    assert_eq!(outcomes(&booking, EvidenceKind::ClickId), ["not_recorded"]);
    assert_eq!(booking.wanted_click.as_deref(), Some("11k8_cr29d"));
    let many: Vec<String> = (0..50).map(|number| format!("x{number}")).collect();
    assert_eq!(Claims::of(&naming(&many.join(","))).click_ids.len(), NAMED_MAX);
}

#[test]
fn the_strongest_piece_is_used_and_the_others_are_told() {
    let mut envelope = naming("11k8_cr29d");
    envelope.cookie_click = sale(1).click;
    envelope.event.set(Field::VoucherCodes, Value::List(vec!["save10 ".into(), "other".into()]));
    envelope.event.set(Field::PublisherId, Value::Id(456));
    let voucher = |publisher_id| BoundVoucher {
        advertiser_id: 789,
        code: "SAVE10".to_owned(),
        publisher_id,
        starts_at: None,
        ends_at: None,
    };
    let mut known = Known {
        clicks: vec![held("11k8_cr29d", 456, None)],
        vouchers: vec![voucher(456)],
        ..Known::default()
    };
    let told = |booking: &Booking| {
        let pieces = booking.considered.iter();
        pieces.map(|piece| format!("{}: {}", piece.kind.name(), piece.outcome)).collect::<Vec<_>>()
    };
    let expected = [
        "platform_click_id: absent",
        "token: absent",
        "click_id: used",
        "voucher: not_bound",
        "voucher: weaker",
        "cookie: weaker",
        "named_publisher: weaker",
    ];
    assert_eq!(told(&with_known(&envelope, &known)), expected);
    known.clicks.clear();
    let booking = with_known(&envelope, &known);
    assert_eq!((booking.evidence_kind, publisher_of(&booking)), (EvidenceKind::Voucher, Some(456)));
    assert_eq!(booking.evidence, Evidence::Voucher("SAVE10".to_owned()));
    known.vouchers.clear();
    assert_eq!(with_known(&envelope, &known).evidence_kind, EvidenceKind::Cookie);
    envelope.cookie_click = None;
    let booking = with_known(&envelope, &known);
    assert_eq!((booking.evidence_kind, publisher_of(&booking)), (EvidenceKind::Named, Some(456)));
}

#[test]
fn a_voucher_counts_only_while_it_is_bound() {
    let mut envelope = raw(1);
    envelope.event.set(Field::VoucherCodes, Value::List(vec!["x".into()]));
    let at = |seconds| Some(Timestamp::from_seconds(seconds));
    for (starts_at, ends_at, outcome) in [
        (None, None, "used"),
        (at(SECOND + 60), None, "not_bound_then"),
        (None, at(SECOND - 60), "not_bound_then"),
        (at(SECOND - 60), at(SECOND + 60), "used"),
        (Some(envelope.received_at), None, "used"),
        (None, Some(envelope.received_at), "not_bound_then"),
    ] {
        let bound =
            BoundVoucher { advertiser_id: 789, code: "X".to_owned(), publisher_id: 456, starts_at, ends_at };
        let booking = with_known(&envelope, &Known { vouchers: vec![bound], ..Known::default() });
        assert_eq!(outcomes(&booking, EvidenceKind::Voucher), [outcome], "{starts_at:?} {ends_at:?}");
    }
}

#[test]
fn each_piece_is_told_with_whose_it_is_and_when_it_happened() {
    let piece = |booking: &Booking, kind| {
        let mut pieces = booking.considered.iter();
        let used = pieces.find(|piece| piece.kind == kind && piece.outcome == "used").unwrap();
        (used.publisher_id, used.at)
    };
    let click_id = |booking: &Booking| match &booking.credit {
        Credit::To(candidate) => candidate.click.click_id.clone(),
        Credit::None(why) => panic!("{why:?}"),
    };
    let (at, id) = (Timestamp::from_seconds(SECOND - DAY), format!("t1_789_456_{}", SECOND - DAY));
    let by_token = booked(&naming(&id));
    assert_eq!(piece(&by_token, EvidenceKind::Token), (Some(456), Some(at)));
    assert_eq!(click_id(&by_token), id);
    let by_platform = booked(&naming(&format!("new_1789_{}", SECOND - DAY)));
    assert_eq!(piece(&by_platform, EvidenceKind::PlatformClickId), (None, Some(at)));
    let mut envelope = raw(1);
    envelope.event.set(Field::VoucherCodes, Value::List(vec!["x".into()]));
    let bound = BoundVoucher {
        advertiser_id: 789,
        code: "X".to_owned(),
        publisher_id: 456,
        starts_at: None,
        ends_at: None,
    };
    let by_voucher = with_known(&envelope, &Known { vouchers: vec![bound], ..Known::default() });
    assert_eq!(piece(&by_voucher, EvidenceKind::Voucher), (Some(456), None));
    assert_eq!(click_id(&by_voucher), "", "a voucher is no click");
    let nobody = with(|event| event.set(Field::PublisherId, Value::Id(0)));
    assert_eq!(outcomes(&booked(&nobody), EvidenceKind::Named), ["absent"]);
}

#[test]
fn a_token_counts_once_and_by_the_edges_word_or_its_record_where_its_key_is_gone() {
    let at = Timestamp::from_seconds(SECOND - DAY);
    let click = |click_id: &str| Click {
        advertiser_id: 789,
        publisher_id: 456,
        creative_id: 0,
        at,
        click_id: click_id.to_owned(),
    };
    for id in [format!("t1_789_456_{}", SECOND - DAY), "t1_retired".to_owned()] {
        let verified = Envelope { click: Some(click(&id)), ..naming(&id) };
        assert_eq!(outcomes(&booked(&verified), EvidenceKind::Token), ["used"], "{id}");
    }
    let known = Known { clicks: vec![held("t1_retired", 456, None)], ..Known::default() };
    let recorded = with_known(&naming("t1_retired"), &known);
    assert_eq!(outcomes(&recorded, EvidenceKind::Token), ["absent"]);
    assert_eq!(outcomes(&recorded, EvidenceKind::ClickId), ["used"]);
    assert_eq!(recorded.wanted_click, None, "its record is held");
}

#[test]
fn the_owner_follows_the_click_while_legacy_lives() {
    let known = |home| Known { clicks: vec![held("11k8_cr29d", 456, home)], ..Known::default() };
    for (home, owner) in
        [(Some(Home::Legacy), Home::Legacy), (Some(Home::Primary), Home::Primary), (None, Home::Primary)]
    {
        let booking = with_known(&naming("11k8_cr29d"), &known(home));
        assert_eq!((booking.owner, publisher_of(&booking)), (owner, Some(456)), "{home:?}");
    }
    let (directory, mut policy) = (directory(), policy());
    policy.legacy_lives = false;
    let ground = Ground { directory: &directory, policy: &policy, click_ids: &Ids };
    let decision = decide(&ground, &naming("11k8_cr29d"), &known(Some(Home::Legacy)), NOW);
    let Decision::Book(booking) = decision else { panic!("{decision:?}") };
    assert_eq!((booking.owner, booking.evidence_kind), (Home::Primary, EvidenceKind::ClickId));
}

#[test]
fn the_owner_is_the_new_platform_where_its_own_click_id_holds() {
    // Advertiser 5 has not moved; its id on the new platform is 6.
    for (advertiser, owner) in [(6, Home::Primary), (1789, Home::Legacy)] {
        let mut envelope = naming(&format!("new_{advertiser}_{}", SECOND - DAY));
        envelope.event.set(Field::AdvertiserId, Value::Id(5));
        assert_eq!(booked(&envelope).owner, owner, "{advertiser}");
    }
}

#[test]
fn the_one_that_is_credited_is_told_as_used_whichever_is_the_stronger() {
    let [later, earlier] = [(456, DAY), (458, 2 * DAY)]
        .map(|(publisher_id, before)| format!("t1_789_{publisher_id}_{}", SECOND - before));
    let envelope = naming(&format!("{later},{earlier}"));
    for (model, publisher_id, told) in
        [("last_click", 456, ["used", "weaker"]), ("first_click", 458, ["weaker", "used"])]
    {
        let terms = format!("[[terms]]\nmodel = \"{model}\"\n");
        let decision = decided_by(&terms, &envelope, &Known::default(), NOW);
        let Decision::Book(booking) = decision else { panic!("{decision:?}") };
        assert_eq!(publisher_of(&booking), Some(publisher_id), "{model}");
        assert_eq!(outcomes(&booking, EvidenceKind::Token), told, "{model}");
    }
}

#[test]
fn a_publisher_that_the_new_platform_need_not_be_told_may_be_unmapped() {
    let mut envelope = naming(&format!("new_1789_{}", SECOND - DAY));
    envelope.cookie_click = sale(1).click.map(|click| Click { publisher_id: 457, ..click });
    assert_eq!(booked(&envelope).evidence_kind, EvidenceKind::PlatformClickId);
}

#[test]
fn a_record_that_comes_after_the_sale_makes_it_better() {
    let envelope = naming("11k8_cr29d");
    let known =
        Known { clicks: vec![held("11k8_cr29d", 456, Some(Home::Legacy))], ..standing(&envelope, false) };
    let (directory, policy) = (directory(), policy());
    let ground = Ground { directory: &directory, policy: &policy, click_ids: &Ids };
    let better = reconsider(&ground, &envelope, &known, NOW).unwrap();
    assert!(better.in_time && balances(better.postings.as_ref().unwrap()));
    assert_eq!((publisher_of(&better.booking), better.booking.owner), (Some(456), Home::Legacy));
    assert_eq!(
        reconsider(&ground, &envelope, &standing(&envelope, false), NOW),
        None,
        "nothing is known now"
    );
    // What a person has let pass once is not doubted again.
    let doubtful = Known { collides_with: Some("other".to_owned()), ..known };
    assert_eq!(reconsider(&ground, &envelope, &doubtful, NOW).map(|better| better.in_time), Some(true));
}

#[test]
fn the_ids_of_a_first_hop_are_kept_for_the_same_click() {
    let mut envelope = with(|event| event.class = Class::Click);
    envelope.event.set(Field::HopClickId, Value::Text("c1k2_u3i12".into()));
    envelope.event.set(Field::HopSessionId, Value::Text("c1k2_u3i16".into()));
    let Decision::Record { clicks } = decided(&envelope, &Known::default()) else { panic!("not recorded") };
    let own = envelope.click.clone().unwrap();
    let ids: Vec<_> = clicks.iter().map(|kept| (kept.click.click_id.as_str(), kept.home)).collect();
    let expected = [
        (own.click_id.as_str(), Some(Home::Primary)),
        ("c1k2_u3i12", Some(Home::Legacy)),
        ("c1k2_u3i16", Some(Home::Legacy)),
    ];
    assert_eq!(ids, expected);
    assert!(clicks.iter().all(|kept| kept.expires_at == own.at.plus(Duration::from_secs(60 * 86_400))));
    envelope.event.set(Field::HopSessionId, Value::Text("c1k2_u3i12".into()));
    let Decision::Record { clicks } = decided(&envelope, &Known::default()) else { panic!("not recorded") };
    assert_eq!(clicks.len(), 2, "the same id once");
    envelope.consent = Consent::Refused(ConsentReason::Link);
    assert_eq!(decided(&envelope, &Known::default()), Decision::Record { clicks: Vec::new() });
}
