//! What can go wrong while the lab starts or runs, in words for the person who started it.

use std::fmt;
use std::io;
use std::net::SocketAddr;

/// Why the lab, a generator or a measurement could not run.
#[derive(Debug)]
pub enum Error {
    /// A listener could not be opened.
    Bind {
        /// Which listener.
        what: &'static str,
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The settings contradict themselves or a limit.
    Settings(String),
    /// A background task ended abnormally.
    Task(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind { what, address, .. } => write!(f, "cannot listen on {address} for the lab's {what}"),
            Self::Settings(reason) => write!(f, "the lab's settings do not work: {reason}"),
            Self::Task(reason) => write!(f, "a task of the lab stopped early: {reason}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Bind { source, .. } => Some(source),
            Self::Settings(_) | Self::Task(_) => None,
        }
    }
}
