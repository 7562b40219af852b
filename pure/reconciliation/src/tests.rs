//! One case for each class, and what holds for all of them.

use proptest::prelude::*;
use relay::Purpose;
use relay::delivery::State;
use relay::intake::EvidenceKind;
use relay::policy::Phase;
use tracking::Home;
use units::{Currency, EventId, Money, Timestamp};

use super::*;

mod coverage;

const NOON: i64 = 43_200;

fn at(day: i64, second: i64) -> Timestamp {
    Timestamp::from_seconds(day * 86_400 + second)
}

fn usd(minor: i64) -> Money {
    Money::from_minor(minor, Currency::USD)
}

const DAYS: Period =
    Period { from: Timestamp::from_seconds(20 * 86_400), until: Timestamp::from_seconds(30 * 86_400) };

fn told(publisher: Option<u64>) -> Told {
    Told { publisher, span: DAYS }
}

fn terms() -> Terms {
    let programme = |phase| Programme { phase, window_days: 30, first_seen: Some(at(10, 0)) };
    Terms {
        period: DAYS,
        settled_until: at(39, 0),
        programmes: [(1, programme(Phase::Moved)), (2, programme(Phase::Observe))].into(),
        told: Home::ALL.map(|home| (home, [(1, told(None))].into())).into(),
        merchants: std::collections::BTreeSet::new(),
    }
}

fn ours(reference: &str, minor: i64, state: State) -> Ours {
    Ours {
        event_id: EventId::from_u128(1),
        state,
        reason: String::new(),
        purpose: Purpose::Live,
        advertiser_id: 1,
        owner: Some(Home::Primary),
        publisher_id: Some(4),
        publisher_primary_id: Some(400),
        amount: Some(usd(minor)),
        commission: Some(usd(minor / 10)),
        evidence: EvidenceKind::Token,
        weighed: Vec::new(),
        clicked_at: Some(at(24, 0)),
        reference: Some(reference.to_owned()),
        voided: false,
        change_pending: false,
        received_at: at(25, NOON),
        changed_at: at(25, NOON),
        kind: None,
        told: None,
        sent_at: Some(at(25, NOON)),
        day: 25,
    }
}

fn theirs(reference: &str, minor: i64) -> Theirs {
    Theirs {
        home: Home::Primary,
        report: 0,
        line: 2,
        transaction_id: "77".to_owned(),
        advertiser_id: Some(1),
        named_advertiser: 100,
        names_publisher: true,
        publisher: Some(400),
        amount: usd(minor),
        commission: Some(usd(minor / 10)),
        kind: Kind::Sale,
        standing: Standing::Pending,
        reference: Some(reference.to_owned()),
        void_reason: None,
        at: at(25, NOON + 60),
        day: 25,
        clicked_at: Some(at(24, 0)),
    }
}

fn order(reference: &str, minor: i64) -> Order {
    let reference = reference.to_owned();
    Order {
        line: 2,
        advertiser_id: 1,
        reference,
        amount: usd(minor),
        at: at(25, NOON),
        day: 25,
        cancelled: false,
    }
}

fn lines(ours: Vec<Ours>, theirs: Vec<Theirs>, orders: Vec<Order>) -> Vec<Line> {
    let mut terms = terms();
    terms.merchants.extend(orders.iter().map(|order| order.advertiser_id));
    let mut lines = Matcher { terms: &terms }.lines(Group { ours, theirs, orders });
    lines.sort_by_key(|line| line.class);
    lines
}

fn classes(ours: Vec<Ours>, theirs: Vec<Theirs>) -> Vec<Class> {
    lines(ours, theirs, Vec::new()).into_iter().map(|line| line.class).collect()
}

