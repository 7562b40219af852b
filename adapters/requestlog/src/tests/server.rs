//! What only a server can do: be away, be shared, be changed behind our back.

use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use pglink::Link;
use tracking::Class;
use units::Timestamp;

use super::place::Place;
use super::{LANE, at, entry, roomy, seen_at};
use crate::{Entry, Log, Query, Reader, Server, Status};

const MINUTE: Duration = Duration::from_secs(60);

fn now() -> Timestamp {
    at("2026-11-30", 0)
}

fn click(number: u64) -> Entry {
    entry(seen_at(Class::Click, at("2026-11-30", 1), number, 7, None))
}

/// Runs statements on the server of a place.
fn run(place: &Place, text: &str) {
    let crate::Place::Server(server) = place.of() else { panic!("no server") };
    Link::open(&server, MINUTE).unwrap().script(text, MINUTE).unwrap();
}

fn found(reader: &Reader) -> usize {
    reader.find(&Query { limit: 1000, ..Query::default() }).unwrap().rows.len()
}

fn wait_until(log: &Log, mut wanted: impl FnMut(&Status) -> bool) -> Status {
    let begun = Instant::now();
    loop {
        let status = log.status();
        if wanted(&status) {
            return status;
        }
        assert!(begun.elapsed() < MINUTE, "{status:?}");
        // The log tells its state and wakes nobody: it is looked at again a little later.
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_server_that_is_away_costs_entries_and_nobody_s_time_and_is_used_again_once_it_is_back() {
    let own = pgserver::Own::start().unwrap();
    let schema = own.schema().unwrap();
    let place = crate::Place::from(Server::parse(schema.address(), None, None).unwrap());
    own.kill().unwrap();
    let log = Log::open(&place, LANE, roomy(), now).unwrap();
    for number in 0..100 {
        log.offer(click(number));
    }
    let status = wait_until(&log, |status| status.dropped == 100);
    let failing = status.failing.unwrap();
    assert!(failing.contains("cannot be reached"), "{failing}");
    own.restart().unwrap();
    let mut number = 100;
    let status = wait_until(&log, |status| {
        log.offer(click(number));
        number += 1;
        status.written > 0
    });
    assert_eq!(status.failing, None);
    log.close();
    let status = log.status();
    assert_eq!(status.written + status.dropped, number);
    assert_eq!(found(&Reader::open(&place).unwrap()) as u64, status.written);
}

#[test]
fn a_process_that_ends_is_not_held_up_by_a_server_that_does_not_answer() {
    // It takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("postgres://ada@{}/turnout", silent.local_addr().unwrap());
    let place = crate::Place::from(Server::parse(&address, None, None).unwrap());
    let log = Log::open(&place, LANE, roomy(), now).unwrap();
    let begun = Instant::now();
    (0..10_000).for_each(|number| log.offer(click(number)));
    assert!(begun.elapsed() < Duration::from_secs(2), "an offer waits for nobody");
    log.close();
    assert_eq!(log.status().dropped, 10_000);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn a_volume_that_another_took_away_is_made_anew() {
    let place = Place::server();
    let log = place.open(LANE, roomy(), now());
    log.offer(click(1));
    wait_until(&log, |status| status.written == 1);
    run(&place, "DROP TABLE requests_other_2026_11_30");
    log.offer(click(2));
    log.close();
    let status = log.status();
    assert_eq!((status.written, status.dropped, status.failing), (2, 0, None));
    assert_eq!(found(&place.reader()), 1);
}

#[test]
fn a_volume_of_a_newer_version_is_neither_written_nor_guessed_at() {
    let place = Place::server();
    run(
        &place,
        "CREATE TABLE requests_money_2026_11 (event_id BYTEA);
         COMMENT ON TABLE requests_money_2026_11 IS 'turnout request log, format 2'",
    );
    let status = place.write([entry(seen_at(Class::Conversion, at("2026-11-30", 1), 1, 7, None)), click(2)]);
    assert_eq!((status.written, status.dropped), (1, 1), "its own entries alone");
    let failing = status.failing.unwrap();
    assert!(failing.contains("requests_money_2026_11") && failing.contains("has format 2"), "{failing}");
    let error = place.reader().find(&Query { limit: 1, ..Query::default() }).unwrap_err();
    assert!(error.to_string().contains("has format 2"), "{error}");
}

#[test]
fn tables_of_strangers_stay() {
    let place = Place::server();
    let strangers = "CREATE TABLE requests_notes (a BIGINT); CREATE TABLE requests_other_2020_01 (a BIGINT)";
    run(&place, strangers);
    place.write([entry(seen_at(Class::Click, at("2026-08-01", 1), 1, 7, None))]);
    let status = place.write([click(2)]);
    assert_eq!((status.removed, status.failing), (1, None));
    run(&place, "SELECT a FROM requests_notes; SELECT a FROM requests_other_2020_01");
}
