//! A server of one owner.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::programs::{self, Programs};
use crate::{Error, Schema, failed, psql, run, schema_of};

/// Times that a port is tried: somebody else may take it between our look and the server's.
const TRIES: usize = 3;

/// The longest that the processes of a killed server take to end.
const ENDS_WITHIN: Duration = Duration::from_secs(30);

/// A server with data of its own. It is stopped, and its data removed, when this is dropped.
#[derive(Debug)]
pub struct Own {
    programs: Programs,
    user: Option<&'static str>,
    folder: PathBuf,
    port: u16,
    /// False where somebody else stops it.
    stops: bool,
}

impl Own {
    /// Starts a server in a new folder below the system's temporary one: a server that root starts runs as another user,
    /// who may not enter the build directory.
    ///
    /// # Errors
    /// If its programs are missing or fail.
    pub fn start() -> Result<Self, Error> {
        Self::start_anywhere(None)
    }

    /// Starts one that speaks TLS with this certificate and key, both PEM.
    ///
    /// # Errors
    /// If its programs are missing or fail.
    pub fn start_with_tls(certificate: &str, key: &str) -> Result<Self, Error> {
        Self::start_anywhere(Some((certificate, key)))
    }

    fn start_anywhere(certificate: Option<(&str, &str)>) -> Result<Self, Error> {
        let pid = std::process::id();
        let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let name = format!("turnout-postgres-{pid}-{:x}", nanos.map_or(0, |since| since.as_nanos()));
        Self::start_in(&std::env::temp_dir().join(name), certificate)
    }

    pub(crate) fn start_in(folder: &Path, certificate: Option<(&str, &str)>) -> Result<Self, Error> {
        let (programs, user) = (Programs::find()?, programs::user()?);
        fs::create_dir_all(folder).map_err(failed("making the data's folder"))?;
        programs::give(folder, user)?;
        let mut server = Self { programs, user, folder: folder.to_owned(), port: 0, stops: true };
        let data = server.data();
        let words = ["-U", "turnout", "--auth=trust", "--no-locale", "-E", "UTF8", "--no-sync", "-D"];
        run(server.command("initdb").args(words).arg(data), "making the server's data")?;
        if let Some((certificate, key)) = certificate {
            server.speak_tls(certificate, key)?;
        }
        let mut last = server.start_on_a_port();
        for _ in 1..TRIES {
            if last.is_ok() {
                break;
            }
            last = server.start_on_a_port();
        }
        last?;
        let maintenance = format!("postgres://turnout@127.0.0.1:{}/postgres", server.port);
        psql(&maintenance, "CREATE DATABASE turnout", "creating a database")?;
        Ok(server)
    }

    fn speak_tls(&self, certificate: &str, key: &str) -> Result<(), Error> {
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let file = self.data().join(name);
            fs::write(&file, text).map_err(failed("writing the server's certificate"))?;
            // The server takes no key that others may read.
            let owner_alone = fs::Permissions::from_mode(0o600);
            fs::set_permissions(&file, owner_alone).map_err(failed("hiding the server's key"))?;
            programs::give(&file, self.user)?;
        }
        let settings = fs::OpenOptions::new().append(true).open(self.data().join("postgresql.conf"));
        let written = settings.and_then(|mut settings| settings.write_all(b"\nssl = on\n"));
        written.map_err(failed("setting TLS"))
    }

    fn start_on_a_port(&mut self) -> Result<(), Error> {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        self.port = free.map_err(failed("looking for a port"))?.port();
        self.restart()
    }

    /// Starts it again on its data and its port.
    ///
    /// # Errors
    /// If it does not start.
    pub fn restart(&self) -> Result<(), Error> {
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories='' -c max_connections=200 -c shared_buffers=64MB",
            self.port
        );
        let (data, log) = (self.data(), self.folder.join("log"));
        let mut start = self.command("pg_ctl");
        // Its output goes to the log: a pipe of ours would stay open for as long as the server runs.
        start.args(["-w", "-s", "-o", &options, "-D"]).arg(data).arg("-l").arg(&log).arg("start");
        start.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
        let status =
            start.stderr(std::process::Stdio::null()).status().map_err(failed("starting the server"))?;
        if status.success() {
            return Ok(());
        }
        let why = fs::read_to_string(log).unwrap_or_else(|error| error.to_string());
        Err(Error::Failed { doing: "starting the server".to_owned(), why })
    }

    /// Its address.
    pub fn address(&self) -> String {
        format!("postgres://turnout@127.0.0.1:{}/turnout", self.port)
    }

    /// An empty schema.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn schema(&self) -> Result<Schema, Error> {
        schema_of(&self.address())
    }

    /// Kills it as a power cut would, and waits until all of its processes have ended.
    ///
    /// # Errors
    /// If it does not run, or does not end.
    pub fn kill(&self) -> Result<(), Error> {
        let pid = self.pid()?;
        run(Command::new("kill").args(["-9", &pid]), "killing the server")?;
        let (begun, doing) = (Instant::now(), "waiting for the killed server's processes");
        // Each of its processes sees that the first one is gone, and the port is free once the last has ended.
        while TcpListener::bind(("127.0.0.1", self.port)).is_err() || self.has_children(&pid) {
            if begun.elapsed() > ENDS_WITHIN {
                return Err(Error::Failed { doing: doing.to_owned(), why: "they do not end".to_owned() });
            }
            thread::sleep(Duration::from_millis(20));
        }
        // Where nobody has asked how the dead process ended, its number is still taken, and the next server would believe
        // that it lives.
        fs::remove_file(self.data().join("postmaster.pid")).map_err(failed("removing the dead server's note"))
    }

    /// The processes of a server share its data's folder as their working one.
    fn has_children(&self, first: &str) -> bool {
        let Ok(processes) = fs::read_dir("/proc") else { return false };
        let data = self.data();
        processes.filter_map(Result::ok).any(|process| {
            process.file_name().to_str() != Some(first)
                && fs::read_link(process.path().join("cwd")).is_ok_and(|folder| folder == data)
        })
    }

    fn pid(&self) -> Result<String, Error> {
        let note = fs::read_to_string(self.data().join("postmaster.pid"))
            .map_err(failed("reading its process id"))?;
        Ok(note.lines().next().unwrap_or_default().trim().to_owned())
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Leaves it running: somebody else stops it.
    pub(crate) fn leave(mut self) {
        self.stops = false;
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn command(&self, name: &str) -> Command {
        let mut command = self.programs.command(name, self.user);
        // The server's programs complain of a working folder that their user may not enter.
        command.current_dir(&self.folder);
        command
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if self.stops {
            let mut stop = self.command("pg_ctl");
            stop.args(["-w", "-s", "-m", "immediate", "-D"]).arg(self.data()).arg("stop");
            // It may have been killed before.
            drop(run(&mut stop, "stopping the server"));
            drop(fs::remove_dir_all(&self.folder));
        }
    }
}
