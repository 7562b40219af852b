//! Why the log could not do what it was asked.

use std::path::PathBuf;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The folder or a volume cannot be used.
    #[error("the request log cannot use {path}")]
    Io {
        /// The folder or the volume's file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no thread to write with.
    #[error("the system gives no thread for the request log")]
    Thread(#[source] std::io::Error),
    /// A volume's store failed.
    #[error("the volume {path} of the request log failed while it was to {doing}")]
    Store {
        /// The volume's file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// Why.
        source: rusqlite::Error,
    },
    /// The server on which the log is.
    #[error("the request log's server {server} failed while it was to {doing}")]
    Server {
        /// Which server.
        server: String,
        /// What was being done.
        doing: &'static str,
        /// Why.
        source: pglink::LinkError,
    },
    /// The server failed a moment ago, and is not asked again so soon.
    #[error("the request log's server {server} failed a moment ago")]
    Resting {
        /// Which server.
        server: String,
    },
    /// A volume of another version.
    #[error(
        "the volume {volume} of the request log has format {found}, and {known} is known here: run the newer version, \
         or move the volume away"
    )]
    Format {
        /// The volume's file or table.
        volume: String,
        /// Its version.
        found: String,
        /// Ours.
        known: i64,
    },
    /// A volume holds something else than what is written there.
    #[error("the volume {volume} of the request log holds something strange in column {column} of an answer")]
    Strange {
        /// The volume's file or table.
        volume: String,
        /// The column, counted from 0.
        column: usize,
    },
}
