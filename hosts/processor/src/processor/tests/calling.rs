//! Calls of merchants: what is answered, what stands in the books, and what the platform is told.

use std::time::Duration;

use relay::call::{Caller, Callers};
use relay::delivery::State;
use relay::envelope::SealKey;
use relay::step::Served;
use relay::{Envelope, Purpose, Sealed};
use sha2::{Digest as _, Sha256};
use tracking::consent::Consent;
use tracking::dialect::Endpoint;
use tracking::dialect::interface::{AnswerFormat, CallOutcome, Operation};
use tracking::{Event, Field, Inbound, Method, Value, Verdict};
use units::{Currency, Money, Seed};

use super::awards::ALWAYS;
use super::place::Place;
use super::world::{DEDUPLICATES, MOVED, Reply, Sale, World, batch, event_id, sale};
use crate::Delivery;
use crate::processor::awards::recalculate;

on_a_server_too! {
    a_void_before_the_delivery_cancels_it,
    an_edit_before_the_delivery_changes_what_is_sent,
    an_edit_tells_the_transaction_in_the_group_that_it_was_told_in,
    a_change_of_what_is_in_flight_waits_until_it_is_known_to_be_there,
    a_void_of_what_did_not_arrive_ends_it,
    a_change_survives_the_process_at_every_step,
    a_refused_request_for_several_is_taken_apart,
    changes_go_together_of_one_merchant_and_none_that_must_go_alone,
    a_change_of_which_no_request_can_be_written_is_held_and_lets_others_go,
    what_cannot_be_of_a_change_is_found,
    an_edit_earns_by_the_terms_of_its_orders_time_and_is_not_decided_again,
    an_edit_that_the_terms_cannot_decide_about_is_refused,
    an_order_of_nothing_that_is_given_a_value_is_shared_by_its_model,
    a_call_is_refused_or_passed_on_where_it_is_not_ours,
    a_reference_copies_the_publisher_and_is_voided_with_its_parent,
    a_reference_to_a_sale_that_a_pixel_told_of_is_linked_all_the_same,
    what_is_taken_back_before_its_amount_is_read_is_not_booked_by_its_next_pixel,
    an_unreadable_copy_keeps_nobody_from_the_sale_that_is_meant,
    what_follows_an_order_does_so_whichever_of_its_arrivals_stands_for_it,
    a_transaction_is_found_in_the_spelling_that_its_pixel_had,
    a_change_names_a_sale_without_a_reference_as_the_platform_knows_it,
    a_new_transaction_is_booked_like_every_other,
    a_change_is_woken_for_when_its_destination_opens_again,
    a_change_under_way_of_what_is_settled_as_not_arrived_stops_nothing,
}

const SECRET: &str = "hush";

pub(super) fn world() -> World {
    let mut world = World::new();
    world.processor.replace_callers(callers());
    world
}

pub(super) fn callers() -> Callers {
    callers_of(&[MOVED, DEDUPLICATES])
}

pub(super) fn callers_of(merchants: &[u64]) -> Callers {
    let caller = |advertiser_id| Caller {
        advertiser_id,
        token: "token".to_owned(),
        secrets: vec!["new".to_owned(), SECRET.to_owned()],
        addresses: Vec::new(),
    };
    Callers::new(merchants.iter().copied().map(caller).collect())
}

fn endpoint(world: &World, operation: Operation) -> &Endpoint {
    let endpoints = &world.processor.snapshot().migration.legacy.endpoints;
    endpoints.iter().find(|endpoint| endpoint.operation == Some(operation)).unwrap()
}

