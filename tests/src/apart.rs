//! A world of its own for a test: a network and a tree of mounts that nobody else has.
//!
//! A test that shapes a network, stands in for the resolver or mounts a file system runs again as a process in new
//! namespaces, with everything that it starts. It needs root there, or a kernel that lets users have namespaces.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Set in the process that is inside.
const INSIDE: &str = "TURNOUT_TEST_IS_APART";

/// True inside. Outside, the test of this name runs again inside, and this fails if that does.
pub fn is_inside(test: &str) -> bool {
    if env::var_os(INSIDE).is_some() {
        run("ip", &["link", "set", "lo", "up"]);
        return true;
    }
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount"]);
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command.arg(env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]).env(INSIDE, "1");
    // The tools stand where only an administrator's shell looks.
    command.env("PATH", format!("{}:/usr/sbin:/sbin", env::var("PATH").unwrap_or_default()));
    let output = command.output().unwrap_or_else(|error| panic!("unshare cannot be run ({error})"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    eprintln!("{out}{err}");
    assert!(output.status.success() && out.contains("1 passed"), "inside it failed: {}", output.status);
    false
}

/// Runs a command of the system to its end.
pub fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program} cannot be run ({error}): install it"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {} {said}", output.status);
}

/// Puts these rules of the packet filter in force, in the network of this test alone.
pub fn filter(folder: &Path, rules: &str) {
    let file = folder.join("rules.nft");
    fs::write(&file, rules).unwrap();
    run("nft", &["-f", &file.display().to_string()]);
}

/// A file with this text in the place of one of the system's, for this test alone.
pub fn instead_of(path: &str, folder: &Path, text: &str) {
    let own = folder.join(path.replace('/', "-"));
    fs::write(&own, text).unwrap();
    run("mount", &["--bind", &own.display().to_string(), path]);
}

/// A file system of its own. It is gone with this value.
#[derive(Debug)]
pub struct Mount {
    at: PathBuf,
}

impl Mount {
    /// Room in memory for this many files.
    pub fn of_files(at: &Path, files: usize) -> Self {
        let options = format!("nr_inodes={},size=16m", files + 1);
        Self::new(at, &["-t", "tmpfs", "-o", &options, "tmpfs"])
    }

    /// The file system in this image, which is made if it is not there.
    pub fn of_image(at: &Path, image: &Path) -> Self {
        let path = image.display().to_string();
        if !image.exists() {
            fs::File::create(image).unwrap().set_len(32 << 20).unwrap();
            run("mkfs.ext4", &["-q", "-F", &path]);
        }
        Self::new(at, &["-o", "loop", &path])
    }

    fn new(at: &Path, arguments: &[&str]) -> Self {
        let folder = at.display().to_string();
        run("mount", &[arguments, &[&folder]].concat());
        Self { at: at.to_owned() }
    }

    /// The file system finds itself damaged, as its driver does, and takes no more writes.
    pub fn fails(&self) {
        run("mount", &["-o", "remount,abort", &self.at.display().to_string()]);
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Whoever has a file open keeps it until then; the folder is free at once.
        drop(Command::new("umount").arg("--lazy").arg(&self.at).status());
    }
}
