//! The two designs behind one handle: start, address, kill and start again, stop.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use lab::old_design::{OldDesign, OldDesignSettings};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::Wrong;
use crate::command::ask::{NoAnswer, Where, list};
use crate::roles::ANY;
use crate::world;

/// Most orders that are settled with one request.
const SETTLED_AT_ONCE: usize = 1000;

/// Which design.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    OldDesign,
    Turnout,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::OldDesign => "old design",
            Self::Turnout => "turnout",
        }
    }
}

/// A design that runs.
pub(super) enum Contestant {
    Old { settings: Box<OldDesignSettings>, running: Option<OldDesign> },
    Ours(Box<Ours>),
}

/// Our edge and processor, as processes of their own so that they can be killed.
pub(super) struct Ours {
    folder: tempfile::TempDir,
    /// What a service manager holds: it outlives the edge.
    socket: TcpListener,
    address: SocketAddr,
    edge: Child,
    processor: Child,
}

impl Contestant {
    /// Starts a design on a socket that outlives it, so that who connects while it is away waits for its successor.
    pub(super) async fn start(kind: Kind, lab: &lab::Running) -> Result<Self, Wrong> {
        let socket = TcpListener::bind(ANY)?;
        match kind {
            Kind::OldDesign => {
                let address = socket.local_addr()?;
                let mut settings = OldDesignSettings::new(address, lab.primary, lab.legacy, lab.world());
                settings.socket = Some(Arc::new(socket));
                let running = lab::old_design::start(settings.clone()).await?;
                Ok(Self::Old { settings: Box::new(settings), running: Some(running) })
            }
            Kind::Turnout => Ok(Self::Ours(Box::new(Ours::start(lab, socket).await?))),
        }
    }

    pub(super) const fn address(&self) -> SocketAddr {
        match self {
            Self::Old { settings, .. } => settings.listen,
            Self::Ours(ours) => ours.address,
        }
    }

    /// What a crash of the front does: the process is gone at once, and is started again.
    pub(super) async fn kill_and_restart(&mut self) -> Result<(), Wrong> {
        match self {
            Self::Old { settings, running } => {
                if let Some(running) = running.take() {
                    running.crash().await;
                }
                *running = Some(lab::old_design::start(settings.as_ref().clone()).await?);
            }
            Self::Ours(ours) => {
                ours.edge.kill().await?;
                ours.edge = edge(ours.folder.path(), &ours.socket).await?.0;
            }
        }
        Ok(())
    }

    /// How many of these orders stand in the books that this design keeps on disk: the old one keeps none.
    pub(super) async fn kept(&self, orders: &BTreeSet<String>) -> Result<u64, Wrong> {
        let Self::Ours(ours) = self else { return Ok(0) };
        let rows = ours.ask(conversions).await?;
        let kept: BTreeSet<&str> = rows.iter().filter_map(|row| row["order_reference"].as_str()).collect();
        Ok(orders.iter().filter(|order| kept.contains(order.as_str())).count() as u64)
    }

    /// What an operator does about orders that may have arrived: those that are not among what the platforms say they
    /// have `booked` have not, and are sent anew. Nothing the old design has could tell it which these are. How many.
    pub(super) async fn close_by_reports(&self, booked: &BTreeSet<String>) -> Result<usize, Wrong> {
        let Self::Ours(ours) = self else { return Ok(0) };
        let doubtful = |row: &Value| {
            let order = row["order_reference"].as_str().unwrap_or_default();
            row["state"] == "unknown" && !booked.contains(order)
        };
        let rows = ours.ask(conversions).await?;
        let events: Vec<Value> =
            rows.into_iter().filter(doubtful).map(|mut row| row["event_id"].take()).collect();
        for (number, events) in events.chunks(SETTLED_AT_ONCE).enumerate() {
            let (evidence, actor) = ("in neither platform's books", "compare");
            let settle = json!({ "events": events, "arrived": false, "evidence": evidence, "actor": actor });
            let redrive = json!({
                "operation": format!("compare-{number}"), "events": events, "reason": evidence, "actor": actor,
            });
            ours.ask(move |place| {
                place.processor("POST", "/dead/settle", Some(&settle))?;
                place.processor("POST", "/dead/redrive", Some(&redrive))
            })
            .await?;
        }
        Ok(events.len())
    }

    pub(super) async fn stop(self) {
        match self {
            Self::Old { running, .. } => {
                if let Some(running) = running {
                    running.crash().await;
                }
            }
            Self::Ours(mut ours) => {
                // They are ours alone, in a folder that goes with them.
                drop(ours.edge.kill().await);
                drop(ours.processor.kill().await);
            }
        }
    }
}

