//! Bad input: a clear error for a person, a right reply for a browser, and nothing bound or lost.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use system_tests::{Data, System, binary, turnout, wait_for};

#[test]
fn check_reports_every_mistake_of_a_migration_with_file_and_line() {
    let data = Data::prepared();
    let migration = data.file("migration").display().to_string();
    let sound = turnout(&["check", "--migration", &migration], b"");
    assert_eq!(sound.code, Some(0), "{sound:?}");

    data.set("evidence_wait", "\"soon\"");
    data.edit("advertisers.csv", |text| format!("{text}x,y\n"));
    data.edit("migration.toml", |text| {
        text.replacen("from = \"voucher_codes\"", "from = \"vuocher_codes\"", 1)
    });
    let broken = turnout(&["check", "--migration", &migration], b"");
    assert_eq!(broken.code, Some(1), "{broken:?}");
    for (file, word) in
        [("policy.toml", "soon"), ("advertisers.csv", "legacy_id"), ("migration.toml", "voucher_codes")]
    {
        let told = broken
            .out
            .lines()
            .chain(broken.err.lines())
            .any(|line| names_a_line_of(line, file) && line.contains(word));
        assert!(told, "{file} with {word} is not in\n{}{}", broken.out, broken.err);
    }
    assert!(!broken.err.contains("panicked"), "{}", broken.err);

    let listed = turnout(&["check", "--migration", &migration, "--json"], b"");
    let report: Value = serde_json::from_str(&listed.out).unwrap();
    assert_eq!((listed.code, &report["sound"]), (Some(1), &json!(false)));
    assert!(report["mistakes"].as_array().unwrap().len() >= 3, "{report:#}");
}

#[test]
fn check_reports_the_mistakes_of_settings_and_of_callers_together() {
    let data = Data::prepared();
    let (config, text) = (data.file("turnout.toml"), data.text());
    let migration = data.file("migration").display().to_string();
    let settings = format!("data = {text:?}\nmigration = {migration:?}\n");
    let check = || turnout(&["check", "--config", &config.display().to_string()], b"");
    fs::write(data.file("callers.toml"), "[[caller]]\nmerchant = \"not a number\"\n").unwrap();
    fs::write(
        &config,
        format!("{settings}[[origin]]\nhome = \"legacy\"\naddress = \"www.shareasale.com:443\"\n"),
    )
    .unwrap();
    let both = check();
    assert_eq!(both.code, Some(1), "{both:?}");
    assert!(both.err.lines().any(|line| names_a_line_of(line, "callers.toml")), "{}", both.err);
    assert!(both.err.contains("our own public hosts"), "{}", both.err);
    fs::write(data.file("operators.toml"), "[[operator]]\nname = \"a b\"\ntoken_sha256 = \"\"\n").unwrap();
    assert!(check().err.contains("`a b` is no name for an operator"), "{}", check().err);
    fs::remove_file(data.file("operators.toml")).unwrap();
    fs::remove_file(data.file("callers.toml")).unwrap();
    assert!(!check().err.contains("callers.toml"), "nobody may call, and nothing is wrong with that");
}

