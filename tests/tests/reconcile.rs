//! Our ledger beside what the platforms say themselves: every planted difference is found in its class, nothing is
//! unexplained, and what a report proves is confirmed once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use system_tests::clicks::{follow, parameter};
use system_tests::http::post_json;
use system_tests::sales::report_all;
use system_tests::system::{Merchant, number};
use system_tests::wait::wait_until;
use system_tests::{Client, Data, Finished, Sale, System, turnout};

const WITHIN: Duration = Duration::from_secs(60);

/// A system with its two merchants: one that has moved, and one that has not.
struct Scene {
    system: System,
    moved: Merchant,
    not_moved: Merchant,
}

impl Scene {
    fn new() -> Self {
        let data = Data::prepared();
        data.set_deduplicates(|_| Some(false));
        data.set("attempt_deadline", "\"1s\"");
        let system = System::up(data);
        let lab = system.lab();
        lab.settings(&json!({ "primary_dedup": false, "primary_rate_limit_per_minute": 0 }));
        let (moved, not_moved) = (lab.moved()[0].clone(), lab.not_moved()[0].clone());
        Self { system, moved, not_moved }
    }

    fn sale(&self, reference: &str, amount: &str) -> Sale {
        let mut sale = Sale::plain(self.moved.legacy_id, reference, amount);
        sale.currency = Some(self.moved.currency.clone());
        sale
    }

    /// A sale with a click of ours behind it.
    fn clicked(&self, reference: &str, amount: &str) -> Sale {
        let link = format!("https://shareasale.com/r.cfm?b=1&u=456&m={}", self.moved.legacy_id);
        let answer = follow(&mut self.system.edge(), &link, &[]);
        let landing = parameter(answer.location(), "ued").unwrap();
        Sale { click_id: parameter(&landing, "sscid"), ..self.sale(reference, amount) }
    }

    /// Reports sales; all of them are acknowledged.
    fn report(&self, sales: &[Sale]) {
        let seen = report_all(self.system.process.address("edge"), sales, 1);
        assert!(seen.not.is_empty(), "{:?}", seen.not);
    }

    /// Waits until the ledger has so many conversions, and none is on its way.
    fn settled(&self, count: u64) -> BTreeMap<String, u64> {
        self.system.ledger().wait_until_settled(count, WITHIN)
    }

    /// The primary's transaction of an order.
    fn there(&self, reference: &str) -> u64 {
        let all = self.system.lab().transactions("primary");
        let one = all.iter().find(|row| row["order_reference"] == reference);
        number(one.unwrap_or_else(|| panic!("{reference} is not there: {all:#?}")), "id")
    }

    /// Changes what a platform has booked, behind everybody's back.
    fn meddle(&self, reference: &str, change: &Value) {
        let mut asked = change.clone();
        asked["platform"] = json!("primary");
        asked["id"] = json!(self.there(reference));
        post_json(self.system.process.address("control"), "/transactions", &asked);
    }

    /// The first and the last day of what the ledger has.
    fn days(&self) -> (String, String) {
        let rows = self.system.ledger().rows();
        let day = |row: &system_tests::Row| {
            row.all["received_at"].as_str().unwrap().split('T').next().unwrap().to_owned()
        };
        let days: Vec<String> = rows.iter().map(day).collect();
        (days.iter().min().unwrap().clone(), days.iter().max().unwrap().clone())
    }

    fn reconcile(&self, more: &[&str]) -> Finished {
        let (from, to) = self.days();
        let data = self.system.data.text();
        let mut arguments = vec![
            "reconcile",
            "--from",
            &from,
            "--to",
            &to,
            "--zone",
            "UTC",
            "--data",
            &data,
            "--settling",
            "0s",
        ];
        arguments.extend(more);
        turnout(&arguments, b"")
    }
}

fn json_of(finished: &Finished) -> Value {
    serde_json::from_str(&finished.out).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
}

/// The class of each order that is told one by one. Where one has several lines, they are joined.
fn classes(told: &Value) -> BTreeMap<String, String> {
    let mut classes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in told["lines"].as_array().unwrap() {
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        classes.entry(text("order_reference")).or_default().push(text("class"));
    }
    let joined = |(order, mut all): (String, Vec<String>)| {
        all.sort();
        (order, all.join(" "))
    };
    classes.into_iter().map(joined).collect()
}

