//! What an answer means, read by the dialect and never guessed.

use core::time::Duration;

use units::calendar::parse_time;
use units::limits;

use crate::dialect::{AnswerBody, AnswerRule, Dialect};
use crate::event::Event;
use crate::wire::{Answer, Judged, Verdict};

/// The first status by which a server says that it fails.
const SERVER_FAILS: u16 = 500;

impl Dialect {
    /// What the answer of this platform's `endpoint` to `event` means.
    pub fn judge(&self, endpoint: &str, event: &Event, answer: &Answer) -> Judged {
        judge(self, endpoint, event, answer)
    }
}

pub(super) fn judge(dialect: &Dialect, endpoint: &str, event: &Event, answer: &Answer) -> Judged {
    let rules = dialect.endpoint(endpoint).map_or(&[][..], |endpoint| endpoint.answers.as_slice());
    let retry_after = retry_after(answer);
    match rules.iter().find(|rule| matches(rule, event, answer)) {
        Some(rule) => {
            let place = format!("{}:{}", dialect.file, rule.line);
            let why = if rule.why.is_empty() { String::new() } else { format!(": {}", rule.why) };
            Judged {
                verdict: rule.verdict,
                reason: format!("status {} ({place}){why}", answer.status),
                retry_after,
                understood: true,
            }
        }
        None => Judged {
            verdict: Verdict::Unknown,
            reason: format!("status {}: an answer that the dialect does not know", answer.status),
            retry_after,
            understood: answer.status >= SERVER_FAILS,
        },
    }
}

fn matches(rule: &AnswerRule, event: &Event, answer: &Answer) -> bool {
    let status = rule.status.is_empty() || rule.status.contains(&u64::from(answer.status));
    status
        && match &rule.body {
            AnswerBody::Any => true,
            AnswerBody::Image => is_image(answer),
            AnswerBody::Contains(part) => String::from_utf8_lossy(&answer.body).contains(part.as_str()),
            AnswerBody::JsonEquals { path, field } => {
                let wanted = event.get(*field).map(crate::event::Value::text);
                let document = serde_json::from_slice::<serde_json::Value>(&answer.body);
                matches!((wanted, document), (Some(wanted), Ok(document)) if holds(&document, path, &wanted))
            }
        }
}

/// An image by what it says it is and by how it begins; an error page in an image's place is neither.
fn is_image(answer: &Answer) -> bool {
    let typed = answer.header("content-type").is_some_and(|kind| kind.starts_with("image/"));
    let begins = |start: &[u8]| answer.body.starts_with(start);
    typed && (begins(b"GIF8") || begins(b"\x89PNG") || begins(b"\xff\xd8\xff"))
}

/// True if some value at `path` equals `wanted`, as far as the platform keeps references.
fn holds(value: &serde_json::Value, path: &[String], wanted: &str) -> bool {
    let Some((part, rest)) = path.split_first() else {
        let cut: String = wanted.chars().take(limits::ORDER_REFERENCE_CHARS_MAX).collect();
        return value.as_str().is_some_and(|text| text == wanted || text == cut);
    };
    if part == "*" {
        return value.as_array().is_some_and(|items| items.iter().any(|item| holds(item, rest, wanted)));
    }
    value.get(part.as_str()).is_some_and(|inner| holds(inner, rest, wanted))
}

/// How long the platform asks us to wait: in seconds, or until a date. A date is compared with the date of the
/// answer itself, so that our clock and the platform's need not agree; without one it is not read. Nonsense asks
/// for nothing.
fn retry_after(answer: &Answer) -> Option<Duration> {
    let text = answer.header("retry-after")?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() => Duration::MAX,
        Err(_) => parse_time(text)?.since(parse_time(answer.header("date")?)?),
    };
    Some(wait.min(limits::RETRY_AFTER_MAX))
}
