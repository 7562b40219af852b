//! Logs as files: packed, cut short, in several parts.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use census::{Census, Options, Progress, Unread, census_of};
use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use tempfile::TempDir;

fn options(threads: usize) -> Options {
    Options { format: None, host: None, keep_values: false, threads, seed: 3 }
}

fn written(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn read(log: &Path, threads: usize) -> (Census, Vec<Unread>) {
    census_of(&[log.to_path_buf()], &options(threads), &|_, _| None, &Progress::default())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn log(lines: u32) -> Vec<u8> {
    (0..lines).flat_map(|number| format!("https://a.test/p?x={number}&y=b\r\n").into_bytes()).collect()
}

#[test]
fn packed_logs_are_read_as_plain_ones_also_in_several_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let plain = log(5_000);
    let half = plain.len() / 2;
    let gz = [gzip(&plain[..half]), gzip(&plain[half..])].concat();
    let fast = |bytes: &[u8]| compress_to_vec(bytes, CompressionLevel::Fastest);
    let zst = [fast(&plain[..half]), fast(&plain[half..])].concat();
    for (name, bytes) in [("plain", plain), ("log.gz", gz), ("log.zst", zst)] {
        let (census, unread) = read(&written(&folder, name, &bytes), 2);
        assert!(unread.is_empty(), "{name}: {unread:?}");
        assert_eq!((census.requests, census.bad), (5_000, 0), "{name}");
    }
}

#[test]
fn a_log_that_was_cut_short_is_counted_up_to_there_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let packed = gzip(&log(50_000));
    let path = written(&folder, "cut.gz", &packed[..packed.len() / 2]);
    let (census, unread) = read(&path, 1);
    assert!(census.requests > 1_000 && census.requests < 50_000, "{}", census.requests);
    assert_eq!(unread.len(), 1);
    assert!(unread[0].to_string().contains("cut.gz"));
}

#[test]
fn a_large_file_in_parts_counts_every_line_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(&folder, "large", &log(700_000));
    assert!(fs::metadata(&path).unwrap().len() > 16 << 20, "large enough to be divided");
    let (one, _) = read(&path, 1);
    let (two, _) = read(&path, 2);
    assert_eq!((one.requests, one.bad), (700_000, 0));
    assert_eq!((two.requests, two.bad), (700_000, 0));
    assert_eq!(one.endpoints[0].parameters[0].patterns, two.endpoints[0].parameters[0].patterns);
}

#[test]
fn escapes_of_json_are_undone_before_a_query_is_split() {
    let folder = tempfile::tempdir().unwrap();
    let line = r#"{"ClientRequestHost":"a.test","ClientRequestURI":"\/p?x=1\u0026y=2"}"#;
    let (census, _) = read(&written(&folder, "json", line.as_bytes()), 1);
    let names: Vec<&[u8]> = census.endpoints[0].parameters.iter().map(|one| one.name.as_slice()).collect();
    assert_eq!(names, [b"x", b"y"]);
}

#[test]
fn a_log_that_is_not_there_does_not_hide_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let logs =
        [folder.path().join("none"), written(&folder, "some", &log(3)), written(&folder, "empty", b"")];
    let (census, unread) = census_of(&logs, &options(2), &|_, _| None, &Progress::default());
    assert_eq!((census.requests, unread.len()), (3, 1));
}
