//! What waits for a map or for a click, and what happens to it meanwhile.

use std::sync::Arc;
use std::time::Duration;

use relay::Envelope;
use relay::edit::Change;
use relay::envelope::Sent;
use tracking::consent::{Consent, ConsentReason};
use tracking::directory::{Advertiser, Directory};
use tracking::{Field, Home, Value, Verdict};
use units::{Currency, Money};

use super::arrivals::{STRANGER, map_the_stranger};
use super::awards::with_terms;
use super::world::{MOVED, OBSERVED, Reply, START, UNMAPPED, World, batch, event_id, sale, snapshot};
use crate::{Correcting, ImportedClick, Redrive};

on_a_server_too! {
    what_was_tried_is_not_told_of_a_publisher_without_an_id,
    what_waits_for_a_publisher_is_not_released_by_less,
    i2_what_an_edge_has_sent_of_what_waits_for_a_map_is_never_sent_again,
    a_click_that_becomes_known_books_what_stands_beside_its_order_there,
    what_is_held_counts_for_nobody_before_it_is_booked,
    what_is_erased_is_never_what_is_sent,
    what_is_merged_and_held_is_booked_at_the_value_that_stands,
    what_came_before_its_programme_was_known_is_weighed_then,
    i9_what_turns_out_to_be_another_arrival_leaves_nothing_personal,
    a_copy_of_a_visitor_who_refused_takes_nothing_away,
    the_next_click_that_an_arrival_names_is_waited_for,
    what_was_given_to_another_channel_stays_so_while_it_is_held,
    i2_what_came_along_to_another_order_is_never_told_under_its_old_reference,
    what_was_tried_and_waits_for_a_map_goes_on_with_a_click_that_needs_none,
    what_another_arrival_books_is_weighed_with_all_of_them,
    what_an_edge_has_sent_is_weighed_too,
    the_legacy_platform_is_told_the_value_that_stands_of_what_was_held,
    an_order_happened_when_the_first_of_its_arrivals_came,
    a_copy_of_a_booked_order_proves_its_click_whatever_reads_like_it,
    a_clock_that_runs_ahead_puts_nothing_off,
}

/// In no directory.
const NOBODYS: u64 = 77;

/// An arrival of order A without a click.
fn raw(id: u64, advertiser_id: u64) -> Envelope {
    let mut envelope = sale(id, advertiser_id).envelope();
    envelope.event.set(Field::OrderReference, Value::Text("A".into()));
    envelope.key = Some(format!("{advertiser_id}//A"));
    envelope.received_at = START.plus(Duration::from_secs(id));
    Envelope { click: None, ..envelope }
}

/// The same after a click of this publisher, so many minutes before.
fn clicked(id: u64, publisher_id: u64, minutes: u64) -> Envelope {
    let mut click = sale(id, MOVED).envelope().click.unwrap();
    (click.publisher_id, click.at) = (publisher_id, START.minus(Duration::from_secs(60 * minutes)));
    Envelope { click: Some(click), ..raw(id, MOVED) }
}

fn naming(mut envelope: Envelope, click_id: &str) -> Envelope {
    envelope.event.set(Field::ClickId, Value::Text(click_id.into()));
    envelope
}

fn worth(mut envelope: Envelope, minor: i64) -> Envelope {
    envelope.event.set(Field::Amount, Value::Money(Money::from_minor(minor, Currency::USD)));
    envelope
}

fn remembering(envelope: Envelope, publisher_id: u64) -> Envelope {
    Envelope { cookie_click: clicked(1, publisher_id, 90).click, ..envelope }
}

fn record(click_id: &str, advertiser_id: u64, primary: bool) -> ImportedClick {
    let at = START.minus(Duration::from_secs(600));
    let (click_id, reference) = (click_id.to_owned(), None);
    ImportedClick { click_id, advertiser_id, publisher_id: 457, creative_id: 0, at, primary, reference }
}

