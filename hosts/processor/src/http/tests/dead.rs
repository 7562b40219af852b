//! Dead letters over real HTTP.

use axum::http::StatusCode;
use ledger::Ledger;
use serde_json::{Value, json};

use super::{House, body, keys};
use crate::processor::tests::world::{OBSERVED, Sale, UNMAPPED, event_id, sale};
use crate::serve::now;

/// A house in which two sales are held and one is taken.
async fn house(folder: &tempfile::TempDir) -> House {
    let house = House::open(Ledger::open(&folder.path().join("ledger.sqlite")).unwrap()).await;
    let sales: Vec<Sale> = [(1, UNMAPPED), (2, UNMAPPED), (3, OBSERVED)]
        .map(|(id, advertiser)| Sale { at: now(), ..sale(id, advertiser) })
        .to_vec();
    house.post_batch(body(&sales), |body| keys().sign(body, now())).await;
    house.until(|states| states["held"] == 2 && states["taken"] == 1).await;
    house
}

async fn ask(house: &House, path: &str) -> Value {
    let (status, answer) = house.operator(path, None).await;
    assert_eq!(status, StatusCode::OK, "{path}: {answer}");
    answer
}

async fn tell(house: &House, path: &str, order: Value) -> Value {
    let (status, answer) = house.operator(path, Some(order.clone())).await;
    assert_eq!(status, StatusCode::OK, "{path} {order}: {answer}");
    answer
}

async fn refused(house: &House, path: &str, order: Option<Value>) -> (StatusCode, String) {
    let (status, answer) = house.operator(path, order).await;
    (status, answer["error"]["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn groups_lists_and_pages_say_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(&folder).await;
    let groups = ask(&house, "/dead/groups").await;
    let group = &groups["groups"][0];
    assert_eq!((&group["group"], &group["count"]), (&json!("held/advertiser_unmapped"), &json!(2)));
    assert_eq!(group["sums"], json!([{ "amount": "20.00", "currency": "USD" }]));
    assert!(group["advice"].as_str().unwrap().contains("map"));
    let page = ask(&house, "/dead?group=held%2Fadvertiser_unmapped&limit=1").await;
    assert_eq!(page["dead"].as_array().unwrap().len(), 1);
    let next = page["next_after"].as_str().unwrap();
    let page = ask(&house, &format!("/dead?limit=1&after={next}&amount_min=5&currency=usd")).await;
    assert_eq!(page["dead"][0]["event_id"], json!(event_id(2)));
    assert_eq!(ask(&house, "/dead?since=2020-01-01&until=2020-01-02").await["dead"], json!([]));
    for path in ["/dead?state=taken", "/dead?amount_min=5", "/dead?sinec=2020-01-01", "/dead?since=soon"] {
        assert_eq!(refused(&house, path, None).await.0, StatusCode::BAD_REQUEST, "{path}");
    }
    assert_eq!(ask(&house, "/dead/changes").await["changes"], json!([]));
    house.running.stop().await;
}

#[tokio::test]
async fn what_is_personal_is_shown_to_who_asks_for_it_by_name_and_is_written_down_first() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(&folder).await;
    let path = format!("/dead/{}", event_id(1));
    let shown = ask(&house, &path).await;
    assert_eq!(
        (&shown["original"]["masked"], &shown["original"]["host"]),
        (&json!(true), &json!("old.example"))
    );
    assert!(!shown.to_string().contains("secret-"), "I9: {shown}");
    let reveal = format!("{path}/reveal");
    let nameless = json!({ "actor": " ", "reason": "why not" });
    assert_eq!(refused(&house, &reveal, Some(nameless)).await.0, StatusCode::BAD_REQUEST);
    let told = tell(&house, &reveal, json!({ "actor": "ada", "reason": "the shop asks" })).await;
    assert!(told["original"]["target"].as_str().unwrap().contains("secret-name"), "{told}");
    assert_eq!(told["original"]["client"], "203.0.113.9");
    let journal = ask(&house, &path).await["journal"].clone();
    assert_eq!((&journal[0]["action"], &journal[0]["detail"]), (&json!("reveal"), &json!("the shop asks")));
    let order = json!({ "actor": "ada", "reason": "not ours" });
    tell(&house, &format!("{path}/discard"), order).await;
    let gone = json!({ "actor": "ada", "reason": "again" });
    assert_eq!(
        refused(&house, &reveal, Some(gone)).await.0,
        StatusCode::NOT_FOUND,
        "erased with the discard"
    );
    house.running.stop().await;
}

#[tokio::test]
async fn two_clients_who_press_at_once_make_one_order() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(&folder).await;
    let order = |actor: &str| {
        json!({ "operation": "OPS-1", "action": "discard", "search": { "group": "held/advertiser_unmapped" },
            "actor": actor, "reason": "test orders" })
    };
    let dry = {
        let mut dry = order("ada");
        dry["dry_run"] = json!(true);
        dry
    };
    let told = tell(&house, "/orders", dry).await;
    assert_eq!((&told["items"], &told["sums"][0]["amount"]), (&json!(2), &json!("20.00")));
    assert_eq!(house.states().await["held"], 2, "a dry run moves nothing");
    let (one, other) =
        tokio::join!(tell(&house, "/orders", order("ada")), tell(&house, "/orders", order("bea")));
    let before = |answer: &Value| answer["order"]["ordered_before"].as_bool().unwrap();
    assert_ne!(before(&one), before(&other), "{one} {other}");
    assert_eq!(one["order"]["actor"], other["order"]["actor"], "the first one's");
    let order = ask(&house, "/orders/OPS-1").await;
    assert_eq!((&order["order"]["state"], &order["outcomes"]), (&json!("done"), &json!({ "done": 2 })));
    assert_eq!(house.states().await["dropped"], 2);
    let other = json!({ "operation": "OPS-1", "action": "redrive", "events": [event_id(1)], "actor": "ada" });
    assert_eq!(refused(&house, "/orders", Some(other)).await, (StatusCode::CONFLICT, "operation".to_owned()));
    let listed = ask(&house, "/orders").await;
    assert_eq!(listed["orders"].as_array().unwrap().len(), 1);
    assert_eq!(ask(&house, "/audit").await["balances"], true);
    house.running.stop().await;
}

