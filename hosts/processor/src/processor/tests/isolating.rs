//! One destination's trouble, and one merchant's, is nobody else's; a backlog goes at its pace and fresh sales before
//! it; and no clock holds anything up.

use std::collections::BTreeMap;
use std::time::Duration;

use ledger::By;
use relay::Fact;
use relay::delivery::Destination;
use tracking::consent::{Consent, ConsentReason};
use tracking::directory::{Advertiser, Directory};
use tracking::{Answer, Home, SendFailure, Verdict};

use super::world::{
    DEDUPLICATES, MOVED, OBSERVED, Reply, Sale, World, batch, carries, ended, event_id, home, sale,
};
use crate::Delivery;

on_a_server_too! {
    every_lane_has_both_ends_of_its_backlog_by_turns,
    a_clock_that_goes_back_puts_nothing_off,
    an_interface_that_refuses_our_credentials_pauses_by_itself,
    credentials_that_are_refused_for_one_merchant_alone_stop_nobody_else,
    an_interface_that_is_down_leaves_the_platform_up,
    answers_in_another_language_stop_the_destination_after_a_few,
    one_merchants_stuck_calls_hold_a_share_of_the_places_and_delay_nobody,
    a_throttled_merchant_waits_alone_and_a_throttled_platform_as_a_whole,
    in_calls_of_many_each_merchant_has_its_turn_and_fresh_sales_most_of_them,
    after_an_outage_fresh_sales_go_first_and_the_backlog_at_its_rate_from_both_ends,
    a_process_that_starts_under_a_clock_of_two_days_ago_puts_nothing_off,
    a_clock_that_jumps_an_hour_ahead_makes_no_flood,
    a_platform_that_comes_and_goes_gets_a_bounded_load_and_no_sale_changes_its_owner,
    an_owner_changes_only_while_nothing_can_have_arrived,
    how_long_the_unknown_are_unknown_is_told_and_nothing_leaves_by_itself,
}

const CONFIRMED: Reply = Reply::Says(Verdict::Confirmed);
const TAKEN: Reply = Reply::Says(Verdict::Taken);
const PACE: Duration = Duration::from_secs(3);
const DAY: u64 = 86_400;

/// Merchants 100 to 104 have moved, 200 to 204 have not; each may hold a quarter of 16 places.
pub(super) fn many() -> World {
    let mut snapshot = super::world::snapshot();
    let (moved, stays) =
        (snapshot.directory.advertiser(MOVED).unwrap(), snapshot.directory.advertiser(OBSERVED).unwrap());
    let like = |model: &Advertiser<'static>, legacy_id| Advertiser {
        legacy_id,
        primary_id: Some(legacy_id + 1000),
        ..model.clone()
    };
    let (moved, stays) = (owned(&moved), owned(&stays));
    let advertisers = (100..105).map(|id| like(&moved, id)).chain((200..205).map(|id| like(&stays, id)));
    let publisher = snapshot.directory.publisher(456).unwrap();
    let directory = Directory::new(advertisers.collect(), vec![publisher], Vec::new());
    snapshot.directory = directory;
    snapshot.policy.delivery.merchant_share_percent = 25;
    snapshot.policy.delivery.in_flight_max = 16;
    World::with(snapshot)
}