#[test]
fn both_have_it() {
    use Class as C;
    let own = || ours("A-1", 1000, State::Taken);
    let other = || theirs("A-1", 1000);
    let long = "x".repeat(60);
    let cut: String = long.chars().take(50).collect();
    let euro = Money::from_minor(1000, Currency::parse("EUR").unwrap());
    let cases: Vec<(Ours, Theirs, Class)> = vec![
        (own(), other(), C::Matched),
        (own(), theirs("#A-1 ", 1000), C::Matched),
        (own(), Theirs { day: 26, ..other() }, C::DateShift),
        (ours(&long, 1000, State::Taken), theirs(&cut, 1000), C::ReferenceCut),
        (own(), Theirs { amount: euro, ..other() }, C::CurrencyDiffers),
        (own(), theirs("A-1", 900), C::AmountDiffers),
        (Ours { voided: true, ..own() }, other(), C::StatusDiffers),
        (own(), Theirs { standing: Standing::Voided, ..other() }, C::StatusDiffers),
        (own(), Theirs { publisher: Some(500), ..other() }, C::PublisherDiffers),
        (own(), Theirs { commission: Some(usd(99)), ..other() }, C::CommissionDiffers),
        (Ours { state: State::Dead, ..own() }, other(), C::ArrivedOtherwise),
        (Ours { state: State::Conflict, ..own() }, other(), C::ArrivedOtherwise),
        (Ours { purpose: Purpose::Test, state: State::Dropped, ..own() }, other(), C::ArrivedOtherwise),
    ];
    for (own, other, class) in cases {
        assert_eq!(classes(vec![own.clone()], vec![other.clone()]), [class], "{own:?} {other:?}");
    }
    let voided = Ours { voided: true, ..own() };
    let both_voided = Theirs { standing: Standing::Voided, commission: Some(usd(0)), ..other() };
    assert_eq!(classes(vec![voided], vec![both_voided]), [C::Matched]);
}

#[test]
fn what_the_platform_was_told_is_what_it_is_held_against() {
    use Class as C;
    let lead = Ours { told: Some(usd(100)), ..ours("A-1", 0, State::Taken) };
    let there = |minor| Theirs { commission: Some(usd(0)), kind: Kind::Lead, ..theirs("A-1", minor) };
    assert_eq!(classes(vec![lead.clone()], vec![there(100)]), [C::Matched]);
    assert_eq!(classes(vec![lead.clone()], vec![there(200)]), [C::AmountDiffers]);
    let found = lines(vec![lead.clone()], vec![there(100)], vec![order("A-1", 0)]);
    assert_eq!((found[0].class, found[0].confirms()), (C::Matched, true));
    let nameless = Row::Ours(Ours { reference: None, ..lead });
    let also = Row::Theirs(Theirs { reference: None, ..there(100) });
    assert_eq!(nameless.group_key(|_| false), also.group_key(|_| false));
}

#[test]
fn only_we_have_it() {
    use Class as C;
    let states = [
        (State::Queued, C::MissingThereQueued),
        (State::InFlight, C::MissingThereQueued),
        (State::Unknown, C::MissingThereUnknown),
        (State::Held, C::MissingThereHeld),
        (State::Conflict, C::MissingThereConflict),
        (State::Taken, C::MissingThereTaken),
        (State::Confirmed, C::MissingThereConfirmed),
        (State::Rejected, C::MissingThereRejected),
        (State::Dead, C::MissingThereDead),
        (State::Merged, C::Merged),
        (State::Dropped, C::NeverSent),
    ];
    assert_eq!(states.map(|(state, _)| state).len(), State::ALL.len());
    for (state, class) in states {
        assert_eq!(classes(vec![ours("A-1", 1000, state)], Vec::new()), [class]);
    }
    let young = Ours { changed_at: at(39, NOON), ..ours("A-1", 1000, State::Taken) };
    assert_eq!(classes(vec![young], Vec::new()), [C::NotSettled]);
    let test = Ours { purpose: Purpose::Shadow, ..ours("A-1", 1000, State::Dropped) };
    assert_eq!(classes(vec![test], Vec::new()), [C::TestOrShadow]);
    let voided = Ours { voided: true, ..ours("A-1", 1000, State::Taken) };
    assert_eq!(classes(vec![voided], Vec::new()), [C::NeverSent]);
    let twice = vec![ours("A-1", 1000, State::Taken), ours("A-1", 1000, State::Taken)];
    assert_eq!(classes(twice, vec![theirs("A-1", 1000)]), [C::Matched, C::DuplicatedHere]);
}

