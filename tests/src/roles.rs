//! The roles as processes of their own, so that one can be killed while the others live.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::books::Ledger;
use crate::data::Data;
use crate::http::{Client, get_json, try_json};
use crate::process::{Process, binary};
use crate::system::{Lab, array};
use crate::tracer::{Injection, traced};

/// Edge, processor and simulated platforms on one data directory, each a process.
#[derive(Debug)]
pub struct Roles {
    /// Takes the public's requests.
    pub edge: Process,
    /// Books and delivers.
    pub processor: Process,
    platforms: Process,
    edge_address: String,
    processor_address: String,
    /// What operators show to both; it stays over restarts.
    token: String,
    /// Their directory.
    pub data: Data,
}

/// One of the two that are killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Takes the public's requests.
    Edge,
    /// Books and delivers.
    Processor,
}

impl Role {
    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Processor => "processor",
        }
    }
}

impl Roles {
    /// Starts all of them.
    pub fn start(data: Data) -> Self {
        Self::start_with(data, "")
    }

    /// Starts all of them; `outbox` is the section of the edge's settings that limits its outbox.
    pub fn start_with(data: Data, outbox: &str) -> Self {
        Self::start_on(data, outbox, "")
    }

    /// Starts all of them, with the ledger and the request log on this server.
    pub fn start_on_server(data: Data, address: &str) -> Self {
        let log = format!("[request_log]\nserver = {address:?}\n");
        Self::start_on(data, &log, &format!("ledger = {address:?}\n{log}"))
    }

    fn start_on(data: Data, outbox: &str, ledger: &str) -> Self {
        fs::write(data.file("platforms.toml"), format!("data = {:?}\n[platforms]\nseed = 1\n", data.text()))
            .unwrap();
        let platforms = start(&data, "platforms");
        let key = array(get_json(platforms.address("control"), "/world", None)["primary_api_keys"].clone());
        fs::write(data.file("api-key"), key.first().and_then(|key| key.as_str()).unwrap()).unwrap();
        let ground = ground(&data, &platforms);
        let edge_ground = format!("{ground}\n[outbox]\n{outbox}\n");
        let any = "127.0.0.1:0";
        fs::write(
            data.file("processor.toml"),
            format!("{ground}\n[processor]\nlisten = \"{any}\"\nprivate_postbacks = true\n{ledger}"),
        )
        .unwrap();
        let processor = start(&data, "processor");
        let processor_address = processor.address("processor").to_owned();
        write_edge(&data, &edge_ground, any, &processor_address);
        let edge = start(&data, "edge");
        let edge_address = edge.address("edge").to_owned();
        // From now on both come back where they were.
        let fixed = format!(
            "{ground}\n[processor]\nlisten = \"{processor_address}\"\nprivate_postbacks = true\n{ledger}"
        );
        fs::write(data.file("processor.toml"), fixed).unwrap();
        write_edge(&data, &edge_ground, &edge_address, &processor_address);
        let token = data.token("processor");
        Self { edge, processor, platforms, edge_address, processor_address, token, data }
    }

    /// One of the processes.
    pub fn process(&mut self, role: Role) -> &mut Process {
        match role {
            Role::Edge => &mut self.edge,
            Role::Processor => &mut self.processor,
        }
    }

    /// Kills one of them and starts it again.
    pub fn crash(&mut self, role: Role) {
        match role {
            Role::Edge => self.crash_edge(),
            Role::Processor => self.crash_processor(),
        }
    }

    /// Kills one of them and starts it again with a fault from its first call on; false if it did not live to serve.
    pub fn crash_into(&mut self, role: Role, injection: &Injection) -> bool {
        let name = role.name();
        self.process(role).kill();
        let config = self.data.file(&format!("{name}.toml")).display().to_string();
        let arguments = ["serve", "--role", name, "--config", &config, "--json"];
        let command = traced(injection, &arguments, &self.data.file("trace.log"));
        let started = Process::try_start(command, &self.data.file(&format!("{name}.err")));
        started.map(|process| *self.process(role) = process).is_ok()
    }

    /// Kills one of them and starts it again as this launcher's child: a program with its arguments.
    pub fn crash_under(&mut self, role: Role, launcher: &[String]) {
        let name = role.name();
        self.process(role).kill();
        let (program, rest) = launcher.split_first().unwrap();
        let mut command = Command::new(program);
        let config = self.data.file(&format!("{name}.toml"));
        command.args(rest).arg(binary()).args(["serve", "--role", name, "--json", "--config"]).arg(config);
        let started = Process::try_start(command, &self.data.file(&format!("{name}.err")));
        *self.process(role) = started.unwrap_or_else(|why| panic!("{launcher:?}: {why}"));
    }

