//! What an edge has sent by itself while its outbox could not write: told afterwards, and never sent again.

use std::sync::Arc;
use std::time::Duration;

use relay::Envelope;
use relay::envelope::Sent;
use tracking::directory::{Directory, Publisher};
use tracking::{Home, Verdict};

use super::world::{DEDUPLICATES, MOVED, OBSERVED, Reply, Sale, World, batch, event_id, sale};
use crate::Redrive;

on_a_server_too! {
    what_was_sent_is_booked_where_it_stands,
    the_same_order_told_again_is_merged_and_one_that_waits_is_not_sent,
    what_the_processor_has_begun_to_send_keeps_its_own_attempt,
    what_was_sent_counts_when_a_copy_of_the_same_event_came_first,
    what_was_sent_of_an_event_that_was_merged_counts_for_its_order,
    i4_what_may_have_been_processed_is_looked_for_by_a_person,
    what_was_sent_of_an_order_that_is_held_is_not_sent_again_once_it_is_mapped,
}

fn sent(sale: &Sale, home: Home, verdict: Verdict) -> Envelope {
    let endpoint = "an endpoint".to_owned();
    let reason = "it said so".to_owned();
    Envelope { sent: Some(Sent { home, endpoint, verdict, reason }), ..sale.envelope() }
}

fn receive(world: &mut World, envelopes: &[Envelope]) {
    let entries = envelopes.iter().map(Envelope::encode).collect();
    world.processor.receive(&batch(entries), world.now).unwrap();
}

#[test]
fn what_was_sent_is_booked_where_it_stands() {
    for (advertiser, home) in
        [(MOVED, Home::Primary), (OBSERVED, Home::Legacy), (DEDUPLICATES, Home::Primary)]
    {
        for (verdict, state) in
            [(Verdict::Taken, "taken"), (Verdict::Confirmed, "confirmed"), (Verdict::Unknown, "unknown")]
        {
            let mut world = World::new();
            receive(&mut world, &[sent(&sale(1, advertiser), home, verdict)]);
            assert_eq!(world.state(1), state);
            assert_eq!(world.deliver(|_| Reply::Says(Verdict::Confirmed)), 0, "nothing is sent again");
            let shown = world.processor.ledger().show(event_id(1)).unwrap().unwrap();
            assert_eq!((shown.attempts.len(), shown.postings.len()), (1, 2), "an attempt, and the money");
            assert_eq!(shown.sealed, state != "confirmed", "I9");
            world.assert_balanced();
        }
    }
}

#[test]
fn the_same_order_told_again_is_merged_and_one_that_waits_is_not_sent() {
    for sent_first in [true, false] {
        for clicked in [true, false] {
            let mut world = World::new();
            let direct = sent(&sale(1, MOVED), Home::Primary, Verdict::Confirmed);
            let again = Sale { id: 2, clicked, ..sale(1, MOVED) }.envelope();
            let mut both = vec![direct, again];
            if !sent_first {
                both.reverse();
            }
            receive(&mut world, &both);
            assert_eq!(world.deliver(|_| Reply::Says(Verdict::Confirmed)), 0, "{sent_first} {clicked}");
            let states = if sent_first { ("confirmed", "merged") } else { ("merged", "confirmed") };
            assert_eq!((world.state(1), world.state(2)), states, "{sent_first} {clicked}");
            for id in [1, 2] {
                let shown = world.processor.ledger().show(event_id(id)).unwrap().unwrap();
                assert!(!shown.sealed, "I9: {id} {sent_first} {clicked}");
            }
            world.assert_balanced();
        }
    }
}

#[test]
fn what_the_processor_has_begun_to_send_keeps_its_own_attempt() {
    let mut world = World::new();
    receive(&mut world, &[sale(1, MOVED).envelope()]);
    assert_eq!(world.deliveries().len(), 1);
    let late = sent(&Sale { id: 2, ..sale(1, MOVED) }, Home::Primary, Verdict::Taken);
    receive(&mut world, &[late]);
    assert_eq!((world.state(1), world.state(2)), ("in_flight", "merged"));
    world.assert_balanced();
}