#[test]
fn only_they_have_it() {
    use Class as C;
    let other = || theirs("B-1", 1000);
    let cases = [
        (other(), C::Unexplained),
        (Theirs { advertiser_id: None, ..other() }, C::MissingHere),
        (Theirs { kind: Kind::Bonus, ..other() }, C::MissingHere),
        (Theirs { advertiser_id: Some(2), ..other() }, C::MissingHere),
        (Theirs { at: at(5, 0), ..other() }, C::OutsidePeriod),
    ];
    for (row, class) in cases {
        assert_eq!(classes(Vec::new(), vec![row.clone()]), [class], "{row:?}");
    }
    let own = || vec![ours("A-1", 1000, State::Taken)];
    let two = vec![theirs("A-1", 1000), Theirs { transaction_id: "78".to_owned(), ..theirs("A-1", 1000) }];
    assert_eq!(classes(own(), two.clone()), [C::Matched, C::DuplicatedThere]);
    let merged = ours("A-1", 1000, State::Merged);
    let with_merged = own().into_iter().chain([merged]).collect();
    assert_eq!(classes(with_merged, two.clone()), [C::Matched, C::DuplicatedThere, C::Merged]);
    let number = |id: &str| Theirs { transaction_id: id.to_owned(), ..theirs("A-1", 1000) };
    let told_twice = vec![number("77"), Theirs { report: 1, ..number("77") }];
    assert_eq!(classes(own(), told_twice), [C::Matched, C::NamedAgain]);
    let surplus = Theirs { standing: Standing::Voided, at: at(25, NOON + 99), ..number("79") };
    assert_eq!(classes(own(), vec![theirs("A-1", 1000), surplus]), [C::Matched, C::MissingHere]);
    let there = Theirs { home: Home::Legacy, publisher: Some(4), ..theirs("A-1", 1000) };
    assert_eq!(classes(own(), vec![theirs("A-1", 1000), there]), [C::Matched, C::OnBothPlatforms]);
}

#[test]
fn the_better_half_wins() {
    let own = vec![ours("A-1", 1000, State::Taken), ours("A-1", 500, State::Taken)];
    let other = Theirs { transaction_id: "78".to_owned(), ..theirs("A-1", 500) };
    let found = lines(own, vec![other, theirs("A-1", 1000)], Vec::new());
    assert!(found.iter().all(|line| line.class == Class::Matched), "{found:#?}");
}

#[test]
fn what_has_no_reference_is_found_by_money_and_time() {
    let own = Ours { reference: None, ..ours("", 1000, State::Taken) };
    let other = Theirs { reference: None, ..theirs("", 1000) };
    assert_eq!(classes(vec![own.clone()], vec![other.clone()]), [Class::Matched]);
    let later = Theirs { at: at(29, 0), day: 29, ..other.clone() };
    assert_eq!(classes(vec![own.clone()], vec![later]), [Class::MissingThereTaken, Class::Unexplained]);
    let key = |row: Row| row.group_key(|text| text.contains("##"));
    assert_eq!(key(Row::Ours(own)), key(Row::Theirs(theirs("##ORDER##", 1000))));
    assert_ne!(key(Row::Theirs(other)), key(Row::Theirs(theirs("1000", 1000))));
}

#[test]
fn what_nothing_identifies_is_known_to_the_new_platform_by_our_own_identity() {
    let is_placeholder = |text: &str| text.contains("##");
    let group = |rows: Vec<Row>| {
        let mut groups: std::collections::BTreeMap<String, Group> = std::collections::BTreeMap::new();
        for row in rows {
            let row = row.identified(is_placeholder);
            groups.entry(row.group_key(is_placeholder)).or_default().add(row);
        }
        let classes = groups.into_values().flat_map(|group| classes(group.ours, group.theirs));
        classes.collect::<Vec<_>>()
    };
    let own = |id, reference: Option<&str>, owner| {
        let reference = reference.map(str::to_owned);
        let event_id = EventId::from_u128(id);
        Row::Ours(Ours { event_id, reference, owner: Some(owner), ..ours("", 1999, State::Unknown) })
    };
    let there = |id| Row::Theirs(theirs(&EventId::from_u128(id).to_string(), 1999));
    let sales = [own(1, None, Home::Primary), own(2, Some("##ORDER##"), Home::Primary)];
    let told = [there(1), there(2)];
    assert_eq!(group([sales.clone(), told.clone()].concat()), [Class::Matched; 2]);
    let [first, _] = told;
    assert_eq!(group([sales.to_vec(), vec![first]].concat()), [Class::Matched, Class::MissingThereUnknown]);
    // Two sales of the same money are two, here and on the platform that knows no name of them.
    let two = vec![own(1, None, Home::Legacy), own(2, Some("##ORDER##"), Home::Legacy)];
    let one = Theirs { home: Home::Legacy, publisher: Some(4), reference: None, ..theirs("", 1999) };
    assert_eq!(group([two, vec![Row::Theirs(one)]].concat()), [Class::Matched, Class::MissingThereUnknown]);
}

