//! `turnout status`: is money being lost, whose, since when, what to do?

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::ask::{Where, list, number, shown, table};
use crate::cli::Outcome;
use crate::data::RunFile;

/// One screen: is money being lost, whose, since when, what to do.
///
/// Exit code 0: all is well; 1: something waits for a person; 2: conversions cannot be taken, or nobody
/// answers.
///
/// Example: turnout status
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Where,
}

/// How long a delivery may wait before an operator should look: beyond the wait for evidence and a few retries.
const QUEUE_AGE_MAX_S: u64 = 600;

/// Overdue conversions from which a backlog is worth a line. Fewer are gone before they are read about.
const BACKLOG_MIN: u64 = 1000;

/// Days before the end of the public's certificate from which it is worth a line.
const CERTIFICATE_DAYS_MIN: u64 = 30;

/// One thing that an operator should know.
struct Concern {
    /// True if conversions are refused right now.
    grave: bool,
    what: String,
    to_do: &'static str,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let place = &arguments.place;
    let rests = place.rests();
    let run = match place.running() {
        Ok(run) => run,
        Err(_) if rests => RunFile::default(),
        Err(error) => return Err(error.into()),
    };
    let edge = run.edge_operator.as_ref().map(|_| place.edge());
    let asked = rests || run.processor.is_some();
    let processor = asked.then(|| place.processor("GET", "/status", None));
    let mut concerns = Vec::new();
    match &edge {
        Some(Ok(edge)) => edge_concerns(edge, &mut concerns),
        Some(Err(error)) => concerns.push(silent("the edge", &error.to_string())),
        None => {}
    }
    match &processor {
        Some(Ok(processor)) => {
            concerns.extend((processor["at_rest"] == json!(true)).then(|| resting(place)));
            processor_concerns(processor, &mut concerns);
            conservation_concerns(processor, &mut concerns);
        }
        Some(Err(error)) => concerns.push(silent("the processor", &error.to_string())),
        None => {}
    }
    let (edge, processor) = (edge.and_then(Result::ok), processor.and_then(Result::ok));
    let code = if concerns.iter().any(|concern| concern.grave) { 2 } else { u8::from(!concerns.is_empty()) };
    if arguments.place.json {
        let told: Vec<Value> = concerns
            .iter()
            .map(|concern| json!({ "grave": concern.grave, "what": concern.what, "to_do": concern.to_do }))
            .collect();
        println!("{}", json!({ "code": code, "concerns": told, "edge": edge, "processor": processor }));
    } else {
        report(edge.as_ref(), processor.as_ref(), &concerns);
    }
    Ok(ExitCode::from(code))
}

fn resting(place: &Where) -> Concern {
    Concern {
        grave: true,
        what: format!(
            "no processor is running on {}: nothing is delivered; this is how its books stand",
            place.data.display()
        ),
        to_do: "start it; whatever was acknowledged is on a disk and goes on from there",
    }
}

fn silent(who: &str, error: &str) -> Concern {
    Concern {
        grave: true,
        what: format!("{who} does not answer: {error}"),
        to_do: "start it again; what it had acknowledged is on its disk",
    }
}

fn edge_concerns(edge: &Value, concerns: &mut Vec<Concern>) {
    let outbox = edge.get("outbox").cloned().unwrap_or_default();
    let mut concern = |grave, what: String, to_do| concerns.push(Concern { grave, what, to_do });
    if outbox.get("full") == Some(&Value::Bool(true)) {
        let what = "the outbox is full: server calls get 503, browsers' pixels go to their owner at once";
        concern(true, what.to_owned(), "free disk space; it recovers by itself");
    }
    if let Some(why) = outbox.get("poisoned").and_then(Value::as_str) {
        let what = format!("a sync of the outbox failed ({why}): nothing is acknowledged any more");
        concern(true, what, "look at the disk, then restart the edge: it reads what is really there");
    }
    if let Some(why) = outbox.get("damaged").and_then(Value::as_str) {
        let what = format!("an entry that waits in the outbox is damaged: {why}");
        concern(true, what, "restore the segment it names from a copy: nothing behind it is delivered");
    }
    let refused = number(edge, "not_captured");
    if refused > 0 {
        let what =
            format!("{refused} conversions could not be made durable since the edge started; none got a yes");
        concern(false, what, "see the outbox's state and the log; server calls were told to try again");
    }
    let dropped = number(edge, "not_recorded");
    if dropped > 0 {
        let what = format!("{dropped} click records were dropped because the disk was behind");
        concern(false, what, "no money: credit travels in the click id; look at the disk's speed");
    }
    let forgotten = edge.get("remembered").map_or(0, |remembered| number(remembered, "forgotten"));
    if forgotten > 0 {
        let what =
            format!("{forgotten} conversions that the outbox could not take are told to nobody any more");
        concern(
            false,
            what,
            "the edge's log names them: look for them on their platform, or a copy is sent again",
        );
    }
    let uncopied = edge.get("copies").map_or(0, |copies| number(copies, "uncopied"));
    if uncopied > 0 {
        let what =
            format!("{uncopied} conversions were acknowledged with one copy only since the edge started");
        concern(
            false,
            what,
            "see whether the edge that keeps copies answers; until handed over they stand on one disk",
        );
    }
    let queued = number(&outbox, "queued");
    if queued > 1000 {
        let what = format!("{queued} entries wait in the outbox for the processor");
        concern(false, what, "see whether the processor answers; nothing is lost meanwhile");
    }
    certificate(&edge["certificate"], &mut concern);
    breakers(edge.get("breakers").and_then(Value::as_object), &mut concern);
}