/// A call as an edge asks it. The dialect says where its signature stands.
fn envelope(
    world: &World,
    (merchant, id): (u64, u64),
    operation: Operation,
    fields: &[(Field, &str)],
    secret: &str,
) -> Envelope {
    let endpoint = endpoint(world, operation);
    let mut event = Event::new(endpoint.class);
    event.set(Field::AdvertiserId, Value::Id(merchant));
    event.set(Field::TransactionDate, Value::Text(world.now.to_string().into()));
    for (field, text) in fields {
        event.set(
            *field,
            match field {
                Field::Amount => Value::Money(Money::parse(text, Currency::USD).unwrap()),
                _ => Value::Text((*text).into()),
            },
        );
    }
    let rule = &endpoint.interface.as_ref().unwrap().signature;
    let date = world.now.to_string();
    let digest = Sha256::digest(format!("token:{date}:Act:{secret}"));
    let signature: String = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    let original = Inbound {
        method: Method::Get,
        secure: true,
        host: "old.example".to_owned(),
        target: format!("/call?{}=token&{}=Act", rule.token, rule.action).into_bytes(),
        headers: vec![
            (rule.date_header.clone(), date.into_bytes()),
            (rule.signature_header.clone(), signature.into_bytes()),
        ],
        body: Vec::new(),
        peer: None,
    };
    let sealed = Sealed { original, client: None };
    Envelope {
        event_id: event_id(id),
        purpose: Purpose::Live,
        received_at: world.now,
        endpoint: endpoint.name.clone(),
        key: fields
            .iter()
            .find(|(field, _)| *field == Field::OrderReference)
            .map(|(_, text)| format!("{merchant}//{text}")),
        event,
        consent: Consent::NoSignal,
        click: None,
        cookie_click: None,
        problems: Vec::new(),
        country: None,
        trace_parent: None,
        sealed: sealed.seal(&SealKey([7; 32]), 1, event_id(id), Seed(u128::from(id))),
        sent: None,
    }
}

pub(super) fn ask(world: &mut World, id: u64, operation: Operation, fields: &[(Field, &str)]) -> Served {
    ask_of(world, (MOVED, id), operation, fields)
}

/// The same of another merchant.
pub(super) fn ask_of(
    world: &mut World,
    merchant_and_id: (u64, u64),
    operation: Operation,
    fields: &[(Field, &str)],
) -> Served {
    let envelope = envelope(world, merchant_and_id, operation, fields, SECRET);
    world.processor.call(&batch(vec![envelope.encode()]), world.now).unwrap()
}

/// What the dialect has for an outcome, up to the part that is filled in.
fn says(world: &World, outcome: CallOutcome) -> String {
    let interface = endpoint(world, Operation::Void).interface.as_ref().unwrap();
    let says = interface.says(outcome, AnswerFormat::Text).unwrap();
    says.body.split('{').next().unwrap().to_owned()
}

#[track_caller]
fn assert_said(world: &World, served: &Served, outcome: CallOutcome) {
    let Served::Reply { status: 200, body, .. } = served else { panic!("{served:?}") };
    assert!(body.starts_with(&says(world, outcome)), "{body} is not {}", outcome.name());
}

pub(super) const THE_ORDER: (Field, &str) = (Field::OrderReference, "A-1");

fn text(delivery: &Delivery) -> String {
    let request = &delivery.request;
    [String::from_utf8_lossy(&request.target), String::from_utf8_lossy(&request.body)].concat()
}

/// Everything that is sent until nothing more goes, each taken.
pub(super) fn sent(world: &mut World) -> Vec<String> {
    let mut sent = Vec::new();
    while world.deliver(|delivery| {
        sent.push(text(delivery));
        Reply::Says(Verdict::Confirmed)
    }) > 0
    {
        world.pass(Duration::from_secs(4));
    }
    sent
}

/// Two sales that the platform has, a change of each asked for: an edit of the first, a void of the second.
pub(super) fn two_changes_in(mut world: World) -> World {
    world.processor.replace_callers(callers());
    world.receive(&[sale(1, MOVED), Sale { reference: "A-2".to_owned(), ..sale(2, MOVED) }]);
    assert_eq!(sent(&mut world).len(), 1, "both in one request");
    ask(&mut world, 100, Operation::Edit, &[THE_ORDER, (Field::Amount, "7.00")]);
    ask(&mut world, 101, Operation::Void, &[(Field::OrderReference, "A-2")]);
    world.pass(Duration::from_secs(181));
    world
}

#[test]
fn a_void_before_the_delivery_cancels_it() {
    let mut world = world();
    world.receive(&[sale(1, MOVED)]);
    for id in [100, 101] {
        let served = ask(&mut world, id, Operation::Void, &[THE_ORDER]);
        assert_said(&world, &served, CallOutcome::Done);
    }
    world.pass(Duration::from_secs(600));
    assert_eq!(sent(&mut world), Vec::<String>::new(), "it is never sent");
    assert_eq!(world.state(1), "dropped");
    assert_eq!(world.processor.ledger().adjustments_of(event_id(1)).unwrap().len(), 1, "once");
    assert_eq!(world.processor.ledger().status(event_id(1)).unwrap(), Some(attribution::Status::Declined));
    assert_eq!(earned(&world, 1), 0, "what was booked is taken back");
    world.assert_balanced();
}

