//! Listening sockets that a service manager hands over (`LISTEN_FDS`, as systemd does).
//!
//! The manager holds such a socket while the binary is exchanged: who connects meanwhile waits in the kernel's queue and
//! is served by the successor, so that a restart refuses nobody.

use std::env;
use std::error::Error;
use std::net::TcpListener;

use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

/// The first descriptor that is handed over; the others follow it.
const FIRST: i32 = 3;

/// Most sockets that are looked at. An edge has four.
const SOCKETS_MAX: i32 = 16;

/// The sockets that were handed over to this process; none where it was started by hand.
///
/// # Errors
/// If something was handed over that is no listening socket of ours to take.
pub(crate) fn handed_over() -> Result<Vec<TcpListener>, Box<dyn Error + Send + Sync>> {
    let number = |name| env::var(name).ok().and_then(|text| text.parse::<i32>().ok());
    let own = getpid();
    // Whoever starts another program passes the variables on with everything else, and they are not meant for it.
    let is_ours = number("LISTEN_PID") == Some(own.as_raw_nonzero().get());
    let count = number("LISTEN_FDS").filter(|_| is_ours).unwrap_or(0).clamp(0, SOCKETS_MAX);
    (FIRST..FIRST + count).map(|place| take(own, place)).collect()
}

/// A descriptor of our own, by its number. The original stays open, which is what keeps the queue while we end.
fn take(own: rustix::process::Pid, place: i32) -> Result<TcpListener, Box<dyn Error + Send + Sync>> {
    let wrong = |error: &dyn std::fmt::Display| {
        format!("descriptor {place} was handed over (LISTEN_FDS) and is no socket to listen on: {error}")
    };
    let process = pidfd_open(own, PidfdFlags::empty()).map_err(|error| wrong(&error))?;
    let taken = pidfd_getfd(process, place, PidfdGetfdFlags::empty()).map_err(|error| wrong(&error))?;
    let socket = TcpListener::from(taken);
    socket.local_addr().map_err(|error| wrong(&error))?;
    Ok(socket)
}
