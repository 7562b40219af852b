//! The books under load: how fast sales are booked, what a backlog costs, and how soon a lane serves again.

use serde::Deserialize;

use crate::bench::examples::json_of;
use crate::bench::report::{Section, table, verdict};
use crate::repository::Repository;

const TIMES_ALONE_MAX: f64 = 2.0;
const TIMES_BARE_MAX: f64 = 5.0;
const TIMES_SPREAD_MAX: f64 = 1.25;
const GROWTH_KIB_MAX: f64 = 32.0 * 1024.0;
const FLAT_MIB_MAX: f64 = 16.0;
const RESTART_MS_MAX: f64 = 1_000.0;

#[derive(Debug, Deserialize)]
struct Posted {
    batch: u64,
    rows_a_sale: u64,
    bytes_a_row: u64,
    indexes: u64,
    stores: Vec<Store>,
    memory: Memory,
}

#[derive(Debug, Deserialize)]
struct Store {
    store: String,
    bare_per_s: f64,
    spread_per_s: f64,
    hot_per_s: f64,
}

#[derive(Debug, Deserialize)]
struct Memory {
    sales: [u64; 2],
    peak_kib: [f64; 2],
}

#[derive(Debug, Deserialize)]
struct Drained {
    backlog: u64,
    drained_per_s: f64,
    fresh_p50_us: [f64; 2],
    fresh_p99_us: [f64; 2],
    turn_us: [f64; 2],
    count_ms: f64,
    own_kib: [f64; 3],
    peak_kib: [f64; 2],
}

#[derive(Debug, Deserialize)]
struct Restarted {
    entries: u64,
    open_ms: f64,
    first_append_ms: f64,
    drain_s: f64,
}

/// Booked sales a second on both stores, and the memory that takes.
pub(crate) fn posting(repository: &Repository) -> Section {
    let about = "Signed batches of sales go through the whole intake (signature, envelope, key, journey, booking, awards, postings, chain), \
                 in turns with a bare insert of as many rows of the same size, with as many index entries, into one table of the same store with the \
                 same durability, one transaction for each batch: at most five times as long. One merchant's sales alone take at most a \
                 quarter longer than those of a thousand. The most memory ever resident grows by at most 32 MiB from a tenth of the \
                 sales to all of them.";
    let section = Section { title: "Posting", about: about.to_owned(), ..Section::default() };
    section.finish(json_of(repository, "processor", "posting_bench").map(|line| posting_table(&line)))
}

fn posting_table(measured: &Posted) -> String {
    let head = [
        "store",
        "bare, sales/s",
        "booked/s, 1000 merchants",
        "times as long",
        "promise",
        "booked/s, one merchant",
        "times as long as spread",
        "promise",
    ];
    let row = |store: &Store| {
        let bare = store.bare_per_s / store.spread_per_s.max(1.0);
        let hot = store.spread_per_s / store.hot_per_s.max(1.0);
        vec![
            store.store.clone(),
            format!("{:.0}", store.bare_per_s),
            format!("{:.0}", store.spread_per_s),
            format!("{bare:.2}"),
            verdict(bare <= TIMES_BARE_MAX),
            format!("{:.0}", store.hot_per_s),
            format!("{hot:.2}"),
            verdict(hot <= TIMES_SPREAD_MAX),
        ]
    };
    let rows: Vec<Vec<String>> =
        std::iter::once(head.map(str::to_owned).to_vec()).chain(measured.stores.iter().map(row)).collect();
    let Posted { batch, rows_a_sale, bytes_a_row, indexes, memory, .. } = measured;
    let [few, all] = memory.sales;
    let [before, after] = memory.peak_kib;
    format!(
        "{}\n{batch} sales a batch; a sale is {rows_a_sale} rows of {bytes_a_row} bytes, each in {indexes} indexes. Medians.\n\n\
         Memory on SQLite: at most {:.0} MiB after {few} sales, {:.0} MiB after {all}: {}.\n",
        table(&rows),
        before / 1024.0,
        after / 1024.0,
        verdict(after - before <= GROWTH_KIB_MAX)
    )
}

/// Fresh sales beside a backlog of a million.
pub(crate) fn backlog(repository: &Repository) -> Section {
    let about = "A hundred fresh sales a second go through a processor with a ledger on disk, once alone and once beside a million overdue \
                 ones, nine tenths of them of one merchant. Choosing what goes must not cost more with the backlog's length: a turn and a fresh \
                 sale's p50 at most twice as long. The most memory of its own, which no file stands behind, grows by at most 16 MiB from a tenth \
                 of the backlog to all of it.";
    let section = Section { title: "A backlog", about: about.to_owned(), ..Section::default() };
    section.finish(json_of(repository, "processor", "drain_bench").map(|line| backlog_table(&line)))
}