    /// The edge ends and a successor starts, while `socket`, which its manager holds, keeps its queue.
    pub fn exchange_edge(&mut self, socket: &TcpListener) {
        self.edge.end();
        self.start_edge_on(socket);
    }

    /// Starts an edge that is handed this socket, where none runs.
    pub fn start_edge_on(&mut self, socket: &TcpListener) {
        // The socket comes as standard input and is handed on as a service manager would.
        let script = "exec 3<&0 0</dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$0\" serve --role edge --json --config \"$1\"";
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(binary()).arg(self.data.file("edge.toml"));
        let input = Stdio::from(OwnedFd::from(socket.try_clone().unwrap()));
        let started = Process::try_start_with(command, &self.data.file("edge.err"), input);
        self.edge = started.unwrap_or_else(|why| panic!("{why}"));
    }

    /// Asks a role's operators' interface how it stands.
    pub fn status(&self, role: Role) -> Value {
        let (address, path) = match role {
            Role::Edge => (self.edge.address("edge_operator"), "/status"),
            Role::Processor => (self.processor_address.as_str(), "/v1/operator/status"),
        };
        get_json(address, path, Some(&self.token))
    }

    /// Where a platform's server is.
    pub fn platform(&self, home: &str) -> &str {
        self.platforms.address(home)
    }

    /// Starts the edge where none runs.
    ///
    /// # Errors
    /// What it said when it ended before it served.
    pub fn try_edge(&mut self) -> Result<(), String> {
        let config = self.data.file("edge.toml");
        let mut command = Command::new(binary());
        command.args(["serve", "--role", "edge", "--json", "--config"]).arg(config);
        self.edge = Process::try_start(command, &self.data.file("edge.err"))?;
        Ok(())
    }

    /// Kills the edge and starts it again.
    pub fn crash_edge(&mut self) {
        self.edge.kill();
        self.edge = start(&self.data, "edge");
    }

    /// Kills the processor and starts it again.
    pub fn crash_processor(&mut self) {
        self.processor.kill();
        self.processor = start(&self.data, "processor");
    }

    /// Whether nothing waits in the outbox, nor for its first delivery; false if one of them cannot say.
    pub fn is_drained(&self) -> bool {
        let token = self.token.clone();
        let edge = try_json(self.edge.address("edge_operator"), "/status", Some(&token));
        let processor = try_json(&self.processor_address, "/v1/operator/status", Some(&token));
        let (Some(edge), Some(processor)) = (edge, processor) else { return false };
        let waits = |state: &str| processor["states"][state].as_u64().unwrap_or(0) > 0;
        edge["outbox"]["queued"] == 0 && !waits("queued") && !waits("in_flight")
    }

    /// Where the public reaches the edge.
    pub fn edge_address(&self) -> &str {
        &self.edge_address
    }

    /// The old platform's own server.
    pub fn legacy(&self) -> Client {
        Client::new(self.platforms.address("legacy"))
    }

    /// A client of the edge.
    pub fn client(&self) -> Client {
        Client::new(&self.edge_address)
    }

    /// The simulated world.
    pub fn lab(&self) -> Lab {
        Lab::new(self.platforms.address("control"))
    }

    /// The processor's books.
    pub fn ledger(&self) -> Ledger {
        Ledger::new(&self.processor_address, &self.token)
    }
}

fn start(data: &Data, role: &str) -> Process {
    let config = data.file(&format!("{role}.toml")).display().to_string();
    let arguments = ["serve", "--role", role, "--config", &config, "--json"];
    Process::start(&arguments, &data.file(&format!("{role}.err")))
}

/// What edge and processor share.
fn ground(data: &Data, platforms: &Process) -> String {
    let migration = data.file("migration").display().to_string();
    let mut text = format!("data = {:?}\nmigration = {migration:?}\n", data.text());
    for home in ["legacy", "primary"] {
        let address = platforms.address(home);
        writeln!(text, "[[origin]]\nhome = {home:?}\naddress = {address:?}\nprivate_allowed = true").unwrap();
    }
    let key = data.file("api-key").display().to_string();
    writeln!(text, "[[credential]]\nhost = \"api.awin.com\"\nfile = {key:?}").unwrap();
    text
}

fn write_edge(data: &Data, ground: &str, listen: &str, processor: &str) {
    let text = format!(
        "{ground}\n[edge]\nlisten = {listen:?}\noperator = \"127.0.0.1:0\"\nprocessor = {processor:?}\n"
    );
    fs::write(data.file("edge.toml"), text).unwrap();
}
