//! Every way to misbehave, over the control interface, on both platforms.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use lab::{Fault, Mode, PlatformName, Running};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::{Reply, ask, booked, control, get, post, start};

const BOTH: [PlatformName; 2] = [PlatformName::Legacy, PlatformName::Primary];

fn pixel(platform: PlatformName, order: &str) -> (&'static str, String) {
    match platform {
        PlatformName::Legacy => {
            ("shareasale.com", format!("/sale.cfm?tracking={order}&amount=1.00&merchantID=789"))
        }
        PlatformName::Primary => {
            ("www.awin1.com", format!("/sread.img?ref={order}&amount=1.00&merchant=100789"))
        }
    }
}

async fn send(lab: &Running, platform: PlatformName, order: &str) -> std::io::Result<Reply> {
    let address = if platform == PlatformName::Legacy { lab.legacy } else { lab.primary };
    let (host, target) = pixel(platform, order);
    ask(address, "GET", (host, &target), &[], "").await
}

async fn set(lab: &Running, platform: PlatformName, mode: &str, ms: u64) {
    control(lab, "/fault", json!({ "platform": platform, "mode": mode, "ms": ms })).await;
}

fn last_outcome(lab: &Running, platform: PlatformName) -> String {
    lab.requests(platform, 0).last().map(|request| request.outcome.clone()).unwrap_or_default()
}

#[tokio::test]
async fn down_and_reset_take_the_request_and_book_nothing() {
    let lab = start().await;
    for platform in BOTH {
        for (mode, outcome) in [("down", "closed"), ("reset", "reset")] {
            set(&lab, platform, mode, 0).await;
            let error = send(&lab, platform, "D").await.err().expect("no answer");
            let want: &[ErrorKind] =
                if mode == "reset" { &[ErrorKind::ConnectionReset] } else { &[ErrorKind::UnexpectedEof] };
            assert!(want.contains(&error.kind()), "{mode}: {error}");
            assert_eq!(last_outcome(&lab, platform), outcome);
        }
        set(&lab, platform, "none", 0).await;
        assert_eq!(send(&lab, platform, "after").await.unwrap().status, 200);
        assert!(booked(&lab, platform, "D").is_empty());
        assert_eq!(lab.requests(platform, 0).len(), 3);
    }
}

