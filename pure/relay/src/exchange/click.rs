//! A click: the shopper is sent on from what the edge already knows.

use std::sync::Arc;

use tracking::Home;
use tracking::cookie::{self, Place};
use tracking::destination;
use tracking::dialect::SendsOn;
use tracking::directory::{Advertiser, Programme};
use tracking::event::Click;
use tracking::migration::ClickOrder;
use units::{Chance, Timestamp};

use super::proxy::Fallback;
use super::reading::{Landing, Reading};
use super::{Exchange, page, redirect};
use crate::envelope::Purpose;
use crate::fact::Fact;
use crate::policy::Snapshot;
use crate::reply::{Mode, Reply};
use crate::step::Step;

impl Exchange {
    pub(super) fn click(&mut self, reading: &Reading<'_>, now: Timestamp) {
        let snapshot = Arc::clone(&self.snapshot);
        let local = self.sent_on(&snapshot, reading);
        if let Some((_, click, landing)) = &local {
            self.record_click(&snapshot, reading, click);
            self.report_refusal(landing);
        }
        let moved = reading.phase.owner() == Home::Primary;
        let written = |reply: Reply| match reading.decoded.endpoint.sends_on {
            SendsOn::Redirect => reply,
            SendsOn::ScriptPage => page::script_page(&snapshot.migration.legacy, reply),
        };
        let local = local.map(|(reply, click, landing)| (written(reply), click, landing));
        match local {
            Some((reply, ..)) if moved => self.reply(reply, now),
            // Not moved or not mapped: legacy answers, and the primary never.
            Some((reply, ..)) => self.proxy(Fallback::reply(reply), now),
            None => self.proxy(Fallback::shopper(), now),
        }
    }

    /// The redirect that the edge can give by itself; none if the programme or publisher is unreadable.
    fn sent_on(&self, snapshot: &Snapshot, reading: &Reading<'_>) -> Option<(Reply, Click, Landing)> {
        let advertiser = reading.advertiser.as_ref()?;
        let landing = reading.landing(snapshot, advertiser)?;
        let Some(mut click) = reading.click() else {
            // No publisher can be credited, but the shopper still lands at the shop.
            let reply = redirect(Mode::Direct, landing.url.to_string(), Vec::new());
            return Some((reply, nobody(advertiser, reading.received_at), landing));
        };
        #[expect(clippy::cast_possible_truncation, reason = "32 of 64 random bits are wanted")]
        let random = Chance::new(self.seed.fork(0xc1)).next_u64() as u32;
        click.click_id = snapshot.secrets.click_id_keys.mint(&click, random);
        let (page, cookies) = self.identified(reading, advertiser, &click, &landing);
        let location = self.primary_location(snapshot, reading, advertiser, &page);
        let reply = match location {
            Some(location) => redirect(Mode::Redirect, location, cookies),
            None => redirect(Mode::Direct, page, cookies),
        };
        Some((reply, click, landing))
    }

    /// The landing page with our click id, and the cookies that remember it, as far as the visitor permits.
    fn identified(
        &self,
        reading: &Reading<'_>,
        advertiser: &Advertiser<'_>,
        click: &Click,
        landing: &Landing,
    ) -> (String, Vec<String>) {
        let snapshot = &self.snapshot;
        let parameter = snapshot.migration.legacy.landing_parameter.as_deref();
        let Some(parameter) = parameter.filter(|_| reading.consent.permits()) else {
            return (landing.url.to_string(), Vec::new());
        };
        let page = destination::with_click_id(&landing.url, parameter, &click.click_id).to_string();
        let (rules, keys) = (&snapshot.migration.cookies, &snapshot.secrets.click_id_keys);
        let place = self.place(snapshot);
        let window = snapshot.policy.click_window(advertiser, click.publisher_id);
        let lives = snapshot.policy.cookie_lives(advertiser, self.opened_at, window);
        let mut cookies = cookie::remember(click, rules, advertiser, place, lives);
        if let Some(header) = self.inbound.header("cookie") {
            cookies.extend(cookie::evict(header, rules, keys, place, &cookies));
        }
        (page, cookies)
    }

    /// Where our cookies are set.
    pub(super) fn place<'s>(&self, snapshot: &'s Snapshot) -> Place<'s> {
        let domain = snapshot.migration.legacy.cookie_domain(&self.inbound.host);
        Place { domain, secure: self.inbound.secure }
    }

    /// The primary's own click URL, if the programme has moved and is online, both ids are mapped, and the
    /// primary answers.
    fn primary_location(
        &self,
        snapshot: &Snapshot,
        reading: &Reading<'_>,
        advertiser: &Advertiser<'_>,
        page: &str,
    ) -> Option<String> {
        let moved = reading.phase.owner() == Home::Primary;
        if !moved || self.health.primary_open || advertiser.programme != Programme::Online {
            return None;
        }
        let passed = reading.passed();
        let order = ClickOrder {
            event_id: self.event_id,
            at: self.opened_at,
            event: &reading.decoded.event,
            landing: page,
            advertiser_primary_id: advertiser.primary_id?,
            publisher_primary_id: reading.publisher.as_ref()?.primary_id?,
            consent: reading.consent,
            passed: &passed,
        };
        snapshot.migration.click(&order).ok().map(|request| request.url())
    }

    fn record_click(&mut self, snapshot: &Snapshot, reading: &Reading<'_>, click: &Click) {
        if self.only_looks() || click.publisher_id == 0 {
            return;
        }
        let mut envelope = self.envelope(snapshot, reading, Purpose::Live);
        // Refused: no identifier is stored. The click still counts.
        envelope.click = reading.consent.permits().then(|| click.clone());
        let entry = self.entry(envelope.encode());
        self.steps.push_back(Step::Record(entry));
    }

    fn report_refusal(&mut self, landing: &Landing) {
        if let Some(refusal) = landing.refusal {
            let fact = Fact::DestinationRefused { event_id: self.event_id, reason: refusal.name() };
            self.steps.push_back(Step::Report(fact));
            self.noted(refusal.name());
        }
    }
}

/// A click that nobody can be credited for.
fn nobody(advertiser: &Advertiser<'_>, at: Timestamp) -> Click {
    let advertiser_id = advertiser.legacy_id;
    Click { advertiser_id, publisher_id: 0, creative_id: 0, at, click_id: String::new() }
}
