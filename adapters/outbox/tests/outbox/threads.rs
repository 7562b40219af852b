//! Many appenders, one committer, on the real disk and on the simulated one.

use std::path::Path;
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use outbox::simulated::Simulated;
use outbox::{AppendError, Appender, Consumer, Disk, Filesystem, OpenError, Position, Settings};

use crate::support::{entry, lane, small};

fn settings() -> Settings {
    Settings { reserve_bytes: 64 << 10, ..Settings::default() }
}

fn real(directory: &Path) -> (Appender, Consumer) {
    let (appender, consumer, _) = outbox::open(directory, settings()).unwrap();
    (appender, consumer)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

async fn drain<F: Filesystem>(consumer: &mut Consumer<F>, count: usize) -> Vec<(Position, Bytes)> {
    let mut entries = Vec::new();
    while entries.len() < count {
        consumer.ready().await;
        entries.extend(consumer.read(100, 1 << 20).unwrap().entries);
        consumer.acknowledge(entries.last().unwrap().0).unwrap();
    }
    entries
}

#[test]
fn sixty_four_appenders_share_their_syncs_and_each_gets_the_place_of_its_own_entry() {
    const CLIENTS: u64 = 64;
    const ROUNDS: u64 = 40;
    let directory = tempfile::tempdir().unwrap();
    let (appender, mut consumer) = real(&directory.path().join("deep/lane"));
    let runtime = runtime();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let appender = appender.clone();
            runtime.spawn(async move {
                let mut places = Vec::new();
                for round in 0..ROUNDS {
                    let content = format!("{client}:{round}");
                    places.push((appender.append(Bytes::from(content.clone())).await.unwrap(), content));
                }
                places
            })
        })
        .collect();
    runtime.block_on(async {
        let delivered = drain(&mut consumer, usize::try_from(CLIENTS * ROUNDS).unwrap()).await;
        assert!(delivered.iter().zip(1..).all(|((position, _), due)| position.get() == due));
        for client in clients {
            let places = client.await.unwrap();
            assert!(places.is_sorted_by(|one, next| one.0 < next.0), "a client's entries stay in its order");
            for (position, content) in places {
                assert_eq!(delivered[usize::try_from(position.get() - 1).unwrap()].1, content);
            }
        }
    });
    let status = appender.status();
    assert_eq!((status.appended, status.backlog_entries), (CLIENTS * ROUNDS, 0));
    assert!(status.syncs * 4 < status.appended, "{} syncs for {} entries", status.syncs, status.appended);
}

#[test]
fn a_dropped_append_loses_nothing_and_corrupts_nothing() {
    let disk = Simulated::new(1);
    let (appender, mut consumer, _) = outbox::open_on(&disk, lane(), small()).unwrap();
    runtime().block_on(async {
        for number in 1..=50 {
            let mut append = pin!(appender.append(Bytes::from(entry(number))));
            // Polled once, so that it has joined the line; every second one is then dropped.
            let answered = std::future::poll_fn(|context| Poll::Ready(append.as_mut().poll(context))).await;
            if number % 2 == 0 && answered.is_pending() {
                append.await.unwrap();
            }
        }
        let delivered = drain(&mut consumer, 50).await;
        let expected: Vec<_> =
            (1..=50).map(|number| (Position::new(number), Bytes::from(entry(number)))).collect();
        assert_eq!(delivered, expected);
    });
}

#[test]
fn a_second_opener_is_told_who_has_the_lane_and_gets_it_afterwards() {
    let directory = tempfile::tempdir().unwrap();
    let first = real(directory.path());
    let error = outbox::open(directory.path(), settings()).map(|_| ()).unwrap_err();
    let OpenError::Locked { holder, .. } = &error else { panic!("{error}") };
    assert_eq!(*holder, std::process::id().to_string());
    drop(first);
    outbox::open(directory.path(), settings()).unwrap();
}

#[test]
fn closing_serves_who_waits_refuses_who_comes_and_keeps_everything() {
    let directory = tempfile::tempdir().unwrap();
    let (appender, mut consumer) = real(directory.path());
    let runtime = runtime();
    runtime.block_on(async {
        let mut waiting: Vec<_> =
            (1..=20).map(|number| Box::pin(appender.append(Bytes::from(entry(number))))).collect();
        for append in &mut waiting {
            std::future::poll_fn(|context| Poll::Ready(append.as_mut().poll(context).is_ready())).await;
        }
        appender.close();
        for append in waiting {
            append.await.unwrap();
        }
        assert_eq!(appender.append(Bytes::new()).await, Err(AppendError::Closed));
        assert_eq!(drain(&mut consumer, 20).await.len(), 20);
    });
    assert!(appender.status().closed);
    appender.close();
    drop((appender, consumer));
    let (_, _, recovery) = outbox::open(directory.path(), settings()).unwrap();
    assert!(recovery.is_clean());
    assert_eq!((recovery.last.get(), recovery.backlog_entries), (20, 0));
}