#[test]
fn an_edit_before_the_delivery_changes_what_is_sent() {
    let mut world = world();
    world.receive(&[sale(1, MOVED)]);
    let served = ask(&mut world, 100, Operation::Edit, &[THE_ORDER, (Field::Amount, "7.77")]);
    assert_said(&world, &served, CallOutcome::Done);
    let sent = sent(&mut world);
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert!(sent[0].contains("7.77") && !sent[0].contains("10.00"), "{sent:?}");
    assert_eq!(earned(&world, 1), 78, "a tenth of 7.77");
    let sets = |world: &World| {
        let rows = world.processor.ledger().show(event_id(1)).unwrap().unwrap().postings;
        rows.iter().map(|row| row.set_id).max()
    };
    let before = sets(&world);
    for id in [100, 101] {
        ask(&mut world, id, Operation::Edit, &[THE_ORDER, (Field::Amount, "7.77")]);
    }
    assert_eq!(sets(&world), before, "what comes a second time, or changes no money, posts nothing");
    world.assert_balanced();
}

/// What the publisher of a sale is owed for it.
fn earned(world: &World, id: u64) -> i64 {
    let shown = world.processor.ledger().show(event_id(id)).unwrap().unwrap();
    let lines = shown.postings.iter().filter_map(|row| row.posting);
    let own = lines.filter(|line| line.account == attribution::Account::Publisher(456));
    own.map(|line| line.amount.minor).sum()
}

/// What a lead is told as is no sale: an edit of it must not make it one.
#[test]
fn an_edit_tells_the_transaction_in_the_group_that_it_was_told_in() {
    for kind in ["sale", "lead"] {
        let mut world = world();
        let mut envelope = sale(1, MOVED).envelope();
        envelope.event.set(Field::ConversionType, Value::Text(kind.into()));
        let group = world.processor.snapshot().migration.group(&envelope.event).unwrap().clone();
        world.processor.receive(&batch(vec![envelope.encode()]), world.now).unwrap();
        assert_eq!(sent(&mut world).len(), 1);
        ask(&mut world, 100, Operation::Edit, &[THE_ORDER, (Field::Amount, "7.77")]);
        world.pass(Duration::from_secs(600));
        let told = sent(&mut world).remove(0);
        assert!(told.contains(&format!("\"{}\"", group.code)), "{kind}: {told}");
        assert_eq!(told.contains("7.77"), group.amount.is_none(), "{kind}: {told}");
        world.assert_balanced();
    }
}

#[test]
fn a_change_of_what_is_in_flight_waits_until_it_is_known_to_be_there() {
    let mut world = world();
    world.receive(&[sale(1, MOVED)]);
    let under_way = world.deliveries();
    assert_eq!(under_way.len(), 1);
    for (id, amount) in [(100, "5.00"), (101, "6.00"), (102, "6.00")] {
        let served = ask(&mut world, id, Operation::Edit, &[THE_ORDER, (Field::Amount, amount)]);
        assert_said(&world, &served, CallOutcome::Done);
    }
    let served = ask(&mut world, 103, Operation::Void, &[THE_ORDER]);
    assert_said(&world, &served, CallOutcome::Done);
    assert_eq!(world.deliveries(), Vec::new());
    let result = world.result(&under_way[0], Reply::Says(Verdict::Confirmed));
    world.processor.settle(vec![super::world::ended(&under_way[0], result)], world.now).unwrap();
    assert_eq!(world.deliveries(), Vec::new(), "the platform cannot see it yet");
    world.pass(Duration::from_secs(181));
    let sent = sent(&mut world);
    assert_eq!(sent.len(), 3, "one after the other, in their order: {sent:?}");
    assert!(sent[0].contains("5.00") && sent[1].contains("6.00"), "{sent:?}");
    let states: Vec<_> = world.processor.ledger().adjustments_of(event_id(1)).unwrap();
    assert!(
        states.iter().all(|row| row.state.name() == "confirmed" || row.state.name() == "taken"),
        "{states:?}"
    );
    let counted = |state| states.iter().filter(|row| row.state == state).count() as u64;
    assert_eq!(world.processor.status().unwrap().changes, State::ALL.map(counted));
    world.assert_balanced();
}

