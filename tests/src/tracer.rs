//! Faults at single system calls of a running process, injected by `strace`.
//!
//! `strace` counts the calls of each thread by itself. A fault at the n-th call of one named thread is therefore
//! exact, while one at the n-th call of a whole process is met by whichever thread gets there first.

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::power::JOURNALLING;
use crate::process::{binary, ends};
use crate::wait::wait_for;

/// How long it may take to get hold of a process.
const ATTACHES_WITHIN: Duration = Duration::from_secs(20);

/// How long it may take to let go of it.
const LETS_GO_WITHIN: Duration = Duration::from_secs(3);

/// A fault at system calls.
#[derive(Debug, Clone)]
pub struct Injection {
    calls: String,
    fault: String,
    paths: Vec<PathBuf>,
}

impl Injection {
    /// The process is killed as it makes the n-th of these calls, which does not happen any more.
    pub fn kill(calls: &str, nth: usize) -> Self {
        Self::new(calls, &format!("signal=SIGKILL:when={nth}"))
    }

    /// The calls fail with this error and do nothing; `when` is strace's: `3` the third, `3+` from the third on.
    pub fn error(calls: &str, error: &str, when: &str) -> Self {
        Self::new(calls, &format!("error={error}:when={when}"))
    }

    /// The calls do nothing and say that all is well.
    pub fn eaten(calls: &str) -> Self {
        Self::new(calls, "retval=0")
    }

    /// The calls begin so many microseconds late.
    pub fn late(calls: &str, micros: u64, when: &str) -> Self {
        Self::new(calls, &format!("delay_enter={micros}:when={when}"))
    }

    fn new(calls: &str, fault: &str) -> Self {
        Self { calls: calls.to_owned(), fault: fault.to_owned(), paths: Vec::new() }
    }

    /// The same, at calls that concern one of these files alone.
    #[must_use]
    pub fn only(self, paths: Vec<PathBuf>) -> Self {
        Self { paths, ..self }
    }

    fn arguments(&self) -> Vec<String> {
        let (calls, fault) = (&self.calls, &self.fault);
        let mut words = vec![format!("--trace={calls}"), format!("--inject={calls}:{fault}")];
        for path in &self.paths {
            words.extend(["-P".to_owned(), path.display().to_string()]);
        }
        words
    }
}

/// The command that runs the binary under `strace` from its first call on. What was traced goes to `log`.
pub fn traced(injection: &Injection, arguments: &[&str], log: &Path) -> Command {
    let mut command = Command::new("strace");
    command.args(["--follow-forks", "--quiet=all", "--output"]).arg(log);
    command.args(injection.arguments()).arg("--").arg(binary()).args(arguments);
    command
}

/// `strace` on a process that runs already. Dropped, it lets go of the process.
#[derive(Debug)]
pub struct Tracer {
    child: Child,
    log: PathBuf,
}

impl Tracer {
    /// Injects from now on: into the thread of this name, or into all threads.
    pub fn attach(pid: u32, thread: Option<&str>, injection: &Injection, log: &Path) -> Self {
        let mut command = Command::new("strace");
        command.args(["--output"]).arg(log).args(injection.arguments());
        match thread {
            Some(name) => command.args(["--attach", &thread_id(pid, name).to_string()]),
            None => command.args(["--follow-forks", "--attach", &pid.to_string()]),
        };
        Self::run(command, log)
    }

    fn run(mut command: Command, log: &Path) -> Self {
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("strace cannot be run ({error}): install it"));
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let first = first_of(lines);
        let tracer = Self { child, log: log.to_owned() };
        assert!(
            first.contains(" attached"),
            "strace does not attach: {first:?}. It needs root, or kernel.yama.ptrace_scope = 0"
        );
        tracer
    }

    /// Keeps a journal of these calls of a thread in `log`, and injects at some of them, if anything.
    pub fn journal(pid: u32, thread: &str, calls: &str, injection: Option<&Injection>, log: &Path) -> Self {
        let mut command = Command::new("strace");
        command.arg("--output").arg(log).args(JOURNALLING).arg(format!("--trace={calls}"));
        let inject = injection.map(|injection| format!("--inject={}:{}", injection.calls, injection.fault));
        command.args(inject).args(["--attach", &thread_id(pid, thread).to_string()]);
        Self::run(command, log)
    }

    /// How many faults it has injected by now. A kill does not count: who is killed leaves no line.
    pub fn injected(&self) -> usize {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        text.lines().filter(|line| line.contains("(INJECTED)") || line.contains("(DELAYED)")).count()
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // It may have ended with its process. Asked to end, it takes back what it does to a call under way.
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let _gone_already = pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM));
        // A process that dies just as it is let go of holds the tracer for ever: it waits for the first thread, whose
        // end the kernel tells it only after the ends of the others. The kernel lets go of what a dead tracer held.
        if !ends(&mut self.child, LETS_GO_WITHIN) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// The first line of what it tells, or nothing after a while. It tells of every thread, and must not wait for a reader.
fn first_of(mut lines: impl Iterator<Item = io::Result<String>> + Send + 'static) -> String {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        // Nobody waits any more if it took too long.
        drop(sender.send(lines.next()));
        lines.for_each(drop);
    });
    let first = receiver.recv_timeout(ATTACHES_WITHIN).ok().flatten();
    first.and_then(Result::ok).unwrap_or_default()
}

/// The kernel's number of a thread, which has its name only once it has begun to run.
fn thread_id(pid: u32, name: &str) -> u32 {
    // The kernel keeps fifteen letters.
    let short = name.get(..15).unwrap_or(name);
    wait_for(&format!("process {pid} has a thread `{name}`"), Duration::from_secs(20), || {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
        let mut ids = tasks.filter_map(|task| task.ok()?.file_name().to_str()?.parse::<u32>().ok());
        let comm = |id: &u32| fs::read_to_string(format!("/proc/{pid}/task/{id}/comm")).unwrap_or_default();
        ids.find(|id| comm(id).trim_end() == short)
    })
}
