//! Files: kept, asked for once, replaced.

use core::time::Duration;
use std::sync::Arc;

use tracking::Method;

use super::*;
use crate::shelf::{Look, Shelf};

/// A world with one shelf and a platform that gives this.
struct Files {
    shelf: Shelf,
    now: Timestamp,
    health: Health,
    gone: bool,
    platform: Option<Answer>,
    asked: Vec<tracking::Outbound>,
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let line = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
    Answer { status, headers: headers.iter().map(line).collect(), body: body.as_bytes().to_vec() }
}

const SCRIPT: (&str, &str) = ("content-type", "text/javascript");

impl Files {
    fn new(platform: Option<Answer>) -> Self {
        let health = WELL;
        Self { shelf: Shelf::default(), now: NOW, health, gone: false, platform, asked: Vec::new() }
    }

    fn later(&mut self, seconds: u64) -> &mut Self {
        self.now = self.now.plus(Duration::from_secs(seconds));
        self
    }

    fn get(&mut self, headers: &[(&str, &str)]) -> Reply {
        self.ask(get("/file/a.js?v=1", headers))
    }

    fn ask(&mut self, inbound: Inbound) -> Reply {
        let mut snapshot = snapshot();
        Arc::get_mut(&mut snapshot).unwrap().policy.legacy_lives = !self.gone;
        let mut exchange = Exchange::open(inbound, snapshot, self.health, Seed(1), self.now);
        let mut replied = None;
        while let Some(step) = exchange.poll() {
            match step {
                Step::Find { key, within } => {
                    let (kept, claimed) = match self.shelf.look(&key, self.now, within) {
                        Look::Found(kept) => (Some(kept), false),
                        Look::Claimed(kept) => (kept, true),
                        Look::Busy(_) => panic!("nobody else asks"),
                    };
                    exchange.handle(Happened::Found { kept, claimed }, self.now);
                }
                Step::Keep { key, kept } => self.shelf.put(&key, kept),
                Step::Send { request, .. } => {
                    let home = request.home;
                    self.asked.push(request);
                    let silent = SendFailure::NothingSent("silence".to_owned());
                    let happened = match self.platform.clone() {
                        Some(answer) => Happened::Answered { home, answer },
                        None => Happened::Unanswered { home, failure: silent },
                    };
                    exchange.handle(happened, self.now);
                }
                Step::Reply(reply) => replied = Some(reply),
                Step::Log(_) | Step::Report(_) => {}
                Step::Ask { .. }
                | Step::HandOver { .. }
                | Step::Tally(_)
                | Step::Miss { .. }
                | Step::Append(_)
                | Step::Record(_)
                | Step::Remember(_)
                | Step::WaitUntil(_) => {
                    panic!("a file books nothing")
                }
            }
        }
        replied.unwrap()
    }
}

fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    reply.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
}

fn said(reply: &Reply) -> (Mode, u16, &str) {
    (reply.mode, reply.status, core::str::from_utf8(&reply.body).unwrap())
}

#[test]
fn a_file_is_fetched_once_without_anything_of_the_client() {
    let cookie = ("set-cookie", "id=7");
    let mut files = Files::new(Some(answer(200, &[SCRIPT, cookie, ("etag", "\"1\"")], "one()")));
    let client = [("cookie", "who=me"), ("user-agent", "Mozilla/5.0"), ("accept-encoding", "br")];
    for _ in 0..3 {
        let reply = files.get(&client);
        assert_eq!(said(&reply), (Mode::Kept, 200, "one()"));
        assert_eq!(header(&reply, "set-cookie"), None);
        assert_eq!(header(&reply, "cache-control"), Some("public, max-age=3600"));
    }
    assert_eq!(files.asked.len(), 1);
    let names: Vec<&str> = files.asked[0].headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["accept", "x-forwarded-proto", "x-turnout-hop"]);
    files.later(600);
    assert_eq!(header(&files.get(&[]), "cache-control"), Some("public, max-age=3000"));
    assert_eq!(files.ask(get("/file/a.js?v=2", &[])).status, 200);
    assert_eq!(files.asked.len(), 2, "another query is another file");
}

#[test]
fn head_is_answered_from_the_copy_and_a_post_is_not() {
    let mut files = Files::new(Some(answer(200, &[SCRIPT], "one()")));
    let head = files.ask(Inbound { method: Method::Head, ..get("/file/a.js?v=1", &[]) });
    assert_eq!(said(&head), (Mode::Kept, 200, "one()"), "the host leaves the body out");
    assert_eq!(files.asked[0].method, "GET");
    let post = files.ask(Inbound { method: Method::Post, ..get("/file/a.js?v=1", &[]) });
    assert_eq!(post.mode, Mode::Proxy);
    assert_eq!((files.asked.len(), files.asked[1].method.as_str()), (2, "POST"));
}

