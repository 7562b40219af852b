use units::Timestamp;

use super::*;

const SMALL: &str = r###"
[dialect]
name = "small"
title = "Small"
parameter_names = "any case"
strip_name_prefixes = ["amp;"]
home_url = "https://small.test/"
placeholders = [{ contains = "##" }, { equals = "none" }]

[[hosts]]
group = "main"
names = ["small.test", "www.small.test"]

[[endpoint]]
name = "click"
class = "click"
hosts = ["main"]
paths = ["/c", "/img/*"]
methods = ["GET"]
unknown = "pass"
parameters = [
    { name = "Site", field = "publisher_id", type = "id", required = true },
]
"###;

#[test]
fn hosts_and_paths_lead_to_endpoints() {
    let dialect = Dialect::load("small.toml", SMALL).unwrap();
    for (host, path, found) in [
        ("small.test", "/c", true),
        ("www.small.test", "/C", true),
        ("small.test", "//c", true),
        ("small.test", "/c/", false),
        ("small.test", "/img/a/b.png", true),
        ("small.test", "/other", false),
        ("other.test", "/c", false),
        ("small.test", "", false),
    ] {
        assert_eq!(dialect.recognise(host, path.as_bytes()).is_some(), found, "{host}{path}");
    }
}

#[test]
fn names_are_found_in_any_case_and_behind_a_broken_entity() {
    let dialect = Dialect::load("small.toml", SMALL).unwrap();
    let endpoint = dialect.endpoint("click").unwrap();
    for (name, found) in [("site", true), ("SITE", true), ("amp;site", true), ("sites", false), ("", false)] {
        assert_eq!(dialect.parameter(endpoint, name.as_bytes()).is_some(), found, "{name}");
    }
}

#[test]
fn what_identifies_nothing_is_known() {
    let dialect = Dialect::load("small.toml", SMALL).unwrap();
    for (value, nothing) in [("##ORDER##", true), ("None", true), (" ", true), ("A-1", false)] {
        assert_eq!(dialect.is_placeholder(value), nothing, "{value}");
    }
}

#[test]
fn every_mistake_of_a_file_is_reported_together() {
    let broken = SMALL
        .replace("\"main\"]\npaths", "\"mian\"]\npaths")
        .replace("publisher_id", "publisherid")
        .replace("class = \"click\"", "class = \"klick\"")
        .replace("unknown = \"pass\"", "unknown = \"keep\"");
    let mistakes = Dialect::load("small.toml", &broken).unwrap_err();
    let text: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    let text = text.join("\n");
    for wanted in
        ["did you mean `main`", "did you mean `publisher_id`", "did you mean `click`", "unknown_why"]
    {
        assert!(text.contains(wanted), "{wanted} is not in:\n{text}");
    }
}

#[test]
fn the_shape_of_a_click_id() {
    let shape = ClickIdShape::NumberNumberHex;
    for (id, fits) in [
        ("6798_1660817458_8ed6585bb7ac9441b5ac5482d7b467f4", true),
        ("1_2_a", true),
        ("11k8_cr29d", false),
        ("1_2_", false),
        ("1_2_3_4", false),
        ("", false),
    ] {
        assert_eq!(shape.matches(id), fits, "{id}");
    }
    let shape = ClickIdShape::NumberNumberTimeHex;
    let read = shape.read("10659_214131_16862419101585_3f750c6aac").unwrap();
    assert_eq!((read.advertiser_id, read.at), (Some(10_659), Some(Timestamp::from_seconds(1_686_241_910))));
    for id in
        ["10659_214131_168624191_3f75", "10659_x_16862419101585_3f75", "10659_1_16862419101585_", "1_2_a"]
    {
        assert!(!shape.matches(id), "{id}");
    }
}

#[test]
fn the_shipped_dialects_have_no_mistakes() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dialects");
    let mut count = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut dialect = Dialect::load(&name, &text).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
        let read = |file: &str| std::fs::read_to_string(format!("{directory}/{file}")).ok();
        dialect.furnish(read).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
        count += 1;
    }
    assert!(count >= 2);
}

#[test]
fn what_is_said_of_files_is_checked() {
    let dialect = |line: &str| {
        let text = format!(
            "[dialect]\nname = \"a\"\ntitle = \"A\"\nhome_url = \"https://a.test/\"\n[[hosts]]\ngroup = \"main\"\n\
             names = [\"a.test\"]\n[[endpoint]]\nname = \"file\"\nhosts = [\"main\"]\npaths = [\"/*\"]\n{line}\n"
        );
        Dialect::load("a.toml", &text)
    };
    for (line, wanted) in [
        ("cache = \"soon\"", "`soon` is no duration"),
        ("cache_stale = \"1h\"", "`cache_stale` needs `cache`"),
        ("replacement = \"a.exe\"", "must end with"),
        ("replacement = \"../a.js\"", "below the folder"),
    ] {
        let mistakes = dialect(line).unwrap_err();
        assert!(mistakes.iter().any(|m| m.line == 12 && m.message.contains(wanted)), "{line}: {mistakes:#?}");
    }
    let mut dialect = dialect("replacement = \"a.js\"").unwrap();
    assert!(dialect.furnish(|_| None).unwrap_err()[0].message.contains("no file `a.js`"));
}
