//! A real browser, on pages as publishers and merchants have them, before the real binary.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use serde_json::{Value, json};
use system_tests::browser::{Browser, Pages, Scene, Sent, Taste};
use system_tests::clicks::parameter;

const PUBLISHER: &str = "www.honest-reviews.com";
const SHOP: &str = "example.com";

const SITES: [&str; 2] = [PUBLISHER, SHOP];
const HOST: &str = "www.shareasale.com";

/// A publisher's article, with its links as pages hold them: escaped, not escaped, escaped twice, and refused.
const ARTICLE: &str = r#"<!DOCTYPE html><title>Ten kettles</title><p>Buy it
<a id="link" rel="sponsored" href="https://shareasale.com/r.cfm?b=123&amp;u=456&amp;m=789&amp;urllink=example%2Ecom%2Fkettle%3Fcolour%3Dred&amp;afftrack=news">here</a>,
<a id="raw" href="//www.shareasale.com/r.cfm?b=123&u=456&m=789&urllink=example.com/kettle&afftrack=">or here</a>,
<a id="twice" href="http://www.shareasale.com/r.cfm?b=123&amp;amp;u=456&amp;amp;m=789&amp;amp;urllink=example.com/kettle">or here</a>,
<a id="refused" href="https://www.shareasale.com/r.cfm?b=123&u=456&m=789&urllink=example.com/kettle&cons=0">or there</a>."#;

/// The shop's page: keeps the click id of the landing as the merchants' plug-ins do.
const LANDING: &str = r#"<!DOCTYPE html><title>A kettle</title><script>
const id = new URLSearchParams(location.search).get('sscid');
if (id) document.cookie = 'sas_m_awin=' + encodeURIComponent(JSON.stringify({clickId: id})) + '; path=/; max-age=31536000';
</script>"#;

/// What the thank-you pages share: the click id that the landing page has kept, and the pixel's address.
const KEPT: &str = r#"<!DOCTYPE html><title>Thank you</title><body><script>
const kept = document.cookie.match(/sas_m_awin=([^;]+)/);
const id = kept ? JSON.parse(decodeURIComponent(kept[1])).clickId : '';
const pixel = order => 'https://www.shareasale.com/sale.cfm?tracking=' + order + '&amount=49.90&merchantID=789&transtype=sale'
  + '&currency=USD' + (id ? '&sscid=' + id + '&sscidmode=6' : '');
window.done = null;
</script>"#;

/// The ways in which pages send the pixel. Each sets `done` when the browser has had its answer, or cannot tell.
const SENDERS: [(&str, &str); 6] = [
    (
        "IMG-1",
        r#"document.write('<img id="_SHRSL_img_1" width="1" height="1" src="' + pixel('IMG-1').replace(/&/g, '&amp;') + '">');
        document.images[0].onload = event => done = event.target.naturalWidth"#,
    ),
    (
        "NEW-1",
        "const image = new Image(); image.onload = () => done = image.naturalWidth; image.src = pixel('NEW-1')",
    ),
    (
        "XHR-1",
        r"const request = new XMLHttpRequest(); request.open('GET', pixel('XHR-1'));
        request.onload = () => done = request.status; request.send()",
    ),
    (
        "FETCH-1",
        "fetch(pixel('FETCH-1'), {mode: 'no-cors', credentials: 'include', keepalive: true}).then(answer => done = answer.type)",
    ),
    (
        "JSON-1",
        r"fetch(pixel('JSON-1'), {method: 'POST', headers: {'content-type': 'application/json'}, body: '{}'})
        .then(answer => done = answer.status)",
    ),
    ("BEACON-1", "addEventListener('pagehide', () => navigator.sendBeacon(pixel('BEACON-1'))); done = true"),
];

/// A page without a script, and without the click id: only a cookie can tell whose sale it was.
const WITHOUT_CLICK_ID: &str = r#"<!DOCTYPE html><title>Thank you</title>
<img src="https://www.shareasale.com/sale.cfm?amount=10.00&tracking=COOKIE-1&transtype=sale&merchantID=789&currency=USD" width="1" height="1">"#;

/// A page that keeps its pixel as text: HTML makes `¤cy` of `&currency`, and swallows the `&`.
const CURRENCY_SIGN: &str = r#"<!DOCTYPE html><title>Thank you</title>
<p id="pixel" hidden>https://www.shareasale.com/sale.cfm?tracking=SIGN-1&amount=10.00&merchantID=789&transtype=sale&currency=EUR</p>
<script>window.sent = new Image(); sent.src = document.getElementById('pixel').textContent</script>"#;

