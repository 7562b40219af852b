//! How fast sales are booked, against a bare insert of as many rows.
//!
//! Batches of 512 sales go through the whole intake: the signature, the envelope, the key, the journey, the booking with its
//! awards and postings, the chain. Once with sales of a thousand merchants, once with all of them of one; on SQLite in a file,
//! and on PostgreSQL, with the durability that is shipped. Beside them, in turns, as many rows of the same size with as many
//! index entries go into one table of the same store, one transaction for each batch. Prints one line of JSON, with
//! medians over the turns.
//!
//! `cargo run --release -p processor --example posting_bench -- [directory] [turns] [sales for memory]`

mod bare;
mod intake;
mod memory;
mod shape;
#[path = "../shop/mod.rs"]
mod shop;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bare::Bare;
use intake::Intake;
use ledger::{Ledger, Server};
use shape::Shape;
use shop::{Failed, MERCHANTS};

/// Sales in a batch: what the edge sends at most.
pub(crate) const BATCH: u64 = 512;
/// Batches of one contender in one turn.
const BATCHES: u64 = 4;

fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args().skip(1);
    let parent = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let number = |given: Option<String>, usual: u64| given.map_or(Ok(usual), |given| given.parse());
    let turns = number(arguments.next(), 9)?;
    let remembered = number(arguments.next(), 1_000_000)?;
    let directory = tempfile::tempdir_in(parent)?;
    let memory = memory::measure(&directory.path().join("memory.sqlite"), remembered)?;
    let shape = Shape::measure(&directory.path().join("shape.sqlite"))?;
    let sqlite = on_sqlite(directory.path(), &shape, turns)?;
    let postgres = on_postgres(&shape, turns)?;
    writeln!(
        std::io::stdout(),
        "{{\"batch\":{BATCH},\"rows_a_sale\":{},\"bytes_a_row\":{},\"indexes\":{},\"stores\":[{},{}],\"memory\":{memory}}}",
        shape.rows,
        shape.bytes,
        shape.indexes,
        sqlite.json("SQLite"),
        postgres.json("PostgreSQL"),
    )?;
    Ok(())
}

fn on_sqlite(directory: &Path, shape: &Shape, turns: u64) -> Result<Came, Failed> {
    let ledger = |name: &str| Ledger::open(&directory.join(name));
    let spread = Intake::new(ledger("spread.sqlite")?, MERCHANTS)?;
    let hot = Intake::new(ledger("hot.sqlite")?, 1)?;
    let bare = Bare::file(&directory.join("bare.sqlite"), shape)?;
    in_turns(spread, hot, bare, turns)
}

fn on_postgres(shape: &Shape, turns: u64) -> Result<Came, Failed> {
    // A server of its own, unless one is named.
    let named = std::env::var(pgserver::VARIABLE).is_ok_and(|address| !address.is_empty());
    let own = if named { None } else { Some(pgserver::Own::start()?) };
    let schema = || own.as_ref().map_or_else(pgserver::schema, pgserver::Own::schema);
    let ledger = |schema: &pgserver::Schema| -> Result<Ledger, Failed> {
        Ok(Ledger::connect(&Server::parse(schema.address(), None, None)?)?)
    };
    let spread = Intake::new(ledger(&schema()?)?, MERCHANTS)?;
    let hot = Intake::new(ledger(&schema()?)?, 1)?;
    let bare = Bare::server(schema()?.address(), shape)?;
    in_turns(spread, hot, bare, turns)
}

/// One after another, so that whatever else the machine does hits all of them.
fn in_turns(mut spread: Intake, mut hot: Intake, mut bare: Bare, turns: u64) -> Result<Came, Failed> {
    let mut took = [const { Vec::new() }; 3];
    // The first turn warms up and does not count.
    for turn in 0..=turns {
        let mut now = [Duration::ZERO; 3];
        for _ in 0..BATCHES {
            now[0] += bare.batch()?;
            now[1] += spread.batch()?;
            now[2] += hot.batch()?;
        }
        if turn > 0 {
            took.iter_mut().zip(now).for_each(|(took, now)| took.push(now));
        }
    }
    let [bare, spread, hot] = took.map(|took| median(took) / u32::try_from(BATCHES).unwrap_or(1));
    Ok(Came { bare, spread, hot })
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The median times of a batch.
struct Came {
    bare: Duration,
    spread: Duration,
    hot: Duration,
}

impl Came {
    fn json(&self, store: &str) -> String {
        let rate = |took: Duration| u128::from(BATCH) * 1_000_000 / took.as_micros().max(1);
        let [bare, spread, hot] = [self.bare, self.spread, self.hot].map(rate);
        format!(
            "{{\"store\":\"{store}\",\"bare_per_s\":{bare},\"spread_per_s\":{spread},\"hot_per_s\":{hot}}}"
        )
    }
}
