//! Where people are sent whom the legacy platform no longer answers.

use crate::dialect::{Dialect, Handling};
use crate::source::{Mistake, Section};

/// Where visitors of one endpoint are sent.
#[derive(Debug)]
pub(super) struct Instead {
    endpoint: String,
    url: String,
    line: usize,
}

/// Where visitors of an endpoint are sent, where the legacy platform gives nothing.
pub(super) fn read(section: &Section<'_, '_>) -> Instead {
    section.text("why");
    let instead = Instead {
        endpoint: section.required_text("endpoint"),
        url: section.required_text("url"),
        line: section.line(),
    };
    let parsed = url::Url::parse(&instead.url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    if parsed.is_none() && !instead.url.is_empty() {
        section.mistake_at("url", format!("`{}` is no absolute address with http or https", instead.url));
    }
    Instead { url: parsed.map(String::from).unwrap_or_default(), ..instead }
}

/// Gives the legacy dialect's endpoints their addresses.
pub(super) fn furnish(file: &str, rows: &[Instead], legacy: &mut Dialect, mistakes: &mut Vec<Mistake>) {
    for row in rows {
        let named = legacy.endpoints.iter_mut().find(|endpoint| endpoint.name == row.endpoint);
        match named.filter(|endpoint| endpoint.handling == Handling::Proxy) {
            Some(endpoint) => endpoint.instead = Some(row.url.clone()),
            None => {
                let message =
                    format!("`{}` is no endpoint of `{}` that is proxied", row.endpoint, legacy.name);
                mistakes.push(Mistake { file: file.to_owned(), line: row.line, message });
            }
        }
    }
}
