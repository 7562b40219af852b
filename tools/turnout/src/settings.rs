//! `turnout.toml`: what an operator sets for one role. Every mistake is reported together, before any port
//! is bound.

mod outbox;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use admission::front::Network;
use tracking::Home;
use tracking::source::{Mistake, Section, Source};
use upstream::{Endpoint, Origin};

use crate::ledger_place::LedgerPlace;
use crate::log_place::LogPlace;

/// Everything that a settings file can set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    /// The migration's folder; the embedded default if there is none.
    pub(crate) migration: Option<PathBuf>,
    /// The data directory.
    pub(crate) data: PathBuf,
    /// For the edge.
    pub(crate) edge: Edge,
    /// The limits of its outbox.
    pub(crate) outbox: ::outbox::Settings,
    /// For the processor.
    pub(crate) processor: Processor,
    /// For the simulated platforms.
    pub(crate) platforms: Platforms,
    /// What is remembered of requests, and where.
    pub(crate) request_log: LogPlace,
    /// Where the platforms' servers are.
    pub(crate) origins: Vec<Origin>,
    /// What is shown to the platforms' interfaces: the host, and the file that holds the secret.
    credentials: Vec<(String, PathBuf)>,
}

impl Settings {
    /// The hosts with their secrets, read from their files.
    pub(crate) fn credentials(&self) -> Result<Vec<(String, String)>, String> {
        let read = |(host, file): &(String, PathBuf)| {
            let secret = std::fs::read_to_string(file);
            let secret =
                secret.map_err(|error| format!("cannot read the credential {}: {error}", file.display()))?;
            Ok((host.clone(), secret.trim().to_owned()))
        };
        self.credentials.iter().map(read).collect()
    }
}

/// Settings of the edge.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edge {
    /// Plain HTTP.
    pub(crate) listen: Option<SocketAddr>,
    /// TLS.
    pub(crate) listen_tls: Option<SocketAddr>,
    /// The certificate's PEM file and its key's; self-signed if there is none.
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
    /// The operators' socket.
    pub(crate) operator: Option<SocketAddr>,
    /// Where the processor is.
    pub(crate) processor: Option<String>,
    /// The edge that keeps a second copy of each conversion.
    pub(crate) copies_to: Option<String>,
    /// Where copies of other edges' conversions are taken.
    pub(crate) copies_listen: Option<SocketAddr>,
    /// How long a reply waits for its copy.
    pub(crate) copy_wait: Option<Duration>,
    /// The outbox lane's name.
    pub(crate) lane: Option<String>,
    /// The networks of the tier before the edges, whose word about the client is believed.
    pub(crate) fronts: Vec<Network>,
    /// The header in which they name the client's address.
    pub(crate) front_header: Option<String>,
    /// The header in which they name the client's country.
    pub(crate) country_header: Option<String>,
}

/// Settings of the processor.
#[derive(Clone, Debug, Default)]
pub(crate) struct Processor {
    /// Where it listens.
    pub(crate) listen: Option<SocketAddr>,
    /// Whether publishers' addresses may lead to private networks.
    pub(crate) private_postbacks: bool,
    /// Where the ledger is.
    pub(crate) ledger: LedgerPlace,
}

/// Settings of the simulated platforms.
#[derive(Clone, Debug, Default)]
pub(crate) struct Platforms {
    /// The legacy platform.
    pub(crate) legacy: Option<SocketAddr>,
    /// The primary.
    pub(crate) primary: Option<SocketAddr>,
    /// The shop.
    pub(crate) shop: Option<SocketAddr>,
    /// The controls.
    pub(crate) control: Option<SocketAddr>,
    /// The seed of the world.
    pub(crate) seed: u64,
}

/// The seed of the simulated world where none is named; `up` has the same.
const SEED: u64 = 1;

/// Reads a settings file; `file` names it in messages.
pub(crate) fn read(file: &Path) -> Result<Settings, Vec<Mistake>> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| {
        let message = format!("this file cannot be read: {error}");
        vec![Mistake { file: name.clone(), line: 1, message }]
    })?;
    parse(&name, &text)
}

fn parse(file: &str, text: &str) -> Result<Settings, Vec<Mistake>> {
    let source = Source::new(file, text);
    let settings = source.read(read_settings);
    let mistakes = source.into_mistakes();
    if mistakes.is_empty() { Ok(settings) } else { Err(mistakes) }
}