/// Everything that may go wrong between us and the new platform, once each.
fn plant(scene: &Scene) {
    let primary = scene.system.process.address("primary").to_owned();
    let direct = format!(
        "/sread.img?tt=ns&tv=2&merchant={}&amount=3.00&ch=aw&cr={}&ref=DIRECT-1",
        scene.moved.primary_id, scene.moved.currency
    );
    Client::new(&primary).get("www.awin1.com", &direct, &[]).unwrap();
    let sales: Vec<Sale> = ["OK-1", "OK-2", "PUBLISHER-1", "AMOUNT-1", "VOID-1", "TWICE-1"]
        .into_iter()
        .map(|reference| scene.clicked(reference, "20.00"))
        .chain(["TAKEN-1", "LOST-1", "AGAIN-1"].into_iter().map(|reference| scene.sale(reference, "10.00")))
        .chain([scene.sale("AGAIN-1", "10.00"), scene.sale("TWO-1", "5.00"), scene.sale("TWO-1", "6.00")])
        .chain([Sale::plain(999_999, "HELD-1", "7.00")])
        .collect();
    scene.report(&sales);
    scene.settled(13);
    scene.system.lab().fault("primary", "processed_then_no_answer");
    scene.report(&[scene.sale("UNKNOWN-1", "8.00"), scene.sale("NEVER-1", "9.00")]);
    let unknown = || scene.system.ledger().states().get("unknown").copied().unwrap_or(0);
    wait_until("two orders stand as unknown", WITHIN, unknown, |count| *count == 2);
    scene.system.lab().fault("primary", "none");
    scene.settled(15);
    let publishers = scene.system.lab().publishers();
    let other = publishers.iter().find(|(legacy, _)| *legacy != 456).unwrap().1;
    scene.meddle("PUBLISHER-1", &json!({ "publisher": other }));
    scene.meddle("AMOUNT-1", &json!({ "amount": "19.99" }));
    scene.meddle("VOID-1", &json!({ "status": "declined" }));
    scene.meddle("TWICE-1", &json!({ "twice": true }));
    scene.meddle("LOST-1", &json!({ "hidden": true }));
    scene.meddle("NEVER-1", &json!({ "hidden": true }));
}

#[test]
fn every_planted_difference_is_found_in_its_class_and_proofs_close_once() {
    let scene = Scene::new();
    plant(&scene);
    let advertiser = scene.moved.legacy_id.to_string();
    let folder = scene.system.data.file("differences");
    let csv = folder.display().to_string();
    let first = scene.reconcile(&["--live", "primary", "--json", "--csv", &csv]);
    assert_eq!(first.code, Some(1), "{first:?}");
    let told = json_of(&first);
    let expected = [
        ("AGAIN-1", "merged"),
        ("AMOUNT-1", "amount_differs"),
        ("DIRECT-1", "missing_here"),
        ("HELD-1", "missing_there_held"),
        ("LOST-1", "missing_there_taken"),
        ("NEVER-1", "missing_there_unknown"),
        ("PUBLISHER-1", "publisher_differs"),
        ("TWICE-1", "duplicated_there"),
        ("TWO-1", "missing_there_conflict"),
        ("VOID-1", "status_differs"),
    ];
    let expected: BTreeMap<String, String> =
        expected.into_iter().map(|(order, class)| (order.to_owned(), class.to_owned())).collect();
    assert_eq!(classes(&told), expected, "{told:#}");
    assert_eq!(told["unexplained"], 0, "{told:#}");
    // OK-1, OK-2, TAKEN-1, AGAIN-1, TWO-1, UNKNOWN-1 and the first of TWICE-1.
    assert_eq!(told["classes"]["matched"]["lines"], 7, "{told:#}");
    sums_agree(&told);
    files_have_the_rows(&folder);
    proofs_close_once(&scene, &advertiser);
}

