//! Where does a benchmark stand? A directory of its own, ports nobody uses, and cores: one for what is measured, the
//! others for what drives it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::process;
use crate::repository::Repository;

/// The place that all contenders share.
#[derive(Debug)]
pub(crate) struct Site<'a> {
    pub(crate) repository: &'a Repository,
    directory: PathBuf,
    cores: usize,
}

/// What a process is in the measurement, which decides where it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Measured,
    Load,
    Upstream,
}

impl<'a> Site<'a> {
    pub(crate) fn prepare(repository: &'a Repository) -> Result<Self, Failure> {
        let directory = repository.target().join("bench");
        std::fs::create_dir_all(&directory)
            .map_err(|error| Failure::while_doing(directory.display(), error))?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self { repository, directory, cores })
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// A directory below, empty.
    pub(crate) fn fresh_directory(&self, name: &str) -> Result<PathBuf, Failure> {
        let directory = self.directory.join(name);
        if directory.exists() {
            std::fs::remove_dir_all(&directory)
                .map_err(|error| Failure::while_doing(directory.display(), error))?;
        }
        std::fs::create_dir_all(&directory)
            .map_err(|error| Failure::while_doing(directory.display(), error))?;
        Ok(directory)
    }

    /// The core of a role; with two cores, the load and its upstream share the second.
    fn core(&self, role: Role) -> usize {
        match role {
            Role::Measured => 0,
            Role::Load => 1,
            Role::Upstream => 2.min(self.cores - 1),
        }
    }

    /// A command that runs `program` on the core of its role. On one core everything shares it.
    pub(crate) fn command(&self, role: Role, program: &Path) -> Command {
        match process::which("taskset").filter(|_| self.cores > 1) {
            Some(taskset) => {
                let mut command = Command::new(taskset);
                command.arg("--cpu-list").arg(self.core(role).to_string()).arg(program);
                command
            }
            None => Command::new(program),
        }
    }

    /// In words, for the report.
    pub(crate) fn layout(&self) -> String {
        match self.cores {
            1 => "one core, shared by everything: the ratios say little".to_owned(),
            2 => "the contender alone on one core, load generator and upstream on the other".to_owned(),
            _ => "the contender, the load generator and the upstream on a core each".to_owned(),
        }
    }

    /// A file of `benches/` with its `@WORDS@` filled in, written into the directory under the same name.
    pub(crate) fn fill_in(&self, file: &str, words: &[(&str, &str)]) -> Result<PathBuf, Failure> {
        let path = self.repository.path("benches").join(file);
        let template =
            std::fs::read_to_string(&path).map_err(|error| Failure::while_doing(path.display(), error))?;
        let text =
            words.iter().fold(template, |text, (word, value)| text.replace(&format!("@{word}@"), value));
        let target = self.directory.join(file);
        std::fs::write(&target, text).map_err(|error| Failure::while_doing(target.display(), error))?;
        Ok(target)
    }
}

/// An address on loopback that was free a moment ago.
pub(crate) fn free_address() -> Result<String, Failure> {
    let bound = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    bound
        .map(|address| address.to_string())
        .map_err(|error| Failure::while_doing("finding a free port", error))
}

/// CPU time that a process has used since it started, in seconds. `None` where the system does not tell.
pub(crate) fn cpu_seconds(process: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    cpu_seconds_in(&stat)
}

/// The kernel counts in hundredths of a second for programs, whatever its own clock.
fn cpu_seconds_in(stat: &str) -> Option<f64> {
    const TICKS_PER_SECOND: f64 = 100.0;
    // The name in parentheses may hold anything, so that fields are counted behind the last one.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_behind_any_name() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 300 0 0 0 150 50 0 0 20 0 3 0 100 1000 10";
        assert_eq!(cpu_seconds_in(stat), Some(2.0));
        assert_eq!(cpu_seconds_in("42 (a"), None);
        assert!(cpu_seconds(std::process::id()).is_some());
    }
}
