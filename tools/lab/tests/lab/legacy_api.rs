//! The signed interface of the legacy platform. The signature is computed by the tests' own means.

use lab::{Advertiser, Evidence, PlatformName, Running};
use sha2::{Digest, Sha256};

use crate::client::{Reply, booked, get, get_with, start};

fn merchant(lab: &Running) -> Advertiser {
    lab.world().advertisers.into_iter().find(|one| one.legacy_id == 789).unwrap()
}

fn now() -> String {
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let (mut day, mut year) = (seconds / 86_400, 1970);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while day >= if leap(year) { 366 } else { 365 } {
        day -= if leap(year) { 366 } else { 365 };
        year += 1;
    }
    let months = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while day >= months[month] {
        day -= months[month];
        month += 1;
    }
    let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("Mon, {:02} {} {year} {hour:02}:{minute:02}:{second:02} GMT", day + 1, names[month])
}

async fn call(lab: &Running, action: &str, rest: &str) -> Reply {
    let of = merchant(lab);
    let date = now();
    let digest = Sha256::digest(format!("{}:{date}:{action}:{}", of.legacy_token, of.legacy_secret));
    let signature: String = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    let target = format!("/w.cfm?merchantId=789&token={}&version=3.0&action={action}{rest}", of.legacy_token);
    let headers = [("x-ShareASale-Date", date.as_str()), ("x-ShareASale-Authentication", signature.as_str())];
    get_with(lab.legacy, "api.shareasale.com", &target, &headers).await
}

#[tokio::test]
async fn a_wrong_signature_is_a_polite_200() {
    let lab = start().await;
    let of = merchant(&lab);
    let target = format!("/w.cfm?merchantId=789&token={}&version=3.0&action=void", of.legacy_token);
    for headers in [
        vec![],
        vec![("x-shareasale-date", "Thu, 14 Apr 2011 22:44:22 GMT"), ("x-shareasale-authentication", "00")],
    ] {
        let reply = get_with(lab.legacy, "api.shareasale.com", &target, &headers).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("content-type"), "text/html;charset=UTF-8");
        assert_eq!(reply.body, "Invalid Request - Error Code 4075 - 127.0.0.1");
    }
}

#[tokio::test]
async fn orders_are_made_edited_referred_to_and_voided() {
    let lab = start().await;
    let reply = call(&lab, "new", "&transtype=sale&amount=20.00&tracking=N-1&userId=456").await;
    assert_eq!(reply.body, "Success");
    assert_eq!(booked(&lab, PlatformName::Legacy, "N-1")[0].evidence, Evidence::UserId);
    assert!(call(&lab, "new", "&transtype=sale&amount=20.00&tracking=N-2").await.body.contains("4075"));

    let named = "&date=01/01/2026&ordernumber=N-1";
    assert_eq!(call(&lab, "edit", &format!("{named}&newamount=15.00")).await.body, "Success");
    let reference = format!("{named}&transtype=sale&amount=5.00&tracking=N-1-b");
    assert_eq!(call(&lab, "reference", &reference).await.body, "Success");
    let child = &booked(&lab, PlatformName::Legacy, "N-1-b")[0];
    assert_eq!((child.publisher, child.evidence), (Some(456), Evidence::Reference));
    assert_eq!(call(&lab, "void", &format!("{named}&reason=returned")).await.body, "Success");
    let one = &booked(&lab, PlatformName::Legacy, "N-1")[0];
    assert_eq!((one.amount_minor, one.status.as_str()), (Some(1500), "voided"));

    let missing = call(&lab, "void", "&date=01/01/2026&ordernumber=nobody&reason=x").await;
    assert_eq!(missing.body, "Transaction Not Found");
    call(&lab, "new", "&transtype=sale&amount=20.00&tracking=N-1&userId=456").await;
    let ambiguous = call(&lab, "void", &format!("{named}&reason=x")).await;
    assert_eq!(ambiguous.body, "Multiple Transactions Found (ambiguous order number)");
    let rows = call(&lab, "transactiondetail", "&dateStart=01/01/2026").await;
    assert_eq!(rows.body.lines().count(), 4);
}

#[tokio::test]
async fn affiliates_read_their_activity() {
    let lab = start().await;
    call(&lab, "new", "&transtype=sale&amount=20.00&tracking=X-1&userId=456").await;
    let target = "/x.cfm?affiliateId=456&token=t&version=2.3&action=activity";
    let reply = get(lab.legacy, "api.shareasale.com", target).await;
    assert!(reply.body.contains("|Sale - X-1|"), "{}", reply.body);
    assert!(reply.body.ends_with(" \r\n"));
    let bad = get(lab.legacy, "shareasale.com", "/x.cfm?affiliateId=1&token=t&action=activity").await;
    assert!(bad.body.starts_with("Invalid Request - Error Code 4075"));
    let id = get(lab.legacy, "api.shareasale.com", "/webhooks/api/?action=awinid&merchantId=789").await;
    assert_eq!(id.body, "100789");
}
