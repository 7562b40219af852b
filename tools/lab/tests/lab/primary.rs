//! Clicks and pixels of the primary platform.

use lab::{Evidence, PlatformName, Running};
use serde_json::json;

use crate::client::{Reply, ask, between, booked, control, get, get_with, start};

const PRIMARY: PlatformName = PlatformName::Primary;
const HOST: &str = "www.awin1.com";

async fn click(lab: &Running, target: &str) -> (String, Reply) {
    let reply = get(lab.primary, HOST, target).await;
    assert_eq!(reply.status, 302, "{target}");
    let location = reply.header("location");
    let id = if location.contains("awc=") {
        between(&location, "awc=", "&").split('#').next().unwrap().to_owned()
    } else {
        String::new()
    };
    (id, reply)
}

#[tokio::test]
async fn a_click_lands_with_the_click_id_and_two_cookies() {
    let lab = start().await;
    let target = "/cread.php?awinmid=100789&awinaffid=200456&clickref=a1&ued=https%3A%2F%2Fexample.com%2Fp%3Fid%3D1%23top";
    let (id, reply) = click(&lab, target).await;
    assert_eq!(reply.header("location"), format!("https://example.com/p?id=1&source=aw&awc={id}#top"));
    let parts: Vec<&str> = id.split('_').collect();
    assert_eq!((parts.len(), parts[0], parts[2].len()), (3, "100789", 32));
    assert!(parts[2].bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)));
    let cookies = reply.headers("set-cookie");
    assert!(
        cookies[0].starts_with(&format!("aw100789=200456%7C0%7C0%7C{}%7Ca1%7Caw%7C0;", parts[1])),
        "{cookies:?}"
    );
    let browser = between(&cookies[1], "bId=HLEX_", ";");
    assert_eq!((browser.len(), &browser[14..15]), (23, "."), "{browser}");
    let again = get_with(lab.primary, HOST, target, &[("cookie", &format!("bId=HLEX_{browser}"))]).await;
    assert!(again.headers("set-cookie")[1].contains(browser));
}

#[tokio::test]
async fn every_shape_of_link_is_a_click() {
    let lab = start().await;
    for target in [
        "/cread.php?awinmid=100789&awinaffid=200456",
        "/cread.php?s=300123&v=100789&q=1&r=200456",
        "/cread.php?v=100789&t=200456&p=https%3A%2F%2Fexample.com%2F",
        "/awclick.php?mid=100789&id=200456",
        "/awclick.php?gid=1&mid=100789&awinaffid=200456&linkid=300123&p=[[https://example.com/x]]",
        "/pclick.php?p=42&a=200456&m=100789",
    ] {
        let (id, reply) = click(&lab, target).await;
        assert!(id.starts_with("100789_"), "{target}");
        assert!(reply.headers("set-cookie")[0].starts_with("aw100789=200456%7C"), "{target}");
    }
    let (_, foreign) =
        click(&lab, "/cread.php?awinmid=100789&awinaffid=200456&ued=https%3A%2F%2Fevil.test%2F").await;
    assert!(foreign.header("location").starts_with("https://www.example.com/?source=aw&awc="));
    let (_, nobody) = click(&lab, "/cread.php?awinmid=100789&awinaffid=1").await;
    assert!(nobody.headers("set-cookie")[0].starts_with("aw100789=13430%7C"));
}

#[tokio::test]
async fn refused_consent_leaves_no_trace() {
    let lab = start().await;
    for signal in ["cons=0", "gdpr=1", "gdpr=1&gdpr_consent="] {
        let (id, reply) = click(&lab, &format!("/cread.php?awinmid=100789&awinaffid=200456&{signal}")).await;
        assert_eq!(id, "", "{signal}");
        assert_eq!(reply.header("location"), "https://www.example.com/?source=aw");
        assert!(reply.headers("set-cookie").is_empty());
    }
    let (id, _) = click(&lab, "/cread.php?awinmid=100789&awinaffid=200456&gdpr=0").await;
    assert!(!id.is_empty());
}

