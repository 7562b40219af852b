//! Id maps are switched while everything serves: nobody waits, nobody gets an error, and no answer mixes two versions.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use system_tests::clicks::parameter;
use system_tests::process::turnout;
use system_tests::roles::Roles;
use system_tests::wait::wait_until;
use system_tests::{Client, Data, Row, Sale};

const LINK: &str = "/r.cfm?b=123&u=456&m=789";

/// The generated tables with the ids of one version in place of the new platform's: the same for the merchant and
/// for the publisher, so that an answer made of two versions shows.
fn tables(data: &Data, name: &str, id: u64) -> String {
    let folder = data.file(name);
    fs::create_dir(&folder).unwrap();
    for (table, legacy) in [("advertisers.csv", "789"), ("publishers.csv", "456"), ("creatives.csv", "none")]
    {
        let text = fs::read_to_string(data.file("migration").join(table)).unwrap();
        let rows: Vec<String> = text
            .lines()
            .map(|line| {
                let mut values: Vec<String> = line.splitn(3, ',').map(str::to_owned).collect();
                if values[0].trim_matches('"') == legacy {
                    values[1] = id.to_string();
                }
                values.join(",")
            })
            .collect();
        fs::write(folder.join(table), rows.join("\n") + "\n").unwrap();
    }
    folder.display().to_string()
}

fn map(data: &Data, arguments: &[&str]) -> Value {
    let place = data.text();
    let all = [&["map"], arguments, &["--data", &place, "--json"]].concat();
    let done = turnout(&all, b"");
    assert_eq!(done.code, Some(0), "{all:?}: {} {}", done.out, done.err);
    serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {}", done.out))
}

/// The merchant's and the publisher's id in the redirect that a click gets.
fn ids(edge: &mut Client) -> (String, String) {
    let answer = edge.get("shareasale.com", LINK, &[]).unwrap();
    assert_eq!(answer.status, 302, "{answer:?}");
    let read = |name| parameter(answer.location(), name).unwrap_or_else(|| panic!("{answer:?}"));
    (read("awinmid"), read("awinaffid"))
}

#[test]
fn versions_switch_under_traffic_without_a_pause_and_without_a_mix() {
    let mut roles = Roles::start(Data::prepared());
    let (first, second) = (tables(&roles.data, "first", 1_001), tables(&roles.data, "second", 1_002));
    assert_eq!(map(&roles.data, &["import", &first])["version"], 1);
    assert_eq!(map(&roles.data, &["import", &second, "--switch"])["version"], 2);
    assert_eq!(
        ids(&mut roles.client()),
        ("1002".to_owned(), "1002".to_owned()),
        "who switches is not told too early"
    );

    let stop = AtomicBool::new(false);
    let seen = thread::scope(|scope| {
        let clicker = || {
            let (mut edge, mut seen) = (roles.client(), [0_u64; 2]);
            while !stop.load(Ordering::Relaxed) {
                let (merchant, publisher) = ids(&mut edge);
                assert_eq!(merchant, publisher, "one answer of two versions");
                seen[usize::from(merchant == "1002")] += 1;
            }
            seen
        };
        let clickers: Vec<_> = (0..3).map(|_| scope.spawn(clicker)).collect();
        for number in 0..20_u64 {
            let version = 1 + number % 2;
            assert_eq!(
                map(&roles.data, &["switch", &version.to_string()])["behind"],
                Value::Array(Vec::new())
            );
            let id = (1000 + version).to_string();
            assert_eq!(ids(&mut roles.client()), (id.clone(), id), "switch {number}");
        }
        stop.store(true, Ordering::Relaxed);
        clickers
            .into_iter()
            .map(|clicker| clicker.join().unwrap())
            .fold([0, 0], |sum, seen| [sum[0] + seen[0], sum[1] + seen[1]])
    });
    assert!(seen[0] > 100 && seen[1] > 100, "both versions answered under traffic: {seen:?}");

    assert_eq!(map(&roles.data, &["rollback"])["version"], 1);
    assert_eq!(ids(&mut roles.client()).0, "1001");
    let link = format!("https://shareasale.com{LINK}");
    let walk = turnout(&["explain", &link, "--data", &roles.data.text()], b"");
    assert!(
        walk.out.contains("awinmid=1001&awinaffid=1001"),
        "by the map in force: {}{}",
        walk.out,
        walk.err
    );
    let listed = map(&roles.data, &["list"]);
    assert_eq!(
        (&listed["versions"][0]["state"], &listed["versions"][1]["state"]),
        (&"in force".into(), &"before".into())
    );
    roles.crash_edge();
    assert_eq!(ids(&mut roles.client()).0, "1001", "the version in force survives a restart");
    roles.edge.assert_calm();
    roles.processor.assert_calm();
}