#[test]
fn a_bonus_is_no_order_whatever_it_names() {
    use Class as C;
    let own = || ours("A-1", 1000, State::Taken);
    let other = |id: &str, kind| Theirs { transaction_id: id.to_owned(), kind, ..theirs("A-1", 1000) };
    for kind in [Kind::Bonus, Kind::ManualCredit, Kind::SecondTier, Kind::Other] {
        let found = classes(vec![own()], vec![other("1", kind), other("2", Kind::Sale)]);
        assert_eq!(found, [C::Matched, C::MissingHere], "{kind:?}");
    }
    let nameless = |kind, minor| Theirs { reference: None, kind, ..theirs("", minor) };
    let alone = classes(vec![own()], vec![nameless(Kind::ManualCredit, 1000)]);
    assert_eq!(alone, [C::MissingThereTaken, C::MissingHere]);
    let sold = Ours { reference: None, ..own() };
    let rows = vec![nameless(Kind::ManualCredit, 1000), other("2", Kind::Sale)];
    let found = lines(vec![sold], rows, Vec::new());
    let matched = found.iter().find(|line| line.class == C::Matched).unwrap();
    assert_eq!(matched.theirs.as_ref().map(|theirs| theirs.kind), Some(Kind::Sale));
    // What the platform calls by a name that we do not know may be the order.
    assert_eq!(classes(vec![own()], vec![other("1", Kind::Other)]), [C::Matched]);
    let with_order =
        lines(vec![own()], vec![other("1", Kind::Bonus), other("2", Kind::Sale)], vec![order("A-1", 1000)]);
    assert!(
        with_order.iter().all(|line| line.order.is_some() == (line.class == C::Matched)),
        "{with_order:#?}"
    );
}

#[test]
fn merchants_have_a_word() {
    use Class as C;
    let pair = |order: Order| {
        let found = lines(vec![ours("A-1", 1000, State::Taken)], vec![theirs("A-1", 1000)], vec![order]);
        found.into_iter().map(|line| line.class).collect::<Vec<_>>()
    };
    assert_eq!(pair(order("A-1", 1000)), [C::Matched]);
    assert_eq!(pair(order("A-1", 900)), [C::OrderAmountDiffers]);
    assert_eq!(pair(Order { cancelled: true, ..order("A-1", 1000) }), [C::OrderCancelled]);
    assert_eq!(pair(order("A-2", 1000)), [C::OrderMissing, C::OrderOnly]);
    let missing = lines(vec![ours("A-1", 1000, State::Taken)], Vec::new(), vec![order("A-1", 1000)]);
    assert_eq!(missing[0].class, C::MissingThereTaken);
    assert!(missing[0].order.is_some());
}

#[test]
fn each_difference_of_an_award_has_its_rule() {
    use AwardRule as R;
    let weighed = |kind, outcome: &str, day| Weighed {
        kind,
        outcome: outcome.to_owned(),
        publisher_id: Some(5),
        publisher_primary_id: Some(500),
        at: Some(at(day, 0)),
    };
    let there = |click: Option<i64>| Theirs {
        publisher: Some(500),
        clicked_at: click.map(|day| at(day, 0)),
        ..theirs("A-1", 1000)
    };
    let own = || ours("A-1", 1000, State::Taken);
    let with = |one| Ours { weighed: vec![one], ..own() };
    let nobody = Ours { publisher_id: None, publisher_primary_id: None, ..own() };
    let refused = Weighed { publisher_id: None, ..weighed(EvidenceKind::None, "consent_refused", 1) };
    let cases = [
        (own(), theirs("A-1", 1000), None),
        (with(weighed(EvidenceKind::Named, "weaker", 25)), there(None), Some(R::NamedByMerchant)),
        (with(weighed(EvidenceKind::Voucher, "weaker", 25)), there(None), Some(R::Voucher)),
        (with(weighed(EvidenceKind::Cookie, "weaker", 25)), there(Some(25)), Some(R::LastClick)),
        (with(weighed(EvidenceKind::Cookie, "weaker", 23)), there(Some(23)), Some(R::ShorterWindow)),
        (
            with(weighed(EvidenceKind::ClickId, "click_outside_window", -8)),
            there(Some(-8)),
            Some(R::LongerWindow),
        ),
        (own(), there(Some(-8)), Some(R::LongerWindow)),
        (own(), there(Some(26)), Some(R::ClockSkew)),
        (own(), there(Some(24)), Some(R::ClickUnknownHere)),
        (own(), Theirs { publisher: None, ..theirs("A-1", 1000) }, Some(R::NobodyThere)),
        (
            Ours { evidence: EvidenceKind::None, ..own() },
            Theirs { publisher: None, ..theirs("A-1", 1000) },
            Some(R::EvidenceLate),
        ),
        (own(), Theirs { names_publisher: false, publisher: None, ..theirs("A-1", 1000) }, None),
        (Ours { publisher_primary_id: None, ..own() }, there(None), Some(R::UnmappedPublisher)),
        (Ours { weighed: vec![refused], ..nobody.clone() }, there(None), Some(R::ConsentRefused)),
        (Ours { evidence: EvidenceKind::PlatformClickId, ..nobody }, there(None), None),
    ];
    for (own, other, rule) in cases {
        assert_eq!(award::rule(&own, &other, 30), rule, "{own:?} {other:?}");
    }
}

