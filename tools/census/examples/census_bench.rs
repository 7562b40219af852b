//! How fast a census reads: a log is written below the temp directory, and read three times in turn by a bare scan for
//! line ends (what `wc -l` does), by a census on one thread, and by one on every core. Prints one line of JSON; every
//! number is of the fastest round. What one thread does is told in processor time where the system tells it, so that
//! a busy machine does not blur it; what every core does is told in the time of the wall.
//!
//! `cargo run --release -p census --example census_bench -- 1024` for a log of 1 GiB; 256 MiB without a number.
#![expect(clippy::print_stdout, reason = "a benchmark prints")]

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Read as _, Write as _};
use std::path::Path;
use std::time::Instant;

use census::{Options, Progress, census_of};

const ROUNDS: usize = 3;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let mebibytes = std::env::args().nth(1).map_or(Ok(256), |text| text.parse::<u64>())?;
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("access.log");
    let lines = write_log(&log, mebibytes << 20)?;
    let (mut scan, mut one, mut all) = (f64::INFINITY, f64::INFINITY, f64::INFINITY);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for _ in 0..ROUNDS {
        scan = scan.min(timed(on_processor, || scanned(&log), lines)?);
        one = one.min(timed(on_processor, || counted(&log, 1), lines)?);
        all = all.min(timed(|| None, || counted(&log, cores), lines)?);
    }
    #[expect(clippy::cast_precision_loss, reason = "a size in a ratio")]
    let megabytes = log.metadata()?.len() as f64 / 1e6;
    println!(
        "{{\"megabytes\":{megabytes:.0},\"lines\":{lines},\"cores\":{cores},\"scan_mb_per_s\":{:.0},\
         \"census_mb_per_s\":{:.0},\"all_cores_mb_per_s\":{:.0},\"ratio_scan\":{:.3}}}",
        megabytes / scan,
        megabytes / one,
        megabytes / all,
        scan / one
    );
    Ok(())
}

/// Seconds that `work` takes by `clock`, or by the wall; it must find every line.
fn timed(clock: impl Fn() -> Option<f64>, work: impl Fn() -> Outcome<u64>, lines: u64) -> Outcome<f64> {
    let (begun, before) = (Instant::now(), clock());
    let found = work()?;
    let by_wall = begun.elapsed().as_secs_f64();
    if found != lines {
        return Err(format!("{found} of {lines} lines were found").into());
    }
    Ok(before.zip(clock()).map_or(by_wall, |(before, after)| after - before))
}

/// Seconds that this thread has been on a processor.
fn on_processor() -> Option<f64> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos: f64 = told.split(' ').next()?.parse().ok()?;
    Some(nanos / 1e9)
}

fn scanned(log: &Path) -> Outcome<u64> {
    let (mut file, mut buffer, mut lines) = (File::open(log)?, vec![0; 1 << 20], 0);
    loop {
        let got = file.read(&mut buffer)?;
        if got == 0 {
            return Ok(lines);
        }
        lines += memchr::memchr_iter(b'\n', &buffer[..got]).count() as u64;
    }
}

fn counted(log: &Path, threads: usize) -> Outcome<u64> {
    let options = Options { format: None, host: None, keep_values: false, threads, seed: 11 };
    let recognise = |_: &[u8], path: &[u8]| path.starts_with(b"/sale").then_some(1);
    let (census, unread) = census_of(&[log.to_path_buf()], &options, &recognise, &Progress::default());
    match unread.into_iter().next() {
        Some(unread) => Err(unread.into()),
        None => Ok(census.requests),
    }
}

/// A combined log with its hosts, in the mix and with the lengths of a real one: clicks with and without a
/// destination, sales with few and with many parameters, images, and paths that occur once.
fn write_log(path: &Path, bytes: u64) -> Outcome<u64> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let (mut written, mut lines, mut chance) = (0, 0, 0x9e37_79b9_u64);
    while written < bytes {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let drawn = chance >> 33;
        let (id, kind) = (drawn % 90_000 + 10_000, drawn / 90_000 % 100);
        let target = match kind {
            0..40 => format!("/click?b={id}&u={}&m={}", id * 7 % 3_000_000, id % 4_000),
            40..70 => format!(
                "/click?b={id}&u={}&m={}&to=www%2Eexample%2Ecom%2Fshop%2F{id}&track=spring-{id}",
                id * 7 % 3_000_000,
                id % 4_000
            ),
            70..85 => format!(
                "/sale?reference={id}-{drawn}&amount={}.{:02}&m={}&kind=sale",
                id % 900,
                id % 100,
                id % 4_000
            ),
            85..92 => format!(
                "/sale?reference={id}&amount={}.50&m={}&kind=sale&skus=a{id},b,c&prices=1.00,2.00,3.00&quantities=1,1,2\
                 &voucher=SAVE10&new=1&currency=EUR&v=1.5.7&click=11k8_{id}",
                id % 900,
                id % 4_000
            ),
            92..98 => format!("/image/{}/banner-{id}.jpg", id % 4_000),
            _ => format!("/{}{id}/{drawn:x}", ["short", "l", "x"][usize::try_from(drawn % 3)?]),
        };
        let line = format!(
            "www.example.com 203.0.113.{} - - [23/Nov/2026:19:31:{:02} +0000] \"GET {target} HTTP/1.1\" 200 43 \
             \"https://blog{}.example.net/post/{id}\" \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
             Chrome/130.0.0.0 Safari/537.36\"\n",
            id % 250,
            id % 60,
            id % 900
        );
        out.write_all(line.as_bytes())?;
        written += line.len() as u64;
        lines += 1;
    }
    out.flush()?;
    Ok(lines)
}
