//! The tools of the migration engineer, as processes: `census`, `diff`, `dialect`, and `translate` on long input.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use system_tests::{binary, turnout};
use tempfile::TempDir;

const CLICK: &str = "https://shareasale.com/r.cfm?b=123&u=456&m=789&urllink=example.com&afftrack=news";
const SALE: &str = "https://shareasale.com/sale.cfm?tracking=A-1&amount=10.00&merchantID=789&transtype=sale";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Puts text into a file of the folder and names it.
fn file(folder: &TempDir, name: &str, text: impl AsRef<[u8]>) -> String {
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// The shipped migration in a folder of its own, with one of its files edited.
fn edited(folder: &TempDir, name: &str, edit: impl Fn(String) -> String) -> String {
    let target = folder.path().join("migration");
    fs::create_dir(&target).unwrap();
    for entry in fs::read_dir(root().join("migrations/shareasale-awin")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, target.join(path.file_name().unwrap())).unwrap();
        }
    }
    let path = target.join(name);
    let before = fs::read_to_string(&path).unwrap();
    let after = edit(before.clone());
    assert_ne!(before, after, "the edit must change {name}");
    fs::write(&path, after).unwrap();
    target.display().to_string()
}

fn kinds(report: &Value) -> Vec<String> {
    let changes = report["changes"].as_array().unwrap();
    let shown = |change: &Value| format!("{}: {}", change["kind"], change["what"]).replace('"', "");
    changes.iter().map(shown).collect()
}

#[test]
fn a_mapping_compared_with_itself_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let requests = file(&folder, "requests", format!("{CLICK}\r\n{SALE}\n\nnonsense\n"));
    let same = turnout(&["diff", "default", "default", "--requests", &requests], b"");
    assert_eq!(same.code, Some(0), "{same:?}");
    assert!(
        same.out
            .contains("2 requests: 2 the same, 0 different; 2 lines are no requests, the first is line 3")
    );
    let empty = turnout(&["diff", "default", "default", "--requests", "-"], b"");
    assert_eq!((empty.code, empty.out.starts_with("0 requests")), (Some(2), true), "{empty:?}");
    assert!(empty.err.contains("nothing was compared"), "{}", empty.err);
}