fn receive(world: &mut World, envelopes: &[Envelope]) {
    for envelope in envelopes {
        world.processor.receive(&batch(vec![envelope.encode()]), world.now).unwrap();
        world.assert_balanced();
    }
}

fn reason(world: &World, id: u64) -> String {
    world.processor.ledger().conversion(event_id(id)).unwrap().unwrap().reason
}

/// A sale that was tried once, and of whose click only then is known that no map has its publisher.
fn tried_and_waiting() -> World {
    let mut world = World::new();
    receive(&mut world, &[raw(1, MOVED)]);
    world.pass(Duration::from_secs(90));
    assert_eq!(world.deliver(|_| Reply::Says(Verdict::Later)), 1);
    receive(&mut world, &[clicked(2, STRANGER, 30)]);
    world.pass(Duration::from_secs(3600));
    assert!(world.deliveries().is_empty());
    world
}

#[test]
fn what_was_tried_is_not_told_of_a_publisher_without_an_id() {
    let mut world = tried_and_waiting();
    assert_eq!((world.state(1), reason(&world, 1)), ("held", "publisher_unmapped".to_owned()));
    let waits = world.processor.ledger().unmapped(10).unwrap();
    assert_eq!((waits.len(), waits[0].legacy_id), (1, STRANGER));
    assert_eq!(map_the_stranger(&mut world), 1);
    let mut told = String::new();
    world.deliver(|delivery| {
        told = String::from_utf8_lossy(&delivery.request.body).into_owned();
        Reply::Says(Verdict::Confirmed)
    });
    assert!(told.contains("1999"), "{told}");
    assert_eq!(world.state(1), "confirmed");
    world.assert_balanced();
}

/// Neither a new map without the publisher, nor what a merchant says, lets it go without that id.
#[test]
fn what_waits_for_a_publisher_is_not_released_by_less() {
    let latest = "[[terms]]\n[[terms.duplicate]]\npolicy = \"latest\"\n";
    let mut world = World::with(with_terms(latest));
    receive(&mut world, &[raw(1, MOVED), clicked(2, STRANGER, 30)]);
    assert!(world.deliveries().is_empty());
    assert_eq!(world.state(1), "held");
    world.processor.replace_snapshot(Arc::new(with_terms(latest)));
    assert_eq!(world.processor.release_mapped(None, world.now).unwrap().count, 0);
    receive(&mut world, &[worth(raw(3, MOVED), 2000)]);
    world.pass(Duration::from_secs(3600));
    assert!(world.deliveries().is_empty());
    assert_eq!((world.state(1), world.shares(1)), ("held", vec![(STRANGER, 200)]));
}

#[test]
fn i2_what_an_edge_has_sent_of_what_waits_for_a_map_is_never_sent_again() {
    let mut world = World::new();
    receive(&mut world, &[raw(1, MOVED), clicked(2, STRANGER, 30)]);
    assert!(world.deliveries().is_empty());
    assert_eq!(world.state(1), "held");
    let (home, verdict) = (Home::Primary, Verdict::Taken);
    let sent = Sent { home, endpoint: "x".to_owned(), verdict, reason: String::new() };
    receive(&mut world, &[Envelope { sent: Some(sent), ..raw(3, MOVED) }]);
    assert_eq!(world.state(1), "taken");
    assert_eq!(map_the_stranger(&mut world), 0);
    world.pass(Duration::from_secs(3600));
    assert!(world.deliveries().is_empty());
    world.assert_balanced();
}

/// Each arrival is an order of its own by these terms, and the second waits beside the first for its map.
#[test]
fn a_click_that_becomes_known_books_what_stands_beside_its_order_there() {
    let mut world = World::with(with_terms("[[terms]]\n[[terms.duplicate]]\npolicy = \"each\"\n"));
    let second = naming(remembering(raw(2, MOVED), STRANGER), "k");
    receive(&mut world, &[raw(1, MOVED), second]);
    assert_eq!((world.state(1), world.state(2)), ("queued", "held"));
    let imported = world.processor.import_clicks(vec![record("k", MOVED, true)], world.now).unwrap();
    assert_eq!((imported.new, imported.corrected), (1, 1));
    assert_eq!((world.state(2), world.shares(2), world.shares(1)), ("queued", vec![(457, 100)], vec![]));
    world.assert_balanced();
}

