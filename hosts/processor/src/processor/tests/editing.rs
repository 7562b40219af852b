//! Events that people correct.

use std::time::Duration;

use relay::Envelope;
use relay::delivery::State;
use relay::edit::Change;
use tracking::{Field, Verdict};
use units::Money;

use super::world::{MOVED, OBSERVED, Reply, World, batch, event_id, sale};
use crate::{Corrected, Correcting};

on_a_server_too! {
    what_is_missing_is_filled_in_and_the_event_as_it_was_is_kept,
    a_booked_one_is_booked_anew_and_keeps_its_attempts,
    what_may_have_arrived_is_not_corrected,
    no_edit_is_shown_that_the_old_platform_would_never_see,
    every_mistake_of_an_edit_is_told_and_nothing_is_half_done,
    a_copy_that_comes_later_does_not_undo_a_correction,
}

fn correcting(id: u64, changes: &[(Field, &str)]) -> Correcting {
    Correcting {
        event_id: event_id(id),
        changes: changes
            .iter()
            .map(|(field, to)| Change { field: *field, to: Some((*to).to_owned()) })
            .collect(),
        overrules: false,
        dry_run: false,
        actor: "ada".to_owned(),
        reason: "asked the shop".to_owned(),
    }
}

fn correct(world: &mut World, correcting: &Correcting) -> Corrected {
    world.processor.correct_event(correcting, world.now).unwrap()
}

fn refused(world: &mut World, correcting: &Correcting) -> String {
    match correct(world, correcting) {
        Corrected::Refused(why) => why,
        other => panic!("{other:?}"),
    }
}

/// A sale whose amount the cart did not fill in.
fn without_amount(world: &mut World) {
    let mut envelope = sale(1, MOVED).envelope();
    envelope.event.remove(Field::Amount);
    envelope.problems = vec!["invalid_amount".to_owned()];
    world.processor.receive(&batch(vec![envelope.encode()]), world.now).unwrap();
    assert_eq!(world.state(1), "held");
}

#[test]
fn what_is_missing_is_filled_in_and_the_event_as_it_was_is_kept() {
    let mut world = World::new();
    without_amount(&mut world);
    let wanted = correcting(1, &[(Field::Amount, "12.50")]);
    let dry = Correcting { dry_run: true, ..wanted.clone() };
    assert!(matches!(correct(&mut world, &dry), Corrected::Done { state: State::Queued, .. }));
    assert_eq!(world.state(1), "held", "a dry run writes nothing");
    let Corrected::Done { state, changes, .. } = correct(&mut world, &wanted) else { panic!() };
    assert_eq!((state, changes.as_str()), (State::Queued, "amount nothing -> 12.50 USD"));
    let ledger = world.processor.ledger();
    let shown = ledger.show(event_id(1)).unwrap().unwrap();
    assert_eq!(shown.conversion.amount.unwrap().decimal(), "12.50");
    assert!(shown.conversion.flags.contains("edited"), "{}", shown.conversion.flags);
    assert!(!shown.conversion.flags.contains("invalid_amount"), "{}", shown.conversion.flags);
    let edits = ledger.edits_of(event_id(1)).unwrap();
    let before = Envelope::decode(&edits[0].original).unwrap();
    assert_eq!((edits.len(), before.event.get(Field::Amount)), (1, None));
    assert_eq!(edits[0].actor, "ada");
    let mut sent = String::new();
    world.deliver(|delivery| {
        let request = &delivery.request;
        sent = String::from_utf8_lossy(&[request.target.clone(), request.body.clone()].concat()).into_owned();
        Reply::Says(Verdict::Confirmed)
    });
    assert!(sent.contains("12.50"), "{sent}");
    assert_eq!(world.state(1), "confirmed");
    world.assert_balanced();
}

#[test]
fn a_booked_one_is_booked_anew_and_keeps_its_attempts() {
    let mut world = World::new();
    let keyed = |id| {
        let mut envelope = sale(id, MOVED).envelope();
        envelope.key = tracking::key::conversion_key(&envelope.event, 0, |_| false);
        envelope.encode()
    };
    world.processor.receive(&batch(vec![keyed(1), keyed(2)]), world.now).unwrap();
    for _ in 0..2 {
        world.pass(Duration::from_secs(4));
        world.deliver(|_| Reply::Says(Verdict::Rejected));
    }
    assert_eq!((world.state(1), world.state(2)), ("rejected", "rejected"));
    let taken = refused(&mut world, &correcting(1, &[(Field::OrderReference, "A-2")]));
    assert!(taken.contains("stands already"), "{taken}");
    let nonsense = refused(&mut world, &correcting(1, &[(Field::AdvertiserId, "99")]));
    assert!(nonsense.contains("not in the directory"), "{nonsense}");
    world.assert_balanced();
    let both = [(Field::Amount, "20"), (Field::OrderReference, "B-1")];
    assert!(matches!(correct(&mut world, &correcting(1, &both)), Corrected::Done { .. }));
    let shown = world.processor.ledger().show(event_id(1)).unwrap().unwrap();
    assert_eq!((shown.attempts.len(), shown.conversion.tries), (1, 1));
    assert_eq!(shown.conversion.reference.as_deref(), Some("B-1"));
    assert_eq!(shown.conversion.commission, Some(Money::from_minor(200, units::Currency::USD)));
    world.assert_balanced();
    world.pass(Duration::from_secs(4));
    world.deliver(|_| Reply::Says(Verdict::Confirmed));
    assert_eq!(world.state(1), "confirmed");
    world.assert_balanced();
}

