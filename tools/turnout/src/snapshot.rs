//! A snapshot for commands that work without a running process.

use std::path::Path;

use relay::policy::{Secrets, Snapshot};
use tracking::click_id::Keys;

/// The keys of commands that only look: nothing that they sign or seal leaves the machine.
pub(crate) fn looking_secrets() -> Secrets {
    Secrets { click_id_keys: Keys::new(vec![(0, [0; 32])]), seal_keys: Vec::new() }
}

/// The same as a process on this data directory would serve by: with the imported map that is in force there.
pub(crate) fn load_served(migration: Option<&Path>, data: &Path) -> Result<Snapshot, directory::LoadError> {
    directory::load_with(migration, &crate::data::maps(data), looking_secrets())
}

/// The migration in the folder, or the embedded default.
pub(crate) fn load(migration: Option<&Path>) -> Result<Snapshot, directory::LoadError> {
    directory::load(migration, looking_secrets())
}