/// The classes' money is that of the whole, to the unit.
fn sums_agree(told: &Value) {
    for side in ["ours", "theirs"] {
        let total = told["total"][side].as_object().unwrap();
        for (currency, sum) in total {
            let minor = |sum: &Value| -> i64 {
                sum["amount"].as_str().unwrap_or("0").replace('.', "").parse::<i64>().unwrap()
            };
            let of = told["classes"].as_object().unwrap().values().map(|class| minor(&class[side][currency]));
            assert_eq!(of.sum::<i64>(), minor(sum), "{side} {currency}: {told:#}");
        }
    }
}

fn files_have_the_rows(folder: &std::path::Path) {
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    assert!(read("claims.csv").contains("LOST-1") && read("claims.csv").contains("TWICE-1"));
    assert!(
        read("publisher_differs.csv").contains("click_unknown_here"),
        "{}",
        read("publisher_differs.csv")
    );
    let again = read("redrive.txt");
    assert!(again.starts_with("turnout dead redrive --approve") && again.lines().count() == 1, "{again}");
    assert_eq!(read("matched.csv").lines().count(), 8);
}

fn proofs_close_once(scene: &Scene, advertiser: &str) {
    let ledger = scene.system.ledger();
    let before = ledger.states();
    let apply = ["--live", "primary", "--json", "--advertiser", advertiser, "--apply", "--reason", "a test"];
    let applied = json_of(&scene.reconcile(&apply));
    let now = number(&applied["confirmed"], "now");
    assert_eq!(now, number(&applied, "confirmable"), "{applied:#}");
    let again = json_of(&scene.reconcile(&apply));
    assert_eq!((number(&again["confirmed"], "now"), number(&again, "confirmable")), (0, 0), "{again:#}");
    let after = ledger.states();
    let count = |states: &BTreeMap<String, u64>, name: &str| states.get(name).copied().unwrap_or(0);
    assert_eq!(count(&after, "confirmed"), count(&before, "confirmed") + now);
    // LOST-1 is claimed, AMOUNT-1 was confirmed by its answer; NEVER-1 waits for a person.
    assert_eq!((count(&after, "taken"), count(&after, "unknown")), (1, 1), "{before:?} {after:?}");
    let unknown = ledger.of_order(scene.moved.legacy_id, "UNKNOWN-1");
    let shown = ledger.ask(&format!("conversions/{}", unknown[0].event_id));
    let journal = shown["journal"].as_array().unwrap();
    let entries: Vec<&Value> = journal.iter().filter(|entry| entry["action"] == "settle").collect();
    assert_eq!(entries.len(), 1, "{shown:#}");
    let detail = entries[0]["detail"].as_str().unwrap();
    assert!(detail.contains("sha256") && detail.contains("line ") && detail.contains("a test"), "{detail}");
    ledger.assert_balances();
    scene.system.process.assert_calm();
}

#[test]
fn the_old_platforms_export_is_read_by_its_own_clock_and_refused_where_it_was_cut_off() {
    let scene = Scene::new();
    let merchant = scene.not_moved.legacy_id;
    let mut edge = scene.system.edge();
    for number in 1..=6 {
        let target = format!(
            "/q.cfm?tracking=L-{number}&amount=10.0{number}&merchantID={merchant}&transtype=sale&userID=456"
        );
        assert_eq!(edge.get("shareasale.com", &target, &[]).unwrap().status, 200);
    }
    scene.settled(6);
    let legacy = scene.system.process.address("legacy").to_owned();
    let export = Client::new(&legacy)
        .get("api.shareasale.com", "/x.cfm?affiliateId=456&token=t&version=2.3&action=activity", &[])
        .unwrap();
    let path = scene.system.data.file("activity.txt");
    fs::write(&path, &export.body).unwrap();
    let file = path.display().to_string();
    let whole = scene.reconcile(&["--legacy", &file, "--json"]);
    let told = json_of(&whole);
    assert_eq!(whole.code, Some(0), "{told:#}");
    assert_eq!(told["classes"]["matched"]["lines"], 6, "{told:#}");
    assert_eq!(told["confirmable"], 6, "the old platform's pixel proves nothing: {told:#}");
    // The signed interface tells the same.
    let live = ["--live", "legacy", "--advertiser", &merchant.to_string(), "--json"];
    add_caller(&scene);
    let told = json_of(&scene.reconcile(&live));
    assert_eq!(
        told["classes"]["matched"]["lines"], 6,
        "it tells no publishers, which is no difference: {told:#}"
    );
    // Cut off, it proves nothing about what it does not name.
    let cut = scene.system.data.file("cut.txt");
    fs::write(&cut, &export.body[..export.body.len() / 2]).unwrap();
    let refused = scene.reconcile(&["--legacy", &cut.display().to_string()]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.err.contains("cut off"), "{refused:?}");
    at_rest(scene, &file);
}

