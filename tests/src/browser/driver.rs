//! One session of `chromedriver`: its process, its browser, and commands to both.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::http::Client;

/// How long a command may take; the first one starts a browser.
const PATIENCE: Duration = Duration::from_secs(90);

/// How often the driver is started anew. It takes a free port of IPv4 and then asks for the same of IPv6, which
/// somebody else may have by then.
const STARTS_MAX: usize = 5;

#[derive(Debug)]
pub(super) struct Driver {
    process: Child,
    address: String,
    session: String,
    browser: Option<Pid>,
}

impl Driver {
    /// Starts the driver, and through it a browser with these capabilities.
    pub(super) fn start(capabilities: &Value) -> Self {
        let (process, address) = (0..STARTS_MAX)
            .find_map(|_| start())
            .expect("chromedriver ended before it told its port, again and again");
        let mut driver = Self { process, address, session: String::new(), browser: None };
        let asked = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let answer = driver.post("/session", &asked);
        driver.session =
            answer["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {answer}")).to_owned();
        let id = answer["capabilities"]["goog:processID"].as_i64();
        driver.browser = id.and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        driver
    }

    /// A command of this session.
    pub(super) fn call(&self, command: &str, parameters: &Value) -> Value {
        self.post(&format!("/session/{}/{command}", self.session), parameters)
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.send(&format!("POST {path}"), body.to_string().as_bytes());
        answer.unwrap_or_else(|why| panic!("WebDriver, {path} {body}: {why}"))
    }

    fn send(&self, what: &str, body: &[u8]) -> Result<Value, String> {
        let mut client = Client::new(&self.address).with_patience(PATIENCE);
        let headers = [("content-type", "application/json"), ("connection", "close")];
        let answer =
            client.request(what, &self.address, &headers, body).map_err(|error| error.to_string())?;
        let value = answer.json()["value"].clone();
        if answer.status == 200 {
            Ok(value)
        } else {
            Err(format!("{}: {}", value["error"], value["message"]))
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Each step fails only where the one before it has done its work.
        drop(self.send(&format!("DELETE /session/{}", self.session), b""));
        if let Some(browser) = self.browser {
            kill_process(browser, Signal::KILL).ok();
        }
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A driver's process, and where it listens; none if it ended before it told that.
fn start() -> Option<(Child, String)> {
    let mut command = Command::new("chromedriver");
    command.args(["--port=0", "--log-level=SEVERE"]);
    let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut process = started.unwrap_or_else(|error| {
        panic!("chromedriver: {error}. `cargo xtask test` installs it; by hand: apt-get install chromium chromium-driver")
    });
    let address = listens_at(&mut process);
    if address.is_none() {
        drop(process.kill());
        drop(process.wait());
    }
    Some((process, address?))
}

/// The driver says on standard output which port it has been given.
fn listens_at(process: &mut Child) -> Option<String> {
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
        let (_, rest) = line.split_once("started successfully on port ")?;
        rest.trim_end_matches('.').parse::<u16>().ok()
    });
    std::thread::spawn(move || lines.for_each(drop));
    port.map(|port| format!("127.0.0.1:{port}"))
}
