//! `turnout rules`: what money depends on is put in force by two people, where that is asked for.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use ledger::By;
use serde_json::{Value, json};

use super::ask::{Where, table};
use crate::approvals::Approvals;
use crate::cli::Outcome;
use crate::clock::wall_clock;
use crate::data;
use crate::ledger_place::LedgerPlace;
use crate::people::People;

/// Migration, policy, terms and maps: proposed by one person, approved by another, and in force no sooner.
///
/// Each acts with a token of their own (`turnout operators add`). Without `require on` nobody is asked.
///
/// Example: turnout rules propose --map 7 --reason "the merchants of December"
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Rules,
}

#[derive(Debug, Subcommand)]
enum Rules {
    /// From now on a second person is needed, or nobody any more. What is on the disk then counts as approved.
    /// Example: turnout rules require on
    Require {
        #[command(flatten)]
        on: On,
        /// `on` or `off`.
        #[arg(value_parser = ["on", "off"])]
        what: String,
    },
    /// Propose the rules as they are on the disk. Example: turnout rules propose --reason "the wave of December moves"
    Propose {
        #[command(flatten)]
        on: On,
        /// With this imported map instead of the one in force; it is switched to with the approval.
        #[arg(long, value_name = "NUMBER")]
        map: Option<u64>,
        /// Why; the journal keeps it.
        #[arg(long)]
        reason: String,
    },
    /// Approve what another person has proposed, and put it in force. Example: turnout rules approve 12ab34cd56ef7890+map7
    Approve {
        #[command(flatten)]
        on: On,
        /// The version, as `list` shows it.
        version: String,
    },
    /// List what was proposed and by whom. Exit code 1: what is on the disk is not approved, and has to be.
    /// Example: turnout rules list
    List {
        #[command(flatten)]
        on: On,
    },
}

/// Where the rules are.
#[derive(Debug, Args)]
struct On {
    #[command(flatten)]
    place: Where,
    /// The migration's folder that is served; the data directory's own or the embedded default if it is not given.
    #[arg(long, value_name = "DIR")]
    migration: Option<PathBuf>,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    match &arguments.command {
        Rules::Require { on, what } => on.require(what == "on"),
        Rules::Propose { on, map, reason } => on.propose(*map, reason),
        Rules::Approve { on, version } => on.approve(version),
        Rules::List { on } => on.list(),
    }
}

impl On {
    fn folder(&self) -> &Path {
        &self.place.data
    }

    /// Who acts, by the token.
    fn person(&self) -> Result<String, Failure> {
        let people = People::read(self.folder())?;
        let token = self.place.own_token()?;
        let token = token.ok_or(
            "this is done with a token of your own: name its file with --token-file (`turnout operators add NAME` gives one)",
        )?;
        let name = people.whose(&token);
        Ok(name.ok_or("the token is nobody's: turnout operators list")?.to_owned())
    }

    /// The version of what is on the disk, with this map or the one in force.
    fn version(&self, map: Option<u64>) -> Result<String, Failure> {
        let own = self.folder().join("migration");
        let migration = self.migration.as_deref().or_else(|| own.is_dir().then_some(own.as_path()));
        let (maps, secrets) = (data::maps(self.folder()), crate::snapshot::looking_secrets());
        let snapshot = match map {
            Some(number) => directory::load_with_map(migration, &maps, number, secrets)?,
            None => directory::load_with(migration, &maps, secrets)?,
        };
        Ok(snapshot.version)
    }

    /// Who did what, in the ledger's journal, before it is done. A machine without a ledger has the file alone.
    fn journal(&self, what: &str, actor: &str, detail: &str) -> Result<(), Failure> {
        if self.place.running().is_ok_and(|run| run.processor.is_some()) {
            let note = json!({ "what": what, "actor": actor, "detail": detail });
            self.place.tell_processor("/imports", &note.to_string())?;
            return Ok(());
        }
        let ledger = LedgerPlace::noted(self.folder())?;
        if !ledger.is_there(self.folder()) {
            eprintln!("turnout: there is no ledger here: who did what stands in approvals.toml alone");
            return Ok(());
        }
        let by = By { actor, why: detail };
        Ok(processor::journal_import(&mut ledger.open(self.folder())?, what, by, wall_clock())?)
    }

    fn require(&self, on: bool) -> Outcome {
        let person = self.person()?;
        let mut people = People::read(self.folder())?;
        if on && people.names().count() < 2 {
            return Err("a second person needs a token, too: turnout operators add NAME".into());
        }
        if on {
            let version = self.version(None)?;
            self.journal("require second approval", &person, &format!("from {version} on"))?;
            let mut approvals = Approvals::read(self.folder())?;
            approvals.begin_with(&version, &person);
            approvals.write(self.folder())?;
        } else {
            self.journal("require no second approval", &person, "")?;
        }
        people.require_a_second(on);
        people.write(self.folder())?;
        println!(
            "rules need {}",
            if on { "a second person from now on" } else { "nobody's approval any more" }
        );
        Ok(ExitCode::SUCCESS)
    }

    fn propose(&self, map: Option<u64>, reason: &str) -> Outcome {
        let person = self.person()?;
        if reason.trim().is_empty() {
            return Err(
                "a proposal needs --reason: the second person, and the journal, want to know why".into()
            );
        }
        let version = self.version(map)?;
        let mut approvals = Approvals::read(self.folder())?;
        if approvals.propose(&version, &person, reason) {
            self.journal("propose rules", &person, &format!("{version}: {reason}"))?;
            approvals.write(self.folder())?;
            println!("proposed: {version}\nanother person: turnout rules approve {version}");
        } else {
            println!("{version} was proposed before: turnout rules list");
        }
        Ok(ExitCode::SUCCESS)
    }

    fn approve(&self, version: &str) -> Outcome {
        let person = self.person()?;
        let mut approvals = Approvals::read(self.folder())?;
        let known = approvals.are_approved(version);
        let rules = approvals.approve(version, &person)?;
        if !known {
            let detail = format!("{version}, proposed by {}: {}", rules.proposed_by, rules.reason);
            self.journal("approve rules", &person, &detail)?;
            approvals.write(self.folder())?;
        }
        if let Some(number) = rules.map() {
            data::maps(self.folder()).switch(number)?;
            return super::map::in_force(&self.place, number, &Value::Null);
        }
        let told = data::hang_up(self.folder());
        if told.is_empty() {
            println!("{version} is approved; nothing is running here, and it is taken up at the next start");
        } else {
            println!("{version} is approved; told: {}", told.join(", "));
        }
        Ok(ExitCode::SUCCESS)
    }

    fn list(&self) -> Outcome {
        let approvals = Approvals::read(self.folder())?;
        let on_disk = self.version(None)?;
        let required = People::read(self.folder())?.need_a_second();
        let fine = !required || approvals.are_approved(&on_disk);
        if self.place.json {
            println!(
                "{}",
                json!({ "required": required, "on_disk": on_disk, "approved": approvals.are_approved(&on_disk), "rules": approvals.all() })
            );
        } else {
            let rows: Vec<Value> = approvals.all().iter().map(|rules| json!(rules)).collect();
            let columns = ["version", "proposed_by", "proposed_at", "approved_by", "approved_at", "reason"];
            println!("{}", table(&rows, &columns));
            let word = match (required, fine) {
                (false, _) => "nobody needs to approve it",
                (true, true) => "approved",
                (true, false) => "NOT approved: no process takes it up",
            };
            println!("on the disk: {on_disk}, {word}");
        }
        Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
