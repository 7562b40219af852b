mod dead;
mod who;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use ledger::Ledger;
use relay::signature::{Keys, SigningKey};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tracking::{Answer, Outbound, SendFailure};
use units::Seed;

use crate::processor::tests::world::{MOVED, OBSERVED, Sale, batch, event_id, sale, snapshot};
use crate::serve::now;
use crate::{Elsewhere, Processor, Running, Senders, Sending, Settings, Upstream, serve};

const TOKEN: &str = "operator";

fn keys() -> Keys {
    Keys::new(SigningKey { name: "k1".to_owned(), secret: vec![9; 32] }, Vec::new())
}

struct House {
    running: Running,
    sent: Arc<Mutex<Vec<Outbound>>>,
}

impl House {
    async fn open(ledger: Ledger) -> Self {
        Self::open_with(ledger, |_| {}).await
    }

    /// Opens it with a sender that does this with each request before it sends it.
    async fn open_with(ledger: Ledger, before: impl Fn(&Outbound) + Send + Sync + 'static) -> Self {
        let before = Arc::new(before);
        let sent = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&sent);
        // A platform that takes everything with an image, which proves nothing.
        let upstream: Upstream = Arc::new(move |request, _| -> Sending {
            seen.lock().unwrap().push(request.clone());
            let headers = vec![("content-type".to_owned(), b"image/gif".to_vec())];
            let answer = Answer { status: 200, headers, body: b"GIF89a".to_vec() };
            let before = Arc::clone(&before);
            Box::pin(async move {
                before(&request);
                Ok::<_, SendFailure>(answer)
            })
        });
        let processor = Processor::new(ledger, Arc::new(snapshot()), Seed(1), now()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let metrics = Arc::new(telemetry::Telemetry::new());
        let settings = Settings {
            keys: keys(),
            operator_token: TOKEN.to_owned(),
            operators: crate::Operators::default(),
            metrics,
            recount_every: Duration::ZERO,
        };
        let elsewhere: Elsewhere = Arc::new(|call, _| -> Sending {
            Box::pin(async move { Err(SendFailure::NothingSent(format!("{} is nowhere", call.host))) })
        });
        let senders = Senders { upstream, elsewhere };
        let running = serve(settings, processor, listener, senders, Arc::new(|_| {})).await.unwrap();
        Self { running, sent }
    }

