//! Publishers are called for their transactions, in the old platform's words.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use system_tests::clicks::parameter;
use system_tests::roles::Roles;
use system_tests::wait::wait_until;
use system_tests::{Client, Data, Ledger, System, turnout};

const WITHIN: Duration = Duration::from_secs(60);

const MACROS: &str = "m=!!merchantID!!&s=!!afftrack!!&o=!!orderNumber!!&a=!!amountOfSale!!&c=!!commission!!\
                      &t=!!transDate!!&id=!!transid!!&k=!!TRANSTYPE!!";

/// What a publisher's server does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Answers(u16),
    /// Takes the call and never answers.
    Silent,
}

#[derive(Debug)]
struct Shared {
    mood: Mood,
    calls: Vec<String>,
}

/// A publisher's server: every call as its request line, with the form behind it.
#[derive(Debug, Clone)]
struct Publisher {
    address: String,
    shared: Arc<Mutex<Shared>>,
}

impl Publisher {
    fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let publisher = Self { address, shared: Arc::new(Mutex::new(Shared { mood, calls: Vec::new() })) };
        let own = publisher.clone();
        // The thread waits in `accept` until the test's process ends.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let own = own.clone();
                // A caller that is killed breaks its connection off.
                thread::spawn(move || drop(own.serve(stream)));
            }
        });
        publisher
    }

    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let (mut line, mut header, mut length) = (String::new(), String::new(), 0);
        stream.read_line(&mut line)?;
        while header != "\r\n" {
            header.clear();
            if stream.read_line(&mut header)? == 0 {
                return Ok(());
            }
            let (name, value) = header.split_once(':').unwrap_or_default();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        let mood = {
            let mut shared = self.shared();
            shared.calls.push(format!("{} {}", line.trim_end(), String::from_utf8_lossy(&body)));
            shared.mood
        };
        match mood {
            Mood::Answers(status) => {
                let answer =
                    format!("HTTP/1.1 {status} Said\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
                stream.get_mut().write_all(answer.as_bytes())
            }
            // Until the caller gives up or is gone.
            Mood::Silent => stream.read(&mut [0]).map(drop),
        }
    }

    fn shared(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_now(&self, mood: Mood) {
        self.shared().mood = mood;
    }

    /// The calls so far that hold `word`.
    fn calls(&self, word: &str) -> Vec<String> {
        self.shared().calls.iter().filter(|call| call.contains(word)).cloned().collect()
    }

    fn wait_for_calls(&self, word: &str, count: usize) -> Vec<String> {
        wait_until(word, WITHIN, || self.calls(word), |calls| calls.len() >= count)
    }
}

/// Registers this table; the exit code and what was printed.
fn import(data: &Data, table: &str) -> (Option<i32>, String) {
    let file = data.file("postbacks.csv");
    fs::write(&file, table).unwrap();
    let (file, path) = (file.display().to_string(), data.text());
    let finished = turnout(&["postbacks", "import", &file, "--private", "--data", &path], b"");
    (finished.code, format!("{}{}", finished.out, finished.err))
}

/// What is told about the publisher 456.
fn listed(data: &Data) -> Value {
    let finished = turnout(&["postbacks", "list", "--json", "--data", &data.text()], b"");
    let answer: Value = serde_json::from_str(&finished.out).unwrap_or_else(|_| panic!("{finished:?}"));
    answer["postbacks"].as_array().unwrap().iter().find(|row| row["publisher_id"] == 456).unwrap().clone()
}

/// A click of publisher 456 at merchant 789; its click id, as the landing page gets it.
fn click(edge: &mut Client, further: &str) -> String {
    let target = format!("/r.cfm?b=123&u=456&m=789&urllink=example.com/p{further}");
    let answer = edge.get("shareasale.com", &target, &[]).unwrap();
    let landing = parameter(answer.location(), "ued").unwrap_or_else(|| answer.location().to_owned());
    parameter(&landing, "sscid").unwrap_or_default()
}

fn sale(edge: &mut Client, order: &str, further: &str) {
    let target = format!("/sale.cfm?tracking={order}&amount=50.00&merchantID=789&transtype=sale{further}");
    assert!(edge.get("shareasale.com", &target, &[]).unwrap().is_pixel());
}

fn event_id(ledger: &Ledger, order: &str) -> String {
    let look = || ledger.of_order(789, order);
    wait_until(order, WITHIN, look, |rows| !rows.is_empty()).remove(0).event_id
}

#[test]
fn a_publisher_is_called_once_for_its_sale_in_the_old_words() {
    let (system, publisher) = (System::up(Data::prepared()), Publisher::start(Mood::Answers(200)));
    let address = format!("http://{}/in?{MACROS}", publisher.address);
    let (code, told) = import(&system.data, &format!("publisher_id,address\n456,{address}\n"));
    assert!(code == Some(0) && told.contains("1 new"), "{told}");

    let mut edge = system.edge();
    let click_id = click(&mut edge, "&afftrack=news%20%26%20co");
    let with_click = format!("&sscid={click_id}&sscidmode=6");
    sale(&mut edge, "PB-1", &with_click);
    let calls = publisher.wait_for_calls("o=PB-1", 1);
    let told = |name: &str| parameter(&calls[0], name).unwrap_or_else(|| panic!("{name}: {calls:?}"));
    assert!(calls[0].starts_with("GET /in?m=789&s=news%20%26%20co&o=PB-1&a=50.00&c="), "{calls:?}");
    assert_eq!(told("id"), event_id(&system.ledger(), "PB-1"), "the identity that every list of ours shows");
    let look = || system.ledger().of_order(789, "PB-1").remove(0);
    let row = wait_until("it is delivered", WITHIN, look, |row| {
        matches!(row.state.as_str(), "taken" | "confirmed")
    });
    assert_eq!(row.all["commission"]["amount"], told("c"), "{:#}", row.all);
    assert_eq!(told("k").trim_end_matches(" HTTP/1.1 "), "sale");
    let time = told("t");
    assert!(time.len() == 19 && time.as_bytes()[10] == b' ', "{time}");

    // The same order again, one that nobody referred, and one whose visitor refused.
    sale(&mut edge, "PB-1", &with_click);
    sale(&mut edge, "PB-2", "");
    assert_eq!(click(&mut edge, "&afftrack=news&cons=0"), "");
    sale(&mut edge, "PB-3", "&cons=0");
    // An e-mail address in the place of the order's reference goes nowhere.
    sale(&mut edge, "jo%40example.com", &with_click);
    let personal = publisher.wait_for_calls("&s=news%20%26%20co&o=&", 1);
    assert_eq!(personal.len(), 1, "{personal:?}");
    // Nor does one in the place of the publisher's own reference, or a hash of it.
    let personal = click(&mut edge, "&afftrack=jo%40example.com");
    sale(&mut edge, "PB-7", &format!("&sscid={personal}&sscidmode=6"));
    let calls = publisher.wait_for_calls("o=PB-7", 1);
    assert!(calls[0].contains("&s=&o=PB-7"), "{calls:?}");
    sale(&mut edge, "PB-4", &with_click);
    publisher.wait_for_calls("o=PB-4", 1);
    assert_eq!(publisher.calls("").len(), 4, "{:#?}", publisher.calls(""));
    assert_eq!(publisher.calls("example.com").len(), 0);

    let walk = turnout(&["explain", &told("id"), "--data", &system.data.text()], b"").out;
    assert!(walk.contains("called publishers:") && walk.contains("answered 200"), "{walk}");

    // By POST, the same is the form of the body.
    let (code, told) = import(&system.data, &format!("publisher_id,address,method\n456,{address},post\n"));
    assert!(code == Some(0) && told.contains("1 new"), "{told}");
    sale(&mut edge, "PB-5", &with_click);
    let posted = publisher.wait_for_calls("o=PB-5", 1);
    assert!(posted[0].starts_with("POST /in HTTP/1.1 m=789&s=news%20%26%20co&o=PB-5&"), "{posted:?}");
    let look = || listed(&system.data);
    let row = wait_until("five calls are told", WITHIN, look, |row| row["called"] == 5);
    assert_eq!((&row["waiting"], &row["given_up"], &row["method"]), (&0.into(), &0.into(), &"POST".into()));
    assert_eq!(row["host"], publisher.address, "what stands behind it may hold secrets: {row}");

    // Taken away: no calls any more.
    let (code, told) = import(&system.data, "publisher_id,address\n456,\n");
    assert!(code == Some(0) && told.contains("1 new"), "{told}");
    sale(&mut edge, "PB-6", &with_click);
    system.ledger().wait_until_settled(9, WITHIN);
    assert_eq!(publisher.calls("PB-6").len(), 0);
    system.ledger().assert_balances();
    system.process.assert_calm();
}

#[test]
fn a_call_survives_the_death_of_the_processor_and_is_never_made_again_once_it_was_answered() {
    let (mut roles, publisher) = (Roles::start(Data::prepared()), Publisher::start(Mood::Silent));
    let address = format!("http://{}/in?{MACROS}", publisher.address);
    let (code, told) = import(&roles.data, &format!("publisher_id,address\n456,{address}\n"));
    assert!(code == Some(0), "{told}");
    let mut edge = roles.client();
    let with_click = format!("&sscid={}&sscidmode=6", click(&mut edge, "&afftrack=news"));
    sale(&mut edge, "DEATH-1", &with_click);
    publisher.wait_for_calls("DEATH-1", 1);

    publisher.is_now(Mood::Answers(200));
    roles.crash_processor();
    publisher.wait_for_calls("DEATH-1", 2);
    wait_until("the call is told", WITHIN, || listed(&roles.data), |row| row["called"] == 1);
    roles.crash_processor();

    // A server that cannot is called again; one that answers with a redirect is not followed.
    publisher.is_now(Mood::Answers(503));
    sale(&mut edge, "DEATH-2", &with_click);
    publisher.wait_for_calls("DEATH-2", 2);
    publisher.is_now(Mood::Answers(302));
    wait_until("the call is told", WITHIN, || listed(&roles.data), |row| row["called"] == 2);
    // One that says no is not.
    publisher.is_now(Mood::Answers(404));
    sale(&mut edge, "DEATH-3", &with_click);
    let row = wait_until("it is given up", WITHIN, || listed(&roles.data), |row| row["given_up"] == 1);
    assert_eq!(row["last_trouble"], "answered 404", "{row}");
    assert_eq!(publisher.calls("DEATH-1").len(), 2, "{:#?}", publisher.calls(""));
    assert_eq!(publisher.calls("DEATH-3").len(), 1);
    roles.ledger().assert_balances();
    roles.processor.assert_calm();
}

/// Two people press it at the same moment, one of them twice.
#[test]
fn what_was_given_up_stands_in_the_status_and_is_called_again_once() {
    let (system, publisher) = (System::up(Data::prepared()), Publisher::start(Mood::Answers(410)));
    let address = format!("http://{}/in?{MACROS}", publisher.address);
    assert_eq!(import(&system.data, &format!("publisher_id,address\n456,{address}\n")).0, Some(0));
    let mut edge = system.edge();
    let with_click = format!("&sscid={}&sscidmode=6", click(&mut edge, "&afftrack=news"));
    for order in ["GONE-1", "GONE-2", "GONE-3"] {
        sale(&mut edge, order, &with_click);
        publisher.wait_for_calls(order, 1);
    }
    let folder = system.data.text();
    let ask = |words: &[&str]| turnout(&[words, &["--data", &folder]].concat(), b"");
    wait_until("all are given up", WITHIN, || listed(&system.data), |row| row["given_up"] == 3);
    let status = wait_until(
        "the status tells",
        WITHIN,
        || ask(&["status"]),
        |told| told.out.contains("3 calls of publishers were given up"),
    );
    assert_eq!(status.code, Some(1), "{}", status.out);
    let told = ask(&["postbacks", "list"]).out;
    assert!(told.contains("rejected/answered_410"), "{told}");
    let told = ask(&["postbacks", "list", "--cause", "rejected/answered_410", "--publisher", "456"]).out;
    assert!(told.contains("3 shown"), "{told}");

    for wrong in [
        &["postbacks", "retry", "--all-of", "rejected/answered_410"][..],
        &["postbacks", "retry", "--reason", "none named"],
        &["postbacks", "retry", "no-event", "--reason", "x"],
        &["postbacks", "list", "--after", "nowhere"],
    ] {
        let told = ask(wrong);
        assert!(told.code == Some(2) && !told.err.is_empty(), "{wrong:?}: {told:?}");
    }
    let all = ["postbacks", "retry", "--all-of", "rejected/answered_410", "--reason", "it is back"];
    let told = ask(&[&all[..], &["--dry-run"]].concat());
    assert!(told.out.contains("3 would be called again"), "{told:?}");
    assert_eq!(publisher.calls("GONE").len(), 3);
    publisher.is_now(Mood::Answers(200));
    let people: Vec<_> = ["ada", "bea", "ada"]
        .map(|actor| {
            let (folder, all) = (folder.clone(), all.map(str::to_owned));
            thread::spawn(move || {
                let words: Vec<&str> = all.iter().map(String::as_str).collect();
                turnout(&[&words[..], &["--actor", actor, "--data", &folder]].concat(), b"")
            })
        })
        .into_iter()
        .map(|person| person.join().unwrap())
        .collect();
    assert!(people.iter().all(|told| told.code == Some(0)), "{people:?}");
    wait_until("all are called", WITHIN, || listed(&system.data), |row| row["called"] == 3);
    let one = event_id(&system.ledger(), "GONE-1");
    let told = ask(&["postbacks", "retry", &one, "--reason", "once more"]);
    assert!(told.code == Some(0) && told.out.contains("nothing_to_do (confirmed)"), "{told:?}");
    assert_eq!(publisher.calls("GONE").len(), 6, "each once more, however many have ordered it");
    let walk = ask(&["explain", &one]).out;
    assert_eq!(walk.matches("retry postback").count(), 1, "{walk}");
    system.ledger().assert_balances();
    system.process.assert_calm();
}

#[test]
fn every_mistake_of_a_table_is_told_and_nothing_is_taken_in() {
    let data = Data::prepared();
    let file = data.file("postbacks.csv");
    let rows = [
        "publisher_id,address,method",
        "456,http://169.254.169.254/?!!merchantID!!,get",
        "x,https://t.example/?o=!!ordernumbr!!,PUT",
        "457,https://t.example/plain,",
        "458,https://t.example/?o=!!orderNumber!!,",
    ];
    fs::write(&file, rows.join("\n")).unwrap();
    let finished =
        turnout(&["postbacks", "import", &file.display().to_string(), "--data", &data.text()], b"");
    assert_eq!(finished.code, Some(1), "{finished:?}");
    for wanted in [
        "postbacks.csv:2: `169.254.169.254` is not on the public internet",
        "postbacks.csv:3: `publisher_id` is `x`",
        "postbacks.csv:3: `method` is `PUT`",
        "postbacks.csv:3: `ordernumbr` is not a known macro: did you mean `orderNumber`?",
        "postbacks.csv:4: the address holds no macro",
        "nothing was taken in",
    ] {
        assert!(finished.err.contains(wanted), "`{wanted}` is not in\n{}", finished.err);
    }
}
