//! A real browser, on pages as publishers and merchants have them, before the real binary.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::time::Duration;

use serde_json::{Value, json};
use system_tests::browser::{Browser, Cookie, Pages, Taste};
use system_tests::clicks::{host, parameter};
use system_tests::wait::wait_until;
use system_tests::{Data, Row, System};

const MINUTE: Duration = Duration::from_secs(60);

const PUBLISHER: &str = "www.honest-reviews.com";
const SHOP: &str = "example.com";

/// A publisher's article, with its link as a page holds it.
const ARTICLE: &str = r#"<!DOCTYPE html><title>Ten kettles</title><p>Buy it
<a id="link" rel="sponsored" href="https://shareasale.com/r.cfm?b=123&amp;u=456&amp;m=789&amp;urllink=example%2Ecom%2Fkettle%3Fcolour%3Dred&amp;afftrack=news">here</a>.
<a id="refused" href="http://www.shareasale.com/r.cfm?b=123&u=456&m=789&urllink=example.com/kettle&cons=0">There</a>."#;

/// The shop's page: keeps the click id of the landing as the merchants' plug-ins do.
const LANDING: &str = r#"<!DOCTYPE html><title>A kettle</title><script>
const id = new URLSearchParams(location.search).get('sscid');
if (id) document.cookie = 'sas_m_awin=' + encodeURIComponent(JSON.stringify({clickId: id})) + '; path=/; max-age=31536000';
</script>"#;

/// The thank-you page's image, as the plug-ins write it.
const THANKS_IMAGE: &str = r#"<!DOCTYPE html><title>Thank you</title><script>
const kept = document.cookie.match(/sas_m_awin=([^;]+)/);
const id = kept ? JSON.parse(decodeURIComponent(kept[1])).clickId : '';
document.write('<img id="_SHRSL_img_1" width="1" height="1" src="https://shareasale.com/sale.cfm?tracking=IMG-1&amp;amount=49.90&amp;merchantID=789&amp;transtype=sale'
  + (id ? '&amp;sscid=' + id + '&amp;sscidmode=6' : '') + '">');
</script>"#;

const SITES: [&str; 2] = [PUBLISHER, SHOP];

fn pages() -> Pages {
    Pages::start(&[
        ("www.honest-reviews.com/ten-kettles", ARTICLE),
        ("example.com/kettle", LANDING),
        ("example.com/thanks/image", THANKS_IMAGE),
    ])
}

#[test]
fn a_link_in_a_real_page_leads_to_the_shop_with_its_click_id_and_our_cookies() {
    let (system, pages) = (System::up(Data::prepared()), pages());
    let browser = Browser::start(&system, &pages, &SITES, Taste::default());
    browser.open("https://www.honest-reviews.com/ten-kettles");
    browser.click("#link");
    let landing = browser.wait_for_page_of(SHOP);

    let click_id = parameter(&landing, "sscid").unwrap_or_else(|| panic!("no click id in {landing}"));
    assert!(
        landing.starts_with(&format!("https://example.com/kettle?sscid={click_id}&colour=red")),
        "{landing}"
    );
    assert!(parameter(&landing, "awc").is_some_and(|id| id.starts_with("100789_")), "{landing}");
    assert_eq!(host(&landing), Some(SHOP));

    let cookies = browser.cookies();
    let of_ours: Vec<&Cookie> = cookies.iter().filter(|one| one.domain.ends_with("shareasale.com")).collect();
    let old = of_ours.iter().find(|one| one.name == "MERCHANT789").unwrap_or_else(|| panic!("{cookies:#?}"));
    assert!(old.value.starts_with("456") && old.value.contains(&click_id), "{old:#?}");
    for one in &of_ours {
        assert_eq!((&one.all["secure"], &one.all["sameSite"]), (&json!(true), &json!("None")), "{one:#?}");
        assert_eq!(one.all["session"], false, "it outlives the visit: {one:#?}");
        assert_eq!(one.domain, ".shareasale.com", "every host of ours may read it: {one:#?}");
    }
    assert!(cookies.iter().any(|one| one.name == "aw100789" && one.domain == ".awin1.com"), "{cookies:#?}");
    system.process.assert_calm();
}

#[test]
fn an_image_on_a_real_thank_you_page_books_the_sale_for_the_clicks_publisher() {
    let (system, pages) = (System::up(Data::prepared()), pages());
    let browser = Browser::start(&system, &pages, &SITES, Taste::default());
    shop_visited(&browser);
    browser.open("https://example.com/thanks/image");
    browser.wait_for("the image has loaded", "return document.images[0].naturalWidth == 1");
    sale_is_credited(&system, "IMG-1");
    system.ledger().assert_balances();
    system.process.assert_calm();
}

fn shop_visited(browser: &Browser) {
    browser.open("https://www.honest-reviews.com/ten-kettles");
    browser.click("#link");
    browser.wait_for_page_of(SHOP);
}

/// One booking for the publisher of the click in our ledger, and one on the new platform.
fn sale_is_credited(system: &System, order: &str) -> Row {
    let row = delivered(system, order);
    assert_eq!(row.all["publisher_id"], 456, "{:#}", row.all);
    let transactions = system.lab().transactions("primary");
    let of_order: Vec<&Value> = transactions.iter().filter(|one| one["order_reference"] == order).collect();
    assert_eq!(of_order.len(), 1, "{transactions:#?}");
    assert_eq!(of_order[0]["publisher"], 200_456, "{:#}", of_order[0]);
    row
}

/// The one booking of this order, once the new platform has it.
fn delivered(system: &System, order: &str) -> Row {
    let ledger = system.ledger();
    let look = || ledger.of_order(789, order);
    let is_delivered = |row: &Row| row.is_booked() && matches!(row.state.as_str(), "taken" | "confirmed");
    let rows = wait_until("the sale is delivered", MINUTE, look, |rows| rows.iter().any(is_delivered));
    let mut booked: Vec<Row> = rows.into_iter().filter(Row::is_booked).collect();
    assert_eq!(booked.len(), 1, "{booked:#?}");
    booked.remove(0)
}