#[test]
fn a_merchant_or_a_publisher_that_a_report_does_not_tell_of_is_not_missing_there() {
    use Class as C;
    let class = |own: Ours, merchants: &[(u64, Told)]| {
        let mut terms = terms();
        terms.told = [(Home::Primary, merchants.iter().copied().collect())].into();
        let group = Group { ours: vec![own], ..Group::default() };
        Matcher { terms: &terms }.lines(group).first().map(|line| line.class).unwrap()
    };
    let every = (1, told(None));
    let own = |state| ours("A-1", 1000, state);
    for state in [State::Taken, State::Unknown, State::Confirmed, State::Dead] {
        assert_eq!(class(own(state), &[(2, every.1)]), C::NotCovered, "{state}");
        // An affiliate's export has its own sales alone.
        assert_eq!(class(own(state), &[(1, told(Some(500)))]), C::NotCovered, "{state}");
    }
    assert_eq!(class(own(State::Unknown), &[every]), C::MissingThereUnknown);
    assert_eq!(class(own(State::Unknown), &[(1, told(Some(400)))]), C::MissingThereUnknown);
    assert_eq!(class(own(State::Queued), &[]), C::MissingThereQueued);
    let young = Ours { changed_at: at(39, NOON), ..own(State::Taken) };
    assert_eq!(class(young, &[]), C::NotSettled);
}

#[test]
fn what_was_sent_behind_the_reports_end_or_received_before_its_begin_is_not_missing_there() {
    use Class as C;
    let class = |state, received: Timestamp, sent: Timestamp| {
        let own = Ours {
            received_at: received,
            sent_at: Some(sent),
            // What was confirmed by a report before has changed since.
            changed_at: at(38, 0),
            ..ours("A-1", 1000, state)
        };
        classes(vec![own], Vec::new())
    };
    let midnight = at(29, 86_370);
    // Open, since no later report of the same days would name it, and neither claimed nor sent again.
    assert_eq!(class(State::Taken, midnight, at(30, 30)), [C::NotCovered]);
    assert_eq!(class(State::Unknown, midnight, at(30, 0)), [C::NotCovered]);
    assert_eq!(class(State::Dead, midnight, at(30, 0)), [C::NotCovered]);
    assert_eq!(class(State::Taken, midnight, at(29, 86_399)), [C::MissingThereTaken]);
    assert_eq!(class(State::Confirmed, midnight, at(29, 86_399)), [C::MissingThereConfirmed]);
    let mut terms = terms();
    terms.told =
        [(Home::Primary, [(1, Told { span: Period { from: at(21, 0), ..DAYS }, ..told(None) })].into())]
            .into();
    let early = Ours { received_at: at(20, NOON), ..ours("A-1", 1000, State::Taken) };
    let lines = Matcher { terms: &terms }.lines(Group { ours: vec![early], ..Group::default() });
    assert_eq!((lines[0].class, lines[0].why), (C::NotCovered, "its day lies before those of the report"));
}

#[test]
fn what_belongs_to_a_platform_whose_report_was_not_given_is_stated_and_takes_its_order() {
    let mut terms = terms();
    terms.told.remove(&Home::Legacy);
    terms.merchants.insert(1);
    let own = Ours { owner: Some(Home::Legacy), ..ours("A-1", 1000, State::Confirmed) };
    let group = Group { ours: vec![own], orders: vec![order("A-1", 1000)], ..Group::default() };
    let lines = Matcher { terms: &terms }.lines(group.clone());
    assert_eq!(lines.iter().map(|line| line.class).collect::<Vec<_>>(), [Class::NotCompared]);
    assert!(lines[0].order.is_some());
    let mut summary = Summary::default();
    lines.iter().for_each(|line| summary.add(line));
    let (total, put_in) = (summary.total(), put_in(&group));
    assert_eq!((total.ours, total.orders, summary.open()), (put_in.ours, put_in.orders, 0));
    assert!(summary.days.is_empty(), "its days have no other half");
}