#[test]
fn what_is_held_counts_for_nobody_before_it_is_booked() {
    let scale = "[[terms]]\n[[terms.rule]]\nname = \"scale\"\ntiers_by = \"orders\"\n\
        tiers = [{ percent = \"5\" }, { from = 1, percent = \"8\" }]\n";
    let mut world = World::with(with_terms(scale));
    receive(&mut world, &[clicked(1, 998, 60), clicked(2, STRANGER, 30)]);
    let row = world.processor.ledger().conversion(event_id(1)).unwrap().unwrap();
    assert_eq!((row.publisher_id, row.commission), (None, None));
    let mut other = clicked(3, STRANGER, 30);
    other.event.set(Field::OrderReference, Value::Text("B".into()));
    other.key = Some("B".to_owned());
    receive(&mut world, &[other]);
    assert_eq!(map_the_stranger(&mut world), 2);
    assert_eq!((world.shares(1), world.shares(3)), (vec![(STRANGER, 50)], vec![(STRANGER, 80)]));
    world.assert_identical();
}

/// The first arrival was erased when another one became what is sent.
#[test]
fn what_is_erased_is_never_what_is_sent() {
    let mut world = World::new();
    let first = naming(raw(1, OBSERVED), "k");
    let mut second = raw(2, OBSERVED);
    second.cookie_click = sale(2, OBSERVED).envelope().click;
    receive(&mut world, &[first, second]);
    world.processor.import_clicks(vec![record("k", OBSERVED, false)], world.now).unwrap();
    let row = world.processor.ledger().conversion(event_id(1)).unwrap().unwrap();
    assert_eq!(row.publisher_id, Some(457));
    assert_eq!(world.deliver(|_| Reply::Says(Verdict::Taken)), 1);
    assert_eq!(world.state(1), "taken");
    world.assert_balanced();
}

/// The map gets the advertiser that it did not have, or had without an id.
fn map_the_advertiser(world: &mut World, legacy_id: u64) -> usize {
    let mut mapped = snapshot();
    mapped.policy.terms = world.processor.snapshot().policy.terms.clone();
    let known = mapped.directory.advertiser(MOVED).unwrap();
    let new = Advertiser { legacy_id, primary_id: Some(1_000 + legacy_id), ..known };
    let others = mapped.directory.advertisers().filter(|row| row.legacy_id != legacy_id);
    let advertisers = others.chain([new]).collect();
    mapped.directory = Directory::new(advertisers, mapped.directory.publishers().collect(), Vec::new());
    world.processor.replace_snapshot(Arc::new(mapped));
    world.processor.release_mapped(None, world.now).unwrap().count
}

#[test]
fn what_is_merged_and_held_is_booked_at_the_value_that_stands() {
    let mut world = World::with(with_terms("[[terms]]\n[[terms.duplicate]]\npolicy = \"merge\"\n"));
    let mut dearer = worth(clicked(2, 456, 30), 7777);
    dearer.event.set(Field::AdvertiserId, Value::Id(UNMAPPED));
    dearer.key = raw(1, UNMAPPED).key;
    dearer.click.as_mut().unwrap().advertiser_id = UNMAPPED;
    receive(&mut world, &[raw(1, UNMAPPED), dearer]);
    assert_eq!(world.state(1), "held");
    assert_eq!(map_the_advertiser(&mut world, UNMAPPED), 1);
    assert_eq!((world.state(1), world.shares(1)), ("queued", vec![(456, 100)]));
    world.assert_balanced();
}