/// A certificate that has run out, that soon will, or whose successor cannot be used.
fn certificate(certificate: &Value, concern: &mut impl FnMut(bool, String, &'static str)) {
    let expires = shown(&certificate["expires"]);
    if certificate["has_expired"] == json!(true) {
        let what = format!(
            "the public's certificate has run out: {expires}; browsers refuse every request over TLS"
        );
        concern(
            true,
            what,
            "put the next one into its files: it is taken within a minute, without a restart",
        );
    } else if let Some(days) = certificate["days_left"].as_u64().filter(|days| *days <= CERTIFICATE_DAYS_MIN)
    {
        let what = format!("the public's certificate is good for {days} more days: {expires}");
        concern(
            false,
            what,
            "put the next one into its files: it is taken within a minute, without a restart",
        );
    }
    if let Some(why) = certificate["problem"].as_str() {
        let what = format!("the certificate's files cannot be used, the old one serves on: {why}");
        concern(false, what, "mend the files; a restart would fail with them");
    }
}

fn breakers(
    states: Option<&serde_json::Map<String, Value>>,
    concern: &mut impl FnMut(bool, String, &'static str),
) {
    for (platform, state) in states.into_iter().flatten() {
        if state == "open" {
            let what = format!("the edge finds the {platform} platform down");
            concern(false, what, "nothing: clicks land at the shops directly and sales wait; it is probed");
        }
    }
}

fn processor_concerns(processor: &Value, concerns: &mut Vec<Concern>) {
    list(processor, "destinations").iter().for_each(|destination| impaired(destination, concerns));
    list(processor, "backlog").iter().for_each(|backlog| draining(backlog, concerns));
    let oldest = number(processor, "oldest_waiting_seconds");
    if oldest > QUEUE_AGE_MAX_S {
        concerns.push(Concern {
            grave: false,
            what: format!("the oldest delivery has waited for {oldest} s"),
            to_do: "turnout queue tells why; a platform that is down or paused is the usual reason",
        });
    }
    let unknown = number(processor, "oldest_unknown_seconds");
    if unknown > 0 {
        concerns.push(Concern {
            grave: false,
            what: format!("what may have arrived is unknown, the oldest since {}", ago(unknown)),
            to_do: "turnout dead list --state unknown; nothing leaves it without a person or a report",
        });
    }
    let late = number(processor, "corrected_late");
    if late > 0 {
        concerns.push(Concern {
            grave: false,
            what: format!("{late} conversions got better evidence after they had been delivered"),
            to_do: "correct them in the platform's own interface: its booking names no publisher",
        });
    }
    for row in list(processor, "changes_at_risk") {
        let (operation, detail) = (shown(&row["operation"]), shown(&row["detail"]));
        concerns.push(Concern {
            grave: false,
            what: format!(
                "the {operation} of transaction {} by its merchant {} is {}: {detail}",
                shown(&row["transaction"]),
                shown(&row["advertiser_id"]),
                shown(&row["state"])
            ),
            to_do: "our books have it: turnout dead changes; redrive it, or make it on the new platform by hand and settle it",
        });
    }
    for row in list(processor, "at_risk") {
        let (state, to_do) = (shown(&row["state"]), advice(&shown(&row["state"])));
        concerns.push(Concern {
            grave: false,
            what: format!(
                "{} {state} of advertiser {}, {}, since {}",
                shown(&row["count"]),
                shown(&row["advertiser_id"]),
                shown(&row["sum"]),
                shown(&row["since"])
            ),
            to_do,
        });
    }
}

/// Sums that do not add up, and orders that many more arrive twice than usual.
fn conservation_concerns(processor: &Value, concerns: &mut Vec<Concern>) {
    let health = processor.get("conservation").cloned().unwrap_or_default();
    for row in list(&health, "off") {
        let (id, by) = (shown(&row["advertiser_id"]), shown(&row["by"]));
        concerns.push(Concern {
            grave: false,
            what: format!("I3: the sums of advertiser {id} are off by {by}, by the counters"),
            to_do: "turnout audit counts the rows; keep the ledger's file as it is and report it",
        });
    }
    for row in list(&health, "findings") {
        concerns.push(Concern {
            grave: false,
            what: format!("{}: {}", shown(&row["invariant"]), shown(&row["message"])),
            to_do: "turnout audit; keep the ledger's file as it is and report it",
        });
    }
    let given_up = number(&health, "postbacks_given_up");
    if given_up > 0 {
        concerns.push(Concern {
            grave: false,
            what: format!("{given_up} calls of publishers were given up"),
            to_do: "no money: turnout postbacks list says why, then turnout postbacks retry --all-of CAUSE",
        });
    }
    for row in list(&health, "repeating") {
        concerns.push(Concern {
            grave: false,
            what: format!(
                "{} % of the orders of advertiser {} arrive repeatedly ({} of {}), usually {} %",
                shown(&row["percent"]),
                shown(&row["advertiser_id"]),
                shown(&row["repeated"]),
                shown(&row["arrivals"]),
                shown(&row["usual_percent"])
            ),
            to_do: "nothing is booked twice here; look whether they also reach the old platform by a second route",
        });
    }
}

/// What is wrong with a destination, if anything is.
fn impaired(destination: &Value, concerns: &mut Vec<Concern>) {
    let name = shown(&destination["destination"]);
    let mut concern = |what, to_do| concerns.push(Concern { grave: false, what, to_do });
    if let Some(why) = destination["paused"]["why"].as_str() {
        let since = shown(&destination["paused"]["since"]);
        let (what, to_do) = paused(why);
        concern(format!("{name} {what} since {since}; what goes there waits"), to_do);
    } else if destination["breaker"] == json!("open") {
        let since = shown(&destination["down_since"]);
        let to_do = "nothing: they wait without using up their attempts, and it is probed";
        concern(format!("deliveries to {name} fail since {since}"), to_do);
    }
    if let Some(until) = destination["throttled_until"].as_str() {
        let to_do = "nothing: it asked for that time, of more than one merchant";
        concern(format!("nothing goes to {name} until {until}"), to_do);
    }
    let merchants = number(destination, "merchants_waiting");
    if merchants > 0 {
        let what =
            format!("{merchants} merchants wait at {name}, where only their own calls fail or are throttled");
        concern(what, "turnout queue --advertiser ID tells why; nobody else waits for them");
    }
}

/// What a pause is for, and what ends it.
fn paused(why: &str) -> (&'static str, &'static str) {
    match why {
        "credentials_refused" => (
            "refuses our credentials",
            "renew the key, restart the processor; no attempt is burnt. Renewed on their side: turnout destinations resume",
        ),
        "answers_not_understood" => (
            "answers in words that the dialect does not know",
            "turnout dead list --state unknown has the answers: mend the dialect, then turnout destinations resume",
        ),
        "rejects_everything" => (
            "rejects whatever it is sent, of several merchants",
            "turnout dead list --state rejected has the answers: mend the cause, then turnout destinations resume",
        ),
        _ => ("is paused", "turnout destinations list"),
    }
}

/// A backlog, and when it is over.
fn draining(backlog: &Value, concerns: &mut Vec<Concern>) {
    let (name, waiting) = (shown(&backlog["destination"]), number(backlog, "waiting"));
    if waiting >= BACKLOG_MIN {
        let end = super::destinations::drained_at(backlog);
        concerns.push(Concern {
            grave: false,
            what: format!("{waiting} conversions are overdue at {name}; drained {end}"),
            to_do: "nothing: fresh sales go before them, and they go at the rate of the policy",
        });
    }
}

fn ago(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds.div_euclid(60)),
        7_200..172_800 => format!("{} h", seconds.div_euclid(3_600)),
        _ => format!("{} days", seconds.div_euclid(86_400)),
    }
}

