//! Calling publishers for what the new platform has taken.

use std::time::Duration;

use relay::call::{Caller, Callers};
use tracking::dialect::interface::Operation;
use tracking::postback::Fact;
use tracking::{Answer, Field, SendFailure, Value, Verdict};
use units::limits::POSTBACKS_OF_ONE_MAX;

use super::calling::{THE_ORDER, ask};
use super::world::{MOVED, OBSERVED, Reply, Sale, World, batch, event_id, sale};
use crate::{Called, ImportedPostback, Postback};

on_a_server_too! {
    only_the_new_platforms_transactions_are_called_for,
    a_publisher_is_called_for_a_few_at_a_time_and_again_after_a_crash,
    who_never_answers_is_given_up_and_a_refusal_is_final,
    what_its_merchant_took_back_is_not_called_for_and_what_he_changed_is_told_as_it_is,
    a_backlog_of_a_slow_publisher_holds_up_nobody_else,
    an_address_that_is_taken_away_while_it_is_called_leaves_nothing_to_wait_for,
    an_address_that_is_not_public_is_not_called,
    who_was_given_up_is_called_again_by_a_persons_order_and_at_a_pace,
    whatever_is_settled_as_not_there_is_not_called_for_whenever_that_comes,
    what_its_merchant_gave_to_another_channel_is_not_called_for,
    who_only_asks_for_time_is_given_up_like_one_who_never_answers,
    who_is_called_when_another_turns_out_to_earn_it_is_not_called_again,
}

/// The address of the publisher that everything is credited to, with these facts in the dialect's own macros.
pub(super) fn register(world: &mut World, host: &str, facts: &[Fact]) {
    register_for(world, 456, host, facts);
}

fn register_for(world: &mut World, publisher_id: u64, host: &str, facts: &[Fact]) {
    let snapshot = world.processor.snapshot();
    let postbacks = snapshot.migration.legacy.postbacks.as_ref().unwrap();
    let name = |fact: &Fact| postbacks.macros.iter().find(|(_, known)| known == fact).unwrap().0.clone();
    let marked = |fact| format!("{}{}{}", postbacks.opening, name(fact), postbacks.closing);
    let told: Vec<String> = facts.iter().map(marked).collect();
    let address = Some(format!("https://{host}/{}", told.join("/")));
    let row = ImportedPostback { publisher_id, method: "GET".to_owned(), address };
    world.processor.import_postbacks(&[row], world.now).unwrap();
}

fn calls(world: &mut World) -> Vec<Postback> {
    world.processor.next_postbacks(world.now).unwrap()
}

/// Ends these calls with a status, or without any answer.
fn end(world: &mut World, calls: &[Postback], status: Option<u16>) {
    let result = || match status {
        Some(status) => Ok(Answer { status, headers: Vec::new(), body: Vec::new() }),
        None => Err(SendFailure::Ambiguous("silence".to_owned())),
    };
    let called = calls.iter().map(|call| Called { id: call.id, result: result() }).collect();
    world.processor.settle_postbacks(called, world.now).unwrap();
}

fn listed(world: &World) -> ledger::PostbackRow {
    world.processor.ledger().postback_addresses(10).unwrap().remove(0)
}

fn taken(world: &mut World, sales: &[Sale]) {
    world.receive(sales);
    while world.deliver(|_| Reply::Says(Verdict::Taken)) > 0 {
        world.pass(Duration::from_secs(60));
    }
}

#[test]
fn only_the_new_platforms_transactions_are_called_for() {
    let mut world = World::new();
    register(&mut world, "t.example", &[Fact::OrderReference, Fact::Commission]);
    world.receive(&[sale(1, MOVED), sale(2, OBSERVED), Sale { clicked: false, ..sale(3, MOVED) }]);
    assert_eq!(calls(&mut world), [], "nothing is taken yet");
    taken(&mut world, &[]);
    let made = calls(&mut world);
    let targets: Vec<&str> = made.iter().map(|call| call.call.target.as_str()).collect();
    assert_eq!(
        targets,
        ["/A-1/1.00"],
        "the old platform calls for its own, and nobody is called for nobody's"
    );
    assert_eq!(calls(&mut world), [], "it is under way");
    end(&mut world, &made, Some(204));
    world.pass(Duration::from_secs(3600));
    assert_eq!((calls(&mut world), listed(&world).called), (vec![], 1));
    world.assert_balanced();
}

