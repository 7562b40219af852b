//! How fast clicks are kept and found.
//!
//! Keeps clicks in parts as an import does, then the same again, then finds each tenth of them. Prints one line of
//! JSON.
//!
//! `cargo run --release -p ledger --example clicks_bench -- [directory] [clicks]`

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ledger::Ledger;
use relay::intake::{KeptClick, Origin};
use tracking::Home;
use tracking::event::Click;
use units::{Chance, Seed, Timestamp};

const PART: u64 = 4096;
const NOW: Timestamp = Timestamp::from_millis(1_795_462_260_000);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let parent = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let count: u64 = arguments.next().map_or(Ok(1_000_000), |count| count.parse())?;
    let directory = tempfile::tempdir_in(parent)?;
    let file = directory.path().join("ledger.sqlite");
    let mut ledger = Ledger::open(&file)?;
    let new = keep(&mut ledger, count)?;
    let again = keep(&mut ledger, count)?;
    let begun = Instant::now();
    let mut found = 0_u32;
    for number in (0..count).step_by(10) {
        found += u32::from(ledger.click(&id(number))?.is_some());
    }
    let find = begun.elapsed() / found.max(1);
    let bytes = std::fs::metadata(&file)?.len() / count.max(1);
    let rate = |took: Duration| u128::from(count) * 1000 / took.as_millis().max(1);
    writeln!(
        std::io::stdout(),
        "{{\"clicks\":{count},\"new_per_s\":{},\"again_per_s\":{},\"find_ns\":{},\"bytes_each\":{bytes}}}",
        rate(new),
        rate(again),
        find.as_nanos(),
    )?;
    Ok(())
}

/// An id as the old platform gives them: no order in it.
fn id(number: u64) -> String {
    format!("{:x}_{:x}", number % 50, Chance::new(Seed(u128::from(number))).next_u64() >> 24)
}

fn keep(ledger: &mut Ledger, count: u64) -> Result<Duration, Box<dyn Error>> {
    let begun = Instant::now();
    for first in (0..count).step_by(4096) {
        let mut ids: Vec<String> = (first..(first + PART).min(count)).map(id).collect();
        ids.sort();
        let mut transaction = ledger.transaction(NOW)?;
        for click_id in ids {
            let click = Click { advertiser_id: 789, publisher_id: 456, creative_id: 12, at: NOW, click_id };
            transaction.keep_click(&KeptClick {
                click,
                home: Some(Home::Legacy),
                origin: Origin::Imported,
                alias_of: None,
                event_id: None,
                reference: None,
                expires_at: NOW,
            })?;
        }
        transaction.commit()?;
    }
    Ok(begun.elapsed())
}
