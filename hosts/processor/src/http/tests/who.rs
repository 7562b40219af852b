//! Named operators over real HTTP: the journal has the name of whose token was shown.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use ledger::Ledger;
use serde_json::{Value, json};

use super::{House, TOKEN, body, keys};
use crate::Operator;
use crate::processor::tests::world::{Sale, UNMAPPED, event_id, sale};
use crate::serve::now;

fn operator(name: &str, token: &str) -> Operator {
    Operator { name: name.to_owned(), token_hash: crate::token_hash(token) }
}

/// A house in which two sales are held.
async fn house() -> House {
    let house = House::open(Ledger::in_memory().unwrap()).await;
    let sales: Vec<Sale> = (1..=2).map(|id| Sale { at: now(), ..sale(id, UNMAPPED) }).collect();
    house.post_batch(body(&sales), |body| keys().sign(body, now())).await;
    house.until(|states| states["held"] == 2).await;
    house
}

async fn actors(house: &House, id: u64) -> Vec<String> {
    let (_, shown) = house.operator(&format!("/dead/{}", event_id(id)), None).await;
    let journal = shown["journal"].as_array().unwrap().iter();
    journal.map(|entry| entry["actor"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_journal_has_the_name_of_whose_token_it_is_whatever_the_client_says() {
    let house = house().await;
    house.running.operators.replace(vec![operator("ada", "of ada"), operator("bea", "of bea")]);
    let order = |id| json!({ "events": [event_id(id)], "actor": "somebody", "reason": "a test order" });
    let (status, told) = house.operator_with("of ada", "/dead/discard", Some(order(1))).await;
    assert_eq!((status, &told["order"]["actor"]), (StatusCode::OK, &json!("ada")), "{told}");
    assert_eq!(actors(&house, 1).await, ["ada"]);
    // What has no actor is passed on as it is.
    let (status, _) =
        house.operator_with("of ada", "/dead/try", Some(json!({ "events": [event_id(2)] }))).await;
    assert_eq!(status, StatusCode::OK);
    let (status, told) = house.operator_with("of ada", "/clicks", Some(json!([]))).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    let (status, _) = house.operator_with("of ada", "/status", None).await;
    assert_eq!(status, StatusCode::OK);
    // The holder of the directory's own token is on the machine, and says who it is.
    house.operator_with(TOKEN, "/dead/discard", Some(order(2))).await;
    assert_eq!(actors(&house, 2).await, ["somebody"]);
    house.running.stop().await;
}

#[tokio::test]
async fn a_token_that_was_taken_away_is_good_for_nothing() {
    let house = house().await;
    for (token, status) in [("of ada", StatusCode::UNAUTHORIZED), ("", StatusCode::UNAUTHORIZED)] {
        assert_eq!(house.operator_with(token, "/status", None).await.0, status, "{token}");
    }
    house.running.operators.replace(vec![operator("ada", "of ada")]);
    assert_eq!(house.operator_with("of ada", "/status", None).await.0, StatusCode::OK);
    assert_eq!(house.operator_with("of bea", "/status", None).await.0, StatusCode::UNAUTHORIZED);
    house.running.operators.replace(Vec::new());
    assert_eq!(house.operator_with("of ada", "/status", None).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(
        house.operator_with(TOKEN, "/status", None).await.0,
        StatusCode::OK,
        "the directory's own stays"
    );
    house.running.stop().await;
}

#[tokio::test]
async fn a_second_person_approves_with_a_token_of_their_own() {
    let house = house().await;
    let approve = |actor: &str| Some(json!({ "actor": actor }));
    let code = |told: &Value| told["error"]["code"].as_str().unwrap_or_default().to_owned();
    let order = json!({ "operation": "op", "events": [event_id(1)], "actor": "x", "reason": "test" });
    house.operator("/dead/discard", Some(order)).await;
    let (status, told) = house.operator("/orders/op/approve", approve("bea")).await;
    assert_eq!(
        (status, code(&told).as_str()),
        (StatusCode::CONFLICT, "order"),
        "nobody has a token: as ever"
    );
    house.running.operators.replace(vec![operator("ada", "of ada")]);
    let (status, told) = house.operator("/orders/op/approve", approve("bea")).await;
    assert_eq!((status, code(&told).as_str()), (StatusCode::FORBIDDEN, "second_person"));
    let (status, told) = house.operator_with("of ada", "/orders/op/approve", approve("")).await;
    assert_eq!(
        (status, code(&told).as_str()),
        (StatusCode::CONFLICT, "order"),
        "she may, and it waits for nobody"
    );
    house.running.stop().await;
}

/// A list in the place of an object, or a number that one reader takes and another does not, must not carry a name past
/// whose token it is.
#[tokio::test]
async fn a_name_comes_from_the_token_however_the_body_is_written() {
    let house = house().await;
    house.running.operators.replace(vec![operator("ada", "of ada"), operator("bea", "of bea")]);
    let order = json!({ "operation": "op", "events": [event_id(1)], "actor": "x", "reason": "test" });
    house.operator_with("of ada", "/dead/discard", Some(order)).await;
    let uri = format!("http://{}/v1/operator", house.running.address);
    for (path, text) in [
        ("/orders/op/approve", r#"["bea"]"#),
        ("/orders/op/approve", r#"["bea", "for ada"]"#),
        ("/orders/op/approve", r#""bea""#),
        ("/orders/op/approve", r#"{"x": 1e999, "actor": "bea"}"#),
        (
            "/destinations/resume",
            r#"{"x": 1e999, "home": "primary", "endpoint": "pixel", "actor": "bea", "reason": "r"}"#,
        ),
    ] {
        let request = Request::post(format!("{uri}{path}")).header("authorization", "Bearer of ada");
        let request = request.header("host", "processor").header("content-type", "application/json");
        let (status, told) = house.call(request.body(Body::from(text)).unwrap()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {text}: {told}");
    }
    house.running.stop().await;
}
