//! Clicks that are imported or recorded, before and after the conversions that name them.

use relay::Envelope;
use relay::intake::EvidenceKind;
use tracking::{Class, Field, Home, Value, Verdict};
use units::{Currency, Money};

use super::arrivals::STRANGER;
use super::awards::with_terms;
use super::world::{MOVED, OBSERVED, Reply, START, Sale, World, batch, carries, event_id, home, sale};
use crate::{ImportedClick, ImportedVoucher};

on_a_server_too! {
    an_imported_click_decides_the_owner_while_legacy_lives,
    a_click_that_becomes_known_after_the_sale_corrects_it_in_time_and_changes_its_owner,
    a_click_that_becomes_known_after_sending_corrects_the_books_and_never_the_owner,
    a_first_hops_id_is_found_whichever_comes_first,
    a_copy_that_names_a_click_which_becomes_known_later_is_better_evidence,
    a_click_that_becomes_known_is_weighed_against_the_one_that_was_credited,
    what_cannot_be_sent_any_more_is_evidence_all_the_same,
    what_was_held_first_still_waits_for_the_click_that_it_names,
    what_waits_for_a_map_goes_to_the_platform_of_a_better_click,
    the_legacy_platform_gets_the_bytes_that_say_the_value_that_stands,
    a_bound_voucher_is_told_to_the_platform,
    expired_clicks_go_with_the_next_batch,
    a_click_is_kept_as_long_as_the_terms_may_credit_it,
}

const OLD: &str = "11k8_cr29d";

fn click(advertiser_id: u64, primary: bool) -> ImportedClick {
    let at = START.minus(std::time::Duration::from_secs(86_400));
    let (publisher_id, creative_id) = (457, 0);
    ImportedClick {
        click_id: OLD.to_owned(),
        advertiser_id,
        publisher_id,
        creative_id,
        at,
        primary,
        reference: None,
    }
}

fn naming(id: u64, advertiser_id: u64) -> Envelope {
    let mut envelope = Sale { clicked: false, ..sale(id, advertiser_id) }.envelope();
    envelope.event.set(Field::ClickId, Value::Text(OLD.into()));
    envelope
}

fn receive(world: &mut World, envelopes: &[Envelope]) {
    let entries = envelopes.iter().map(Envelope::encode).collect();
    world.processor.receive(&batch(entries), world.now).unwrap();
}

/// Owner, publisher and evidence of a conversion.
fn stands(world: &World, id: u64) -> (Option<Home>, Option<u64>, String) {
    let row = world.processor.ledger().conversion(event_id(id)).unwrap().unwrap();
    (row.owner, row.publisher_id, row.evidence)
}

fn by_record(owner: Home) -> (Option<Home>, Option<u64>, String) {
    (Some(owner), Some(457), EvidenceKind::ClickId.name().to_owned())
}

#[test]
fn an_imported_click_decides_the_owner_while_legacy_lives() {
    for (primary, lives, owner) in
        [(false, true, Home::Legacy), (true, true, Home::Primary), (false, false, Home::Primary)]
    {
        let mut world = World::new();
        let mut snapshot = super::world::snapshot();
        snapshot.policy.legacy_lives = lives;
        world.processor.replace_snapshot(std::sync::Arc::new(snapshot));
        world.processor.import_clicks(vec![click(MOVED, primary)], world.now).unwrap();
        receive(&mut world, &[naming(1, MOVED)]);
        assert_eq!(stands(&world, 1), by_record(owner), "{primary} {lives}");
        let mut asked = None;
        world.deliver(|delivery| {
            assert!(carries(delivery, 1));
            asked = Some(home(delivery));
            Reply::Says(Verdict::Confirmed)
        });
        assert_eq!(asked, Some(owner), "at once: there is evidence");
        world.assert_balanced();
    }
}