#[test]
fn a_changed_id_a_changed_name_and_a_changed_destination_are_told_by_kind() {
    for (name, from, to, wanted) in [
        ("advertisers.csv", "100789", "100790", "ids: `awinmid` of the primary's request"),
        (
            "migration.toml",
            "name = \"clickref2\"",
            "name = \"clickref3\"",
            "event: `clickref3` of the primary's request",
        ),
        (
            "advertisers.csv",
            "example.com,first",
            "example.org,first",
            "destination: `ued` of the primary's request",
        ),
        (
            "policy.toml",
            "phase = \"moved\"",
            "phase = \"observe\"",
            "delivery: no longer sent to the primary",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let edit = |text: String| {
            // A landing page must stay on its domain.
            text.replace(from, to)
                .replace("https://example.com/,example.org", "https://example.org/,example.org")
        };
        let new = edited(&folder, name, edit);
        let requests = file(&folder, "requests", format!("{CLICK}\n{CLICK}\n"));
        let diff = turnout(&["diff", "default", &new, "--requests", &requests, "--json"], b"");
        assert_eq!(diff.code, Some(1), "{diff:?}");
        let report: Value = serde_json::from_str(&diff.out).unwrap();
        assert_eq!((&report["requests"], &report["different"]), (&Value::from(2), &Value::from(2)));
        assert!(kinds(&report).iter().any(|kind| kind == wanted), "{wanted} is not in {:?}", kinds(&report));
        let text = turnout(&["diff", "default", &new, "--requests", &requests], b"");
        assert!(text.out.contains("line 1: https://"), "{}", text.out);
    }
}

#[test]
fn where_a_script_page_leads_is_compared_as_a_redirects_address_is() {
    let folder = tempfile::tempdir().unwrap();
    let new = edited(&folder, "advertisers.csv", |text| text.replace(",online,", ",offline,"));
    let hop = CLICK.replace("//shareasale.com", "//www.shareasale-analytics.com");
    let requests = file(&folder, "requests", format!("{hop}\n"));
    let text = turnout(&["diff", "default", &new, "--requests", &requests], b"");
    assert_eq!(text.code, Some(1), "{text:?}");
    let (_, sent) = text.out.split_once("destination: where the shopper is sent: 1 requests").unwrap();
    let (sent, _) = sent.split_once("\n\n").unwrap();
    assert!(sent.contains("- https://www.awin1.com/cread.php?awinmid=100789&"), "{sent}");
    assert!(sent.contains("+ https://example.com/?sscid="), "{sent}");

    let out = turnout(&["translate"], format!("{hop}&cons=0\n").as_bytes()).out;
    let line: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(line["consent"], serde_json::json!({ "decision": "refused", "reason": "link" }));
    let wanted = "https://www.awin1.com/cread.php?awinmid=100789&awinaffid=200456&clickref2=news&cons=0\
                  &ued=https%3A%2F%2Fexample.com%2F";
    assert_eq!(line["reply"]["leads_to"], wanted, "{line:#}");
}

#[test]
fn what_cannot_be_compared_is_an_error_that_names_the_file() {
    let none = turnout(&["diff", "default", "default", "--requests", "no/such/file"], b"");
    assert_eq!((none.code, none.err.contains("no/such/file")), (Some(2), true), "{none:?}");
    let folder = tempfile::tempdir().unwrap();
    let new = edited(&folder, "migration.toml", |text| {
        text.replacen("from = \"currency\"", "from = \"curency\"", 1)
    });
    let broken = turnout(&["diff", "default", &new, "--requests", "-"], b"");
    assert_eq!(broken.code, Some(2), "{broken:?}");
    assert!(
        broken.err.contains("migration.toml:") && broken.err.contains("did you mean `currency`"),
        "{broken:?}"
    );
}

#[test]
fn every_shipped_case_holds() {
    for name in ["shareasale", "awin", "shareasale-awin", "tradetracker", "webgains", "tradetracker-webgains"]
    {
        let conform = turnout(&["dialect", "conform", name], b"");
        assert_eq!(conform.code, Some(0), "{name}:\n{}{}", conform.out, conform.err);
    }
}

#[test]
fn a_case_that_does_not_hold_is_a_difference_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let case = format!(
        "[[case]]\nname = \"a click\"\nsource = \"a test\"\nrequest = \"{CLICK}\"\nclass = \"conversion\"\n\
         event = {{ advertiser_id = \"788\" }}\n"
    );
    file(&folder, "a.toml", case);
    let cases = folder.path().display().to_string();
    let failed = turnout(&["dialect", "conform", "shareasale", "--cases", &cases], b"");
    assert_eq!(failed.code, Some(1), "{failed:?}");
    for part in [
        "a.toml:1: a click",
        "- class conversion",
        "+ class click",
        "- event advertiser_id = 788",
        "+ event advertiser_id = 789",
    ] {
        assert!(failed.out.contains(part), "{part} is not in {}", failed.out);
    }
}

