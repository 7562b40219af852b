//! How long does a look-up take among ten rows, ten thousand, ten million?
//!
//! Products are imported from CSV as an operator would, opened as a process does, and asked for in random order
//! over the whole set, so that the larger tables are mostly outside of the processor's caches.
//!
//! `cargo run --release -p directory --example directory_bench -- [folder] [rows ...]`, by default 10, 10000 and
//! 10000000 in the system's temporary folder: it needs 2 GB there. Prints a line of JSON at the end.

#![allow(clippy::print_stdout, reason = "a program that prints what it measured")]

use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use directory::{Maps, Rules, import};
use tracking::directory::{CreativeKind, Directory};

/// Look-ups of one measurement.
const LOOKUPS: u64 = 2_000_000;

/// Measurements, of which the median counts.
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let parent = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let mut sizes: Vec<u64> = arguments.map(|text| text.parse()).collect::<Result<_, _>>()?;
    if sizes.is_empty() {
        sizes = vec![10, 10_000, 10_000_000];
    }
    let mut lines = Vec::new();
    for rows in sizes {
        let line = measure(&parent, rows)?;
        println!("{line}");
        lines.push(line);
    }
    println!("{{\"sizes\":[{}]}}", lines.join(","));
    Ok(())
}

fn measure(parent: &Path, rows: u64) -> Result<String, Box<dyn Error>> {
    let folder = tempfile::tempdir_in(parent)?;
    write_tables(folder.path(), rows)?;
    let maps = Maps::at(&folder.path().join("versions"));
    let began = Instant::now();
    let imported = import(&maps, &[folder.path().to_path_buf()], &Rules::of(None)?, &mut |_| {})?;
    let import_s = began.elapsed().as_secs_f64();
    drop(imported.directory);
    let began = Instant::now();
    let directory = maps.open(imported.number)?;
    let open_ms = began.elapsed().as_secs_f64() * 1000.0;
    let bytes = directory.bytes().len();
    let mut found: Vec<f64> = (0..ROUNDS).map(|round| look_up(&directory, rows, round as u64, 1)).collect();
    let mut missed: Vec<f64> = (0..ROUNDS).map(|round| look_up(&directory, rows, round as u64, 0)).collect();
    found.sort_by(f64::total_cmp);
    missed.sort_by(f64::total_cmp);
    let row_bytes = bytes as f64 / rows as f64;
    let (ns, missed_ns) = (found[ROUNDS / 2], missed[ROUNDS / 2]);
    Ok(format!(
        "{{\"rows\":{rows},\"lookup_ns\":{ns:.1},\"missed_ns\":{missed_ns:.1},\"open_ms\":{open_ms:.2},\
         \"import_s\":{import_s:.2},\"file_bytes\":{bytes},\"bytes_per_row\":{row_bytes:.1}}}"
    ))
}

/// Ids lie far apart, as a platform's do; those between them are not there.
const fn id(number: u64) -> u64 {
    1_000_000 + number * 97
}

/// Nanoseconds for one look-up with its landing page; `present` 0 asks for ids that are not there.
fn look_up(directory: &Directory, rows: u64, round: u64, present: u64) -> f64 {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_add(round);
    let mut found = 0_u64;
    let began = Instant::now();
    for _ in 0..LOOKUPS {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let asked = id(state % rows) + 1 - present;
        if let Some(row) = directory.creative(CreativeKind::Product, asked) {
            found += u64::from(row.landing_url.is_some_and(|url| black_box(url).len() > 8));
        }
    }
    let ns = began.elapsed().as_nanos() as f64 / LOOKUPS as f64;
    assert_eq!(found, LOOKUPS * present, "every id that is there is found, and no other");
    ns
}

fn write_tables(folder: &Path, rows: u64) -> std::io::Result<()> {
    let advertisers = "legacy_id,primary_id,name,landing_url,domains,wave,programme,currency,window_days,commission,deduplicates\n\
        789,100789,Shop,https://example.com/,example.com,first,online,USD,30,10%,false\n";
    std::fs::write(folder.join("advertisers.csv"), advertisers)?;
    let mut file = BufWriter::new(File::create(folder.join("creatives.csv"))?);
    writeln!(file, "kind,legacy_id,advertiser_id,primary_id,landing_url")?;
    for number in 0..rows {
        let id = id(number);
        writeln!(file, "product,{id},789,{},https://example.com/products/{id}", id + 7)?;
    }
    file.flush()
}