#[test]
fn what_came_before_its_programme_was_known_is_weighed_then() {
    let mut world = World::new();
    let mut proven = raw(2, NOBODYS);
    proven.click = sale(2, NOBODYS).envelope().click;
    receive(&mut world, &[raw(1, NOBODYS), proven]);
    assert_eq!((world.state(1), reason(&world, 1)), ("held", "unknown_advertiser".to_owned()));
    assert_eq!(map_the_advertiser(&mut world, NOBODYS), 1);
    assert_eq!((world.state(1), world.shares(1)), ("queued", vec![(456, 100)]));
    world.assert_balanced();
}

/// A person says that the order has another reference.
fn rename(world: &mut World, id: u64, reference: &str) {
    let (field, to) = (Field::OrderReference, Some(reference.to_owned()));
    let (actor, reason) = ("ann".to_owned(), "a slip of the shop".to_owned());
    let (changes, event_id) = (vec![Change { field, to }], event_id(id));
    let correcting = Correcting { event_id, changes, overrules: false, dry_run: false, actor, reason };
    world.processor.correct_event(&correcting, world.now).unwrap();
}

#[test]
fn i9_what_turns_out_to_be_another_arrival_leaves_nothing_personal() {
    let mut world = World::new();
    let nine = sale(9, MOVED).envelope();
    let key = tracking::key::conversion_key(&nine.event, 0, |_| false);
    receive(&mut world, &[Envelope { key, ..nine }]);
    assert_eq!(world.deliver(|_| Reply::Says(Verdict::Confirmed)), 1);
    receive(&mut world, &[clicked(1, STRANGER, 30), naming(raw(2, MOVED), "k")]);
    let kept = |world: &World, id| world.processor.ledger().show(event_id(id)).unwrap().unwrap().sealed;
    assert!(kept(&world, 1) && kept(&world, 2));
    rename(&mut world, 1, "A-9");
    assert_eq!((world.state(1), world.state(9)), ("merged", "confirmed"));
    let row = world.processor.ledger().conversion(event_id(2)).unwrap().unwrap();
    assert_eq!(row.first, Some(event_id(9)));
    assert!(!kept(&world, 1) && !kept(&world, 2));
    world.assert_balanced();
}

#[test]
fn a_copy_of_a_visitor_who_refused_takes_nothing_away() {
    let mut world = World::with(with_terms("[[terms]]\n[[terms.duplicate]]\npolicy = \"latest\"\n"));
    let consent = Consent::Refused(ConsentReason::Link);
    receive(&mut world, &[clicked(1, 456, 30), Envelope { consent, ..worth(raw(2, MOVED), 2000) }]);
    assert_eq!(world.shares(1), [(456, 200)]);
    world.assert_balanced();
}

#[test]
fn the_next_click_that_an_arrival_names_is_waited_for() {
    let mut world = World::new();
    receive(&mut world, &[naming(raw(1, MOVED), "k1,k2")]);
    let older = record("k1", MOVED, true);
    let newer = ImportedClick { publisher_id: 456, at: START, ..record("k2", MOVED, true) };
    for (click, publisher) in [(older, 457), (newer, 456)] {
        world.processor.import_clicks(vec![click], world.now).unwrap();
        assert_eq!(world.shares(1), [(publisher, 100)]);
    }
    world.assert_balanced();
}

#[test]
fn what_was_given_to_another_channel_stays_so_while_it_is_held() {
    let of = |mut envelope: Envelope| {
        envelope.event.set(Field::AdvertiserId, Value::Id(UNMAPPED));
        envelope.key = raw(1, UNMAPPED).key;
        envelope.click.iter_mut().for_each(|click| click.advertiser_id = UNMAPPED);
        envelope
    };
    let mut voided = raw(1, UNMAPPED);
    voided.event.set(Field::AutoVoid, Value::Flag(true));
    for arrivals in [[voided.clone(), of(clicked(2, 456, 30))], [of(clicked(2, 456, 30)), voided]] {
        let mut world = World::new();
        receive(&mut world, &arrivals);
        let first = if arrivals[0].event_id == event_id(1) { 1 } else { 2 };
        assert_eq!(world.state(first), "held");
        assert_eq!(map_the_advertiser(&mut world, UNMAPPED), 1);
        assert_eq!((world.state(first), world.shares(first)), ("queued", vec![]));
        let shown = world.processor.ledger().show(event_id(first)).unwrap().unwrap();
        assert!(shown.postings.iter().all(|row| row.posting.is_none()), "and nobody ever earned by it");
        world.assert_balanced();
    }
}

