//! What only a folder can do: be full, hold strangers, be damaged.

use tracking::Class;

use super::place::Place;
use super::{LANE, at, entry, seen_at};
use crate::{Query, Settings};

#[test]
fn what_the_disk_has_no_room_for_is_counted_and_dropped() {
    let place = Place::file();
    let settings = Settings { free_bytes_min: u64::MAX, ..Settings::default() };
    let log = place.open(LANE, settings, at("2026-11-30", 0));
    log.offer(entry(seen_at(Class::Click, at("2026-11-30", 1), 1, 7, None)));
    log.close();
    log.offer(entry(seen_at(Class::Click, at("2026-11-30", 2), 2, 7, None)));
    let status = log.status();
    assert_eq!((status.written, status.dropped, status.paused), (0, 2, true));
    assert_eq!(std::fs::read_dir(place.folder()).unwrap().count(), 0);
}

#[test]
fn a_volume_that_cannot_be_written_costs_its_own_entries_alone_and_is_told_of() {
    let place = Place::file();
    std::fs::create_dir_all(place.folder().join("other-2026-11-30.sqlite")).unwrap();
    let status = place.write([
        entry(seen_at(Class::Click, at("2026-11-30", 1), 1, 7, None)),
        entry(seen_at(Class::Conversion, at("2026-11-30", 1), 2, 7, None)),
    ]);
    assert_eq!((status.written, status.dropped), (1, 1));
    let failing = status.failing.unwrap();
    assert!(failing.contains("other-2026-11-30.sqlite") && failing.contains("open"), "{failing}");
}

#[test]
fn a_volume_of_a_newer_version_is_neither_written_nor_guessed_at() {
    let place = Place::file();
    place.write([]);
    let file = place.folder().join("money-2026-11.sqlite");
    rusqlite::Connection::open(&file).unwrap().execute_batch("PRAGMA user_version = 2").unwrap();
    let seen = seen_at(Class::Conversion, at("2026-11-30", 1), 1, 7, None);
    let query = Query { event_id: Some(seen.event_id), limit: 1, ..Query::default() };
    let status = place.write([entry(seen)]);
    assert_eq!(status.dropped, 1);
    let error = place.reader().find(&query).unwrap_err();
    assert!(error.to_string().contains("has format 2"), "{error}");
}

#[test]
fn volumes_that_had_their_time_are_gone_after_a_start_and_strangers_stay() {
    let place = Place::file();
    place.write([
        entry(seen_at(Class::Click, at("2026-08-01", 1), 1, 7, None)),
        entry(seen_at(Class::Conversion, at("2026-08-01", 1), 2, 7, None)),
        entry(seen_at(Class::Click, at("2026-11-29", 1), 3, 7, None)),
    ]);
    std::fs::write(place.folder().join("notes.txt"), "keep").unwrap();
    let status = place.write([]);
    assert_eq!((status.removed, status.volumes), (1, 2));
    assert!(status.bytes > 0);
    let mut files: Vec<String> = std::fs::read_dir(place.folder())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm"))
        .collect();
    files.sort();
    assert_eq!(files, ["money-2026-08.sqlite", "notes.txt", "other-2026-11-29.sqlite"]);
}
