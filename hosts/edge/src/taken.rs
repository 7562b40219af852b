//! The yes to a batch: who has taken it says so in words of our own, and counts what it holds.
//!
//! Anything may stand at an address. A balancer's maintenance page and a web server with a page for every path
//! answer 200 as well, and what is acknowledged on their word is lost.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tracking::Answer;
use units::limits;

/// What the processor answers to a batch that it has taken.
#[derive(Debug, Deserialize)]
pub(crate) struct Taken {
    /// Entries that are new, and durable now.
    accepted: u64,
    /// Entries that it held before.
    duplicates: u64,
    /// The state of its breakers by the platform's name: `closed`, `open` or `half_open`.
    #[serde(default)]
    pub(crate) breakers: BTreeMap<String, String>,
}

/// What a keeper answers to a batch of copies.
#[derive(Debug, Deserialize)]
pub(crate) struct Kept {
    /// Copies that are durable with it.
    kept: u64,
}

impl Kept {
    /// What a keeper says that keeps so many.
    pub(crate) fn told(kept: usize) -> String {
        format!(r#"{{"kept":{kept}}}"#)
    }

    /// True if a keeper says itself that it keeps none.
    pub(crate) fn none(answer: &Answer) -> bool {
        serde_json::from_slice::<Self>(&answer.body).is_ok_and(|said| said.kept == 0)
    }
}

/// Who has been sent entries, and what it must say of them.
pub(crate) trait Yes: DeserializeOwned {
    /// Who says it, and the setting that names where it is.
    const WHO: &'static str;

    /// How many entries it holds.
    fn held(&self) -> Option<u64>;
}

impl Yes for Taken {
    const WHO: &'static str = "the processor, at the address that `processor` names";

    fn held(&self) -> Option<u64> {
        self.accepted.checked_add(self.duplicates)
    }
}

impl Yes for Kept {
    const WHO: &'static str = "the keeper of copies, at the address that `copies_to` names";

    fn held(&self) -> Option<u64> {
        Some(self.kept)
    }
}

/// Reads the answer to a batch of `entries` that was posted to `address`.
///
/// # Errors
/// For people, if it does not say that every entry is held.
pub(crate) fn yes<Y: Yes>(answer: &Answer, entries: usize, address: &str) -> Result<Y, String> {
    if answer.status != 200 {
        return Err(format!("{address} answered {}: {}", answer.status, excerpt(&answer.body)));
    }
    let said: Option<Y> = serde_json::from_slice(&answer.body).ok();
    said.filter(|said| said.held().is_some_and(|held| u64::try_from(entries) == Ok(held))).ok_or_else(|| {
        let (who, excerpt) = (Y::WHO, excerpt(&answer.body));
        format!(
            "{address} answered 200 without saying that it holds the {entries} entries, so nothing counts as taken: look \
             whether this is {who}, of this release, and not something before it that answers in its place; it said: {excerpt}"
        )
    })
}

/// The beginning of an answer, for a log line.
fn excerpt(body: &[u8]) -> String {
    let end = body.len().min(limits::SHOWN_BYTES_MAX);
    String::from_utf8_lossy(body.get(..end).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
    }

    #[test]
    fn only_a_count_of_every_entry_is_a_yes() {
        let taken = |status, body| yes::<Taken>(&answer(status, body), 3, "there:80").map(drop);
        let kept = |status, body| yes::<Kept>(&answer(status, body), 3, "there:80").map(drop);
        taken(200, r#"{"accepted":2,"duplicates":1,"breakers":{}}"#).unwrap();
        kept(200, r#"{"kept":3}"#).unwrap();
        for body in
            ["", "{}", "<html>Back soon</html>", "[1,2,3]", r#"{"accepted":3}"#, r#"{"duplicates":3}"#]
        {
            assert!(taken(200, body).is_err() && kept(200, body).is_err(), "{body}");
        }
        assert!(taken(200, r#"{"accepted":1,"duplicates":1}"#).is_err(), "one is missing");
        assert!(taken(200, r#"{"accepted":18446744073709551615,"duplicates":4}"#).is_err());
        assert!(kept(200, r#"{"kept":2}"#).is_err());
        assert!(
            taken(503, r#"{"accepted":3,"duplicates":0}"#).is_err() && kept(503, r#"{"kept":3}"#).is_err()
        );
    }

    #[test]
    fn who_answers_in_its_place_is_named() {
        let said = yes::<Taken>(&answer(200, "<html>Back soon</html>"), 3, "there:80").unwrap_err();
        for word in ["there:80", "3 entries", "`processor`", "Back soon"] {
            assert!(said.contains(word), "no {word} in: {said}");
        }
    }
}