#[test]
fn a_click_that_becomes_known_after_the_sale_corrects_it_in_time_and_changes_its_owner() {
    let mut world = World::new();
    receive(&mut world, &[naming(1, MOVED)]);
    assert_eq!(stands(&world, 1), (Some(Home::Primary), None, "none".to_owned()));
    assert_eq!(world.deliver(|_| Reply::Says(Verdict::Confirmed)), 0, "it waits for evidence");
    let imported = world.processor.import_clicks(vec![click(MOVED, false)], world.now).unwrap();
    assert_eq!((imported.new, imported.corrected), (1, 1));
    assert_eq!(stands(&world, 1), by_record(Home::Legacy));
    let shown = world.processor.ledger().show(event_id(1)).unwrap().unwrap();
    assert!(shown.sealed, "its own sealed part is still what is sent");
    let done: Vec<&str> = shown.journal.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(done, ["correct", "change owner"]);
    assert_eq!(
        world.deliver(|delivery| {
            assert_eq!(home(delivery), Home::Legacy);
            Reply::Says(Verdict::Taken)
        }),
        1
    );
    assert_eq!(world.state(1), "taken");
    let again = world.processor.import_clicks(vec![click(MOVED, false)], world.now).unwrap();
    assert_eq!((again.new, again.known, again.corrected), (0, 1, 0));
    world.assert_balanced();
}

#[test]
fn a_click_that_becomes_known_after_sending_corrects_the_books_and_never_the_owner() {
    let mut world = World::new();
    receive(&mut world, &[naming(1, MOVED)]);
    world.now = world.now.plus(std::time::Duration::from_secs(61));
    assert_eq!(world.deliver(|_| Reply::Says(Verdict::Taken)), 1);
    world.processor.import_clicks(vec![click(MOVED, false)], world.now).unwrap();
    assert_eq!(stands(&world, 1), by_record(Home::Primary));
    let row = world.processor.ledger().conversion(event_id(1)).unwrap().unwrap();
    assert!(row.corrected_late, "a person sees it");
    assert_eq!(row.commission.unwrap().decimal(), "1.00");
    world.assert_balanced();
}

/// A raw pixel, then its copy that names a click which nobody has recorded yet, then that click's record.
#[test]
fn a_copy_that_names_a_click_which_becomes_known_later_is_better_evidence() {
    for sent in [false, true] {
        let mut world = World::new();
        receive(&mut world, &[plain(1, MOVED), of_one_order(naming(2, MOVED))]);
        assert_eq!((world.state(2), stands(&world, 1).1), ("merged", None));
        assert!(is_kept(&world, 1) && is_kept(&world, 2), "either may be the one that is sent");
        if sent {
            world.pass(std::time::Duration::from_secs(61));
            assert_eq!(world.deliver(|_| Reply::Says(Verdict::Taken)), 1);
        }
        let imported = world.processor.import_clicks(vec![click(MOVED, true)], world.now).unwrap();
        assert_eq!(imported.corrected, 1);
        assert_eq!(stands(&world, 1), by_record(Home::Primary));
        assert_eq!(world.shares(1), [(457, 100)]);
        let row = world.processor.ledger().conversion(event_id(1)).unwrap().unwrap();
        assert_eq!(row.corrected_late, sent);
        if !sent {
            assert!(!is_kept(&world, 1) && is_kept(&world, 2), "the copy is what is sent");
            assert_eq!(world.deliver(|_| Reply::Says(Verdict::Confirmed)), 1);
            assert!(!is_kept(&world, 2));
        }
        world.assert_balanced();
    }
}

/// What was credited by a cookie, and by a record that proves more and comes later.
#[test]
fn a_click_that_becomes_known_is_weighed_against_the_one_that_was_credited() {
    let mut world = World::new();
    let mut envelope = naming(1, MOVED);
    envelope.cookie_click = sale(1, MOVED).envelope().click;
    receive(&mut world, &[envelope]);
    assert_eq!(stands(&world, 1).1, Some(456));
    world.processor.import_clicks(vec![click(MOVED, true)], world.now).unwrap();
    assert_eq!(stands(&world, 1), by_record(Home::Primary));
    assert_eq!(world.shares(1), [(457, 100)]);
    world.assert_balanced();
}

