//! What operators ask of a data directory, whether a process serves it or not.

use std::time::Duration;

use serde_json::Value;

use crate::process::{Finished, turnout};
use crate::wait::wait_until;

/// Questions that only read, of one dead letter's event and until this moment.
fn questions<'a>(event_id: &'a str, until: &'a str) -> Vec<Vec<&'a str>> {
    vec![
        vec!["audit"],
        vec!["report", "--by", "advertiser", "--happened-until", until, "--recorded-until", until],
        vec!["proof", "key"],
        vec!["proof", "roots"],
        vec!["dead"],
        vec!["dead", "list"],
        vec!["dead", "list", "--because", "unknown_advertiser"],
        vec!["dead", "changes"],
        vec!["dead", "show", event_id],
        vec!["dead", "orders"],
        vec!["explain", event_id],
        vec!["queue"],
        vec!["unmapped"],
        vec!["transactions", "list"],
        vec!["postbacks", "list"],
    ]
}

fn ask(folder: &str, words: &[&str]) -> Finished {
    turnout(&[words, &["--data", folder, "--json"]].concat(), b"")
}

/// The answers once everything is written down of the event: its request comes into the log a moment after its reply.
pub fn answers_in_full(folder: &str, event_id: &str, until: &str) -> Vec<(String, Value)> {
    let explained = || ask(folder, &["explain", event_id]).out;
    let in_full =
        |told: &String| serde_json::from_str::<Value>(told).is_ok_and(|told| !told["request"].is_null());
    wait_until("its request is in the log", Duration::from_secs(60), explained, in_full);
    answers(folder, event_id, until)
}

/// The answers as programs read them, without what only a running edge tells.
pub fn answers(folder: &str, event_id: &str, until: &str) -> Vec<(String, Value)> {
    let answer = |words: Vec<&str>| {
        let told = ask(folder, &words);
        assert_eq!(told.code, Some(0), "{words:?}: {}{}", told.out, told.err);
        let mut value: Value =
            serde_json::from_str(&told.out).unwrap_or_else(|error| panic!("{error}: {words:?}"));
        if let Some(map) = value.as_object_mut() {
            // What a running edge has seen is told by it alone.
            for name in ["edge", "seen", "beyond"] {
                map.remove(name);
            }
        }
        (words.join(" "), value)
    };
    questions(event_id, until).into_iter().map(answer).collect()
}

/// That the books are read at rest as they were read before, and that nothing changes them.
pub fn assert_rests(folder: &str, event_id: &str, until: &str, before: &[(String, Value)]) {
    let at_rest = answers(folder, event_id, until);
    for ((question, before), (_, after)) in before.iter().zip(&at_rest) {
        assert_eq!(before, after, "{question}");
    }
    let told = ask(folder, &["dead"]);
    assert!(told.err.contains("its books are read at rest"), "it says so: {}", told.err);
    for act in [
        &["dead", "redrive", event_id, "--reason", "no"][..],
        &["dead", "discard", event_id, "--reason", "no"],
        &["dead", "show", event_id, "--reveal", "--reason", "no"],
        &["dead", "edit", event_id, "--set", "amount=1.00", "--reason", "no"],
        &["proof", "roots", "--sign"],
        &["owner", event_id, "--to", "legacy", "--reason", "no"],
    ] {
        let told = ask(folder, act);
        assert_eq!(told.code, Some(2), "{act:?}: {}{}", told.out, told.err);
        assert!(told.err.contains("only one that runs can do this: start it"), "{act:?}: {}", told.err);
    }
    assert_status_and_mistakes(folder);
    assert_eq!(answers(folder, event_id, until), at_rest, "nothing was changed");
}

fn assert_status_and_mistakes(folder: &str) {
    let status = ask(folder, &["status"]);
    let told: Value = serde_json::from_str(&status.out).unwrap_or_else(|_| panic!("{status:?}"));
    assert_eq!((status.code, told["processor"]["at_rest"].as_bool()), (Some(2), Some(true)), "{told:#}");
    let concerns = told["concerns"].as_array().unwrap();
    assert!(concerns[0]["what"].as_str().unwrap().contains("no processor is running"), "{told:#}");
    assert!(concerns.iter().any(|one| one["what"].as_str().unwrap().contains("held")), "{told:#}");
    for (words, says) in [
        (&["dead", "show", "01m8p1vgh9t6qc5v2aeq4mxgx9"][..], "there is no conversion"),
        (&["report", "--by", "day", "--happened-until", "yesterday"], "happened_until"),
        (&["destinations", "list"], "processor"),
    ] {
        let told = ask(folder, words);
        assert!(told.code == Some(2) && told.err.contains(says), "{words:?}: {}{}", told.out, told.err);
    }
}