/// A pixel over plain HTTP.
const PLAIN: &str = r#"<!DOCTYPE html><title>Thank you</title>
<img src="http://www.shareasale.com/sale.cfm?amount=10.00&amp;tracking=ORDER&amp;transtype=sale&amp;merchantID=789" width="1" height="1">"#;

fn pages() -> Pages {
    let thanks = SENDERS.map(|(order, script)| (order, format!("{KEPT}<script>{script}</script>")));
    let plain = ["HTTP-1", "MIXED-1"].map(|order| (order, PLAIN.replace("ORDER", order)));
    let mut pages = vec![
        ("www.honest-reviews.com/ten-kettles".to_owned(), ARTICLE.to_owned()),
        ("example.com/kettle".to_owned(), LANDING.to_owned()),
        ("example.com/elsewhere".to_owned(), "<!DOCTYPE html><title>Elsewhere</title>".to_owned()),
        ("example.com/thanks/COOKIE-1".to_owned(), WITHOUT_CLICK_ID.to_owned()),
        ("example.com/thanks/SIGN-1".to_owned(), CURRENCY_SIGN.to_owned()),
    ];
    pages.extend(
        thanks.into_iter().chain(plain).map(|(order, html)| (format!("example.com/thanks/{order}"), html)),
    );
    Pages::start(pages)
}

/// The scene of all tests here.
fn scene(taste: Taste) -> Scene {
    Scene::with(pages(), &SITES, taste)
}

/// A visitor follows a link of the article; where it leads.
fn follow(scene: &Scene, link: &str) -> String {
    scene.browser.open("https://www.honest-reviews.com/ten-kettles");
    scene.browser.click(link);
    scene.browser.wait_for_page_of(SHOP)
}

/// The thank-you page of an order, and its image.
fn thank_you(scene: &Scene, scheme: &str, order: &str) {
    scene.browser.open(&format!("{scheme}://example.com/thanks/{order}"));
    let script =
        "const image = window.sent || document.images[0]; return image.complete && image.naturalWidth == 1";
    scene.browser.wait_for(&format!("the image of {order} has come"), script);
}

#[test]
fn a_link_in_a_real_page_leads_to_the_shop_with_its_click_id_and_our_cookies() {
    let scene = scene(Taste::default());
    let landing = follow(&scene, "#link");
    let click_id = parameter(&landing, "sscid").unwrap_or_else(|| panic!("no click id in {landing}"));
    assert!(
        landing.starts_with(&format!("https://example.com/kettle?sscid={click_id}&colour=red")),
        "{landing}"
    );
    assert!(parameter(&landing, "awc").is_some_and(|id| id.starts_with("100789_")), "{landing}");

    let cookies = scene.browser.cookies();
    let ours = scene.cookies_of_ours();
    let old = ours.iter().find(|one| one.name == "MERCHANT789").unwrap_or_else(|| panic!("{cookies:#?}"));
    assert!(old.value.starts_with("456") && old.value.contains(&click_id), "{old:#?}");
    for one in &ours {
        assert_eq!((&one.all["secure"], &one.all["sameSite"]), (&json!(true), &json!("None")), "{one:#?}");
        assert_eq!(one.all["session"], false, "it outlives the visit: {one:#?}");
        assert_eq!(one.domain, ".shareasale.com", "every host of ours may read it: {one:#?}");
    }
    assert!(cookies.iter().any(|one| one.name == "aw100789" && one.domain == ".awin1.com"), "{cookies:#?}");
    scene.ends_well();
}

#[test]
fn links_lead_to_the_same_page_however_the_html_is_written() {
    let scene = scene(Taste::default());
    for link in ["#link", "#raw", "#twice"] {
        let landing = follow(&scene, link);
        assert!(landing.starts_with("https://example.com/kettle?sscid="), "{link} leads to {landing}");
        assert!(parameter(&landing, "awc").is_some(), "{link} leads to {landing}");
    }
    scene.ends_well();
}

#[test]
fn whatever_sends_the_pixel_it_books_the_sale_for_the_clicks_publisher() {
    let scene = scene(Taste::default());
    follow(&scene, "#link");
    let wanted = [json!(1), json!(1), json!(200), json!("opaque"), json!(200), json!(true)];
    for ((order, _), wanted) in SENDERS.iter().zip(wanted) {
        scene.browser.open(&format!("https://example.com/thanks/{order}"));
        let done = scene.browser.wait_for(&format!("{order} is answered"), "return window.done");
        assert_eq!(done, wanted, "{order}: {}", scene.browser.console());
    }
    // The last page sends its beacon when the visitor goes on.
    scene.browser.open("https://example.com/elsewhere");
    for (order, _) in SENDERS {
        scene.sale_is_credited(order);
    }
    scene.ends_well();
}