fn read_settings(root: &Section<'_, '_>) -> Settings {
    Settings {
        migration: root.text("migration").map(PathBuf::from),
        data: root.text("data").map_or_else(|| PathBuf::from(crate::data::DEFAULT), PathBuf::from),
        edge: root.section("edge", read_edge).unwrap_or_default(),
        outbox: root.section("outbox", outbox::read).unwrap_or_default(),
        processor: root.section("processor", read_processor).unwrap_or_default(),
        request_log: root.section("request_log", LogPlace::read).unwrap_or_else(LogPlace::usual),
        platforms: root
            .section("platforms", read_platforms)
            .unwrap_or_else(|| Platforms { seed: SEED, ..Platforms::default() }),
        origins: root.sections("origin", read_origin),
        credentials: root.sections("credential", |section| {
            (section.required_text("host"), PathBuf::from(section.required_text("file")))
        }),
    }
}

fn read_edge(section: &Section<'_, '_>) -> Edge {
    let copies = section.text("copies_to").is_some() || section.text("copies_listen").is_some();
    if copies && section.text("processor").is_none() {
        section.mistake(
            "copies are handed over like everything else: `copies_to` and `copies_listen` need `processor`",
        );
    }
    let (certificate, key) = (section.text("certificate"), section.text("key"));
    if certificate.is_some() != key.is_some() {
        section.mistake("`certificate` and `key` go together: name both PEM files or neither");
    }
    Edge {
        listen: address(section, "listen"),
        listen_tls: address(section, "listen_tls"),
        certificate: certificate.map(PathBuf::from).zip(key.map(PathBuf::from)),
        operator: address(section, "operator"),
        processor: section.text("processor"),
        copies_to: section.text("copies_to"),
        copies_listen: address(section, "copies_listen"),
        copy_wait: copy_wait(section),
        lane: section.text("lane"),
        fronts: read_fronts(section),
        front_header: section.text("front_header"),
        country_header: section.text("country_header"),
    }
}

fn copy_wait(section: &Section<'_, '_>) -> Option<Duration> {
    let text = section.text("copy_wait")?;
    let wait = relay::policy::parse_duration(&text).filter(|wait| !wait.is_zero());
    if wait.is_none() {
        section.mistake_at("copy_wait", format!("`{text}` is no time to wait: write `500ms` or `1s`"));
    }
    wait
}

fn read_processor(section: &Section<'_, '_>) -> Processor {
    Processor {
        listen: address(section, "listen"),
        private_postbacks: section.flag("private_postbacks"),
        ledger: LedgerPlace::read(section),
    }
}

fn read_fronts(section: &Section<'_, '_>) -> Vec<Network> {
    let parse = |text: String| {
        let network = text.parse::<Network>().ok();
        if network.is_none() {
            section.mistake_at("fronts", format!("`{text}` is no network: write `10.0.0.0/8` or an address"));
        }
        network
    };
    section.texts("fronts").into_iter().filter_map(parse).collect()
}

fn read_platforms(section: &Section<'_, '_>) -> Platforms {
    Platforms {
        legacy: address(section, "legacy"),
        primary: address(section, "primary"),
        shop: address(section, "shop"),
        control: address(section, "control"),
        seed: section.number("seed").unwrap_or(SEED),
    }
}

fn read_origin(section: &Section<'_, '_>) -> Origin {
    section.required_text("home");
    let home = section.choice("home", &["legacy", "primary"], Home::parse);
    Origin {
        home: home.unwrap_or(Home::Legacy),
        host: section.text("host"),
        endpoint: Endpoint {
            address: section.required_text("address"),
            tls: section.flag("tls"),
            server_name: section.text("server_name"),
            host_header: section.text("host_header"),
            private_allowed: section.flag("private_allowed"),
        },
    }
}

fn address(section: &Section<'_, '_>, key: &'static str) -> Option<SocketAddr> {
    let text = section.text(key)?;
    let address = text.parse().ok();
    if address.is_none() {
        section.mistake_at(
            key,
            format!("`{text}` is no address: write `127.0.0.1:8080`, port 0 for a free one"),
        );
    }
    address
}