#[test]
fn a_map_with_mistakes_or_damage_is_never_in_force() {
    let roles = Roles::start(Data::prepared());
    let good = tables(&roles.data, "good", 1_001);
    map(&roles.data, &["import", &good, "--switch"]);
    let bad = tables(&roles.data, "bad", 1_002);
    fs::write(
        format!("{bad}/publishers.csv"),
        "legacy_id,primary_id,name\n456,x,Site\n456,1,Site\n456,1,Site\n",
    )
    .unwrap();
    let place = roles.data.text();
    let refused = turnout(&["map", "import", &bad, "--switch", "--data", &place], b"");
    assert_eq!(refused.code, Some(2), "{}", refused.out);
    assert!(refused.err.contains("bad/publishers.csv:2: `primary_id` is `x`"), "{}", refused.err);
    assert!(refused.err.contains("bad/publishers.csv:4: legacy id 456 stands twice"), "{}", refused.err);

    let next = tables(&roles.data, "next", 1_003);
    map(&roles.data, &["import", &next]);
    let file = roles.data.file("directory/directory-2.tdir");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::remove_file(&file).unwrap();
    fs::write(&file, bytes).unwrap();
    for arguments in [["switch", "2"], ["verify", "2"]] {
        let refused = turnout(&["map", arguments[0], arguments[1], "--data", &place], b"");
        assert_ne!(refused.code, Some(0), "{arguments:?}: {}", refused.out);
        assert!(
            format!("{}{}", refused.out, refused.err).contains("damaged"),
            "{} {}",
            refused.out,
            refused.err
        );
    }
    assert_eq!(ids(&mut roles.client()).0, "1001");
    let target = Sale::plain(789, "MAP-1", "5.00").target();
    assert!(roles.client().get("shareasale.com", &target, &[]).unwrap().is_pixel());
}

/// The tables of [`tables`] without the merchant 789 and what belongs to it.
fn tables_without_the_merchant(data: &Data, name: &str) -> String {
    let folder = tables(data, name, 1_001);
    for (table, column) in [("advertisers.csv", 0), ("creatives.csv", 2)] {
        let path = format!("{folder}/{table}");
        let text = fs::read_to_string(&path).unwrap();
        let is_of = |line: &&str| line.split(',').nth(column).is_some_and(|id| id.trim_matches('"') == "789");
        let kept: Vec<&str> = text.lines().filter(|line| !is_of(line)).collect();
        assert!(kept.len() < text.lines().count(), "{table} has no row of the merchant");
        fs::write(path, kept.join("\n") + "\n").unwrap();
    }
    folder
}

#[test]
fn what_is_held_for_a_mapping_goes_on_once_a_map_has_it() {
    let roles = Roles::start(Data::prepared());
    let without = tables_without_the_merchant(&roles.data, "without");
    map(&roles.data, &["import", &without, "--switch"]);
    for order in ["HELD-1", "HELD-2"] {
        let target = Sale::plain(789, order, "12.50").target();
        assert!(roles.client().get("shareasale.com", &target, &[]).unwrap().is_pixel());
    }
    let stands = |order: &str, state: &str| {
        let look = || roles.ledger().of_order(789, order);
        let is_so = |rows: &Vec<Row>| rows.iter().map(|row| row.state.as_str()).eq([state]);
        wait_until(&format!("{order} is {state}"), Duration::from_secs(60), look, is_so).remove(0)
    };
    assert!(stands("HELD-1", "held").all.to_string().contains("unknown_advertiser"));
    stands("HELD-2", "held");
    assert_eq!(waiting(&roles.data), [("advertiser".to_owned(), 789, 2)]);
    let known = tables(&roles.data, "known", 100_789);
    map(&roles.data, &["import", &known, "--switch"]);
    // The new platform's pixel proves nothing: taken is as far as such an order comes.
    for order in ["HELD-1", "HELD-2"] {
        stands(order, "taken");
    }
    assert_eq!(waiting(&roles.data), []);
    let told = roles.lab().transactions("primary");
    let mut orders: Vec<&str> = told.iter().filter_map(|row| row["order_reference"].as_str()).collect();
    orders.sort_unstable();
    assert_eq!(orders, ["HELD-1", "HELD-2"], "each was told once: {told:?}");
    assert_eq!(roles.ledger().assert_balances(), 2);
    roles.processor.assert_calm();
}

/// What `turnout unmapped` tells.
fn unmapped(data: &Data) -> Value {
    let done = turnout(&["unmapped", "--data", &data.text(), "--json"], b"");
    assert_eq!(done.code, Some(0), "{}{}", done.out, done.err);
    serde_json::from_str(&done.out).unwrap()
}

