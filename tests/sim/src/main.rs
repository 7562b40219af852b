//! `sim --seeds N [--from S] [--steps K] [--scope S] [--failures F]`: runs seeds until one does not hold, or `F`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what this program is for")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use sim::{Broken, Counts, STEPS, Sabotage, Scope, run_in};

const USAGE: &str = "usage: sim [--seeds N] [--from SEED] [--steps K] [--scope SCOPE] [--failures F]\n\nexample: sim --seeds 1 --from 42";

/// Every so many seeds one is run twice and compared (I6).
const TWICE_EVERY: u64 = 10;

/// Every so many seeds a line is printed.
const LINE_EVERY: u64 = 500;

struct Arguments {
    seeds: u64,
    from: u64,
    steps: usize,
    scope: Scope,
    failures: u64,
}

fn arguments(words: &[String]) -> Option<Arguments> {
    let mut arguments = Arguments { seeds: 200, from: 0, steps: STEPS, scope: Scope::WHOLE, failures: 1 };
    for pair in words.chunks(2) {
        let [name, value] = pair else { return None };
        match name.as_str() {
            "--seeds" => arguments.seeds = value.parse().ok()?,
            "--from" => arguments.from = value.parse().ok()?,
            "--steps" => arguments.steps = value.parse().ok()?,
            "--failures" => arguments.failures = value.parse().ok()?,
            "--scope" => arguments.scope = Scope::parse(value)?,
            _ => return None,
        }
    }
    Some(arguments)
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(arguments) = arguments(&words) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let begun = Instant::now();
    let run = Run { begun, arguments, next: AtomicU64::new(0), failed: AtomicU64::new(0) };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let counts = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(|| run.work())).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).fold(
            Counts::default(),
            |mut sum, counts| {
                sum += counts;
                sum
            },
        )
    });
    let (failed, took) = (run.failed.into_inner(), begun.elapsed().as_secs());
    let Arguments { seeds, from, steps, scope, .. } = run.arguments;
    if failed > 0 {
        eprintln!("{failed} seeds do not hold ({scope:?}), {took} s");
        return ExitCode::FAILURE;
    }
    println!("{counts}\n{seeds} seeds from {from} of {steps} steps hold ({scope:?}), {took} s");
    ExitCode::SUCCESS
}

/// All seeds, taken one after another by whoever is free.
struct Run {
    begun: Instant,
    arguments: Arguments,
    next: AtomicU64,
    failed: AtomicU64,
}

impl Run {
    fn work(&self) -> Counts {
        let mut counts = Counts::default();
        let Arguments { seeds, from, steps, scope, failures } = self.arguments;
        loop {
            let done = self.next.fetch_add(1, Ordering::Relaxed);
            if done >= seeds || self.failed.load(Ordering::Relaxed) >= failures {
                return counts;
            }
            match one(scope, from + done, steps) {
                Ok(more) => counts += more,
                Err(report) => {
                    self.failed.fetch_add(1, Ordering::Relaxed);
                    eprintln!("{report}");
                }
            }
            if (done + 1).is_multiple_of(LINE_EVERY) {
                println!("{} seeds, {} s", done + 1, self.begun.elapsed().as_secs());
            }
        }
    }
}

/// One seed; some of them twice. The report of a failure, for people.
fn one(scope: Scope, seed: u64, steps: usize) -> Result<Counts, String> {
    let run = || run_in(scope, seed, steps, Sabotage::None).map_err(|broken| report(scope, &broken, steps));
    let held = run()?;
    if seed.is_multiple_of(TWICE_EVERY) {
        let again = run()?;
        if again != held {
            return Err(format!("I6: seed {seed} does not repeat: {held:?} and {again:?}"));
        }
    }
    Ok(held.counts)
}

fn report(scope: Scope, broken: &Broken, steps: usize) -> String {
    let Broken { seed, step, violation, trace } = broken;
    let (invariant, what) = (violation.invariant, &violation.what);
    let lines = trace.join("\n  ");
    format!(
        "  {lines}\n\n{invariant} does not hold after step {step} of seed {seed}: {what}\nagain: sim --seeds 1 --from {seed} --steps {steps} --scope {scope:?}"
    )
}