/// `…/file:12: …`
fn names_a_line_of(line: &str, file: &str) -> bool {
    let after = line.split(&format!("{file}:")).nth(1);
    after.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[test]
fn a_role_with_a_broken_configuration_ends_and_binds_nothing() {
    let data = Data::prepared();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let migration = data.file("migration").display().to_string();
    let config = data.file("turnout.toml");
    let origins = format!(
        "[[origin]]\nhome = \"legacy\"\naddress = \"{address}\"\n[[origin]]\nhome = \"primary\"\naddress = \"www.shareasale.com:443\"\n"
    );
    let text = data.text();
    for (what, settings, told) in [
        ("an address", format!("data = {text:?}\n[edge]\nlisten = \"nowhere\"\n{origins}"), "nowhere"),
        (
            "a key",
            format!("data = {text:?}\n[edge]\nlisten = {:?}\nlane_ = \"x\"\n{origins}", address.to_string()),
            "lane_",
        ),
        (
            "an origin that leads back",
            format!(
                "data = {text:?}\nmigration = {migration:?}\n[edge]\nlisten = {:?}\n{origins}",
                address.to_string()
            ),
            "our own public hosts",
        ),
        (
            "a folder",
            format!(
                "data = {text:?}\nmigration = \"/nowhere/at/all\"\n[edge]\nlisten = {:?}\n",
                address.to_string()
            ),
            "/nowhere/at/all",
        ),
        ("TOML", "[[[".to_owned(), "turnout.toml:1"),
    ] {
        fs::write(&config, settings).unwrap();
        let ended =
            turnout(&["serve", "--role", "edge", "--config", &config.display().to_string(), "--json"], b"");
        assert!(ended.code.is_some_and(|code| code != 0), "{what}: {ended:?}");
        assert!(ended.err.contains(told), "{what}: `{told}` is not in {}", ended.err);
        assert!(what == "a folder" || ended.err.contains("nothing was started"), "{what}: {}", ended.err);
        assert!(!ended.err.contains("panicked") && ended.out.is_empty(), "{what}: {ended:?}");
        assert!(TcpStream::connect(address).is_err(), "{what}: nothing listens");
    }
    let missing = turnout(&["serve", "--role", "edge", "--config", "/nowhere/turnout.toml"], b"");
    assert!(
        missing.code.is_some_and(|code| code != 0) && missing.err.contains("/nowhere/turnout.toml"),
        "{missing:?}"
    );
}

#[test]
fn two_processes_never_share_a_data_directory() {
    let system = System::up(Data::prepared());
    let path = system.data.text();
    let files =
        ["callers.toml", "migration/seed", "migration/advertisers.csv"].map(|name| system.data.file(name));
    let before = files.clone().map(|file| fs::read_to_string(file).unwrap());
    let other_world = ["up", "--data", &path, "--edge", "127.0.0.1:0", "--seed", "77", "--json"];
    let second = turnout(&other_world, b"");
    assert_eq!(second.code, Some(2), "{second:?}");
    assert!(second.err.contains(&format!("runs on {path}: stop it")), "{}", second.err);
    assert_eq!(
        files.map(|file| fs::read_to_string(file).unwrap()),
        before,
        "nothing of the first one's changes"
    );
    let pixel = system.edge().get("shareasale.com", SALE, &[]).unwrap();
    assert!(pixel.is_pixel(), "the first one works on: {pixel:?}");
}

/// A public key that nobody has.
const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

const SALE: &str = "/sale.cfm?tracking=B-1&amount=1.00&merchantID=789&transtype=sale";

#[test]
fn what_is_no_http_gets_a_400_and_the_connection_ends() {
    let system = System::up(Data::prepared());
    let address = system.process.address("edge");
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03hello\r\n\r\n"[..],
        b"hello\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: shareasale.com\r\nhost: evil.test\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: shareasale.com\r\nbad header\r\n\r\n",
        b"POST /sale.cfm HTTP/1.1\r\nhost: shareasale.com\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /sale.cfm HTTP/1.1\r\nhost: shareasale.com\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
        b"GET /r.cfm?x=\x00 HTTP/1.1\r\nhost: shareasale.com\r\n\r\n",
    ] {
        let answer = until_close(address, garbage);
        let shown = String::from_utf8_lossy(garbage);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{shown:?} got {answer:?}");
    }
    assert!(system.edge().get("shareasale.com", SALE, &[]).unwrap().is_pixel(), "the edge is still healthy");
    system.process.assert_calm();
}

