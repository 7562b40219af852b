//! The scripts and pages of ours that stand in for the platform's, in a real browser, on pages that include them as
//! merchants do. The platform itself is down throughout, so that nothing here can be its own work.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use serde_json::{Value, json};
use system_tests::browser::{Pages, Scene, Taste};
use system_tests::clicks::parameter;

const PUBLISHER: &str = "www.honest-reviews.com";
const SHOP: &str = "example.com";
const HOST: &str = "www.shareasale.com";
const TWIN: &str = "www.shareasale-analytics.com";

const LINK: &str = "r.cfm?b=123&amp;u=456&amp;m=789&amp;urllink=example.com/kettle";

/// An article with a link, and the same click as it stands in a browser's history: at its second hop.
const ARTICLE: &str = r#"<!DOCTYPE html><title>Ten kettles</title><p>Buy it
<a id="link" href="https://www.shareasale.com/LINK">here</a>,
<a id="hop" href="https://www.shareasale-analytics.com/LINK%3Fq%3D%27a%27&amp;shrsl_analytics_sscid=c1k2%5Fu3i12&amp;shrsl_analytics_sstid=c1k2%5Fu3i16">or here</a>,
<a id="advert" href="https://example.com/kettle?source=newsletter">or from the shop's own letter</a>."#;

/// A shop's landing page, with the tag and the deduplication script as the platform's app puts them there.
const LANDING: &str = r#"<!DOCTYPE html><title>A kettle</title><body>
<script async src="https://static.shareasale.com/json/shopify/deduplication.js" onload="window.deduplicated = true"></script>
<script async src="https://static.shareasale.com/json/shopify/shareasale-tracking.js?sasmid=789&ssmtid=19038&scid=null&xtm=disabled&cd=true" onload="window.tagged = true"></script>"#;

/// A shop's thank-you page: what the shop system tells its scripts, and the tag.
const THANKS: &str = r#"<!DOCTYPE html><title>Thank you</title><body><script>
window.kind = 'gold, plain';
window.Shopify = {checkout: {order_id: 'ORDER', subtotal_price: '49.90', currency: 'USD', discount: {code: 'TEN & OFF'},
  line_items: [{sku: 'KETTLE, red', price: '29.90', quantity: 1}, {product_id: 77, price: '10.00', quantity: 2}]}};
</script>
<script async src="https://static.shareasale.com/json/shopify/shareasale-tracking.js?sasmid=789&ssmtid=19038&scid=2&xtm=dynamic&xtv=kind&cd=true" onload="window.tagged = true"></script>"#;

/// A thank-you page with the pixel and the second chance, as the wiki taught it.
const SECOND_CHANCE: &str = r#"<!DOCTYPE html><title>Thank you</title><body>
<img id="_SHRSL_img_1" src="https://www.shareasale.com/sale.cfm?tracking=CHANCE-1&amount=49.90&merchantID=789&transtype=sale&currency=USD" width="1" height="1">
<img id="other" src="https://example.com/logo.png">
<script async defer src="https://shareasale-analytics.com/j.js" onload="window.tried = true"></script>"#;

/// The same without the id: every image is looked at, and one of them is the pixel.
const SECOND_CHANCE_WITHOUT_ID: &str = r#"<!DOCTYPE html><title>Thank you</title><body>
<img src="https://example.com/logo.png">
<img src="https://shareasale.com/sale.cfm?tracking=CHANCE-2&amount=49.90&merchantID=789&transtype=sale&currency=USD" width="1" height="1">
<script src="https://www.shareasale-analytics.com/j.js" onload="window.tried = true"></script>"#;

/// A page with the analytics queue, as the plug-in for one shop system prints it: the calls may come before the script.
const ANALYTICS: &str = r#"<!DOCTYPE html><title>Basket</title><body><script>
window.broken = [];
addEventListener('error', event => broken.push(String(event.message)));
var SHRSL_MERCHANT_ID = 789;
var SHRSL_ANALYTICS_RUNTIME = SHRSL_ANALYTICS_RUNTIME || [];
SHRSL_ANALYTICS_RUNTIME.push(function () { SHRSL_ANALYTICS_DISPATCH('addToCart', 'KETTLE', '29.90', '1') });
</script>
<script src="//stats.shareasale-analytics.com/a.js?v=1"></script><script>
SHRSL_ANALYTICS_RUNTIME.push(function () { SHRSL_ANALYTICS_DISPATCH('appliedCoupon', 'TEN') });
SHRSL_ANALYTICS_DISPATCH('beginCheckout', 'KETTLE,CUP', '29.90,10.00', '1,2');
SHRSL_ANALYTICS_DISPATCH('conversion', 'ANALYTICS-1');
window.done = true;
</script>"#;