#[test]
fn mistakes_in_cases_and_names_are_told_with_their_places() {
    let folder = tempfile::tempdir().unwrap();
    file(&folder, "a.toml", "[[case]]\nname = \"x\"\nrequest = \"nonsense\"\nclas = \"click\"\n");
    file(
        &folder,
        "b.toml",
        "[[answer]]\nname = \"x\"\nsource = \"y\"\nendpoint = \"e\"\nverdict = \"takn\"\n",
    );
    let cases = folder.path().display().to_string();
    let broken = turnout(&["dialect", "conform", "shareasale", "--cases", &cases], b"");
    assert_eq!(broken.code, Some(2), "{broken:?}");
    for part in [
        "a.toml:1: `source` is missing",
        "a.toml:3: ",
        "did you mean `class`",
        "b.toml:5: ",
        "did you mean `taken`",
    ] {
        assert!(broken.err.contains(part), "{part} is not in {}", broken.err);
    }
    let nobody = turnout(&["dialect", "doc", "shareasail"], b"");
    assert_eq!(nobody.code, Some(2));
    assert!(nobody.err.contains("shareasale, shareasale-awin"), "{}", nobody.err);
    let empty = tempfile::tempdir().unwrap().path().display().to_string();
    assert_eq!(turnout(&["dialect", "conform", "awin", "--cases", &empty], b"").code, Some(2));
}

#[test]
fn a_dialect_of_ones_own_is_read_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(root().join("dialects/awin.toml")).unwrap();
    let mine = file(&folder, "mine.toml", text.replace("title = \"Awin\"", "title = \"Mine\""));
    let doc = turnout(&["dialect", "doc", &mine], b"");
    assert_eq!(doc.code, Some(0), "{doc:?}");
    assert!(
        doc.out.starts_with("# Mine\n")
            && doc.out.contains("| `awinmid` | `v` | `advertiser_id` | id | yes |")
    );
    let broken = file(&folder, "broken.toml", text.replacen("type = \"id\"", "type = \"idd\"", 1));
    let doc = turnout(&["dialect", "doc", &broken], b"");
    assert_eq!(doc.code, Some(2));
    assert!(doc.err.contains("broken.toml:") && doc.err.contains("did you mean `id`"), "{}", doc.err);
}

/// A combined log of the two examples, a request in the primary's words, one that nobody knows, and dirt.
fn log() -> String {
    let line = |host: &str, target: &str| {
        format!(
            "{host} 192.0.2.1 - - [23/Nov/2026:19:31:00 +0000] \"GET {target} HTTP/1.1\" 200 43 \"-\" \"A\"\r\n"
        )
    };
    let mut log = String::new();
    for number in 0..100 {
        let sale = format!(
            "/sale.cfm?tracking=ORDER{number:05}&amount=10.00&merchantID=789&transtype=sale&odd=jo@example.com"
        );
        log += &line("shareasale.com", &sale);
    }
    log += &line("www.shareasale.com:443", "/r.cfm?b=123&u=456&m=789&urllink=https%3A%2F%2Fexample.com");
    log += &line("www.shareasale.com", "/neu.cfm?merchantID=789&wert=5");
    log += "not a line of a log\n";
    log
}

#[test]
fn a_census_counts_covers_and_shows_no_value() {
    let folder = tempfile::tempdir().unwrap();
    let log = file(&folder, "access.log", log());
    let ended = turnout(&["census", &log, "--json"], b"");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let report: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((&report["requests"], &report["bad_lines"]), (&Value::from(102), &Value::from(1)));
    let sale = &report["endpoints"][0];
    assert_eq!((&sale["endpoint"], &sale["requests"]), (&Value::from("sale pixel"), &Value::from(100)));
    assert_eq!(sale["shapes"].as_array().unwrap().len(), 1);
    let fates: Vec<String> = sale["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            format!("{} {} {}", one["name"], one["fate"], one["patterns"][0]["pattern"]).replace('"', "")
        })
        .collect();
    let wanted = [
        "tracking mapped code{9..16}",
        "amount mapped decimal",
        "merchantID mapped digits{3}",
        "transtype mapped word",
        "odd unlisted email",
    ];
    assert_eq!(fates, wanted);
    for secret in ["ORDER00001", "jo@example.com", "not a line"] {
        assert!(!ended.out.contains(secret), "{secret} is shown");
    }
    let shown = turnout(&["census", &log, "--show-values"], b"");
    assert!(shown.out.contains("ORDER00000") && shown.out.contains("not a line"), "{}", shown.out);
}

