//! Writing cookies: the lines that make a browser remember a click, or forget an old one.

use core::time::Duration;

use units::{Timestamp, limits};

use super::{ids, name, pairs};
use crate::click_id::Keys;
use crate::dialect::{CookieForm, CookieRule, CookieValue};
use crate::directory::Advertiser;
use crate::event::Click;

/// Where cookies are set.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The domain that the host's group shares; none keeps cookies to the host itself.
    pub domain: Option<&'a str>,
    /// True if the host was asked over TLS.
    pub secure: bool,
}

/// How long each form lives; a form without life is not written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lives {
    /// The old platform's form.
    pub old: Duration,
    /// The new form.
    pub new: Duration,
}

impl Lives {
    /// The life of the rule's form, within what browsers keep.
    fn of(self, rule: &CookieRule) -> Duration {
        let life = match rule.form {
            CookieForm::Old => self.old,
            CookieForm::New => self.new,
        };
        life.min(limits::COOKIE_LIFE_MAX)
    }
}

/// The `Set-Cookie` values that remember `click`, one for each rule that writes and whose form lives.
///
/// Over TLS they work in pages of other sites (`SameSite=None` needs `Secure`); without TLS a browser keeps
/// them for our own hosts only, and would refuse either word.
pub fn remember(
    click: &Click,
    rules: &[CookieRule],
    advertiser: &Advertiser<'_>,
    place: Place<'_>,
    lives: Lives,
) -> Vec<String> {
    let line = |rule: &CookieRule| {
        let (name, life) = (name(rule, advertiser)?, lives.of(rule));
        let value = match rule.writes {
            CookieValue::ClickId => click.click_id.clone(),
            CookieValue::LeadingPublisher => click.publisher_id.to_string(),
            CookieValue::PublisherAndClickId => format!("{}.{}", click.publisher_id, click.click_id),
            CookieValue::JsonMember(_) | CookieValue::Nothing => return None,
        };
        let fits = name.len().saturating_add(value.len()) <= limits::COOKIE_BYTES_MAX;
        (fits && !life.is_zero()).then(|| written(&name, &value, rule, place, life))
    };
    rules.iter().filter_map(line).collect()
}

/// The `Set-Cookie` values with which a visitor opts out, or in again. Opting out also ends the cookies of
/// `rules` that the browser has shown in `shown`.
pub fn opt_out(cookie: &str, out: bool, shown: &str, rules: &[CookieRule], place: Place<'_>) -> Vec<String> {
    let life = if out { limits::COOKIE_LIFE_MAX } else { Duration::ZERO };
    let domain = place.domain.map(|domain| format!("; Domain={domain}")).unwrap_or_default();
    let attributes = if place.secure { "; Secure; SameSite=None" } else { "; SameSite=Lax" };
    let seconds = life.as_secs();
    let value = if out { "1" } else { "" };
    let own = format!("{cookie}={value}{domain}; Path=/; Max-Age={seconds}; HttpOnly{attributes}");
    let ended = pairs(shown).filter(|_| out).filter_map(|(name, _)| {
        let rule = rules.iter().find(|rule| rule.declares(name.as_bytes()))?;
        Some(written(name, "", rule, place, Duration::ZERO))
    });
    core::iter::once(own).chain(ended.take(limits::COOKIES_MAX)).collect()
}

fn written(name: &str, value: &str, rule: &CookieRule, place: Place<'_>, life: Duration) -> String {
    let mut line = format!("{name}={value}");
    if let Some(domain) = place.domain.filter(|_| rule.site_wide) {
        line.push_str("; Domain=");
        line.push_str(domain);
    }
    line.push_str(&format!("; Path=/; Max-Age={}", life.as_secs()));
    if rule.http_only {
        line.push_str("; HttpOnly");
    }
    line.push_str(if place.secure { "; Secure; SameSite=None" } else { "; SameSite=Lax" });
    if rule.partitioned && place.secure {
        line.push_str("; Partitioned");
    }
    line
}

/// The `Set-Cookie` values that make room: a browser keeps only so many cookies for a site, and sends so many
/// bytes. Beyond [`limits::COOKIES_MAX`] the programmes whose clicks are oldest are forgotten, those that tell no
/// time first. `header` is what the browser sent, `set` the lines that are about to be set.
pub fn evict(
    header: &str,
    rules: &[CookieRule],
    keys: &Keys,
    place: Place<'_>,
    set: &[String],
) -> Vec<String> {
    let is_set =
        |name: &str| set.iter().any(|line| line.split_once('=').is_some_and(|(written, _)| written == name));
    let mut held: Vec<(Timestamp, &str, &CookieRule)> = Vec::new();
    for (name, value) in pairs(header).filter(|(name, _)| !is_set(name)) {
        let of_ours = |rule: &&CookieRule| rule.is_for_each_advertiser() && rule.declares(name.as_bytes());
        if let Some(rule) = rules.iter().find(of_ours) {
            let click = ids(rule, value).into_iter().find_map(|id| keys.open(&id));
            held.push((click.map_or(Timestamp::default(), |click| click.at), name, rule));
        }
    }
    let excess = held.len().saturating_add(set.len()).saturating_sub(limits::COOKIES_MAX);
    held.sort_by_key(|(at, ..)| *at);
    let forget = held.iter().take(excess.min(limits::COOKIES_EVICTED_MAX));
    forget.map(|(_, name, rule)| written(name, "", rule, place, Duration::ZERO)).collect()
}
