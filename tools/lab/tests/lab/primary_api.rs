//! The JSON interface of the primary platform.

use lab::{Evidence, PlatformName, Running};
use serde_json::{Value, json};

use crate::client::{Reply, between, booked, control, get, get_with, post, start};

const PRIMARY: PlatformName = PlatformName::Primary;
const HOST: &str = "api.awin.com";

async fn send(lab: &Running, orders: Value) -> Reply {
    let key = lab.world().primary_api_keys[0].clone();
    post(
        lab.primary,
        HOST,
        "/s2s/advertiser/100789/orders",
        &[("x-api-key", &key)],
        &json!({ "orders": orders }),
    )
    .await
}

fn order(reference: &str) -> Value {
    json!({ "orderReference": reference, "amount": 12.5, "channel": "aw", "currency": "USD", "voucher": "NOBODYS" })
}

fn seconds() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test]
async fn a_bad_key_is_401_and_a_strange_account_403() {
    let lab = start().await;
    for headers in [vec![], vec![("x-api-key", "nobody")]] {
        let reply = post(lab.primary, HOST, "/s2s/advertiser/100789/orders", &headers, &json!({})).await;
        assert_eq!((reply.status, reply.json()["error"].as_str()), (401, Some("unauthorized")));
    }
    let key = lab.world().primary_api_keys[0].clone();
    let reply = post(lab.primary, HOST, "/s2s/advertiser/1/orders", &[("x-api-key", &key)], &json!({})).await;
    assert_eq!(reply.status, 403);
}

#[tokio::test]
async fn orders_are_booked_by_each_kind_of_evidence() {
    let lab = start().await;
    let click = get(lab.primary, "www.awin1.com", "/cread.php?awinmid=100789&awinaffid=200456").await;
    let awc = between(&click.header("location"), "awc=", "&").to_owned();
    let with = |reference: &str, extra: Value| {
        let mut order =
            json!({ "orderReference": reference, "amount": 12.5, "channel": "aw", "currency": "USD" });
        order.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        order
    };
    let voucher = lab.world().vouchers[0].clone();
    let reply = send(
        &lab,
        json!([
            with("V-1", json!({ "awc": awc })),
            with("V-2", json!({ "publisherId": 200_456, "clickTime": seconds() - 60 })),
            with("V-3", json!({ "voucher": voucher.code })),
            with("V-4", json!({ "publisherId": 200_456, "clickTime": 1_000_000 })),
        ]),
    )
    .await;
    assert_eq!(reply.status, 200);
    let answer = reply.json();
    assert_eq!(answer["successfulOrders"].as_array().unwrap().len(), 4);
    assert_eq!(answer["successfulOrders"][0]["orderReference"], "V-1");
    assert!(answer["batchId"].as_str().unwrap().len() == 36 && answer["failedOrders"] == json!([]));
    let evidence = |order: &str| booked(&lab, PRIMARY, order)[0].evidence;
    assert_eq!(
        ["V-1", "V-2", "V-3", "V-4"].map(evidence),
        [Evidence::ClickId, Evidence::PublisherTime, Evidence::Voucher, Evidence::None]
    );
}

#[tokio::test]
async fn invalid_orders_fail_one_by_one() {
    let lab = start().await;
    let cases = [
        (json!({ "amount": 1, "channel": "aw", "currency": "USD", "voucher": "X" }), "orderReference"),
        (
            json!({ "orderReference": "1", "amount": "1", "channel": "aw", "currency": "USD", "voucher": "X" }),
            "amount",
        ),
        (json!({ "orderReference": "2", "amount": 1, "currency": "USD", "voucher": "X" }), "channel"),
        (json!({ "orderReference": "3", "amount": 1, "channel": "aw", "voucher": "X" }), "currency"),
        (json!({ "orderReference": "4", "amount": 1, "channel": "aw", "currency": "USD" }), "awc"),
        (
            json!({ "orderReference": "5", "amount": 1, "channel": "aw", "currency": "USD", "publisherId": 1 }),
            "clickTime",
        ),
        (
            json!({ "orderReference": "6", "amount": 1, "channel": "aw", "currency": "USD", "publisherId": 1, "clickTime": seconds() }),
            "publisherId",
        ),
    ];
    let mut orders: Vec<Value> = cases.iter().map(|(order, _)| order.clone()).collect();
    orders.push(order("good"));
    let reply = send(&lab, json!(orders)).await;
    assert_eq!(reply.status, 206);
    let answer = reply.json();
    let failed = answer["failedOrders"].as_array().unwrap();
    for ((_, field), failure) in cases.iter().zip(failed) {
        assert_eq!(failure["errors"][0]["field"], *field);
    }
    assert_eq!((failed.len(), lab.transactions(PRIMARY).len()), (7, 1));
}

