//! The benchmarks that live beside what they measure: an example of the crate prints one line of JSON.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::bench::report::{Section, table, verdict};
use crate::failure::Failure;
use crate::process;
use crate::repository::Repository;

const TRANSLATE_NS_MAX: f64 = 2_000.0;
const ALLOCATIONS_MAX: f64 = 8.0;
const LOOKUP_NS_MAX: f64 = 1_000.0;
const TIMES_SERIAL_MIN: f64 = 10.0;
const TIMES_BARE_MIN: f64 = 0.5;

#[derive(Debug, Deserialize)]
pub(crate) struct Translation {
    pub(crate) click_ns: f64,
    pub(crate) sale_ns: f64,
    click_allocations: f64,
    sale_allocations: f64,
}

#[derive(Debug, Deserialize)]
struct Lookups {
    sizes: Vec<Size>,
}

#[derive(Debug, Deserialize)]
struct Size {
    rows: u64,
    lookup_ns: f64,
    missed_ns: f64,
    click_ns: f64,
    open_ms: f64,
    import_s: f64,
    bytes_per_row: f64,
}

#[derive(Debug, Deserialize)]
struct Appends {
    appends_per_s: f64,
    serial_fsync_per_s: f64,
    bare_log_per_s: f64,
    ratio_serial: f64,
    ratio_bare: f64,
}

/// Decode, map and encode one request.
pub(crate) fn translate(repository: &Repository) -> Section {
    let about =
        "Decode, map and encode one request, without the network: at most 2 µs and a handful of allocations.";
    let section = Section { title: "Translation", about: about.to_owned(), ..Section::default() };
    section.finish(json_of(repository, "tracking", "translate_bench").map(|line| translation_table(&line)))
}

fn translation_table(measured: &Translation) -> String {
    let row = |name: &str, ns: f64, allocations: f64| {
        let kept = ns <= TRANSLATE_NS_MAX && allocations <= ALLOCATIONS_MAX;
        let share = ns / TRANSLATE_NS_MAX;
        vec![
            name.to_owned(),
            format!("{ns:.0}"),
            format!("{share:.2}"),
            format!("{allocations:.0}"),
            verdict(kept),
        ]
    };
    let head = ["request", "ns", "of the 2 µs", "allocations", "promise"].map(str::to_owned).to_vec();
    table(&[
        head,
        row("click", measured.click_ns, measured.click_allocations),
        row("sale", measured.sale_ns, measured.sale_allocations),
    ])
}

/// Append and wait for stable storage, from 64 clients.
pub(crate) fn outbox(repository: &Repository) -> Section {
    let about = "64 clients append, and each waits until its own entry is on stable storage: at least ten times \
                 one fsync at a time, and at least half of a bare append-and-fsync log.";
    let section = Section { title: "Durable appends", about: about.to_owned(), ..Section::default() };
    section.finish(json_of(repository, "outbox", "append_bench").map(|line| appends_table(&line)))
}

fn appends_table(measured: &Appends) -> String {
    let row = |name: &str, per_second: f64, ratio: String, promise: String| {
        vec![name.to_owned(), format!("{per_second:.0}"), ratio, promise]
    };
    let times_serial = verdict(measured.ratio_serial >= TIMES_SERIAL_MIN);
    let times_bare = verdict(measured.ratio_bare >= TIMES_BARE_MIN);
    table(&[
        ["", "a second", "outbox ÷ this", "promise"].map(str::to_owned).to_vec(),
        row("the outbox", measured.appends_per_s, "1".to_owned(), String::new()),
        row(
            "one fsync at a time",
            measured.serial_fsync_per_s,
            format!("{:.1}", measured.ratio_serial),
            times_serial,
        ),
        row("a bare log", measured.bare_log_per_s, format!("{:.2}", measured.ratio_bare), times_bare),
    ])
}

/// Find a row among few and among many.
pub(crate) fn directory(repository: &Repository) -> Section {
    let about = "Find a product with its landing page in an imported map, in random order over all of its rows: at most \
                 1 µs. A whole click on such a product, from the bytes of the target to the reply and the sealed record, costs \
                 the same among ten rows and ten million but for that look-up: at most 1 µs more. A map is checked whole when it is opened, \
                 beside serving.";
    let section = Section { title: "Id maps", about: about.to_owned(), ..Section::default() };
    section.finish(json_of(repository, "directory", "directory_bench").map(|line| lookups_table(&line)))
}

