//! What a browser's cookies and a visitor's refusal lead to, as the platforms and the shop see it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use system_tests::clicks::{follow, parameter};
use system_tests::wait::wait_until;
use system_tests::{Data, Row, Sale, System};

const WITHIN: Duration = Duration::from_secs(30);
const SECRET: &str = "hunter2-session";

/// The rows of an order, once there are `count` and none is on its way.
fn settled(system: &System, merchant: u64, reference: &str, count: usize) -> Vec<Row> {
    let look = || system.ledger().of_order(merchant, reference);
    let moving = |row: &Row| matches!(row.state.as_str(), "queued" | "in_flight");
    wait_until(reference, WITHIN, look, |rows| rows.len() == count && !rows.iter().any(moving))
}

/// The name and value of the cookie that begins so.
fn pair<'a>(lines: impl Iterator<Item = &'a str>, start: &str) -> String {
    let line = lines.into_iter().find(|line| line.starts_with(start));
    line.unwrap_or_else(|| panic!("no cookie {start}")).split(';').next().unwrap().to_owned()
}

#[test]
fn a_cookie_that_is_not_ours_goes_nowhere() {
    let system = System::up(Data::prepared());
    let staying = system.lab().not_moved().remove(0).legacy_id;
    let cookie = format!(
        "sid={SECRET}; MERCHANT{staying}=456; _ga={SECRET}; MERCHANT789=456; _aw_m_100789=100789_1_a"
    );
    let headers = [("cookie", cookie.as_str()), ("user-agent", "Mozilla/5.0")];
    let mut edge = system.edge();
    for target in [
        "/r.cfm?b=123&u=456&m=789".to_owned(),
        format!("/r.cfm?b=123&u=456&m={staying}"),
        Sale::plain(789, "FOREIGN-1", "5.00").target(),
        Sale::plain(staying, "FOREIGN-2", "5.00").target(),
        "/image/banner.gif".to_owned(),
        "/w.cfm?merchantId=789&token=x&version=2.8&action=void".to_owned(),
    ] {
        edge.get("shareasale.com", &target, &headers).unwrap();
    }
    edge.get("account.shareasale.com", "/a-login.cfm", &headers).unwrap();
    settled(&system, 789, "FOREIGN-1", 1);
    settled(&system, staying, "FOREIGN-2", 1);

    let seen = system.lab().requests("legacy");
    let cookies = |request: &Value| request["headers"]["cookie"].as_str().unwrap_or_default().to_owned();
    for request in &seen {
        let logged_in = request["path"] == "/a-login.cfm";
        assert_eq!(request.to_string().contains(SECRET), logged_in, "{request:#}");
        assert!(!cookies(request).contains("_aw_m_"), "the new form is ours alone: {request:#}");
    }
    let declared = format!("MERCHANT{staying}=456; MERCHANT789=456");
    for path in ["/r.cfm", "/sale.cfm"] {
        let own = seen.iter().find(|request| request["path"] == path);
        assert_eq!(cookies(own.unwrap_or_else(|| panic!("no {path} came: {seen:#?}"))), declared);
    }
    for request in system.lab().requests("primary") {
        assert!(cookies(&request).is_empty() && !request.to_string().contains(SECRET), "{request:#}");
    }
    assert_nowhere(Path::new(&system.data.text()), SECRET);
}

/// No file below `folder` holds `text`.
fn assert_nowhere(folder: &Path, text: &str) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_nowhere(&path, text);
        } else if let Ok(bytes) = std::fs::read(&path) {
            let found = bytes.windows(text.len()).any(|window| window == text.as_bytes());
            assert!(!found, "{text} stands in {}", path.display());
        }
    }
}

#[test]
fn a_click_id_in_the_url_is_enough_where_every_cookie_is_gone() {
    let system = System::up(Data::prepared());
    let click = follow(&mut system.edge(), "https://shareasale.com/r.cfm?b=123&u=456&m=789", &[]);
    let landing = parameter(click.location(), "ued").unwrap();
    let click_id = parameter(&landing, "sscid").unwrap();
    let target = format!("{}&sscid={click_id}", Sale::plain(789, "URL-1", "50.00").target());
    assert!(system.edge().get("shareasale.com", &target, &[]).unwrap().is_pixel());
    let rows = settled(&system, 789, "URL-1", 1);
    assert_eq!(rows[0].all["publisher_id"], 456, "{:#}", rows[0].all);
    assert_eq!(rows[0].all["evidence"], "token", "{:#}", rows[0].all);
}

#[test]
fn a_refusal_leaves_no_trace_whichever_way_the_reply_came_about() {
    let system = System::up(Data::prepared());
    let lab = system.lab();
    let staying = lab.not_moved().remove(0).legacy_id;
    let refused = ["&cons=0", "&us_privacy=1YYN", "&gdpr=1"];
    let refuse = |way: &str, merchant: u64| {
        for signal in refused {
            let url = format!("https://shareasale.com/r.cfm?b=123&u=456&m={merchant}{signal}");
            let click = follow(&mut system.edge(), &url, &[("cookie", &format!("MERCHANT{merchant}=456"))]);
            assert!(matches!(click.status, 200 | 302), "{way} {signal}: {click:?}");
            assert_eq!(click.all("set-cookie").count(), 0, "{way} {signal}: {click:?}");
            let location = click.header("location").unwrap_or_default();
            assert!(
                !location.contains("t1_") && !location.contains("clickref="),
                "{way} {signal}: {click:?}"
            );
        }
    };
    refuse("redirect", 789);
    refuse("proxy", staying);
    for platform in ["primary", "legacy"] {
        lab.fault(platform, "refused");
    }
    // Only the new platform is probed; the old one's silence is met by the click itself.
    system.wait_for_breaker("primary", "open");
    refuse("direct", 789);
    refuse("legacy is down", staying);
    for platform in ["primary", "legacy"] {
        lab.fault(platform, "none");
    }
    let sale = format!("{}&cons=0", Sale::plain(789, "REFUSED-1", "5.00").target());
    let cookie = pair(
        follow(&mut system.edge(), "https://shareasale.com/r.cfm?b=123&u=456&m=789", &[]).all("set-cookie"),
        "MERCHANT789=",
    );
    let answer = system.edge().get("shareasale.com", &sale, &[("cookie", &cookie)]).unwrap();
    assert!(answer.is_pixel() && answer.all("set-cookie").count() == 0, "{answer:?}");
    let rows = settled(&system, 789, "REFUSED-1", 1);
    assert_eq!(rows[0].all["publisher_id"], Value::Null, "booked, and credited to nobody: {:#}", rows[0].all);
    let told = lab
        .requests("primary")
        .into_iter()
        .find(|request| request["query"].as_str().unwrap().contains("REFUSED-1"));
    let query = told.unwrap()["query"].as_str().unwrap().to_owned();
    assert!(query.contains("cons=0") && !query.contains("t1_") && !query.contains("cks="), "{query}");
}
