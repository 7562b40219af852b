//! A real browser: headless Chromium, driven over the W3C WebDriver protocol by Debian's `chromedriver`.
//!
//! WebDriver is JSON over HTTP, which the observer speaks already, so no client library stands between a test and
//! what the browser did. Every host name that a page may use is mapped to a listener on loopback; all others do not resolve.

mod driver;
mod pages;
mod scene;

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::system::System;
use crate::wait::wait_for;
use driver::Driver;
pub use pages::{Pages, Seen};
pub use scene::Scene;

/// How long a page may take. Generous: the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// What differs from a browser as it comes out of the box.
#[derive(Debug, Clone, Copy, Default)]
pub struct Taste {
    /// Blocks the cookies of other sites, as a visitor's setting does.
    pub blocks_third_party_cookies: bool,
}

/// A browser with an empty profile of its own, and nothing but loopback behind its host names.
#[derive(Debug)]
pub struct Browser {
    driver: Driver,
    /// Goes when the browser has gone.
    _profile: TempDir,
}

impl Browser {
    /// Starts one for which the platforms' hosts are `system` and the `sites` are `pages`.
    pub fn start(system: &System, pages: &Pages, sites: &[&str], taste: Taste) -> Self {
        let profile = tempfile::tempdir().unwrap();
        prefer(profile.path(), taste);
        let arguments = arguments(profile.path(), &rules(system, pages, sites));
        let driver = Driver::start(&json!({
            "acceptInsecureCerts": true,
            "pageLoadStrategy": "normal",
            "goog:loggingPrefs": { "performance": "ALL", "browser": "ALL" },
            "goog:chromeOptions": { "args": arguments },
        }));
        Self { driver, _profile: profile }
    }

    /// Opens an address and waits until the page is complete.
    pub fn open(&self, url: &str) {
        self.driver.call("url", &json!({ "url": url }));
    }

    /// Clicks on the first element that this CSS selector finds, as a person would.
    pub fn click(&self, selector: &str) {
        let found = self.driver.call("element", &json!({ "using": "css selector", "value": selector }));
        let ids = found.as_object().and_then(|object| object.values().next());
        let id = ids.and_then(Value::as_str).unwrap_or_else(|| panic!("{selector}: {found}"));
        self.driver.call(&format!("element/{id}/click"), &json!({}));
    }

    /// The address of the page that is shown.
    pub fn address(&self) -> String {
        self.run("return location.href").as_str().unwrap_or_default().to_owned()
    }

    /// Waits until a page of this host is shown, complete; its address.
    pub fn wait_for_page_of(&self, host: &str) -> String {
        let script = "return document.readyState == 'complete' ? [location.hostname, location.href] : null";
        wait_for(&format!("a page of {host} is shown"), PATIENCE, || {
            let seen = self.run(script);
            let is_it = seen[0].as_str() == Some(host);
            is_it.then(|| seen[1].as_str().unwrap_or_default().to_owned())
        })
    }

    /// Runs a script in the page; what it returns.
    pub fn run(&self, script: &str) -> Value {
        self.driver.call("execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Waits until a script of the page returns something that is neither null nor false.
    pub fn wait_for(&self, what: &str, script: &str) -> Value {
        wait_for(what, PATIENCE, || {
            let seen = self.run(script);
            (seen != Value::Null && seen != Value::Bool(false)).then_some(seen)
        })
    }

    /// Sends this header with every request from now on, as a visitor's setting or an extension does.
    pub fn send_always(&self, name: &str, value: &str) {
        self.command("Network.enable", &json!({}));
        self.command("Network.setExtraHTTPHeaders", &json!({ "headers": { name: value } }));
    }

    /// Blocks every request to addresses of these patterns from now on, as a visitor's extension does.
    pub fn block(&self, patterns: &[&str]) {
        self.command("Network.enable", &json!({}));
        self.command("Network.setBlockedURLs", &json!({ "urls": patterns }));
    }

    /// Every cookie that the browser keeps, whoever set it.
    pub fn cookies(&self) -> Vec<Cookie> {
        let kept = self.command("Storage.getCookies", &json!({}));
        kept["cookies"].as_array().unwrap().iter().map(Cookie::of).collect()
    }

    /// The requests since the last call that a script or a page has sent to `host`: address and cookie header.
    pub fn sent_to(&self, host: &str) -> Vec<Sent> {
        let log = self.driver.call("se/log", &json!({ "type": "performance" }));
        Sent::read(log.as_array().map(Vec::as_slice).unwrap_or_default(), host)
    }

    /// Waits until the browser has sent something to `host` that holds `word`.
    pub fn wait_for_sent(&self, host: &str, word: &str) -> Vec<Sent> {
        wait_for(&format!("something with {word} is sent to {host}"), PATIENCE, || {
            let mut sent = self.sent_to(host);
            sent.retain(|one| one.url.contains(word));
            (!sent.is_empty()).then_some(sent)
        })
    }

    /// Runs a script in every page from now on, before the page's own.
    pub fn run_in_every_page(&self, script: &str) {
        self.command("Page.enable", &json!({}));
        self.command("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": script }));
    }

    /// What the page's console says.
    pub fn console(&self) -> String {
        self.driver.call("se/log", &json!({ "type": "browser" })).to_string()
    }

    fn command(&self, name: &str, parameters: &Value) -> Value {
        self.driver.call("goog/cdp/execute", &json!({ "cmd": name, "params": parameters }))
    }
}