#[test]
fn what_may_have_arrived_is_not_corrected() {
    let mut world = World::new();
    world.receive(&[sale(1, MOVED)]);
    world.deliver(|_| Reply::Silent);
    assert_eq!(world.state(1), "unknown");
    let why = refused(&mut world, &correcting(1, &[(Field::Amount, "20")]));
    assert!(why.contains("may have arrived"), "{why}");
    assert_eq!(correct(&mut world, &correcting(9, &[(Field::Amount, "20")])), Corrected::NotFound);
    world.receive(&[sale(2, MOVED)]);
    let why = refused(&mut world, &correcting(2, &[(Field::Amount, "20")]));
    assert!(why.contains("queued"), "{why}");
}

#[test]
fn no_edit_is_shown_that_the_old_platform_would_never_see() {
    let mut world = World::new();
    let mut envelope = sale(1, OBSERVED).envelope();
    envelope.event.remove(Field::Amount);
    world.processor.receive(&batch(vec![envelope.encode()]), world.now).unwrap();
    let why = refused(&mut world, &correcting(1, &[(Field::Amount, "20")]));
    assert!(why.contains("client's own bytes"), "{why}");
    assert_eq!(world.state(1), "held");
}

#[test]
fn every_mistake_of_an_edit_is_told_and_nothing_is_half_done() {
    let mut world = World::new();
    without_amount(&mut world);
    let changes = [(Field::Amount, "twelve"), (Field::PageUrl, "x"), (Field::AdvertiserId, "7x")];
    let why = refused(&mut world, &correcting(1, &changes));
    for part in ["twelve", "page_url", "7x"] {
        assert!(why.contains(part), "{why}");
    }
    let same = refused(&mut world, &correcting(1, &[(Field::OrderReference, "A-1")]));
    assert!(same.contains("nothing would change"), "{same}");
    assert!(world.processor.ledger().edits_of(event_id(1)).unwrap().is_empty());
    let still = correct(&mut world, &correcting(1, &[(Field::OrderReference, "A-1b")]));
    let Corrected::Done { state, reasons, .. } = still else { panic!("{still:?}") };
    assert_eq!((state, reasons.is_empty()), (State::Held, false), "one step at a time");
    assert_eq!(world.processor.ledger().edits_of(event_id(1)).unwrap().len(), 1);
    let stands = world.processor.ledger().conversion(event_id(1)).unwrap().unwrap();
    assert_eq!(stands.reference.as_deref(), Some("A-1b"), "what it waits as is what it is now");
    world.assert_balanced();
}

#[test]
fn a_copy_that_comes_later_does_not_undo_a_correction() {
    let mut world = World::new();
    let mut envelope = sale(1, MOVED).envelope();
    envelope.click = None;
    envelope.event.remove(Field::Amount);
    world.processor.receive(&batch(vec![envelope.encode()]), world.now).unwrap();
    correct(&mut world, &correcting(1, &[(Field::Amount, "10.00"), (Field::ConversionType, "lead")]));
    assert_eq!(world.state(1), "queued");
    let key = world.processor.ledger().show(event_id(1)).unwrap().unwrap();
    let key = Envelope::decode(&key.open).unwrap().key;
    let copy = Envelope { key, ..sale(2, MOVED).envelope() };
    world.processor.receive(&batch(vec![copy.encode()]), world.now).unwrap();
    assert_eq!(world.state(2), "merged");
    let shown = world.processor.ledger().show(event_id(1)).unwrap().unwrap();
    assert_eq!(shown.conversion.publisher_id, Some(456), "its evidence counts");
    let lanes = ledger::Lane { home: tracking::Home::Primary, kinds: &relay::intake::EvidenceKind::ALL };
    world.pass(Duration::from_secs(120));
    let due = world.processor.ledger().due(world.now, lanes, ledger::Which::Fresh, 1).unwrap();
    let event = Envelope::decode(&due[0].open).unwrap().event;
    assert_eq!(event.text(Field::ConversionType), Some("lead"), "and what was corrected stays");
    world.assert_balanced();
}
