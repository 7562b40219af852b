//! Pages for people: a landing page and a checkout.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, COOKIE, HOST, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::{Buy, click_id, pixels};
use crate::shared::Shared;
use crate::text::{Query, cookie};
use crate::world::Advertiser;

/// The cookie in which the platforms' plug-ins keep the click id.
const COOKIE_NAME: &str = "sas_m_awin";
const YEAR_SECONDS: u64 = 365 * 86_400;

/// Any page of any shop.
pub(super) async fn page(State(shared): State<Arc<Shared>>, request: Request) -> Response<String> {
    let directory = shared.directory();
    let path = request.uri().path();
    let (advertiser, path) = match merchant_of_path(path) {
        Some((id, rest)) => (directory.legacy(id), rest),
        None => (directory.by_host(header(request.headers(), &HOST)), path),
    };
    let Some(advertiser) = advertiser else {
        return html(StatusCode::NOT_FOUND, "<!DOCTYPE html><title>No such shop</title>", None);
    };
    let query = request.uri().query().unwrap_or("");
    if path.starts_with("/checkout") {
        return checkout(&shared, advertiser, query, request.headers());
    }
    let click_id = click_id(&format!("?{query}"));
    let kept =
        click_id.map(|id| format!("{COOKIE_NAME}={{\"clickId\":\"{id}\"}}; Path=/; Max-Age={YEAR_SECONDS}"));
    let name = escape(&advertiser.name);
    let body = format!(
        "<!DOCTYPE html><title>{name}</title><h1>{name}</h1><a href=\"/checkout?order=1&amp;amount=10.00\">Buy</a>"
    );
    html(StatusCode::OK, &body, kept)
}

/// The thank-you page: the pixels a real one would hold, for the click id of the cookie.
fn checkout(shared: &Shared, advertiser: &Advertiser, query: &str, headers: &HeaderMap) -> Response<String> {
    let asked = Query::parse(query);
    let text = |name: &str| asked.get(name).unwrap_or_default();
    let buy = Buy {
        order: text("order"),
        amount: text("amount"),
        kind: text("kind"),
        voucher: text("voucher"),
        ..Buy::default()
    };
    let kept = kept_click_id(header(headers, &COOKIE));
    let edge = asked.get("edge").and_then(|text| text.parse().ok()).or(shared.behaviour().edge);
    let mut body = "<!DOCTYPE html><title>Thank you</title><h1>Thank you</h1>".to_owned();
    for (at, pixel) in pixels(&buy, advertiser, kept.as_deref(), edge).iter().enumerate() {
        let url = escape(&pixel.url);
        body.push_str(&format!(
            "\n<img id=\"_SHRSL_img_{}\" src=\"{url}\" width=\"1\" height=\"1\">",
            at + 1
        ));
    }
    html(StatusCode::OK, &body, None)
}

fn kept_click_id(cookies: &str) -> Option<String> {
    let value = crate::text::decode(cookie(cookies, COOKIE_NAME)?);
    let value: serde_json::Value = serde_json::from_str(&value).ok()?;
    value.get("clickId")?.as_str().map(str::to_owned)
}

fn merchant_of_path(path: &str) -> Option<(u64, &str)> {
    let rest = path.strip_prefix("/m/")?;
    let (id, _) = rest.split_once('/').unwrap_or((rest, ""));
    let behind = rest.strip_prefix(id)?;
    Some((id.parse().ok()?, if behind.is_empty() { "/" } else { behind }))
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn html(status: StatusCode, body: &str, set_cookie: Option<String>) -> Response<String> {
    let mut response = Response::new(body.to_owned());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html;charset=UTF-8"));
    if let Some(value) = set_cookie.and_then(|value| value.parse().ok()) {
        headers.insert(SET_COOKIE, value);
    }
    response
}
