//! What a visitor's choice and a browser's cookies lead to, in every way that a reply can come about.

use tracking::Field;
use tracking::consent::{Consent, ConsentReason};

use super::*;
use crate::policy::CookiePolicy;

/// Every way a reply comes about: target, world, health, and the steps.
const WAYS: [(&str, World, Health, &str); 17] = [
    ("/go?shop=1&site=7", World::Well, WELL, "record reply:redirect:302"),
    ("/go?shop=1&site=7", World::Well, PRIMARY_DOWN, "record reply:direct:302"),
    ("/go?shop=2&site=7", World::Well, WELL, "record reply:direct:302"),
    ("/go?shop=1&site=8", World::Well, WELL, "miss:publishers 8 record reply:direct:302"),
    ("/go?shop=1&x=1", World::Well, WELL, "reply:direct:302"),
    ("/go?shop=3&site=7", World::Well, WELL, "record send:legacy reply:proxy:200"),
    ("/go?shop=3&site=7", World::PlatformsDead, WELL, "record send:legacy reply:direct:302"),
    ("/go?shop=9&site=7", World::PlatformsDead, WELL, "miss:advertisers 9 send:legacy reply:local:404"),
    ("/buy?shop=1&sum=1.00&order=A", World::Well, WELL, "append reply:accept:200"),
    ("/buy?shop=3&sum=1.00&order=A", World::Well, WELL, "append reply:accept:200"),
    (
        "/buy?shop=1&sum=1.00&order=A",
        World::OutboxFull,
        WELL,
        "append hand-over send:primary remember reply:proxy:200",
    ),
    (
        "/buy?shop=3&sum=1.00&order=A",
        World::OutboxFull,
        WELL,
        "append hand-over send:legacy remember reply:proxy:200",
    ),
    (
        "/buy?shop=3&sum=1.00&order=A",
        World::AllDead,
        WELL,
        "append hand-over send:legacy remember reply:refuse:503",
    ),
    ("/copy?x=1", World::Well, WELL, "record reply:accept:200"),
    ("/hop?shop=1&site=7", World::Well, WELL, "record reply:redirect:200"),
    ("/hop?shop=1&site=7", World::Well, PRIMARY_DOWN, "record reply:direct:200"),
    ("/call?do=void&shop=1&order=A", World::Well, WELL, "ask reply:serve:200"),
];

/// The cookies that permitted clicks on shops 1 and 3 have set, as a browser sends them, beside one of others.
fn cookies() -> String {
    let line = |target| {
        let steps = run(get(target, &[]), World::PlatformsDead, PRIMARY_DOWN);
        let set = reply(&steps).headers.iter().find(|(name, _)| name == "set-cookie");
        set.and_then(|(_, line)| line.split(';').next()).unwrap().to_owned()
    };
    format!("{}; stranger=secret; {}", line("/go?shop=1&site=7"), line("/go?shop=3&site=7"))
}

fn reply(steps: &[Step]) -> &Reply {
    let Some(Step::Reply(reply)) = steps.last() else { panic!("no reply") };
    reply
}

fn header<'a>(steps: &'a [Step], wanted: &'a str) -> impl Iterator<Item = &'a str> {
    let found = reply(steps).headers.iter().filter(move |(name, _)| name == wanted);
    found.map(|(_, value)| value.as_str())
}

/// Everything that leaves the exchange, opened, as one text. A kind of step that is new must say here what it holds.
fn everything(steps: &[Step]) -> String {
    let part = |step: &Step| match step {
        Step::Append(entry) | Step::Record(entry) | Step::Remember(entry) => opened(entry),
        Step::Ask { entry, within } | Step::HandOver { entry, within } => {
            format!("{} {within:?}", opened(entry))
        }
        Step::Send { request, within, repeatable } => {
            let headers = as_text(&request.headers);
            format!("{} {headers} {} {within:?} {repeatable}", request.url(), text(&request.body))
        }
        Step::Reply(Reply { mode, status, headers, body }) => {
            format!("{mode:?} {status} {headers:?} {}", text(body))
        }
        Step::Find { key, within } => format!("{} {within:?}", text(key)),
        Step::Keep { key, kept } => {
            let body = kept.as_ref().map(|kept| text(&kept.body));
            format!("{} {kept:?} {body:?}", text(key))
        }
        Step::Tally(shape) => shape.clone(),
        Step::Miss { table, key } => format!("{} {key}", table.name()),
        Step::WaitUntil(at) => at.to_string(),
        Step::Report(fact) => format!("{fact:?}"),
        Step::Log(seen) => format!("{seen:?}"),
    };
    steps.iter().map(part).collect::<Vec<_>>().join("\n")
}

