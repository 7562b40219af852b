//! Everything in one process, and what can be asked of it and of the simulated world around it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::books::Ledger;
use crate::data::Data;
use crate::http::{Client, get_json, post_json};
use crate::process::Process;
use crate::wait::wait_for;

/// `turnout up` on a data directory of its own.
#[derive(Debug)]
pub struct System {
    /// The process. It ends before its directory goes.
    pub process: Process,
    /// Its data directory.
    pub data: Data,
    token: String,
}

impl System {
    /// Starts it on this directory, without traffic.
    pub fn up(data: Data) -> Self {
        let path = data.text();
        let arguments = ["up", "--data", &path, "--edge", "127.0.0.1:0", "--traffic", "0", "--json"];
        let process = Process::start(&arguments, &data.file("up.err"));
        let token = data.token("up");
        Self { process, data, token }
    }

    /// Kills it; what it had is still in its directory.
    pub fn crash(mut self) -> Data {
        self.process.kill();
        self.data
    }

    /// The edge, as the public reaches it.
    pub fn edge(&self) -> Client {
        Client::new(self.process.address("edge"))
    }

    /// The simulated world.
    pub fn lab(&self) -> Lab {
        Lab { control: self.process.address("control").to_owned() }
    }

    /// The processor's books.
    pub fn ledger(&self) -> Ledger {
        Ledger::new(self.process.address("processor"), &self.token)
    }

    /// How the edge stands.
    pub fn edge_status(&self) -> Value {
        get_json(self.process.address("edge_operator"), "/status", Some(&self.token))
    }

    /// Waits until the edge counts this platform as down, or as well.
    pub fn wait_for_breaker(&self, platform: &str, state: &str) {
        wait_for(&format!("the edge's breaker for {platform} is {state}"), Duration::from_secs(60), || {
            let status = self.edge_status();
            (status["breakers"][platform] == state).then_some(())
        });
    }
}

/// The simulated platforms' controls.
#[derive(Debug, Clone)]
pub struct Lab {
    control: String,
}

impl Lab {
    /// The lab whose controls listen here.
    pub fn new(control: &str) -> Self {
        Self { control: control.to_owned() }
    }

    /// Makes a platform misbehave; `none` ends it.
    pub fn fault(&self, platform: &str, mode: &str) {
        post_json(&self.control, "/fault", &json!({ "platform": platform, "mode": mode }));
    }

    /// Makes a platform misbehave, with numbers.
    pub fn fault_with(&self, platform: &str, fault: &Value) {
        let mut order = fault.clone();
        order["platform"] = platform.into();
        post_json(&self.control, "/fault", &order);
    }

    /// Changes how the platforms behave.
    pub fn settings(&self, changes: &Value) {
        post_json(&self.control, "/settings", changes);
    }

    /// Who exists.
    pub fn world(&self) -> Value {
        get_json(&self.control, "/world", None)
    }

    /// What a platform has booked.
    pub fn transactions(&self, platform: &str) -> Vec<Value> {
        array(get_json(&self.control, &format!("/transactions?platform={platform}"), None))
    }

    /// What has reached a platform, without the probes for its health.
    pub fn requests(&self, platform: &str) -> Vec<Value> {
        let path = format!("/requests?platform={platform}&limit=100000");
        let mut requests = array(get_json(&self.control, &path, None));
        requests.retain(|request| request["path"] != "/robots.txt");
        requests
    }

    /// Merchants of which `fits` is true, as the world describes them.
    pub fn merchants(&self, fits: impl Fn(&Value) -> bool) -> Vec<Merchant> {
        let world = self.world();
        let rows = world["advertisers"].as_array().unwrap();
        rows.iter().filter(|row| fits(row)).map(Merchant::of).collect()
    }

    /// Merchants in good standing whose traffic goes to the new platform.
    pub fn moved(&self) -> Vec<Merchant> {
        self.merchants(|row| row["moved"] == true && row["closed"] == false && row["offline"] == false)
    }

    /// Merchants that still live on the platform being left.
    pub fn not_moved(&self) -> Vec<Merchant> {
        self.merchants(|row| row["moved"] == false && row["closed"] == false && row["offline"] == false)
    }

    /// The old and the new id of every publisher.
    pub fn publishers(&self) -> Vec<(u64, u64)> {
        let world = self.world();
        let rows = world["publishers"].as_array().unwrap();
        rows.iter().map(|row| (number(row, "legacy_id"), number(row, "primary_id"))).collect()
    }
}

/// A merchant of the simulated world.
#[derive(Debug, Clone)]
pub struct Merchant {
    /// Its id on the platform being left.
    pub legacy_id: u64,
    /// Its id on the new platform.
    pub primary_id: u64,
    /// Its own domain.
    pub domain: String,
    /// The currency it sells in.
    pub currency: String,
}

impl Merchant {
    fn of(row: &Value) -> Self {
        Self {
            legacy_id: number(row, "legacy_id"),
            primary_id: number(row, "primary_id"),
            domain: row["domains"][0].as_str().unwrap().to_owned(),
            currency: row["currency"].as_str().unwrap().to_owned(),
        }
    }
}

/// A number of a JSON object.
pub fn number(row: &Value, name: &str) -> u64 {
    row[name].as_u64().unwrap_or_else(|| panic!("no number `{name}` in {row}"))
}

/// The items of a JSON array.
pub fn array(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        other => panic!("no array: {other}"),
    }
}
