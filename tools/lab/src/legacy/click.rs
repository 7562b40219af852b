//! Clicks: the first hop redirects to the twin domain, the second is a page whose script goes to the shop.

use http::StatusCode;

use super::{Legacy, id};
use crate::platform::{Answer, Click, Received, lock};
use crate::text::{Query, decode, encode, safe_url, with_first};
use crate::world::{Advertiser, Directory};

const HOME: &str = "https://www.shareasale.com/";
const TWIN: &str = "shareasale-analytics.com";

/// Names that belong to a click; after a raw `?` in the destination every other name belongs to the destination.
const CLICK_NAMES: [&str; 15] = [
    "b",
    "u",
    "m",
    "d",
    "urllink",
    "afftrack",
    "merchantid",
    "userid",
    "productid",
    "shrsl_analytics_sscid",
    "shrsl_analytics_sstid",
    "lplid",
    "ref",
    "source",
    "type",
];

impl Legacy {
    pub(super) fn click(&self, request: &Received, query: &Query) -> Answer {
        if is_twin(&request.host) { self.second_hop(request, query) } else { self.first_hop(request, query) }
    }

    pub(super) fn short_link(&self, request: &Received) -> Answer {
        let code = match request.path.trim_matches('/') {
            // The old form: the query is the code.
            "" => request.query.as_str(),
            code => code,
        };
        let directory = self.shared.directory();
        match directory.world().short_links.iter().find(|link| link.code == code) {
            Some(link) => Answer::redirect(&link.url),
            None => Answer::not_found(),
        }
    }

    fn first_hop(&self, request: &Received, query: &Query) -> Answer {
        let asked = Asked::read(query);
        let directory = self.shared.directory();
        let Some(advertiser) = asked.advertiser.and_then(|id| directory.legacy(id)) else {
            self.gate.books().refuse("click: no such merchant");
            return Answer::redirect(HOME);
        };
        if !advertiser.is_online() {
            self.gate.books().refuse("click: merchant closed or offline");
            return Answer::redirect(&closed(query));
        }
        let Some(publisher) = asked.publisher.filter(|&id| directory.publisher_legacy(id).is_some()) else {
            self.gate.books().refuse("click: no such affiliate");
            return Answer::redirect(&advertiser.landing_url);
        };
        let click_id = self.mint();
        let answer = Answer::redirect(&twin_url(request, &click_id));
        if request.is_head() {
            return answer;
        }
        let click = Click {
            advertiser: advertiser.legacy_id,
            publisher,
            creative: asked.creative.unwrap_or(0),
            reference: query.any_case("afftrack").unwrap_or_default(),
            at_ms: request.at_ms,
        };
        lock(&self.clicks).remember(&click_id, click);
        answer.cookie(&cookie(advertiser, publisher, "shareasale.com"))
    }

    fn second_hop(&self, request: &Received, query: &Query) -> Answer {
        let asked = Asked::read(query);
        let directory = self.shared.directory();
        let advertiser = asked.advertiser.and_then(|id| directory.legacy(id));
        let (Some(advertiser), Some(click_id)) = (advertiser, query.any_case("shrsl_analytics_sscid")) else {
            return page(HOME);
        };
        let destination = destination(&request.query, query, advertiser, &asked, &directory);
        let answer = page(&with_first(&destination, &format!("sscid={}", encode(&click_id))));
        match asked.publisher {
            Some(publisher) if !request.is_head() => answer.cookie(&cookie(advertiser, publisher, TWIN)),
            _ => answer,
        }
    }
}

/// The ids of a click.
struct Asked {
    advertiser: Option<u64>,
    publisher: Option<u64>,
    creative: Option<u64>,
}

impl Asked {
    fn read(query: &Query) -> Self {
        let first = |names: &[&str]| id(names.iter().find_map(|name| query.any_case(name)));
        Self {
            advertiser: first(&["m", "merchantID"]),
            publisher: first(&["u", "userID"]),
            creative: first(&["b", "d", "productID"]),
        }
    }
}

fn is_twin(host: &str) -> bool {
    host == TWIN || host.ends_with(".shareasale-analytics.com")
}

fn twin_url(request: &Received, click_id: &str) -> String {
    let www = if request.host == "shareasale.com" { "" } else { "www." };
    let escaped = click_id.replace('_', "%5F");
    format!(
        "{}://{www}{TWIN}{}?{}&shrsl_analytics_sscid={escaped}&shrsl_analytics_sstid={escaped}",
        request.scheme(),
        request.path,
        request.query
    )
}

fn closed(query: &Query) -> String {
    let carried =
        ["b", "u", "m", "afftrack"].iter().filter_map(|name| Some((name, query.raw_any_case(name)?)));
    let carried: Vec<String> = carried.map(|(name, value)| format!("{name}={value}")).collect();
    format!("https://www.awin1.com/closedMerchant.html?{}", carried.join("&"))
}

fn cookie(advertiser: &Advertiser, publisher: u64, domain: &str) -> String {
    let seconds = u64::from(advertiser.window_days) * 86_400;
    let merchant = advertiser.legacy_id;
    format!(
        "MERCHANT{merchant}={publisher}; Domain=.{domain}; Path=/; Max-Age={seconds}; Secure; SameSite=None"
    )
}

/// Where the shopper wants to go, held to the merchant's own domains.
fn destination(
    raw: &str,
    query: &Query,
    advertiser: &Advertiser,
    asked: &Asked,
    directory: &Directory,
) -> String {
    let wanted = wanted(raw, query);
    let wanted = match wanted.trim() {
        "" => String::new(),
        url if url.starts_with("//") => format!("https:{url}"),
        url if url.contains("://") => url.to_owned(),
        url => format!("https://{url}"),
    };
    if !wanted.is_empty() && advertiser.owns(&wanted) {
        return wanted;
    }
    let creative = asked.creative.and_then(|id| directory.creative_legacy(advertiser.legacy_id, id));
    creative.map_or_else(|| advertiser.landing_url.clone(), |creative| creative.landing_url.clone())
}

/// The destination as sent. A raw `?` in it means that foreign names after it are the destination's own.
fn wanted(raw: &str, query: &Query) -> String {
    let Some(own) = query.raw_any_case("urllink") else { return String::new() };
    if !own.contains('?') {
        return decode(own);
    }
    let mut whole = own.to_owned();
    let behind = raw.split('&').skip_while(|pair| !pair.to_ascii_lowercase().starts_with("urllink="));
    for pair in behind.skip(1) {
        let name = pair.split('=').next().unwrap_or("").to_ascii_lowercase();
        if !CLICK_NAMES.contains(&name.as_str()) {
            whole.push('&');
            whole.push_str(pair);
        }
    }
    decode(&whole)
}

/// The page of the second hop; its first script leaves for `url`.
fn page(url: &str) -> Answer {
    let escaped = safe_url(url).replace('/', "\\/");
    let body = format!(
        "<html><head><script type=\"text/javascript\">window.location.replace('{escaped}');</script>\
         <meta name=\"robots\" content=\"noindex\"></head><body></body></html>"
    );
    Answer::html(StatusCode::OK, body)
}
