//! Whatever comes in, no table and no set of labels grows beyond its limit (I8).

use std::collections::BTreeSet;

use units::limits::{SHAPES_MAX, UNMAPPED_MAX};

use super::*;

/// More of each kind than there is room for.
const FLOOD: usize = SHAPES_MAX + 88;

/// A word of letters alone for each number: digits would make one shape of all of them.
fn word(number: usize) -> String {
    let letter = |place: usize| char::from(b'a' + u8::try_from(number / place % 26).unwrap());
    [676, 26, 1].map(letter).into_iter().collect()
}

async fn operator(edge: &RunningEdge, target: &str) -> String {
    let operator = Endpoint::plain(edge.addresses().operator.unwrap().to_string());
    let shown = [("authorization", "Bearer secret")];
    String::from_utf8(ask(operator, Roots::System, "localhost", target, &shown).await.body).unwrap()
}

/// Requests that nobody knows, from `from` on: a path of its own and a shop of its own each.
async fn strangers(edge: &RunningEdge, from: usize, count: usize) {
    let plain = edge.addresses().plain.unwrap();
    for number in from..from + count {
        browse(plain, "old.test", &format!("/stranger/{}?{}=1", word(number), word(number))).await;
        browse(plain, "old.test", &format!("/go?shop={}&site=7", 1000 + number)).await;
    }
}

/// The series of the metrics, without their values.
async fn series(edge: &RunningEdge) -> BTreeSet<String> {
    let text = operator(edge, "/metrics").await;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn i8_a_flood_of_strangers_grows_no_table_and_no_label_beyond_its_limit() {
    let (edge, _directory) = edge(|edge| {
        edge.operator = Some(OperatorSettings { listen: LOOPBACK, token: Token("secret".to_owned()) });
    })
    .await;
    strangers(&edge, 0, 10).await;
    let before = series(&edge).await;
    strangers(&edge, 10, FLOOD).await;
    assert_eq!(series(&edge).await, before, "labels come from closed sets");
    let read = |text: String| serde_json::from_str::<serde_json::Value>(&text).unwrap();
    let (shapes, misses) =
        (read(operator(&edge, "/unrecognised").await), read(operator(&edge, "/unmapped").await));
    let length = |rows: &serde_json::Value| rows.as_array().unwrap().len();
    assert_eq!(length(&shapes["shapes"]), SHAPES_MAX, "as many as there is room for");
    assert_eq!(length(&misses["seen"]), UNMAPPED_MAX);
    let all = (FLOOD + 10) as u64;
    assert_eq!(shapes["total"], all, "and each is counted");
    assert_eq!(
        (&shapes["beyond"], &misses["beyond"]),
        (&(all - SHAPES_MAX as u64).into(), &(all - UNMAPPED_MAX as u64).into())
    );
    assert!(edge.stop().await);
}
