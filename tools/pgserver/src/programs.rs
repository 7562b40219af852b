//! Where the server's programs are, and who may run them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;

/// Where Debian keeps the programs of each version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The folder of the server's programs.
#[derive(Clone, Debug)]
pub(crate) struct Programs(PathBuf);

impl Programs {
    pub(crate) fn find() -> Result<Self, Error> {
        let on_path = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
        let mut versions: Vec<PathBuf> = std::fs::read_dir(DEBIAN)
            .map(|entries| entries.filter_map(Result::ok).map(|entry| entry.path().join("bin")).collect())
            .unwrap_or_default();
        versions.sort();
        let mut folders = on_path.unwrap_or_default().into_iter().chain(versions.into_iter().rev());
        folders
            .find(|folder| ["initdb", "pg_ctl", "psql"].iter().all(|name| folder.join(name).is_file()))
            .map(Self)
            .ok_or(Error::Missing)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A command of the server, which refuses to run as root: then it runs as the user of the data's folder.
    pub(crate) fn command(&self, name: &str, user: Option<&str>) -> Command {
        let program = self.path(name);
        let Some(user) = user else { return Command::new(program) };
        let mut command = Command::new("setpriv");
        command.args(["--reuid", user, "--regid", group(user), "--clear-groups", "--"]).arg(program);
        command
    }
}

/// Who runs the server: nobody else than we, or, if we are root, the user that its package brings.
pub(crate) fn user() -> Result<Option<&'static str>, Error> {
    let id = crate::run(Command::new("id").arg("-u"), "asking who we are")?;
    if id != "0" {
        return Ok(None);
    }
    let known = Command::new("id").arg("postgres").output().is_ok_and(|output| output.status.success());
    Ok(Some(if known { "postgres" } else { "nobody" }))
}

fn group(user: &str) -> &str {
    if user == "nobody" { "nogroup" } else { user }
}

/// Gives the folder to the user who runs the server.
pub(crate) fn give(folder: &Path, user: Option<&str>) -> Result<(), Error> {
    let Some(user) = user else { return Ok(()) };
    let owner = format!("{user}:{}", group(user));
    crate::run(Command::new("chown").arg(owner).arg(folder), "giving the data's folder away").map(drop)
}
