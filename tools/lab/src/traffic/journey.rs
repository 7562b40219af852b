//! One person: a browser with cookies that follows where it is sent, and sometimes buys.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::templates::{Cast, Kind};
use super::{Crowd, SentOrder};
use crate::chance::Chance;
use crate::limits::REDIRECTS_MAX;
use crate::shop::click_id;
use crate::text::{encode, host_of};
use crate::wire::{Client, Failure, Incoming, Outgoing};

const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:142.0) Gecko/20100101 Firefox/142.0",
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
];

/// Of a hundred browsers, how many still send cookies to a pixel's host.
const THIRD_PARTY_COOKIES_PERCENT: u64 = 50;
/// Of a hundred journeys: clicks, purchases without a click, server calls; the rest is pictures and junk.
const CLICK_PERCENT: u64 = 62;
const UNTRACKED_SALE_PERCENT: u64 = 12;
const SERVER_PERCENT: u64 = 2;

/// A person with open connections.
pub(super) struct Person {
    crowd: Arc<Crowd>,
    edge: Client,
    primary: Option<Client>,
    shop: Client,
    jar: BTreeMap<String, BTreeMap<String, String>>,
    agent: &'static str,
    address: String,
    number: u64,
}

impl Person {
    pub(super) fn new(crowd: &Arc<Crowd>) -> Self {
        let settings = &crowd.settings;
        Self {
            crowd: Arc::clone(crowd),
            edge: Client::new(settings.edge, settings.timeout),
            primary: settings.primary.map(|address| Client::new(address, settings.timeout)),
            shop: Client::new(settings.shop, settings.timeout),
            jar: BTreeMap::new(),
            agent: AGENTS[0],
            address: String::new(),
            number: 0,
        }
    }

    /// Plays the journey of this number; equal numbers of a seed are equal journeys.
    pub(super) async fn journey(&mut self, number: u64) {
        let crowd = Arc::clone(&self.crowd);
        let mut chance = Chance::part(crowd.settings.seed, number);
        let Some(cast) = crowd.templates.cast(&mut chance) else { return };
        self.number = number;
        self.jar.clear();
        self.agent = AGENTS[chance.index(AGENTS.len())];
        self.address = format!("203.0.113.{}", 1 + chance.below(250));
        let dice = chance.below(100);
        if dice < CLICK_PERCENT {
            self.click_and_buy(&cast, &mut chance).await;
        } else if dice < CLICK_PERCENT + UNTRACKED_SALE_PERCENT {
            self.buy(&[Kind::Sale], &cast, None, &mut chance).await;
        } else if dice < CLICK_PERCENT + UNTRACKED_SALE_PERCENT + SERVER_PERCENT {
            self.buy(&[Kind::Server], &cast, None, &mut chance).await;
        } else if let Some((_, request)) =
            crowd.templates.request(&[Kind::Other, Kind::Junk], &cast, ("1", "1.00"), &mut chance)
        {
            drop(self.ask_edge(request).await);
        }
    }

    async fn click_and_buy(&mut self, cast: &Cast, chance: &mut Chance) {
        let crowd = Arc::clone(&self.crowd);
        let Some((_, request)) = crowd.templates.request(&[Kind::Click], cast, ("", ""), chance) else {
            return;
        };
        crowd.stats.count(|counts| counts.clicks += 1);
        let Some(landing) = self.follow(request).await else { return };
        let click_id = click_id(&landing);
        crowd.stats.count(|counts| {
            counts.landed += 1;
            counts.landed_with_click_id += u64::from(click_id.is_some());
        });
        if chance.percent(crowd.settings.buy_percent) {
            self.buy(&[Kind::Sale], cast, click_id, chance).await;
        }
    }

    /// Follows redirects and script redirects to a shop's page, and answers with its address.
    async fn follow(&mut self, first: Outgoing) -> Option<String> {
        let mut answer = self.ask_edge(first).await.ok()?;
        for _ in 0..REDIRECTS_MAX {
            let to = next(&answer)?;
            let host = host_of(&to)?;
            let request = Outgoing::of_url(&to)?;
            answer = if host.contains("shareasale") || host == "shrsl.com" {
                self.ask_edge(request).await.ok()?
            } else if host.ends_with("awin1.com") || host.ends_with("zenaps.com") {
                let request = self.dressed(request);
                let answer = self.primary.as_mut()?.send(&request).await.ok()?;
                self.keep_cookies(&host, &answer);
                answer
            } else if self.crowd.settings.world.advertisers.iter().any(|one| one.owns(&to)) {
                let request = self.dressed(request);
                return self.shop.send(&request).await.ok().filter(|page| page.status == 200).map(|_| to);
            } else {
                return None;
            };
        }
        None
    }

