//! `turnout translate` never claims what it does not do (I11): what is said to be mapped is sent, what is
//! defaulted is said so, and what is never sent is not shown as a request.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::fs;
use std::path::Path;

use serde_json::Value;
use system_tests::turnout;

/// Where a value goes that the new platform has no parameter for.
const NOT_SENT: [&str; 5] = ["ledger", "evidence", "click id", "click record", "destination_url"];

fn translate(input: &str) -> Vec<Value> {
    let ended = turnout(&["translate", "--now", "2026-01-01T00:00:00Z", "--seed", "1"], input.as_bytes());
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn one(input: &str) -> Value {
    translate(input).pop().unwrap()
}

fn problems(answer: &Value) -> String {
    answer["problems"].to_string()
}

/// The fates of a parameter, in order.
fn fates(answer: &Value, name: &str) -> Vec<String> {
    let accounts = answer["parameters"].as_array().unwrap();
    let of_name = accounts.iter().filter(|account| account["name"] == name);
    of_name.map(|account| account["fate"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_said_to_be_mapped_stands_in_the_request() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    // The merchants of the wild are in no table of ours: every line as if it were the one that is.
    let text = fs::read_to_string(folder.join("shareasale.jsonl")).unwrap();
    let lines: String = text.lines().map(as_if_ours).collect();
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for answer in translate(&lines) {
        let Some(request) = answer["primary"].as_object() else { continue };
        seen += 1;
        let sent = format!("{} {}", request["url"], request["body"]);
        for account in answer["parameters"].as_array().unwrap().iter().filter(|one| one["fate"] == "mapped") {
            let to = account["to"].as_str().unwrap_or_default();
            for name in to.split(", ").filter(|name| !NOT_SENT.contains(name)) {
                if !is_sent(&sent, name) {
                    wrong.push(format!("{} `{name}` is nowhere in {sent}", account["name"]));
                }
            }
        }
    }
    assert!(seen > 150, "only {seen} lines become a request");
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

fn is_sent(sent: &str, name: &str) -> bool {
    let leaf = name.rsplit('.').next().unwrap_or(name);
    let forms =
        [format!("?{name}="), format!("&{name}="), format!("&{name}%5B0%5D="), format!("\\\"{leaf}\\\":")];
    forms.iter().any(|form| sent.contains(form))
}

/// The line with merchant 789 and publisher 456 in it.
fn as_if_ours(line: &str) -> String {
    let mut row: Value = serde_json::from_str(line).unwrap();
    let url = row["url"].as_str().unwrap_or_default().to_owned();
    let (base, query) = url.split_once('?').unwrap_or((&url, ""));
    let pair = |pair: &str| match pair.split_once('=').map(|(name, _)| (name, name.to_ascii_lowercase())) {
        Some((name, lower)) if lower == "m" || lower == "merchantid" => format!("{name}=789"),
        Some((name, lower)) if lower == "u" || lower == "userid" => format!("{name}=456"),
        _ => pair.to_owned(),
    };
    let query: Vec<String> = query.split('&').map(pair).collect();
    row["url"] = Value::String(format!("{base}?{}", query.join("&")));
    format!("{row}\n")
}

#[test]
fn lists_that_do_not_line_up_are_told_and_not_said_to_be_sent() {
    for lists in [
        "skulist=Shirt, blue,sku2&pricelist=5,10&quantitylist=4,1",
        "skulist=''&quantitylist=cartproduct.length",
    ] {
        let answer = one(&format!(
            "https://shareasale.com/sale.cfm?tracking=L&amount=30.00&merchantID=789&transtype=sale&{lists}"
        ));
        assert!(!answer["primary"]["url"].as_str().unwrap().contains("bd%5B0%5D"), "{answer:#}");
        assert_ne!(problems(&answer), "[]", "the basket is left out and nobody is told: {answer:#}");
        // They are booked with the order, so they are mapped; what they must not claim is to have been sent.
        let accounts = answer["parameters"].as_array().unwrap().iter();
        let mut of_list = accounts.filter(|account| account["name"] == "quantitylist");
        assert!(of_list.all(|account| account["to"] == "ledger"), "{answer:#}");
    }
}

#[test]
fn a_value_that_is_taken_instead_of_an_unreadable_one_is_accounted_for() {
    let answer = one(
        "https://shareasale.com/sale.cfm?tracking=K&amount=10.00&merchantID=789&transtype=TYPEOFTRANSACTION",
    );
    assert_eq!(answer["event"]["conversion_type"], "sale");
    assert_eq!(fates(&answer, "transtype"), ["rejected", "defaulted"], "{answer:#}");
}

#[test]
fn what_never_books_is_not_shown_as_a_request_to_the_new_platform() {
    let head = r#"{"method":"HEAD","url":"https://shareasale.com/sale.cfm?tracking=H&amount=10.00&merchantID=789&transtype=sale"}"#;
    let answer = one(head);
    assert_eq!(answer["reply"]["status"], 200);
    assert_eq!(answer["primary"], Value::Null, "a HEAD request never books: {answer:#}");
}

#[test]
fn money_that_contradicts_itself_is_not_shown_as_sent() {
    let answer =
        one("https://shareasale.com/sale.cfm?tracking=T&amount=5&amount=6&merchantID=789&transtype=sale");
    assert!(problems(&answer).contains("conflicting_amount"), "{answer:#}");
    assert_eq!(answer["primary"], Value::Null, "it is held for a person: {answer:#}");
}

#[test]
fn a_request_that_is_refused_passes_nothing_on() {
    let answer = one("https://example.com/r.cfm?b=123&u=456&m=789");
    assert_eq!((&answer["mode"], &answer["reply"]["status"]), (&Value::from("refuse"), &Value::from(421)));
    for name in ["b", "u", "m"] {
        assert_eq!(fates(&answer, name), ["rejected"], "{answer:#}");
    }
}

#[test]
fn a_path_that_no_rule_knows_is_accounted_for_by_the_file_that_says_so() {
    let answer = one("https://shareasale.com/nothing.cfm?x=1");
    let why = answer["parameters"][0]["why"].as_str().unwrap();
    assert!(why.contains(".toml:"), "`{why}` names no file");
}

#[test]
fn no_message_stutters() {
    let text = "https://shareasale.com/r.cfm\nhttps://shareasale.com/sale.cfm\n";
    for answer in translate(text) {
        let told = problems(&answer);
        assert!(!told.contains("the the "), "{told}");
    }
}