/// Sends these bytes and reads until the other side closes.
fn until_close(address: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "the connection hangs: {error}");
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_target_that_is_too_long_gets_a_414_and_one_of_60_kilobytes_is_booked() {
    let system = System::up(Data::prepared());
    let mut edge = system.edge();
    let long = format!("{SALE}&xtype={}", "x".repeat(60_000));
    assert!(edge.get("shareasale.com", &long, &[]).unwrap().is_pixel());
    let too_long = format!("{SALE}&xtype={}", "x".repeat(70_000));
    let request = format!("GET {too_long} HTTP/1.1\r\nhost: shareasale.com\r\n\r\n");
    let answer = until_close(system.process.address("edge"), request.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 414 "), "{:.200}", answer);
    let many: String = (0..200).map(|n| format!("x-{n}: y\r\n")).collect();
    let request = format!("GET {SALE} HTTP/1.1\r\nhost: shareasale.com\r\n{many}\r\n");
    let answer = until_close(system.process.address("edge"), request.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 431 "), "{:.200}", answer);
    system.process.assert_calm();
}

#[test]
fn an_image_stays_an_image_whatever_is_wrong_with_its_query() {
    let system = System::up(Data::prepared());
    let mut edge = system.edge();
    for query in [
        "",
        "?",
        "?merchantID=789",
        "?merchantID=bonobos&amount=1&tracking=x",
        "?amount=AMOUNTOFSALE&merchantID=789&tracking=1",
        "?tracking=##ORDERID##&amount=5&merchantID=789",
        "?tracking=%ZZ&amount=%&merchantID=789",
        "?&&&===&",
        "?tracking=1&amount=1,5&merchantID=789",
        "?merchantID=4711&amount=1.00&tracking=nobody",
        "?tracking=a&tracking=b&amount=1&amount=2&merchantID=789",
    ] {
        let answer = edge.get("www.shareasale.com", &format!("/sale.cfm{query}"), &[]).unwrap();
        assert!(answer.is_pixel(), "{query}: {answer:?}");
    }
    let head = edge.request(&format!("HEAD {SALE}"), "shareasale.com", &[], b"").unwrap();
    assert_eq!((head.status, head.header("content-type")), (200, Some("image/gif")), "{head:?}");
    let beacon = edge.request(&format!("POST {SALE}"), "shareasale.com", &[], b"").unwrap();
    assert!((200..300).contains(&beacon.status), "{beacon:?}");
    system.process.assert_calm();
}

#[test]
fn hosts_that_are_not_ours_are_told_so() {
    let system = System::up(Data::prepared());
    let mut edge = system.edge();
    for host in ["example.com", "shareasale.com.evil.test", "127.0.0.1", "localhost:80", "evilshareasale.com"]
    {
        let answer = edge.get(host, "/r.cfm?b=1&u=456&m=789", &[]).unwrap();
        assert_eq!(answer.status, 421, "{host}: {answer:?}");
    }
    for host in ["shareasale.com", "WWW.ShareASale.com", "shareasale.com:80", "shareasale.com."] {
        let answer = edge.get(host, "/r.cfm?b=1&u=456&m=789", &[]).unwrap();
        assert_eq!(answer.status, 302, "{host}: {answer:?}");
    }
    // The twin's click address is the second hop, which has always been a page with a script (reference 2.4).
    let page = edge.get("www.shareasale-analytics.com", "/r.cfm?b=1&u=456&m=789", &[]).unwrap();
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, Some("text/html; charset=utf-8")),
        "{page:?}"
    );
    assert!(page.text().contains("window.location.replace"), "{page:?}");
}