/// Every conversion that the running processor has.
fn conversions(place: &Where) -> Result<Vec<Value>, NoAnswer> {
    let (mut rows, mut after) = (Vec::new(), String::new());
    loop {
        let page = place.processor("GET", &format!("/transactions?limit=1000{after}"), None)?;
        rows.extend_from_slice(list(&page, "transactions"));
        let Some(next) = page["next_after"].as_str() else { return Ok(rows) };
        after = format!("&after={next}");
    }
}

impl Ours {
    async fn start(lab: &lab::Running, socket: TcpListener) -> Result<Self, Wrong> {
        let folder = tempfile::tempdir()?;
        let migration = folder.path().join("migration");
        world::write(&migration, &lab.world(), 0)?;
        hasten(&migration.join("policy.toml"))?;
        let key = lab.world().primary_api_keys.first().cloned().unwrap_or_default();
        std::fs::write(folder.path().join("key"), key)?;
        write_settings(folder.path(), lab, "127.0.0.1:0", "127.0.0.1:0")?;
        let (processor, told) = role("processor", folder.path()).await?;
        let at = told["processor"].as_str().unwrap_or_default().to_owned();
        let address = socket.local_addr()?;
        write_settings(folder.path(), lab, &address.to_string(), &at)?;
        let (edge, _) = edge(folder.path(), &socket).await?;
        Ok(Self { folder, socket, address, edge, processor })
    }

    /// Asks the processor, as a command would.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Where) -> Result<T, NoAnswer> + Send + 'static,
    ) -> Result<T, Wrong> {
        let place = Where::at(self.folder.path().join("data"));
        Ok(tokio::task::spawn_blocking(move || question(&place)).await??)
    }
}

/// Sales without a click's evidence wait a second instead of a minute, so that the run ends soon.
fn hasten(policy: &Path) -> std::io::Result<()> {
    let text = std::fs::read_to_string(policy)?;
    std::fs::write(policy, text.replace("evidence_wait = \"60s\"", "evidence_wait = \"1s\""))
}

fn write_settings(folder: &Path, lab: &lab::Running, edge: &str, processor: &str) -> std::io::Result<()> {
    let shown = folder.display();
    let hosts: Vec<String> =
        directory::load(Some(&folder.join("migration")), crate::snapshot::looking_secrets()).map_or_else(
            |_| Vec::new(),
            |snapshot| {
                let sends = snapshot.migration.sends.iter().filter(|send| send.credential.is_some());
                sends.map(|send| send.host.to_string()).collect()
            },
        );
    let mut text = format!(
        "data = \"{shown}/data\"\nmigration = \"{shown}/migration\"\n\
         [edge]\nlisten = \"{edge}\"\nprocessor = \"{processor}\"\n\
         [processor]\nlisten = \"127.0.0.1:0\"\n"
    );
    for (home, address) in [("legacy", lab.legacy), ("primary", lab.primary)] {
        text.push_str(&format!(
            "[[origin]]\nhome = \"{home}\"\naddress = \"{address}\"\nprivate_allowed = true\n"
        ));
    }
    if let Some(host) = hosts.first() {
        text.push_str(&format!("[[credential]]\nhost = \"{host}\"\nfile = \"{shown}/key\"\n"));
    }
    std::fs::write(folder.join("turnout.toml"), text)
}

/// Starts a role of this very binary and waits for its addresses.
async fn role(name: &str, folder: &Path) -> Result<(Child, Value), Wrong> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["serve", "--role", name, "--json", "--config"]).arg(folder.join("turnout.toml"));
    command.stdin(Stdio::null());
    listening(name, command).await
}

/// The same for an edge that is handed its socket, as a service manager does it.
async fn edge(folder: &Path, socket: &TcpListener) -> Result<(Child, Value), Wrong> {
    let hand_over = "exec 3<&0 0</dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", hand_over]).arg(std::env::current_exe()?);
    command.args(["serve", "--role", "edge", "--json", "--config"]).arg(folder.join("turnout.toml"));
    command.stdin(Stdio::from(OwnedFd::from(socket.try_clone()?)));
    listening("edge", command).await
}

async fn listening(name: &str, mut command: Command) -> Result<(Child, Value), Wrong> {
    let mut child = command.env("TURNOUT_LOG", "error").stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
    let out = child.stdout.take().ok_or("the role has no output")?;
    let mut line = String::new();
    let mut reader = BufReader::new(out);
    tokio::time::timeout(Duration::from_secs(20), reader.read_line(&mut line)).await??;
    let told = serde_json::from_str(&line).map_err(|_| format!("the {name} did not start"))?;
    Ok((child, told))
}
