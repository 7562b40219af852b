//! The commands, one file each.

mod ask;
pub(crate) mod audit;
pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod dead;
pub(crate) mod explain;
pub(crate) mod fault;
pub(crate) mod load;
pub(crate) mod queue;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod translate;
pub(crate) mod up;

use std::error::Error;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tracking::source::Mistake;

/// The runtime of roles that serve.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// Waits for ctrl-c, for a polite kill, or for the time to be over.
async fn told_to_stop(after: Option<Duration>) -> Result<(), Box<dyn Error + Send + Sync>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let over = async {
        match after {
            Some(after) => tokio::time::sleep(after).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        () = over => {}
    }
    Ok(())
}

/// Every mistake in one error, a line each.
fn mistakes(mistakes: Vec<Mistake>) -> Box<dyn Error + Send + Sync> {
    let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    format!("nothing was started:\n  {}", lines.join("\n  ")).into()
}