#[test]
fn a_void_of_what_did_not_arrive_ends_it() {
    // It did not reach the platform, or the platform did not want it.
    for reply in [Reply::Refuses, Reply::Says(Verdict::Rejected)] {
        let mut world = world();
        world.receive(&[sale(1, MOVED)]);
        let under_way = world.deliveries();
        ask(&mut world, 100, Operation::Void, &[THE_ORDER]);
        let result = world.result(&under_way[0], reply);
        world.processor.settle(vec![super::world::ended(&under_way[0], result)], world.now).unwrap();
        assert_eq!(world.state(1), "dropped");
        let change = world.processor.ledger().adjustments_of(event_id(1)).unwrap().remove(0);
        assert_eq!(change.state.name(), "merged", "there is nobody to tell it to");
        world.pass(Duration::from_secs(600));
        assert_eq!(sent(&mut world), Vec::<String>::new());
        world.assert_balanced();
    }
}

#[test]
fn a_change_survives_the_process_at_every_step() {
    let mut world = world();
    world.receive(&[sale(1, MOVED)]);
    assert_eq!(sent(&mut world).len(), 1);
    ask(&mut world, 100, Operation::Void, &[THE_ORDER]);
    world = world.crash();
    world.pass(Duration::from_secs(181));
    assert_eq!(world.deliveries().len(), 1);
    // Killed while it is told: it is told again, which sets the same state.
    world = world.crash();
    world.pass(Duration::from_secs(60));
    let sent = sent(&mut world);
    assert_eq!(sent.len(), 1, "{sent:?}");
    let rows = world.processor.ledger().adjustments_of(event_id(1)).unwrap();
    assert_eq!((rows.len(), rows[0].tries), (1, 2));
    world.assert_balanced();
}

/// A destination that asks for time is no reason to forget when that time is over.
#[test]
fn a_change_is_woken_for_when_its_destination_opens_again() {
    let mut world = world();
    world.receive(&[sale(1, MOVED)]);
    sent(&mut world);
    ask(&mut world, 100, Operation::Void, &[THE_ORDER]);
    world.pass(Duration::from_secs(181));
    assert_eq!(world.deliver(|_| Reply::Says(Verdict::Paused)), 1);
    let wake = world.processor.next_wake(world.now).unwrap().unwrap();
    assert!(wake > world.now, "it is refused for now");
    world.now = wake;
    for _ in 0..10 {
        if world.deliver(|_| Reply::Says(Verdict::Confirmed)) > 0 {
            return;
        }
        world.now = world.processor.next_wake(world.now).unwrap().unwrap();
    }
    panic!("it is never told");
}

/// Its answer comes to nothing that stands under way, and every turn after it goes on.
#[test]
fn a_change_under_way_of_what_is_settled_as_not_arrived_stops_nothing() {
    let mut world = world();
    // Taken without being named, so that a person may say that it did not arrive.
    world.receive(&[Sale { clicked: false, ..sale(1, MOVED) }]);
    world.pass(Duration::from_secs(61));
    assert_eq!(world.deliver(|_| Reply::Says(Verdict::Taken)), 1);
    assert_eq!(world.state(1), "taken");
    ask(&mut world, 100, Operation::Edit, &[THE_ORDER, (Field::Amount, "8.00")]);
    world.pass(Duration::from_secs(181));
    let under_way = world.deliveries();
    assert_eq!(under_way.len(), 1);
    let by = ledger::By { actor: "ada", why: "not in the report" };
    world.processor.close(&[event_id(1)], false, by, world.now).unwrap();
    assert_eq!(world.state(1), "dead");
    let result = world.result(&under_way[0], Reply::Says(Verdict::Taken));
    world.processor.settle(vec![super::world::ended(&under_way[0], result)], world.now).unwrap();
    let changes = world.processor.ledger().adjustments_of(event_id(1)).unwrap();
    assert_eq!(changes[0].state.name(), "merged");
    world.assert_balanced();
}

#[test]
fn a_refused_request_for_several_is_taken_apart() {
    let mut world = world();
    world.receive(&[sale(1, MOVED), sale(2, MOVED)]);
    sent(&mut world);
    for id in [1, 2] {
        let reference = format!("A-{id}");
        ask(&mut world, 100 + id, Operation::Void, &[(Field::OrderReference, &reference)]);
    }
    world.pass(Duration::from_secs(181));
    let mut companies = Vec::new();
    for _ in 0..4 {
        world.deliver(|delivery| {
            companies.push(delivery.ids.len());
            Reply::Says(Verdict::Rejected)
        });
        world.pass(Duration::from_secs(4));
    }
    assert_eq!(companies, [2, 1, 1]);
    let at_risk = world.processor.ledger().adjustments_at_risk(10).unwrap();
    assert_eq!(at_risk.len(), 2, "each was refused by itself: {at_risk:?}");
}

