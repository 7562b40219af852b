use std::time::Duration;

use ledger::{By, Redriven};
use relay::{Envelope, Purpose};
use tracking::{Field, Value, Verdict};

use super::place::Place;
use super::world::{MOVED, Reply, Sale, UNMAPPED, World, batch, event_id, sale, snapshot};
use crate::{Received, Redrive};

on_a_server_too! {
    a_sale_goes_all_the_way,
    i2_the_same_batch_again_changes_nothing,
    i2_redelivery_after_a_restart_on_disk_changes_nothing,
    better_evidence_before_sending_is_told_to_the_platform,
    better_evidence_after_sending_is_a_visible_correction,
    the_same_order_with_other_money_waits_for_a_person,
    references_that_the_new_platform_would_cut_alike_are_held,
    what_is_not_mapped_is_held_until_it_is,
    a_new_map_releases_what_waited_for_it_and_nothing_else,
    an_entry_that_cannot_be_read_is_held_and_spoils_nothing,
    no_key_means_no_collapse,
    an_order_without_a_reference_is_confirmed_under_our_own,
    tests_and_shadows_are_never_money,
    a_click_in_the_store_earns_the_credit,
}

fn order(id: u64, approved: bool) -> Redrive {
    Redrive { events: vec![event_id(id)], actor: "ada".to_owned(), why: "looked at it".to_owned(), approved }
}

#[test]
fn a_sale_goes_all_the_way() {
    let mut world = World::new();
    assert_eq!(world.receive(&[sale(1, MOVED)]), Received { accepted: 1, duplicates: 0 });
    assert_eq!(world.state(1), "queued");
    assert_eq!(world.deliver(|_| Reply::Says(Verdict::Confirmed)), 1);
    assert_eq!(world.state(1), "confirmed");
    let shown = world.processor.ledger().show(event_id(1)).unwrap().unwrap();
    assert_eq!(shown.conversion.commission.unwrap().decimal(), "1.00");
    assert_eq!((shown.postings.len(), shown.attempts.len()), (2, 1));
    assert!(!shown.sealed, "I9: erased on confirmation");
    world.assert_balanced();
}

#[test]
fn i2_the_same_batch_again_changes_nothing() {
    let mut world = World::new();
    let sales: Vec<Sale> = (1..=20).map(|id| sale(id, MOVED)).collect();
    world.receive(&sales);
    let before = world.processor.ledger().audit().unwrap();
    world = world.crash();
    assert_eq!(world.receive(&sales), Received { accepted: 0, duplicates: 20 });
    assert_eq!(world.processor.ledger().audit().unwrap(), before);
    world.assert_balanced();
}

#[test]
fn i2_redelivery_after_a_restart_on_disk_changes_nothing() {
    let mut world = World::at(Place::lasting(), snapshot());
    world.receive(&[sale(1, MOVED), sale(2, MOVED)]);
    world = world.crash();
    assert_eq!(world.receive(&[sale(1, MOVED), sale(2, MOVED)]).duplicates, 2);
    assert_eq!(world.deliver(|_| Reply::Says(Verdict::Confirmed)), 1, "one call for both");
    assert_eq!((world.state(1), world.state(2)), ("confirmed", "confirmed"));
    world.assert_balanced();
}

#[test]
fn better_evidence_before_sending_is_told_to_the_platform() {
    let mut world = World::new();
    let raw = Sale { clicked: false, ..sale(1, MOVED) };
    let clicked = Sale { id: 2, ..sale(1, MOVED) };
    world.receive(&[raw]);
    assert!(world.deliveries().is_empty(), "it waits for evidence");
    world.receive(&[clicked]);
    let deliveries = world.deliveries();
    assert_eq!(deliveries.len(), 1);
    assert_eq!(deliveries[0].ids[0].event_id, event_id(1));
    let mut other = World::new();
    other.receive(&[sale(1, MOVED)]);
    assert_eq!(other.deliveries()[0].endpoint, deliveries[0].endpoint, "the endpoint for a click");
    assert_eq!(world.state(2), "merged");
    let row = world.processor.ledger().conversion(event_id(1)).unwrap().unwrap();
    assert_eq!((row.publisher_id, row.corrected_late), (Some(456), false));
    world.assert_balanced();
}