#[test]
fn a_publisher_is_called_for_a_few_at_a_time_and_again_after_a_crash() {
    let mut world = World::new();
    register(&mut world, "t.example", &[Fact::TransactionId]);
    let sales: Vec<Sale> = (1..=9).map(|id| sale(id, MOVED)).collect();
    taken(&mut world, &sales);
    let first = calls(&mut world);
    assert_eq!((first.len(), calls(&mut world).len()), (POSTBACKS_OF_ONE_MAX, 0));
    end(&mut world, &first[..1], Some(200));
    assert_eq!(calls(&mut world).len(), 1, "one answered, one more goes");
    let mut world = world.crash();
    let mut seen = 1;
    loop {
        let made = calls(&mut world);
        if made.is_empty() {
            break;
        }
        seen += made.len();
        end(&mut world, &made, Some(200));
    }
    assert_eq!((seen, listed(&world).called), (9, 9), "each once, but for those that the crash left open");
    world.assert_balanced();
}

#[test]
fn who_only_asks_for_time_is_given_up_like_one_who_never_answers() {
    let mut world = World::new();
    register(&mut world, "t.example", &[Fact::TransactionId]);
    taken(&mut world, &[sale(1, MOVED)]);
    let mut asked = Vec::new();
    for second in 0..7_200_u32 {
        let made = calls(&mut world);
        let headers = vec![("retry-after".to_owned(), b"90".to_vec())];
        let busy = Answer { status: 429, headers, body: Vec::new() };
        let called = made.iter().map(|call| Called { id: call.id, result: Ok(busy.clone()) }).collect();
        world.processor.settle_postbacks(called, world.now).unwrap();
        asked.extend(made.iter().map(|_| second));
        world.pass(Duration::from_secs(1));
    }
    assert_eq!(asked.len(), 5, "{asked:?}");
    assert!(asked.windows(2).all(|pair| pair[1] - pair[0] >= 90), "{asked:?}");
    assert_eq!((listed(&world).given_up, listed(&world).waiting), (1, 0));
    world.assert_balanced();
}

#[test]
fn who_never_answers_is_given_up_and_a_refusal_is_final() {
    let mut world = World::new();
    register(&mut world, "t.example", &[Fact::TransactionId]);
    taken(&mut world, &[sale(1, MOVED), sale(2, MOVED)]);
    let made = calls(&mut world);
    end(&mut world, &made[..1], Some(410));
    let mut silent = made[1..].to_vec();
    for _ in 1..5 {
        end(&mut world, &silent, None);
        assert_eq!(calls(&mut world), [], "not at once");
        world.pass(Duration::from_secs(60));
        silent = calls(&mut world);
        assert_eq!(silent.len(), 1);
    }
    end(&mut world, &silent, None);
    world.pass(Duration::from_secs(3600));
    let row = listed(&world);
    assert_eq!((calls(&mut world), row.given_up, row.waiting), (vec![], 2, 0));
}

