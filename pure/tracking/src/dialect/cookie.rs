//! The cookies on hosts that are ours, as a dialect or a migration declares them.

use crate::source::Section;

/// A cookie on the hosts that are ours, in one of its forms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CookieRule {
    /// Its name before the part that tells the advertiser.
    pub prefix: String,
    /// Which of the advertiser's ids its name ends with.
    pub suffix: CookieSuffix,
    /// Whose form it is.
    pub form: CookieForm,
    /// True if every host of its site gets it; else the host alone that sets it.
    pub site_wide: bool,
    /// What its value holds when it comes in.
    pub reads: CookieValue,
    /// What we write into it.
    pub writes: CookieValue,
    /// True if no script of a page can read it.
    pub http_only: bool,
    /// True if a browser keeps one for each site that the cookie is used on.
    pub partitioned: bool,
    /// The line it stands at.
    pub line: usize,
}

/// Which id of an advertiser ends a cookie's name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CookieSuffix {
    /// Its id on the legacy platform.
    LegacyId,
    /// Its id on the primary.
    PrimaryId,
    /// None: one cookie for all advertisers.
    Nothing,
}

/// Whose form a cookie has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CookieForm {
    /// The legacy platform's, from its dialect.
    Old,
    /// The new one, from the migration.
    New,
}

/// What a cookie's value holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CookieValue {
    /// A click id.
    ClickId,
    /// It begins with the publisher's id.
    LeadingPublisher,
    /// The publisher's id, a dot and the click id.
    PublisherAndClickId,
    /// JSON, raw or percent-encoded, with a click id in this member.
    JsonMember(String),
    /// Nothing that is read or written.
    Nothing,
}

const VALUES: [&str; 5] =
    ["click id", "leading publisher id", "publisher id and click id", "json click id", "nothing"];

impl CookieRule {
    /// True if it names a cookie of its own for each advertiser.
    pub fn is_for_each_advertiser(&self) -> bool {
        self.suffix != CookieSuffix::Nothing
    }

    /// True if a cookie called `name` is this one, for whatever advertiser.
    pub fn declares(&self, name: &[u8]) -> bool {
        let Some(rest) = name.strip_prefix(self.prefix.as_bytes()) else { return false };
        match self.suffix {
            CookieSuffix::Nothing => rest.is_empty(),
            CookieSuffix::LegacyId | CookieSuffix::PrimaryId => {
                !rest.is_empty() && rest.iter().all(u8::is_ascii_digit)
            }
        }
    }
}

/// Reads a cookie rule, of a dialect or of a migration.
pub(crate) fn read_cookie(section: &Section<'_, '_>) -> CookieRule {
    section.text("source");
    section.text("why");
    let site_wide = section.choice("domain", &["registrable", "host"], |name| match name {
        "registrable" => Some(true),
        "host" => Some(false),
        _ => None,
    });
    let (prefix, suffix) = read_name(section);
    let rule = CookieRule {
        prefix,
        suffix,
        form: CookieForm::Old,
        site_wide: site_wide.unwrap_or(true),
        reads: read_value(section, "reads"),
        writes: read_value(section, "writes"),
        http_only: section.choice("scripts", &["read", "excluded"], |name| match name {
            "read" => Some(false),
            "excluded" => Some(true),
            _ => None,
        }) != Some(false),
        partitioned: section.flag("partitioned"),
        line: section.line(),
    };
    if matches!(rule.writes, CookieValue::JsonMember(_)) {
        section.mistake_at("writes", "`json click id` is read and never written: write `nothing`");
    }
    if !rule.is_for_each_advertiser() && rule.writes != CookieValue::Nothing {
        section
            .mistake("one cookie cannot remember the click of every advertiser: add `writes = \"nothing\"`");
    }
    rule
}

/// Reads the domain on which the hosts of a group share their cookies, for each of them.
pub(super) fn read_cookie_domain(section: &Section<'_, '_>, hosts: &[String]) -> Vec<(String, String)> {
    let Some(domain) = section.text("cookie_domain") else { return Vec::new() };
    let below = |host: &str| {
        host == domain || host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'))
    };
    if !domain.contains('.') || hosts.iter().any(|host| !below(host)) {
        let message =
            format!("`{domain}` is no domain of every host of the group: no browser would keep the cookies");
        section.mistake_at("cookie_domain", message);
    }
    hosts.iter().map(|host| (host.clone(), domain.clone())).collect()
}

fn read_name(section: &Section<'_, '_>) -> (String, CookieSuffix) {
    let name = section.required_text("name");
    let (prefix, suffix) = if let Some(prefix) = name.strip_suffix("{advertiser_id}") {
        (prefix, CookieSuffix::LegacyId)
    } else if let Some(prefix) = name.strip_suffix("{advertiser primary id}") {
        (prefix, CookieSuffix::PrimaryId)
    } else {
        (name.as_str(), CookieSuffix::Nothing)
    };
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if !name.is_empty() && (prefix.is_empty() || !prefix.bytes().all(sound)) {
        let message = "a cookie's name is letters, digits, `_`, `-` and `.`, and may end with {advertiser_id} or \
                       {advertiser primary id}";
        section.mistake_at("name", message);
    }
    (prefix.to_owned(), suffix)
}

fn read_value(section: &Section<'_, '_>, key: &'static str) -> CookieValue {
    let member = section.text("member");
    let value = section.choice(key, &VALUES, |name| match name {
        "click id" => Some(CookieValue::ClickId),
        "leading publisher id" => Some(CookieValue::LeadingPublisher),
        "publisher id and click id" => Some(CookieValue::PublisherAndClickId),
        "json click id" => Some(CookieValue::JsonMember(member.clone().unwrap_or_default())),
        "nothing" => Some(CookieValue::Nothing),
        _ => None,
    });
    if matches!(&value, Some(CookieValue::JsonMember(member)) if member.is_empty()) {
        section.mistake_at(key, "`json click id` needs `member`: the member that holds the click id");
    }
    value.unwrap_or(CookieValue::ClickId)
}
