//! What holds of the log, wherever it is.

mod files;
mod formats;
mod place;
mod server;

use std::net::IpAddr;
use std::time::Duration;

use pgserver::on_each_store;
use place::Place;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use relay::Fact;
use relay::policy::Phase;
use relay::reply::Mode;
use relay::seen::Seen;
use tracking::consent::{Consent, ConsentReason};
use tracking::{Class, Method};
use units::calendar::Day;
use units::{Currency, EventId, Money, Seed, Timestamp};

use super::{Entry, Found, Outcome, Query, Settings};

on_each_store! { file;
    a_request_is_found_with_what_became_of_it,
    volumes_that_had_their_time_are_gone_after_a_start,
    the_oldest_volumes_go_for_room_and_then_nothing_is_written,
    a_log_that_was_never_written_is_empty,
    several_write_at_the_same_time,
    every_page_of_every_answer_is_the_models,
}

const LANE: &str = "edge-1";

fn at(day: &str, second: i64) -> Timestamp {
    Day::parse(day).unwrap().start().plus(Duration::from_secs(second.unsigned_abs()))
}

fn seen_at(class: Class, at: Timestamp, seed: u64, advertiser_id: u64, reference: Option<&str>) -> Seen {
    Seen {
        event_id: EventId::new(Seed(seed.into()), at),
        received_at: at,
        class,
        method: Method::Get,
        host: "old.example".into(),
        endpoint: "sale".into(),
        recognised: true,
        advertiser_id: Some(advertiser_id),
        publisher_id: Some(advertiser_id + 1),
        creative_id: None,
        reference: reference.map(Into::into),
        amount: Some(Money::from_minor(1050, Currency::USD)),
        phase: Some(Phase::Moved),
        consent: Some(Consent::Granted(ConsentReason::Link)),
        country: Some("US".into()),
        network: Some(IpAddr::from([203, 0, 113, 0])),
        referrer: Some("shop.example".into()),
        problems: vec!["invalid_amount".to_owned(), "unmapped_publisher".to_owned()],
        mode: Mode::Accept,
        status: 200,
        leads_to: None,
        took: Duration::from_micros(1234),
    }
}

fn entry(seen: Seen) -> Entry {
    Entry::Seen(Box::new(seen))
}

/// Settings that no disk of a test machine is too full for.
fn roomy() -> Settings {
    Settings { free_bytes_min: 0, ..Settings::default() }
}

fn a_request_is_found_with_what_became_of_it(place: &Place) {
    let seen = seen_at(Class::Conversion, at("2026-11-30", 1), 1, 7, Some("A-1"));
    let event_id = seen.event_id;
    let facts = [
        Fact::Booked { event_id, advertiser_id: Some(7), attributed: true },
        Fact::Moved { event_id, state: "confirmed" },
        Fact::Appended { event_id },
    ];
    let outcomes = facts.iter().filter_map(|fact| Outcome::of(fact, at("2026-12-24", 0)));
    let entries: Vec<Entry> =
        std::iter::once(entry(seen.clone())).chain(outcomes.map(Entry::Outcome)).collect();
    let status = place.write(entries.clone());
    assert_eq!((status.written, status.dropped, status.failing), (3, 0, None));
    // A line that is offered again changes nothing.
    place.write(entries.into_iter().take(1));
    let reader = place.reader();
    let found = reader.find(&Query { event_id: Some(event_id), limit: 10, ..Query::default() }).unwrap();
    let [row] = &found.rows[..] else { panic!("{found:?}") };
    assert!(!found.more);
    assert_eq!((row.event_id, row.received_at, row.lane.as_str()), (event_id, seen.received_at, LANE));
    assert_eq!((row.advertiser_id, row.publisher_id, row.creative_id), (Some(7), Some(8), None));
    assert_eq!((row.minor, row.currency.as_deref(), row.took_micros), (Some(1050), Some("USD"), 1234));
    assert_eq!((row.consent.as_deref(), row.consent_reason.as_deref()), (Some("granted"), Some("link")));
    assert_eq!(row.problems, "invalid_amount unmapped_publisher");
    assert_eq!(row.network.as_deref(), Some("203.0.113.0"));
    let outcomes = reader.outcomes(event_id).unwrap();
    let words: Vec<&str> = outcomes.iter().map(|outcome| outcome.what.as_str()).collect();
    assert_eq!(words, ["booked", "confirmed"]);
    assert_eq!(outcomes[0].at, at("2026-12-24", 0), "what came later stands with its event");
}

