//! How long does a look-up take among ten rows, ten thousand, ten million, and a whole click that needs it?
//!
//! Products are imported from CSV as an operator would, opened as a process does, and asked for in random order
//! over the whole set, so that the larger tables are mostly outside of the processor's caches. Then a click for each of
//! such products goes through the whole exchange, from the bytes of the target to the reply and the sealed record.
//! The click stands in `directory_bench.txt`: no platform's word stands in Rust (I7).
//!
//! `cargo run --release -p directory --example directory_bench -- [folder] [rows ...]`, by default 10, 10000 and
//! 10000000 in the system's temporary folder: it needs 2 GB there. Prints a line of JSON at the end.

#![allow(clippy::print_stdout, reason = "a program that prints what it measured")]

use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use directory::{Maps, Rules, import, load_with};
use relay::envelope::SealKey;
use relay::policy::{Secrets, Snapshot};
use relay::{Exchange, Health, Step};
use tracking::click_id::Keys;
use tracking::directory::{CreativeKind, Directory};
use tracking::{Inbound, Method};
use units::{Seed, Timestamp};

/// Look-ups of one measurement.
const LOOKUPS: u64 = 2_000_000;

/// Clicks of one measurement, and measurements.
const CLICKS: u64 = 20_000;
const CLICK_ROUNDS: u64 = 25;

/// The host and the target of a click, with a hole for the product.
const CLICK: &str = include_str!("directory_bench.txt");

/// Measurements, of which the median counts.
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let parent = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let mut sizes: Vec<u64> = arguments.map(|text| text.parse()).collect::<Result<_, _>>()?;
    if sizes.is_empty() {
        sizes = vec![10, 10_000, 10_000_000];
    }
    let prepared: Vec<Prepared> =
        sizes.iter().map(|rows| prepare(&parent, *rows)).collect::<Result<_, _>>()?;
    // In turn, so that a noisy neighbour hits all sizes; the fastest round counts, as the rest is the machine's noise.
    let mut fastest = vec![f64::INFINITY; prepared.len()];
    for round in 0..CLICK_ROUNDS {
        for (fastest, size) in fastest.iter_mut().zip(&prepared) {
            *fastest = fastest.min(click(&size.snapshot, size.rows, round));
        }
    }
    let line = |(size, click_ns): (&Prepared, f64)| {
        format!("{{\"rows\":{},\"click_ns\":{click_ns:.0},{}}}", size.rows, size.told)
    };
    let lines: Vec<String> = prepared.iter().zip(fastest).map(line).collect();
    println!("{{\"sizes\":[{}]}}", lines.join(","));
    Ok(())
}

/// A map of one size, in force.
struct Prepared {
    rows: u64,
    snapshot: Arc<Snapshot>,
    /// What was measured on the way, as members of a JSON object.
    told: String,
    _folder: tempfile::TempDir,
}

fn prepare(parent: &Path, rows: u64) -> Result<Prepared, Box<dyn Error>> {
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
    let row_bytes = bytes as f64 / rows as f64;
    let median = |present| {
        let mut rounds: Vec<f64> =
            (0..ROUNDS).map(|round| look_up(&directory, rows, round as u64, present)).collect();
        rounds.sort_by(f64::total_cmp);
        rounds[ROUNDS / 2]
    };
    let (ns, missed_ns) = (median(1), median(0));
    let told = format!(
        "\"lookup_ns\":{ns:.1},\"missed_ns\":{missed_ns:.1},\"open_ms\":{open_ms:.2},\"import_s\":{import_s:.2},\
         \"file_bytes\":{bytes},\"bytes_per_row\":{row_bytes:.1}"
    );
    drop(directory);
    maps.switch(imported.number)?;
    let snapshot = Arc::new(load_with(None, &maps, secrets())?);
    println!("{rows} rows: {told}");
    Ok(Prepared { rows, snapshot, told, _folder: folder })
}

/// Ids lie far apart, as a platform's do; those between them are not there.
const fn id(number: u64) -> u64 {
    1_000_000 + number * 97
}

/// Nanoseconds for one look-up with its landing page; `present` 0 asks for ids that are not there.
fn look_up(directory: &Directory, rows: u64, round: u64, present: u64) -> f64 {
    let mut numbers = numbers(round);
    let mut found = 0_u64;
    let began = Instant::now();
    for _ in 0..LOOKUPS {
        let asked = id(numbers() % rows) + 1 - present;
        if let Some(row) = directory.creative(CreativeKind::Product, asked) {
            found += u64::from(row.landing_url.is_some_and(|url| black_box(url).len() > 8));
        }
    }
    let ns = began.elapsed().as_nanos() as f64 / LOOKUPS as f64;
    assert_eq!(found, LOOKUPS * present, "every id that is there is found, and no other");
    ns
}

/// Numbers in no order.
fn numbers(round: u64) -> impl FnMut() -> u64 {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_add(round);
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

/// Nanoseconds for one click on a product: its advertiser, its publisher and its own page are looked up.
fn click(snapshot: &Arc<Snapshot>, rows: u64, round: u64) -> f64 {
    let (host, target) = CLICK.trim().split_once(' ').unwrap_or_default();
    let now = Timestamp::from_seconds(1_795_000_000);
    let mut numbers = numbers(round);
    let mut sent_on = 0_u64;
    let began = Instant::now();
    for seed in 0..CLICKS {
        let product = id(numbers() % rows);
        let inbound = Inbound {
            method: Method::Get,
            secure: true,
            host: host.to_owned(),
            target: target.replace("{product}", &product.to_string()).into_bytes(),
            headers: Vec::new(),
            body: Vec::new(),
            peer: None,
        };
        let mut exchange =
            Exchange::open(inbound, Arc::clone(snapshot), Health::default(), Seed(u128::from(seed)), now);
        while let Some(step) = exchange.poll() {
            match step {
                Step::Reply(reply) => {
                    let to_product = format!("%2Fproducts%2F{product}%3F");
                    let leads =
                        |(name, value): &(String, String)| name == "location" && value.contains(&to_product);
                    sent_on += u64::from(reply.headers.iter().any(leads));
                }
                other => drop(black_box(other)),
            }
        }
    }
    let ns = began.elapsed().as_nanos() as f64 / CLICKS as f64;
    assert_eq!(sent_on, CLICKS, "every click leads to its product's own page");
    ns
}

fn secrets() -> Secrets {
    Secrets { click_id_keys: Keys::new(vec![(1, [1; 32])]), seal_keys: vec![(1, SealKey([2; 32]))] }
}

fn write_tables(folder: &Path, rows: u64) -> std::io::Result<()> {
    let advertisers = "legacy_id,primary_id,name,landing_url,domains,wave,programme,currency,window_days,commission,deduplicates\n\
        789,100789,Shop,https://example.com/,example.com,first,online,USD,30,10%,false\n";
    std::fs::write(folder.join("advertisers.csv"), advertisers)?;
    std::fs::write(folder.join("publishers.csv"), "legacy_id,primary_id,name\n456,200456,Site\n")?;
    let mut file = BufWriter::new(File::create(folder.join("creatives.csv"))?);
    writeln!(file, "kind,legacy_id,advertiser_id,primary_id,landing_url")?;
    for number in 0..rows {
        let id = id(number);
        writeln!(file, "product,{id},789,{},https://example.com/products/{id}", id + 7)?;
    }
    file.flush()
}