#[test]
fn i2_what_came_along_to_another_order_is_never_told_under_its_old_reference() {
    let mut world = World::new();
    let mut nine = raw(9, MOVED);
    nine.event.set(Field::OrderReference, Value::Text("A-9".into()));
    nine.key = tracking::key::conversion_key(&nine.event, 0, |_| false);
    receive(&mut world, &[nine, remembering(raw(1, MOVED), STRANGER), naming(raw(2, MOVED), "k")]);
    rename(&mut world, 1, "A-9");
    assert_eq!((world.state(1), world.state(9)), ("merged", "queued"));
    world.processor.import_clicks(vec![record("k", MOVED, true)], world.now).unwrap();
    map_the_stranger(&mut world);
    world.pass(Duration::from_secs(90));
    let mut told = String::new();
    assert_eq!(
        world.deliver(|delivery| {
            told = String::from_utf8_lossy(&delivery.request.body).into_owned();
            Reply::Says(Verdict::Confirmed)
        }),
        1
    );
    assert!(told.contains("A-9"), "{told}");
    world.assert_balanced();
}

#[test]
fn what_was_tried_and_waits_for_a_map_goes_on_with_a_click_that_needs_none() {
    let mut world = tried_and_waiting();
    assert_eq!(world.state(1), "held");
    receive(&mut world, &[clicked(3, 456, 20)]);
    assert_eq!((world.state(1), world.shares(1)), ("queued", vec![(456, 100)]));
    world.pass(Duration::from_secs(3600));
    assert_eq!(world.deliver(|_| Reply::Says(Verdict::Confirmed)), 1);
    world.assert_balanced();
}

/// An arrival of the order of nobody's programme, with a click.
fn of_nobody(id: u64, publisher_id: u64, minutes: u64) -> Envelope {
    let mut envelope = clicked(id, publisher_id, minutes);
    envelope.event.set(Field::AdvertiserId, Value::Id(NOBODYS));
    envelope.click.as_mut().unwrap().advertiser_id = NOBODYS;
    Envelope { key: raw(id, NOBODYS).key, ..envelope }
}

/// The programme is known by now, and an arrival comes before what is held is looked at.
#[test]
fn what_another_arrival_books_is_weighed_with_all_of_them() {
    for best in [1, 2] {
        let mut world = World::new();
        let minutes = |id| if id == best { 10 } else { 60 };
        receive(&mut world, &[of_nobody(1, 457, minutes(1)), of_nobody(2, 457, minutes(2))]);
        assert_eq!((world.state(1), world.state(2)), ("held", "merged"));
        let mut mapped = snapshot();
        let known = mapped.directory.advertiser(MOVED).unwrap();
        let new = Advertiser { legacy_id: NOBODYS, primary_id: Some(1_077), ..known };
        let advertisers = mapped.directory.advertisers().chain([new]).collect();
        mapped.directory = Directory::new(advertisers, mapped.directory.publishers().collect(), Vec::new());
        world.processor.replace_snapshot(Arc::new(mapped));
        receive(&mut world, &[of_nobody(3, 456, 30)]);
        assert_eq!((world.state(1), world.shares(1)), ("queued", vec![(457, 100)]), "{best}");
        assert_eq!(world.deliver(|_| Reply::Says(Verdict::Confirmed)), 1);
        world.assert_balanced();
    }
}

