//! What an endpoint says about files: how long they keep, and what stands in for them.

use core::time::Duration;
use std::sync::Arc;

use units::time::parse_duration;

use crate::dialect::{KeepRule, Replacement};
use crate::source::Section;

/// How long an answer stands in for a platform that is down, unless the endpoint says otherwise.
const STALE: Duration = Duration::from_secs(30 * 86_400);

/// The kinds of files that can stand in for a platform's.
const KINDS: [(&str, &str); 2] =
    [(".js", "application/javascript; charset=utf-8"), (".html", "text/html; charset=utf-8")];

pub(super) fn read_keep(section: &Section<'_, '_>) -> Option<KeepRule> {
    let (fresh, stale) = (duration(section, "cache"), duration(section, "cache_stale"));
    if fresh.is_none() && stale.is_some() {
        section
            .mistake_at("cache_stale", "`cache_stale` needs `cache`: how long an answer is as good as new");
    }
    fresh.map(|fresh| KeepRule { fresh, stale: stale.unwrap_or(STALE) })
}

pub(super) fn read_replacement(section: &Section<'_, '_>, key: &'static str) -> Option<Replacement> {
    let file = section.text(key)?;
    let kind = KINDS.iter().find(|(ending, _)| file.ends_with(ending));
    let Some((_, content_type)) = kind else {
        section.mistake_at(key, format!("`{file}` must end with `.js` or `.html`"));
        return None;
    };
    if file.starts_with('/') || file.split('/').any(|part| part == "..") {
        section
            .mistake_at("replacement", format!("`{file}` must be a path below the folder of the dialects"));
    }
    Some(Replacement { file, content_type, text: Arc::from(""), line: section.line() })
}

fn duration(section: &Section<'_, '_>, key: &'static str) -> Option<Duration> {
    let text = section.text(key)?;
    let duration = parse_duration(&text);
    if duration.is_none() {
        section.mistake_at(key, format!("`{text}` is no duration: write `250ms`, `60s`, `15m` or `2h`"));
    }
    duration
}