#[tokio::test]
async fn an_order_that_says_too_little_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(&folder).await;
    let bad = [
        json!({ "action": "discard", "events": [event_id(1)], "actor": "ada" }),
        json!({ "action": "discard", "events": [event_id(1)], "reason": "x" }),
        json!({ "action": "discard", "events": [event_id(1)], "actor": "", "reason": "x" }),
        json!({ "action": "delete", "events": [event_id(1)], "actor": "ada", "reason": "x" }),
        json!({ "action": "discard", "events": [], "actor": "ada", "reason": "x" }),
        json!({ "action": "discard", "search": {}, "actor": "ada", "reason": "x" }),
        json!({ "action": "discard", "search": { "gruop": "held" }, "actor": "ada", "reason": "x" }),
        json!({ "action": "redrive", "search": { "state": "held" }, "actor": "ada" }),
        json!({ "action": "redrive", "operation": "a b", "events": [event_id(1)], "actor": "ada" }),
        json!({ "action": "redrive", "events": [event_id(1)], "actor": "a\nda" }),
    ];
    for order in bad {
        let (status, _) = house.operator("/orders", Some(order.clone())).await;
        assert!(status.is_client_error(), "{order}: {status}");
    }
    assert_eq!(house.states().await["held"], 2);
    assert_eq!(ask(&house, "/orders").await["orders"], json!([]));
    let decider = Some(json!({ "actor": "ada" }));
    assert_eq!(refused(&house, "/orders/none/approve", decider.clone()).await.0, StatusCode::NOT_FOUND);
    assert_eq!(refused(&house, "/orders/none/stop", decider).await.0, StatusCode::NOT_FOUND);
    assert_eq!(refused(&house, "/orders/none", None).await.0, StatusCode::NOT_FOUND);
    house.running.stop().await;
}

#[tokio::test]
async fn tries_edits_and_settlements_answer_with_what_they_did() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(&folder).await;
    let tried = tell(&house, "/dead/try", json!({ "search": { "state": "held" } })).await;
    assert_eq!((&tried["tried"], &tried["tally"]), (&json!(2), &json!({ "held": 2 })));
    assert_eq!(tried["events"][0]["in_the_way"][0]["code"], "advertiser_unmapped");
    let edit = |set: Value| json!({ "set": set, "actor": "ada", "reason": "asked the shop" });
    let path = format!("/dead/{}/edit", event_id(1));
    let (status, code) = refused(&house, &path, Some(edit(json!({ "amount": "ten" })))).await;
    assert_eq!((status, code.as_str()), (StatusCode::CONFLICT, "edit"));
    let (status, _) = refused(&house, &path, Some(edit(json!({ "amuont": "10" })))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let edited = tell(&house, &path, edit(json!({ "amount": "12.00" }))).await;
    assert_eq!(
        (&edited["state"], &edited["changes"]),
        (&json!("held"), &json!("amount 10.00 USD -> 12.00 USD"))
    );
    let shown = ask(&house, &format!("/conversions/{}", event_id(1))).await;
    assert_eq!(shown["edits"][0]["before"]["amount"], "10.00", "{shown}");
    let settle = |arrived: bool, id| json!({ "events": [event_id(id)], "arrived": arrived, "evidence": "the report", "actor": "ada" });
    let told = tell(&house, "/dead/settle", settle(true, 3)).await;
    assert_eq!(
        (&told["events"][0]["outcome"], &told["events"][0]["state"]),
        (&json!("done"), &json!("confirmed"))
    );
    let told = tell(&house, "/dead/settle", settle(true, 1)).await;
    assert_eq!(told["events"][0]["outcome"], "refused", "{told}");
    assert_eq!(ask(&house, "/audit").await["balances"], true);
    house.running.stop().await;
}

#[tokio::test]
async fn changes_are_found_by_their_group_and_by_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(&folder).await;
    let order = |search: Value| Some(json!({ "search": search, "actor": "ada", "reason": "test" }));
    let group = "change/edit/rejected";
    for search in
        [json!({ "group": group, "advertiser_id": 7 }), json!({ "group": group, "since": "2026-11-30" })]
    {
        let told = refused(&house, "/dead/discard", order(search.clone())).await;
        assert_eq!(told.0, StatusCode::BAD_REQUEST, "{search}: every merchant's would be meant");
    }
    let (status, _) = house.operator("/dead/discard", order(json!({ "group": group }))).await;
    assert_eq!(status, StatusCode::OK);
    house.running.stop().await;
}
