use super::*;

const DAY: i64 = 86_400;

fn at(days: i64) -> Timestamp {
    Timestamp::from_seconds(days * DAY)
}

#[test]
fn the_version_of_the_orders_own_time_decides() {
    let text = "[[terms]]\nmodel = \"linear\"\n\
        [[terms]]\nadvertiser = 7\nfrom = \"2027-01-01\"\nmodel = \"position\"\n\
        [[terms]]\nadvertiser = 7\nfrom = \"2026-07-01\"\nmodel = \"first_click\"\n";
    let terms = Terms::load("terms.toml", text).unwrap();
    let first = units::Day::new(2026, 7, 1).unwrap().start();
    let second = units::Day::new(2027, 1, 1).unwrap().start();
    let before = |at: Timestamp| at.minus(core::time::Duration::from_millis(1));
    for (advertiser, at, name) in [
        (7, before(first), "every programme from the beginning"),
        (7, first, "programme 7 from 2026-07-01"),
        (7, before(second), "programme 7 from 2026-07-01"),
        (7, second, "programme 7 from 2027-01-01"),
        (8, second, "every programme from the beginning"),
    ] {
        assert_eq!(terms.at(advertiser, at).name, name, "{advertiser} at {at}");
    }
    assert_eq!(terms.versions().map(|(id, _)| id).collect::<Vec<_>>(), [None, Some(7), Some(7)]);
    assert_eq!(Terms::default().at(7, second).name, "directory");
}

#[test]
fn windows_go_from_the_publisher_to_the_directory() {
    let text = "[[terms]]\nwindow_days = 20\nwindows = { soft = 3 }\n\
        [[terms.publisher]]\nids = [1]\nclass = \"soft\"\nwindow_days = 5\n\
        [[terms.publisher]]\nids = [2]\nclass = \"soft\"\n\
        [[terms.publisher]]\nids = [3]\n";
    let advertiser = crate::journey::tests::advertiser(45);
    let terms = Terms::load("terms.toml", text).unwrap();
    let days = |terms: &Terms| [1, 2, 3, 4].map(|id| terms.at(9, at(0)).window_days(id, &advertiser));
    assert_eq!(days(&terms), [5, 3, 20, 20]);
    assert_eq!(
        days(&Terms::load("terms.toml", &text.replace("window_days = 20\n", "")).unwrap()),
        [5, 3, 45, 45]
    );
}

#[test]
fn a_click_is_known_for_the_longest_window_of_every_version() {
    let text = "[[terms]]\nwindow_days = 20\n\
        [[terms]]\nadvertiser = 1\nwindows = { soft = 60 }\n\
        [[terms.publisher]]\nids = [1]\nwindow_days = 90\n[[terms.publisher]]\nids = [2]\nclass = \"soft\"\n\
        [[terms]]\nadvertiser = 1\nfrom = \"2027-01-01\"\nwindow_days = 50\n";
    let terms = Terms::load("terms.toml", text).unwrap();
    let advertiser = crate::journey::tests::advertiser(45);
    let days = |terms: &Terms| [1, 2, 3].map(|id| terms.longest_window_days(id, &advertiser));
    assert_eq!(days(&terms), [90, 60, 50]);
    assert_eq!(days(&Terms::load("terms.toml", "[[terms]]\nwindow_days = 20\n").unwrap()), [45; 3]);
    assert_eq!(days(&Terms::load("terms.toml", "[[terms]]\nwindow_days = 70\n").unwrap()), [70; 3]);
    assert_eq!(days(&Terms::default()), [45; 3]);
}

#[test]
fn what_a_second_arrival_means_goes_by_its_kind() {
    let text = "[[terms]]\n[[terms.duplicate]]\nkind = \"lead\"\npolicy = \"window\"\nhours = 24\n\
        [[terms.duplicate]]\npolicy = \"merge\"\n";
    let terms = Terms::load("terms.toml", text).unwrap();
    let version = terms.at(1, at(0));
    assert_eq!(version.duplicates("lead"), Duplicates::Window { hours: 24 });
    assert_eq!(version.duplicates("sale"), Duplicates::Merge);
    assert_eq!(Version::default().duplicates("sale"), Duplicates::Conflict);
    for name in Duplicates::NAMES {
        let hours = if name == "window" { "hours = 1\n" } else { "" };
        let text = format!("[[terms]]\n[[terms.duplicate]]\npolicy = \"{name}\"\n{hours}");
        assert_eq!(Terms::load("terms.toml", &text).unwrap().at(1, at(0)).duplicates("x").name(), name);
    }
}

const WRONG: &str = r#"[[terms]]
from = "1 Jan 2027"
model = "last_clik"
window_days = 400
windows = { sofd = 3 }
priority = ["click_id", "voucher"]
overrides = "yes"
currency = "dollars"
[[terms.publisher]]
class = "gold"
[[terms.publisher]]
ids = [4, 4]
[[terms.duplicate]]
policy = "window"
[[terms.duplicate]]
policy = "first"
hours = 3
[[terms.rule]]
name = "all"
percent = "7,5"
[[terms.rule]]
name = "all"
percent = "5"
flat = "1"
category = ["shoes"]
sku = []
[[terms.rule]]
name = "scale"
tiers = [{ from = 3, percent = "1" }]
tiers_by = "orders"
amount_from = "5"
amount_below = "5.00"
[[terms.cap]]
per = "week"
amount = "1.005"
[[terms]]
from = "2027-02-01"
advertiser = 3
[[terms]]
from = "2027-02-01"
advertiser = 3
"#;

/// Each mistake with its line, all of them together.
#[test]
fn every_mistake_is_reported() {
    let mistakes: Vec<String> =
        Terms::load("terms.toml", WRONG).unwrap_err().iter().map(ToString::to_string).collect();
    let all = mistakes.join("\n");
    for wanted in [
        "terms.toml:2: `1 Jan 2027` is no day",
        "terms.toml:3: `last_clik` is not a known model: did you mean `last_click`?",
        "terms.toml:4: `window_days` must be 1 to 365 days",
        "terms.toml:5: `sofd` is not a known key: did you mean `soft`?",
        "terms.toml:6: `priority` must name each of",
        "terms.toml:7: `yes` is not a known overrides",
        "terms.toml:8: `dollars` is no currency",
        "terms.toml:9: `ids` is missing",
        "terms.toml:10: `gold` is not a known class",
        "terms.toml:12: publisher 4 stands twice",
        "terms.toml:13: `window` needs `hours`",
        "terms.toml:17: `hours` belongs to `window`; `first` has none",
        "terms.toml:20: `7,5` is no percentage",
        "terms.toml:21: a rule pays one of",
        "rule `all` stands twice",
        "rule `all` is never asked",
        "terms.toml:25: `shoes` is not a known category",
        "terms.toml:26: `sku` must be a list of at least one",
        "terms.toml:29: the first of `tiers` has no `from`",
        "terms.toml:32: `amount_below` is not more than `amount_from`",
        "terms.toml:34: `week` is not a known per",
        "terms.toml:35: `1.005` is no amount",
        "`programme 3 from 2027-02-01` stands twice",
    ] {
        assert!(all.contains(wanted), "{wanted} is not in\n{all}");
    }
}