fn backlog_table(measured: &Drained) -> String {
    let row = |name: &str, [alone, beside]: [f64; 2], judged: bool| {
        let times = beside / alone.max(1.0);
        let promise = if judged { verdict(times <= TIMES_ALONE_MAX) } else { String::new() };
        vec![name.to_owned(), format!("{alone:.0}"), format!("{beside:.0}"), format!("{times:.2}"), promise]
    };
    let [alone, beside] = measured.peak_kib.map(mib);
    let [of_none, of_tenth, of_all] = measured.own_kib.map(mib);
    let heading = format!("beside {}", measured.backlog);
    let table = table(&[
        ["µs", "alone", &heading, "times", "promise"].map(str::to_owned).to_vec(),
        row("a turn", measured.turn_us, true),
        row("fresh sale to its request, p50", measured.fresh_p50_us, true),
        row("fresh sale to its request, p99", measured.fresh_p99_us, false),
    ]);
    format!(
        "{table}\nDrained meanwhile: {:.0} a second, the stated pace being the limit. Counting the backlog for people: {:.0} ms. \
         Most memory of its own: {of_none:.0} MiB alone, {of_tenth:.0} MiB with a tenth of the backlog, {of_all:.0} MiB with all of it: {}. \
         With what is mapped from files: {alone:.0} and {beside:.0} MiB.\n",
        measured.drained_per_s,
        measured.count_ms,
        verdict(of_all - of_tenth <= FLAT_MIB_MAX)
    )
}

fn mib(kib: f64) -> f64 {
    kib / 1024.0
}

/// A lane with ten million entries is opened again.
pub(crate) fn restart(repository: &Repository) -> Section {
    let about = "A lane of the outbox with ten million entries of 500 bytes that nobody has taken is opened, and the next entry is appended \
                 durably: within a second. Then it is drained.";
    let section = Section { title: "Restart with a backlog", about: about.to_owned(), ..Section::default() };
    section.finish(json_of(repository, "outbox", "restart_bench").map(|line| restart_table(&line)))
}

fn restart_table(measured: &Restarted) -> String {
    let Restarted { entries, open_ms, first_append_ms, drain_s } = measured;
    let cells = [
        entries.to_string(),
        format!("{open_ms:.0}"),
        format!("{first_append_ms:.0}"),
        verdict(*first_append_ms <= RESTART_MS_MAX),
        format!("{:.0}", *entries as f64 / drain_s.max(0.001)),
    ];
    table(&[
        ["entries", "open, ms", "first append, ms", "promise", "read and acknowledged a second"]
            .map(str::to_owned)
            .to_vec(),
        cells.to_vec(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::examples::json_line;

    #[test]
    fn posting_is_held_to_the_bare_insert_and_memory_to_its_bound() {
        let printed = "{\"batch\":512,\"rows_a_sale\":11,\"bytes_a_row\":100,\"indexes\":2,\"stores\":[\
                       {\"store\":\"SQLite\",\"bare_per_s\":40000,\"spread_per_s\":10000,\"hot_per_s\":5000}],\
                       \"memory\":{\"sales\":[100,1000],\"peak_kib\":[1024,40960]}}";
        let text = posting_table(&json_line(printed).unwrap());
        assert!(
            text.contains("| SQLite | 40000 | 10000 | 4.00 | met | 5000 | 2.00 | **missed** |"),
            "{text}"
        );
        assert!(text.contains("1 MiB after 100 sales, 40 MiB after 1000: **missed**."), "{text}");
    }

    #[test]
    fn a_restart_is_held_to_a_second() {
        let printed = "{\"entries\":1000,\"open_ms\":3,\"first_append_ms\":1200,\"unverified_bytes\":0,\"drain_s\":0.5}";
        let text = restart_table(&json_line(printed).unwrap());
        assert!(text.contains("| 1000 | 3 | 1200 | **missed** | 2000 |"), "{text}");
    }

    #[test]
    fn a_backlog_may_not_double_a_turn() {
        let printed = "{\"backlog\":1000000,\"drained_per_s\":190,\"fresh_p50_us\":[900,1000],\"fresh_p99_us\":[4000,9000],\
                        \"turn_us\":[300,900],\"count_ms\":80,\"own_kib\":[5120,70656,87041],\"peak_kib\":[90000,120000]}";
        let text = backlog_table(&json_line(printed).unwrap());
        assert!(text.contains("| a turn | 300 | 900 | 3.00 | **missed** |"), "{text}");
        assert!(text.contains("| fresh sale to its request, p50 | 900 | 1000 | 1.11 | met |"), "{text}");
        let memory = "5 MiB alone, 69 MiB with a tenth of the backlog, 85 MiB with all of it: **missed**.";
        assert!(text.contains(memory), "{text}");
        let flat = printed.replace("87041", "87040");
        assert!(backlog_table(&json_line(&flat).unwrap()).contains("85 MiB with all of it: met."));
    }
}
