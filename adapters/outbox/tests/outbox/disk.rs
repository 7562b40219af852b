//! The real disk, asked for what the simulated one is never wrong about.

use std::fs::OpenOptions;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Barrier;

use outbox::{Disk, Filesystem as _, Handle as _};

#[test]
fn a_directory_that_is_being_made_by_others_is_made_and_one_that_cannot_be_is_told() {
    const THREADS: usize = 4;
    let directory = tempfile::tempdir().unwrap();
    let barrier = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for round in 0..100 {
                    barrier.wait();
                    let path = directory.path().join(format!("{round}/lane"));
                    Disk.create_directory(&path).unwrap();
                    assert!(path.is_dir());
                }
            });
        }
    });
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    Disk.create_directory(&file.join("lane")).unwrap_err();
}

#[test]
fn lanes_draw_different_names() {
    let [one, other] = [Disk.lane_draw(), Disk.lane_draw()];
    assert_ne!(one, other);
}

#[test]
fn what_is_claimed_is_blocks_and_not_a_hole() {
    let directory = tempfile::tempdir().unwrap();
    let file = Disk.create(&directory.path().join("reserve")).unwrap();
    file.allocate(1 << 20).unwrap();
    let metadata = file.metadata().unwrap();
    assert_eq!(metadata.len(), 1 << 20);
    assert!(metadata.blocks() * 512 >= 1 << 20, "a hole would be no reserve");
}

#[test]
fn what_cannot_be_read_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("written");
    let deaf = OpenOptions::new().write(true).create_new(true).open(&path).unwrap();
    assert!(outbox::Handle::read_at(&deaf, &mut [0; 8], 0).is_err());
    Disk.create(&path).unwrap().write_at(&[1, 2, 3], 2).unwrap();
    let mut bytes = [9; 8];
    assert_eq!(outbox::Handle::read_at(&Disk.open(&path).unwrap(), &mut bytes, 1).unwrap(), 4);
    assert_eq!(bytes, [0, 1, 2, 3, 9, 9, 9, 9]);
}
