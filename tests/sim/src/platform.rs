//! A model of a platform: it logs a request before it decides how to misbehave.
//!
//! It reads the requests for itself and knows nothing of dialects, so that it shares no mistake with what is
//! tested.

mod changes;

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use tracking::{Answer, Home, Outbound, SendFailure};
use units::{Chance, Timestamp};

pub(crate) use changes::{Change, Standing};

use crate::words::{DEDUPLICATES, PRIMARY_IDS_FROM};

/// How a platform treats requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mood {
    Well,
    /// No connection.
    Unreachable,
    /// Processes, and answers after the caller has given up.
    Slow,
    /// Processes, and never answers.
    Silent,
    /// Does nothing, and never answers.
    BlackHole,
    /// Answers 500, having processed or not.
    Broken,
    /// Answers 429 and names a time.
    Busy,
    /// Says 200, and that it refuses.
    Refuses,
    /// Any of these, at each request anew.
    Flapping,
    /// Answers 401: it does not believe our credentials any more.
    Forbids,
}

/// Every mood, the good one most often: an outage is the exception.
pub(crate) const MOODS: [Mood; 14] = [
    Mood::Well,
    Mood::Well,
    Mood::Well,
    Mood::Well,
    Mood::Well,
    Mood::Well,
    Mood::Unreachable,
    Mood::Slow,
    Mood::Silent,
    Mood::BlackHole,
    Mood::Broken,
    Mood::Busy,
    Mood::Refuses,
    Mood::Flapping,
];

/// What a request did to the platform's own books.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    /// A sale more.
    Booked,
    /// Recognised as one that is booked: the arrival that it was booked by.
    Duplicate(u64),
    /// None.
    Nothing,
}

/// What the caller has been told; `Unsure` until the answer has reached it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Told {
    Unsure,
    Yes,
    Later,
    Refused,
}

/// One sale that reached a platform.
#[derive(Clone, Debug)]
pub(crate) struct Logged {
    /// The arrival that it tells of, by the number in the shop's request.
    pub(crate) arrival: u64,
    pub(crate) shop: u64,
    pub(crate) reference: String,
    pub(crate) amount: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) effect: Effect,
    /// What the caller knows for certain, because it has written it down.
    pub(crate) told: Told,
    /// What has reached it.
    pub(crate) answered: Told,
    /// True if an edge sent it, because its outbox could not take it.
    pub(crate) by_edge: bool,
}

/// What a call comes to, if the caller waits long enough.
pub(crate) struct Reaction {
    pub(crate) result: Result<Answer, SendFailure>,
    /// What the caller then knows.
    pub(crate) told: Told,
    pub(crate) after: Duration,
    /// The place in the log; none for a request that never came or that is no sale.
    pub(crate) place: Option<usize>,
    /// The places of the changes that it told of.
    pub(crate) changes: Range<usize>,
}

/// One platform.
#[derive(Debug)]
pub(crate) struct Platform {
    pub(crate) home: Home,
    pub(crate) mood: Mood,
    pub(crate) log: Vec<Logged>,
    /// What it was told to change.
    pub(crate) changes: Vec<Change>,
    /// The time.
    pub(crate) now: Timestamp,
    booked: BTreeMap<(u64, String), u64>,
    standing: BTreeMap<(u64, String), Standing>,
}

impl Platform {
    pub(crate) const fn new(home: Home) -> Self {
        Self {
            home,
            mood: Mood::Well,
            log: Vec::new(),
            changes: Vec::new(),
            now: Timestamp::from_millis(0),
            booked: BTreeMap::new(),
            standing: BTreeMap::new(),
        }
    }

    /// A request on the wire.
    pub(crate) fn call(&mut self, request: &Outbound, by_edge: bool, chance: &mut Chance) -> Reaction {
        let mood = match self.mood {
            Mood::Flapping => pick(chance, &MOODS[..13]),
            mood => mood,
        };
        if mood == Mood::Unreachable {
            let failure = SendFailure::NothingSent("no connection".to_owned());
            let (told, after) = (Told::Later, Duration::ZERO);
            return Reaction { result: Err(failure), told, after, place: None, changes: 0..0 };
        }
        if request.target == b"/change" {
            return self.change(request, mood, chance);
        }
        let place = self.log(request, by_edge);
        let effect = self.effect(mood, place, chance);
        let (answer, told) = self.answer(mood, place, effect);
        let after = if mood == Mood::Slow { 30_000 } else { 5 + chance.below(3000) };
        Reaction { result: answer, told, after: Duration::from_millis(after), place, changes: 0..0 }
    }

    /// What a change comes to that is lost on its way and told as made.
    pub(crate) fn never_told() -> Reaction {
        let (result, told, after) = (Ok(text(200, "set")), Told::Unsure, Duration::ZERO);
        Reaction { result, told, after, place: None, changes: 0..0 }
    }