fn edit_of(world: &mut World, id: u64, advertiser_id: u64, reference: &str) {
    let fields = [(Field::OrderReference, reference), (Field::Amount, "7.77")];
    let mut envelope = envelope(world, (MOVED, id), Operation::Edit, &fields, SECRET);
    envelope.event.set(Field::AdvertiserId, Value::Id(advertiser_id));
    let served = world.processor.call(&batch(vec![envelope.encode()]), world.now).unwrap();
    assert_said(world, &served, CallOutcome::Done);
}

#[test]
fn changes_go_together_of_one_merchant_and_none_that_must_go_alone() {
    let mut world = world();
    let caller = |advertiser_id, token: &str| Caller {
        advertiser_id,
        token: token.to_owned(),
        secrets: vec![SECRET.to_owned()],
        addresses: Vec::new(),
    };
    world
        .processor
        .replace_callers(Callers::new(vec![caller(MOVED, "token"), caller(DEDUPLICATES, "token")]));
    world.receive(&[sale(1, MOVED), sale(2, MOVED), sale(3, DEDUPLICATES)]);
    sent(&mut world);
    world.pass(Duration::from_secs(600));
    // The platform cannot see this one yet.
    world.receive(&[sale(4, MOVED)]);
    sent(&mut world);
    for (id, advertiser_id, reference) in
        [(100, MOVED, "A-1"), (101, DEDUPLICATES, "A-3"), (102, MOVED, "A-2"), (103, MOVED, "A-4")]
    {
        edit_of(&mut world, id, advertiser_id, reference);
    }
    world.pass(Duration::from_secs(60));
    let named = |told: &str| ["A-1", "A-2", "A-3", "A-4"].map(|reference| told.contains(reference));
    let mut told = Vec::new();
    world.deliver(|delivery| {
        told.push(named(&text(delivery)));
        Reply::Says(Verdict::Rejected)
    });
    assert_eq!(told, [[true, true, false, false]], "the merchant whose change waits the longest");
    // Each of those that were refused together goes by itself, and what can be seen by now goes without them.
    world.pass(Duration::from_secs(600));
    let mut told: Vec<_> = sent(&mut world).iter().map(|told| named(told)).collect();
    told.sort_unstable();
    let alone = |place: usize| core::array::from_fn(|each| each == place);
    assert_eq!(told, [alone(3), alone(2), alone(1), alone(0)]);
    world.assert_balanced();
}

/// The order of sale 1, edited after it was told, in a place that can be damaged.
fn edited(place: Place) -> World {
    let mut world = World::at(place, super::world::snapshot());
    world.processor.replace_callers(callers());
    world.receive(&[sale(1, MOVED), sale(2, MOVED)]);
    sent(&mut world);
    ask(&mut world, 100, Operation::Edit, &[THE_ORDER, (Field::Amount, "8.00")]);
    world
}

#[test]
fn a_change_of_which_no_request_can_be_written_is_held_and_lets_others_go() {
    let mut world = edited(Place::lasting());
    world.place.damage("UPDATE conversions SET advertiser_primary_id = NULL WHERE reference = 'A-1'");
    ask(&mut world, 101, Operation::Edit, &[(Field::OrderReference, "A-2"), (Field::Amount, "7.00")]);
    world.pass(Duration::from_secs(600));
    for _ in 0..4 {
        sent(&mut world);
        world.pass(Duration::from_secs(60));
    }
    let stands = |id| world.processor.ledger().adjustments_of(event_id(id)).unwrap().remove(0).state.name();
    assert_eq!((stands(1), stands(2)), ("held", "confirmed"));
    assert_eq!(world.processor.ledger().adjustments_at_risk(10).unwrap().len(), 1, "a person is told");
    world.assert_balanced();
}

#[test]
fn what_cannot_be_of_a_change_is_found() {
    for (damage, found) in [
        ("UPDATE adjustments SET operation = 'void'", "was voided and still earns"),
        ("UPDATE adjustments SET conversion = event_id", "is of no transaction"),
        ("DELETE FROM adjustments", "was accepted and changed nothing"),
    ] {
        let world = edited(Place::lasting());
        world.assert_balanced();
        world.place.damage(damage);
        let findings = world.processor.ledger().audit().unwrap().findings;
        assert!(findings.iter().any(|finding| finding.message.contains(found)), "{found}: {findings:#?}");
    }
}

