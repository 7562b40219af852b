//! What one translation costs: a click and a sale of twenty parameters through the shipped migration, from the bytes of
//! the target to the bytes of the primary's request. Prints one line of JSON.
//!
//! The requests stand in `translate_bench.txt`: no platform's word stands in Rust (I7).
//!
//! `cargo run --release -p tracking --example translate_bench`

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock, reads its requests from a file and prints"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::error::Error;
use std::hint::black_box;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tracking::consent::Consent;
use tracking::decode::{self, Decoded};
use tracking::migration::{ClickOrder, ConversionOrder, Evidence, Migration};
use tracking::{Class, Field, Inbound, Method, Outbound};
use units::{Currency, EventId, Seed, Timestamp};

/// Translations in one timed round, and rounds: the fastest counts, as everything else is the machine's noise. A round
/// takes some milliseconds, so that on a busy machine enough of them run without an interruption.
const TRANSLATIONS: u32 = 1_000;
const ROUNDS: u32 = 300;

const REQUESTS: &str = include_str!("translate_bench.txt");

type Outcome<T> = Result<T, Box<dyn Error>>;

/// The system's allocator, counting what is asked of it.
struct Counting;

static ASKED: AtomicU64 = AtomicU64::new(0);

#[expect(unsafe_code, reason = "an allocator is an unsafe trait; every call is handed on as it came")]
// SAFETY: the system's allocator does all the work and keeps the trait's promises.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are handed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        ASKED.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are handed on.
        unsafe { System.realloc(pointer, layout, bytes) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> Outcome<()> {
    let migration = shipped()?;
    let click = request("click", Class::Click, &migration)?;
    let sale = request("sale", Class::Conversion, &migration)?;
    let to_click = translate_click;
    let to_sale = translate_sale;
    let click_allocations = allocations(|| to_click(&migration, &click))?;
    let sale_allocations = allocations(|| to_sale(&migration, &sale))?;
    let (mut click_ns, mut sale_ns) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        click_ns = click_ns.min(nanos(|| to_click(&migration, &click))?);
        sale_ns = sale_ns.min(nanos(|| to_sale(&migration, &sale))?);
    }
    let line = serde_json::json!({
        "click_ns": click_ns.round(),
        "sale_ns": sale_ns.round(),
        "click_allocations": click_allocations,
        "sale_allocations": sale_allocations,
    });
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

/// The migration that the binary ships as its default.
fn shipped() -> Outcome<Migration> {
    let read = |path: &str| std::fs::read_to_string(format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR")));
    let named: toml::Table = read("migrations/default.toml")?.parse()?;
    let name = named.get("migration").and_then(toml::Value::as_str).ok_or("no default migration is named")?;
    let file = format!("migrations/{name}/migration.toml");
    let dialect = |name: &str| {
        let file = format!("dialects/{name}.toml");
        read(&file).ok().map(|text| (file, text))
    };
    let migration = Migration::load(&file, &read(&file)?, dialect);
    Ok(migration.map_err(|mistakes| format!("{mistakes:#?}"))?)
}

/// The request of a kind, held to be one of its class and readable without a problem.
fn request(kind: &str, class: Class, migration: &Migration) -> Outcome<Inbound> {
    let lines = REQUESTS.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let words = lines.filter_map(|words| <[&str; 3]>::try_from(words).ok()).find(|[of, ..]| *of == kind);
    let [_, host, target] = words.ok_or_else(|| format!("no {kind} stands in the file"))?;
    let inbound = Inbound {
        method: Method::Get,
        secure: true,
        host: host.to_owned(),
        target: target.into(),
        headers: Vec::new(),
        body: Vec::new(),
        peer: None,
    };
    let decoded = decoded(migration, &inbound)?;
    match (decoded.problems.first(), decoded.event.class == class) {
        (None, true) => {}
        (problem, _) => return Err(format!("the {kind} is not a sound {class}: {problem:?}").into()),
    }
    Ok(inbound)
}

fn decoded<'r>(migration: &'r Migration, inbound: &'r Inbound) -> Outcome<Decoded<'r, 'r>> {
    let endpoint = migration.legacy.recognise(&inbound.host, inbound.path()).ok_or("unknown endpoint")?;
    Ok(decode::decode(&migration.legacy, endpoint, inbound, &|_| Some(Currency::USD)))
}

fn at() -> Timestamp {
    Timestamp::from_seconds(1_795_000_000)
}

fn translate_click(migration: &Migration, inbound: &Inbound) -> Outcome<Outbound> {
    let decoded = decoded(migration, inbound)?;
    let wanted = decoded.event.text(Field::DestinationUrl).ok_or("no destination")?;
    let order = ClickOrder {
        event_id: EventId::new(Seed(7), at()),
        at: at(),
        event: &decoded.event,
        landing: wanted,
        advertiser_primary_id: decoded.event.id(Field::AdvertiserId).ok_or("no advertiser")?,
        publisher_primary_id: decoded.event.id(Field::PublisherId).ok_or("no publisher")?,
        consent: Consent::NoSignal,
        passed: &[],
    };
    Ok(migration.click(&order)?)
}

fn translate_sale(migration: &Migration, inbound: &Inbound) -> Outcome<Outbound> {
    let decoded = decoded(migration, inbound)?;
    let order = ConversionOrder {
        event_id: EventId::new(Seed(7), at()),
        at: at(),
        event: &decoded.event,
        evidence: &Evidence::None,
        advertiser_primary_id: decoded.event.id(Field::AdvertiserId).ok_or("no advertiser")?,
        publisher_primary_id: decoded.event.id(Field::PublisherId),
        consent: Consent::NoSignal,
    };
    Ok(migration.conversion(&order)?.request)
}

fn allocations<T>(translate: impl Fn() -> Outcome<T>) -> Outcome<u64> {
    let before = ASKED.load(Ordering::Relaxed);
    let translated = translate()?;
    let asked = ASKED.load(Ordering::Relaxed) - before;
    drop(translated);
    Ok(asked)
}

fn nanos<T>(translate: impl Fn() -> Outcome<T>) -> Outcome<f64> {
    let begun = Instant::now();
    for _ in 0..TRANSLATIONS {
        black_box(translate()?);
    }
    Ok(begun.elapsed().as_secs_f64() * 1e9 / f64::from(TRANSLATIONS))
}