#[tokio::test]
async fn the_second_cookie_domain_is_an_option() {
    let lab = start().await;
    control(&lab, "/settings", json!({ "primary_zenaps_hop": true })).await;
    let reply = get(lab.primary, HOST, "/cread.php?awinmid=100789&awinaffid=200456&clickref=z").await;
    let location = reply.header("location");
    assert!(
        location.starts_with("https://www.zenaps.com/rclick.php?mid=100789&c_len=2592000&c_ts="),
        "{location}"
    );
    let second =
        get(lab.primary, "www.zenaps.com", location.trim_start_matches("https://www.zenaps.com")).await;
    assert_eq!(second.status, 302);
    assert!(second.header("location").starts_with("https://www.example.com/?source=aw&awc=100789_"));
    let cookie = second.header("set-cookie");
    assert!(cookie.starts_with("aw100789=200456%7C") && cookie.contains("Domain=.zenaps.com"), "{cookie}");
}

#[tokio::test]
async fn dead_programmes_answer_with_a_page_that_says_200() {
    let lab = start().await;
    let target = "/cread.php?awinmid=100789&awinaffid=200456";
    for flag in ["offline", "closed"] {
        control(&lab, "/settings", json!({ "advertisers": [{ "primary_id": 100_789, flag: true }] })).await;
        let reply = get(lab.primary, HOST, target).await;
        assert_eq!(reply.status, 302);
        assert_eq!(reply.header("location"), "https://awin1.com/closedMerchant.html?mid=100789&aid=200456");
        assert!(reply.headers("set-cookie").is_empty());
        control(&lab, "/settings", json!({ "advertisers": [{ "primary_id": 100_789, flag: false }] })).await;
    }
    let page = get(lab.primary, "awin1.com", "/closedMerchant.html?mid=1&aid=2").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("This link is inactive"));
    let publisher = lab.world().publishers.into_iter().find(|one| one.fallback_url.is_some()).unwrap();
    let reply =
        get(lab.primary, HOST, &format!("/cread.php?awinmid=1&awinaffid={}", publisher.primary_id)).await;
    assert_eq!(Some(reply.header("location")), publisher.fallback_url);
}

#[tokio::test]
async fn pixels_say_nothing_in_either_vocabulary() {
    let lab = start().await;
    let (id, _) = click(&lab, "/cread.php?awinmid=100789&awinaffid=200456&clickref=ref9").await;
    let long = |order: &str| {
        format!(
            "tt=ss&tv=2&merchant=100789&amount=10.00&ch=aw&parts=DEFAULT:10.00&vc=&cr=USD&ref={order}&cks={id}&p4=2&p6=rental"
        )
    };
    let short =
        |order: &str| format!("tt=js&tv=2&a=100789&b=10.00&c={order}&d=DEFAULT:10.00&ch=aw&cr=EUR&cks={id}");
    for (at, path) in ["/sread.img", "/sread.php", "/sread.js"].into_iter().enumerate() {
        for method in ["GET", "POST"] {
            for (name, query) in
                [("L", long(&format!("L{at}{method}"))), ("S", short(&format!("S{at}{method}")))]
            {
                let reply =
                    ask(lab.primary, method, (HOST, &format!("{path}?{query}")), &[], "").await.unwrap();
                let want = if path == "/sread.js" { "application/javascript" } else { "image/gif" };
                assert_eq!((reply.status, reply.header("content-type").as_str()), (200, want));
                let one = &booked(&lab, PRIMARY, &format!("{name}{at}{method}"))[0];
                assert_eq!((one.publisher, one.evidence), (Some(200_456), Evidence::ClickId));
                assert_eq!((one.amount_minor, one.click_reference.as_str()), (Some(1000), "ref9"));
            }
        }
    }
    assert_eq!(booked(&lab, PRIMARY, "L0GET")[0].details["p6"], "rental");
    for nonsense in
        ["/sread.img", "/sread.img?merchant=1&ref=1&amount=1", "/sread.img?merchant=100789&amount=1"]
    {
        let reply = get(lab.primary, HOST, nonsense).await;
        assert_eq!((reply.status, reply.header("content-type").as_str()), (200, "image/gif"));
    }
    assert_eq!(lab.transactions(PRIMARY).len(), 12);
}