#[test]
fn names_are_read_back() {
    for class in Class::ALL {
        assert_eq!(Class::parse(class.name()), Some(class));
        assert!(!class.closed_by().is_empty());
    }
    for kind in Kind::ALL {
        assert_eq!(Kind::parse(kind.name()), Some(kind));
    }
    let row = Row::Ours(ours("A-1", 1000, State::Taken));
    let text = serde_json::to_string(&row).unwrap();
    assert_eq!(serde_json::from_str::<Row>(&text).unwrap(), row);
    let row = Row::Theirs(theirs("A-1", 1000));
    assert_eq!(serde_json::from_str::<Row>(&serde_json::to_string(&row).unwrap()).unwrap(), row);
}

/// What there is of everything that goes in: rows and money, by side and currency.
fn put_in(group: &Group) -> Cell {
    let mut summary = Summary::default();
    for row in &group.ours {
        summary.add(&Line { ours: Some(row.clone()), ..Line::of(Class::Unexplained) });
    }
    for row in &group.theirs {
        summary.add(&Line { theirs: Some(row.clone()), ..Line::of(Class::Unexplained) });
    }
    for row in &group.orders {
        summary.add(&Line { order: Some(row.clone()), ..Line::of(Class::Unexplained) });
    }
    summary.total()
}

fn any_ours() -> impl Strategy<Value = Ours> {
    let currency = prop::sample::select(vec!["USD", "EUR"]);
    (0_usize..11, 0_u8..3, 1_i64..4, currency, 10_i64..40, any::<[bool; 4]>()).prop_map(
        |(state, reference, minor, currency, day, [voided, legacy, nameless, test])| Ours {
            state: State::ALL[state],
            amount: Some(Money::from_minor(minor, Currency::parse(currency).unwrap())),
            voided,
            owner: Some(if legacy { Home::Legacy } else { Home::Primary }),
            reference: (!nameless).then(|| format!("R-{reference}")),
            purpose: if test { Purpose::Test } else { Purpose::Live },
            received_at: at(day, NOON),
            day,
            ..ours("", 1, State::Taken)
        },
    )
}

fn any_theirs() -> impl Strategy<Value = Theirs> {
    let currency = prop::sample::select(vec!["USD", "EUR"]);
    (0_u8..3, 1_i64..4, currency, 10_i64..40, 0_usize..3, any::<[bool; 2]>(), 0_u8..20).prop_map(
        |(reference, minor, currency, day, standing, [legacy, nameless], id)| Theirs {
            transaction_id: id.to_string(),
            amount: Money::from_minor(minor, Currency::parse(currency).unwrap()),
            standing: Standing::ALL[standing],
            home: if legacy { Home::Legacy } else { Home::Primary },
            reference: (!nameless).then(|| format!("R-{reference}")),
            at: at(day, NOON),
            day,
            ..theirs("", 1)
        },
    )
}

proptest! {
    #[test]
    fn what_goes_in_comes_out_to_the_unit(
        ours in prop::collection::vec(any_ours(), 0..12),
        theirs in prop::collection::vec(any_theirs(), 0..12),
        orders in prop::collection::vec((0_u8..3, 1_i64..4), 0..4),
    ) {
        let orders = orders.into_iter().map(|(name, minor)| order(&format!("R-{name}"), minor)).collect();
        let group = Group { ours, theirs, orders };
        let before = put_in(&group);
        let terms = terms();
        let mut summary = Summary::default();
        Matcher { terms: &terms }.lines(group).iter().for_each(|line| summary.add(line));
        let after = summary.total();
        prop_assert_eq!((before.ours, before.theirs, before.orders), (after.ours, after.theirs, after.orders));
    }
}

#[test]
fn many_alike_are_paired_as_few_are() {
    // More pairs than are weighed one against another, in any order on either side.
    let own: Vec<Ours> = (0..120).map(|place| ours("R", 1 + place % 7, State::Taken)).collect();
    let number = |place: i64| place.to_string();
    let row = |place| Theirs { transaction_id: number(place), ..theirs("R", 1 + place % 7) };
    let mut other: Vec<Theirs> = (0..120).map(row).collect();
    other.reverse();
    let found = classes(own, other);
    assert_eq!(found, [Class::Matched; 120]);
}
