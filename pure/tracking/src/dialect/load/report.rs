//! What a dialect says about reports.

use core::time::Duration;

use units::Currency;
use units::time::parse_duration;

use crate::dialect::Endpoint;
use crate::dialect::report::{
    Asked, Column, Format, Holds, Kind, Live, Means, Pattern, Report, Says, Standing,
};
use crate::source::{Section, unknown_word};

/// How long a platform may take until its report names what it has received, unless the report says otherwise.
const SETTLING: Duration = Duration::from_secs(2 * 86_400);

/// What no report can do without.
const NEEDED: [Holds; 3] = [Holds::TransactionId, Holds::Amount, Holds::TransactedAt];

/// Every report of a dialect that has these endpoints.
pub(super) fn read(root: &Section<'_, '_>, endpoints: &[Endpoint]) -> Vec<Report> {
    let reports = root.sections("report", read_report);
    note_unsigned(root, &reports, endpoints);
    reports
}

fn read_report(section: &Section<'_, '_>) -> Report {
    section.text("source");
    section.text("why");
    let columns: Vec<Column> = section.sections("columns", read_column).into_iter().flatten().collect();
    for needed in NEEDED.into_iter().filter(|needed| !columns.iter().any(|column| column.holds == *needed)) {
        section
            .mistake(format!("no column holds `{}`, without which nothing can be compared", needed.name()));
    }
    let live = section.section("live", read_live);
    Report {
        name: section.required_text("name"),
        format: read_format(section),
        zone: section.text("zone").unwrap_or_else(|| "UTC".to_owned()),
        currency: read_currency(section),
        primary_ids: section.flag("primary_ids"),
        rows_max: section.number("rows_max"),
        settling: read_settling(section),
        columns,
        live,
        line: section.line(),
    }
}

fn read_format(section: &Section<'_, '_>) -> Format {
    let delimiters = section.texts("delimiters");
    let json = section.choice("format", &["delimited", "json"], |name| match name {
        "delimited" => Some(false),
        "json" => Some(true),
        _ => None,
    });
    if json == Some(true) {
        return Format::Json;
    }
    let read = |text: &String| match text.as_bytes() {
        [byte] if !matches!(byte, b'"' | b'\r' | b'\n') => Some(*byte),
        _ => {
            section.mistake_at("delimiters", format!("`{text}` must be one character that ends no line"));
            None
        }
    };
    let delimiters: Vec<u8> = delimiters.iter().filter_map(read).collect();
    Format::Delimited(if delimiters.is_empty() { vec![b','] } else { delimiters })
}

fn read_currency(section: &Section<'_, '_>) -> Option<Currency> {
    let code = section.text("currency")?;
    let currency = Currency::parse(&code);
    if currency.is_none() {
        section.mistake_at("currency", format!("`{code}` is no currency: three letters, as `USD`"));
    }
    currency
}

fn read_settling(section: &Section<'_, '_>) -> Duration {
    let Some(text) = section.text("settling") else { return SETTLING };
    parse_duration(&text).unwrap_or_else(|| {
        section.mistake_at("settling", format!("`{text}` is no duration: write `48h`"));
        SETTLING
    })
}

fn read_column(section: &Section<'_, '_>) -> Option<Column> {
    section.text("why");
    let names = section.texts("names");
    if names.is_empty() {
        section.mistake("`names` is missing: what the column is called");
    }
    if section.text("holds").is_none() {
        section.mistake("`holds` is missing: what the column means");
    }
    let values = section.sections("values", |item| {
        let word = item.text("is").unwrap_or_default().trim().to_lowercase();
        Some((word, read_means(item, "means")?))
    });
    let patterns = section.texts("patterns");
    let pattern = |text: &String| {
        let pattern = Pattern::parse(text);
        if pattern.is_none() {
            let message = format!(
                "`{text}` names no place: write `… {{order_reference}}`, with text between two places"
            );
            section.mistake_at("patterns", message);
        }
        pattern
    };
    let (required, times) = (section.flag("required"), section.texts("times"));
    let otherwise = read_means(section, "otherwise");
    let holds = section.choice("holds", &Holds::NAMES, Holds::parse)?;
    let is_time =
        matches!(holds, Holds::TransactedAt | Holds::ClickedAt | Holds::ClickedDay | Holds::ClickedTime);
    if is_time && times.is_empty() {
        section.mistake("`times` is missing: how the time is written, as `%Y-%m-%d %H:%M:%S`");
    }
    let patterns = patterns.iter().filter_map(pattern).collect();
    let values = values.into_iter().flatten().collect();
    Some(Column { holds, names, required, times, values, otherwise, patterns, line: section.line() })
}

fn read_means(section: &Section<'_, '_>, key: &'static str) -> Option<Means> {
    let names: Vec<&str> =
        Kind::ALL.map(Kind::name).into_iter().chain(Standing::ALL.map(Standing::name)).collect();
    section.choice(key, &names, |name| {
        let kind = Kind::parse(name).map(Means::Kind);
        kind.or_else(|| Standing::parse(name).map(Means::Standing))
    })
}

fn read_live(section: &Section<'_, '_>) -> Live {
    section.text("source");
    section.text("why");
    let parameters = section.sections("parameters", |item| {
        item.text("why");
        let name = item.required_text("name");
        let (value, time) = (item.text("value"), item.text("time").unwrap_or_default());
        let says = match (value, item.choice("from", &["from", "until", "advertiser", "token"], from(&time)))
        {
            (Some(value), None) => Says::Text(value),
            (None, Some(says)) => says,
            _ => {
                item.mistake("a parameter has either `value` or `from`");
                return None;
            }
        };
        Some(Asked { name, says })
    });
    let prefix = section.text("credential_prefix").unwrap_or_default();
    let at_least_one = |key| match section.number(key) {
        Some(0) => {
            section.mistake_at(key, format!("`{key}` must be 1 or more"));
            1
        }
        number => number.unwrap_or(1),
    };
    Live {
        host: section.required_text("host"),
        path: section.required_text("path"),
        parameters: parameters.into_iter().flatten().collect(),
        credential: section.text("credential").map(|header| (header.to_lowercase(), prefix)),
        signed_as: section.text("signed_as"),
        span_days: at_least_one("span_days"),
        calls_per_minute: at_least_one("calls_per_minute"),
    }
}

/// A report that is asked for by a signed call names an endpoint that says how calls are signed.
fn note_unsigned(root: &Section<'_, '_>, reports: &[Report], endpoints: &[Endpoint]) {
    for report in reports {
        let Some(wanted) = report.live.as_ref().and_then(|live| live.signed_as.as_ref()) else { continue };
        let signed = endpoints.iter().filter(|endpoint| endpoint.interface.is_some());
        let names: Vec<&str> = signed.map(|endpoint| endpoint.name.as_str()).collect();
        if !names.contains(&wanted.as_str()) {
            root.source().mistake_on(report.line, unknown_word("endpoint with an interface", wanted, &names));
        }
    }
}

fn from(time: &str) -> impl Fn(&str) -> Option<Says> {
    move |name| match name {
        "from" => Some(Says::From(time.to_owned())),
        "until" => Some(Says::Until(time.to_owned())),
        "advertiser" => Some(Says::Advertiser),
        "token" => Some(Says::Token),
        _ => None,
    }
}