/// The operator knows the merchant's token and secret, which sign the call.
fn add_caller(scene: &Scene) {
    let world = scene.system.lab().world();
    let rows = world["advertisers"].as_array().unwrap();
    let row = rows.iter().find(|row| number(row, "legacy_id") == scene.not_moved.legacy_id).unwrap();
    let path = scene.system.data.file("callers.toml");
    let text = fs::read_to_string(&path).unwrap();
    let (token, secret) = (&row["legacy_token"], &row["legacy_secret"]);
    let caller =
        format!("advertiser = {}\ntoken = {token}\nsecrets = [{secret}]\n", scene.not_moved.legacy_id);
    fs::write(&path, format!("{text}\n[[caller]]\n{caller}")).unwrap();
}

/// After a crash, with nothing running, the same directory gives the same answer, and is changed only when asked to.
fn at_rest(scene: Scene, file: &str) {
    let (from, to) = scene.days();
    let data = scene.system.crash();
    let folder = data.text();
    let mut arguments = vec!["reconcile", "--from", &from, "--to", &to, "--zone", "UTC", "--data", &folder];
    arguments.extend(["--settling", "0s", "--legacy", file, "--json"]);
    let told = json_of(&turnout(&arguments, b""));
    assert_eq!(told["confirmable"], 6, "{told:#}");
    arguments.extend(["--apply", "--reason", "at rest"]);
    let applied = json_of(&turnout(&arguments, b""));
    assert_eq!(applied["confirmed"]["now"], 6, "{applied:#}");
    let system = System::up(data);
    assert_eq!(system.ledger().states().get("confirmed"), Some(&6));
    system.ledger().assert_balances();
}