#[test]
fn better_evidence_after_sending_is_a_visible_correction() {
    let mut world = World::new();
    world.receive(&[Sale { clicked: false, ..sale(1, MOVED) }]);
    world.pass(Duration::from_secs(61));
    assert_eq!(world.deliver(|_| Reply::Says(Verdict::Taken)), 1);
    world.receive(&[Sale { id: 2, ..sale(1, MOVED) }]);
    let shown = world.processor.ledger().show(event_id(1)).unwrap().unwrap();
    assert!(shown.conversion.corrected_late);
    let kinds: Vec<&str> = shown.postings.iter().map(|row| row.kind.as_str()).collect();
    assert_eq!(kinds, ["booking", "correction", "correction"], "I12: a correction is a new posting");
    assert_eq!(world.processor.status().unwrap().queue.corrected_late, 1);
    assert!(world.deliveries().is_empty(), "and nothing is sent twice");
    world.assert_balanced();
}

#[test]
fn the_same_order_with_other_money_waits_for_a_person() {
    let mut world = World::new();
    world.receive(&[sale(1, MOVED), Sale { id: 2, minor: 999, ..sale(1, MOVED) }]);
    assert_eq!((world.state(1), world.state(2)), ("queued", "conflict"));
    let discarded = world
        .processor
        .discard(&[event_id(2)], By { actor: "ada", why: "a typing error" }, world.now)
        .unwrap();
    assert_eq!(world.state(2), "dropped");
    let again = world.processor.discard(&[event_id(2)], By { actor: "bob", why: "same" }, world.now).unwrap();
    assert_ne!(discarded, again, "the second finds nothing to do");
    world.assert_balanced();
}

#[test]
fn references_that_the_new_platform_would_cut_alike_are_held() {
    let mut world = World::new();
    let long = |id, end: &str| Sale { reference: format!("{}{end}", "r".repeat(50)), ..sale(id, MOVED) };
    world.receive(&[long(1, "-a"), long(2, "-b"), long(3, "")]);
    assert_eq!(["queued", "held", "held"], [1, 2, 3].map(|id| world.state(id)));
    world.processor.redrive(&order(2, false), world.now).unwrap();
    assert_eq!(world.state(2), "held", "a doubt needs a person's approval");
    world.processor.redrive(&order(2, true), world.now).unwrap();
    assert_eq!(world.state(2), "queued");
    world.assert_balanced();
}

#[test]
fn what_is_not_mapped_is_held_until_it_is() {
    let mut world = World::new();
    world.receive(&[sale(1, UNMAPPED), sale(2, 99)]);
    assert_eq!((world.state(1), world.state(2)), ("held", "held"));
    assert_eq!(
        world.processor.ledger().conversion(event_id(2)).unwrap().unwrap().reason,
        "unknown_advertiser"
    );
    let mut mapped = snapshot();
    let mut rows = mapped.directory.advertisers().collect::<Vec<_>>();
    rows.iter_mut().for_each(|row| row.primary_id = Some(row.legacy_id + 1000));
    let publishers = mapped.directory.publishers().collect::<Vec<_>>();
    let directory = tracking::directory::Directory::new(rows, publishers, Vec::new());
    mapped.directory = directory;
    world.processor.replace_snapshot(std::sync::Arc::new(mapped));
    let outcome = world.processor.redrive(&order(1, false), world.now).unwrap();
    assert_eq!(outcome, [(event_id(1), Redriven::Decided(relay::delivery::State::Queued))]);
    assert_eq!(world.deliver(|_| Reply::Says(Verdict::Confirmed)), 1);
    assert_eq!(world.state(1), "confirmed");
    world.assert_balanced();
}

#[test]
fn a_new_map_releases_what_waited_for_it_and_nothing_else() {
    let mut world = World::new();
    let mut doubtful = sale(3, UNMAPPED);
    doubtful.minor = 200_000_000;
    let mut more: Vec<Sale> = (10..500).map(|number| sale(number, UNMAPPED)).collect();
    more.extend([sale(2, 99), doubtful]);
    for some in more.chunks(100) {
        world.receive(some);
    }
    let unmapped = world.processor.ledger().unmapped(10).unwrap();
    let told: Vec<_> = unmapped.iter().map(|row| (row.missing.name(), row.legacy_id, row.held)).collect();
    assert_eq!(told, [("advertiser", UNMAPPED, 491), ("advertiser", 99, 1)]);
    assert_eq!(release(&mut world), 0, "nothing is touched by the same map");
    let changed_at =
        |world: &World| world.processor.ledger().conversion(event_id(2)).unwrap().unwrap().changed_at;
    let before = changed_at(&world);

    let mut mapped = snapshot();
    let mut rows = mapped.directory.advertisers().collect::<Vec<_>>();
    rows.iter_mut().for_each(|row| row.primary_id = Some(row.legacy_id + 1000));
    let publishers = mapped.directory.publishers().collect::<Vec<_>>();
    let directory = tracking::directory::Directory::new(rows, publishers, Vec::new());
    mapped.directory = directory;
    world.processor.replace_snapshot(std::sync::Arc::new(mapped));
    world.now = world.now.plus(Duration::from_secs(5));
    assert_eq!(release(&mut world), 491);
    assert_eq!(release(&mut world), 0, "a second time does nothing");
    assert_eq!((world.state(10), world.state(499)), ("queued", "queued"));
    assert_eq!(
        (world.state(2), world.state(3)),
        ("held", "held"),
        "not in the map; a doubt that only a person settles"
    );
    assert_eq!(changed_at(&world), before);
    let doubtful = world.processor.ledger().conversion(event_id(3)).unwrap().unwrap();
    assert_eq!(doubtful.reason, "amount_out_of_range");
    assert_eq!(world.processor.ledger().unmapped(10).unwrap().len(), 1);
    world.assert_balanced();
}