#[test]
fn a_first_hops_id_is_found_whichever_comes_first() {
    for click_first in [true, false] {
        let mut world = World::new();
        let mut hop = sale(7, OBSERVED).envelope();
        hop.event.class = Class::Click;
        hop.event.set(Field::HopClickId, Value::Text(OLD.into()));
        let mut envelopes = [hop, naming(1, OBSERVED)];
        if !click_first {
            envelopes.reverse();
        }
        receive(&mut world, &envelopes);
        let expected = (Some(Home::Legacy), Some(456), EvidenceKind::ClickId.name().to_owned());
        assert_eq!(stands(&world, 1), expected, "{click_first}");
        let kept = world.processor.ledger().click(OLD).unwrap().unwrap();
        assert_eq!((kept.alias_of.as_deref(), kept.event_id), (Some("t1_7"), Some(event_id(7))));
        world.assert_balanced();
    }
}

#[test]
fn a_bound_voucher_is_told_to_the_platform() {
    let mut world = World::new();
    let voucher = ImportedVoucher {
        advertiser_id: MOVED,
        code: "save10".to_owned(),
        publisher_id: Some(457),
        starts_at: None,
        ends_at: None,
    };
    world.processor.import_vouchers(&[voucher], world.now).unwrap();
    let mut envelope = Sale { clicked: false, ..sale(1, MOVED) }.envelope();
    envelope.event.set(Field::VoucherCodes, Value::List(vec!["Save10".into()]));
    receive(&mut world, &[envelope]);
    assert_eq!(stands(&world, 1), (Some(Home::Primary), Some(457), "voucher".to_owned()));
    let deliveries = world.deliveries();
    assert_eq!(deliveries.len(), 1, "at once: there is evidence");
    let body = String::from_utf8(deliveries[0].request.body.clone()).unwrap();
    assert!(body.contains("SAVE10") && !body.contains("1457"), "by the code alone: {body}");
    world.assert_balanced();
}

#[test]
fn expired_clicks_go_with_the_next_batch() {
    let mut world = World::new();
    world.processor.import_clicks(vec![click(MOVED, false)], world.now).unwrap();
    world.now = world.now.plus(std::time::Duration::from_secs(58 * 86_400));
    world.receive(&[sale(1, MOVED)]);
    assert_eq!(world.processor.ledger().clicks_count().unwrap(), 1, "its window and the margin are not over");
    world.now = world.now.plus(std::time::Duration::from_secs(2 * 86_400));
    world.receive(&[sale(2, MOVED)]);
    assert_eq!(world.processor.ledger().clicks_count().unwrap(), 0);
}

/// Thirty days by the directory, ninety by the terms: a click of 75 days ago is still there, and earns.
#[test]
fn a_click_is_kept_as_long_as_the_terms_may_credit_it() {
    let day = std::time::Duration::from_secs(86_400);
    let mut world =
        World::with(with_terms("[[terms]]\n[[terms.publisher]]\nids = [457]\nwindow_days = 90\n"));
    world.processor.import_clicks(vec![click(MOVED, false)], world.now).unwrap();
    for (id, days) in [(1, 70), (2, 74)] {
        world.now = START.plus(day * days);
        world.receive(&[Sale { at: world.now, ..sale(id, MOVED) }]);
    }
    let mut order = Sale { clicked: false, at: world.now, ..sale(3, MOVED) }.envelope();
    order.event.set(Field::ClickId, Value::Text(OLD.into()));
    receive(&mut world, &[order]);
    assert_eq!((stands(&world, 3).1, world.shares(3)), (Some(457), vec![(457, 100)]));
    world.assert_balanced();
}