#[tokio::test]
async fn evidence_is_a_voucher_then_a_click_id_then_a_cookie() {
    let lab = start().await;
    let (first, reply) = click(&lab, "/cread.php?awinmid=100789&awinaffid=200456").await;
    let other = lab.world().publishers[3].primary_id;
    let (second, _) = click(&lab, &format!("/cread.php?awinmid=100789&awinaffid={other}")).await;
    let voucher = lab.world().vouchers.into_iter().find(|one| one.advertiser == 100_789).unwrap();
    let sale = |order: &str, rest: &str| format!("/sread.img?merchant=100789&amount=1.00&ref={order}{rest}");
    let cookie = reply.cookies();
    let cases = [
        (
            "E-1",
            format!("&cks={first}&vc={}", voucher.code.to_lowercase()),
            "",
            Evidence::Voucher,
            Some(voucher.publisher),
        ),
        ("E-2", format!("&cks={second}"), cookie.as_str(), Evidence::ClickId, Some(other)),
        ("E-3", "&cks=".to_owned(), cookie.as_str(), Evidence::Cookie, Some(200_456)),
        ("E-4", "&cks=100789_1_abc".to_owned(), "", Evidence::None, None),
        ("E-5", "&vc=null".to_owned(), "", Evidence::None, None),
    ];
    for (order, rest, cookie, evidence, publisher) in cases {
        get_with(lab.primary, HOST, &sale(order, &rest), &[("cookie", cookie)]).await;
        let one = &booked(&lab, PRIMARY, order)[0];
        assert_eq!((one.evidence, one.publisher), (evidence, publisher), "{order}");
    }
}

#[tokio::test]
async fn references_are_folded_only_where_the_programme_says_so() {
    let lab = start().await;
    let sale = |order: &str| format!("/sread.img?merchant=100789&amount=10.00&ref={order}");
    get(lab.primary, HOST, &sale("F-1")).await;
    get(lab.primary, HOST, &sale("F-1")).await;
    assert_eq!(booked(&lab, PRIMARY, "F-1").len(), 2);
    control(&lab, "/settings", json!({ "primary_dedup": true })).await;
    for _ in 0..3 {
        get(lab.primary, HOST, &sale("F-2")).await;
    }
    let [one] = &booked(&lab, PRIMARY, "F-2")[..] else { panic!("one transaction") };
    assert_eq!(one.received, 3);
    let long = "x".repeat(60);
    get(lab.primary, HOST, &sale(&long)).await;
    assert_eq!(booked(&lab, PRIMARY, &long[..50]).len(), 1);
}

#[tokio::test]
async fn tests_probes_and_heads_are_not_money() {
    let lab = start().await;
    get(lab.primary, HOST, "/sread.img?merchant=100789&amount=1&ref=T-1&testmode=1").await;
    assert!(booked(&lab, PRIMARY, "T-1")[0].test);
    ask(lab.primary, "HEAD", (HOST, "/sread.img?merchant=100789&amount=1&ref=T-2"), &[], "").await.unwrap();
    assert!(booked(&lab, PRIMARY, "T-2").is_empty());
    assert_eq!(get(lab.primary, HOST, "/robots.txt").await.status, 200);
    assert_eq!(
        get(lab.primary, "www.dwin1.com", "/19038.js").await.header("content-type"),
        "application/javascript"
    );
    assert_eq!(get(lab.primary, HOST, "/nothing").await.status, 404);
}