fn advice(state: &str) -> &'static str {
    match state {
        "conflict" => "two amounts for one order: compare with the merchant, then discard the wrong one",
        "unknown" => {
            "look for it in the platform's report, then turnout dead settle; it is never sent to the other platform"
        }
        _ => "turnout dead says why, and what to do",
    }
}

fn report(edge: Option<&Value>, processor: Option<&Value>, concerns: &[Concern]) {
    if let Some(edge) = edge {
        println!(
            "edge       {} requests, {} conversions captured, p50 {} µs, p99 {} µs, up {} s",
            number(edge, "requests"),
            number(edge, "captured"),
            shown(&edge["p50_us"]),
            shown(&edge["p99_us"]),
            number(edge, "uptime_s")
        );
    }
    if let Some(processor) = processor {
        let states = processor.get("states").and_then(Value::as_object);
        let parts = states.into_iter().flatten().filter(|(_, count)| count.as_u64() != Some(0));
        let parts: Vec<String> = parts.map(|(state, count)| format!("{count} {state}")).collect();
        println!("processor  {} accepted: {}", number(processor, "accepted"), parts.join(", "));
        if processor["at_rest"] != json!(true) {
            println!("{}", table(&super::destinations::condensed(processor), &super::destinations::COLUMNS));
        }
    }
    if concerns.is_empty() {
        println!("no money is being lost");
    }
    for concern in concerns {
        let mark = if concern.grave { "NOW " } else { "     " };
        println!("{mark}{}\n     -> {}", concern.what, concern.to_do);
    }
}
