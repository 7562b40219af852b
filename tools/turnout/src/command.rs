//! The commands, one file each.

mod acting;
mod ask;
pub(crate) mod audit;
pub(crate) mod census;
pub(crate) mod check;
pub(crate) mod clicks;
pub(crate) mod compare;
pub(crate) mod dead;
pub(crate) mod destinations;
pub(crate) mod dialect;
pub(crate) mod diff;
pub(crate) mod explain;
pub(crate) mod fault;
mod import;
pub(crate) mod load;
pub(crate) mod map;
pub(crate) mod models;
pub(crate) mod operators;
pub(crate) mod owner;
pub(crate) mod pay;
pub(crate) mod postbacks;
pub(crate) mod proof;
pub(crate) mod queue;
pub(crate) mod recalculate;
pub(crate) mod reconcile;
pub(crate) mod report;
pub(crate) mod requests;
pub(crate) mod rules;
pub(crate) mod serve;
pub(crate) mod snapshot;
mod span;
pub(crate) mod status;
pub(crate) mod transactions;
pub(crate) mod translate;
pub(crate) mod unmapped;
pub(crate) mod unrecognised;
pub(crate) mod up;
pub(crate) mod vouchers;

use std::borrow::Cow;
use std::error::Error;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracking::source::Mistake;

use crate::log::Lines;

/// Log lines go to standard error, so that standard output stays for programs. `TURNOUT_LOG` chooses what is
/// told, as `info` or `edge=debug`; `usual` stands where it says nothing.
fn log(usual: &str, json: bool) {
    let filter = std::env::var("TURNOUT_LOG").unwrap_or_else(|_| usual.to_owned());
    let filter = EnvFilter::try_new(&filter).unwrap_or_else(|_| EnvFilter::new(usual));
    // Without a thread for it there is no log, and everything else goes on.
    let Ok(writer) = Lines::to_standard_error() else { return };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    // It fails only if a log is set up already, which then stays.
    drop(if json { lines.json().try_init() } else { lines.try_init() });
}

/// The runtime of roles that serve.
pub(crate) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// A file that may not grow any more is an error to the one who writes it, not the end of the process.
fn survive_file_limits() -> std::io::Result<()> {
    let exceeded = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
    // Whether anybody listens is the same: with a handler in place the write fails instead.
    signal(exceeded).map(drop)
}

/// Being asked to end, by ctrl-c or by a polite kill. A process that does not hear them is ended by the first one with
/// its connections broken, so this exists before anybody can know that it serves.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    /// Hears them from now on.
    fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits until one has come, or for the time to be over.
    async fn told(mut self, after: Option<Duration>) {
        let over = async {
            match after {
                Some(after) => tokio::time::sleep(after).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            () = over => {}
        }
    }
}

/// An error with everything that led to it, as far as it does not say so itself.
pub(crate) fn with_causes(error: &(dyn Error + 'static)) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// A text as a terminal may get it. Strangers write orders' references and access logs, and what steers a terminal could hide or
/// forge what a person reads there. Ends of lines stay.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let steers = |letter: char| letter.is_control() && letter != '\n';
    if text.contains(steers) { text.replace(steers, "\u{fffd}").into() } else { text.into() }
}

/// Every mistake in one error, a line each.
fn mistakes(mistakes: Vec<Mistake>) -> Box<dyn Error + Send + Sync> {
    let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    format!("{} to mend:\n  {}", lines.len(), lines.join("\n  ")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_printed_steers_a_terminal() {
        assert_eq!(
            printable("a\u{1b}]0;b\u{7}\r\u{9b}c\td\ne"),
            "a\u{fffd}]0;b\u{fffd}\u{fffd}\u{fffd}c\u{fffd}d\ne"
        );
        assert!(matches!(printable("Ω — A-1"), Cow::Borrowed(_)));
    }
}