#[test]
fn what_was_sent_counts_when_a_copy_of_the_same_event_came_first() {
    for at_once in [true, false] {
        for verdict in [Verdict::Confirmed, Verdict::Taken, Verdict::Unknown] {
            let mut world = World::new();
            let (copy, told) = (sale(1, MOVED).envelope(), sent(&sale(1, MOVED), Home::Primary, verdict));
            let both = [copy, told.clone()];
            if at_once {
                receive(&mut world, &both);
            } else {
                both.iter().for_each(|one| receive(&mut world, std::slice::from_ref(one)));
            }
            receive(&mut world, &[told]);
            assert_eq!(world.state(1), verdict.name(), "{at_once}");
            assert_eq!(world.deliver(|_| Reply::Says(Verdict::Confirmed)), 0, "nothing is sent again");
            let shown = world.processor.ledger().show(event_id(1)).unwrap().unwrap();
            assert_eq!(
                (shown.attempts.len(), shown.postings.len()),
                (1, 2),
                "told twice, and once attempted"
            );
            world.assert_balanced();
        }
    }
}

#[test]
fn what_was_sent_of_an_event_that_was_merged_counts_for_its_order() {
    let mut world = World::new();
    let again = Sale { id: 2, ..sale(1, MOVED) };
    receive(&mut world, &[sale(1, MOVED).envelope(), again.envelope()]);
    assert_eq!((world.state(1), world.state(2)), ("queued", "merged"));
    receive(&mut world, &[sent(&again, Home::Primary, Verdict::Confirmed)]);
    assert_eq!((world.state(1), world.state(2)), ("confirmed", "merged"));
    assert_eq!(world.deliver(|_| Reply::Says(Verdict::Confirmed)), 0, "nothing is sent again");
    world.assert_balanced();
}

#[test]
fn i4_what_may_have_been_processed_is_looked_for_by_a_person() {
    let mut world = World::new();
    receive(&mut world, &[sent(&sale(1, DEDUPLICATES), Home::Primary, Verdict::Unknown)]);
    let (actor, why) = ("ada".to_owned(), "it is not there".to_owned());
    let order = Redrive { events: vec![event_id(1)], actor, why, approved: true };
    world.processor.redrive(&order, world.now).unwrap();
    assert_eq!(world.deliver(|_| Reply::Says(Verdict::Confirmed)), 0, "its bytes are not here");
    let row = world.processor.ledger().conversion(event_id(1)).unwrap().unwrap();
    assert_eq!((row.state.name(), row.reason.as_str()), ("held", "request_erased"));
    world.assert_balanced();
}

#[test]
fn what_was_sent_of_an_order_that_is_held_is_not_sent_again_once_it_is_mapped() {
    for verdict in [Verdict::Confirmed, Verdict::Unknown] {
        let mut world = World::new();
        let mut held = sale(1, MOVED).envelope();
        held.click.as_mut().unwrap().publisher_id = 999;
        receive(&mut world, &[held]);
        let late = sent(&Sale { id: 2, clicked: false, ..sale(1, MOVED) }, Home::Primary, verdict);
        receive(&mut world, &[late]);
        assert_eq!((world.state(1), world.state(2)), ("held", "merged"));
        let mut mapped = super::world::snapshot();
        let advertiser = mapped.directory.advertiser(MOVED).unwrap();
        let publisher = Publisher { legacy_id: 999, primary_id: Some(1999), name: "".into() };
        mapped.directory = Directory::new(vec![advertiser], vec![publisher], Vec::new());
        world.processor.replace_snapshot(Arc::new(mapped));
        assert_eq!(world.processor.release_mapped(None, world.now).unwrap().count, 1);
        world.pass(Duration::from_secs(120));
        assert_eq!(world.deliver(|_| Reply::Says(Verdict::Confirmed)), 0, "nothing is sent again");
        assert_eq!(world.state(1), verdict.name());
        let shown = world.processor.ledger().show(event_id(1)).unwrap().unwrap();
        assert_eq!((shown.attempts.len(), shown.postings.len()), (1, 2), "an attempt, and the money");
        world.assert_balanced();
    }
}
