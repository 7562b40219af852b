//! How is another program run? Without standard input, with honest errors, and never left behind.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::failure::Failure;

/// Where Debian keeps servers, which is not always on a user's `PATH`.
const SERVER_DIRECTORIES: [&str; 2] = ["/usr/sbin", "/sbin"];

/// Where a program is, or `None`.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(SERVER_DIRECTORIES.map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

/// The cargo that runs us, so that the toolchain stays the same.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a program to its end, with its output shown. An exit code other than 0 is a failure.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let line = shown(command);
    eprintln!("$ {line}");
    let status = command.stdin(Stdio::null()).status().map_err(|error| Failure::while_doing(&line, error))?;
    judge(&line, status)
}

/// Runs a program to its end and returns its standard output; its errors are shown.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let line = shown(command);
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Failure::while_doing(&line, error))?;
    judge(&line, output.status)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The first line that a program prints, on either stream, however it ends: how most of them tell their version.
pub(crate) fn first_line(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    String::from_utf8_lossy(&text).lines().next().map(str::to_owned)
}

/// What a program that was shown while it ran left behind.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) success: bool,
    /// The lines that were asked for, from standard output and then standard error.
    pub(crate) kept: Vec<String>,
}

/// Runs a program, shows what it prints as it prints it, and keeps the lines that `keep` asks for.
pub(crate) fn watch(command: &mut Command, keep: fn(&str) -> bool) -> Result<Watched, Failure> {
    let line = shown(command);
    eprintln!("$ {line}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| Failure::while_doing(&line, error))?;
    let errors = child
        .stderr
        .take()
        .map(|errors| std::thread::spawn(move || copy_lines(errors, &mut std::io::stderr().lock(), keep)));
    let mut kept = match child.stdout.take() {
        Some(output) => copy_lines(output, &mut std::io::stdout(), keep),
        None => Vec::new(),
    };
    if let Some(Ok(more)) = errors.map(std::thread::JoinHandle::join) {
        kept.extend(more);
    }
    let status = child.wait().map_err(|error| Failure::while_doing(&line, error))?;
    Ok(Watched { success: status.success(), kept })
}

fn copy_lines(from: impl Read, to: &mut impl Write, keep: fn(&str) -> bool) -> Vec<String> {
    let mut kept = Vec::new();
    for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        // A closed terminal must not stop the run that is being watched.
        drop(writeln!(to, "{line}"));
        if keep(&line) {
            kept.push(line.trim().to_owned());
        }
    }
    kept
}

fn judge(line: &str, status: ExitStatus) -> Result<(), Failure> {
    if status.success() { Ok(()) } else { Err(Failure::new(format!("`{line}` ended with {status}"))) }
}

/// A command as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = command.get_program();
    let name = Path::new(program).file_name().unwrap_or(program);
    let words = std::iter::once(name).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// A program that runs beside us, and ends with us.
#[derive(Debug)]
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Result<Self, Failure> {
        let child = command.stdin(Stdio::null()).spawn();
        child.map(Self).map_err(|error| Failure::while_doing(shown(command), error))
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it has ended already, which is what is wanted.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_program_is_named_with_its_exit() {
        let failure = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err().to_string();
        assert!(failure.contains("sh -c exit 3") && failure.contains('3'), "{failure}");
    }

    #[test]
    fn watched_lines_come_from_both_streams() {
        let script = "echo one; echo keep two; echo keep three >&2; exit 1";
        let watched = watch(Command::new("sh").args(["-c", script]), |line| line.contains("keep")).unwrap();
        assert!(!watched.success);
        assert_eq!(watched.kept, ["keep two", "keep three"]);
    }

    #[test]
    fn a_program_that_is_nowhere_is_not_found() {
        assert!(which("sh").is_some());
        assert!(which("no-such-program-anywhere").is_none());
    }
}
