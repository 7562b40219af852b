//! The server that tests share where nobody has named one.
//!
//! Tests are many processes, one after another and beside each other. The first that needs a server starts it under a
//! lock and leaves a note of its port; a watchman, a shell script of its own, stops it once no test has held the second
//! lock for a while.

use std::fs::{self, File};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::own::Own;
use crate::programs::{self, Programs};
use crate::{Error, failed};

/// Held for as long as this process lives.
static IN_USE: OnceLock<File> = OnceLock::new();

/// Stops the server in the folder `$1` by the program `$2`, as user `$3` if that is named, once nobody has used it for a
/// minute.
const WATCHMAN: &str = r#"
cd "$1" || exit 1
while sleep 15; do
    exec 8>"$1.lock" && flock 8
    if flock -n -x "$1.users" true && [ $(( $(date +%s) - $(stat -c %Y "$1.users") )) -gt 60 ]; then
        if [ -n "$3" ]; then setpriv --reuid "$3" --regid "$4" --clear-groups -- "$2" -s -m immediate -D "$1/data" stop
        else "$2" -s -m immediate -D "$1/data" stop; fi
        rm -rf "$1"
        exit 0
    fi
    flock -u 8
done
"#;

pub(crate) fn address() -> Result<String, Error> {
    let user = programs::user()?;
    let folder = std::env::temp_dir().join(format!("turnout-postgres-shared-{}", user.unwrap_or("own")));
    let lock = opened(&folder, "lock")?;
    lock.lock().map_err(failed("waiting for the shared server"))?;
    let users = opened(&folder, "users")?;
    users.lock_shared().map_err(failed("using the shared server"))?;
    users.set_modified(std::time::SystemTime::now()).map_err(failed("using the shared server"))?;
    drop(IN_USE.set(users));
    let note = folder.join("port");
    let port = fs::read_to_string(&note).ok().and_then(|port| port.trim().parse::<u16>().ok());
    let runs = port.filter(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok());
    let port = match runs {
        Some(port) => port,
        None => start(&folder, &note, user)?,
    };
    Ok(format!("postgres://turnout@127.0.0.1:{port}/turnout"))
}

fn start(folder: &Path, note: &Path, user: Option<&str>) -> Result<u16, Error> {
    drop(fs::remove_dir_all(folder));
    let server = Own::start_in(folder, None)?;
    let port = server.port();
    fs::write(note, port.to_string()).map_err(failed("leaving a note of the shared server"))?;
    let stop = Programs::find()?.path("pg_ctl");
    let group = user.map_or("", |user| if user == "nobody" { "nogroup" } else { user });
    let mut watchman = Command::new("sh");
    watchman.args(["-c", WATCHMAN, "watchman"]).arg(folder).arg(stop).args([user.unwrap_or_default(), group]);
    // A group of its own, so that a runner that ends a test's processes leaves it.
    watchman.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    watchman.spawn().map_err(failed("starting the shared server's watchman"))?;
    server.leave();
    Ok(port)
}

fn opened(folder: &Path, kind: &str) -> Result<File, Error> {
    let mut path = folder.as_os_str().to_owned();
    path.push(format!(".{kind}"));
    let path = PathBuf::from(path);
    let opened = File::options().create(true).truncate(false).write(true).open(&path);
    opened.map_err(failed(format!("opening {}", path.display())))
}