fn owned(advertiser: &Advertiser<'_>) -> Advertiser<'static> {
    Advertiser {
        legacy_id: advertiser.legacy_id,
        primary_id: advertiser.primary_id,
        name: advertiser.name.to_string().into(),
        landing_url: advertiser.landing_url.to_string().into(),
        domains: tracking::directory::Domains::new("shop.example"),
        wave: advertiser.wave.to_string().into(),
        programme: advertiser.programme,
        currency: advertiser.currency,
        window_days: advertiser.window_days,
        commission: advertiser.commission,
        deduplicates: advertiser.deduplicates,
    }
}

fn interface() -> Destination {
    Destination::new(Home::Primary, "conversion interface")
}

/// A sale whose visitor refused: it goes by another endpoint.
fn refused(id: u64, advertiser_id: u64) -> Vec<u8> {
    let mut envelope = Sale { clicked: false, ..sale(id, advertiser_id) }.envelope();
    envelope.consent = Consent::Refused(ConsentReason::Link);
    envelope.encode()
}

fn answers(status: u16, header: (&str, &str), body: &str) -> Answer {
    let headers = vec![(header.0.to_owned(), header.1.as_bytes().to_vec())];
    Answer { status, headers, body: body.as_bytes().to_vec() }
}

fn settle(world: &mut World, delivery: &Delivery, result: Result<Answer, SendFailure>) {
    world.processor.settle(vec![ended(delivery, result)], world.now).unwrap();
}

fn status_of(world: &World, destination: &Destination) -> relay::delivery::GateStatus {
    let status = world.processor.status().unwrap();
    status.destinations.into_iter().find(|gate| gate.destination == *destination).unwrap()
}

#[test]
fn an_interface_that_refuses_our_credentials_pauses_by_itself() {
    let mut world = World::new();
    world.receive(&(1..=5).map(|id| sale(id, MOVED)).collect::<Vec<_>>());
    for delivery in world.deliveries() {
        settle(&mut world, &delivery, Ok(answers(401, ("x", "y"), "")));
    }
    let status = status_of(&world, &interface());
    assert_eq!(status.pause.unwrap().why.name(), "credentials_refused");
    assert!(!world.processor.is_down(Home::Primary), "shoppers are sent on as before");
    // The platform's other endpoint goes on.
    world.processor.receive(&batch((11..=20).map(|id| refused(id, MOVED)).collect()), world.now).unwrap();
    assert_eq!(
        world.deliver(|delivery| {
            assert!(!carries(delivery, 1));
            TAKEN
        }),
        10
    );
    // One conversion tries after a while, ever more rarely.
    let mut trials = Vec::new();
    for second in 0..3_600_u32 {
        world.deliver(|delivery| {
            assert_eq!(delivery.ids.len(), 1);
            trials.push(second);
            Reply::Says(Verdict::Paused)
        });
        world.pass(Duration::from_secs(1));
    }
    assert!((5..=8).contains(&trials.len()), "{trials:?}");
    let row = world.processor.ledger().conversion(event_id(1)).unwrap().unwrap();
    assert_eq!((row.state.name(), world.processor.status().unwrap().states[8]), ("queued", 0));
    let facts = world.processor.take_facts();
    let told =
        |fact: &&Fact| matches!(fact, Fact::DestinationChanged { condition: "credentials_refused", .. });
    assert_eq!(facts.iter().filter(told).count(), 1);
    assert!(!facts.iter().any(|fact| matches!(fact, Fact::BreakerChanged { .. })));
    // Mended, and a person says so.
    let by = By { actor: "ada", why: "key renewed" };
    let resumed = world.processor.resume(&interface(), by, world.now).unwrap();
    assert_eq!(resumed.flatten().map(relay::delivery::Why::name), Some("credentials_refused"));
    assert_eq!(
        world.deliver(|delivery| {
            assert_eq!(delivery.ids.len(), 5);
            CONFIRMED
        }),
        1
    );
    assert!((1..=5).all(|id| world.state(id) == "confirmed"));
    let nowhere = Destination::new(Home::Primary, "nowhere");
    assert_eq!(world.processor.resume(&nowhere, by, world.now).unwrap(), None);
    world.assert_balanced();
}

/// What the platform takes for one merchant it does not refuse because of our key.
#[test]
fn credentials_that_are_refused_for_one_merchant_alone_stop_nobody_else() {
    let mut world = many();
    let answer = |delivery: &Delivery, world: &World| match delivery
        .request
        .target
        .starts_with(b"/s2s/advertiser/1100/")
    {
        true => Ok(answers(403, ("x", "y"), "")),
        false => world.result(delivery, TAKEN),
    };
    let paused = |world: &World| status_of(world, &interface()).pause.is_some();
    let mut waited = 0;
    world.receive(&[sale(1, 100)]);
    for second in 0..3_600 {
        if second % 20 == 10 {
            let fresh = Sale { at: world.now, ..sale(10 + second, 101) };
            world.receive(&[fresh]);
        }
        for delivery in world.deliveries() {
            let result = answer(&delivery, &world);
            settle(&mut world, &delivery, result);
        }
        waited += u64::from(second > 120 && paused(&world));
        world.pass(Duration::from_secs(1));
    }
    assert_eq!(waited, 0, "seconds in which everybody waited for one");
    assert_eq!(world.state(3_590 + 10), "taken");
    assert_eq!(world.state(1), "dead", "it is work for a person");
    world.assert_balanced();
}

#[test]
fn an_interface_that_is_down_leaves_the_platform_up() {
    let mut world = many();
    for id in 0..6_u64 {
        world.receive(&[sale(id + 1, 100 + id % 5)]);
        world.deliver(|delivery| if delivery.ids.is_empty() { Reply::Silent } else { Reply::Refuses });
        world.pass(PACE);
    }
    assert!(status_of(&world, &interface()).down_since.is_some());
    assert!(!world.processor.is_down(Home::Primary));
    let probes = world.deliveries();
    let hosts: Vec<&str> = probes.iter().map(|probe| probe.request.host.as_str()).collect();
    let send = world
        .processor
        .snapshot()
        .migration
        .sends
        .iter()
        .find(|send| send.endpoint == "conversion interface");
    assert_eq!(hosts, [send.unwrap().host.as_str()], "it is asked itself");
    // What its server says to a path that it does not have is enough.
    settle(&mut world, &probes[0], Ok(answers(403, ("x", "y"), "")));
    assert_eq!(
        world.deliver(|delivery| {
            assert_eq!(delivery.ids.len(), 1);
            CONFIRMED
        }),
        1
    );
}

#[test]
fn answers_in_another_language_stop_the_destination_after_a_few() {
    let mut world = World::new();
    for id in 1..=50 {
        world.receive(&[Sale { at: world.now, ..sale(id, MOVED) }]);
        for delivery in world.deliveries() {
            settle(
                &mut world,
                &delivery,
                Ok(answers(200, ("content-type", "text/html"), "<html>welcome</html>")),
            );
        }
        world.pass(PACE);
    }
    let status = world.processor.status().unwrap();
    assert_eq!((status.states[2], status.states[0]), (3, 47), "three unknown, the others wait");
    assert_eq!(status_of(&world, &interface()).pause.unwrap().why.name(), "answers_not_understood");
    world.assert_balanced();
}

#[test]
fn one_merchants_stuck_calls_hold_a_share_of_the_places_and_delay_nobody() {
    let mut world = many();
    // A backlog of one merchant, longer due than anything else, whose calls are swallowed.
    for chunk in 0..6_u64 {
        world.receive(&(0..500).map(|n| sale(chunk * 500 + n + 1, 200)).collect::<Vec<_>>());
    }
    let (mut stuck, mut late) = (Vec::new(), 0);
    for second in 0..120_u64 {
        let id = 10_000 + second;
        world.receive(&[Sale { at: world.now, ..sale(id, 201 + second % 4) }]);
        for delivery in world.deliveries() {
            if delivery.ids.iter().all(|each| each.event_id != event_id(id)) {
                stuck.push((world.now, delivery));
            } else {
                let result = world.result(&delivery, TAKEN);
                settle(&mut world, &delivery, result);
            }
        }
        late += u32::from(world.state(id) != "taken");
        assert!(stuck.len() <= 4, "a quarter of sixteen places");
        let (over, under_way): (Vec<_>, Vec<_>) =
            stuck.into_iter().partition(|(began, _)| world.now.since(*began) >= Duration::from_secs(10));
        stuck = under_way;
        for (_, delivery) in over {
            let result = world.result(&delivery, Reply::Silent);
            settle(&mut world, &delivery, result);
        }
        world.pass(Duration::from_secs(1));
    }
    assert_eq!(late, 0, "each fresh sale of another went in its own second");
    let unknown = world.processor.status().unwrap().states[2];
    assert!(unknown < 15, "{unknown}: a merchant that fails is shut out for longer each time");
    assert!(world.processor.status().unwrap().gates[0].down_since.is_none());
    world.assert_balanced();
}

#[test]
fn a_throttled_merchant_waits_alone_and_a_throttled_platform_as_a_whole() {
    let mut world = many();
    let busy = || Ok(answers(429, ("retry-after", "120"), ""));
    world.receive(&[sale(1, 200), sale(2, 201)]);
    for delivery in world.deliveries() {
        let result = if carries(&delivery, 1) { busy() } else { world.result(&delivery, TAKEN) };
        settle(&mut world, &delivery, result);
    }
    assert_eq!((world.state(1), world.state(2)), ("queued", "taken"));
    world.pass(Duration::from_secs(20));
    let fresh = |world: &World, id, merchant| Sale { at: world.now, ..sale(id, merchant) };
    world.receive(&[fresh(&world, 3, 200), fresh(&world, 4, 202)]);
    let went = world.deliveries();
    assert!(went.len() == 1 && carries(&went[0], 4), "merchant 200 waits as it was told: {went:?}");
    settle(&mut world, &went[0], busy());
    // Two were told: now it is the platform that wants rest.
    world.receive(&[fresh(&world, 5, 203)]);
    assert_eq!(world.deliver(|_| TAKEN), 0);
    let wake = world.processor.next_wake(world.now).unwrap().unwrap();
    assert!(wake.since(world.now) >= Duration::from_secs(100), "{wake}");
    world.now = wake;
    while world.deliver(|_| TAKEN) > 0 {}
    world.pass(Duration::from_secs(120));
    while world.deliver(|_| TAKEN) > 0 {}
    assert!((1..=5).all(|id| world.state(id) == "taken"), "{:?}", [1, 2, 3, 4, 5].map(|id| world.state(id)));
    assert_eq!(world.processor.ledger().conversion(event_id(1)).unwrap().unwrap().tries, 2);
}

#[test]
fn in_calls_of_many_each_merchant_has_its_turn_and_fresh_sales_most_of_them() {
    let mut world = many();
    for chunk in 0..6_u64 {
        world.receive(&(0..500).map(|n| sale(chunk * 500 + n + 1, 100)).collect::<Vec<_>>());
    }
    world.receive(&[sale(9_001, 101), sale(9_002, 102)]);
    world.pass(Duration::from_secs(3_600));
    let (mut order, mut waited) = (Vec::new(), BTreeMap::new());
    for call in 0..12_u64 {
        if call % 4 == 0 {
            world.receive(&[Sale { at: world.now, ..sale(10_000 + call, 103) }]);
            waited.insert(10_000 + call, call);
        }
        world.deliver(|delivery| {
            let row = delivery.ids[0].event_id;
            order.push(row.as_u128() >> 64);
            waited.retain(|id, _| !carries(delivery, *id));
            CONFIRMED
        });
        assert!(waited.values().all(|since| call - since < 2), "{waited:?}");
        world.pass(PACE);
    }
    let others: Vec<usize> =
        [9_001, 9_002].iter().map(|id| order.iter().position(|first| first == id).unwrap()).collect();
    assert!(others.iter().all(|place| *place < 8), "nobody waits behind three thousand: {order:?}");
}

#[test]
fn after_an_outage_fresh_sales_go_first_and_the_backlog_at_its_rate_from_both_ends() {
    let mut world = many();
    for chunk in 0..4_u64 {
        let sales = (0..500).map(|n| Sale { at: world.now, ..sale(chunk * 500 + n + 1, 200 + n % 3) });
        world.receive(&sales.collect::<Vec<_>>());
        world.pass(Duration::from_secs(900));
    }
    // Who starts with a backlog begins slowly, as after an outage.
    let mut world = world.crash();
    let rate = u64::from(world.processor.snapshot().policy.delivery.drain_per_second);
    let backlog = world.processor.ledger().backlog(world.processor.backlog_before(world.now)).unwrap();
    let told = world.processor.draining(&backlog, world.now);
    assert_eq!((told.len(), told[0].waiting), (1, 2_000));
    let began = world.now;
    let (mut sent, mut seconds, mut fresh_id) = (Vec::new(), BTreeMap::<u64, u64>::new(), 100_000);
    while world.processor.status().unwrap().states[0] > 0 {
        fresh_id += 1;
        world.receive(&[Sale { at: world.now, ..sale(fresh_id, 203) }]);
        let second = world.now.since(began).as_secs();
        world.deliver(|delivery| {
            let id = u64::try_from(delivery.ids[0].event_id.as_u128() >> 64).unwrap();
            if id < 100_000 {
                sent.push(id);
                *seconds.entry(second).or_default() += 1;
            }
            TAKEN
        });
        assert_eq!(world.state(fresh_id), "taken", "no fresh sale waits");
        world.pass(Duration::from_millis(50));
    }
    assert!(seconds.values().all(|count| *count <= rate + rate / 4), "{seconds:?}");
    assert!(seconds[&0] < rate / 3, "slowly at first: {seconds:?}");
    let (took, told) = (world.now.since(began), told[0].takes);
    assert!(took.abs_diff(told) < Duration::from_secs(5), "told {told:?}, took {took:?}");
    let early = &sent[..200];
    let (oldest, newest) =
        (early.iter().filter(|id| **id <= 500).count(), early.iter().filter(|id| **id > 1_500).count());
    assert!(oldest >= 80 && newest >= 80, "{oldest} of the oldest, {newest} of the newest");
    world.assert_balanced();
}

/// Each lane has both ends of its own backlog by turns, however many lanes there are.
#[test]
fn every_lane_has_both_ends_of_its_backlog_by_turns() {
    let mut snapshot = super::world::snapshot();
    snapshot.policy.delivery.in_flight_max = 1;
    let mut world = World::with(snapshot);
    let unproven = |id| Sale { clicked: false, ..sale(id, MOVED) };
    world.receive(&(1..=20).map(unproven).chain((21..=40).map(|id| sale(id, OBSERVED))).collect::<Vec<_>>());
    world.pass(Duration::from_secs(3_600));
    let mut first = BTreeMap::<Destination, Vec<u128>>::new();
    for _ in 0..4 {
        world.deliver(|delivery| {
            let id = delivery.ids[0].event_id.as_u128() >> 64;
            first.entry(delivery.destination.clone()).or_default().push(id);
            TAKEN
        });
    }
    assert_eq!(first.len(), 2, "{first:?}");
    for ids in first.values() {
        let old = ids.iter().filter(|id| *id % 20 <= 4 && *id % 20 > 0).count();
        assert!((1..4).contains(&old), "{first:?}");
    }
}

#[test]
fn a_clock_that_goes_back_puts_nothing_off() {
    for by in [2 * DAY, 3_600, 600] {
        goes_back(Duration::from_secs(by));
    }
}

fn goes_back(by: Duration) {
    let mut world = many();
    world.receive(&(1..=40).map(|id| sale(id, 200 + id % 5)).collect::<Vec<_>>());
    world.deliver(|_| Reply::Says(Verdict::Later));
    world.receive(&(41..=45).map(|id| Sale { clicked: false, ..sale(id, 100) }).collect::<Vec<_>>());
    assert!(world.processor.status().unwrap().states[0] == 45);
    world.now = world.now.minus(by);
    world.processor.take_facts();
    let back = world.now;
    while world.processor.status().unwrap().states[0] > 0 {
        world.deliver(|delivery| if home(delivery) == Home::Legacy { TAKEN } else { CONFIRMED });
        world.pass(Duration::from_millis(200));
        assert!(world.now.since(back) < Duration::from_secs(200), "{:?}", world.processor.status());
    }
    let set_back = |fact: &Fact| matches!(fact, Fact::ClockSetBack { by: told } if *told == by);
    assert!(world.processor.take_facts().iter().any(set_back));
    world.assert_balanced();
}

#[test]
fn a_process_that_starts_under_a_clock_of_two_days_ago_puts_nothing_off() {
    let mut world = many();
    world.receive(&(1..=5).map(|id| Sale { clicked: false, ..sale(id, 200) }).collect::<Vec<_>>());
    world.now = world.now.minus(Duration::from_secs(2 * DAY));
    world = world.crash();
    for _ in 0..5 {
        world.deliver(|_| TAKEN);
        world.pass(Duration::from_secs(1));
    }
    assert!((1..=5).all(|id| world.state(id) == "taken"));
}

#[test]
fn a_clock_that_jumps_an_hour_ahead_makes_no_flood() {
    let mut world = many();
    for chunk in 0..3_u64 {
        world.receive(&(0..500).map(|n| sale(chunk * 500 + n + 1, 200 + n % 5)).collect::<Vec<_>>());
    }
    world.pass(Duration::from_secs(3_600));
    let rate = usize::try_from(world.processor.snapshot().policy.delivery.drain_per_second).unwrap();
    for second in 0..5 {
        let mut sent = 0;
        for _ in 0..20 {
            let deliveries = world.deliveries();
            assert!(deliveries.len() <= 16, "places in flight");
            for delivery in &deliveries {
                sent += delivery.ids.len();
                let result = world.result(delivery, TAKEN);
                settle(&mut world, delivery, result);
            }
            world.pass(Duration::from_millis(50));
        }
        assert!(
            sent <= rate + rate / 4,
            "{sent} in second {second}: no more is saved up than a quarter of a second"
        );
    }
}

#[test]
fn a_platform_that_comes_and_goes_gets_a_bounded_load_and_no_sale_changes_its_owner() {
    let mut world = many();
    let (mut calls, mut failed) = (0_u32, 0_u32);
    for tenth in 0..2_400_u64 {
        if tenth % 5 == 0 {
            world.receive(&[Sale { at: world.now, ..sale(tenth + 1, 200 + tenth % 5) }]);
        }
        let up = (tenth / 53) % 2 == 0;
        world.deliver(|delivery| {
            assert_eq!(home(delivery), Home::Legacy);
            calls += 1;
            failed += u32::from(!up);
            if up { TAKEN } else { Reply::Refuses }
        });
        world.pass(Duration::from_millis(100));
    }
    let outages = 2_400 / 106 + 1;
    assert!(failed <= 5 * outages, "{failed} of {calls} calls failed in {outages} outages");
    let (down, mut turns) = (world.now, 0);
    while world.processor.status().unwrap().states[0] > 0 {
        world.deliver(|_| TAKEN);
        world.pass(Duration::from_secs(1));
        turns += 1;
        assert!(turns < 1_200, "all is well since {down}: {:?}", world.processor.status());
    }
    assert_eq!(world.processor.status().unwrap().states[8], 0, "nothing is dead");
}

#[test]
fn an_owner_changes_only_while_nothing_can_have_arrived() {
    use ledger::Given;
    use relay::owner::Refusal;
    let mut world = World::new();
    world.receive(&[sale(1, MOVED), sale(2, OBSERVED), sale(3, DEDUPLICATES)]);
    let order = |id, to| crate::OwnerOrder {
        events: vec![event_id(id)],
        to,
        actor: "ada".to_owned(),
        why: "the primary is closed".to_owned(),
    };
    let give = |world: &mut World, id, to| {
        let outcomes = world.processor.give(&order(id, to), world.now).unwrap();
        outcomes[0].1
    };
    assert_eq!(give(&mut world, 1, Home::Primary), Given::Already);
    assert_eq!(give(&mut world, 1, Home::Legacy), Given::Done);
    assert_eq!(give(&mut world, 1, Home::Legacy), Given::Already, "the second order does nothing");
    assert_eq!(give(&mut world, 9, Home::Legacy), Given::NotFound);
    let deliveries = world.deliveries();
    assert_eq!(give(&mut world, 3, Home::Legacy), Given::Refused(Refusal::InFlight));
    for delivery in &deliveries {
        assert_eq!(home(delivery) == Home::Legacy, !carries(delivery, 3));
        let reply = if carries(delivery, 3) { Reply::Silent } else { TAKEN };
        let result = world.result(delivery, reply);
        settle(&mut world, delivery, result);
    }
    assert_eq!([1, 2, 3].map(|id| world.state(id)), ["taken", "taken", "queued"]);
    assert_eq!(give(&mut world, 3, Home::Legacy), Given::Refused(Refusal::MayHaveArrived), "though it waits");
    assert_eq!(give(&mut world, 1, Home::Primary), Given::Refused(Refusal::NotQueued));
    let journal = world.processor.ledger().show(event_id(1)).unwrap().unwrap().journal;
    assert!(journal.iter().any(|entry| entry.action == "change owner" && entry.actor == "ada"));
    world.assert_balanced();
}

#[test]
fn how_long_the_unknown_are_unknown_is_told_and_nothing_leaves_by_itself() {
    let mut world = World::new();
    world.receive(&[sale(1, MOVED)]);
    world.deliver(|_| Reply::Silent);
    world.pass(Duration::from_secs(30 * DAY));
    world.deliver(|delivery| panic!("nothing is sent: {delivery:?}"));
    let status = world.processor.status().unwrap();
    assert_eq!((world.state(1), status.oldest_unknown), ("unknown", Some(super::world::START)));
}
