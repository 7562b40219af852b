//! What a backlog costs: the time of a turn of the processor, and of a fresh sale from its batch to its request.
//!
//! A ledger on disk; a platform in this process that answers after a fixed time. Fresh sales come at a steady rate, once
//! with nothing else in the ledger and once with a backlog in it, of which one merchant's part is nine tenths; the fresh sales are of a thousand merchants. Then the backlog is
//! counted for people, and everything asked that the processor's watch asks. Prints one line of JSON; the ratios compare the second with the first, and the memory
//! is the most of all that time: `own_kib` alone, with a tenth of the backlog, and with all of it.
//!
//! `cargo run --release -p processor --example drain_bench -- [directory] [backlog] [seconds]`

mod memory;
#[path = "../shop/mod.rs"]
mod shop;

use std::collections::{BTreeMap, VecDeque};
use std::io::Write as _;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger::Ledger;
use memory::Watcher;
use processor::{Delivery, Ended, Processor, Told};
use shop::{Failed, MERCHANTS, START, batch, event_id, peak_kib, sale, snapshot, taking};
use tracking::Answer;
use units::limits::{REPEATS_WITHIN, UNREADABLE_AT_ONCE};
use units::{EventId, Seed, Timestamp};

const FRESH_PER_SECOND: u64 = 100;
const ANSWERS_AFTER: Duration = Duration::from_millis(20);
const BATCH: u64 = 256;

fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args().skip(1);
    let parent = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let backlog: u64 = arguments.next().map_or(Ok(1_000_000), |count| count.parse())?;
    let seconds: u64 = arguments.next().map_or(Ok(20), |seconds| seconds.parse())?;
    let alone = run(&parent, 0, seconds)?;
    let beside = run(&parent, backlog, seconds)?;
    let ratio = |one: Duration, other: Duration| one.as_secs_f64() / other.as_secs_f64().max(1e-9);
    writeln!(
        std::io::stdout(),
        "{{\"backlog\":{backlog},\"filled_per_s\":{},\"drained_per_s\":{},\"fresh_p50_us\":[{},{}],\"fresh_p99_us\":[{},{}],\
         \"fresh_p50_ratio\":{:.2},\"fresh_p99_ratio\":{:.2},\"turn_us\":[{},{}],\"turn_ratio\":{:.2},\"count_ms\":{},\"own_kib\":[{},{},{}],\"peak_kib\":[{},{}]}}",
        beside.filled_per_s,
        beside.drained / seconds.max(1),
        alone.p50.as_micros(),
        beside.p50.as_micros(),
        alone.p99.as_micros(),
        beside.p99.as_micros(),
        ratio(beside.p50, alone.p50),
        ratio(beside.p99, alone.p99),
        alone.turn.as_micros(),
        beside.turn.as_micros(),
        ratio(beside.turn, alone.turn),
        beside.count.as_millis(),
        alone.own_kib[1],
        beside.own_kib[0],
        beside.own_kib[1],
        alone.peak_kib,
        beside.peak_kib,
    )?;
    Ok(())
}

/// What one run came to.
struct Came {
    filled_per_s: u64,
    drained: u64,
    p50: Duration,
    p99: Duration,
    turn: Duration,
    count: Duration,
    /// The most memory of its own, with a tenth of the backlog and in the whole run.
    own_kib: [u64; 2],
    peak_kib: u64,
}

/// One processor in real time, with requests under way.
struct World {
    processor: Processor,
    endpoint: String,
    image: Answer,
    began: Instant,
    at: Timestamp,
    under_way: VecDeque<(Instant, Delivery)>,
}

fn run(parent: &Path, backlog: u64, seconds: u64) -> Result<Came, Failed> {
    let memory = Watcher::start();
    let directory = tempfile::tempdir_in(parent)?;
    let snapshot = Arc::new(snapshot()?);
    let ledger = Ledger::open(&directory.path().join("ledger.sqlite"))?;
    let endpoint = taking(&snapshot)?;
    let mut processor = Processor::new(ledger, snapshot, Seed(1), START)?;
    let begun = Instant::now();
    let tenth = backlog / 10;
    fill(&mut processor, 1..=tenth, &endpoint)?;
    let few_kib = memory.most_kib()?;
    fill(&mut processor, tenth + 1..=backlog, &endpoint)?;
    let filled_per_s = backlog * 1000 / u64::try_from(begun.elapsed().as_millis())?.max(1);
    // The backlog is an hour old when the fresh sales come.
    let at = START.plus(Duration::from_secs(3600));
    let headers = vec![("content-type".to_owned(), b"image/gif".to_vec())];
    let image = Answer { status: 200, headers, body: b"GIF89a".to_vec() };
    let under_way = VecDeque::new();
    let mut world = World { processor, endpoint, image, began: Instant::now(), at, under_way };
    let (mut waits, drained, turn) = world.serve(backlog, Duration::from_secs(seconds))?;
    waits.sort();
    let quantile = |percent: usize| waits.get(waits.len() * percent / 100).copied().unwrap_or_default();
    let (p50, p99) = (quantile(50), quantile(99));
    let count = world.counted()?;
    world.watched()?;
    let (own_kib, peak_kib) = ([few_kib, memory.most_kib()?], peak_kib()?);
    Ok(Came { filled_per_s, drained, p50, p99, turn, count, own_kib, peak_kib })
}

