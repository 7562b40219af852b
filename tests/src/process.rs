//! The binary, run as a process of its own that ends with the test.

use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a role may take until it listens. Generous: the machine may be busy with other tests.
const START_WITHIN: Duration = Duration::from_secs(60);

/// How long one that was killed may take to be gone.
const DIES_WITHIN: Duration = Duration::from_secs(60);

/// The binary under test.
pub fn binary() -> PathBuf {
    let named = env::var_os("TURNOUT_BIN").map(PathBuf::from);
    let path =
        named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/turnout"));
    assert!(
        path.is_file(),
        "{} is not there: run `cargo build --release -p turnout`, or name the binary in TURNOUT_BIN",
        path.display()
    );
    path
}

/// A running role.
#[derive(Debug)]
pub struct Process {
    child: Child,
    errors: PathBuf,
    addresses: Value,
}

impl Process {
    /// Starts the binary and waits for the line that says where it listens. `errors` takes its standard error.
    pub fn start(arguments: &[&str], errors: &Path) -> Self {
        let mut command = Command::new(binary());
        command.args(arguments);
        match Self::try_start(command, errors) {
            Ok(process) => process,
            Err(why) => panic!("{arguments:?} did not start: {why}"),
        }
    }

    /// Starts this command, which runs the binary, and waits for the line that says where it listens.
    ///
    /// # Errors
    /// If it ends before that: what it has written to standard error.
    pub fn try_start(command: Command, errors: &Path) -> Result<Self, String> {
        Self::try_start_with(command, errors, Stdio::null())
    }

    /// The same, with this as its standard input.
    ///
    /// # Errors
    /// As [`Process::try_start`].
    pub fn try_start_with(mut command: Command, errors: &Path, input: Stdio) -> Result<Self, String> {
        let file = File::options().create(true).append(true).open(errors).unwrap();
        command.stdin(input).stdout(Stdio::piped()).stderr(file);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = child.stdout.take().unwrap();
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut lines = BufReader::new(stdout).lines();
            let first = lines.next();
            // Nobody waits any more if the start took too long.
            drop(sender.send(first));
            lines.for_each(drop);
        });
        let mut process = Self { child, errors: errors.to_owned(), addresses: Value::Null };
        let line = match receiver.recv_timeout(START_WITHIN) {
            Ok(Some(Ok(line))) => line,
            // Nothing more comes of it.
            Ok(None) => return Err(process.errors()),
            other => panic!("{command:?} does not start ({other:?}): {}", process.errors()),
        };
        process.addresses = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        Ok(process)
    }

    /// The id of the process that serves: not of what traces it.
    pub fn id(&self) -> u32 {
        let own = self.addresses.get("pid").and_then(Value::as_u64);
        own.and_then(|pid| u32::try_from(pid).ok()).unwrap_or_else(|| self.child.id())
    }

    /// Where `what` listens.
    pub fn address(&self, what: &str) -> &str {
        let address = self.addresses.get(what).and_then(Value::as_str);
        address.unwrap_or_else(|| panic!("no `{what}` in {}", self.addresses))
    }

    /// What it has written to standard error.
    pub fn errors(&self) -> String {
        fs::read_to_string(&self.errors).unwrap_or_default()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_none())
    }

    /// Ends it at once, as a crash of the machine would: SIGKILL, and nothing is tidied up.
    pub fn kill(&mut self) {
        // It may have ended already. Under a tracer it is no child of ours, and the tracer ends with it.
        let traced = self.id() != self.child.id() && self.is_running();
        let pid = i32::try_from(self.id()).ok().filter(|_| traced).and_then(rustix::process::Pid::from_raw);
        match pid {
            Some(pid) => _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL),
            None => drop(self.child.kill()),
        }
        if !ends(&mut self.child, DIES_WITHIN) && !thread::panicking() {
            panic!("process {} was killed and is still there after {DIES_WITHIN:?}", self.id());
        }
    }

    /// Asks it to end, and waits until it has.
    pub fn end(&mut self) {
        let pid = i32::try_from(self.id()).ok().and_then(rustix::process::Pid::from_raw).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "it ended with {status}: {}", self.errors());
    }

    /// Fails the test if it has panicked.
    pub fn assert_calm(&self) {
        let errors = self.errors();
        assert!(!errors.contains("panicked"), "{errors}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            let errors = self.errors();
            let from = errors.len().saturating_sub(4000);
            let tail = errors.get(from..).unwrap_or(&errors);
            eprintln!("--- standard error of process {}:\n{tail}", self.child.id());
        }
    }
}

/// Waits for its end; false if it does not come within this time.
pub(crate) fn ends(child: &mut Child, within: Duration) -> bool {
    let began = Instant::now();
    loop {
        match child.try_wait() {
            // The end of a child cannot be waited for with a limit: it is looked for after a moment.
            Ok(None) if began.elapsed() < within => thread::sleep(Duration::from_millis(5)),
            Ok(None) => return false,
            Ok(Some(_)) | Err(_) => return true,
        }
    }
}

/// A command that has ended.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code.
    pub code: Option<i32>,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

/// Runs a command of the binary to its end, with `input` on standard input.
pub fn turnout(arguments: &[&str], input: &[u8]) -> Finished {
    let mut command = Command::new(binary());
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = thread::spawn(move || {
        // A command that refuses its input closes the pipe.
        drop(stdin.write_all(&input));
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Finished {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