#[test]
fn a_client_that_has_the_copy_is_told_so() {
    let dated = ("last-modified", "Mon, 01 Jan 2024 00:00:00 GMT");
    let mut files = Files::new(Some(answer(200, &[SCRIPT, ("etag", "\"1\""), dated], "one()")));
    for (name, value, status) in [
        ("if-none-match", "\"1\"", 304),
        ("if-none-match", "\"0\", W/\"1\"", 304),
        ("if-none-match", "*", 304),
        ("if-none-match", "\"2\"", 200),
        ("if-modified-since", dated.1, 304),
        ("if-modified-since", "Tue, 02 Jan 2024 00:00:00 GMT", 200),
        ("range", "bytes=0-1", 200),
    ] {
        let reply = files.get(&[(name, value)]);
        assert_eq!((reply.status, reply.body.is_empty()), (status, status == 304), "{name}: {value}");
        assert_eq!(header(&reply, "etag"), Some("\"1\""));
    }
}

#[test]
fn a_copy_beyond_its_time_is_asked_about_and_renewed() {
    let mut files = Files::new(Some(answer(200, &[SCRIPT, ("etag", "\"1\"")], "one()")));
    files.get(&[]);
    files.later(3600).platform = Some(answer(304, &[], ""));
    assert_eq!(said(&files.get(&[])), (Mode::Kept, 200, "one()"));
    assert_eq!(files.asked[1].headers[1], ("if-none-match".to_owned(), b"\"1\"".to_vec()));
    assert_eq!(header(&files.get(&[]), "cache-control"), Some("public, max-age=3600"));
    assert_eq!(files.asked.len(), 2);
}

#[test]
fn a_stale_copy_stands_in_while_the_platform_fails_and_then_the_replacement() {
    let page = answer(200, &[("content-type", "text/html")], "<h1>Closed</h1>");
    for failure in [None, Some(answer(503, &[], "")), Some(page)] {
        let mut files = Files::new(Some(answer(200, &[SCRIPT], "one()")));
        files.get(&[]);
        files.later(3600).platform = failure;
        let reply = files.get(&[]);
        assert_eq!(said(&reply), (Mode::Kept, 200, "one()"));
        assert_eq!(header(&reply, "cache-control"), Some("public, max-age=300"));
        files.later(4).get(&[]);
        assert_eq!(files.asked.len(), 2, "nobody asks again for a moment");
        files.later(36_001);
        assert_eq!(said(&files.get(&[])), (Mode::Local, 200, "standIn()"));
        files.later(6).platform = Some(answer(200, &[SCRIPT], "two()"));
        assert_eq!(said(&files.get(&[])), (Mode::Kept, 200, "two()"));
    }
}

#[test]
fn a_platform_that_is_down_or_gone_is_not_asked() {
    for gone in [false, true] {
        let health = if gone { WELL } else { LEGACY_DOWN };
        let mut files = Files { health, gone, ..Files::new(Some(answer(200, &[SCRIPT], "one()"))) };
        let reply = files.get(&[]);
        assert_eq!(said(&reply), (Mode::Local, 200, "standIn()"));
        assert_eq!(header(&reply, "content-type"), Some("application/javascript; charset=utf-8"));
        assert_eq!(files.asked.len(), 0);
    }
}

#[test]
fn what_may_not_be_kept_is_passed_on_and_no_file_is_believed_shortly() {
    for (name, value) in [("cache-control", "private"), ("cache-control", "x, no-store"), ("vary", "*")] {
        let headers = [SCRIPT, (name, value), ("set-cookie", "id=7")];
        let mut files = Files::new(Some(answer(200, &headers, "mine()")));
        for _ in 0..2 {
            let reply = files.get(&[]);
            assert_eq!(said(&reply), (Mode::Proxy, 200, "mine()"));
            assert_eq!(header(&reply, "set-cookie"), None);
        }
        assert_eq!(files.asked.len(), 2, "{name}: {value}");
    }
    let mut files = Files::new(Some(answer(404, &[], "none")));
    for seconds in [0, 59, 1] {
        assert_eq!(said(&files.later(seconds).get(&[])), (Mode::Kept, 404, "none"));
    }
    assert_eq!(files.asked.len(), 2);
}

#[test]
fn the_platform_may_shorten_the_time_and_not_lengthen_it() {
    for (said, seconds) in [
        ("max-age=60", 60),
        ("max-age=60, s-maxage=90", 90),
        ("s-maxage=90, max-age=60", 90),
        ("max-age=86400", 3600),
        ("public", 3600),
    ] {
        let mut files = Files::new(Some(answer(200, &[SCRIPT, ("cache-control", said)], "one()")));
        let told = format!("public, max-age={seconds}");
        assert_eq!(header(&files.get(&[]), "cache-control"), Some(told.as_str()), "{said}");
    }
}