    async fn call(&self, request: Request<Body>) -> (StatusCode, Value) {
        let stream = tokio::net::TcpStream::connect(self.running.address).await.unwrap();
        let (mut client, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let reply = client.send_request(request).await.unwrap();
        let status = reply.status();
        let body = reply.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn post_batch(
        &self,
        body: Vec<u8>,
        sign: impl Fn(&[u8]) -> relay::signature::Signature,
    ) -> (StatusCode, Value) {
        let signature = sign(&body);
        let uri = format!("http://{}/v1/batches", self.running.address);
        let request = signature
            .headers()
            .iter()
            .fold(Request::post(uri).header("host", "processor"), |request, (name, value)| {
                request.header(*name, *value)
            });
        self.call(request.body(Body::from(body)).unwrap()).await
    }

    async fn operator(&self, path: &str, order: Option<Value>) -> (StatusCode, Value) {
        self.operator_with(TOKEN, path, order).await
    }

    async fn operator_with(&self, token: &str, path: &str, order: Option<Value>) -> (StatusCode, Value) {
        let uri = format!("http://{}/v1/operator{path}", self.running.address);
        let method = if order.is_some() { "POST" } else { "GET" };
        let request =
            Request::builder().method(method).uri(uri).header("authorization", format!("Bearer {token}"));
        let request = request.header("host", "processor").header("content-type", "application/json");
        let body = order.map_or(Body::empty(), |order| Body::from(order.to_string()));
        self.call(request.body(body).unwrap()).await
    }

    async fn states(&self) -> Value {
        self.operator("/status", None).await.1["states"].clone()
    }

    /// Waits until `done` says so of the states; the test's own deadline is generous and never slept out.
    async fn until(&self, done: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..2000 {
            let states = self.states().await;
            if done(&states) {
                return states;
            }
            // The processor delivers by itself, in its own time: nothing but its status says when.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{:?}", self.states().await);
    }
}

fn sales(count: u64) -> Vec<Sale> {
    (1..=count).map(|id| Sale { at: now(), ..sale(id, OBSERVED) }).collect()
}

fn body(sales: &[Sale]) -> Vec<u8> {
    batch(sales.iter().map(|sale| sale.envelope().encode()).collect())
}

#[tokio::test]
async fn a_signed_batch_is_booked_and_delivered() {
    let house = House::open(Ledger::in_memory().unwrap()).await;
    let body = body(&sales(100));
    let (status, reply) = house.post_batch(body.clone(), |body| keys().sign(body, now())).await;
    assert_eq!(status, StatusCode::OK, "{reply}");
    let breakers = json!({ "legacy": "closed", "primary": "closed" });
    assert_eq!(reply, json!({ "accepted": 100, "duplicates": 0, "breakers": breakers }));
    let states = house.until(|states| states["taken"] == 100).await;
    assert_eq!(states["queued"], 0);
    assert_eq!(house.sent.lock().unwrap().len(), 100);
    let (_, reply) = house.post_batch(body, |body| keys().sign(body, now())).await;
    assert_eq!((&reply["accepted"], &reply["duplicates"]), (&json!(0), &json!(100)));
    house.running.stop().await;
}

#[tokio::test]
async fn an_unsigned_or_broken_batch_is_refused_with_a_reason() {
    let house = House::open(Ledger::in_memory().unwrap()).await;
    let good = body(&sales(1));
    let foreign = Keys::new(SigningKey { name: "k1".to_owned(), secret: vec![8; 32] }, Vec::new());
    let (status, reply) = house.post_batch(good, |body| foreign.sign(body, now())).await;
    assert_eq!((status, &reply["error"]["code"]), (StatusCode::UNAUTHORIZED, &json!("signature")));
    let (status, reply) = house.post_batch(b"garbage".to_vec(), |body| keys().sign(body, now())).await;
    assert_eq!((status, &reply["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("batch")));
    let uri = format!("http://{}/v1/batches", house.running.address);
    let (status, reply) =
        house.call(Request::post(uri).header("host", "processor").body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(reply["error"]["message"].as_str().unwrap().contains("x-turnout-key"));
    assert_eq!(house.states().await["queued"], 0);
    let uri = format!("http://{}/healthz", house.running.address);
    let (status, health) =
        house.call(Request::get(uri).header("host", "processor").body(Body::empty()).unwrap()).await;
    assert_eq!((status, &health["status"]), (StatusCode::OK, &json!("ok")));
    house.running.stop().await;
}

#[tokio::test]
async fn operators_need_their_token_and_see_everything_but_what_is_personal() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(Ledger::open(&folder.path().join("ledger.sqlite")).unwrap()).await;
    let uri = format!("http://{}/v1/operator/status", house.running.address);
    let (status, _) =
        house.call(Request::get(uri).header("host", "processor").body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let mut both = sales(1);
    both.push(Sale { at: now(), ..sale(2, 99) });
    house.post_batch(body(&both), |body| keys().sign(body, now())).await;
    house.until(|states| states["taken"] == 1 && states["held"] == 1).await;
    let walk = house.operator(&format!("/conversions/{}", event_id(1)), None).await.1;
    assert_eq!(walk["conversion"]["state"], "taken");
    assert_eq!(walk["event"]["order_reference"], "A-1");
    assert_eq!(walk["attempts"][0]["verdict"], "taken");
    assert!(!walk.to_string().contains("secret-"), "I9: {walk}");
    let dead = house.operator("/dead?state=held", None).await.1;
    assert_eq!(dead["dead"][0]["reason"], "unknown_advertiser");
    assert_eq!(house.operator("/dead?state=nonsense", None).await.0, StatusCode::BAD_REQUEST);
    let audit = house.operator("/audit", None).await.1;
    assert_eq!((&audit["balances"], audit["advertisers"].as_array().unwrap().len()), (&json!(true), 2));
    let order = json!({ "actor": "ada", "reason": "not ours" });
    let path = format!("/dead/{}/discard", event_id(2));
    assert_eq!(house.operator(&path, Some(order.clone())).await.1["events"][0]["outcome"], "done");
    assert_eq!(house.operator(&path, Some(order)).await.1["events"][0]["outcome"], "nothing_to_do");
    let listed = house.operator("/transactions?limit=1", None).await.1;
    assert_eq!(listed["next_after"], json!(event_id(1)));
    let queue = house.operator("/queue", None).await.1;
    assert_eq!((&queue["queue"], &queue["more"], queue.get("next_after")), (&json!([]), &json!(false), None));
    let after = house.operator(&format!("/queue?after={}", event_id(1)), None).await;
    assert_eq!(after.0, StatusCode::BAD_REQUEST, "it has no pages");
    assert_eq!(house.operator("/conversions/nonsense", None).await.0, StatusCode::BAD_REQUEST);
    house.running.stop().await;
}

#[tokio::test]
async fn a_stop_waits_for_what_is_in_flight() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger.sqlite");
    let house = House::open(Ledger::open(&file).unwrap()).await;
    let sales: Vec<Sale> = (1..=300).map(|id| Sale { at: now(), ..sale(id, MOVED) }).collect();
    house.post_batch(body(&sales), |body| keys().sign(body, now())).await;
    house.running.stop().await;
    let ledger = Ledger::open(&file).unwrap();
    assert!(ledger.in_flight(10).unwrap().is_empty());
    assert!(ledger.audit().unwrap().findings.is_empty());
}

#[tokio::test]
async fn sums_are_watched_and_shown_to_operators() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(Ledger::open(&folder.path().join("ledger.sqlite")).unwrap()).await;
    house.post_batch(body(&sales(3)), |body| keys().sign(body, now())).await;
    house.until(|states| states["taken"] == 3).await;
    let uri = format!("http://{}/metrics", house.running.address);
    let bare = Request::get(&uri).header("host", "processor").body(Body::empty()).unwrap();
    assert_eq!(house.call(bare).await.0, StatusCode::UNAUTHORIZED);
    for _ in 0..2000 {
        let health = house.operator("/status", None).await.1["conservation"].clone();
        if health["counted_at"].is_string() {
            assert_eq!(health["adds_up"], true, "{health}");
            assert_eq!((&health["off"], &health["findings"]), (&json!([]), &json!([])), "{health}");
            house.running.stop().await;
            return;
        }
        // The first count comes by itself.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the rows were never counted");
}

#[tokio::test]
async fn a_question_that_panics_fails_alone() {
    let house = House::open(Ledger::in_memory().unwrap()).await;
    for _ in 0..3 {
        let asked = house.running.desk.ask(|_| panic!("a part that panics was put here"));
        assert_eq!(asked.await.map(|()| "done"), Err(crate::DeskError::Failed));
    }
    let (status, reply) = house.post_batch(body(&sales(5)), |body| keys().sign(body, now())).await;
    assert_eq!((status, &reply["accepted"]), (StatusCode::OK, &json!(5)), "everybody else is served");
    house.until(|states| states["taken"] == 5).await;
    house.running.stop().await;
}

#[tokio::test]
async fn a_delivery_that_panics_is_unknown_and_its_neighbours_go_on() {
    let poison = |request: &Outbound| {
        let target = String::from_utf8_lossy(&request.target).into_owned();
        assert!(!target.contains("n=3&"), "a part that panics was put here");
    };
    let house = House::open_with(Ledger::in_memory().unwrap(), poison).await;
    house.post_batch(body(&sales(5)), |body| keys().sign(body, now())).await;
    let states = house.until(|states| states["taken"] == 4 && states["unknown"] == 1).await;
    assert_eq!(states["queued"], 0, "it may have arrived, so it waits for a person: {states}");
    let walk = house.operator(&format!("/conversions/{}", event_id(3)), None).await.1;
    assert_eq!(walk["conversion"]["state"], "unknown", "{walk}");
    assert_eq!(house.sent.lock().unwrap().len(), 5, "it is sent nowhere else and not again");
    house.running.stop().await;
}