/// Takes in sales that are all due at once; nine of ten are of one merchant.
fn fill(processor: &mut Processor, ids: RangeInclusive<u64>, endpoint: &str) -> Result<(), Failed> {
    let last = *ids.end();
    for first in ids.step_by(usize::try_from(BATCH)?) {
        let ids = first..=(first + BATCH - 1).min(last);
        let sales =
            ids.map(|id| sale(id, if id % 10 == 0 { 1 + id % MERCHANTS } else { 1 }, START, endpoint));
        processor.receive(&batch(sales.collect()), START)?;
        // What there is to tell of them waits for a turn, and none is taken here.
        drop(processor.take_facts());
    }
    Ok(())
}

impl World {
    fn now(&self) -> Timestamp {
        self.at.plus(self.began.elapsed())
    }

    /// The ledger beside its writer, as everybody asks it who is in no hurry.
    fn reader(&self) -> Result<Ledger, Failed> {
        Ok(self.processor.ledger().reader()?.ok_or("a ledger in a file has a reader")?)
    }

    /// How long the backlog takes to be counted for people.
    fn counted(&self) -> Result<Duration, Failed> {
        let (reader, before) = (self.reader()?, self.processor.backlog_before(self.now()));
        let begun = Instant::now();
        reader.backlog(before)?;
        Ok(begun.elapsed())
    }

    /// What the processor's watch asks, the count of every row included.
    fn watched(&self) -> Result<(), Failed> {
        self.reader()?.vitals()?;
        self.reader()?.repeats(self.now(), REPEATS_WITHIN)?;
        self.reader()?.lost(UNREADABLE_AT_ONCE)?;
        let findings = self.reader()?.audit()?.findings;
        if findings.is_empty() { Ok(()) } else { Err(format!("{findings:?}").into()) }
    }

    /// Serves for a while. How long each fresh sale took until its request was handed out, how much of the backlog
    /// went, and how long a turn took.
    fn serve(&mut self, backlog: u64, time: Duration) -> Result<(Vec<Duration>, u64, Duration), Failed> {
        let mut came: BTreeMap<EventId, Instant> = BTreeMap::new();
        let (mut waits, mut drained, mut turns, mut busy) = (Vec::new(), 0, 0_u32, Duration::ZERO);
        let mut next_id = backlog;
        while self.began.elapsed() < time {
            let due = u64::try_from(self.began.elapsed().as_millis())? * FRESH_PER_SECOND / 1000;
            let mut sales = Vec::new();
            while next_id < backlog + due {
                next_id += 1;
                came.insert(event_id(next_id), Instant::now());
                sales.push(sale(next_id, 1 + next_id % MERCHANTS, self.now(), &self.endpoint));
            }
            if !sales.is_empty() {
                self.processor.receive(&batch(sales), self.now())?;
            }
            let begun = Instant::now();
            let count = self.turn(&mut came, &mut waits)?;
            busy += begun.elapsed();
            turns += 1;
            drained += count;
            if count == 0 {
                std::thread::sleep(Duration::from_micros(500));
            }
        }
        Ok((waits, drained, busy / turns.max(1)))
    }

    /// One turn: what has been answered is told, and what may go goes. How much of the backlog went.
    fn turn(
        &mut self,
        came: &mut BTreeMap<EventId, Instant>,
        waits: &mut Vec<Duration>,
    ) -> Result<u64, Failed> {
        let mut ended = Vec::new();
        while self.under_way.front().is_some_and(|(at, _)| at.elapsed() >= ANSWERS_AFTER) {
            let Some((_, delivery)) = self.under_way.pop_front() else { break };
            let Delivery { ids, destination, .. } = delivery;
            ended.push(Ended { ids, destination, result: Ok(self.image.clone()) });
        }
        let now = self.now();
        let mut old = 0;
        for delivery in self.processor.turn(Told { ended, ..Told::default() }, now)?.deliveries {
            for id in &delivery.ids {
                match came.remove(&id.event_id) {
                    Some(at) => waits.push(at.elapsed()),
                    None => old += 1,
                }
            }
            self.under_way.push_back((Instant::now(), delivery));
        }
        Ok(old)
    }
}