/// A twentieth of 20.00 by its terms, and not a tenth by its programme. What its merchant has changed is the merchant's.
#[test]
fn an_edit_earns_by_the_terms_of_its_orders_time_and_is_not_decided_again() {
    let terms =
        |percent: &str| format!("[[terms]]\n[[terms.rule]]\nname = \"all\"\npercent = \"{percent}\"\n");
    let mut world = World::with(super::awards::with_terms(&terms("5")));
    world.processor.replace_callers(callers());
    world.receive(&[sale(1, MOVED), sale(2, MOVED)]);
    ask(&mut world, 100, Operation::Edit, &[THE_ORDER, (Field::Amount, "20.00")]);
    assert_eq!((earned(&world, 1), earned(&world, 2)), (100, 50));
    let new = relay::policy::Terms::load("terms.toml", &terms("9")).unwrap();
    let (ledger, snapshot) = (world.processor.ledger(), world.processor.snapshot());
    let again = recalculate(ledger, snapshot, &new, &ALWAYS, world.now).unwrap();
    assert_eq!((again.orders, again.left_alone), (2, 1));
    assert_eq!(again.changed.iter().map(|order| order.event_id).collect::<Vec<_>>(), [event_id(2)]);
    world.assert_balanced();
}

/// At most 5.00 USD for an order: one in euros would be held, and is no way around that.
#[test]
fn an_edit_that_the_terms_cannot_decide_about_is_refused() {
    let text = "[[terms]]\n[[terms.cap]]\nper = \"order\"\namount = \"5.00\"\n";
    let mut world = World::with(super::awards::with_terms(text));
    world.processor.replace_callers(callers());
    world.receive(&[Sale { minor: 10_000, ..sale(1, MOVED) }]);
    assert_eq!(earned(&world, 1), 500);
    let mut call = envelope(&world, (MOVED, 100), Operation::Edit, &[THE_ORDER], SECRET);
    let euros = Money::parse("100", Currency::parse("EUR").unwrap()).unwrap();
    call.event.set(Field::Amount, Value::Money(euros));
    call.event.set(Field::Currency, Value::Text("EUR".into()));
    let served = world.processor.call(&batch(vec![call.encode()]), world.now).unwrap();
    assert_said(&world, &served, CallOutcome::Incomplete);
    assert_eq!(earned(&world, 1), 500);
    let comment = [THE_ORDER, (Field::Comment, "asked")];
    let served = ask(&mut world, 101, Operation::Edit, &comment);
    assert_said(&world, &served, CallOutcome::Done);
    assert_eq!(earned(&world, 1), 500);
    world.assert_balanced();
}

/// An order of nothing says no parts by what is booked of it; its model does.
#[test]
fn an_order_of_nothing_that_is_given_a_value_is_shared_by_its_model() {
    for (minor, value, expected) in [(0, "100.00", 500), (10, "100.00", 500), (10_000, "50.00", 250)] {
        let mut world = World::with(super::awards::with_terms("[[terms]]\nmodel = \"linear\"\n"));
        world.processor.replace_callers(callers());
        let hour = Duration::from_secs(3600);
        let order = super::awards::raw(1, "A-1", minor, Duration::ZERO);
        let clicked = super::awards::clicked(order, super::awards::click(456, 3 * hour));
        world.take(&[super::awards::remembered(clicked, super::awards::click(457, hour))]);
        ask(&mut world, 100, Operation::Edit, &[THE_ORDER, (Field::Amount, value)]);
        assert_eq!(world.shares(1), [(456, expected), (457, expected)], "{minor}");
        world.assert_balanced();
    }
}