/// An arrival of order A.
fn of_one_order(mut envelope: Envelope) -> Envelope {
    envelope.event.set(Field::OrderReference, Value::Text("A".into()));
    envelope.key = Some("the order".to_owned());
    envelope
}

fn plain(id: u64, advertiser_id: u64) -> Envelope {
    of_one_order(Sale { clicked: false, ..sale(id, advertiser_id) }.envelope())
}

/// The browser's cookie names this publisher.
fn remembering(id: u64, publisher_id: u64) -> Envelope {
    let mut click = sale(id, MOVED).envelope().click.unwrap();
    click.publisher_id = publisher_id;
    Envelope { cookie_click: Some(click), ..plain(id, MOVED) }
}

fn is_kept(world: &World, id: u64) -> bool {
    world.processor.ledger().show(event_id(id)).unwrap().unwrap().sealed
}

#[test]
fn what_cannot_be_sent_any_more_is_evidence_all_the_same() {
    let mut world = World::new();
    let copy = Envelope { sealed: Vec::new(), ..of_one_order(naming(2, MOVED)) };
    receive(&mut world, &[plain(1, MOVED), copy]);
    world.processor.import_clicks(vec![click(MOVED, true)], world.now).unwrap();
    assert_eq!(stands(&world, 1), by_record(Home::Primary));
    assert!(is_kept(&world, 1), "what is sent is the first, which is whole");
    assert_eq!(world.deliver(|_| Reply::Says(Verdict::Confirmed)), 1);
    world.assert_balanced();
}

#[test]
fn what_was_held_first_still_waits_for_the_click_that_it_names() {
    let mut world = World::new();
    let first =
        Envelope { cookie_click: remembering(1, STRANGER).cookie_click, ..of_one_order(naming(1, MOVED)) };
    receive(&mut world, &[first]);
    assert_eq!(world.state(1), "held");
    let mut later = remembering(2, 456);
    later.cookie_click.as_mut().unwrap().at = START;
    receive(&mut world, &[later]);
    assert_eq!((world.state(1), stands(&world, 1).1), ("queued", Some(456)));
    world.processor.import_clicks(vec![click(MOVED, true)], world.now).unwrap();
    assert_eq!(stands(&world, 1), by_record(Home::Primary));
    world.assert_balanced();
}

#[test]
fn what_waits_for_a_map_goes_to_the_platform_of_a_better_click() {
    let mut world = World::new();
    world.processor.import_clicks(vec![click(MOVED, false)], world.now).unwrap();
    receive(&mut world, &[plain(1, MOVED), remembering(2, STRANGER)]);
    assert!(world.deliveries().is_empty());
    assert_eq!((world.state(1), stands(&world, 1).1), ("held", Some(STRANGER)));
    receive(&mut world, &[of_one_order(naming(3, MOVED))]);
    assert_eq!((world.state(1), stands(&world, 1)), ("queued", by_record(Home::Legacy)));
    let mut asked = Vec::new();
    world.deliver(|delivery| {
        asked.push(home(delivery));
        Reply::Says(Verdict::Taken)
    });
    assert_eq!(asked, [Home::Legacy]);
    world.assert_balanced();
}

#[test]
fn the_legacy_platform_gets_the_bytes_that_say_the_value_that_stands() {
    let mut world = World::with(with_terms("[[terms]]\n[[terms.duplicate]]\npolicy = \"merge\"\n"));
    let mut dearer = of_one_order(sale(2, OBSERVED).envelope());
    dearer.event.set(Field::Amount, Value::Money(Money::from_minor(7777, Currency::USD)));
    receive(&mut world, &[plain(1, OBSERVED), dearer]);
    assert_eq!((world.state(2), stands(&world, 1).1), ("merged", Some(456)));
    assert!(is_kept(&world, 1), "and it is what is sent");
    let row = world.processor.ledger().conversion(event_id(1)).unwrap().unwrap();
    assert_eq!(row.amount.unwrap().minor, 1000);
    world.assert_balanced();
}
