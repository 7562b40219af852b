//! What the request log remembers of a click and of a sale, while the process runs and after it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::time::Duration;

use serde_json::Value;
use system_tests::clicks::follow;
use system_tests::process::turnout;
use system_tests::wait::wait_until;
use system_tests::{Data, System};

const CLICK: &str = "https://shareasale.com/r.cfm?b=123&u=456&m=789&urllink=example.com&afftrack=jane";
const FOREIGN: &str = "https://shareasale.com/r.cfm?b=123&u=456&m=789&urllink=evil.example";
const SALE: &str =
    "https://shareasale.com/sale.cfm?tracking=LOG-1&amount=10.00&merchantID=789&transtype=sale";
const STRANGE: &str = "https://shareasale.com/nobody/knows.this?mail=jane@doe.example";

const MINUTE: Duration = Duration::from_secs(60);

/// What a command prints, and its exit code.
fn ask(data: &str, words: &[&str]) -> (i32, String) {
    let finished = turnout(&[words, &["--data", data]].concat(), b"");
    (finished.code.unwrap(), finished.out + &finished.err)
}

fn rows(data: &str, words: &[&str]) -> Vec<Value> {
    let (_, text) = ask(data, &[&["requests", "--json"], words].concat());
    let answer: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    answer["requests"].as_array().unwrap().clone()
}

#[test]
fn a_request_is_remembered_with_what_became_of_it_and_without_whose_it_was() {
    let data = Data::prepared();
    let folder = data.text();
    let system = System::up(data);
    let headers =
        [("user-agent", "Mozilla/5.0 (Jane)"), ("referer", "https://blog.example/jane?mail=j@doe.example")];
    assert_eq!(follow(&mut system.edge(), CLICK, &headers).status, 302);
    assert_eq!(follow(&mut system.edge(), FOREIGN, &headers).status, 302);
    assert!(follow(&mut system.edge(), SALE, &headers).is_pixel());
    follow(&mut system.edge(), STRANGE, &headers);

    // Without evidence of a click the platform is told by its pixel, whose image proves nothing.
    let became = || rows(&folder, &["--order", "LOG-1"]).first().map(|row| row["became"].clone());
    wait_until("the sale is taken in the log", MINUTE, became, |became| {
        became.as_ref().is_some_and(|became| became == "taken")
    });
    let sale = rows(&folder, &["--order", "LOG-1"]).remove(0);
    assert_eq!(sale["advertiser_id"], 789);
    assert_eq!(sale["amount"], "10.00 USD");
    assert_eq!((sale["mode"].as_str(), sale["status"].as_u64()), (Some("accept"), Some(200)));
    let became: Vec<&str> =
        sale["outcomes"].as_array().unwrap().iter().map(|step| step["what"].as_str().unwrap()).collect();
    assert_eq!(became.first(), Some(&"booked"), "{became:?}");
    assert!(became.contains(&"attempted"), "{became:?}");

    let clicks = rows(&folder, &["--publisher", "456", "--class", "click"]);
    assert_eq!(clicks.len(), 2, "{clicks:?}");
    assert_eq!(clicks[0]["problems"], "destination_foreign_host", "the newest first: {clicks:?}");
    assert_eq!(clicks[1]["leads_to"], "www.awin1.com");
    assert_eq!(clicks[1]["referrer"], "blog.example");
    let strange = rows(&folder, &["--class", "unrecognised"]);
    assert_eq!(strange.len(), 1, "{strange:?}");
    assert_eq!(strange[0]["recognised"], false);

    let everything = Value::from(rows(&folder, &[])).to_string().to_lowercase();
    for personal in ["jane", "doe.example", "mozilla", "127.0.0.1"] {
        assert!(!everything.contains(personal), "{personal} is remembered: {everything}");
    }
    let click = clicks[1]["event_id"].as_str().unwrap().to_owned();
    let sale = sale["event_id"].as_str().unwrap().to_owned();
    let (code, text) = ask(&folder, &["explain", &sale]);
    assert!(code == 0 && text.contains("it came in:") && text.contains("postings"), "{text}");

    let data = system.crash();
    let (code, text) = ask(&folder, &["explain", &click]);
    assert!(code == 0 && text.contains("it came in:") && text.contains("leads_to: www.awin1.com"), "{text}");
    let (code, text) = ask(&folder, &["requests", "--order", "NOBODY"]);
    assert!(code == 1 && text.contains("no such request is remembered"), "{text}");
    let (code, text) = ask(&folder, &["requests", "--class", "nonsense"]);
    assert!(code == 2 && text.contains("there are"), "{text}");
    drop(data);
}