/// What conversions are held for.
fn waiting(data: &Data) -> Vec<(String, u64, u64)> {
    let answer = unmapped(data);
    let row = |row: &Value| {
        let number = |name: &str| row[name].as_u64().unwrap();
        (row["kind"].as_str().unwrap().to_owned(), number("legacy_id"), number("held"))
    };
    answer["unmapped"].as_array().unwrap().iter().map(row).collect()
}

/// The tables, ids and codes that the edge has looked up in vain, with how often.
fn looked_up(data: &Data) -> Vec<(String, String, u64)> {
    let row = |row: &Value| {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        (text("table"), text("key"), row["times"].as_u64().unwrap())
    };
    unmapped(data)["seen"].as_array().unwrap().iter().map(row).collect()
}

/// The number of a metric of the edge.
fn metric(roles: &Roles, name: &str) -> String {
    let token = format!("Bearer {}", roles.data.token("edge"));
    let mut operator = Client::new(roles.edge.address("edge_operator"));
    let all = operator.get("localhost", "/metrics", &[("authorization", &token)]).unwrap().text();
    let line = all.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in\n{all}")).to_owned()
}

#[test]
fn a_short_link_leads_where_its_table_says_and_to_legacy_while_it_has_none() {
    let roles = Roles::start(Data::prepared());
    let mut edge = roles.client();
    let known = edge.get("shrsl.com", "/10fq8?afftrack=news", &[]).unwrap();
    assert_eq!(known.status, 302, "{known:?}");
    assert!(known.location().starts_with("https://www.awin1.com/cread.php?"), "{known:?}");
    for (name, wanted) in [("awinmid", "100789"), ("awinaffid", "200456"), ("clickref2", "news")] {
        assert_eq!(parameter(known.location(), name).as_deref(), Some(wanted), "{name} in {known:?}");
    }
    assert_eq!(roles.lab().requests("legacy").len(), 0, "nobody was asked");

    // Not in the table, and passed on as it came, whatever it is.
    for target in ["/4ud5g?x=%zz", "/4ud5g", "/?~9i83VLOG"] {
        assert_eq!(
            edge.get("www.shrsl.com", target, &[]).unwrap().status,
            404,
            "the simulated platform's answer"
        );
    }
    let asked = roles.lab().requests("legacy");
    let asked: Vec<(&str, &str)> =
        asked.iter().map(|one| (one["host"].as_str().unwrap(), one["query"].as_str().unwrap())).collect();
    let host = "www.shrsl.com";
    assert_eq!(asked, [(host, "x=%zz"), (host, ""), (host, "~9i83VLOG")]);
    let row = |key: &str, times| ("short_links".to_owned(), key.to_owned(), times);
    assert_eq!(looked_up(&roles.data), [row("4ud5g", 2), row("~9i83vlog", 1)]);
    assert_eq!(metric(&roles, "turnout_unmapped_total{table=\"short_links\"}"), "3");
    assert_eq!(metric(&roles, "turnout_unmapped_total{table=\"publishers\"}"), "0");

    let folder = tables(&roles.data, "short", 1_001);
    let link = "https://www.shareasale.com/r.cfm?u=456&b=123&m=789&urllink=example%2Ecom%2Fsale";
    fs::write(format!("{folder}/short_links.csv"), format!("code,link\n4UD5G,{link}\n")).unwrap();
    assert_eq!(map(&roles.data, &["import", &folder, "--switch"])["imported"]["rows"]["short_links"], 1);
    let found = edge.get("shrsl.com", "/4ud5g", &[]).unwrap();
    assert_eq!(parameter(found.location(), "awinmid").as_deref(), Some("1001"), "{found:?}");
    let landing = parameter(found.location(), "ued").unwrap();
    assert!(landing.starts_with("https://example.com/sale?sscid="), "{landing}");
    assert_eq!(looked_up(&roles.data), [row("~9i83vlog", 1)], "what is mapped now is forgotten");
    roles.edge.assert_calm();
}

#[test]
fn a_short_link_of_a_merchant_that_has_not_moved_stays_with_legacy() {
    let roles = Roles::start(Data::prepared());
    let world = roles.lab().world();
    let not_moved = roles.lab().not_moved().remove(0).legacy_id;
    let of_it = format!("&m={not_moved}&");
    let links = world["short_links"].as_array().unwrap();
    let link = links.iter().find(|link| link["url"].as_str().unwrap().contains(&of_it)).unwrap();
    let answer =
        roles.client().get("shrsl.com", &format!("/{}", link["code"].as_str().unwrap()), &[]).unwrap();
    assert_eq!((answer.status, answer.location()), (302, link["url"].as_str().unwrap()), "its own answer");
    assert_eq!(roles.lab().requests("legacy").len(), 1);
}
