//! `sim --seeds N [--from S] [--steps K]`: runs seeds until one does not hold.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what this program is for")]

use std::process::ExitCode;
use std::time::Instant;

use sim::{Broken, Counts, STEPS, Sabotage, run};

const USAGE: &str = "usage: sim [--seeds N] [--from SEED] [--steps K]\n\nexample: sim --seeds 1 --from 42";

/// Every so many seeds one is run twice and compared (I6).
const TWICE_EVERY: u64 = 10;

/// Every so many seeds a line is printed.
const LINE_EVERY: u64 = 500;

struct Arguments {
    seeds: u64,
    from: u64,
    steps: usize,
}

fn arguments(words: &[String]) -> Option<Arguments> {
    let mut arguments = Arguments { seeds: 200, from: 0, steps: STEPS };
    for pair in words.chunks(2) {
        let [name, value] = pair else { return None };
        match name.as_str() {
            "--seeds" => arguments.seeds = value.parse().ok()?,
            "--from" => arguments.from = value.parse().ok()?,
            "--steps" => arguments.steps = value.parse().ok()?,
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
    let (begun, mut counts) = (Instant::now(), Counts::default());
    for (done, seed) in (1..=arguments.seeds).zip(arguments.from..) {
        match one(seed, arguments.steps) {
            Ok(more) => counts += more,
            Err(report) => {
                eprintln!("{report}");
                return ExitCode::FAILURE;
            }
        }
        if done.is_multiple_of(LINE_EVERY) {
            println!("{done} seeds hold, {} s", begun.elapsed().as_secs());
        }
    }
    let Arguments { seeds, from, steps } = arguments;
    println!("{counts}\n{seeds} seeds from {from} of {steps} steps hold, {} s", begun.elapsed().as_secs());
    ExitCode::SUCCESS
}

/// One seed; some of them twice. The report of a failure, for people.
fn one(seed: u64, steps: usize) -> Result<Counts, String> {
    let held = run(seed, steps, Sabotage::None).map_err(|broken| report(&broken, steps))?;
    if seed.is_multiple_of(TWICE_EVERY) {
        let again = run(seed, steps, Sabotage::None).map_err(|broken| report(&broken, steps))?;
        if again != held {
            return Err(format!("I6: seed {seed} does not repeat: {held:?} and {again:?}"));
        }
    }
    Ok(held.counts)
}

fn report(broken: &Broken, steps: usize) -> String {
    let Broken { seed, step, violation, trace } = broken;
    let (invariant, what) = (violation.invariant, &violation.what);
    let lines = trace.join("\n  ");
    format!(
        "  {lines}\n\n{invariant} does not hold after step {step} of seed {seed}: {what}\nagain: sim --seeds 1 --from {seed} --steps {steps}"
    )
}
