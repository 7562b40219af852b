//! The system before: what it delivers, and what it loses.

use std::net::SocketAddr;
use std::time::Duration;

use lab::old_design::{OldDesign, OldDesignSettings, start as start_old};
use lab::{Fault, Mode, PlatformName, Running};

use crate::client::{booked, get, start};

async fn old(lab: &Running, timeout_ms: u64) -> OldDesign {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut settings = OldDesignSettings::new(listen, lab.primary, lab.legacy, lab.world());
    settings.timeout = Duration::from_millis(timeout_ms);
    settings.retry_every = Duration::from_millis(20);
    start_old(settings).await.unwrap()
}

fn sale(order: &str) -> String {
    format!("/sale.cfm?tracking={order}&amount=10.00&merchantID=789&transtype=sale")
}

#[tokio::test]
async fn moved_merchants_go_to_the_primary_and_others_stay() {
    let lab = start().await;
    let old = old(&lab, 2_000).await;
    let click =
        get(old.address, "shareasale.com", "/r.cfm?b=123&u=456&m=789&afftrack=n&urllink=example.com%2Fx")
            .await;
    assert!(
        click.header("location").starts_with("https://example.com/x?source=aw&awc=100789_"),
        "{}",
        click.header("location")
    );
    assert!(click.header("set-cookie").starts_with("aw100789="));
    assert_eq!(get(old.address, "shareasale.com", &sale("O-1")).await.status, 200);
    assert_eq!(booked(&lab, PlatformName::Primary, "O-1").len(), 1);
    let stays = lab.world().advertisers.into_iter().find(|one| !one.moved).unwrap().legacy_id;
    get(old.address, "shareasale.com", &sale("O-2").replace("789", &stays.to_string())).await;
    assert_eq!(booked(&lab, PlatformName::Legacy, "O-2").len(), 1);
    assert_eq!((old.stats().by_primary, old.stats().by_legacy), (2, 1));
}

#[tokio::test]
async fn a_timeout_after_booking_books_twice() {
    let lab = start().await;
    let old = old(&lab, 100).await;
    lab.set_fault(PlatformName::Primary, Fault::timed(Mode::Slow, 1_000)).await.unwrap();
    get(old.address, "shareasale.com", &sale("T-1")).await;
    assert_eq!(booked(&lab, PlatformName::Primary, "T-1").len(), 1);
    assert_eq!(booked(&lab, PlatformName::Legacy, "T-1").len(), 1);
}

#[tokio::test]
async fn with_both_dead_it_says_yes_and_a_crash_forgets() {
    let lab = start().await;
    let old = old(&lab, 500).await;
    for platform in [PlatformName::Primary, PlatformName::Legacy] {
        lab.set_fault(platform, Fault::mode(Mode::Refused)).await.unwrap();
    }
    let reply = get(old.address, "shareasale.com", &sale("C-1")).await;
    assert_eq!((reply.status, reply.header("content-type").as_str()), (200, "image/gif"));
    assert_eq!(get(old.address, "shareasale.com", "/r.cfm?b=123&u=456&m=789").await.status, 502);
    while old.stats().dropped == 0 {
        tokio::task::yield_now().await;
    }
    get(old.address, "shareasale.com", &sale("C-2")).await;
    assert_eq!(old.stats().by_itself, 3);
    old.crash().await;
    assert!(
        lab.transactions(PlatformName::Primary).is_empty()
            && lab.transactions(PlatformName::Legacy).is_empty()
    );
}
