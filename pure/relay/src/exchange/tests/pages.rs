//! Pages of our own: the one that sends on by its script.

use super::*;

fn page(target: &str, world: World) -> Reply {
    let mut steps = run(get(target, &[]), world, WELL);
    match steps.pop() {
        Some(Step::Reply(reply)) => reply,
        other => panic!("{target}: {other:?}"),
    }
}

/// The address as a reader takes it out of the page: between the quotes, without backslashes.
fn read(reply: &Reply) -> String {
    let text = String::from_utf8(reply.body.clone()).unwrap();
    let rest = text.strip_prefix("<script>go('").unwrap_or_else(|| panic!("{text}"));
    let inside = rest.strip_suffix("');</script>").unwrap_or_else(|| panic!("{text}"));
    assert!(!inside.contains(['\'', '"', '<', '>']), "{text}");
    inside.replace('\\', "")
}

#[test]
fn a_second_hop_leads_where_the_redirect_leads_with_the_same_cookies() {
    let reply = page("/hop?shop=1&site=7&to=shop1.test/a?b=c", World::Well);
    assert_eq!((reply.mode, reply.status), (Mode::Redirect, 200));
    let redirect = run(get("/go?shop=1&site=7&to=shop1.test/a?b=c", &[]), World::Well, WELL);
    assert_eq!(read(&reply), location(&redirect));
    let cookies = |headers: &[(String, String)]| -> Vec<String> {
        headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value.clone()).collect()
    };
    let Some(Step::Reply(other)) = redirect.last() else { panic!("no reply") };
    assert_eq!(cookies(&reply.headers), cookies(&other.headers));
    assert!(!cookies(&reply.headers).is_empty());
    assert!(reply.headers.iter().all(|(name, _)| name != "location"));
}

#[test]
fn a_second_hop_of_an_observed_shop_is_passed_on_and_answered_by_us_if_nobody_else_does() {
    let target = "/hop?shop=3&site=7&to=shop3.test/a&hop=x1";
    let steps = run(get(target, &[]), World::Well, WELL);
    assert_eq!(short(&steps), "record send:legacy reply:proxy:200");
    let reply = page(target, World::PlatformsDead);
    assert!(read(&reply).starts_with("https://shop3.test/a?oid=t1_"));
}

#[test]
fn nothing_in_a_link_breaks_out_of_the_page() {
    for hostile in [
        "shop2.test/%27%29%3Balert(1)//",
        "shop2.test/');alert(1)//",
        "shop2.test/?q=</script><script>alert(1)</script>",
        "shop2.test/#'</script>",
        "shop2.test/?q=\\\\u0027%5C%27",
        "shop2.test/%E2%80%A8%0d%0a",
        "javascript:alert(1)//shop2.test",
        "data:text/html,x",
        "shop2.test@evil.test/",
        "evil.test/?shop2.test",
        "//evil.test\\@shop2.test/",
    ] {
        let there = read(&page(&format!("/hop?shop=2&site=7&to={hostile}"), World::Well));
        let parsed = url::Url::parse(&there).unwrap();
        assert_eq!((parsed.scheme(), parsed.host_str()), ("https", Some("shop2.test")), "{hostile}: {there}");
    }
}

#[test]
fn a_refusal_leaves_no_identifier_in_the_page() {
    let reply = page("/hop?shop=2&site=7&ok=0&hop=x1", World::Well);
    assert_eq!(read(&reply), "https://shop2.test/home");
    assert!(reply.headers.iter().all(|(name, _)| name != "set-cookie"));
}

#[test]
fn what_is_not_recognised_is_counted_by_its_shape_and_passed_on() {
    check(
        "/odd/123/page?b=1&a=jane",
        &[],
        World::Well,
        WELL,
        "tally:GET main /odd/*/page ?a&b send:legacy reply:proxy:200",
    );
    check("/odd", &[], World::Well, LEGACY_DOWN, "tally:GET main /odd reply:local:503");
}

const OPTED_OUT: (&str, &str) = ("cookie", "a=b; out=1; SHOP1=7.t1_x; SHOP=9");

fn post(body: &str, headers: &[(&str, &str)]) -> Reply {
    let inbound =
        Inbound { method: Method::Post, body: body.as_bytes().to_vec(), ..get("/privacy", headers) };
    match run(inbound, World::AllDead, LEGACY_DOWN).pop() {
        Some(Step::Reply(reply)) => reply,
        other => panic!("{other:?}"),
    }
}

fn cookies(reply: &Reply) -> Vec<&str> {
    let lines = reply.headers.iter().filter(|(name, _)| name == "set-cookie");
    lines.map(|(_, value)| value.as_str()).collect()
}

#[test]
fn a_visitor_opts_out_and_in_again_without_any_platform() {
    for (headers, body) in [(&[][..], "out?"), (&[OPTED_OUT], "in?")] {
        let steps = run(get("/privacy", headers), World::AllDead, LEGACY_DOWN);
        let Some(Step::Reply(reply)) = steps.last() else { panic!("{steps:?}") };
        assert_eq!((reply.status, reply.body.as_slice()), (200, body.as_bytes()));
    }
    let own = [("sec-fetch-site", "same-origin"), ("origin", "https://old.test"), OPTED_OUT];
    let reply = post("choice=out", &own);
    assert_eq!(reply.status, 303);
    let ending = "Domain=old.test; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=None";
    assert_eq!(
        cookies(&reply),
        [
            "out=1; Domain=old.test; Path=/; Max-Age=34560000; HttpOnly; Secure; SameSite=None",
            &format!("SHOP1=; {ending}"),
        ]
    );
    assert_eq!(cookies(&post("choice=in", &own)), [format!("out=; {ending}")]);
}

#[test]
fn nobody_elses_page_opts_a_visitor_out() {
    for headers in [
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
        [("origin", "https://evil.test")],
        [("origin", "null")],
    ] {
        let reply = post("choice=out", &headers);
        assert_eq!((reply.status, cookies(&reply).len()), (403, 0), "{headers:?}");
    }
}

#[test]
fn i10_who_has_opted_out_is_sent_on_without_an_identifier() {
    let steps = run(get("/go?shop=2&site=7&ok=1", &[OPTED_OUT]), World::Well, WELL);
    assert_eq!(location(&steps), "https://shop2.test/home");
    let Some(Step::Reply(reply)) = steps.last() else { panic!("no reply") };
    assert!(cookies(reply).is_empty());
}

#[test]
fn who_wants_to_join_is_sent_to_the_new_platform_once_the_old_one_is_silent() {
    assert_eq!(location(&run(get("/join?x=1", &[]), World::PlatformsFail, WELL)), "https://new.test/join");
    assert_eq!(location(&run(get("/join?x=1", &[]), World::Well, LEGACY_DOWN)), "https://new.test/join");
    check("/join?x=1", &[], World::Well, WELL, "send:legacy reply:proxy:200");
}