#[test]
fn commands_refuse_in_words_and_say_what_to_do() {
    let system = System::up(Data::prepared());
    let folder = system.data.text();
    let stray = system.data.file("stray-token").display().to_string();
    fs::write(&stray, "nobody's").unwrap();
    let [report, list] = ["none.json", "list.csv"].map(|name| system.data.file(name).display().to_string());
    fs::write(&report, "[]").unwrap();
    fs::write(&list, "order_reference,amount,ordered_at\nA-1,ten,2026-11-30\nA-2,10.00\n").unwrap();
    let month = ["reconcile", "--from", "2026-11-01", "--to", "2026-11-30", "--advertiser", "789"];
    let told =
        turnout(&[&month[..], &["--primary", &report, "--orders", &list, "--data", &folder]].concat(), b"");
    let says = ["list.csv:2: under `amount`", "list.csv ends in the middle of a row"];
    assert!(told.code == Some(2) && says.iter().all(|says| told.err.contains(says)), "{told:?}");
    let unknown = |live| {
        let days = ["reconcile", "--from", "2026-11-01", "--to", "2026-11-30"];
        [&days[..], &["--advertiser", "99999999", "--live", live]].concat()
    };
    for (words, says) in [
        (&["pay", "--until", "never", "--reference", "x"][..], "`never` is no time: write 2027-02-20"),
        (&["dead", "list", "--state", "nope"], "`nope` is no state that waits for a person"),
        (&["dead", "redrive"], "name the events, or what they have in common"),
        (&["dead", "orders", "nope"], "there is no such order"),
        (&["map", "import", "/not/there"], "No such file"),
        (&["clicks", "import", "/"], "/: Is a directory"),
        (&unknown("primary"), "no map has the id of advertiser 99999999 on the primary platform"),
        (&unknown("legacy"), "callers.toml has no token and secret of advertiser 99999999: add them"),
        (&["dead", "settle", "01m8pcbbpjn4wjrad5z328fjxp", "--evidence", "x"], "<--arrived|--not-arrived>"),
        (&["transactions", "list", "--token-file", &stray], "nobody has the token in it"),
        (&["clicks", "show", "x", "--token-file", &stray], "nobody has the token in it"),
        (&["report", "--by", "day", "--happened-until", "2026-13-40"], "`2026-13-40`, which is no time"),
        (&["fault", "primary", "sideways"], "unknown variant `sideways`"),
    ] {
        let told = turnout(&[words, &["--data", &folder]].concat(), b"");
        assert_eq!(told.code, Some(2), "{words:?}: {}{}", told.out, told.err);
        assert!(told.err.contains(says) && !told.err.contains("{\""), "{words:?}: {}", told.err);
    }
    let told = turnout(
        &["dead", "discard", "--group", "held/no_such", "--reason", "a slip of the pen", "--data", &folder],
        b"",
    );
    assert!(
        told.code == Some(0) && told.out.contains("nothing that waits for a person is meant"),
        "{told:?}"
    );
    let told = turnout(&["pay", "--until", "2020-01-01", "--reference", "x", "--data", &folder], b"");
    assert!(told.code == Some(1) && told.out.contains("nothing was recorded"), "{told:?}");
}