/// What is wrong with the origins: one that is our own public host or our own listener would be a loop.
pub(crate) fn check_origins(
    settings: &Settings,
    is_public_host: impl Fn(&str) -> bool,
    legacy_gone: bool,
    file: &str,
) -> Vec<Mistake> {
    let own: Vec<SocketAddr> =
        [settings.edge.listen, settings.edge.listen_tls].into_iter().flatten().collect();
    let mut mistakes = Vec::new();
    let mut note = |message| mistakes.push(Mistake { file: file.to_owned(), line: 1, message });
    for origin in &settings.origins {
        let address = &origin.endpoint.address;
        let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host).to_ascii_lowercase();
        if is_public_host(&host) {
            note(format!(
                "the {} origin `{address}` is one of our own public hosts, which lead back to us: \
                 name the platform's server by its own address",
                origin.home
            ));
        }
        if address.parse().is_ok_and(|address: SocketAddr| address.port() != 0 && own.contains(&address)) {
            note(format!("the {} origin `{address}` is this edge's own listener", origin.home));
        }
    }
    for home in Home::ALL {
        let needed = home == Home::Primary || !legacy_gone;
        if needed && !settings.origins.iter().any(|origin| origin.home == home) {
            note(format!("there is no [[origin]] for {home}: nothing could be delivered there"));
        }
    }
    mistakes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_reported_together() {
        let text =
            "dat = \"x\"\n[edge]\nlisten = \"here\"\ncertificate = \"a.pem\"\n[[origin]]\nhome = \"old\"\n";
        let mistakes = parse("turnout.toml", text).unwrap_err();
        let text: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        let text = text.join("\n");
        for wanted in
            ["did you mean `data`", "`here` is no address", "go together", "`old`", "`address` is missing"]
        {
            assert!(text.contains(wanted), "{wanted} is not in\n{text}");
        }
    }

    #[test]
    fn the_outbox_has_limits_of_its_own_and_what_cannot_work_is_a_mistake() {
        let settings =
            parse("turnout.toml", "[outbox]\nsegment_bytes_max = 8192\nwaiting_max = 7\n").unwrap();
        assert_eq!((settings.outbox.segment_bytes_max, settings.outbox.waiting_max), (8192, 7));
        assert_eq!(settings.outbox.reserve_bytes, ::outbox::Settings::default().reserve_bytes);
        let mistakes = parse("turnout.toml", "[outbox]\nahead_bytes = 0\nwaiting_max = 0\n").unwrap_err();
        assert_eq!(mistakes.len(), 1, "{mistakes:#?}");
        assert_eq!(mistakes.first().map(|mistake| mistake.line), Some(3), "{mistakes:#?}");
    }

    #[test]
    fn a_server_that_leads_nowhere_is_a_mistake_and_no_secret_is_told() {
        for (lines, wanted) in [
            ("[processor]\nledger = \"postgres://ada:secret@db.example\"", "names no database"),
            (
                "[processor]\nledger = \"mysql://ada:secret@db.example/turnout\"",
                "is no address of a PostgreSQL server",
            ),
            ("[processor]\nledger_password_file = \"password\"", "name it too, as `ledger`"),
            ("[request_log]\nserver = \"postgres://ada:secret@db.example\"", "names no database"),
            ("[request_log]\npassword_file = \"password\"", "name it too, as `server`"),
        ] {
            let mistakes = parse("turnout.toml", &format!("{lines}\n")).unwrap_err();
            let text: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            let text = text.join("\n");
            assert!(text.contains(wanted) && !text.contains("secret"), "{text}");
        }
        let good = "[processor]\nledger = \"postgres://ada@db.example/turnout\"\nledger_password_file = \"p\"\n\
                    [request_log]\nserver = \"postgres://ada@db.example/turnout\"\ncertificates = \"c\"\n";
        let settings = parse("turnout.toml", good).unwrap();
        assert!(settings.processor.ledger.is_on_server());
        assert!(settings.request_log.settings.is_some());
    }

    #[test]
    fn an_origin_that_leads_back_to_us_is_a_mistake() {
        let text = "[edge]\nlisten = \"127.0.0.1:8080\"\n[[origin]]\nhome = \"legacy\"\naddress = \"old.test:443\"\n\
                    [[origin]]\nhome = \"primary\"\naddress = \"127.0.0.1:8080\"\n";
        let settings = parse("turnout.toml", text).unwrap();
        let mistakes = check_origins(&settings, |host| host == "old.test", false, "turnout.toml");
        assert_eq!(mistakes.len(), 2, "{mistakes:#?}");
    }
}
