//! The full edge path: what one core gives, against nginx and against the old design.

use crate::bench::Options;
use crate::bench::contenders::{Contender, Started, start_upstream};
use crate::bench::load::{Load, Sample, Wrk, median};
use crate::bench::probe;
use crate::bench::report::{Section, table, verdict};
use crate::bench::site::Site;
use crate::failure::Failure;
use crate::repository::Repository;

const LOADS: [Load; 4] = [
    Load { requests: "clicks", connections: 64 },
    Load { requests: "clicks", connections: 256 },
    Load { requests: "sales", connections: 64 },
    Load { requests: "sales", connections: 256 },
];

const WARM_UP_SECONDS: u64 = 1;
const TIMES_NGINX_MIN: f64 = 1.0;
const TIMES_WORKER_MIN: f64 = 5.0;

/// Below this share of its core, a contender was not saturated.
const BUSY_MIN: f64 = 0.9;

/// Measures every contender that can be had.
pub(crate) fn measure(repository: &Repository, options: &Options) -> Section {
    let title = "The full edge path";
    let mut section = Section { title, ..Section::default() };
    if let Err(failure) = Measurement::run(repository, options, &mut section) {
        section.missing.push(format!("{title}: {failure}"));
    }
    section
}

/// The samples so far: for each contender and load, one a round.
#[derive(Debug, Default)]
struct Measurement {
    samples: Vec<(Contender, Load, Sample)>,
    versions: Vec<String>,
}

/// What does not change from round to round.
struct Stage<'a> {
    site: Site<'a>,
    wrk: Wrk,
    upstream: Started,
    seconds: u64,
}

impl Measurement {
    fn run(repository: &Repository, options: &Options, section: &mut Section) -> Result<(), Failure> {
        let site = Site::prepare(repository)?;
        let mut measurement = Self::default();
        let mut contenders = measurement.prepare(&site, section);
        let wrk = Wrk::ensure()?;
        let stage = Stage { upstream: start_upstream(&site)?, site, wrk, seconds: options.seconds };
        section.about = about(&stage.site, options);
        probe::until_ready(&stage.upstream.address, "/")?;
        for round in 0..options.rounds {
            contenders.retain(|contender| match measurement.round(&stage, *contender, round) {
                Ok(()) => true,
                Err(failure) => {
                    note_missing(section, *contender, &failure);
                    false
                }
            });
        }
        section.body = measurement.body();
        Ok(())
    }

    fn prepare(&mut self, site: &Site<'_>, section: &mut Section) -> Vec<Contender> {
        let mut ready = Vec::new();
        for contender in Contender::ALL {
            match contender.prepare(site) {
                Ok(version) => {
                    self.versions.push(format!("{}: {version}", contender.name()));
                    ready.push(contender);
                }
                Err(failure) => note_missing(section, contender, &failure),
            }
        }
        ready
    }

    /// Starts a contender, loads it in every way, and stops it.
    fn round(&mut self, stage: &Stage<'_>, contender: Contender, round: u64) -> Result<(), Failure> {
        let started = contender.start(&stage.site, &stage.upstream.address)?;
        for (index, load) in LOADS.into_iter().enumerate() {
            let run = format!("r{round}l{index}");
            check_answer(stage, &started, load, &run)?;
            stage.wrk.run(&stage.site, (load, &format!("{run}w")), &started, WARM_UP_SECONDS)?;
            let sample = stage.wrk.run(&stage.site, (load, &run), &started, stage.seconds)?;
            eprintln!(
                "round {}: {}, {} on {} connections: {:.0} a second",
                round + 1,
                contender.name(),
                load.requests,
                load.connections,
                sample.per_second
            );
            self.samples.push((contender, load, sample));
        }
        Ok(())
    }

    fn median(&self, contender: Contender, load: Load) -> Option<Sample> {
        let matching = self.samples.iter().filter(|(of, at, _)| *of == contender && *at == load);
        let samples: Vec<Sample> = matching.map(|(_, _, sample)| *sample).collect();
        (!samples.is_empty()).then(|| median(&samples))
    }

    fn body(&self) -> String {
        let mut body = format!("{}.\n", self.versions.join("; "));
        for load in LOADS {
            let rows: Vec<Vec<String>> =
                Contender::ALL.into_iter().filter_map(|contender| self.row(contender, load)).collect();
            if !rows.is_empty() {
                let rows: Vec<Vec<String>> = std::iter::once(head()).chain(rows).collect();
                body.push_str(&format!("\n{}, {} connections\n\n", load.requests, load.connections));
                body.push_str(&table(&rows));
                body.push_str(&self.promises(load));
                body.push_str(&self.idleness(load));
            }
        }
        body
    }