#[tokio::test]
async fn refused_closes_the_port_and_gives_it_back() {
    let lab = start().await;
    for platform in BOTH {
        let address = if platform == PlatformName::Legacy { lab.legacy } else { lab.primary };
        let mut open = TcpStream::connect(address).await.unwrap();
        open.write_all(b"GET /robots.txt HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut first = [0; 12];
        open.read_exact(&mut first).await.unwrap();
        set(&lab, platform, "refused", 0).await;
        let mut rest = Vec::new();
        let cut = open.read_to_end(&mut rest).await;
        assert!(cut.is_ok() || cut.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
        let refused = TcpStream::connect(address).await.expect_err("nobody listens");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        for _ in 0..3 {
            set(&lab, platform, "none", 0).await;
            assert_eq!(send(&lab, platform, "back").await.unwrap().status, 200);
            set(&lab, platform, "refused", 0).await;
            assert!(TcpStream::connect(address).await.is_err());
        }
        set(&lab, platform, "down", 0).await;
        assert!(send(&lab, platform, "down").await.is_err());
    }
}

#[tokio::test]
async fn slow_books_at_once_and_answers_late() {
    let lab = start().await;
    for platform in BOTH {
        set(&lab, platform, "slow", 150).await;
        let began = Instant::now();
        let reply = send(&lab, platform, "S").await.unwrap();
        assert_eq!(reply.status, 200);
        assert!(began.elapsed() >= Duration::from_millis(150));
        assert_eq!(booked(&lab, platform, "S").len(), 1);
    }
}

#[tokio::test]
async fn a_blackhole_swallows_until_it_is_lifted() {
    let lab = start().await;
    for platform in BOTH {
        set(&lab, platform, "blackhole", 0).await;
        let mut pending = std::pin::pin!(send(&lab, platform, "B"));
        assert!(timeout(Duration::from_millis(100), &mut pending).await.is_err());
        assert_eq!(last_outcome(&lab, platform), "received");
        set(&lab, platform, "none", 0).await;
        assert!(timeout(Duration::from_secs(5), pending).await.expect("an end").is_err());
        assert!(booked(&lab, platform, "B").is_empty());
    }
}

#[tokio::test]
async fn errors_are_logged_answered_and_not_booked() {
    let lab = start().await;
    for platform in BOTH {
        set(&lab, platform, "error500", 0).await;
        assert_eq!(send(&lab, platform, "E").await.unwrap().status, 500);
        control(&lab, "/fault", json!({ "platform": platform, "mode": "error429", "retry_after_s": 7 }))
            .await;
        let reply = send(&lab, platform, "E").await.unwrap();
        assert_eq!((reply.status, reply.header("retry-after").as_str()), (429, "7"));
        set(&lab, platform, "reject200", 0).await;
        let reply = send(&lab, platform, "E").await.unwrap();
        assert_eq!(reply.status, 200);
        assert!(reply.header("content-type").starts_with("text/html"));
        assert!(booked(&lab, platform, "E").is_empty());
    }
}

#[tokio::test]
async fn a_rejection_uses_the_interfaces_own_words() {
    let lab = start().await;
    for platform in BOTH {
        lab.set_fault(platform, Fault::mode(Mode::Reject200)).await.unwrap();
    }
    let text = get(lab.legacy, "api.shareasale.com", "/w.cfm?action=new").await;
    assert_eq!((text.status, text.body.as_str()), (200, "Invalid Request - Error Code 4075 - 127.0.0.1"));
    let orders = json!({ "orders": [{ "orderReference": "J-1" }] });
    let reply = post(lab.primary, "api.awin.com", "/s2s/advertiser/100789/orders", &[], &orders).await;
    assert_eq!((reply.status, &reply.json()["successfulOrders"]), (200, &json!([])));
    assert_eq!(reply.json()["failedOrders"][0]["order"]["orderReference"], "J-1");
    assert_eq!(
        get(lab.primary, "www.awin1.com", "/robots.txt").await.header("content-type"),
        "text/html;charset=UTF-8"
    );
}

#[tokio::test]
async fn processed_then_no_answer_books_and_says_nothing() {
    let lab = start().await;
    for platform in BOTH {
        set(&lab, platform, "processed_then_no_answer", 0).await;
        assert!(send(&lab, platform, "P").await.is_err());
        assert_eq!(booked(&lab, platform, "P").len(), 1);
    }
}

#[tokio::test]
async fn flapping_comes_and_goes() {
    let lab = start().await;
    for platform in BOTH {
        control(&lab, "/fault", json!({ "platform": platform, "mode": "flapping", "ms": 20, "down_ms": 20 }))
            .await;
        let (mut up, mut down) = (0, 0);
        let until = Instant::now() + Duration::from_secs(10);
        while (up == 0 || down == 0) && Instant::now() < until {
            match send(&lab, platform, "F").await {
                Ok(_) => up += 1,
                Err(_) => down += 1,
            }
        }
        assert!(up > 0 && down > 0);
    }
}

#[tokio::test]
async fn a_fault_can_hit_some_and_only_some() {
    let lab = start().await;
    control(&lab, "/fault", json!({ "platform": "primary", "mode": "error500", "path": "sread" })).await;
    assert_eq!(get(lab.primary, "www.awin1.com", "/robots.txt").await.status, 200);
    assert_eq!(send(&lab, PlatformName::Primary, "O").await.unwrap().status, 500);
    assert_eq!(send(&lab, PlatformName::Legacy, "O").await.unwrap().status, 200);
}

#[tokio::test]
async fn the_control_interface_tells_what_happened() {
    let lab = start().await;
    let (host, target) = pixel(PlatformName::Legacy, "K-1");
    let headers = [("cookie", "MERCHANT789=456"), ("x-api-key", "secret"), ("referer", "https://shop/")];
    ask(lab.legacy, "POST", (host, &target), &headers, "hello").await.unwrap();
    let read = async |path: &str| get(lab.control, "control", path).await.json();
    let requests = read("/requests?platform=legacy&since=0").await;
    let one = &requests[0];
    assert_eq!(
        (&one["sequence"], &one["method"], &one["host"]),
        (&json!(1), &json!("POST"), &json!("shareasale.com"))
    );
    assert_eq!(
        (&one["path"], &one["query"]),
        (&json!("/sale.cfm"), &json!("tracking=K-1&amount=1.00&merchantID=789"))
    );
    assert_eq!((&one["headers"]["cookie"], &one["body"]), (&json!("MERCHANT789=456"), &json!("hello")));
    assert_eq!((&one["headers"]["x-api-key"], &one["outcome"]), (&json!("(present)"), &json!("200")));
    assert_eq!(read("/requests?platform=legacy&since=1").await, json!([]));
    let booked = read("/transactions?platform=legacy&order=K-1").await;
    assert_eq!((&booked[0]["publisher"], &booked[0]["evidence"]), (&json!(456), &json!("cookie")));
    assert_eq!((&booked[0]["received"], &booked[0]["amount_minor"]), (&json!(1), &json!(100)));
    let counts = read("/counts").await;
    assert_eq!((&counts["legacy"]["requests"], &counts["primary"]["requests"]), (&json!(1), &json!(0)));
    assert_eq!(counts["legacy"]["by_path"]["/sale.cfm"], 1);
    assert_eq!(read("/world").await["advertisers"][0]["legacy_id"], 789);

    set(&lab, PlatformName::Primary, "slow", 5).await;
    assert_eq!(read("/fault").await["primary"]["mode"], "slow");
    control(&lab, "/settings", json!({ "primary_zenaps_hop": true })).await;
    control(&lab, "/reset", json!({})).await;
    assert_eq!(read("/fault").await["primary"]["mode"], "none");
    assert_eq!(read("/settings").await["primary_zenaps_hop"], false);
    assert_eq!(read("/counts").await["legacy"]["requests"], 0);
    for (path, body) in [
        ("/fault", json!({ "platform": "primary", "mode": "tired" })),
        ("/fault", json!({ "platform": "third", "mode": "none" })),
        ("/settings", json!({ "unknown": 1 })),
        ("/settings", json!({ "advertisers": [{ "legacy_id": 1, "dedup": true }] })),
    ] {
        let status = post(lab.control, "control", path, &[], &body).await.status;
        assert!((400..500).contains(&status), "{path} {body}: {status}");
    }
}

#[tokio::test]
async fn stopping_closes_everything() {
    let lab = start().await;
    let addresses = [lab.legacy, lab.primary, lab.shop, lab.control];
    lab.stop().await;
    for address in addresses {
        assert!(TcpStream::connect(address).await.is_err());
    }
}
