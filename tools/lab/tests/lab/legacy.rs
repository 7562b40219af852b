//! Clicks and pixels of the legacy platform.

use lab::{Evidence, PlatformName};
use serde_json::json;

use crate::client::{Reply, ask, between, booked, control, get, get_with, start};

const LEGACY: PlatformName = PlatformName::Legacy;

/// Both hops of a click; answers with the click id, the first hop and the landing.
async fn click(lab: &lab::Running, target: &str) -> (String, Reply, String) {
    let first = get(lab.legacy, "shareasale.com", target).await;
    assert_eq!(first.status, 302);
    let location = first.header("location");
    let (_, rest) = location.split_once("://").unwrap();
    let at = rest.find('/').unwrap();
    let second = get(lab.legacy, &rest[..at], &rest[at..]).await;
    assert_eq!(second.status, 200);
    assert!(second.header("content-type").starts_with("text/html"));
    let landing = between(&second.body, "window.location.replace('", "'").replace('\\', "");
    let id =
        if landing.contains("sscid=") { between(&landing, "sscid=", "&").to_owned() } else { String::new() };
    (id, first, landing)
}

#[tokio::test]
async fn a_click_takes_two_hops_and_lands_with_the_click_id_first() {
    let lab = start().await;
    let (id, first, landing) =
        click(&lab, "/r.cfm?b=123&u=456&m=789&urllink=example.com%2Fp%3Fid%3D1&afftrack=news").await;
    let location = first.header("location");
    let want = "http://shareasale-analytics.com/r.cfm?b=123&u=456&m=789&urllink=example.com%2Fp%3Fid%3D1&afftrack=news&shrsl_analytics_sscid=";
    assert!(location.starts_with(want), "{location}");
    assert!(location.contains("%5F") && location.contains("&shrsl_analytics_sstid="), "{location}");
    let cookie = first.header("set-cookie");
    assert!(cookie.starts_with("MERCHANT789=456; Domain=.shareasale.com;"), "{cookie}");
    assert_eq!(landing, format!("https://example.com/p?sscid={id}&id=1"));
    let (prefix, serial) = id.split_once('_').unwrap();
    assert!(prefix.len() == 4 && prefix[1..].starts_with("1k"), "{id}");
    assert!((5..=6).contains(&serial.len()), "{id}");
    lab.stop().await;
}

#[tokio::test]
async fn destinations_are_read_as_people_write_them() {
    let lab = start().await;
    let cases = [
        ("urllink=&afftrack=", "https://www.example.com/?sscid="),
        ("", "https://www.example.com/?sscid="),
        ("urllink=www%2Eexample%2Ecom%2Fa%2Db", "https://www.example.com/a-b?sscid="),
        ("urllink=https://www.example.com/a/", "https://www.example.com/a/?sscid="),
        ("urllink=https%3A%2F%2Fexample.com%2F", "https://example.com/?sscid="),
        ("urllink=//example.com/x", "https://example.com/x?sscid="),
        ("urllink=evil.test%2Fx", "https://www.example.com/?sscid="),
        ("urllink=example.com.evil.test", "https://www.example.com/?sscid="),
        ("urllink=notexample.com", "https://www.example.com/?sscid="),
    ];
    for (query, want) in cases {
        let (_, _, landing) = click(&lab, &format!("/r.cfm?b=123&u=456&m=789&{query}")).await;
        assert!(landing.starts_with(want), "{query}: {landing}");
    }
    let raw = "/r.cfm?b=123&u=456&m=789&urllink=example.com/w?a=1&searchPath=Default&afftrack=x";
    let (id, _, landing) = click(&lab, raw).await;
    assert_eq!(landing, format!("https://example.com/w?sscid={id}&a=1&searchPath=Default"));
}

