//! Who is measured? nginx, the worker of the old design, and turnout; each is started the same way.

mod system;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::bench::site::{Role, Site, free_address};
use crate::failure::Failure;
use crate::process::{self, Running};
use crate::services;

/// workerd and the platform packages that hold its binary.
const WORKERD: &str = "workerd";
const WORKERD_VERSION: &str = "1.20260426.1";

/// One that takes requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    Nginx,
    Worker,
    Turnout,
}

/// A contender that runs, until it is dropped.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) address: String,
    /// The processes whose CPU time counts.
    pub(crate) measured: Vec<Running>,
    /// Processes that only have to be there.
    pub(crate) _beside: Vec<Running>,
}

impl Contender {
    pub(crate) const ALL: [Self; 3] = [Self::Nginx, Self::Worker, Self::Turnout];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx `proxy_pass`",
            Self::Worker => "JavaScript worker",
            Self::Turnout => "turnout",
        }
    }

    /// Installs or builds what it needs, once; tells its version.
    pub(crate) fn prepare(self, site: &Site<'_>) -> Result<String, Failure> {
        let version = match self {
            Self::Nginx => process::first_line(Command::new(services::NGINX.ensure()?).arg("-v")),
            Self::Worker => process::first_line(Command::new(workerd(site)?).arg("--version")),
            Self::Turnout => process::first_line(Command::new(system::binary(site)?).arg("--version")),
        };
        Ok(version.unwrap_or_else(|| "version unknown".to_owned()))
    }

    /// Starts it on the core of what is measured.
    pub(crate) fn start(self, site: &Site<'_>, upstream: &str) -> Result<Started, Failure> {
        match self {
            Self::Nginx => start_nginx(site, "nginx.conf", Role::Measured, upstream),
            Self::Worker => start_worker(site, upstream),
            Self::Turnout => system::start(site),
        }
    }
}

/// Starts the platforms' stand-in that nginx and the worker fetch from.
pub(crate) fn start_upstream(site: &Site<'_>) -> Result<Started, Failure> {
    start_nginx(site, "upstream.conf", Role::Upstream, "")
}

fn start_nginx(site: &Site<'_>, file: &str, role: Role, upstream: &str) -> Result<Started, Failure> {
    let nginx = services::NGINX.ensure()?;
    let address = free_address()?;
    let directory = site.directory().display().to_string();
    let words = [("LISTEN", address.as_str()), ("UPSTREAM", upstream), ("DIRECTORY", directory.as_str())];
    let configuration = site.fill_in(file, &words)?;
    let mut command = site.command(role, &nginx);
    command.arg("-p").arg(site.directory()).arg("-c").arg(configuration).stdout(Stdio::null());
    let process = Running::start(&mut command)?;
    Ok(Started { address, measured: vec![process], _beside: Vec::new() })
}

fn start_worker(site: &Site<'_>, upstream: &str) -> Result<Started, Failure> {
    let address = free_address()?;
    site.fill_in("worker.js", &[])?;
    let configuration =
        site.fill_in("worker.capnp", &[("LISTEN", address.as_str()), ("UPSTREAM", upstream)])?;
    let mut command = site.command(Role::Measured, &workerd(site)?);
    command.arg("serve").arg(configuration).stdout(Stdio::null());
    let process = Running::start(&mut command)?;
    Ok(Started { address, measured: vec![process], _beside: Vec::new() })
}

/// The binary itself, without the script that npm puts before it.
fn workerd(site: &Site<'_>) -> Result<PathBuf, Failure> {
    let modules =
        services::ensure_npm(&site.repository.target().join("bench-peers"), WORKERD, WORKERD_VERSION)?;
    let platform = match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => "workerd-linux-64",
        ("linux", "aarch64") => "workerd-linux-arm64",
        (os, architecture) => {
            return Err(Failure::new(format!("workerd is not packaged for {os} on {architecture}")));
        }
    };
    let binary = modules.join("@cloudflare").join(platform).join("bin").join(WORKERD);
    if binary.is_file() { Ok(binary) } else { Err(Failure::new("npm installed workerd without its binary")) }
}