/// A page whose pixel has nothing but the browser's own cookies to tell whose the sale is.
const PLAIN: &str = r#"<!DOCTYPE html><title>Thank you</title>
<img src="https://www.shareasale.com/sale.cfm?tracking=ORDER&amount=10.00&transtype=sale&merchantID=789&currency=USD" width="1" height="1"
  onload="window.done = true">"#;

fn pages() -> Pages {
    let page = |path: &str, html: &str| (path.to_owned(), html.to_owned());
    let thanks = ["TAG-1", "TAG-2", "TAG-3"].map(|order| (order, THANKS.replace("ORDER", order)));
    let plain = ["PLAIN-1", "PLAIN-2"].map(|order| (order, PLAIN.replace("ORDER", order)));
    let orders = thanks.into_iter().chain(plain);
    let mut pages = vec![
        page("www.honest-reviews.com/ten-kettles", &ARTICLE.replace("LINK", LINK)),
        page("example.com/kettle", LANDING),
        page("example.com/thanks/CHANCE-1", SECOND_CHANCE),
        page("example.com/thanks/CHANCE-2", SECOND_CHANCE_WITHOUT_ID),
        page("example.com/basket", ANALYTICS),
    ];
    pages.extend(orders.map(|(order, html)| (format!("example.com/thanks/{order}"), html)));
    Pages::start(pages)
}

/// The scene of all tests here: the old platform gives nothing any more.
fn scene() -> Scene {
    let scene = Scene::with(pages(), &[PUBLISHER, SHOP], Taste::default());
    scene.system.lab().fault("legacy", "down");
    scene
}

/// A visitor follows a link of the article; where it leads.
fn follow(scene: &Scene, link: &str) -> String {
    scene.browser.open("https://www.honest-reviews.com/ten-kettles");
    scene.browser.click(link);
    scene.browser.wait_for_page_of(SHOP)
}

/// Opens a page of the shop and waits until its script has run.
fn open(scene: &Scene, path: &str, done: &str) {
    scene.browser.open(&format!("https://{SHOP}{path}"));
    scene.browser.wait_for(&format!("{path}: {done}"), &format!("return window.{done}"));
}

/// The shop's own cookie of this name, as its page sees it.
fn kept_by_the_shop(scene: &Scene, name: &str) -> Option<String> {
    let cookies = scene.browser.cookies();
    let found = cookies.into_iter().find(|one| one.domain.ends_with(SHOP) && one.name == name)?;
    assert!(found.all["session"] == false, "it outlives the visit: {found:#?}");
    Some(found.value)
}

#[test]
fn the_shop_tag_keeps_the_click_id_and_tells_the_order_once() {
    let scene = scene();
    let landing = follow(&scene, "#link");
    scene.browser.wait_for("the tag has run", "return window.tagged");
    let click_id = parameter(&landing, "sscid").unwrap_or_else(|| panic!("no click id in {landing}"));
    let kept = json!({ "clickId": click_id }).to_string();
    assert_eq!(kept_by_the_shop(&scene, "sas_m_awin").as_deref(), Some(kept.as_str()));

    open(&scene, "/thanks/TAG-1", "tagged");
    let sent = scene.sent_for(HOST, "TAG-1");
    assert_eq!(sent.len(), 1, "{sent:#?}");
    let told = |name: &str| parameter(&sent[0].url, name);
    let wanted = [
        ("merchantID", Some("789")),
        ("tracking", Some("TAG-1")),
        ("amount", Some("49.90")),
        ("transtype", Some("sale")),
        ("currency", Some("USD")),
        ("couponcode", Some("TEN & OFF")),
        ("skulist", Some("KETTLE  red,77")),
        ("pricelist", Some("29.90,10.00")),
        ("quantitylist", Some("1,2")),
        ("storeID", Some("2")),
        ("xtype", Some("gold, plain")),
        ("sscid", Some(click_id.as_str())),
        ("sscidmode", Some("6")),
        ("v", Some("shopify_app_1.2_fallback")),
        ("autovoid", Some("0")),
        ("channel", Some("aw")),
    ];
    for (name, value) in wanted {
        assert_eq!(told(name).as_deref(), value, "{name} in {}", sent[0].url);
    }
    scene.sale_is_credited("TAG-1");

    // The same page again says nothing, but for whoever looks for a mistake.
    open(&scene, "/thanks/TAG-1", "tagged");
    assert_eq!(scene.sent_for(HOST, "TAG-1").len(), 0);
    open(&scene, "/thanks/TAG-1?troubleshooting=1", "tagged");
    assert_eq!(scene.sent_for(HOST, "TAG-1").len(), 1);
    scene.sale_is_credited("TAG-1");
    scene.ends_well();
}