#[test]
fn commands_without_a_process_say_what_was_wrong_with_which_file_or_parameter() {
    let data = Data::prepared();
    let (folder, config) = (data.text(), data.file("turnout.toml").display().to_string());
    fs::write(&config, "").unwrap();
    let gone = data.file("gone").display().to_string();
    let migration = data.file("migration").join("migration.toml").display().to_string();
    let period = ["reconcile", "--from", "2026-11-01", "--to", "2026-11-30", "--live", "primary"];
    let with = |more: &[&'static str]| [&period[..], more].concat();
    for (words, says) in [
        (vec!["translate", "--migration", &gone], format!("{gone}:1: there is no such folder")),
        (vec!["translate", "--migration", &config], format!("{config}:1: this is no folder")),
        (vec!["translate", "--now", "noon"], "`noon` is no time: write 2026-11-23T19:31:00Z".to_owned()),
        (vec!["diff", "default", "default", "--requests", &folder], format!("{folder}: Is a directory")),
        (
            vec!["diff", "default", "default", "--requests", &config],
            format!("{config}: there is no request in it"),
        ),
        (vec!["census", &config], "no request was found".to_owned()),
        (vec!["census", &config, "--threads", "0"], "0 is not in 1..=1024".to_owned()),
        (vec!["dialect", "doc", &migration], "is a file of a migration: name its folder".to_owned()),
        (
            vec!["dialect", "conform", &config],
            format!("1 to mend:\n  {config}:1: the table `[dialect]` is missing"),
        ),
        (vec!["transactions", "list", "--data", &gone], format!("there is no data directory {gone}")),
        (
            vec!["proof", "verify", &config, "--key", "zz"],
            "`zz` is no public key: 64 hexadecimal digits".to_owned(),
        ),
        (vec!["proof", "verify", &folder, "--key", KEY], format!("{folder}: Is a directory")),
        (vec!["load", "--rate", "99999999999"], "`99999999999` is no rate".to_owned()),
        (vec!["load", "--conversions", "2"], "`2` is no share".to_owned()),
        (
            vec!["load", "--target", "https://127.0.0.1:1"],
            "is no address of this machine in plain HTTP".to_owned(),
        ),
        (vec!["compare", "--for", "0s"], "`0s` is no time to measure anything in".to_owned()),
        (with(&["--orders-zone", "Nowhere"]), "`Nowhere` is no time zone".to_owned()),
        (with(&["--csv", "/dev/null/x"]), "--csv /dev/null/x: the folder cannot be made".to_owned()),
    ] {
        let told = turnout(&words, b"");
        assert_eq!(told.code, Some(2), "{words:?}: {}{}", told.out, told.err);
        assert!(told.err.contains(&says) && !told.err.contains("panicked"), "{words:?}: {}", told.err);
    }
}

#[test]
fn lines_that_are_no_requests_are_told_with_the_first_of_them() {
    let told = turnout(&["translate"], b"https://shareasale.com/r.cfm?b=1&u=2&m=3\nnonsense\n{\n");
    assert_eq!((told.code, told.out.lines().count()), (Some(1), 3), "{told:?}");
    assert!(
        told.err.contains("2 of 3 lines are no requests, the first is line 2: `nonsense`"),
        "{}",
        told.err
    );
    let told = turnout(&["translate"], b"");
    assert!(told.code == Some(1) && told.err.contains("nothing came in on standard input"), "{told:?}");
}

/// A shopper, a shop or an access log may hold what steers a terminal.
#[test]
fn nothing_that_a_stranger_wrote_steers_a_terminal() {
    let system = System::up(Data::prepared());
    let sale = "/sale.cfm?tracking=E%1b%5B2J%1b%5D0%3Bx%07F&amount=ten&merchantID=789&transtype=sale";
    assert!(system.edge().get("shareasale.com", sale, &[]).unwrap().is_pixel());
    let data = ["--data", &system.data.text()];
    let tells =
        |command: &[&str], what: &str| turnout(&[command, &data[..]].concat(), b"").out.contains(what);
    wait_for("the sale to be held and remembered", Duration::from_secs(20), || {
        (tells(&["dead", "list"], "1 shown") && tells(&["requests"], "sale pixel")).then_some(())
    });
    let log = system.data.file("strange.log").display().to_string();
    fs::write(&log, "\u{1b}[2Jnonsense\n").unwrap();
    let link = "https://shareasale.com/r.cfm?b=1&u=2&m=3&afftrack=a%1b[2Jb";
    for words in [
        [&["dead", "list"], &data[..]].concat(),
        [&["requests"], &data[..]].concat(),
        vec!["explain", link],
        vec!["explain", "\u{1b}[2Jnonsense"],
        vec!["census", "--show-values", &log],
        vec!["diff", "default", "default", "--requests", &log],
    ] {
        let told = turnout(&words, b"");
        let steers = |text: &str| text.contains(|letter: char| letter.is_control() && letter != '\n');
        assert!(!steers(&told.out) && !steers(&told.err), "{words:?}: {:?} {:?}", told.out, told.err);
        assert!(format!("{}{}", told.out, told.err).contains("\u{fffd}[2J"), "{words:?}: {told:?}");
    }
}

/// As `turnout … | head` does.
#[test]
fn a_reader_that_stops_in_the_middle_is_no_failure_to_tell_of() {
    let mut command = Command::new(binary());
    command.args(["explain", "https://shareasale.com/r.cfm?b=123&u=456&m=789"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let told = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.code() == Some(2) && !said.contains("panicked"), "{:?}: {said}", told.status);
}