    /// A request that tells of changes.
    fn change(&mut self, request: &Outbound, mood: Mood, chance: &mut Chance) -> Reaction {
        let changes = self.take_down(&request.body);
        let processes = match mood {
            Mood::Well | Mood::Slow | Mood::Silent => true,
            Mood::Broken => chance.happens(1, 2),
            _ => false,
        };
        let is_set = processes && self.set(changes.clone());
        let (result, told) = match mood {
            Mood::Well | Mood::Slow if is_set => (Ok(text(200, "set")), Told::Yes),
            Mood::Well | Mood::Slow => (Ok(text(404, "no such sale")), Told::Later),
            Mood::Refuses => (Ok(text(422, "no")), Told::Refused),
            _ => self.answer(mood, None, Effect::Nothing),
        };
        let after = if mood == Mood::Slow { 30_000 } else { 5 + chance.below(3000) };
        Reaction { result, told, after: Duration::from_millis(after), place: None, changes }
    }

    fn log(&mut self, request: &Outbound, by_edge: bool) -> Option<usize> {
        let target = String::from_utf8_lossy(&request.target).into_owned();
        let (path, query) = target.split_once('?')?;
        // What a merchant's server says to the old platform is its affair, unless we say it: then it books.
        let sale = matches!(path, "/buy" | "/sale" | "/order") || (path == "/call" && !by_edge);
        let value = |name: &str| {
            let pair = |pair: &&str| pair.split_once('=').is_some_and(|(found, _)| found == name);
            query
                .split('&')
                .find(pair)
                .and_then(|pair| pair.split_once('='))
                .map(|(_, value)| value.to_owned())
        };
        let shop = match self.home {
            Home::Legacy => value("shop")?.parse::<u64>().ok()?,
            Home::Primary => value("m")?.parse::<u64>().ok()?.checked_sub(PRIMARY_IDS_FROM)?,
        };
        self.log.extend(sale.then(|| Logged {
            arrival: value("n").and_then(|number| number.parse().ok()).unwrap_or(u64::MAX),
            shop,
            reference: value("order").unwrap_or_default(),
            amount: value("sum").unwrap_or_default(),
            bytes: [request.target.as_slice(), b"\n", &request.body].concat(),
            effect: Effect::Nothing,
            told: Told::Unsure,
            answered: Told::Unsure,
            by_edge,
        }));
        sale.then(|| self.log.len() - 1)
    }

    fn effect(&mut self, mood: Mood, place: Option<usize>, chance: &mut Chance) -> Effect {
        let processes = match mood {
            Mood::Well | Mood::Slow | Mood::Silent => true,
            Mood::Broken => chance.happens(1, 2),
            _ => false,
        };
        let Some(logged) = place.filter(|_| processes).and_then(|place| self.log.get_mut(place)) else {
            return Effect::Nothing;
        };
        let key = (logged.shop, logged.reference.clone());
        let deduplicates = self.home == Home::Primary && logged.shop == DEDUPLICATES;
        logged.effect = match self.booked.get(&key) {
            Some(first) if deduplicates => Effect::Duplicate(*first),
            _ => Effect::Booked,
        };
        self.booked.entry(key).or_insert(logged.arrival);
        let logged = logged.clone();
        self.stands(&logged);
        logged.effect
    }

    fn answer(
        &self,
        mood: Mood,
        place: Option<usize>,
        effect: Effect,
    ) -> (Result<Answer, SendFailure>, Told) {
        let logged = place.and_then(|place| self.log.get(place));
        let names = logged.is_some_and(|logged| logged.bytes.starts_with(b"/order"));
        let reference = logged.map(|logged| decoded(&logged.reference)).unwrap_or_default();
        match mood {
            Mood::Well | Mood::Slow => {
                debug_assert!(place.is_none() || effect != Effect::Nothing, "a platform that is well books");
                (Ok(if names { named("booked", &reference) } else { image() }), Told::Yes)
            }
            Mood::Refuses if names => (Ok(named("refused", &reference)), Told::Refused),
            Mood::Refuses => (Ok(text(200, "refused")), Told::Refused),
            Mood::Busy => {
                let mut answer = text(429, "slow down");
                answer.headers.push(("retry-after".to_owned(), b"7".to_vec()));
                (Ok(answer), Told::Later)
            }
            Mood::Forbids => (Ok(text(401, "who are you?")), Told::Later),
            Mood::Broken => (Ok(text(500, "sorry")), Told::Unsure),
            Mood::Silent | Mood::BlackHole | Mood::Unreachable | Mood::Flapping => {
                (Err(SendFailure::Ambiguous("silence".to_owned())), Told::Unsure)
            }
        }
    }
}

/// One of several, by chance.
pub(crate) fn pick<T: Copy>(chance: &mut Chance, among: &[T]) -> T {
    let place = usize::try_from(chance.below(among.len() as u64)).unwrap_or(0);
    among[place]
}

/// The text of a query's value: the few escapes that references here can have.
fn decoded(value: &str) -> String {
    value.replace("%23", "#").replace('+', " ").replace("%20", " ")
}

fn text(status: u16, body: &str) -> Answer {
    let headers = vec![("content-type".to_owned(), b"text/plain".to_vec())];
    Answer { status, headers, body: body.as_bytes().to_vec() }
}

fn image() -> Answer {
    let headers = vec![("content-type".to_owned(), b"image/gif".to_vec())];
    Answer { status: 200, headers, body: b"GIF89a".to_vec() }
}

fn named(list: &str, reference: &str) -> Answer {
    let headers = vec![("content-type".to_owned(), b"application/json".to_vec())];
    let body = format!("{{\"{list}\":[\"{reference}\"]}}").into_bytes();
    Answer { status: 200, headers, body }
}