#[test]
fn i10_the_shop_tag_keeps_nothing_of_a_visitor_who_refuses() {
    let scene = scene();
    open(&scene, "/kettle?sscid=11k8_cr29d", "tagged");
    assert_eq!(kept_by_the_shop(&scene, "sas_m_awin").as_deref(), Some(r#"{"clickId":"11k8_cr29d"}"#));

    let refused = scene_refused();
    open(&refused, "/kettle?sscid=11k8_cr29d&awc=100789_1_a", "tagged");
    assert_eq!(kept_by_the_shop(&refused, "sas_m_awin"), None);
    open(&refused, "/thanks/TAG-3", "tagged");
    let sent = refused.sent_for(HOST, "TAG-3");
    assert_eq!(sent.len(), 1, "the order is told all the same: {sent:#?}");
    assert_eq!(parameter(&sent[0].url, "sscid"), None, "{sent:#?}");
    assert_eq!(refused.delivered("TAG-3").all["publisher_id"], Value::Null);
}

/// A visitor whose browser says to every page that nothing may be shared.
fn scene_refused() -> Scene {
    let scene = scene();
    scene.browser.send_always("Sec-GPC", "1");
    let script = "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})";
    scene.browser.run_in_every_page(script);
    scene
}

#[test]
fn the_deduplication_script_remembers_the_channel_that_the_tag_tells() {
    let scene = scene();
    follow(&scene, "#link");
    scene.browser.wait_for("the script has run", "return window.deduplicated");
    let added = kept_by_the_shop(&scene, "source");
    assert_eq!(added.as_deref(), Some("aw"), "the new platform names itself on the landing page");
    open(&scene, "/thanks/TAG-3", "tagged");
    tells_the_channel(&scene, "TAG-3", "aw", "0");

    scene.browser.open("https://www.honest-reviews.com/ten-kettles");
    scene.browser.click("#advert");
    scene.browser.wait_for("the script has run", "return window.deduplicated");
    assert_eq!(kept_by_the_shop(&scene, "source").as_deref(), Some("newsletter"));
    open(&scene, "/thanks/TAG-1", "tagged");
    tells_the_channel(&scene, "TAG-1", "newsletter", "1");
    open(&scene, "/kettle?source=ShareASale", "deduplicated");
    open(&scene, "/thanks/TAG-2", "tagged");
    tells_the_channel(&scene, "TAG-2", "ShareASale", "0");
    scene.ends_well();
}

/// The order's pixel says which channel came last, and whether the shop's own rule refuses the order for it.
fn tells_the_channel(scene: &Scene, order: &str, channel: &str, void: &str) {
    let sent = scene.sent_for(HOST, order);
    assert_eq!(sent.len(), 1, "{sent:#?}");
    assert_eq!(parameter(&sent[0].url, "channel").as_deref(), Some(channel), "{sent:#?}");
    assert_eq!(parameter(&sent[0].url, "autovoid").as_deref(), Some(void), "{sent:#?}");
    let flags = scene.delivered(order).all["flags"].to_string();
    assert_eq!(flags.contains("auto_void"), void == "1", "{order}: {flags}");
}

#[test]
fn the_second_chance_tells_the_order_to_the_twin_and_the_books_count_it_once() {
    let scene = scene();
    follow(&scene, "#link");
    for (order, twin) in [("CHANCE-1", TWIN), ("CHANCE-2", "shareasale-analytics.com")] {
        open(&scene, &format!("/thanks/{order}"), "tried");
        let sent = scene.browser.wait_for_sent(twin, order);
        assert_eq!(sent.len(), 1, "once, and no other image: {sent:#?}");
        let told =
            format!("/sale.cfm?tracking={order}&amount=49.90&merchantID=789&transtype=sale&currency=USD");
        assert!(sent[0].url.ends_with(&told), "{sent:#?}");
        scene.sale_is_credited(order);
    }
    scene.ends_well();
}

#[test]
fn the_second_chance_saves_a_sale_whose_pixel_is_blocked() {
    let scene = scene();
    follow(&scene, "#link");
    scene.browser.block(&["*://www.shareasale.com/*", "*://shareasale.com/*"]);
    open(&scene, "/thanks/CHANCE-1", "tried");
    assert_eq!(scene.browser.wait_for_sent(TWIN, "CHANCE-1").len(), 1);
    scene.delivered("CHANCE-1");
    scene.ends_well();
}

#[test]
fn the_analytics_script_leaves_the_shops_calls_without_harm_and_sends_nothing() {
    let scene = scene();
    open(&scene, "/basket", "done");
    assert_eq!(scene.browser.run("return window.broken"), json!([]));
    let sent: Vec<String> =
        scene.browser.sent_to("stats.shareasale-analytics.com").into_iter().map(|sent| sent.url).collect();
    assert_eq!(sent, ["https://stats.shareasale-analytics.com/a.js?v=1"]);
    assert!(scene.browser.cookies().is_empty());
    scene.ends_well();
}

#[test]
fn the_page_of_the_second_hop_leads_a_browser_to_the_shop() {
    for primary in ["none", "down"] {
        let scene = scene();
        scene.system.lab().fault("primary", primary);
        if primary == "down" {
            scene.system.wait_for_breaker("primary", "open");
        }
        let landing = follow(&scene, "#hop");
        let click_id = parameter(&landing, "sscid").unwrap_or_else(|| panic!("no click id in {landing}"));
        let wanted = format!("https://example.com/kettle?sscid={click_id}&q=%27a%27");
        assert!(landing.starts_with(&wanted), "{landing}");
        assert_eq!(parameter(&landing, "awc").is_some(), primary == "none", "{landing}");
        // A page, whose script the browser has followed, and no redirect; it has set our cookie on the twin's domain.
        let hops = scene.browser.sent_to(TWIN);
        assert_eq!(hops.len(), 1, "{hops:#?}");
        let ours = scene.cookies_of_ours();
        assert!(
            ours.iter().any(|one| one.name == "MERCHANT789" && one.domain == ".shareasale-analytics.com"),
            "{ours:#?}"
        );
        scene.system.lab().fault("primary", "none");
        open(&scene, "/thanks/TAG-1", "tagged");
        scene.sale_is_credited("TAG-1");
        scene.ends_well();
    }
}

#[test]
fn i10_who_opts_out_on_our_page_is_known_by_nothing_until_it_is_taken_back() {
    let scene = scene();
    follow(&scene, "#link");
    assert!(!scene.cookies_of_ours().is_empty(), "before: a click is remembered");

    let page = "https://www.shareasale.com/legal/optOut.cfm";
    let title = |title: &str| format!("return document.title == '{title}'");
    scene.browser.open(page);
    scene.browser.click("button");
    scene.browser.wait_for("the choice is confirmed", &title("You have opted out"));
    let names: Vec<String> = scene.cookies_of_ours().into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["turnout_opt_out"], "the choice is kept, and nothing else");

    let landing = follow(&scene, "#link");
    for name in ["sscid", "awc"] {
        assert_eq!(parameter(&landing, name), None, "{landing}");
    }
    open(&scene, "/thanks/PLAIN-1", "done");
    assert_eq!(scene.cookies_of_ours().len(), 1, "neither click nor pixel sets anything");
    assert_eq!(scene.delivered("PLAIN-1").all["publisher_id"], Value::Null, "booked, and nobody's");

    scene.browser.open(page);
    scene.browser.wait_for("the page knows the choice", &title("You have opted out"));
    scene.browser.click("button");
    scene.browser.wait_for("it is taken back", &title("Links and your privacy"));
    assert!(parameter(&follow(&scene, "#link"), "sscid").is_some());
    open(&scene, "/thanks/PLAIN-2", "done");
    scene.sale_is_credited("PLAIN-2");
    scene.ends_well();
}