#[test]
fn what_an_edge_has_sent_is_weighed_too() {
    let mut world = World::new();
    let (home, verdict) = (Home::Primary, Verdict::Taken);
    let sent = Sent { home, endpoint: "x".to_owned(), verdict, reason: String::new() };
    receive(&mut world, &[Envelope { sent: Some(sent), ..raw(1, NOBODYS) }, of_nobody(2, 456, 30)]);
    assert_eq!(map_the_advertiser(&mut world, NOBODYS), 1);
    assert_eq!((world.state(1), world.shares(1)), ("taken", vec![(456, 100)]));
    world.assert_balanced();
}

#[test]
fn the_legacy_platform_is_told_the_value_that_stands_of_what_was_held() {
    let mut world = World::with(with_terms("[[terms]]\n[[terms.duplicate]]\npolicy = \"merge\"\n"));
    let doubtful = Envelope { problems: vec!["conflicting_amount".to_owned()], ..raw(1, OBSERVED) };
    let mut dearer = worth(raw(2, OBSERVED), 7777);
    dearer.click = sale(2, OBSERVED).envelope().click;
    receive(&mut world, &[doubtful, dearer]);
    assert_eq!(world.state(1), "held");
    let order = Redrive {
        events: vec![event_id(1)],
        actor: "ann".to_owned(),
        why: "it is right".to_owned(),
        approved: true,
    };
    world.processor.redrive(&order, world.now).unwrap();
    assert_eq!((world.state(1), world.shares(1)), ("queued", vec![(456, 100)]));
    let source = world.processor.ledger().sealed_of(event_id(1)).unwrap().unwrap().0;
    assert_eq!(source, event_id(1), "its bytes say that value");
    world.assert_balanced();
}

/// A click between the first arrival and the others led to nothing, in whichever order those two are handed over. Once it
/// is credited, an arrival that names nobody takes nothing away.
#[test]
fn an_order_happened_when_the_first_of_its_arrivals_came() {
    let at = |hours: u64, envelope| Envelope {
        received_at: START.plus(Duration::from_secs(3600 * hours)),
        ..envelope
    };
    let mut late = clicked(3, 456, 0);
    late.click.as_mut().unwrap().at = START.plus(Duration::from_secs(6 * 3600));
    let arrivals = [at(10, raw(1, MOVED)), at(5, raw(2, MOVED)), at(7, late)];
    for order in [[0, 1, 2], [1, 0, 2], [1, 2, 0]] {
        let mut world = World::new();
        receive(&mut world, &order.map(|place: usize| arrivals[place].clone()));
        assert_eq!(world.shares(order[0] as u64 + 1), [], "{order:?}");
    }
}

#[test]
fn a_copy_of_a_booked_order_proves_its_click_whatever_reads_like_it() {
    let long = |mut envelope: Envelope, last: &str| {
        let reference = format!("{}{last}", "x".repeat(50));
        envelope.event.set(Field::OrderReference, Value::Text(reference.as_str().into()));
        Envelope { key: Some(reference), ..envelope }
    };
    let mut world = World::new();
    receive(
        &mut world,
        &[long(raw(1, MOVED), "1"), long(raw(2, MOVED), "2"), long(clicked(3, 456, 30), "1")],
    );
    assert_eq!((world.state(1), world.state(2), world.state(3)), ("queued", "held", "merged"));
    assert_eq!(reason(&world, 2), "reference_collides");
    assert_eq!(world.shares(1), [(456, 100)]);
}

#[test]
fn a_clock_that_runs_ahead_puts_nothing_off() {
    let mut world = World::new();
    let received_at = world.now.plus(Duration::from_secs(3 * 3600));
    receive(&mut world, &[Envelope { received_at, ..raw(1, MOVED) }]);
    world.pass(Duration::from_secs(61));
    assert_eq!(world.deliver(|_| Reply::Says(Verdict::Taken)), 1);
}
