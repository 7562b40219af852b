pub(crate) mod fixture;
mod pages;
mod privacy;
mod serve;
mod statics;

use tracking::Answer;
use tracking::wire::SendFailure;

use self::fixture::{get, snapshot};
use super::*;
use crate::envelope::{Envelope, Purpose, Sealed};
use crate::reply::PIXEL;
use crate::step::{AppendFailure, Entry};

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

/// What stands behind an exchange in a test.
#[derive(Clone, Copy, Debug)]
enum World {
    /// The outbox takes everything and the platforms answer with an image.
    Well,
    /// The outbox takes everything and no platform answers.
    PlatformsDead,
    /// The outbox takes nothing, the processor does, and the platforms answer with an image.
    ProcessorTakes,
    /// The outbox takes nothing, the processor does not answer, and the platforms would answer with an image.
    ProcessorSilent,
    /// The outbox takes nothing, no processor is there, and the platforms answer with an image.
    OutboxFull,
    /// Nobody knows whether the outbox has it, no processor is there, and the platforms would answer with an image.
    OutboxUnsure,
    /// The outbox takes nothing, no processor is there, and no platform answers.
    AllDead,
    /// The platforms answer 500.
    PlatformsFail,
}

fn image(status: u16) -> Answer {
    let headers = [("content-type", "image/gif"), ("upgrade", "x"), ("set-cookie", "SHOP3=9; Path=/")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec();
    Answer { status, headers, body: PIXEL.to_vec() }
}

/// Everything that an exchange asked for, facts aside.
fn run(inbound: Inbound, world: World, health: Health) -> Vec<Step> {
    run_with(snapshot(), inbound, world, health)
}

fn run_with(snapshot: Arc<Snapshot>, inbound: Inbound, world: World, health: Health) -> Vec<Step> {
    let mut steps = run_whole(snapshot, inbound, world, health);
    steps.retain(|step| !matches!(step, Step::Report(_) | Step::Log(_)));
    steps
}

/// The same with the facts.
fn run_whole(snapshot: Arc<Snapshot>, inbound: Inbound, world: World, health: Health) -> Vec<Step> {
    let mut exchange = Exchange::open(inbound, snapshot, health, Seed(1), NOW);
    let mut steps = Vec::new();
    while let Some(step) = exchange.poll() {
        match (&step, world) {
            (
                Step::Append(_),
                World::OutboxFull | World::AllDead | World::ProcessorTakes | World::ProcessorSilent,
            ) => {
                exchange.handle(Happened::AppendFailed(AppendFailure::Full), NOW);
            }
            (Step::Append(_), World::OutboxUnsure) => {
                exchange.handle(Happened::AppendFailed(AppendFailure::Unknown), NOW);
            }
            (Step::Append(_), _) => {
                assert_eq!(exchange.poll(), None, "I1: nothing is said before the entry is durable");
                exchange.handle(Happened::Appended, NOW);
            }
            (
                Step::Send { request, .. },
                World::Well
                | World::OutboxFull
                | World::OutboxUnsure
                | World::ProcessorTakes
                | World::ProcessorSilent,
            ) => {
                exchange.handle(Happened::Answered { home: request.home, answer: image(200) }, NOW);
            }
            (Step::Send { request, .. }, World::PlatformsFail) => {
                exchange.handle(Happened::Answered { home: request.home, answer: image(500) }, NOW);
            }
            (Step::Send { request, .. }, World::PlatformsDead | World::AllDead) => {
                let failure = SendFailure::Ambiguous("silence".to_owned());
                exchange.handle(Happened::Unanswered { home: request.home, failure }, NOW);
            }
            (Step::HandOver { .. }, World::OutboxFull | World::OutboxUnsure | World::AllDead) => {
                let failure = SendFailure::NothingSent("nobody is there".to_owned());
                exchange.handle(Happened::NotHandedOver(failure), NOW);
            }
            (Step::HandOver { .. }, World::ProcessorSilent) => {
                let failure = SendFailure::Ambiguous("silence".to_owned());
                exchange.handle(Happened::NotHandedOver(failure), NOW);
            }
            (Step::HandOver { .. }, _) => exchange.handle(Happened::HandedOver, NOW),
            (Step::Ask { .. }, _) => {
                let (content_type, body) = ("text/plain".to_owned(), "yes".to_owned());
                let answer = crate::step::Served::Reply { status: 200, content_type, body };
                exchange.handle(Happened::Served(answer), NOW);
            }
            _ => {}
        }
        steps.push(step);
    }
    assert!(exchange.is_done());
    steps
}

/// The steps in short, as `append reply:accept:200`.
fn short(steps: &[Step]) -> String {
    let word = |step: &Step| match step {
        Step::Append(_) => "append".to_owned(),
        Step::Record(_) => "record".to_owned(),
        Step::Remember(_) => "remember".to_owned(),
        Step::Send { request, .. } => format!("send:{}", request.home),
        Step::Reply(reply) => format!("reply:{}:{}", reply.mode.name(), reply.status),
        Step::WaitUntil(_) => "wait".to_owned(),
        Step::Find { .. } => "find".to_owned(),
        Step::Keep { .. } => "keep".to_owned(),
        Step::Ask { .. } => "ask".to_owned(),
        Step::HandOver { .. } => "hand-over".to_owned(),
        Step::Tally(shape) => format!("tally:{shape}"),
        Step::Miss { table, key } => format!("miss:{} {key}", table.name()),
        Step::Report(_) => "report".to_owned(),
        Step::Log(_) => "log".to_owned(),
    };
    // Each reply is logged, which says nothing about the way that a request goes.
    let told = steps.iter().filter(|step| !matches!(step, Step::Log(_)));
    told.map(word).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check(target: &str, headers: &[(&str, &str)], world: World, health: Health, expected: &str) {
    assert_eq!(short(&run(get(target, headers), world, health)), expected, "{target} {headers:?}");
}

fn location(steps: &[Step]) -> &str {
    let Some(Step::Reply(reply)) = steps.last() else { panic!("no reply") };
    let found = reply.headers.iter().find(|(name, _)| name == "location");
    found.map(|(_, value)| value.as_str()).unwrap()
}

const WELL: Health = Health { primary_open: false, legacy_open: false };
const PRIMARY_DOWN: Health = Health { primary_open: true, legacy_open: false };
const LEGACY_DOWN: Health = Health { primary_open: false, legacy_open: true };
const BROWSER: &[(&str, &str)] = &[("user-agent", "Mozilla/5.0 (X11)")];

#[test]
fn clicks_go_where_the_plan_says() {
    let moved = "/go?shop=1&site=7";
    check(moved, &[], World::Well, WELL, "record reply:redirect:302");
    check(moved, &[], World::Well, PRIMARY_DOWN, "record reply:direct:302");
    check("/go?shop=2&site=7", &[], World::Well, WELL, "record reply:direct:302");
    check("/go?shop=1&site=8", &[], World::Well, WELL, "miss:publishers 8 record reply:direct:302");
    check("/go?shop=3&site=7", &[], World::Well, WELL, "record send:legacy reply:proxy:200");
    check("/go?shop=3&site=7", &[], World::PlatformsDead, WELL, "record send:legacy reply:direct:302");
    check("/go?shop=9&site=7", &[], World::Well, WELL, "miss:advertisers 9 send:legacy reply:proxy:200");
    check(
        "/go?shop=9&site=7",
        &[],
        World::PlatformsDead,
        WELL,
        "miss:advertisers 9 send:legacy reply:local:404",
    );
    check("/go?shop=9&site=7", &[], World::Well, LEGACY_DOWN, "miss:advertisers 9 reply:local:404");
    check("/go?shop=1", &[], World::Well, WELL, "reply:direct:302");
    check("/go", &[], World::Well, WELL, "send:legacy reply:proxy:200");
}

#[test]
fn a_click_that_legacy_fails_is_sent_on_by_ourselves() {
    let steps = run(get("/go?shop=3&site=7&to=shop3.test/a", &[]), World::PlatformsFail, WELL);
    assert_eq!(short(&steps), "record send:legacy reply:direct:302");
    assert!(location(&steps).starts_with("https://shop3.test/a?oid=t1_"));
}

#[test]
fn a_redirect_carries_the_destination_and_the_click_id() {
    let steps = run(get("/go?shop=1&site=7&to=www.shop1.test/a%3Fx%3D1&extra=2", &[]), World::Well, WELL);
    let url = location(&steps);
    assert!(
        url.starts_with(
            "https://new.test/click?m=1001&p=2007&to=https%3A%2F%2Fwww.shop1.test%2Fa%3Foid%3Dt1_"
        )
    );
    assert!(url.ends_with("%26x%3D1&extra=2"), "{url}");
    let steps = run(get("/go?shop=1&site=7&to=evil.test", &[]), World::Well, PRIMARY_DOWN);
    assert!(location(&steps).starts_with("https://shop1.test/home?oid=t1_"), "{}", location(&steps));
}

#[test]
fn i10_a_refusal_leaves_no_identifier() {
    for (target, headers) in
        [("/go?shop=1&site=7&ok=0", &[][..]), ("/go?shop=1&site=7", &[("sec-gpc", "1")][..])]
    {
        let steps = run(get(target, headers), World::Well, PRIMARY_DOWN);
        assert_eq!(location(&steps), "https://shop1.test/home");
        let Some(Step::Reply(reply)) = steps.last() else { panic!() };
        assert!(reply.headers.iter().all(|(name, _)| name != "set-cookie"));
        let Some(Step::Record(entry)) = steps.first() else { panic!() };
        assert_eq!(Envelope::decode(&entry.bytes).unwrap().click, None);
        let redirected = run(get(target, headers), World::Well, WELL);
        assert!(location(&redirected).contains("&ok=0&") && !location(&redirected).contains("t1_"));
    }
}

#[test]
fn i1_i5_a_conversion_is_durable_and_waits_for_no_platform() {
    let sale = "/buy?shop=1&sum=10.00&order=A-1";
    check(sale, &[], World::Well, WELL, "append reply:accept:200");
    check(sale, &[], World::PlatformsDead, PRIMARY_DOWN, "append reply:accept:200");
    check("/buy?shop=nobody&sum=lots", &[], World::PlatformsDead, WELL, "append reply:accept:200");
    check("/buy", &[], World::PlatformsDead, WELL, "append reply:accept:200");
}

#[test]
fn i1_never_a_false_yes() {
    let sale = "/buy?shop=1&sum=10.00&order=A-1";
    check(sale, &[], World::OutboxFull, WELL, "append hand-over reply:refuse:503");
    check(sale, BROWSER, World::OutboxFull, WELL, "append hand-over send:primary remember reply:proxy:200");
    check(sale, BROWSER, World::AllDead, WELL, "append hand-over send:primary remember reply:refuse:503");
    let observed = "/buy?shop=3&sum=10.00&order=A-1";
    check(
        observed,
        BROWSER,
        World::OutboxFull,
        WELL,
        "append hand-over send:legacy remember reply:proxy:200",
    );
    check(observed, BROWSER, World::AllDead, WELL, "append hand-over send:legacy remember reply:refuse:503");
    check(
        "/buy?shop=9&sum=1&order=1",
        BROWSER,
        World::OutboxFull,
        WELL,
        "miss:advertisers 9 append hand-over reply:refuse:503",
    );
}

#[test]
fn i2_what_an_edge_sends_itself_is_told_afterwards_as_the_same_event() {
    let sale = "/buy?shop=1&sum=10.00&order=A-1";
    for (world, verdict) in [(World::OutboxFull, "taken"), (World::AllDead, "unknown")] {
        let steps = run(get(sale, BROWSER), world, WELL);
        let envelope = |wanted: fn(&Step) -> Option<&Entry>| {
            Envelope::decode(&steps.iter().find_map(wanted).unwrap().bytes).unwrap()
        };
        let asked = envelope(|step| if let Step::Append(entry) = step { Some(entry) } else { None });
        let told = envelope(|step| if let Step::Remember(entry) = step { Some(entry) } else { None });
        let sent = told.sent.clone().unwrap();
        assert_eq!((sent.home, sent.verdict.name()), (Home::Primary, verdict));
        assert_eq!(Envelope { sent: None, ..told }, asked, "everything else is the same");
    }
}

#[test]
fn i1_i2_what_the_outbox_cannot_take_the_processor_takes_and_nothing_goes_to_a_platform() {
    let sale = "/buy?shop=1&sum=10.00&order=A-1";
    for client in [&[][..], BROWSER] {
        check(sale, client, World::ProcessorTakes, WELL, "append hand-over reply:accept:200");
        check(sale, client, World::ProcessorSilent, WELL, "append hand-over remember reply:refuse:503");
    }
    let steps = run(get(sale, BROWSER), World::ProcessorSilent, WELL);
    let entries: Vec<&Entry> = steps
        .iter()
        .filter_map(|step| match step {
            Step::Append(entry) | Step::Remember(entry) | Step::HandOver { entry, .. } => Some(entry),
            _ => None,
        })
        .collect();
    assert_eq!(entries.len(), 3);
    assert!(entries.windows(2).all(|pair| pair[0] == pair[1]), "one event, the same to the byte");
}

#[test]
fn i2_what_an_outbox_may_hold_all_the_same_goes_to_no_platform() {
    let sale = "/buy?shop=1&sum=10.00&order=A-1";
    for client in [&[][..], BROWSER] {
        check(sale, client, World::OutboxUnsure, WELL, "append hand-over remember reply:refuse:503");
    }
}

#[test]
fn looking_never_books() {
    let mut head = get("/buy?shop=1&sum=10.00&order=A-1", &[]);
    head.method = Method::Head;
    assert_eq!(short(&run(head, World::Well, WELL)), "reply:accept:200");
    check("/buy?shop=1&sum=1&order=1", &[("sec-purpose", "prefetch")], World::Well, WELL, "reply:accept:200");
    check("/go?shop=1&site=7", &[("purpose", "prefetch")], World::Well, WELL, "reply:redirect:302");
    let mut options = get("/buy", &[]);
    options.method = Method::Options;
    assert_eq!(short(&run(options, World::Well, WELL)), "reply:local:204");
}

#[test]
fn the_rest_is_passed_on_or_answered_in_its_own_kind() {
    check("/img/a.gif", &[], World::Well, WELL, "send:legacy reply:proxy:200");
    check("/img/a.gif", &[], World::PlatformsFail, WELL, "send:legacy reply:local:200");
    check("/nothing", &[], World::PlatformsFail, WELL, "tally:GET main /nothing send:legacy reply:proxy:500");
    check("/nothing", &[], World::PlatformsDead, WELL, "tally:GET main /nothing send:legacy reply:local:503");
    check("/copy?x=1", &[], World::PlatformsDead, WELL, "record reply:accept:200");
    check("/go", &[("x-turnout-hop", "1")], World::Well, WELL, "reply:refuse:508");
}

#[test]
fn a_method_that_no_endpoint_takes_passes_where_nothing_is_ours_to_answer() {
    let asked = |method, target: &str, lives, world| {
        let mut snapshot = snapshot();
        Arc::get_mut(&mut snapshot).unwrap().policy.legacy_lives = lives;
        let inbound = Inbound { method, ..get(target, &[]) };
        short(&run_with(snapshot, inbound, world, WELL))
    };
    let put = Method::parse("PUT").unwrap();
    for method in [put, Method::Post] {
        assert_eq!(asked(method, "/img/a.gif", true, World::Well), "send:legacy reply:proxy:200");
        assert_eq!(asked(method, "/img/a.gif", true, World::PlatformsDead), "send:legacy reply:local:503");
        assert_eq!(asked(method, "/img/a.gif", false, World::Well), "reply:refuse:405");
        // It could book there what we do not see.
        assert_eq!(asked(method, "/go", true, World::Well), "reply:refuse:405");
    }
    let unknown = "tally:PUT main /nothing";
    assert_eq!(asked(put, "/nothing", true, World::Well), format!("{unknown} send:legacy reply:proxy:200"));
    assert_eq!(asked(put, "/nothing", false, World::Well), format!("{unknown} reply:refuse:405"));
    assert_eq!(asked(put, "/buy", true, World::Well), "reply:refuse:405");
}

#[test]
fn what_goes_to_legacy_is_what_came() {
    let raw = "/go?shop=9&&site=%zz\"<x>&=&a;b=+";
    let steps = run(
        get(raw, &[("cookie", "SHOP9=1"), ("connection", "x"), ("x-forwarded-for", "1.2.3.4")]),
        World::Well,
        WELL,
    );
    let Some(Step::Send { request, .. }) = steps.get(1) else { panic!() };
    assert_eq!(request.target, raw.as_bytes());
    let names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["cookie", "x-forwarded-proto", "x-turnout-hop"]);
    let Some(Step::Reply(reply)) = steps.last() else { panic!() };
    assert!(reply.headers.iter().all(|(name, _)| name != "upgrade"));
}

#[test]
fn an_envelope_tells_everything_and_seals_the_person() {
    let click = run(get("/go?shop=1&site=7", &[]), World::Well, PRIMARY_DOWN);
    let (_, id) = location(&click).split_once("oid=").unwrap();
    let cookie = format!("SHOP1=7.{}", id.trim_end_matches('&'));
    let target = format!("/buy?shop=1&sum=10.00&order=A-1&oid={id}secret=1");
    let steps = run(get(&target, &[("cookie", &cookie)]), World::Well, WELL);
    let Some(Step::Append(entry)) = steps.first() else { panic!() };
    let envelope = Envelope::decode(&entry.bytes).unwrap();
    assert_eq!(envelope.purpose, Purpose::Live);
    assert!(envelope.key.is_some());
    assert_eq!(envelope.click.as_ref().map(|click| click.publisher_id), Some(7));
    assert_eq!(envelope.cookie_click, envelope.click);
    let text = String::from_utf8_lossy(&entry.bytes).into_owned();
    assert!(!text.contains("secret") && !text.contains("SHOP1"), "I9: the original travels sealed");
    let opened = Sealed::open(&envelope.sealed, &snapshot().secrets.seal_keys, envelope.event_id).unwrap();
    assert_eq!(opened.original.target, target.as_bytes());
    let Some(Step::Reply(reply)) = steps.last() else { panic!() };
    assert!(reply.headers.iter().any(|(name, value)| name == "set-cookie" && value.contains("SHOP1=7.t1_")));
}

/// Thirty days by the directory, ninety by the terms of this publisher: set by its click, and renewed by a pixel.
#[test]
fn a_cookie_lives_as_long_as_the_terms_may_credit_its_click() {
    let text = "[[terms]]\n[[terms.publisher]]\nids = [7]\nwindow_days = 90\n";
    let mut snapshot = Arc::into_inner(snapshot()).unwrap();
    snapshot.policy.terms = crate::policy::Terms::load("terms.toml", text).unwrap();
    let snapshot = Arc::new(snapshot);
    let lives = |steps: &[Step]| {
        let Some(Step::Reply(reply)) = steps.last() else { panic!() };
        let set =
            reply.headers.iter().find(|(name, value)| name == "set-cookie" && value.starts_with("SHOP1="));
        set.unwrap().1.contains("Max-Age=7776000")
    };
    let click = run_with(Arc::clone(&snapshot), get("/go?shop=1&site=7", &[]), World::Well, PRIMARY_DOWN);
    assert!(lives(&click));
    let (_, id) = location(&click).split_once("oid=").unwrap();
    let cookie = format!("SHOP1=7.{}", id.trim_end_matches('&'));
    let pixel = get("/buy?shop=1&sum=10.00&order=A-1", &[("cookie", &cookie)]);
    assert!(lives(&run_with(snapshot, pixel, World::Well, WELL)));
}

/// A request to the host of short links.
fn short_link(target: &str) -> Inbound {
    Inbound { host: "s.test".to_owned(), ..get(target, &[]) }
}

#[test]
fn a_short_link_is_the_click_that_it_stands_for() {
    for target in ["/Moved", "/?moved", "/moved?to=shop1.test/own&extra=2"] {
        let steps = run(short_link(target), World::Well, WELL);
        assert_eq!(short(&steps), "record reply:redirect:302", "{target}");
        assert!(location(&steps).starts_with("https://new.test/click?m=1001&p=2007&to="), "{target}");
        let Some(Step::Record(entry)) = steps.first() else { panic!() };
        let envelope = Envelope::decode(&entry.bytes).unwrap();
        assert_eq!((envelope.endpoint.as_str(), envelope.click.unwrap().publisher_id), ("click", 7));
        let opened =
            Sealed::open(&envelope.sealed, &snapshot().secrets.seal_keys, envelope.event_id).unwrap();
        assert_eq!(opened.original.target, target.as_bytes(), "the original stays the short link");
    }
    let long = run(get("/go?shop=1&site=7", &[]), World::Well, WELL);
    assert_eq!(
        location(&run(short_link("/moved"), World::Well, WELL)),
        location(&long),
        "as if asked itself"
    );
    let steps = run(short_link("/moved?to=www.shop1.test/own&extra=2"), World::Well, WELL);
    assert!(location(&steps).contains("www.shop1.test%2Fown"), "what is added stands behind the link's own");
    assert!(location(&steps).ends_with("&extra=2"), "{}", location(&steps));
    let refused = run(short_link("/moved?ok=0"), World::Well, WELL);
    assert!(!location(&refused).contains("t1_"), "I10: {}", location(&refused));
    let Some(Step::Reply(reply)) = refused.last() else { panic!() };
    assert!(reply.headers.iter().all(|(name, _)| name != "set-cookie"), "I10: {reply:?}");
    let mut head = short_link("/moved");
    head.method = Method::Head;
    assert_eq!(short(&run(head, World::Well, WELL)), "reply:redirect:302");
}

#[test]
fn a_short_link_of_who_has_not_moved_goes_to_legacy_as_it_came() {
    let steps = run(short_link("/observed?x=%zz"), World::Well, WELL);
    assert_eq!(short(&steps), "record send:legacy reply:proxy:200");
    let Some(Step::Send { request, .. }) = steps.get(1) else { panic!() };
    assert_eq!((request.host.as_str(), request.target.as_slice()), ("s.test", &b"/observed?x=%zz"[..]));
    let steps = run(short_link("/observed"), World::PlatformsDead, WELL);
    assert_eq!(short(&steps), "record send:legacy reply:direct:302");
}

#[test]
fn a_short_link_that_no_table_has_is_never_guessed() {
    let told = |target: &str| short(&run(short_link(target), World::Well, WELL));
    let passed = "send:legacy reply:proxy:200";
    assert_eq!(told("/moved1"), format!("miss:short links moved1 {passed}"));
    assert_eq!(told("/moved?"), "record reply:redirect:302");
    assert_eq!(told("/?a=1&moved"), passed, "no code, no look-up");
    assert_eq!(told("/jane@doe.test"), format!("miss:short links * {passed}"), "I9");
    assert_eq!(told(&format!("/{}", "x".repeat(33))), format!("miss:short links * {passed}"));
    let gone = run(short_link("/moved1"), World::PlatformsDead, WELL);
    assert_eq!(short(&gone), "miss:short links moved1 send:legacy reply:local:404");
}

#[test]
fn what_no_map_has_is_counted_with_its_table() {
    check("/go?shop=1&site=7&ad=5", &[], World::Well, WELL, "miss:creatives 5 record reply:redirect:302");
    check("/go?shop=1&site=7&ad=5&to=shop1.test", &[], World::Well, WELL, "record reply:redirect:302");
    check("/go?shop=1&site=7&ad=0", &[], World::Well, WELL, "record reply:redirect:302");
    // Known on the old platform alone: nothing is missing before the programme has moved.
    check("/go?shop=3&site=9", &[], World::Well, WELL, "record send:legacy reply:proxy:200");
    check("/go?shop=1&site=9", &[], World::Well, WELL, "miss:publishers 9 record reply:direct:302");
}

#[test]
fn i6_the_same_inputs_give_the_same_steps() {
    for target in ["/go?shop=1&site=7", "/buy?shop=1&sum=1&order=1", "/go?shop=3&site=7", "/x"] {
        let first = run(get(target, BROWSER), World::OutboxFull, WELL);
        assert_eq!(first, run(get(target, BROWSER), World::OutboxFull, WELL));
    }
}

/// The rules in force tell whose a click id is by the dialect of the new platform, and by our own keys.
#[test]
fn whose_a_click_id_is() {
    use crate::intake::{ClickIds, Token};
    let (snapshot, at) = (snapshot(), Timestamp::from_seconds(1_795_000_000));
    let own = tracking::event::Click {
        advertiser_id: 1,
        publisher_id: 7,
        creative_id: 3,
        at,
        click_id: String::new(),
    };
    let token = snapshot.secrets.click_id_keys.mint(&own, 1);
    let foreign = snapshot.primary("1001_1795000000_0a1b2c3d4e5f60718293a4b5c6d7e8f9");
    assert_eq!(foreign.map(|id| (id.advertiser_id, id.at)), Some((Some(1001), Some(at))));
    assert_eq!((snapshot.primary(&token), snapshot.primary("11k8_cr29d")), (None, None));
    assert!(matches!(snapshot.token(&token), Token::Click(click) if click.publisher_id == 7));
    assert_eq!(snapshot.token("11k8_cr29d"), Token::Other);
}