/// An envelope with its sealed part opened.
fn opened(entry: &Entry) -> String {
    let envelope = Envelope::decode(&entry.bytes).unwrap();
    let keys = &snapshot().secrets.seal_keys;
    let Sealed { original, client } = Sealed::open(&envelope.sealed, keys, envelope.event_id).unwrap();
    let Inbound { method, secure, host, target, headers, body, peer } = original;
    let envelope = Envelope { sealed: Vec::new(), ..envelope };
    format!(
        "{envelope:?} {client:?} {method:?} {secure} {host} {} {} {} {peer:?}",
        text(&target),
        as_text(&headers),
        text(&body)
    )
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn as_text(headers: &[(String, Vec<u8>)]) -> String {
    headers.iter().map(|(name, value)| format!("{name}: {}; ", text(value))).collect()
}

#[test]
fn i10_a_refusal_holds_in_every_way_that_a_reply_comes_about() {
    let cookies = cookies();
    for (target, world, health, expected) in WAYS {
        let by_link = format!("{target}&ok=0");
        let browser = [("user-agent", "Mozilla/5.0"), ("cookie", cookies.as_str()), ("sec-gpc", "1")];
        // Where a request is not read, the browser's own word is the only one.
        let unread = ["/copy", "/call"].iter().any(|path| target.starts_with(path));
        let link = if unread { &browser[..] } else { &browser[..2] };
        for (target, headers) in [(by_link.as_str(), link), (target, &browser[..])] {
            let whole = run_whole(snapshot(), get(target, headers), world, health);
            let steps: Vec<Step> =
                whole.iter().filter(|step| !matches!(step, Step::Report(_))).cloned().collect();
            assert_eq!(short(&steps), expected, "{target}: a refusal changes no way");
            assert_eq!(header(&steps, "set-cookie").count(), 0, "{target} {world:?}");
            let all = everything(&whole);
            assert!(!all.contains("t1_"), "a click id leaves {target} {world:?}: {all}");
            assert!(!all.contains("SHOP") && !all.contains("secret"), "a cookie leaves {target}: {all}");
            for step in &steps {
                let (Step::Append(entry)
                | Step::Record(entry)
                | Step::Remember(entry)
                | Step::HandOver { entry, .. }
                | Step::Ask { entry, .. }) = step
                else {
                    continue;
                };
                let envelope = Envelope::decode(&entry.bytes).unwrap();
                assert!(matches!(envelope.consent, Consent::Refused(_)), "{target}: {:?}", envelope.consent);
                assert_eq!((envelope.click, envelope.cookie_click), (None, None), "{target}");
            }
        }
        let permitted = run_whole(snapshot(), get(target, &browser[..2]), world, health);
        let all = everything(&permitted);
        assert!(!all.contains("secret"), "{target}: a stranger's cookie leaves it: {all}");
        // What is looked for above can be seen where it is.
        let marked = target.starts_with("/hop") || target.starts_with("/buy");
        assert!(!marked || all.contains("t1_"), "{target} {world:?}: {all}");
    }
}

#[test]
fn i10_a_refused_order_is_still_booked_and_names_no_click() {
    let id = cookies().split(['.', ';']).nth(1).unwrap().to_owned();
    assert!(id.starts_with("t1_"), "{id}");
    let target = format!("/buy?shop=1&sum=12.00&order=A-1&oid={id}");
    let steps = run(get(&target, &[("sec-gpc", "1")]), World::Well, WELL);
    let Some(Step::Append(entry)) = steps.first() else { panic!() };
    let envelope = Envelope::decode(&entry.bytes).unwrap();
    assert_eq!(envelope.consent, Consent::Refused(ConsentReason::GlobalOptOut));
    assert_eq!(envelope.event.money(Field::Amount).map(|money| money.minor), Some(1200));
    assert_eq!(envelope.event.text(Field::OrderReference), Some("A-1"));
    assert!(envelope.key.is_some() && envelope.event.get(Field::ClickId).is_none());
}

#[test]
fn i10_no_event_of_a_visitor_who_refused_keeps_a_click_id() {
    for target in [
        "/buy?shop=1&sum=12.00&order=A-1&oid=11k8_cr29d",
        "/copy?oid=1001_1795000000_a",
        "/hop?shop=1&site=7&oid=11k8_cr29d",
        "/call?do=void&shop=1&order=A&oid=11k8_cr29d",
    ] {
        let kept = |headers: &[(&str, &str)]| {
            let steps = run(get(target, headers), World::Well, WELL);
            let entry = steps.iter().find_map(|step| match step {
                Step::Append(entry) | Step::Record(entry) | Step::Ask { entry, .. } => Some(entry),
                _ => None,
            });
            let event = Envelope::decode(&entry.unwrap().bytes).unwrap().event;
            [Field::ClickId, Field::HopClickId, Field::HopSessionId].iter().any(|id| event.get(*id).is_some())
        };
        assert_eq!((kept(&[]), kept(&[("sec-gpc", "1")])), (true, false), "{target}");
    }
}

/// The request that an entry seals.
fn sealed(entry: &Entry) -> Inbound {
    let envelope = Envelope::decode(&entry.bytes).unwrap();
    let keys = &snapshot().secrets.seal_keys;
    Sealed::open(&envelope.sealed, keys, envelope.event_id).unwrap().original
}

#[test]
fn i10_what_is_sealed_or_passed_on_of_a_visitor_who_refused_names_no_click_and_still_tells_the_order() {
    let page = ("referer", "https://shop3.test/thanks?oid=11k8_cr29d#top");
    let cookie = ("cookie", "SHOP3=7; new_1003=x");
    for (target, kept) in [
        ("/buy?shop=3&sum=12.00&oid=11k8_cr29d&order=A-1&z=%zz", "/buy?shop=3&sum=12.00&order=A-1&z=%zz"),
        ("/buy?oid=11k8_cr29d&shop=1&&sum=12.00&OID=x", "/buy?shop=1&&sum=12.00"),
        ("/copy?oid=1001_1795000000_a&a=1", "/copy?a=1"),
        ("/hop?shop=3&site=7&oid=11k8_cr29d", "/hop?shop=3&site=7"),
    ] {
        for refused in [true, false] {
            let gpc = ("sec-gpc", if refused { "1" } else { "0" });
            let steps = run(get(target, &[page, cookie, gpc]), World::Well, WELL);
            let mut seen = 0;
            for step in &steps {
                let (target, headers) = match step {
                    Step::Append(entry) | Step::Record(entry) => {
                        let original = sealed(entry);
                        (original.target, original.headers)
                    }
                    Step::Send { request, .. } => (request.target.clone(), request.headers.clone()),
                    _ => continue,
                };
                let headers = as_text(&headers);
                assert_eq!(text(&target) == kept, refused, "{target:?} is not {kept}");
                assert_eq!(
                    headers.contains("11k8_cr29d") || headers.contains("SHOP3"),
                    !refused,
                    "{headers}"
                );
                assert!(headers.contains("referer: https://shop3.test/thanks"), "{headers}");
                seen += 1;
            }
            assert!(seen > 0, "{target}");
        }
    }
}

/// Which cookies go to the legacy platform, and which of its own come back.
#[test]
fn cookies_between_a_browser_and_the_legacy_platform() {
    let sent = [("cookie", "a=1; SHOP3=7; new_1003=x; b=2")];
    for (target, gpc, goes, comes) in [
        ("/go?shop=3&site=7", false, Some("SHOP3=7"), true),
        ("/go?shop=3&site=7", true, None, false),
        ("/img/a.gif", false, Some("SHOP3=7"), true),
        ("/img/a.gif", true, None, false),
        ("/account", false, Some("a=1; SHOP3=7; b=2"), true),
        ("/account", true, Some("a=1; b=2"), false),
        ("/nothing", false, Some("a=1; SHOP3=7; b=2"), true),
    ] {
        let headers = [sent[0], ("sec-gpc", if gpc { "1" } else { "0" })];
        let steps = run(get(target, &headers), World::Well, WELL);
        let asked = steps.iter().find_map(|step| match step {
            Step::Send { request, .. } => Some(request),
            _ => None,
        });
        let line = asked.unwrap().headers.iter().find(|(name, _)| name == "cookie");
        let line = line.map(|(_, value)| String::from_utf8_lossy(value).into_owned());
        assert_eq!(line.as_deref(), goes, "{target} gpc {gpc}");
        assert_eq!(header(&steps, "set-cookie").next().is_some(), comes, "{target} gpc {gpc}");
    }
}

#[test]
fn a_wave_says_which_forms_its_clicks_set() {
    let set = |cookies: CookiePolicy, world, target: &str| -> Vec<String> {
        let mut snapshot = snapshot();
        for wave in &mut Arc::get_mut(&mut snapshot).unwrap().policy.waves {
            wave.cookies = cookies;
        }
        let steps = run_with(snapshot, get(target, &[]), world, WELL);
        let names = header(&steps, "set-cookie").map(|line| line.split('=').next().unwrap().to_owned());
        names.collect()
    };
    let forms = |phase| CookiePolicy::of(phase);
    use crate::policy::Phase;
    for (cookies, expected) in [
        (forms(Phase::Observe), &["SHOP1"][..]),
        (forms(Phase::Moved), &["SHOP1", "new_1001"]),
        (forms(Phase::Closed), &["new_1001"]),
        (CookiePolicy { old_until: Some(NOW), ..forms(Phase::Moved) }, &["new_1001"]),
    ] {
        assert_eq!(set(cookies, World::Well, "/go?shop=1&site=7"), expected, "{cookies:?}");
    }
    let dead = World::PlatformsDead;
    assert_eq!(set(forms(Phase::Observe), dead, "/go?shop=3&site=7"), ["SHOP3"], "sent on by ourselves");
}

#[test]
fn a_click_id_in_a_cookie_is_evidence_where_the_request_names_none() {
    let click_id = |target: &str, cookie: &str| {
        let steps = run(get(target, &[("cookie", cookie)]), World::Well, WELL);
        let Some(Step::Append(entry)) = steps.first() else { panic!() };
        let envelope = Envelope::decode(&entry.bytes).unwrap();
        envelope.event.text(Field::ClickId).map(str::to_owned)
    };
    let buy = "/buy?shop=1&sum=1.00&order=A";
    let own = cookies();
    let later = format!("1001_{}_a", NOW.as_seconds() + 5);
    let earlier = format!("1001_{}_a", NOW.as_seconds() - 5);
    assert_eq!(click_id(buy, &format!("new_1001={earlier}")).as_deref(), Some(earlier.as_str()));
    assert_eq!(click_id(buy, "new_1001=1002_1795000000_a"), None, "another programme's");
    assert_eq!(click_id(buy, &format!("{own}; new_1001={earlier}")), None, "our own click came later");
    assert_eq!(click_id(buy, &format!("{own}; new_1001={later}")).as_deref(), Some(later.as_str()));
    assert_eq!(click_id(&format!("{buy}&oid=abc"), &format!("new_1001={later}")).as_deref(), Some("abc"));
}

/// What the request log keeps tells what came in and what was replied, and nothing of who it was.
#[test]
fn i9_what_is_logged_of_a_request_names_no_person() {
    let headers = [
        ("referer", "https://blog.example/me?mail=jane@doe.example"),
        ("user-agent", "Mozilla/5.0 (Jane)"),
        ("cookie", "SHOP1=jane"),
    ];
    let mut inbound = get("/go?shop=1&site=7&note=jane", &headers);
    inbound.peer = Some("203.0.113.77".parse().unwrap());
    let logged = |inbound| {
        let steps = run_whole(snapshot(), inbound, World::Well, WELL);
        let mut logged = steps.into_iter().filter_map(|step| match step {
            Step::Log(seen) => Some(seen),
            _ => None,
        });
        (logged.next().unwrap(), logged.next())
    };
    let (seen, more) = logged(inbound.clone());
    assert_eq!(more, None, "one line for one request");
    assert_eq!((seen.advertiser_id, seen.publisher_id, seen.status), (Some(1), Some(7), 302));
    assert_eq!(seen.referrer.as_deref(), Some("blog.example"));
    assert_eq!(seen.network, Some("203.0.113.0".parse().unwrap()));
    let text = format!("{seen:?}").to_lowercase();
    for personal in ["jane", "203.0.113.77", "mozilla", "@"] {
        assert!(!text.contains(personal), "{personal} is in {text}");
    }
    inbound.headers.push(("sec-gpc".to_owned(), b"1".to_vec()));
    let (refused, _) = logged(inbound);
    assert_eq!(refused.network, None, "a visitor who refused leaves not even a network");
}
