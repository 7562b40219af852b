//! Where is the repository, and where does cargo build?

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The working copy that the chore is done in.
#[derive(Debug)]
pub(crate) struct Repository {
    root: PathBuf,
}

impl Repository {
    /// The nearest directory upwards whose manifest is a workspace.
    pub(crate) fn find() -> Result<Self, Failure> {
        let here =
            std::env::current_dir().map_err(|error| Failure::while_doing("current directory", error))?;
        here.ancestors()
            .find(|directory| is_workspace(directory))
            .map(|root| Self { root: root.to_path_buf() })
            .ok_or_else(|| Failure::new("no workspace here or above: run this inside the repository"))
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Cargo's output directory, as cargo itself would choose it.
    pub(crate) fn target(&self) -> PathBuf {
        match std::env::var_os("CARGO_TARGET_DIR") {
            Some(directory) => self.root.join(directory),
            None => self.root.join("target"),
        }
    }
}

fn is_workspace(directory: &Path) -> bool {
    std::fs::read_to_string(directory.join("Cargo.toml"))
        .is_ok_and(|manifest| manifest.lines().any(|line| line.trim() == "[workspace]"))
}
