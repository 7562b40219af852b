//! What was asked for? The command line, read strictly: an unknown word is an error, never ignored.

use crate::bench;
use crate::failure::Failure;

/// What `cargo xtask help` prints.
pub(crate) const HELP: &str = "\
Chores of this repository.

  cargo xtask tidy [--write]             what a machine can check; --write rewrites the generated blocks
  cargo xtask test                       everything built, every test, a closing summary
  cargo xtask wasm                       the pure layer's tests as wasm32, and its bytes compared with the native ones
  cargo xtask fuzz TARGET [--for SECONDS]
                                         one target of fuzz/ with coverage-guided inputs; `all` for each in turn
  cargo xtask sim [--seeds N] [--from S] the simulation with virtual time, one run a seed
  cargo xtask sweep [--full]             edge and processor killed at one system call after the other; --full: at every one
  cargo xtask mutants [CRATE]            lines that money depends on, changed one at a time: does a test fail?
  cargo xtask bench [--only PART] [--seconds N] [--rounds N]
                                         the numbers we are held to, as ratios; writes benches/RESULTS.md
                                         PART: translate, lines, census, outbox or edge
  cargo xtask help                       this text

Example: cargo xtask sim --seeds 1000 --from 42";

const SEEDS: u64 = 200;
const FUZZ_SECONDS: u64 = 60;

/// One chore with its options.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Chore {
    Help,
    Tidy { write: bool },
    Test,
    Sim { seeds: u64, from: u64 },
    Sweep { full: bool },
    Mutants { only: Option<String> },
    Wasm,
    Fuzz { target: String, seconds: u64 },
    Bench(bench::Options),
}

/// Reads the words after `cargo xtask`.
pub(crate) fn parse(words: &[String]) -> Result<Chore, Failure> {
    let Some((chore, rest)) = words.split_first() else { return Ok(Chore::Help) };
    let mut options = Options { rest };
    let parsed = match chore.as_str() {
        "help" | "--help" | "-h" => Chore::Help,
        "tidy" => Chore::Tidy { write: parse_flag("tidy", "--write", &mut options)? },
        "test" => Chore::Test,
        "sim" => parse_sim(&mut options)?,
        "mutants" => Chore::Mutants { only: options.next().map(str::to_owned) },
        "sweep" => Chore::Sweep { full: parse_flag("sweep", "--full", &mut options)? },
        "bench" => parse_bench(&mut options)?,
        "wasm" => Chore::Wasm,
        "fuzz" => parse_fuzz(&mut options)?,
        other => return Err(Failure::new(format!("no chore is called `{other}`"))),
    };
    match options.next() {
        None => Ok(parsed),
        Some(word) => Err(unknown(chore, word)),
    }
}

/// Whether the one flag that a chore has is given.
fn parse_flag(chore: &str, flag: &str, options: &mut Options<'_>) -> Result<bool, Failure> {
    let mut given = false;
    while let Some(word) = options.next() {
        if word != flag {
            return Err(unknown(chore, word));
        }
        given = true;
    }
    Ok(given)
}

fn parse_sim(options: &mut Options<'_>) -> Result<Chore, Failure> {
    let (mut seeds, mut from) = (SEEDS, 0);
    while let Some(word) = options.next() {
        match word {
            "--seeds" => seeds = options.number(word)?,
            "--from" => from = options.number(word)?,
            other => return Err(unknown("sim", other)),
        }
    }
    Ok(Chore::Sim { seeds, from })
}

fn parse_bench(options: &mut Options<'_>) -> Result<Chore, Failure> {
    let mut wanted = bench::Options::default();
    while let Some(word) = options.next() {
        match word {
            "--seconds" => wanted.seconds = options.number(word)?,
            "--rounds" => wanted.rounds = options.number(word)?,
            "--only" => wanted.only = Some(bench::Part::named(options.value(word)?)?),
            other => return Err(unknown("bench", other)),
        }
    }
    if wanted.seconds == 0 || wanted.rounds == 0 {
        return Err(Failure::new("bench: --seconds and --rounds start at 1"));
    }
    Ok(Chore::Bench(wanted))
}

fn parse_fuzz(options: &mut Options<'_>) -> Result<Chore, Failure> {
    let target = options.value("fuzz")?.to_owned();
    let mut seconds = FUZZ_SECONDS;
    while let Some(word) = options.next() {
        match word {
            "--for" => seconds = options.seconds(word)?,
            other => return Err(unknown("fuzz", other)),
        }
    }
    Ok(Chore::Fuzz { target, seconds })
}

fn unknown(chore: &str, word: &str) -> Failure {
    Failure::new(format!("{chore}: `{word}` is not one of its options"))
}

/// The words that are still to be read.
struct Options<'a> {
    rest: &'a [String],
}

impl<'a> Options<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let (word, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(word)
    }

    fn value(&mut self, option: &str) -> Result<&'a str, Failure> {
        self.next().ok_or_else(|| Failure::new(format!("{option} needs a value")))
    }

    /// A number of seconds, with an `s` behind it or without.
    fn seconds(&mut self, option: &str) -> Result<u64, Failure> {
        let word = self.value(option)?;
        let number = word.strip_suffix('s').unwrap_or(word);
        number.parse().map_err(|_| Failure::new(format!("{option} needs a number of seconds, not `{word}`")))
    }

    fn number(&mut self, option: &str) -> Result<u64, Failure> {
        let word = self.value(option)?;
        word.parse().map_err(|_| Failure::new(format!("{option} needs a whole number, not `{word}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Chore, Failure> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&words)
    }

    #[test]
    fn every_chore_is_understood() {
        assert_eq!(parsed("").unwrap(), Chore::Help);
        assert_eq!(parsed("tidy").unwrap(), Chore::Tidy { write: false });
        assert_eq!(parsed("tidy --write").unwrap(), Chore::Tidy { write: true });
        assert_eq!(parsed("test").unwrap(), Chore::Test);
        assert_eq!(parsed("sim --seeds 7 --from 3").unwrap(), Chore::Sim { seeds: 7, from: 3 });
        assert_eq!(parsed("sweep --full").unwrap(), Chore::Sweep { full: true });
        assert_eq!(parsed("mutants relay").unwrap(), Chore::Mutants { only: Some("relay".to_owned()) });
        assert_eq!(parsed("wasm").unwrap(), Chore::Wasm);
        let wanted = Chore::Fuzz { target: "gate".to_owned(), seconds: 90 };
        assert_eq!(parsed("fuzz gate --for 90s").unwrap(), wanted);
        let wanted = bench::Options { seconds: 2, rounds: 1, only: Some(bench::Part::Edge) };
        assert_eq!(parsed("bench --only edge --seconds 2 --rounds 1").unwrap(), Chore::Bench(wanted));
    }

    #[test]
    fn a_mistake_is_named() {
        for (line, named) in [
            ("tdiy", "tdiy"),
            ("tidy --wirte", "--wirte"),
            ("test now", "now"),
            ("sim --seeds", "--seeds"),
            ("sim --seeds many", "many"),
            ("bench --only speed", "speed"),
            ("bench --rounds 0", "--rounds"),
            ("wasm now", "now"),
            ("sweep --ful", "--ful"),
            ("fuzz", "fuzz"),
            ("fuzz gate --for ever", "ever"),
        ] {
            let failure = parsed(line).unwrap_err().to_string();
            assert!(failure.contains(named), "{line}: {failure}");
        }
    }
}