impl Scene {
    /// The answer of the new platform's interface about one merchant, as it would be saved.
    fn saved(&self, name: &str, primary_ids: &[u64]) -> String {
        let world = self.system.lab().world();
        let key = format!("Bearer {}", world["primary_api_keys"][0].as_str().unwrap());
        let (from, _) = self.days();
        let mut client = Client::new(self.system.process.address("primary"));
        let mut bytes = Vec::new();
        for id in primary_ids {
            let target = format!(
                "/advertisers/{id}/transactions/?startDate={from}T00:00:00&endDate={from}T23:59:59&timezone=UTC&dateType=transaction"
            );
            let headers = [("authorization", key.as_str())];
            let answer = client.get("api.awin.com", &target, &headers).unwrap();
            assert_eq!(answer.status, 200);
            bytes.extend(answer.body);
        }
        let path = self.system.data.file(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }
}

#[test]
fn an_order_that_the_platform_dates_outside_the_days_asked_for_is_found() {
    let scene = Scene::new();
    scene.report(&[scene.sale("INSIDE-1", "20.00"), scene.sale("BEFORE-1", "10.00")]);
    scene.settled(2);
    scene.meddle("BEFORE-1", &json!({ "days_earlier": 1 }));
    let finished = scene.reconcile(&["--live", "primary", "--json"]);
    let told = json_of(&finished);
    assert_eq!(finished.code, Some(0), "{told:#}");
    let expected = [("BEFORE-1".to_owned(), "date_shift".to_owned())];
    assert_eq!(classes(&told), expected.into(), "{told:#}");
}

#[test]
fn an_order_that_nothing_identifies_is_found_by_our_own_identity_of_it() {
    let scene = Scene::new();
    scene.report(&[scene.sale("##ORDER##", "19.99"), scene.sale("", "19.99")]);
    scene.settled(2);
    let finished = scene.reconcile(&["--live", "primary", "--json"]);
    let told = json_of(&finished);
    assert_eq!((finished.code, told["classes"]["matched"]["lines"].as_u64()), (Some(0), Some(2)), "{told:#}");
}

#[test]
fn a_lead_is_held_against_what_was_told_and_another_channels_order_counts_as_taken_back() {
    let scene = Scene::new();
    let (merchant, currency) = (scene.moved.legacy_id, scene.moved.currency.clone());
    let mut edge = scene.system.edge();
    for rest in ["LEAD-1&amount=0.00&transtype=lead", "OTHER-1&amount=5.00&transtype=sale&autovoid=1"] {
        let target = format!("/sale.cfm?merchantID={merchant}&currency={currency}&tracking={rest}");
        assert_eq!(edge.get("shareasale.com", &target, &[]).unwrap().status, 200);
    }
    scene.settled(2);
    scene.meddle("OTHER-1", &json!({ "hidden": true }));
    let finished = scene.reconcile(&["--live", "primary", "--json"]);
    let told = json_of(&finished);
    assert_eq!((finished.code, told["confirmable"].as_u64()), (Some(0), Some(1)), "{told:#}");
    let lines = |class: &str| told["classes"][class]["lines"].as_u64();
    assert_eq!((lines("matched"), lines("missing_there_never_sent")), (Some(1), Some(1)), "{told:#}");
}

#[test]
fn what_a_report_cannot_tell_of_is_neither_claimed_nor_sent_again() {
    let scene = Scene::new();
    let other = scene.system.lab().moved()[1].clone();
    let of_other = |reference: &str| {
        let mut sale = Sale::plain(other.legacy_id, reference, "7.00");
        sale.currency = Some(other.currency.clone());
        sale
    };
    scene.report(&[scene.sale("OK-1", "20.00"), scene.sale("OK-2", "20.00"), of_other("OTHER-1")]);
    scene.settled(3);
    scene.system.lab().fault("primary", "processed_then_no_answer");
    scene.report(&[of_other("OTHER-2"), scene.sale("NEVER-1", "9.00")]);
    let unknown = || scene.system.ledger().states().get("unknown").copied().unwrap_or(0);
    wait_until("two orders stand as unknown", WITHIN, unknown, |count| *count == 2);
    scene.system.lab().fault("primary", "none");
    scene.settled(5);
    scene.meddle("NEVER-1", &json!({ "hidden": true }));
    let folder = scene.system.data.file("differences");
    let csv = folder.display().to_string();
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
    // Saved for one of the two alone, it says nothing of the other's.
    let of_one = scene.saved("one.json", &[scene.moved.primary_id]);
    let told = json_of(&scene.reconcile(&["--primary", &of_one, "--json", "--csv", &csv]));
    let class = |told: &Value, order: &str| classes(told).get(order).cloned().unwrap_or_default();
    assert_eq!(class(&told, "OTHER-1"), "not_covered", "{told:#}");
    assert_eq!(class(&told, "OTHER-2"), "not_covered", "{told:#}");
    assert_eq!(class(&told, "NEVER-1"), "missing_there_unknown", "{told:#}");
    assert_eq!(read("redrive.txt").split_whitespace().filter(|word| word.len() == 26).count(), 1);
    assert!(!read("claims.csv").contains("OTHER"), "{}", read("claims.csv"));
    // A row that cannot be read may be the one that is missing.
    let both = scene.saved("both.json", &[scene.moved.primary_id, other.primary_id]);
    let torn = fs::read_to_string(&both).unwrap().replacen("\"saleAmount\"", "\"was\"", 1);
    fs::write(&both, torn).unwrap();
    let told = json_of(&scene.reconcile(&["--primary", &both, "--json", "--csv", &csv]));
    assert_eq!((told["unreadable"].as_u64(), number(&told, "withheld") > 0), (Some(1), true), "{told:#}");
    assert!(read("redrive.txt").is_empty() && !read("claims.csv").contains("book"), "{}", read("claims.csv"));
    let screen = scene.reconcile(&["--primary", &both]);
    assert!(screen.out.contains("neither claimed nor in redrive.txt"), "{screen:?}");
}