/// A cookie as the browser keeps it.
#[derive(Debug, Clone)]
pub struct Cookie {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The host it is for; with a dot in front, its subdomains too.
    pub domain: String,
    /// Everything that the browser tells about it.
    pub all: Value,
}

impl Cookie {
    fn of(all: &Value) -> Self {
        let text = |name: &str| all[name].as_str().unwrap_or_default().to_owned();
        Self { name: text("name"), value: text("value"), domain: text("domain"), all: all.clone() }
    }
}

/// A request that left the browser.
#[derive(Debug, Clone, Default)]
pub struct Sent {
    /// Its address.
    pub url: String,
    /// Its method.
    pub method: String,
    /// The cookies that went with it.
    pub cookie: String,
    /// The names of the cookies that the browser held back.
    pub held_back: Vec<String>,
}

impl Sent {
    /// Puts together what the browser's log tells in two places: the request, and what was added on the wire.
    fn read(log: &[Value], host: &str) -> Vec<Self> {
        let events: Vec<Value> = log
            .iter()
            .filter_map(|line| serde_json::from_str(line["message"].as_str()?).ok())
            .map(|event: Value| event["message"].clone())
            .collect();
        let of = |method: &'static str| events.iter().filter(move |event| event["method"] == method);
        let mut sent = Vec::new();
        for event in of("Network.requestWillBeSent") {
            let request = &event["params"]["request"];
            let url = request["url"].as_str().unwrap_or_default();
            if crate::clicks::host(url) != Some(host) {
                continue;
            }
            let id = &event["params"]["requestId"];
            let extra =
                of("Network.requestWillBeSentExtraInfo").filter(|extra| extra["params"]["requestId"] == *id);
            let path = crate::clicks::target(url);
            let extra = extra.map(|extra| &extra["params"]).find(|extra| is_for(extra, host, &path));
            sent.push(Self {
                url: url.to_owned(),
                method: request["method"].as_str().unwrap_or_default().to_owned(),
                cookie: extra.map(|extra| header(&extra["headers"], "cookie")).unwrap_or_default(),
                held_back: extra.map(held_back).unwrap_or_default(),
            });
        }
        sent
    }
}

/// Whether the addition is for this host and path: a redirected request keeps its id. HTTP/1.1 has no `:path`.
fn is_for(extra: &Value, host: &str, path: &str) -> bool {
    let headers = &extra["headers"];
    let (seen_host, seen_path) = (header(headers, "host"), header(headers, ":path"));
    (seen_host.is_empty() || seen_host == host) && (seen_path.is_empty() || seen_path == path)
}

fn header(headers: &Value, name: &str) -> String {
    let rows = headers.as_object().into_iter().flatten();
    let mut found = rows.filter(|(key, _)| key.eq_ignore_ascii_case(name));
    found.next().and_then(|(_, value)| value.as_str()).unwrap_or_default().to_owned()
}

fn held_back(extra: &Value) -> Vec<String> {
    let associated = extra["associatedCookies"].as_array().map(Vec::as_slice).unwrap_or_default();
    let blocked =
        associated.iter().filter(|one| one["blockedReasons"].as_array().is_some_and(|why| !why.is_empty()));
    blocked.filter_map(|one| one["cookie"]["name"].as_str()).map(str::to_owned).collect()
}

/// A visitor's own settings, as the browser reads them from its profile.
fn prefer(profile: &Path, taste: Taste) {
    let folder = profile.join("Default");
    std::fs::create_dir_all(&folder).unwrap();
    let mode = u8::from(taste.blocks_third_party_cookies);
    let preferences = json!({ "profile": {
        "cookie_controls_mode": mode,
        "block_third_party_cookies": taste.blocks_third_party_cookies,
    }});
    std::fs::write(folder.join("Preferences"), preferences.to_string()).unwrap();
}

fn arguments(profile: &Path, rules: &str) -> Vec<String> {
    let fixed = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--no-default-browser-check",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-extensions",
        "--ignore-certificate-errors",
        // A page asked for over plain HTTP is wanted over plain HTTP.
        "--disable-features=HttpsUpgrades,HttpsFirstBalancedModeAutoEnable",
    ];
    let mut arguments: Vec<String> = fixed.iter().map(|&flag| flag.to_owned()).collect();
    arguments.push(format!("--user-data-dir={}", profile.display()));
    arguments.push(format!("--host-resolver-rules={rules}"));
    arguments
}

/// Where each host name leads. The first rule that fits counts.
fn rules(system: &System, pages: &Pages, sites: &[&str]) -> String {
    let address = |what: &str| system.process.address(what);
    let mut rules = Vec::new();
    let mut pair = |host: &str, tls: &str, plain: &str| {
        rules.push(format!("MAP {host}:443 {tls}"));
        rules.push(format!("MAP {host}:80 {plain}"));
    };
    for host in
        ["shareasale.com", "*.shareasale.com", "shareasale-analytics.com", "*.shareasale-analytics.com"]
    {
        pair(host, address("edge_tls"), address("edge"));
    }
    for host in ["*.awin1.com", "*.zenaps.com"] {
        pair(host, address("primary_tls"), address("primary"));
    }
    for site in sites {
        pair(site, pages.address(), pages.address());
    }
    rules.push("MAP * ~NOTFOUND".to_owned());
    rules.join(", ")
}