#[tokio::test]
async fn batches_and_references_have_their_limits() {
    let lab = start().await;
    let many: Vec<Value> = (0..1001).map(|at| order(&at.to_string())).collect();
    assert_eq!(send(&lab, json!(many)).await.status, 400);
    assert_eq!(send(&lab, json!([])).await.status, 400);
    assert_eq!(send(&lab, json!("x")).await.status, 400);
    assert_eq!(send(&lab, json!(many[..1000])).await.status, 200);
    let long = "y".repeat(70);
    assert_eq!(
        send(&lab, json!([order(&long)])).await.json()["successfulOrders"][0]["orderReference"],
        long[..50]
    );
    assert_eq!(lab.transactions(PRIMARY).len(), 1001);
}

#[tokio::test]
async fn an_order_sent_twice_is_booked_twice_unless_references_are_folded() {
    let lab = start().await;
    send(&lab, json!([order("W-1")])).await;
    send(&lab, json!([order("W-1")])).await;
    assert_eq!(booked(&lab, PRIMARY, "W-1").len(), 2);
    control(&lab, "/settings", json!({ "advertisers": [{ "primary_id": 100_789, "dedup": true }] })).await;
    send(&lab, json!([order("W-2")])).await;
    get(lab.primary, "www.awin1.com", "/sread.img?merchant=100789&amount=12.50&ref=W-2").await;
    let [one] = &booked(&lab, PRIMARY, "W-2")[..] else { panic!("one transaction") };
    assert_eq!((one.received, one.conflicting_amounts), (2, 0));
}

#[tokio::test]
async fn twenty_calls_a_minute_then_429() {
    let lab = start().await;
    for _ in 0..20 {
        assert_eq!(send(&lab, json!([order("R")])).await.status, 200);
    }
    let refused = send(&lab, json!([order("R")])).await;
    assert_eq!((refused.status, refused.header("retry-after").as_str()), (429, ""));
    control(&lab, "/settings", json!({ "primary_rate_limit_per_minute": 0 })).await;
    assert_eq!(send(&lab, json!([order("R")])).await.status, 200);
}

#[tokio::test]
async fn transactions_are_listed_and_validated() {
    let lab = start().await;
    send(&lab, json!([order("L-1"), order("L-2")])).await;
    let key = lab.world().primary_api_keys[0].clone();
    let bearer = format!("Bearer {key}");
    let list = async |query: &str| {
        let target = format!("/advertisers/100789/transactions/?{query}");
        get_with(lab.primary, HOST, &target, &[("authorization", &bearer)]).await
    };
    let all = "startDate=2026-01-01T00%3A00%3A00&endDate=2026-01-20T00:00:00&timezone=UTC";
    assert_eq!(list(all).await.json(), json!([]));
    assert_eq!(list("startDate=2026-01-01T00:00:00").await.status, 400);
    assert_eq!(list("startDate=2026-01-01T00:00:00&endDate=2026-03-01T00:00:00").await.status, 400);
    let rows = list("ids=1,2").await.json();
    assert_eq!(rows.as_array().unwrap().len(), 2);
    assert_eq!((&rows[0]["orderRef"], &rows[0]["commissionStatus"]), (&json!("L-1"), &json!("pending")));
    assert_eq!(rows[0]["saleAmount"], json!({ "amount": 12.5, "currency": "USD" }));
    assert_eq!(rows[0]["advertiserId"], 100_789);

    let steps = json!([
        { "action": "approve", "approve": true, "transaction": { "transactionId": 1 } },
        { "action": "decline", "transaction": { "orderRef": "L-2", "declineReason": "returned" } },
        { "action": "amend", "transaction": { "transactionId": 1, "amendReason": "part", "saleAmount": 10, "currency": "USD" } },
    ]);
    let target = "/advertisers/100789/transactions/batch";
    let reply = post(lab.primary, HOST, target, &[("authorization", &bearer)], &steps).await;
    assert!(reply.status == 200 && reply.json()["jobId"].is_string());
    let rows = list("ids=1,2&accessToken=ignored").await.json();
    assert_eq!(
        (&rows[0]["commissionStatus"], &rows[0]["saleAmount"]["amount"]),
        (&json!("approved"), &json!(10.0))
    );
    assert_eq!(
        (&rows[1]["commissionStatus"], &rows[1]["declineReason"]),
        (&json!("declined"), &json!("returned"))
    );
    let unknown = get(lab.primary, HOST, "/advertisers/100789/transactions/?ids=1").await;
    assert_eq!(unknown.status, 401);
    let as_parameter =
        get(lab.primary, HOST, &format!("/advertisers/100789/transactions/?ids=1&accessToken={key}")).await;
    assert_eq!(as_parameter.status, 200);
}
