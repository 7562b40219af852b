//! Clicks: one redirect to the shop with the click id appended, over a second cookie domain when asked for.

use super::Primary;
use crate::platform::{Answer, Click, Received, lock};
use crate::text::{Query, encode, with_last};
use crate::world::Advertiser;

/// The publisher that broken links are credited to.
const BROKEN_LINKS_PUBLISHER: u64 = 13_430;
const DAY_SECONDS: u64 = 86_400;

/// A click of an online programme.
struct Minted<'a> {
    advertiser: &'a Advertiser,
    publisher: u64,
    group: u64,
    creative: u64,
    product: u64,
    reference: String,
    seconds: u64,
    click_id: String,
    browser_id: String,
}

impl Primary {
    pub(super) fn click(&self, request: &Received, query: &Query) -> Answer {
        let asked = Asked::read(request, query);
        let directory = self.shared.directory();
        let advertiser = asked.advertiser.and_then(|id| directory.primary(id));
        let publisher = asked.publisher.and_then(|id| directory.publisher_primary(id));
        let Some(advertiser) = advertiser.filter(|one| one.is_online()) else {
            self.gate.books().refuse("click: programme unknown, closed or offline");
            let fallback = publisher.and_then(|one| one.fallback_url.clone());
            return Answer::redirect(&fallback.unwrap_or_else(|| closed(&asked)));
        };
        let destination = destination(query, &asked, advertiser, || {
            directory.creative_primary(asked.creative).map(|one| one.landing_url.clone())
        });
        let necessary = publisher.is_some_and(|one| one.incentive);
        let extra = if necessary { "&sn=1" } else { "" };
        if is_refused(query) {
            return Answer::redirect(&with_last(&destination, &format!("source=aw{extra}")));
        }
        let publisher = publisher.map_or(BROKEN_LINKS_PUBLISHER, |one| one.primary_id);
        let minted = self.mint(request, query, &asked, (advertiser, publisher));
        let landing = with_last(&destination, &format!("source=aw&awc={}{extra}", minted.click_id));
        if request.is_head() {
            return Answer::redirect(&landing);
        }
        self.remember(&minted, request.at_ms);
        let location =
            if self.shared.behaviour().primary_zenaps_hop { minted.zenaps(&landing, self) } else { landing };
        minted
            .cookies("awin1.com")
            .iter()
            .fold(Answer::redirect(&location), |answer, cookie| answer.cookie(cookie))
    }

    /// The hop over the second cookie domain: repeats the click cookie there and goes on to `pr`.
    pub(super) fn second_domain(request: &Received, query: &Query) -> Answer {
        let (Some(to), Some(merchant)) = (query.get("pr"), query.get("mid")) else {
            return Answer::not_found();
        };
        let answer = Answer::redirect(&to);
        if request.is_head() {
            return answer;
        }
        let content = encode(&query.get("c_cnt").unwrap_or_default());
        let seconds =
            query.get("c_len").and_then(|text| text.parse::<u64>().ok()).unwrap_or(30 * DAY_SECONDS);
        answer.cookie(&set_cookie(&format!("aw{}", encode(&merchant)), &content, "zenaps.com", seconds))
    }

    fn mint<'a>(
        &self,
        request: &Received,
        query: &Query,
        asked: &Asked,
        (advertiser, publisher): (&'a Advertiser, u64),
    ) -> Minted<'a> {
        let mut chance = self.chance();
        let seconds = request.at_ms / 1000;
        let known_browser =
            crate::text::cookie(request.header("cookie"), "bId").filter(|id| id.starts_with("HLEX_"));
        let browser_id = known_browser.map_or_else(
            || {
                let digits = chance.below(100_000_000);
                format!("HLEX_{seconds:08x}{:06x}.{digits:08}", chance.below(1 << 24))
            },
            str::to_owned,
        );
        Minted {
            advertiser,
            publisher,
            group: asked.group,
            creative: asked.creative,
            product: asked.product,
            reference: query.first(&["clickref", "pref1"]).unwrap_or_default(),
            seconds,
            click_id: format!(
                "{}_{seconds}_{:016x}{:016x}",
                advertiser.primary_id,
                chance.next(),
                chance.next()
            ),
            browser_id,
        }
    }

    fn remember(&self, minted: &Minted<'_>, at_ms: u64) {
        let click = Click {
            advertiser: minted.advertiser.primary_id,
            publisher: minted.publisher,
            creative: minted.creative,
            reference: minted.reference.clone(),
            at_ms,
        };
        lock(&self.clicks).remember(&minted.click_id, click);
    }
}