#[test]
fn a_draft_is_a_dialect_that_loads() {
    let folder = tempfile::tempdir().unwrap();
    let (log, draft) =
        (file(&folder, "access.log", log()), folder.path().join("draft.toml").display().to_string());
    let ended = turnout(&["census", &log, "--draft", &draft], b"");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let text = fs::read_to_string(&draft).unwrap();
    for part in
        ["/neu.cfm", "name = \"wert\"", "field = \"advertiser_id\"", "name = \"odd\"", "handling = \"proxy\""]
    {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let doc = turnout(&["dialect", "doc", &draft], b"");
    assert_eq!(doc.code, Some(0), "{doc:?}");
}

#[test]
fn logs_that_are_empty_strange_or_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let empty = turnout(&["census", "-", "--json"], b"");
    let report: Value = serde_json::from_str(&empty.out).unwrap();
    assert_eq!((empty.code, &report["requests"]), (Some(2), &Value::from(0)));
    assert!(empty.err.contains("no request was found"), "{}", empty.err);
    let mut dirt = b"\xff\xfe\x00binary\n".to_vec();
    dirt.extend([CLICK.as_bytes(), b"\n", CLICK.as_bytes(), b"\xe9\n"].concat());
    dirt.extend(vec![b'x'; 1 << 20]);
    dirt.extend(format!("\n{CLICK}\n").into_bytes());
    let ended = turnout(&["census", "-", "--json"], &dirt);
    let report: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(
        (&report["requests"], &report["bad_lines"]),
        (&Value::from(3), &Value::from(2)),
        "{}",
        ended.out
    );
    let some = file(&folder, "some", CLICK);
    let missing = turnout(&["census", "no/such.log", &some, "--json"], b"");
    assert_eq!(missing.code, Some(2), "{missing:?}");
    assert!(missing.err.contains("no/such.log") && missing.out.contains("\"requests\":1"), "{missing:?}");
    let cut = turnout(&["census", "-"], b"\x1f\x8b\x08\x00\x00");
    assert_eq!(cut.code, Some(2), "{cut:?}");
    let wrong = turnout(&["census", "-", "--format", "combind"], b"");
    assert_eq!(
        (wrong.code, wrong.err.contains("combined, fields, json, urls")),
        (Some(2), true),
        "{wrong:?}"
    );
}

#[test]
fn a_long_translation_keeps_the_order_of_its_lines() {
    let mut input = String::new();
    for number in 0..3_000 {
        writeln!(input, "{SALE}&v={number}").unwrap();
    }
    let ended = turnout(&["translate", "--now", "0"], input.as_bytes());
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let lines: Vec<&str> = ended.out.lines().collect();
    assert_eq!(lines.len(), 3_000);
    for (number, line) in lines.iter().enumerate() {
        assert!(line.starts_with(&format!("{{\"input\":\"{SALE}&v={number}\"")), "line {number}: {line}");
    }
    let again = turnout(&["translate", "--now", "0"], input.as_bytes());
    assert_eq!(again.out, ended.out, "the same input gives the same bytes, however threads are scheduled");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let requests = file(&folder, "requests", format!("{SALE}\n").repeat(20_000));
    let mut child = Command::new(binary())
        .args(["translate", "--now", "0"])
        .stdin(fs::File::open(requests).unwrap())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut first).unwrap();
    drop(out);
    let ended = child.wait_with_output().unwrap();
    assert!(first.starts_with("{\"input\""), "{first}");
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn a_line_without_end_is_told_and_the_next_one_is_translated() {
    let mut input = vec![b'x'; 3 << 20];
    input.extend(format!("\n{SALE}\n").into_bytes());
    let ended = turnout(&["translate", "--now", "0"], &input);
    let lines: Vec<Value> = ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["problems"][0]["code"], "bad_input");
    assert!(lines[0]["problems"][0]["message"].as_str().unwrap().contains("longer than"));
    assert_eq!(lines[1]["class"], "conversion");
}
