//! Landing pages, the checkout, and orders placed by a test.

use lab::{Evidence, PlatformName, Receipt};
use serde_json::json;

use crate::client::{booked, control, get, get_with, post, start};

#[tokio::test]
async fn a_landing_keeps_the_click_id_and_the_checkout_uses_it() {
    let lab = start().await;
    for (target, id) in
        [("/p?sscid=11k8_cr29d&x=1", "11k8_cr29d"), ("/?source=aw&awc=100789_1_abc", "100789_1_abc")]
    {
        let landing = get(lab.shop, "www.example.com", target).await;
        assert_eq!(landing.status, 200);
        let cookie = landing.header("set-cookie");
        assert!(
            cookie.starts_with(&format!("sas_m_awin={{\"clickId\":\"{id}\"}}; Path=/; Max-Age=31536000")),
            "{cookie}"
        );
        let kept = landing.cookies();
        let page =
            get_with(lab.shop, "www.example.com", "/checkout?order=A-1&amount=10.00", &[("cookie", &kept)])
                .await;
        let raw = "https://www.shareasale.com/sale.cfm?tracking=A-1&amp;amount=10.00&amp;merchantID=789&amp;transtype=sale&amp;currency=USD";
        assert!(page.body.contains(&format!("<img id=\"_SHRSL_img_1\" src=\"{raw}\"")), "{}", page.body);
        assert!(page.body.contains(&format!("{raw}&amp;sscid={id}&amp;sscidmode=6\"")), "{}", page.body);
    }
    let plain = get(lab.shop, "example.com", "/checkout?order=A-2&amount=1.00").await;
    assert!(!plain.body.contains("sscid"));
    assert_eq!(get(lab.shop, "nobody.test", "/").await.status, 404);
    assert_eq!(get(lab.shop, "127.0.0.1", "/m/789/p?sscid=1").await.status, 200);
}

#[tokio::test]
async fn an_order_gives_the_pixels_of_the_page() {
    let lab = start().await;
    let order = json!({ "landing_url": "https://www.example.com/p?sscid=11k8_cr29d&x=1", "order": "B 1", "amount": "10.00" });
    let reply = post(lab.shop, "shop", "/buy", &[], &order).await;
    let receipt: Receipt = serde_json::from_str(&reply.body).unwrap();
    assert_eq!((receipt.merchant, receipt.click_id.as_deref()), (789, Some("11k8_cr29d")));
    let raw = "https://www.shareasale.com/sale.cfm?tracking=B%201&amount=10.00&merchantID=789&transtype=sale&currency=USD";
    let urls: Vec<&str> = receipt.pixels.iter().map(|pixel| pixel.url.as_str()).collect();
    assert_eq!(urls, [raw, &format!("{raw}&sscid=11k8_cr29d&sscidmode=6")]);
    let unknown = post(lab.shop, "shop", "/buy", &[], &json!({ "merchant": 1, "order": "1" })).await;
    assert_eq!(unknown.status, 400);
}

#[tokio::test]
async fn the_shop_fires_its_pixels_at_the_edge_it_is_told() {
    let lab = start().await;
    // The legacy platform stands in for an edge.
    control(&lab, "/settings", json!({ "edge": lab.legacy.to_string() })).await;
    let order = json!({ "merchant": 789, "order": "F-1", "amount": "10.00", "fire": true, "cookie": "MERCHANT789=456" });
    let receipt: Receipt =
        serde_json::from_str(&post(lab.shop, "shop", "/buy", &[], &order).await.body).unwrap();
    assert_eq!(receipt.pixels[0].status, Some(200));
    let one = &booked(&lab, PlatformName::Legacy, "F-1")[0];
    assert_eq!((one.publisher, one.evidence), (Some(456), Evidence::Cookie));
    assert_eq!(lab.requests(PlatformName::Legacy, 0)[0].host, "www.shareasale.com");
}
