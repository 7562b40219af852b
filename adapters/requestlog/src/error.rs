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
    /// A volume of another version.
    #[error(
        "the volume {path} of the request log has format {found}, and {known} is known here: run the newer version, \
         or move the file away"
    )]
    Format {
        /// The volume's file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
}