#[test]
fn a_call_is_refused_or_passed_on_where_it_is_not_ours() {
    let mut world = world();
    let unknown = ask(&mut world, 100, Operation::Void, &[THE_ORDER]);
    assert_eq!(unknown, Served::Forward, "the legacy platform may have it");
    world.receive(&[sale(1, MOVED)]);
    let forged = envelope(&world, (MOVED, 101), Operation::Void, &[THE_ORDER], "wrong");
    let served = world.processor.call(&batch(vec![forged.encode()]), world.now).unwrap();
    assert_said(&world, &served, CallOutcome::Unsigned);
    let mut old = envelope(&world, (MOVED, 102), Operation::Void, &[THE_ORDER], SECRET);
    old.received_at = world.now.plus(Duration::from_secs(901));
    let served = world.processor.call(&batch(vec![old.encode()]), world.now).unwrap();
    assert_said(&world, &served, CallOutcome::Unsigned);
    let same = Sale { reference: "A-1".to_owned(), ..sale(2, MOVED) };
    let twin = Envelope { key: None, ..same.envelope() };
    world.processor.receive(&batch(vec![twin.encode()]), world.now).unwrap();
    let served = ask(&mut world, 103, Operation::Void, &[THE_ORDER]);
    assert_said(&world, &served, CallOutcome::Ambiguous);
    world.processor.replace_callers(Callers::default());
    assert_eq!(ask(&mut world, 104, Operation::Void, &[THE_ORDER]), Served::Forward);
    assert_eq!((world.state(1), world.state(2)), ("queued", "queued"), "nothing was changed");
    world.assert_balanced();
}

#[test]
fn a_reference_copies_the_publisher_and_is_voided_with_its_parent() {
    let mut world = world();
    world.receive(&[sale(1, MOVED)]);
    let fields = [(Field::OrderReference, "B-1"), (Field::ParentReference, "A-1"), (Field::Amount, "20.00")];
    for id in [50, 51] {
        let served = ask(&mut world, id, Operation::Refer, &fields);
        assert_said(&world, &served, CallOutcome::Done);
    }
    let child = world.processor.ledger().show(event_id(50)).unwrap().unwrap();
    assert_eq!((child.conversion.publisher_id, child.follows), (Some(456), Some(event_id(1))));
    assert_eq!((world.state(50), world.state(51)), ("queued", "merged"), "asked twice, booked once");
    let served = ask(&mut world, 100, Operation::Void, &[THE_ORDER, (Field::Children, "1")]);
    assert_said(&world, &served, CallOutcome::Done);
    assert_eq!((world.state(1), world.state(50)), ("dropped", "dropped"));
    world.assert_balanced();
}

#[test]
fn a_reference_to_a_sale_that_a_pixel_told_of_is_linked_all_the_same() {
    let mut world = world();
    let child = Sale { reference: "B-1".to_owned(), minor: 2000, clicked: false, ..sale(2, MOVED) };
    world.receive(&[sale(1, MOVED), child]);
    let fields = [(Field::OrderReference, "B-1"), (Field::ParentReference, "A-1"), (Field::Amount, "20.00")];
    let served = ask(&mut world, 50, Operation::Refer, &fields);
    assert_said(&world, &served, CallOutcome::Done);
    assert_eq!((world.state(2), world.state(50)), ("queued", "merged"));
    let child = world.processor.ledger().show(event_id(2)).unwrap().unwrap();
    assert_eq!((child.conversion.publisher_id, child.follows), (Some(456), Some(event_id(1))));
    ask(&mut world, 100, Operation::Void, &[THE_ORDER, (Field::Children, "1")]);
    assert_eq!((world.state(1), world.state(2)), ("dropped", "dropped"));
    world.assert_balanced();
}

/// A sale whose amount nobody can read.
fn unreadable(id: u64, reference: &str) -> Envelope {
    let mut envelope = Sale { reference: reference.to_owned(), ..sale(id, MOVED) }.envelope();
    envelope.event.remove(Field::Amount);
    envelope.problems.push("invalid_amount".to_owned());
    envelope
}

#[test]
fn what_is_taken_back_before_its_amount_is_read_is_not_booked_by_its_next_pixel() {
    let mut world = world();
    world.processor.receive(&batch(vec![unreadable(1, "A-1").encode()]), world.now).unwrap();
    assert_eq!(world.state(1), "held");
    let served = ask(&mut world, 100, Operation::Void, &[THE_ORDER]);
    assert_said(&world, &served, CallOutcome::Done);
    world.receive(&[Sale { reference: "A-1".to_owned(), ..sale(2, MOVED) }]);
    assert_eq!((world.state(1), world.state(2)), ("dropped", "merged"));
    assert_eq!(sent(&mut world), Vec::<String>::new());
    world.assert_balanced();
}