fn a_log_that_was_never_written_is_empty(place: &Place) {
    let reader = place.reader();
    assert_eq!(reader.find(&Query { limit: 5, ..Query::default() }).unwrap(), Found::default());
    assert_eq!(reader.outcomes(EventId::new(Seed(1), at("2026-11-30", 0))).unwrap(), []);
}

fn volumes_that_had_their_time_are_gone_after_a_start(place: &Place) {
    place.write([
        entry(seen_at(Class::Click, at("2026-08-01", 1), 1, 7, None)),
        entry(seen_at(Class::Conversion, at("2026-08-01", 1), 2, 7, None)),
        entry(seen_at(Class::Click, at("2026-11-29", 1), 3, 7, None)),
    ]);
    let status = place.write([]);
    assert_eq!((status.removed, status.volumes, status.failing), (1, 2, None));
    assert!(status.bytes > 0);
    let left = place.reader().find(&Query { limit: 5, ..Query::default() }).unwrap().rows;
    let left: Vec<(&str, Timestamp)> = left.iter().map(|row| (row.class.as_str(), row.received_at)).collect();
    assert_eq!(left, [("click", at("2026-11-29", 1)), ("conversion", at("2026-08-01", 1))]);
}

fn the_oldest_volumes_go_for_room_and_then_nothing_is_written(place: &Place) {
    let (old, new) = (at("2026-11-28", 1), at("2026-11-30", 1));
    place.write([
        entry(seen_at(Class::Click, old, 1, 7, None)),
        entry(seen_at(Class::Click, new, 2, 7, None)),
        entry(seen_at(Class::Conversion, new, 3, 7, None)),
    ]);
    let held = place.write([]).bytes;
    // One byte less than there is: the oldest goes, and the rest has room.
    let log = place.open(LANE, Settings { bytes_max: held - 1, ..roomy() }, new);
    log.offer(entry(seen_at(Class::Click, new, 4, 7, None)));
    log.close();
    let status = log.status();
    assert_eq!((status.removed, status.written, status.dropped, status.paused), (1, 1, 0, false));
    // No room at all: what is being written stays, and nothing is added to it.
    let log = place.open(LANE, Settings { bytes_max: 1, ..roomy() }, new);
    log.offer(entry(seen_at(Class::Click, new, 5, 7, None)));
    log.close();
    let status = log.status();
    assert_eq!((status.removed, status.written, status.dropped, status.paused), (0, 0, 1, true));
    let left = place.reader().find(&Query { limit: 9, ..Query::default() }).unwrap().rows;
    assert!(left.iter().all(|row| row.received_at == new) && left.len() == 3, "{left:?}");
}