    fn row(&self, contender: Contender, load: Load) -> Option<Vec<String>> {
        let sample = self.median(contender, load)?;
        let ratio = |peer: Contender, number: fn(&Sample) -> f64| match self.median(peer, load) {
            Some(other) => format!("{:.2}", number(&sample) / number(&other)),
            None => "not measured".to_owned(),
        };
        Some(vec![
            contender.name().to_owned(),
            format!("{:.0}", sample.per_second),
            ratio(Contender::Nginx, |sample| sample.per_second),
            ratio(Contender::Worker, |sample| sample.per_second),
            format!("{:.1}", sample.cpu_us),
            ratio(Contender::Nginx, |sample| sample.cpu_us),
            format!("{:.2}", sample.p50_ms),
            format!("{:.2}", sample.p99_ms),
            format!("{:.0} %", sample.busy * 100.0),
            format!("{:.2} %", sample.failed * 100.0),
        ])
    }

    /// What turnout promised at this load, and whether it was kept.
    fn promises(&self, load: Load) -> String {
        let Some(ours) = self.median(Contender::Turnout, load) else { return String::new() };
        let against = [(Contender::Nginx, TIMES_NGINX_MIN), (Contender::Worker, TIMES_WORKER_MIN)];
        let judged = against.into_iter().filter_map(|(peer, least)| {
            let ratio = ours.per_second / self.median(peer, load)?.per_second;
            Some(format!(
                "at least {least:.0} times {}: {} ({ratio:.2})",
                peer.name(),
                verdict(ratio >= least)
            ))
        });
        let judged: Vec<String> = judged.collect();
        if judged.is_empty() { String::new() } else { format!("\nPromised: {}.\n", judged.join("; ")) }
    }

    /// nginx and the worker wait for nothing but their core: one that did not fill it was held back from outside.
    fn idleness(&self, load: Load) -> String {
        let peers = [Contender::Nginx, Contender::Worker].into_iter();
        let idle = peers.filter(|peer| self.median(*peer, load).is_some_and(|sample| sample.busy < BUSY_MIN));
        let idle: Vec<&str> = idle.map(Contender::name).collect();
        if idle.is_empty() {
            return String::new();
        }
        let names = idle.join(" and ");
        format!("\nThe machine was busy: {names} did not get a whole core. Compare the CPU a request here.\n")
    }
}

fn head() -> Vec<String> {
    let ratios = ["", "requests/s", "÷ nginx", "÷ worker", "CPU µs a request", "÷ nginx"];
    ratios.into_iter().chain(["p50 ms", "p99 ms", "busy", "failed"]).map(str::to_owned).collect()
}

fn about(site: &Site<'_>, options: &Options) -> String {
    format!(
        "Saturated by wrk; {}.\n\
         Rounds: {}, interleaved, {} s for each load; medians. nginx and the worker store nothing, turnout makes each\n\
         sale durable before it replies: `README.md` beside this file says what each contender does.",
        site.layout(),
        options.rounds,
        options.seconds
    )
}

/// A click is answered with a redirect and a sale with its pixel, or the contender is not measured at all.
fn check_answer(stage: &Stage<'_>, started: &Started, load: Load, run: &str) -> Result<(), Failure> {
    let target = load.first_target(&stage.site, &format!("{run}p"))?;
    let answer = probe::until_ready(&started.address, &target)?;
    match answer.status {
        200..400 => Ok(()),
        status => {
            let location = answer.location.unwrap_or_default();
            Err(Failure::new(format!("answered {target} with {status} {location}")))
        }
    }
}

fn note_missing(section: &mut Section, contender: Contender, failure: &Failure) {
    let sentence = format!("{}: {failure}", contender.name());
    match contender {
        Contender::Turnout => section.missing.push(sentence),
        Contender::Nginx | Contender::Worker => section.missing_peers.push(sentence),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_between_medians_and_judged() {
        let [load, ..] = LOADS;
        let sample = |per_second: f64, cpu_us: f64| Sample { per_second, cpu_us, ..Sample::default() };
        let measurement = Measurement {
            samples: vec![
                (Contender::Nginx, load, sample(20_000.0, 50.0)),
                (Contender::Turnout, load, sample(25_000.0, 40.0)),
                (Contender::Turnout, load, sample(5_000.0, 45.0)),
                (Contender::Turnout, load, sample(30_000.0, 35.0)),
            ],
            versions: vec!["turnout: 0.1.0".to_owned()],
        };
        let body = measurement.body();
        assert!(body.contains("| turnout | 25000 | 1.25 | not measured | 40.0 | 0.80 |"), "{body}");
        assert!(body.contains("at least 1 times nginx `proxy_pass`: met (1.25)"), "{body}");
        assert!(body.contains("nginx `proxy_pass` did not get a whole core"), "{body}");
        assert!(!body.contains("sales"), "{body}");
    }
}