#[tokio::test]
async fn names_and_paths_are_read_in_any_case_and_dirt_survives() {
    let lab = start().await;
    for target in [
        "/R.CFM?B=123&U=456&M=789",
        "/r.cfm?b=123&amp;u=456&amp;m=789",
        "/u.cfm?D=1&U=456&M=789%20",
        "/m-pr.cfm?merchantid=789&userid=456&productid=9",
        "/r.cfm?m=789&u=456&afftrack",
    ] {
        let (id, _, _) = click(&lab, target).await;
        assert!(!id.is_empty(), "{target}");
    }
}

#[tokio::test]
async fn dead_ends_lead_somewhere_and_are_not_clicks() {
    let lab = start().await;
    for (target, want) in [
        ("/r.cfm?b=123", "https://www.shareasale.com/"),
        ("/r.cfm?b=123&u=456&m=1", "https://www.shareasale.com/"),
        ("/r.cfm?b=123&u=999&m=789", "https://www.example.com/"),
    ] {
        let reply = get(lab.legacy, "www.shareasale.com", target).await;
        assert_eq!((reply.status, reply.header("location").as_str()), (302, want), "{target}");
        assert!(reply.headers("set-cookie").is_empty());
    }
    for flag in ["closed", "offline"] {
        control(&lab, "/settings", json!({ "advertisers": [{ "legacy_id": 789, flag: true }] })).await;
        let reply = get(lab.legacy, "shareasale.com", "/r.cfm?b=123&u=456&m=789&afftrack=x").await;
        assert_eq!(
            reply.header("location"),
            "https://www.awin1.com/closedMerchant.html?b=123&u=456&m=789&afftrack=x"
        );
        control(&lab, "/settings", json!({ "advertisers": [{ "legacy_id": 789, flag: false }] })).await;
    }
    assert_eq!(lab.counts()["legacy"]["clicks"], 0);
}

#[tokio::test]
async fn the_click_id_earns_only_when_forced() {
    let lab = start().await;
    let (id, _, _) = click(&lab, "/r.cfm?b=123&u=456&m=789").await;
    let pixel = |order: &str, mode: &str| {
        format!("/sale.cfm?tracking={order}&amount=10.00&merchantID=789&transtype=sale&sscid={id}{mode}")
    };
    let reply = get(lab.legacy, "shareasale.com", &pixel("A-1", "&sscidmode=6")).await;
    assert_eq!((reply.status, reply.header("content-type").as_str()), (200, "image/gif"));
    assert!(reply.body.starts_with("GIF89a"));
    get(lab.legacy, "shareasale.com", &pixel("A-2", "")).await;
    let [first] = &booked(&lab, LEGACY, "A-1")[..] else { panic!("one transaction") };
    assert_eq!((first.publisher, first.evidence), (Some(456), Evidence::ClickId));
    assert_eq!((first.amount_minor, first.currency.as_str(), first.creative), (Some(1000), "USD", 123));
    assert_eq!(booked(&lab, LEGACY, "A-2")[0].evidence, Evidence::None);
}

#[tokio::test]
async fn the_cookie_earns_without_a_click_id() {
    let lab = start().await;
    let (_, first, _) = click(&lab, "/r.cfm?b=123&u=456&m=789").await;
    let cookie = first.cookies();
    let sale = "/sale.cfm?tracking=C-1&amount=5&merchantID=789&transtype=SALE";
    get_with(lab.legacy, "www.shareasale.com", sale, &[("cookie", &cookie)]).await;
    let one = &booked(&lab, LEGACY, "C-1")[0];
    assert_eq!((one.publisher, one.evidence, one.kind.as_str()), (Some(456), Evidence::Cookie, "sale"));
}

#[tokio::test]
async fn servers_and_beacons_book_too() {
    let lab = start().await;
    let q = "/q.cfm?amount=7.50&tracking=Q-1&transtype=sale&merchantID=789&userID=456&SSAIDDATA=x";
    let reply = ask(lab.legacy, "POST", ("shareasale.com", q), &[], "").await.unwrap();
    assert_eq!(reply.status, 200);
    let one = &booked(&lab, LEGACY, "Q-1")[0];
    assert_eq!((one.publisher, one.evidence), (Some(456), Evidence::UserId));
    let beacon = "/sale.cfm?amount=1.00&tracking=B-1&transtype=lead&merchantID=789&autovoid=1";
    ask(lab.legacy, "POST", ("www.shareasale-analytics.com", beacon), &[], "").await.unwrap();
    let one = &booked(&lab, LEGACY, "B-1")[0];
    assert_eq!((one.kind.as_str(), one.status.as_str()), ("lead", "voided"));
}