/// Edges and processors write into one log, and each makes the tables that it finds missing.
fn several_write_at_the_same_time(place: &Place) {
    const WRITERS: u64 = 4;
    const EACH: u64 = 50;
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            scope.spawn(move || {
                let lane = format!("lane-{writer}");
                let log = place.open(&lane, roomy(), at("2026-11-30", 0));
                for number in 0..EACH {
                    let class = if number % 2 == 0 { Class::Click } else { Class::Conversion };
                    let seen = seen_at(class, at("2026-11-30", 1), writer * EACH + number, writer, None);
                    let fact = Fact::Moved { event_id: seen.event_id, state: "confirmed" };
                    log.offer(entry(seen));
                    log.offer(Entry::Outcome(Outcome::of(&fact, at("2026-11-30", 2)).unwrap()));
                }
                log.close();
                let status = log.status();
                assert_eq!((status.written, status.dropped, status.failing), (2 * EACH, 0, None));
            });
        }
    });
    let reader = place.reader();
    for writer in 0..WRITERS {
        let query = Query { advertiser_id: Some(writer), limit: 1000, ..Query::default() };
        let rows = reader.find(&query).unwrap().rows;
        assert_eq!(rows.len() as u64, EACH);
        assert!(rows.iter().all(|row| row.lane == format!("lane-{writer}")), "{rows:?}");
        assert!(rows.iter().all(|row| reader.outcomes(row.event_id).unwrap().len() == 1));
    }
}

/// What the log ought to answer: every request, looked at one by one.
fn model(entries: &[Seen], query: &Query) -> Vec<EventId> {
    let holds = |seen: &&Seen| {
        query.reference.as_deref().is_none_or(|wanted| seen.reference.as_deref() == Some(wanted))
            && query.advertiser_id.is_none_or(|wanted| seen.advertiser_id == Some(wanted))
            && query.publisher_id.is_none_or(|wanted| seen.publisher_id == Some(wanted))
            && query.class.as_deref().is_none_or(|wanted| seen.class.name() == wanted)
            && query.since.is_none_or(|since| seen.received_at >= since)
            && query.until.is_none_or(|until| seen.received_at < until)
    };
    let mut found: Vec<EventId> = entries.iter().filter(holds).map(|seen| seen.event_id).collect();
    found.sort_unstable_by(|a, b| b.cmp(a));
    found
}

fn question() -> impl Strategy<Value = Query> {
    let days = prop_oneof![Just(None), (0_i64..8 * 86_400).prop_map(|second| Some(at("2026-10-27", second)))];
    let class = prop_oneof![Just(None), Just(Some("click".to_owned())), Just(Some("conversion".to_owned()))];
    let reference = prop_oneof![Just(None), (0_u8..3).prop_map(|n| Some(format!("R{n}")))];
    let id = || prop_oneof![Just(None), (0_u64..4).prop_map(Some)];
    (days.clone(), days, class, reference, id(), id(), 1_usize..5).prop_map(
        |(since, until, class, reference, advertiser_id, publisher_id, limit)| Query {
            since,
            until,
            class,
            reference,
            advertiser_id,
            publisher_id,
            limit,
            ..Query::default()
        },
    )
}

/// Page by page, every question gets what a look at every single request gives.
fn every_page_of_every_answer_is_the_models(place: &Place) {
    let drawn = prop::collection::vec((0_i64..8 * 86_400, 0_u64..3, 0_u8..4, any::<bool>()), 0..30);
    let questions = prop::collection::vec(question(), 1..6);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(12));
    let outcome = runner.run(&(drawn, questions), |(drawn, questions)| {
        let place = place.another();
        let entries: Vec<Seen> = drawn
            .iter()
            .enumerate()
            .map(|(n, (second, shop, order, click))| {
                let class = if *click { Class::Click } else { Class::Conversion };
                let reference = format!("R{order}");
                seen_at(class, at("2026-10-27", *second), n as u64, *shop, Some(&reference))
            })
            .collect();
        place.write(entries.iter().cloned().map(entry));
        let reader = place.reader();
        for mut query in questions {
            let expected = model(&entries, &query);
            let mut answered = Vec::new();
            loop {
                let found = reader.find(&query).unwrap();
                prop_assert!(found.rows.len() <= query.limit);
                answered.extend(found.rows.iter().map(|row| row.event_id));
                if !found.more {
                    break;
                }
                query.after = found.rows.last().map(|row| row.event_id);
            }
            prop_assert_eq!(&answered, &expected, "{:?}", query);
        }
        Ok(())
    });
    outcome.unwrap();
}