#[test]
fn an_unreadable_copy_keeps_nobody_from_the_sale_that_is_meant() {
    let mut world = world();
    world.processor.receive(&batch(vec![unreadable(1, "A-1").encode()]), world.now).unwrap();
    world.receive(&[Sale { reference: "A-1".to_owned(), ..sale(2, MOVED) }]);
    assert_eq!((world.state(1), world.state(2)), ("held", "queued"));
    let served = ask(&mut world, 100, Operation::Void, &[THE_ORDER]);
    assert_said(&world, &served, CallOutcome::Done);
    assert_eq!((world.state(1), world.state(2)), ("held", "dropped"));
    world.assert_balanced();
}

/// The sale of another order, which is unreadable too, has followers of its own.
#[test]
fn what_follows_an_order_does_so_whichever_of_its_arrivals_stands_for_it() {
    let mut world = world();
    let unreadable = [unreadable(1, "A-1"), unreadable(3, "A-3")].map(|envelope| envelope.encode());
    world.processor.receive(&batch(unreadable.to_vec()), world.now).unwrap();
    for (id, parent, child) in [(50, "A-1", "B-1"), (51, "A-3", "B-3")] {
        let fields =
            [(Field::OrderReference, child), (Field::ParentReference, parent), (Field::Amount, "20.00")];
        let served = ask(&mut world, id, Operation::Refer, &fields);
        assert_said(&world, &served, CallOutcome::Done);
    }
    world.receive(&[Sale { reference: "A-1".to_owned(), ..sale(2, MOVED) }]);
    let served = ask(&mut world, 100, Operation::Void, &[THE_ORDER, (Field::Children, "1")]);
    assert_said(&world, &served, CallOutcome::Done);
    let states = [1, 2, 3, 50, 51].map(|id| world.state(id));
    assert_eq!(states, ["held", "dropped", "held", "dropped", "queued"]);
    world.assert_balanced();
}

#[test]
fn a_transaction_is_found_in_the_spelling_that_its_pixel_had() {
    for (told, asked) in [("A  1", "A  1"), ("##1", "##1"), ("#1", "1"), ("1", "#1")] {
        let mut world = world();
        world.receive(&[Sale { reference: told.to_owned(), ..sale(1, MOVED) }]);
        let served = ask(&mut world, 100, Operation::Void, &[(Field::OrderReference, asked)]);
        assert_said(&world, &served, CallOutcome::Done);
        assert_eq!(world.state(1), "dropped", "{told} and {asked}");
    }
}

/// A template's placeholder is sent under our own identity of the sale, and so a change of it must be, too.
#[test]
fn a_change_names_a_sale_without_a_reference_as_the_platform_knows_it() {
    let mut world = world();
    let placeholder = "##ORDERID##";
    assert!(world.processor.snapshot().migration.legacy.is_placeholder(placeholder));
    let mut envelope = Sale { reference: placeholder.to_owned(), ..sale(1, MOVED) }.envelope();
    envelope.key = None;
    world.processor.receive(&batch(vec![envelope.encode()]), world.now).unwrap();
    let first = sent(&mut world).remove(0);
    let served = ask(&mut world, 100, Operation::Void, &[(Field::OrderReference, placeholder)]);
    assert_said(&world, &served, CallOutcome::Done);
    world.pass(Duration::from_secs(600));
    let told = sent(&mut world).remove(0);
    let own = event_id(1).to_string();
    assert!(first.contains(&own) && told.contains(&own) && !told.contains(placeholder), "{first}, {told}");
}

#[test]
fn a_new_transaction_is_booked_like_every_other() {
    let mut world = world();
    let fields = [(Field::OrderReference, "N-1"), (Field::Amount, "20.00")];
    for id in [60, 61] {
        let served = ask(&mut world, id, Operation::Book, &fields);
        let Served::Reply { body, .. } = &served else { panic!("{served:?}") };
        assert!(body.ends_with(&event_id(60).to_string()), "both are told the same transaction: {body}");
    }
    assert_eq!((world.state(60), world.state(61)), ("queued", "merged"));
    // Other money under the same number is no success, however often it is asked for.
    let other = [(Field::OrderReference, "N-1"), (Field::Amount, "25.00")];
    for id in [62, 63] {
        let served = ask(&mut world, id, Operation::Book, &other);
        assert_said(&world, &served, CallOutcome::Conflict);
        let Served::Reply { body, .. } = &served else { panic!("{served:?}") };
        assert!(body.contains(&event_id(60).to_string()) && body.contains("Error Code"), "{body}");
        assert_eq!(world.state(id), "conflict");
    }
    world.assert_balanced();
}
