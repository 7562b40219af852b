//! The sale pixel's address, as a page prints it.

use std::net::SocketAddr;

use super::{Buy, Pixel};
use crate::text::encode;
use crate::world::Advertiser;

/// The host in the address when no edge is configured, and the `Host` when one is.
pub(super) const PUBLIC_HOST: &str = "www.shareasale.com";

/// The raw pixel, then its copy with the click id when the page has one.
pub(crate) fn pixels(
    buy: &Buy,
    advertiser: &Advertiser,
    click_id: Option<&str>,
    edge: Option<SocketAddr>,
) -> Vec<Pixel> {
    let base = edge.map_or_else(|| format!("https://{PUBLIC_HOST}"), |edge| format!("http://{edge}"));
    let raw = format!("{base}/sale.cfm?{}", query(buy, advertiser));
    let mut out = Vec::with_capacity(2);
    if !buy.only_with_click || click_id.is_none() {
        out.push(unfired(raw.clone(), false));
    }
    if let Some(click_id) = click_id {
        out.push(unfired(format!("{raw}&sscid={}&sscidmode=6", encode(click_id)), true));
    }
    out
}

fn query(buy: &Buy, advertiser: &Advertiser) -> String {
    let or =
        |text: &str, otherwise: &str| if text.is_empty() { otherwise.to_owned() } else { text.to_owned() };
    let mut query = format!(
        "tracking={}&amount={}&merchantID={}&transtype={}&currency={}",
        encode(&buy.order),
        encode(&or(&buy.amount, "0.00")),
        advertiser.legacy_id,
        encode(&or(&buy.kind, "sale")),
        encode(&or(&buy.currency, &advertiser.currency))
    );
    if !buy.voucher.is_empty() {
        query.push_str("&couponcode=");
        query.push_str(&encode(&buy.voucher));
    }
    query
}

fn unfired(url: String, has_click_id: bool) -> Pixel {
    Pixel { url, has_click_id, status: None, error: None, took_ms: None }
}
