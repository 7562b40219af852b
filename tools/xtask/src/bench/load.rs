//! How much does a contender take? wrk drives it to saturation; what it used of its core is read beside.

use std::path::PathBuf;

use serde::Deserialize;

use crate::bench::contenders::Started;
use crate::bench::site::{Role, Site, cpu_seconds};
use crate::failure::Failure;
use crate::process;
use crate::services;

/// A kind of requests, and how many connections send them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    /// What the requests are: the name of their file in `benches/requests`.
    pub(crate) requests: &'static str,
    pub(crate) connections: u32,
}

/// One load, measured.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Sample {
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Replies of 400 and above, and broken connections, as a share of all.
    pub(crate) failed: f64,
    /// Of one core, while it was measured.
    pub(crate) busy: f64,
    pub(crate) cpu_us: f64,
}

/// What `benches/load.lua` prints.
#[derive(Debug, Deserialize)]
struct Printed {
    requests: f64,
    duration_us: f64,
    p50_us: f64,
    p99_us: f64,
    refused: f64,
    broken: f64,
}

impl Load {
    /// The first request target of its file.
    pub(crate) fn first_target(&self, site: &Site<'_>, run: &str) -> Result<String, Failure> {
        let path = site.repository.path(&self.file());
        let text =
            std::fs::read_to_string(&path).map_err(|error| Failure::while_doing(path.display(), error))?;
        let target = text.lines().find(|line| line.starts_with('/'));
        target
            .map(|target| target.replace("{n}", run))
            .ok_or_else(|| Failure::new(format!("{} is empty", self.file())))
    }

    fn file(&self) -> String {
        format!("benches/requests/{}.txt", self.requests)
    }
}

/// The load generator.
#[derive(Debug)]
pub(crate) struct Wrk(PathBuf);

impl Wrk {
    pub(crate) fn ensure() -> Result<Self, Failure> {
        services::WRK.ensure().map(Self)
    }

    /// Loads a contender for some seconds. `run` makes the order numbers of this load its own.
    pub(crate) fn run(
        &self,
        site: &Site<'_>,
        (load, run): (Load, &str),
        contender: &Started,
        seconds: u64,
    ) -> Result<Sample, Failure> {
        let before = cpu_of(contender);
        let mut command = site.command(Role::Load, &self.0);
        command.current_dir(site.repository.root()).args(["--threads", "1"]);
        command.args(["--connections", &load.connections.to_string(), "--duration", &format!("{seconds}s")]);
        command.args(["--script", "benches/load.lua", &format!("http://{}", contender.address)]);
        command.args(["--", &load.file(), run]);
        let printed = process::output(&mut command)?;
        let cpu = before.zip(cpu_of(contender)).map_or(f64::NAN, |(before, after)| after - before);
        let result = printed.lines().rev().find_map(|line| serde_json::from_str(line).ok());
        let result: Printed =
            result.ok_or_else(|| Failure::new(format!("wrk printed no result: {printed}")))?;
        Ok(result.sample(cpu))
    }
}

impl Printed {
    fn sample(&self, cpu_seconds: f64) -> Sample {
        let seconds = self.duration_us / 1e6;
        Sample {
            per_second: self.requests / seconds,
            p50_ms: self.p50_us / 1e3,
            p99_ms: self.p99_us / 1e3,
            failed: (self.refused + self.broken) / self.requests.max(1.0),
            busy: cpu_seconds / seconds,
            cpu_us: cpu_seconds * 1e6 / self.requests.max(1.0),
        }
    }
}

fn cpu_of(contender: &Started) -> Option<f64> {
    contender.measured.iter().map(|process| cpu_seconds(process.id())).sum()
}

/// The median of each number by itself.
pub(crate) fn median(samples: &[Sample]) -> Sample {
    let of = |number: fn(&Sample) -> f64| {
        let mut numbers: Vec<f64> = samples.iter().map(number).collect();
        numbers.sort_by(f64::total_cmp);
        let (upper, lower) = (numbers.len() / 2, numbers.len().saturating_sub(1) / 2);
        let middle = numbers.get(lower).zip(numbers.get(upper));
        middle.map_or(f64::NAN, |(lower, upper)| f64::midpoint(*lower, *upper))
    };
    Sample {
        per_second: of(|sample| sample.per_second),
        p50_ms: of(|sample| sample.p50_ms),
        p99_ms: of(|sample| sample.p99_ms),
        failed: of(|sample| sample.failed),
        busy: of(|sample| sample.busy),
        cpu_us: of(|sample| sample.cpu_us),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_printed_becomes_a_sample() {
        let line = r#"{"requests":40000,"duration_us":2000000,"p50_us":3000,"p99_us":9500,"refused":300,"broken":100}"#;
        let printed: Printed = serde_json::from_str(line).unwrap();
        let sample = printed.sample(1.0);
        let expected =
            Sample { per_second: 20_000.0, p50_ms: 3.0, p99_ms: 9.5, failed: 0.01, busy: 0.5, cpu_us: 25.0 };
        assert_eq!(sample, expected);
    }

    #[test]
    fn the_median_is_not_moved_by_one_bad_round() {
        let samples = [9.0, 1.0, 10.0].map(|per_second| Sample { per_second, ..Sample::default() });
        assert_eq!(median(&samples).per_second.to_bits(), 9.0_f64.to_bits());
        let even = [4.0, 2.0].map(|per_second| Sample { per_second, ..Sample::default() });
        assert_eq!(median(&even).per_second.to_bits(), 3.0_f64.to_bits());
    }
}
