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

#[test]
fn masks_tell_click_ids_from_orders() {
    let load = |masks: &str| {
        let text = format!(
            "[dialect]\nname = \"a\"\ntitle = \"A\"\nhome_url = \"https://a.test/\"\n[click_id]\nmasks = [{masks}]\n"
        );
        Dialect::load("a.toml", &text)
    };
    let dialect = load("\"x1k9_xxxxx\", \"x1k9_xxxxxx\"").unwrap();
    for id in ["11k8_cr29d", "c1k4_w62kp", "61k5_12zjos"] {
        assert!(dialect.looks_like_click_id(id), "{id}");
    }
    for order in ["", "11k8_cr29", "11k8_cr29dxx", "11K8_cr29d", "2024_123456", "11k8-cr29d", "11k8_cr2é"] {
        assert!(!dialect.looks_like_click_id(order), "{order}");
    }
    for wide in ["\"xxxxxxxxxx\"", "\"x_9\""] {
        assert!(load(wide).unwrap_err()[0].message.contains("a mask has at least eight signs"), "{wide}");
    }
}

#[test]
fn only_what_is_proxied_goes_on_untouched() {
    let load = |handling: &str, parameter: &str| {
        let text = format!(
            "[dialect]\nname = \"a\"\ntitle = \"A\"\nhome_url = \"https://a.test/\"\n[[hosts]]\ngroup = \"main\"\n\
             names = [\"a.test\"]\n[[endpoint]]\nname = \"report\"\nhosts = [\"main\"]\npaths = [\"/r\"]\n\
             handling = \"{handling}\"\nparameters = [{{ name = \"page\", {parameter} }}]\n"
        );
        Dialect::load("a.toml", &text)
    };
    let dialect = load("proxy", "pass = \"of a long report\"").unwrap();
    let (_, page) = dialect.parameter(&dialect.endpoints[0], b"PAGE").unwrap();
    assert_eq!(page.meaning, Meaning::Passed("of a long report".to_owned()));
    for (handling, parameter, wanted) in [
        ("translate", "pass = \"of a long report\"", "`page` has `pass`"),
        ("proxy", "pass = \"x\", drop = \"y\"", "either `field`"),
    ] {
        let mistakes = load(handling, parameter).unwrap_err();
        assert!(mistakes.iter().any(|mistake| mistake.message.contains(wanted)), "{mistakes:#?}");
    }
}

const CALLS: &str = r###"
[[endpoint]]
name = "calls"
hosts = ["main"]
paths = ["/api"]
picked_by = "Do"
handling = "proxy"
[endpoint.interface]
formats = [{ parameter = "as", equals = "XML", format = "xml" }]
says = [
    { outcome = "done", content_type = "text/plain", body = "yes" },
    { outcome = "done", format = "xml", content_type = "text/xml", body = "<yes/>" },
    { outcome = "not found", content_type = "text/plain", body = "none" },
    { outcome = "ambiguous", content_type = "text/plain", body = "many" },
    { outcome = "locked", content_type = "text/plain", body = "late" },
    { outcome = "conflict", content_type = "text/plain", body = "other" },
    { outcome = "incomplete", content_type = "text/plain", body = "what" },
    { outcome = "unsigned", content_type = "text/plain", body = "who" },
    { outcome = "wrong address", content_type = "text/plain", body = "where" },
]
[endpoint.interface.signature]
transform = "sha256 of token:date:action:secret"
token = "token"
action = "do"
date_header = "X-Date"
signature_header = "X-Signature"
window_s = 900
[[endpoint]]
name = "calls: void"
variant_of = "calls"
when = ["Void", "undo"]
handling = "serve"
operation = "void"
"###;

fn asked(target: &str) -> Inbound {
    Inbound {
        method: Method::Get,
        secure: true,
        host: "small.test".to_owned(),
        target: target.as_bytes().to_vec(),
        headers: Vec::new(),
        body: Vec::new(),
        peer: None,
    }
}