/// Whether its call waits or is under way when that is told.
#[test]
fn what_its_merchant_gave_to_another_channel_is_not_called_for() {
    for under_way in [false, true] {
        let mut world = World::new();
        register(&mut world, "t.example", &[Fact::TransactionId]);
        taken(&mut world, &[sale(1, MOVED)]);
        let made = if under_way { calls(&mut world) } else { Vec::new() };
        assert_eq!((made.len(), listed(&world).waiting), (usize::from(under_way), 1));
        let mut copy = Sale { id: 2, ..sale(1, MOVED) }.envelope();
        copy.event.set(Field::AutoVoid, Value::Flag(true));
        world.processor.receive(&batch(vec![copy.encode()]), world.now).unwrap();
        end(&mut world, &made, None);
        world.pass(Duration::from_secs(3600));
        assert_eq!((calls(&mut world), listed(&world).waiting), (vec![], 0));
        let owed = world.processor.ledger().postbacks_of(event_id(1)).unwrap();
        assert!(owed[0].detail.contains("another channel"), "{owed:?}");
        world.assert_balanced();
    }
}

#[test]
fn what_its_merchant_took_back_is_not_called_for_and_what_he_changed_is_told_as_it_is() {
    let mut world = World::new();
    let (token, secrets) = ("token".to_owned(), vec!["hush".to_owned()]);
    let caller = Caller { advertiser_id: MOVED, token, secrets, addresses: Vec::new() };
    world.processor.replace_callers(Callers::new(vec![caller]));
    register(&mut world, "t.example", &[Fact::Amount, Fact::Commission]);
    taken(&mut world, &[sale(1, MOVED), sale(2, MOVED)]);
    ask(&mut world, 100, Operation::Void, &[THE_ORDER]);
    let edited = [(Field::OrderReference, "A-2"), (Field::Amount, "7.70")];
    ask(&mut world, 101, Operation::Edit, &edited);
    let made = calls(&mut world);
    let targets: Vec<&str> = made.iter().map(|call| call.call.target.as_str()).collect();
    assert_eq!(targets, ["/7.70/0.77"]);
    assert_eq!((listed(&world).waiting, listed(&world).given_up), (1, 0));
    world.assert_balanced();
}

#[test]
fn a_backlog_of_a_slow_publisher_holds_up_nobody_else() {
    let mut world = World::new();
    register(&mut world, "slow.example", &[Fact::TransactionId]);
    register_for(&mut world, 457, "quick.example", &[Fact::TransactionId]);
    let backlog: Vec<Sale> = (1..=200).map(|id| sale(id, MOVED)).collect();
    taken(&mut world, &backlog);
    let mut other = sale(1000, MOVED).envelope();
    other.click.as_mut().unwrap().publisher_id = 457;
    world.processor.receive(&batch(vec![other.encode()]), world.now).unwrap();
    world.pass(Duration::from_secs(1));
    taken(&mut world, &[]);
    let made = calls(&mut world);
    let to = |host: &str| made.iter().filter(|call| call.call.host == host).count();
    assert_eq!((to("slow.example"), to("quick.example")), (POSTBACKS_OF_ONE_MAX, 1));
    let mut ids: Vec<_> = made.iter().map(|call| call.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), made.len(), "each once");
    assert_eq!(calls(&mut world), [], "the slow one's places are taken");
}

#[test]
fn an_address_that_is_taken_away_while_it_is_called_leaves_nothing_to_wait_for() {
    let mut world = World::new();
    register(&mut world, "t.example", &[Fact::TransactionId]);
    taken(&mut world, &[sale(1, MOVED)]);
    let made = calls(&mut world);
    let gone = ImportedPostback { publisher_id: 456, method: "GET".to_owned(), address: None };
    world.processor.import_postbacks(&[gone], world.now).unwrap();
    end(&mut world, &made, Some(503));
    world.pass(Duration::from_secs(3600));
    assert_eq!(calls(&mut world), []);
    assert_eq!(world.processor.next_wake(world.now).unwrap(), None, "nothing is due for ever");
}

#[test]
fn an_address_that_is_not_public_is_not_called() {
    let mut world = World::new();
    register(&mut world, "10.0.0.7", &[Fact::TransactionId]);
    taken(&mut world, &[sale(1, MOVED)]);
    assert_eq!(calls(&mut world), []);
    let row = listed(&world);
    assert_eq!((row.given_up, row.detail.as_str()), (1, "`10.0.0.7` is not on the public internet"));
    world.processor.allow_private_postbacks(true);
    taken(&mut world, &[sale(2, MOVED)]);
    assert_eq!(calls(&mut world).len(), 1);
}

