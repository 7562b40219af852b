//! Volumes of every version that was released are read, and written on.
//!
//! `formats/v1` has a volume as version 1 left it: as a file, and as a server's tables. They are never written again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pglink::Link;
use relay::Fact;
use tracking::Class;
use units::Currency;

use super::place::Place;
use super::{at, entry, on_each_store, seen_at};
use crate::{Entry, Outcome, Query};

const FILE: &str = "money-2026-11.sqlite";

fn formats() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("formats/v1")
}

/// What the specimen holds: an order with what became of it, and another one that is like it in everything else.
pub(super) fn entries() -> [Entry; 4] {
    let first = seen_at(Class::Conversion, at("2026-11-30", 1), 1, 7, Some("Größe 1'2"));
    let second = seen_at(Class::Adjustment, at("2026-11-30", 2), 2, 8, None);
    let became = |fact: &Fact| Entry::Outcome(Outcome::of(fact, at("2026-12-24", 0)).unwrap());
    let event_id = first.event_id;
    let booked = became(&Fact::Booked { event_id, advertiser_id: Some(7), attributed: true });
    let confirmed = became(&Fact::Moved { event_id, state: "confirmed" });
    [entry(first), entry(second), booked, confirmed]
}

/// Puts the specimen where a log of this version finds it.
fn left_by_version_1(place: &Place) {
    match place.of() {
        crate::Place::Folder(folder) => {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::copy(formats().join(FILE), folder.join(FILE)).unwrap();
        }
        crate::Place::Server(server) => {
            let text = std::fs::read_to_string(formats().join("postgres.sql")).unwrap();
            let minute = Duration::from_secs(60);
            Link::open(&server, minute).unwrap().script(&text, minute).unwrap();
        }
    }
}

fn a_volume_of_version_1_is_read_and_written_on(place: &Place) {
    left_by_version_1(place);
    let reader = place.reader();
    let query = Query { reference: Some("Größe 1'2".to_owned()), limit: 5, ..Query::default() };
    let found = reader.find(&query).unwrap();
    let [row] = &found.rows[..] else { panic!("{found:?}") };
    let Entry::Seen(seen) = &entries()[0] else { panic!("a request comes first") };
    assert_eq!(
        (row.event_id, row.received_at, row.lane.as_str()),
        (seen.event_id, seen.received_at, "edge-1")
    );
    assert_eq!((row.class.as_str(), row.method.as_str()), ("conversion", "GET"));
    assert_eq!((row.advertiser_id, row.publisher_id, row.creative_id), (Some(7), Some(8), None));
    assert_eq!((row.minor, row.currency.as_deref()), (Some(1050), Some(Currency::USD.code())));
    assert_eq!((row.recognised, row.status, row.took_micros), (true, 200, 1234));
    let words: Vec<String> =
        reader.outcomes(seen.event_id).unwrap().into_iter().map(|outcome| outcome.what).collect();
    assert_eq!(words, ["booked", "confirmed"]);
    let status = place.write([entry(seen_at(Class::Conversion, at("2026-11-30", 3), 3, 7, Some("new")))]);
    assert_eq!((status.written, status.dropped, status.failing), (1, 0, None));
    let all = place.reader().find(&Query { limit: 5, ..Query::default() }).unwrap().rows;
    let references: Vec<Option<&str>> = all.iter().map(|row| row.reference.as_deref()).collect();
    assert_eq!(references, [Some("new"), None, Some("Größe 1'2")]);
}

/// What this version writes of the same is what the specimen holds; with another format it would be a new specimen.
fn this_version_writes_what_the_specimen_holds(place: &Place) {
    let old = place.another();
    left_by_version_1(&old);
    place.write(entries());
    let all = |place: &Place| place.reader().find(&Query { limit: 5, ..Query::default() }).unwrap();
    assert_eq!(all(place), all(&old));
}

on_each_store! { file;
    a_volume_of_version_1_is_read_and_written_on,
    this_version_writes_what_the_specimen_holds,
}