fn lookups_table(measured: &Lookups) -> String {
    let head = [
        "rows",
        "ns a look-up",
        "ns without a row",
        "of the 1 µs",
        "ns a click",
        "÷ fewest rows",
        "bytes a row",
        "open, ms",
        "import, s",
        "promise",
    ];
    let fewest = measured.sizes.first().map_or(f64::NAN, |size| size.click_ns);
    let row = |size: &Size| {
        let (times, more) = (size.click_ns / fewest, size.click_ns - fewest);
        vec![
            size.rows.to_string(),
            format!("{:.0}", size.lookup_ns),
            format!("{:.0}", size.missed_ns),
            format!("{:.2}", size.lookup_ns / LOOKUP_NS_MAX),
            format!("{:.0}", size.click_ns),
            format!("{times:.2}"),
            format!("{:.0}", size.bytes_per_row),
            format!("{:.1}", size.open_ms),
            format!("{:.1}", size.import_s),
            verdict(size.lookup_ns.max(size.missed_ns).max(more) <= LOOKUP_NS_MAX),
        ]
    };
    let rows: Vec<Vec<String>> =
        std::iter::once(head.map(str::to_owned).to_vec()).chain(measured.sizes.iter().map(row)).collect();
    table(&rows)
}

/// What an example of a crate prints, built for release.
pub(crate) fn json_of<T: DeserializeOwned>(
    repository: &Repository,
    package: &str,
    example: &str,
) -> Result<T, Failure> {
    let mut command = process::cargo();
    command.current_dir(repository.root());
    command.args(["run", "--release", "--quiet", "-p", package, "--example", example]);
    let printed = process::output(&mut command)?;
    json_line(&printed)
        .ok_or_else(|| Failure::new(format!("`{}` printed no result", process::shown(&command))))
}

/// The last line that is the JSON that was expected.
pub(crate) fn json_line<T: DeserializeOwned>(printed: &str) -> Option<T> {
    printed.lines().rev().find_map(|line| serde_json::from_str(line).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_line_is_found_among_others_and_judged() {
        let printed = "warming up\n{\"click_ns\":900.4,\"sale_ns\":2500,\"click_allocations\":3,\"sale_allocations\":4}\n";
        let text = translation_table(&json_line(printed).unwrap());
        assert!(text.contains("| click | 900 | 0.45 | 3 | met |"), "{text}");
        assert!(text.contains("| sale | 2500 | 1.25 | 4 | **missed** |"), "{text}");
        assert!(json_line::<Translation>("nothing\n").is_none());
    }

    #[test]
    fn a_look_up_is_held_to_a_microsecond_and_a_click_to_a_flat_cost_at_every_size() {
        let size = |rows: u64, lookup: u64, click: u64| {
            format!(
                "{{\"rows\":{rows},\"lookup_ns\":{lookup},\"missed_ns\":9,\"click_ns\":{click},\"open_ms\":0.1,\
                 \"import_s\":0.1,\"bytes_per_row\":150}}"
            )
        };
        let sizes = [size(10, 30, 5000), size(1000, 1300, 5000), size(9000, 30, 6100)].join(",");
        let text = lookups_table(&json_line(&format!("{{\"sizes\":[{sizes}]}}\n")).unwrap());
        assert!(text.contains("| 10 | 30 | 9 | 0.03 | 5000 | 1.00 | 150 | 0.1 | 0.1 | met |"), "{text}");
        assert!(
            text.contains("| 1000 | 1300 | 9 | 1.30 | 5000 | 1.00 | 150 | 0.1 | 0.1 | **missed** |"),
            "{text}"
        );
        assert!(
            text.contains("| 9000 | 30 | 9 | 0.03 | 6100 | 1.22 | 150 | 0.1 | 0.1 | **missed** |"),
            "{text}"
        );
    }

    #[test]
    fn appends_are_compared_with_both_others() {
        let printed = "{\"appends_per_s\":188000,\"serial_fsync_per_s\":8200,\"bare_log_per_s\":200000,\
                        \"ratio_serial\":22.9,\"ratio_bare\":0.94}";
        let text = appends_table(&json_line(printed).unwrap());
        assert!(text.contains("| one fsync at a time | 8200 | 22.9 | met |"), "{text}");
        assert!(text.contains("| a bare log | 200000 | 0.94 | met |"), "{text}");
    }
}