#[test]
fn who_was_given_up_is_called_again_by_a_persons_order_and_at_a_pace() {
    let mut world = World::new();
    register(&mut world, "t.example", &[Fact::TransactionId]);
    let sales: Vec<Sale> = (1..=3).map(|id| sale(id, MOVED)).collect();
    taken(&mut world, &sales);
    let made = calls(&mut world);
    end(&mut world, &made, Some(410));
    assert_eq!((calls(&mut world), listed(&world).given_up), (vec![], 3));
    let by = ledger::By { actor: "ada", why: "their server is back" };
    let all: Vec<_> = made.iter().map(|call| (call.id.event_id, call.id.publisher_id)).collect();
    let ordered = world.processor.recall_postbacks(&all, by, world.now).unwrap();
    assert_eq!(ordered, [ledger::Recalled::Queued; 3]);
    // A second person presses it, too.
    let again = world.processor.recall_postbacks(&all, by, world.now).unwrap();
    assert!(again.iter().all(|one| matches!(one, ledger::Recalled::Already(_))), "{again:?}");
    assert_eq!(calls(&mut world).len(), 1, "one after another");
    world = world.crash();
    world.pass(Duration::from_secs(1));
    let made = calls(&mut world);
    assert_eq!(made.len(), 3, "the order is on the disk");
    end(&mut world, &made, Some(200));
    assert_eq!((listed(&world).given_up, listed(&world).called), (0, 3));
    world.assert_balanced();
}

/// One that waits for its call, and one whose call is under way.
#[test]
fn whatever_is_settled_as_not_there_is_not_called_for_whenever_that_comes() {
    let mut world = World::new();
    register(&mut world, "t.example", &[Fact::TransactionId]);
    taken(&mut world, &[sale(1, MOVED)]);
    let under_way = calls(&mut world);
    assert_eq!(under_way.len(), 1);
    taken(&mut world, &[sale(2, MOVED)]);
    let by = ledger::By { actor: "ada", why: "the report" };
    let both = [event_id(1), event_id(2)];
    world.processor.close(&both, false, by, world.now).unwrap();
    end(&mut world, &under_way, None);
    for _ in 0..5 {
        world.pass(Duration::from_secs(60));
        assert_eq!(calls(&mut world), [], "the platform does not have it");
    }
    assert_eq!(listed(&world).waiting, 0);
    assert_eq!(world.processor.ledger().next_postback().unwrap(), None, "and nothing wakes anybody for it");
    world.assert_balanced();
}

/// Its own call is under way when the order is credited to another: whether it ends without an answer, or the process
/// does.
#[test]
fn who_is_called_when_another_turns_out_to_earn_it_is_not_called_again() {
    for crashes in [false, true] {
        let mut world = World::new();
        register(&mut world, "first.example", &[Fact::TransactionId]);
        register_for(&mut world, 457, "second.example", &[Fact::TransactionId]);
        taken(&mut world, &[sale(1, MOVED)]);
        let under_way = calls(&mut world);
        assert_eq!(under_way.len(), 1);
        let mut later = Sale { id: 2, ..sale(1, MOVED) }.envelope();
        let click = later.click.as_mut().unwrap();
        (click.publisher_id, click.at) = (457, click.at.plus(Duration::from_secs(60)));
        world.processor.receive(&batch(vec![later.encode()]), world.now).unwrap();
        if crashes {
            world = world.crash();
        } else {
            end(&mut world, &under_way, None);
        }
        world.pass(Duration::from_secs(3_600));
        let called: Vec<String> = calls(&mut world).iter().map(|call| call.call.host.to_string()).collect();
        assert_eq!(called, ["second.example"], "crashes: {crashes}");
        world.assert_balanced();
    }
}
