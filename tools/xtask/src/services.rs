//! What must be installed for a chore? Debian packages and npm packages, fetched when they are missing.
//!
//! A package is installed only as root, or through sudo, on a machine with apt-get; elsewhere the failure says what
//! to install. An npm package goes into the build directory, never into the system.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::process;

/// A program and the Debian package that brings it.
#[derive(Debug)]
pub(crate) struct Debian<'a> {
    /// Its name, or the path of a file that the package brings.
    pub(crate) program: &'a str,
    pub(crate) package: &'a str,
}

pub(crate) const NGINX: Debian<'_> = Debian { program: "nginx", package: "nginx-light" };
pub(crate) const WRK: Debian<'_> = Debian { program: "wrk", package: "wrk" };
pub(crate) const CHROMIUM: Debian<'_> = Debian { program: "chromium", package: "chromium" };
pub(crate) const CHROMEDRIVER: Debian<'_> = Debian { program: "chromedriver", package: "chromium-driver" };
pub(crate) const STRACE: Debian<'_> = Debian { program: "strace", package: "strace" };
/// A network and mounts of their own for tests, another clock, lost packets, a file system in a file.
pub(crate) const FAULTS: [Debian<'_>; 5] = [
    Debian { program: "unshare", package: "util-linux" },
    Debian { program: "ip", package: "iproute2" },
    Debian { program: "nft", package: "nftables" },
    Debian { program: "mkfs.ext4", package: "e2fsprogs" },
    Debian { program: "faketime", package: "faketime" },
];
pub(crate) const POSTGRES: Debian<'_> = Debian { program: "pg_ctlcluster", package: "postgresql" };
pub(crate) const NODE: Debian<'_> = Debian { program: "node", package: "nodejs" };

impl Debian<'_> {
    /// Where the program is, after installing its package if that was needed and allowed.
    pub(crate) fn ensure(&self) -> Result<PathBuf, Failure> {
        if let Some(path) = process::which(self.program) {
            return Ok(path);
        }
        self.install()?;
        process::which(self.program).ok_or_else(|| self.missing("its package does not bring it"))
    }

    fn install(&self) -> Result<(), Failure> {
        let Some(apt) = process::which("apt-get") else { return Err(self.missing("there is no apt-get")) };
        let Some(privileged) = privileged()? else {
            return Err(self.missing("installing needs root, or sudo without a password"));
        };
        // The package lists may be absent or old; an unreachable mirror shows in the install.
        drop(process::run(&mut apt_get(&apt, privileged, &["update", "-qq"])));
        let install = ["install", "-y", "-qq", "--no-install-recommends", self.package];
        process::run(&mut apt_get(&apt, privileged, &install))
    }

    fn missing(&self, why: &str) -> Failure {
        Failure::new(format!("{} is missing and {why}: install the package `{}`", self.program, self.package))
    }
}

/// How we may change the machine: as we are, being root, or through sudo where it asks nothing.
fn privileged() -> Result<Option<&'static [&'static str]>, Failure> {
    if process::output(Command::new("id").arg("-u"))?.trim() == "0" {
        return Ok(Some(&["env"]));
    }
    let may = process::which("sudo").is_some()
        && process::output(Command::new("sudo").args(["-n", "true"])).is_ok();
    Ok(may.then_some(&["sudo", "-n", "env"]))
}

fn apt_get(apt: &Path, privileged: &[&str], words: &[&str]) -> Command {
    let (program, rest) = privileged.split_first().unwrap_or((&"env", &[]));
    let mut command = Command::new(program);
    // Debian's scripts start no service in this run level: we start our own, on ports of our own.
    command.args(rest).args(["DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"]).arg(apt).args(words);
    command
}

/// Installs an npm package at one exact version below `directory` and returns its `node_modules`.
pub(crate) fn ensure_npm(directory: &Path, package: &str, version: &str) -> Result<PathBuf, Failure> {
    let modules = directory.join("node_modules");
    if installed_version(&modules.join(package)).as_deref() == Some(version) {
        return Ok(modules);
    }
    let Some(npm) = process::which("npm") else {
        return Err(Failure::new(format!("npm is missing: {package} cannot be installed without it")));
    };
    std::fs::create_dir_all(directory).map_err(|error| Failure::while_doing(directory.display(), error))?;
    let wanted = format!("{package}@{version}");
    process::run(
        Command::new(npm)
            .args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
            .arg(directory)
            .arg(wanted),
    )?;
    Ok(modules)
}

fn installed_version(package: &Path) -> Option<String> {
    let manifest = std::fs::read_to_string(package.join("package.json")).ok()?;
    let manifest: serde_json::Value = serde_json::from_str(&manifest).ok()?;
    manifest.get("version")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_installed() {
        let shell = Debian { program: "sh", package: "dash" };
        assert!(shell.ensure().unwrap().ends_with("sh"));
    }

    #[test]
    fn what_is_missing_says_what_to_install() {
        let failure = NGINX.missing("installing needs root").to_string();
        assert_eq!(failure, "nginx is missing and installing needs root: install the package `nginx-light`");
    }
}
