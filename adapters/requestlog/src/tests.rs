use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use relay::Fact;
use relay::policy::Phase;
use relay::reply::Mode;
use relay::seen::Seen;
use tracking::consent::{Consent, ConsentReason};
use tracking::{Class, Method};
use units::calendar::Day;
use units::{Currency, EventId, Money, Seed, Timestamp};

use super::*;

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

fn write(folder: &Path, entries: impl IntoIterator<Item = Entry>) -> Status {
    let log = Log::open(folder, LANE, roomy(), || at("2026-11-30", 0)).unwrap();
    entries.into_iter().for_each(|entry| log.offer(entry));
    log.close();
    log.status()
}

/// Settings that no disk of a test machine is too full for.
fn roomy() -> Settings {
    Settings { free_bytes_min: 0, ..Settings::default() }
}

#[test]
fn a_request_is_found_with_what_became_of_it() {
    let folder = tempfile::tempdir().unwrap();
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
    let status = write(folder.path(), entries.clone());
    assert_eq!((status.written, status.dropped, status.failing), (3, 0, None));
    // A line that is offered again changes nothing.
    write(folder.path(), entries.into_iter().take(1));
    let reader = Reader::new(folder.path());
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

#[test]
fn what_the_disk_has_no_room_for_is_counted_and_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { free_bytes_min: u64::MAX, ..Settings::default() };
    let log = Log::open(folder.path(), LANE, settings, || at("2026-11-30", 0)).unwrap();
    log.offer(entry(seen_at(Class::Click, at("2026-11-30", 1), 1, 7, None)));
    log.close();
    log.offer(entry(seen_at(Class::Click, at("2026-11-30", 2), 2, 7, None)));
    let status = log.status();
    assert_eq!((status.written, status.dropped, status.paused), (0, 2, true));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_volume_that_cannot_be_written_costs_its_own_entries_alone_and_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("other-2026-11-30.sqlite")).unwrap();
    let status = write(
        folder.path(),
        [
            entry(seen_at(Class::Click, at("2026-11-30", 1), 1, 7, None)),
            entry(seen_at(Class::Conversion, at("2026-11-30", 1), 2, 7, None)),
        ],
    );
    assert_eq!((status.written, status.dropped), (1, 1));
    let failing = status.failing.unwrap();
    assert!(failing.contains("other-2026-11-30.sqlite") && failing.contains("open"), "{failing}");
}

#[test]
fn a_volume_of_a_newer_version_is_neither_written_nor_guessed_at() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("money-2026-11.sqlite");
    rusqlite::Connection::open(&file).unwrap().execute_batch("PRAGMA user_version = 2").unwrap();
    let seen = seen_at(Class::Conversion, at("2026-11-30", 1), 1, 7, None);
    let query = Query { event_id: Some(seen.event_id), limit: 1, ..Query::default() };
    let status = write(folder.path(), [entry(seen)]);
    assert_eq!(status.dropped, 1);
    let error = Reader::new(folder.path()).find(&query).unwrap_err();
    assert!(error.to_string().contains("has format 2"), "{error}");
}

#[test]
fn volumes_that_had_their_time_are_gone_after_a_start_and_strangers_stay() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        [
            entry(seen_at(Class::Click, at("2026-08-01", 1), 1, 7, None)),
            entry(seen_at(Class::Conversion, at("2026-08-01", 1), 2, 7, None)),
            entry(seen_at(Class::Click, at("2026-11-29", 1), 3, 7, None)),
        ],
    );
    std::fs::write(folder.path().join("notes.txt"), "keep").unwrap();
    let status = write(folder.path(), []);
    assert_eq!((status.removed, status.volumes), (1, 2));
    assert!(status.bytes > 0);
    let mut files: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm"))
        .collect();
    files.sort();
    assert_eq!(files, ["money-2026-08.sqlite", "notes.txt", "other-2026-11-29.sqlite"]);
}

#[test]
fn a_log_that_was_never_written_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let reader = Reader::new(&folder.path().join("nothing"));
    assert_eq!(reader.find(&Query { limit: 5, ..Query::default() }).unwrap(), Found::default());
    assert_eq!(reader.outcomes(EventId::new(Seed(1), at("2026-11-30", 0))).unwrap(), []);
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Page by page, every question gets what a look at every single request gives.
    #[test]
    fn every_page_of_every_answer_is_the_models(
        drawn in prop::collection::vec((0_i64..8 * 86_400, 0_u64..3, 0_u8..4, any::<bool>()), 0..30),
        questions in prop::collection::vec(question(), 1..6),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let entries: Vec<Seen> = drawn.iter().enumerate().map(|(n, (second, shop, order, click))| {
            let class = if *click { Class::Click } else { Class::Conversion };
            let reference = format!("R{order}");
            seen_at(class, at("2026-10-27", *second), n as u64, *shop, Some(&reference))
        }).collect();
        write(folder.path(), entries.iter().cloned().map(entry));
        let reader = Reader::new(folder.path());
        for mut query in questions {
            let expected = model(&entries, &query);
            let mut answered = Vec::new();
            loop {
                let found = reader.find(&query).unwrap();
                prop_assert!(found.rows.len() <= query.limit);
                answered.extend(found.rows.iter().map(|row| row.event_id));
                if !found.more { break; }
                query.after = found.rows.last().map(|row| row.event_id);
            }
            prop_assert_eq!(&answered, &expected, "{:?}", query);
        }
    }
}