    /// Sends an order's pixel, and its copy with the click id when there is one.
    async fn buy(&mut self, kinds: &[Kind], cast: &Cast, click_id: Option<String>, chance: &mut Chance) {
        let crowd = Arc::clone(&self.crowd);
        let Some(order) = crowd.order_of(self.number) else { return };
        let amount = format!("{}.{:02}", 5 + chance.below(300), chance.below(100));
        let Some((kind, raw)) = crowd.templates.request(kinds, cast, (&order, &amount), chance) else {
            return;
        };
        if kind == Kind::Server || !chance.percent(THIRD_PARTY_COOKIES_PERCENT) {
            self.jar.clear();
        }
        let merchant = cast.advertiser.legacy_id;
        let sent =
            SentOrder { merchant, order, amount, has_click_id: click_id.is_some(), sent: 0, acknowledged: 0 };
        let place = crowd.stats.order(sent);
        let copy = click_id.map(|id| {
            let target = format!("{}&sscid={}&sscidmode=6", raw.target, encode(&id));
            Outgoing { target, ..raw.clone() }
        });
        for pixel in [Some(raw), copy].into_iter().flatten() {
            let answer = self.ask_edge(pixel).await;
            crowd.stats.pixel(place, answer.is_ok_and(|answer| (200..400).contains(&answer.status)));
        }
    }

    /// Asks the edge when the pace allows it, and counts what came of it.
    async fn ask_edge(&mut self, request: Outgoing) -> Result<Incoming, Failure> {
        self.crowd.pace.moment().await;
        let request = self.dressed(request);
        let began = Instant::now();
        let answer = self.edge.send(&request).await;
        let error = match &answer {
            Ok(answer) if answer.status >= 500 || answer.status == 429 => {
                Some(format!("status {}", answer.status))
            }
            Ok(_) => None,
            Err(failure) => Some(failure.name().to_owned()),
        };
        self.crowd.stats.request(began.elapsed(), error);
        if let Ok(answer) = &answer {
            self.keep_cookies(&request.host, answer);
        }
        answer
    }

    /// The request with what a browser and the tier in front of the edge add.
    fn dressed(&self, request: Outgoing) -> Outgoing {
        let cookies: Vec<String> = self
            .jar
            .get(&site(&request.host))
            .into_iter()
            .flatten()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = request
            .header("user-agent", self.agent)
            .header("accept", "*/*")
            .header("accept-language", "en-US,en;q=0.9")
            .header("x-forwarded-for", self.address.clone())
            .header("x-forwarded-proto", "https");
        if cookies.is_empty() { request } else { request.header("cookie", cookies.join("; ")) }
    }

    fn keep_cookies(&mut self, host: &str, answer: &Incoming) {
        for (_, value) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let pair = value.split(';').next().and_then(|pair| pair.split_once('='));
            if let Some((name, value)) = pair {
                let kept = self.jar.entry(site(host)).or_default();
                kept.insert(name.trim().to_owned(), value.to_owned());
            }
        }
    }
}

/// The last two labels of a host: as far as cookies of these platforms reach.
fn site(host: &str) -> String {
    let mut labels = host.rsplit('.');
    let last = labels.next().unwrap_or("");
    labels.next().map_or_else(|| last.to_owned(), |label| format!("{label}.{last}"))
}

/// Where an answer sends a browser: a redirect, or the first script of a page that leaves.
fn next(answer: &Incoming) -> Option<String> {
    if (300..400).contains(&answer.status) {
        return answer.header("location").map(str::to_owned);
    }
    let page = answer.text();
    let (_, rest) = page.split_once("window.location.replace('")?;
    let (url, _) = rest.split_once('\'')?;
    Some(url.replace('\\', ""))
}