/// Turn by turn until all were looked at; gives how many go on.
fn release(world: &mut World) -> usize {
    let (mut after, mut count) = (None, 0);
    loop {
        let released = world.processor.release_mapped(after, world.now).unwrap();
        count += released.count;
        after = released.next_after;
        if after.is_none() {
            return count;
        }
    }
}

#[test]
fn an_entry_that_cannot_be_read_is_held_and_spoils_nothing() {
    let mut world = World::new();
    let entries = vec![b"garbage".to_vec(), sale(1, MOVED).envelope().encode()];
    let body = batch(entries);
    assert_eq!(world.processor.receive(&body, world.now).unwrap(), Received { accepted: 2, duplicates: 0 });
    assert_eq!(world.processor.receive(&body, world.now).unwrap(), Received { accepted: 0, duplicates: 2 });
    assert_eq!(world.state(1), "queued");
    let held = world.processor.ledger().dead_list(&[], &PAGE).unwrap();
    assert_eq!(held.iter().map(|row| row.reason.as_str()).collect::<Vec<_>>(), ["unreadable_entry"]);
    world.assert_balanced();
}

const PAGE: ledger::Page = ledger::Page { limit: 100, advertiser_id: None, after: None };

#[test]
fn no_key_means_no_collapse() {
    let mut world = World::new();
    let keyless = |id| Envelope { key: None, ..sale(id, MOVED).envelope() }.encode();
    world.processor.receive(&batch(vec![keyless(1), keyless(2)]), world.now).unwrap();
    assert_eq!((world.state(1), world.state(2)), ("queued", "queued"));
    assert_eq!(world.processor.ledger().conversion(event_id(1)).unwrap().unwrap().flags, "no_key");
    world.assert_balanced();
}

#[test]
fn an_order_without_a_reference_is_confirmed_under_our_own() {
    let mut world = World::new();
    let mut envelope = Envelope { key: None, ..sale(1, MOVED).envelope() };
    envelope.event.remove(Field::OrderReference);
    world.processor.receive(&batch(vec![envelope.encode()]), world.now).unwrap();
    assert_eq!(world.deliver(|_| Reply::Says(Verdict::Confirmed)), 1);
    assert_eq!(world.state(1), "confirmed");
}

#[test]
fn tests_and_shadows_are_never_money() {
    let mut world = World::new();
    let marked = |id, purpose| Envelope { purpose, ..sale(id, MOVED).envelope() }.encode();
    let entries = vec![marked(1, Purpose::Test), marked(2, Purpose::Shadow)];
    world.processor.receive(&batch(entries), world.now).unwrap();
    assert_eq!((world.state(1), world.state(2)), ("dropped", "dropped"));
    assert!(world.deliveries().is_empty());
    world.receive(&[sale(3, MOVED)]);
    assert_eq!(world.state(3), "queued");
    world.assert_balanced();
}

#[test]
fn a_click_in_the_store_earns_the_credit() {
    let mut world = World::new();
    let mut click = sale(1, MOVED).envelope();
    click.event.class = tracking::Class::Click;
    let mut named = Sale { clicked: false, ..sale(2, MOVED) }.envelope();
    named.event.set(Field::ClickId, Value::Text("t1_1".into()));
    world.processor.receive(&batch(vec![click.encode(), named.encode()]), world.now).unwrap();
    let row = world.processor.ledger().conversion(event_id(2)).unwrap().unwrap();
    assert_eq!((row.publisher_id, row.evidence.as_str()), (Some(456), "click_id"));
    world.assert_balanced();
}