#[test]
fn pixels_over_plain_http_arrive_from_plain_and_from_secure_pages() {
    let scene = scene(Taste::default());
    thank_you(&scene, "http", "HTTP-1");
    thank_you(&scene, "https", "MIXED-1");
    for order in ["HTTP-1", "MIXED-1"] {
        let row = scene.delivered(order);
        assert_eq!(row.all["publisher_id"], Value::Null, "nobody has clicked: {:#}", row.all);
    }
    let listeners: Vec<String> = scene.browser.sent_to(HOST).iter().map(|sent| sent.url.clone()).collect();
    assert!(listeners.iter().any(|url| url.starts_with("http:") && url.contains("HTTP-1")), "{listeners:?}");
    assert!(
        listeners.iter().any(|url| url.starts_with("https:") && url.contains("MIXED-1")),
        "{listeners:?}"
    );
    scene.ends_well();
}

#[test]
fn i10_a_visitor_who_refuses_gets_the_shop_and_nothing_to_be_known_by() {
    for (link, header) in [("#refused", None), ("#link", Some(("Sec-GPC", "1")))] {
        let scene = scene(Taste::default());
        if let Some((name, value)) = header {
            scene.browser.send_always(name, value);
        }
        let landing = follow(&scene, link);
        assert!(landing.starts_with("https://example.com/kettle"), "{landing}");
        for name in ["sscid", "awc"] {
            assert_eq!(parameter(&landing, name), None, "{landing}");
        }
        let cookies = scene.browser.cookies();
        assert!(cookies.is_empty(), "{cookies:#?}");
        thank_you(&scene, "https", "COOKIE-1");
        let row = scene.delivered("COOKIE-1");
        assert_eq!(row.all["publisher_id"], Value::Null, "{:#}", row.all);
        assert!(scene.browser.cookies().is_empty(), "the pixel sets none either");
        scene.ends_well();
    }
}

#[test]
fn with_the_cookies_of_other_sites_blocked_the_click_id_in_the_address_carries_the_credit() {
    let scene = scene(Taste { blocks_third_party_cookies: true });
    follow(&scene, "#link");
    assert!(!scene.cookies_of_ours().is_empty(), "the click itself is a visit to our host");
    scene.browser.sent_to(HOST);
    scene.browser.open("https://example.com/thanks/NEW-1");
    scene.browser.wait_for("the image has come", "return window.done");
    thank_you(&scene, "https", "COOKIE-1");
    for sent in sales(&scene.browser, &["NEW-1", "COOKIE-1"]) {
        assert_eq!(sent.cookie, "", "{sent:?}");
        assert!(sent.held_back.iter().any(|name| name == "MERCHANT789"), "{sent:?}");
    }
    scene.sale_is_credited("NEW-1");
    let without = scene.delivered("COOKIE-1");
    assert_eq!(without.all["publisher_id"], Value::Null, "nothing is awarded by guessing: {:#}", without.all);
    scene.ends_well();
}

#[test]
fn a_sale_that_has_lost_its_click_id_is_credited_by_our_cookie() {
    let scene = scene(Taste::default());
    follow(&scene, "#link");
    scene.browser.sent_to(HOST);
    thank_you(&scene, "https", "COOKIE-1");
    thank_you(&scene, "https", "SIGN-1");
    let sent = sales(&scene.browser, &["COOKIE-1", "SIGN-1"]);
    for one in &sent {
        assert!(one.cookie.contains("MERCHANT789=456"), "{one:?}");
        assert!(!one.url.contains("sscid"), "{one:?}");
    }
    assert!(sent.iter().any(|one| one.url.ends_with("transtype=sale%C2%A4cy=EUR")), "{sent:?}");
    scene.sale_is_credited("COOKIE-1");
    let sign = scene.sale_is_credited("SIGN-1");
    assert_eq!(sign.all["currency"], "EUR", "{:#}", sign.all);
    scene.ends_well();
}

/// What the browser has sent for these orders since it was last asked.
fn sales(browser: &Browser, orders: &[&str]) -> Vec<Sent> {
    let is_of = |sent: &Sent| orders.iter().any(|order| sent.url.contains(order));
    let sent: Vec<Sent> = browser.sent_to(HOST).into_iter().filter(is_of).collect();
    assert_eq!(sent.len(), orders.len(), "{sent:#?}");
    sent
}