impl Minted<'_> {
    /// `publisher|group|creative|time|click reference|aw|product`.
    fn content(&self) -> String {
        let reference = if self.reference.is_empty() { "0" } else { &self.reference };
        format!(
            "{}|{}|{}|{}|{reference}|aw|{}",
            self.publisher, self.group, self.creative, self.seconds, self.product
        )
    }

    fn cookies(&self, domain: &str) -> [String; 2] {
        let life = u64::from(self.advertiser.window_days) * DAY_SECONDS;
        let name = format!("aw{}", self.advertiser.primary_id);
        [
            set_cookie(&name, &encode(&self.content()), domain, life),
            set_cookie("bId", &self.browser_id, domain, 365 * DAY_SECONDS),
        ]
    }

    fn zenaps(&self, landing: &str, primary: &Primary) -> String {
        let mut chance = primary.chance();
        let (low, high) = (chance.next(), chance.next());
        let request_id = format!(
            "{:08x}-{:04x}-11ee-{:04x}-{:012x}",
            low >> 32,
            low & 0xffff,
            0x8000 | (high >> 50),
            high & 0xffff_ffff_ffff
        );
        format!(
            "https://www.zenaps.com/rclick.php?mid={}&c_len={}&c_ts={}&c_cnt={}&ir={request_id}&pr={}&bId={}&cookie=1&c_d=zenaps.com",
            self.advertiser.primary_id,
            u64::from(self.advertiser.window_days) * DAY_SECONDS,
            self.seconds,
            encode(&self.content()),
            encode(landing),
            self.browser_id
        )
    }
}

/// The ids of a click; which name means what depends on the endpoint.
struct Asked {
    advertiser: Option<u64>,
    publisher: Option<u64>,
    group: u64,
    creative: u64,
    product: u64,
    is_product_link: bool,
}

impl Asked {
    fn read(request: &Received, query: &Query) -> Self {
        let id = |names: &[&str]| query.first(names).and_then(|text| text.trim().parse().ok());
        let is_product_link = request.path == "/pclick.php";
        let (advertiser, publisher): (&[&str], &[&str]) = if is_product_link {
            (&["m", "mid", "awinmid"], &["a", "id", "awinaffid"])
        } else {
            (&["awinmid", "mid", "v"], &["awinaffid", "id", "r", "t"])
        };
        Self {
            advertiser: id(advertiser),
            publisher: id(publisher),
            group: id(&["gid", "q"]).unwrap_or(0),
            creative: id(&["linkid", "s"]).unwrap_or(0),
            product: if is_product_link { id(&["p"]).unwrap_or(0) } else { 0 },
            is_product_link,
        }
    }
}

/// `ued`, else `p`, held to the programme's domains; else the creative's page, else the programme's.
fn destination(
    query: &Query,
    asked: &Asked,
    advertiser: &Advertiser,
    creative: impl FnOnce() -> Option<String>,
) -> String {
    let names: &[&str] = if asked.is_product_link { &["ued"] } else { &["ued", "p"] };
    let wanted =
        names.iter().filter_map(|name| query.get(name)).find(|url| !url.is_empty()).unwrap_or_default();
    let wanted = wanted.trim().trim_start_matches("[[").trim_end_matches("]]");
    if wanted.contains("://") && advertiser.owns(wanted) {
        return wanted.to_owned();
    }
    creative().filter(|url| advertiser.owns(url)).unwrap_or_else(|| advertiser.landing_url.clone())
}

/// `cons=0`, or a consent framework that applies without a string.
fn is_refused(query: &Query) -> bool {
    let no_string = query.get("gdpr_consent").is_none_or(|text| text.is_empty());
    query.get("cons").as_deref() == Some("0") || query.get("gdpr").as_deref() == Some("1") && no_string
}

fn closed(asked: &Asked) -> String {
    let text = |id: Option<u64>| id.map(|id| id.to_string()).unwrap_or_default();
    format!(
        "https://awin1.com/closedMerchant.html?mid={}&aid={}",
        text(asked.advertiser),
        text(asked.publisher)
    )
}

fn set_cookie(name: &str, value: &str, domain: &str, seconds: u64) -> String {
    format!("{name}={value}; Domain=.{domain}; Path=/; Max-Age={seconds}; Secure; SameSite=None")
}