#[tokio::test]
async fn copies_in_a_short_time_become_one_and_lend_their_evidence() {
    let lab = start().await;
    let (id, _, _) = click(&lab, "/r.cfm?b=123&u=456&m=789").await;
    let raw = "/sale.cfm?tracking=D-1&amount=10.00&merchantID=789&transtype=sale";
    get(lab.legacy, "shareasale.com", raw).await;
    get(lab.legacy, "shareasale.com", &format!("{raw}&sscid={id}&sscidmode=6")).await;
    get(lab.legacy, "shareasale.com", &raw.replace("10.00", "11.00")).await;
    let [one] = &booked(&lab, LEGACY, "D-1")[..] else { panic!("one transaction") };
    assert_eq!((one.received, one.conflicting_amounts), (3, 1));
    assert_eq!((one.publisher, one.amount_minor), (Some(456), Some(1000)));

    let mut behaviour = lab.behaviour();
    behaviour.legacy_duplicate_window_ms = 0;
    lab.set_behaviour(behaviour);
    let later = booked(&lab, LEGACY, "D-1")[0].first_received_ms;
    while lab.transactions(LEGACY).len() < 2 {
        get(lab.legacy, "shareasale.com", raw).await;
    }
    assert!(booked(&lab, LEGACY, "D-1")[1].first_received_ms > later);
}

#[tokio::test]
async fn orders_without_a_number_are_never_folded() {
    let lab = start().await;
    for _ in 0..3 {
        get(lab.legacy, "shareasale.com", "/sale.cfm?tracking=&amount=1.00&merchantID=789&transtype=sale")
            .await;
    }
    assert_eq!(booked(&lab, LEGACY, "").len(), 3);
}

#[tokio::test]
async fn a_head_changes_nothing_and_nonsense_gets_a_pixel() {
    let lab = start().await;
    for target in ["/sale.cfm?tracking=H-1&amount=1&merchantID=789", "/r.cfm?b=123&u=456&m=789"] {
        let reply = ask(lab.legacy, "HEAD", ("shareasale.com", target), &[], "").await.unwrap();
        assert!(reply.status < 400 && reply.headers("set-cookie").is_empty());
    }
    for target in ["/sale.cfm", "/sale.cfm?merchantID=bonobos&amount=1", "/sread.php?merchant=100789&ref=1"] {
        assert_eq!(get(lab.legacy, "shareasale.com", target).await.header("content-type"), "image/gif");
    }
    assert!(lab.transactions(LEGACY).is_empty());
    assert_eq!(lab.counts()["legacy"]["clicks"], 0);
}

#[tokio::test]
async fn pictures_scripts_short_links_and_the_unknown() {
    let lab = start().await;
    let link = lab.world().short_links[0].clone();
    let kind = |reply: &Reply| reply.header("content-type");
    assert_eq!(kind(&get(lab.legacy, "static.shareasale.com", "/image/789/300x250.JPG").await), "image/jpeg");
    assert_eq!(kind(&get(lab.legacy, "shareasale-analytics.com", "/j.js").await), "application/javascript");
    assert_eq!(get(lab.legacy, "shareasale.com", "/robots.txt").await.status, 200);
    assert_eq!(get(lab.legacy, "shareasale.com", "/t.cfm").await.status, 404);
    for target in [format!("/{}", link.code), format!("/?{}", link.code)] {
        assert_eq!(get(lab.legacy, "shrsl.com", &target).await.header("location"), link.url);
    }
    assert_eq!(get(lab.legacy, "shrsl.com", "/YOUR-ID").await.status, 404);
}