#[test]
fn a_parameter_picks_among_the_endpoints_of_one_address() {
    let dialect = Dialect::load("small.toml", &format!("{SMALL}{CALLS}")).unwrap();
    for (target, name) in [
        ("/api?do=void", "calls: void"),
        ("/api?x=1&DO=Undo+", "calls: void"),
        ("/api?d%6f=%76oid", "calls: void"),
        ("/api?do=&do=void", "calls"),
        ("/api?do=report", "calls"),
        ("/api", "calls"),
        ("/c?do=void", "click"),
    ] {
        let found = dialect.recognise_request(&asked(target)).unwrap();
        assert_eq!(found.name, name, "{target}");
    }
}

#[test]
fn an_answer_is_told_in_the_format_that_is_wanted_where_there_is_one() {
    use interface::{AnswerFormat, CallOutcome};
    let dialect = Dialect::load("small.toml", &format!("{SMALL}{CALLS}")).unwrap();
    let interface = dialect.endpoint("calls: void").unwrap().interface.clone().unwrap();
    let body = |outcome, format| interface.says(outcome, format).unwrap().body.clone();
    assert_eq!(interface.format(&asked("/api?as=xml")), AnswerFormat::Xml);
    assert_eq!(interface.format(&asked("/api?as=pipe")), AnswerFormat::Text);
    assert_eq!(body(CallOutcome::Done, AnswerFormat::Xml), "<yes/>");
    assert_eq!(body(CallOutcome::Locked, AnswerFormat::Xml), "late");
}

#[test]
fn mistakes_of_an_interface_are_reported_together() {
    let broken = CALLS
        .replace("window_s = 900\n", "")
        .replace("    { outcome = \"locked\", content_type = \"text/plain\", body = \"late\" },\n", "")
        .replace("sha256 of token:date", "sha255 of token:date")
        .replace("operation = \"void\"", "operation = \"avoid\"");
    let mistakes = Dialect::load("small.toml", &format!("{SMALL}{broken}")).unwrap_err();
    let text: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    let text = text.join("\n");
    for wanted in ["sha256 of token", "did you mean `void`", "needs an `interface` and an `operation`"] {
        assert!(text.contains(wanted), "{wanted} is not in:\n{text}");
    }
    let lost = CALLS.replace("variant_of = \"calls\"", "variant_of = \"other\"");
    let lost = Dialect::load("small.toml", &format!("{SMALL}{lost}")).unwrap_err();
    assert!(lost.iter().any(|mistake| mistake.message.contains("picked_by")), "{lost:?}");
}

#[test]
fn reports_are_read_with_every_mistake() {
    let head = "[dialect]\nname = \"x\"\ntitle = \"X\"\nhome_url = \"https://x.test/\"\n";
    let wrong = format!(
        "{head}[[report]]\nname = \"r\"\nformat = \"xml\"\ndelimiters = [\"||\"]\ncurrency = \"dollars\"\nsettling = \"soon\"\n\
         columns = [\n{{ holds = \"amonut\", names = [\"A\"] }},\n{{ holds = \"transacted_at\", names = [] }},\n\
         {{ holds = \"order_reference\", names = [\"C\"], patterns = [\"none\"] }},\n]\n\
         [report.live]\nhost = \"h\"\npath = \"/p\"\nsigned_as = \"nobody\"\nspan_days = 0\nparameters = [{{ name = \"p\" }}]\n"
    );
    let mistakes = Dialect::load("x.toml", &wrong).unwrap_err();
    let text: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    let text = text.join("\n");
    for wanted in [
        "`xml`",
        "`||` must be one character",
        "`dollars` is no currency",
        "`soon` is no duration",
        "did you mean `amount`",
        "`names` is missing",
        "`times` is missing",
        "`none` names no place",
        "no column holds `transaction_id`",
        "no column holds `amount`",
        "`nobody` is not a known endpoint with an interface",
        "`span_days` must be 1 or more",
        "either `value` or `from`",
    ] {
        assert!(text.contains(wanted), "{wanted} is not in\n{text}");
    }
}