#[test]
fn a_tail_cut_off_after_a_clean_end_refuses_to_open() {
    let directory = tempfile::tempdir().unwrap();
    let (appender, consumer) = real(directory.path());
    runtime().block_on(appender.append(Bytes::from(entry(1)))).unwrap();
    drop((appender, consumer));
    let segment = directory.path().join(format!("{:020}.segment", 1));
    let bytes = std::fs::read(&segment).unwrap();
    std::fs::write(&segment, &bytes[..bytes.len() - 1]).unwrap();
    let refused = outbox::open(directory.path(), settings()).map(|_| ()).unwrap_err();
    assert!(matches!(refused, OpenError::Missing { .. }), "{refused}");
}

#[test]
fn a_failed_sync_answers_everybody_who_waits_and_who_comes() {
    let disk = Simulated::new(1);
    let (appender, consumer, _) = outbox::open_on(&disk, lane(), small()).unwrap();
    runtime().block_on(async {
        appender.append(Bytes::from(entry(1))).await.unwrap();
        disk.fail_sync(1);
        let tasks: Vec<_> = (0..64)
            .map(|_| {
                let appender = appender.clone();
                tokio::spawn(async move { appender.append(Bytes::from(entry(2))).await })
            })
            .collect();
        for task in tasks {
            let refused = task.await.unwrap().unwrap_err();
            assert!(
                matches!(refused, AppendError::Unknown { .. } | AppendError::Poisoned { .. }),
                "{refused}"
            );
        }
    });
    assert_eq!(consumer.status().durable, Position::new(1));
    drop((appender, consumer));
    let (_, _, recovery) = outbox::open_on(&disk, lane(), small()).unwrap();
    assert_eq!(recovery.last, Position::new(1));
}

#[test]
fn a_full_lane_refuses_at_once_and_an_acknowledgement_makes_room() {
    let settings = Settings { backlog_bytes_max: 3000, ..small() };
    let (appender, mut consumer, _) = outbox::open_on(&Simulated::new(1), lane(), settings).unwrap();
    runtime().block_on(async {
        let mut count = 0;
        while appender.append(Bytes::from(vec![0; 100])).await.is_ok() {
            count += 1;
        }
        assert_eq!(count, 3000 / 124);
        let refused = appender.append(Bytes::from(vec![0; 100])).await.unwrap_err();
        assert!(matches!(refused, AppendError::Full { .. }), "{refused}");
        drain(&mut consumer, count).await;
        appender.append(Bytes::from(vec![0; 100])).await.unwrap();
    });
}

#[test]
fn an_idle_lane_sees_by_itself_that_a_full_disk_has_room_again() {
    let disk = Simulated::new(1);
    let (appender, _consumer, _) = outbox::open_on(&disk, lane(), small()).unwrap();
    runtime().block_on(async {
        appender.append(Bytes::from(entry(1))).await.unwrap();
        disk.limit(Some(0));
        while appender.append(Bytes::from(entry(2))).await.is_ok() {}
        assert!(appender.status().full);
    });
    disk.limit(None);
    // The committer looks once a second; nobody appends meanwhile.
    let begun = std::time::Instant::now();
    while appender.status().full {
        assert!(begun.elapsed().as_secs() < 30);
        std::thread::yield_now();
    }
}

#[test]
fn the_real_disk_keeps_segments_progress_and_order_over_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let mut appended = 0;
    let mut delivered = Vec::new();
    for _ in 0..4 {
        let settings = Settings { segment_bytes_max: 4 << 10, ..settings() };
        let (appender, mut consumer, recovery) = outbox::open(directory.path(), settings).unwrap();
        assert_eq!(recovery.last.get(), appended);
        runtime().block_on(async {
            for _ in 0..100 {
                appended += 1;
                appender.append(Bytes::from(entry(appended))).await.unwrap();
            }
            delivered.extend(drain(&mut consumer, 60).await);
        });
    }
    let expected: Vec<_> = (1..)
        .map(|number| (Position::new(number), Bytes::from(entry(number))))
        .take(delivered.len())
        .collect();
    assert!(delivered.len() >= 240);
    assert_eq!(delivered, expected);
    let first = directory.path().join(format!("{:020}.segment", 1));
    assert!(!first.exists(), "acknowledged segments are removed");
}

#[test]
fn appending_is_send_and_the_halves_can_be_moved_to_tasks() {
    fn sent<T: Send + 'static>(value: T) -> T {
        value
    }
    let disk = Simulated::new(1);
    let (appender, consumer, _) = outbox::open_on(&disk, lane(), small()).unwrap();
    let (appender, mut consumer) = (sent(appender), sent(consumer));
    let runtime = runtime();
    let reader = runtime.spawn(async move {
        consumer.ready().await;
        let first = consumer.read(1, 1).unwrap().last();
        consumer.rewind();
        assert_eq!(
            consumer.read(1, 1).unwrap().last(),
            first,
            "a rewind reads again what is not acknowledged"
        );
        first
    });
    let place =
        runtime.block_on(sent(async move { appender.append(Bytes::from_static(b"sent")).await.unwrap() }));
    assert_eq!(runtime.block_on(reader).unwrap(), Some(place));
    assert_eq!(format!("{Disk:?} {place}"), "Disk 1");
}
