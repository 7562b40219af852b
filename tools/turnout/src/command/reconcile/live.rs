//! Asking a platform's own interface for its report: by advertiser, in spans that it gives, at the pace that it takes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use reconciliation::Period;
use reconciliation::terms::DATE_TOLERANCE;
use tracking::dialect::report::{Live, Report, Says};
use tracking::source::Mistake;
use tracking::{Answer, Home, Outbound, SendFailure, query, signed};
use units::Timestamp;
use units::limits::REPORT_BYTES_MAX;
use upstream::{Call, Endpoint, Origin, Reuse, Upstream};

use super::sources::{Gathered, Made};
use super::{Arguments, Failure};
use crate::client;
use crate::clock::wall_clock;
use crate::data;
use crate::settings;

/// How long a report may take: a month of a large merchant.
const WITHIN: Duration = Duration::from_secs(120);

/// The wait after the platform says that it was asked too often, and how often that is waited for.
const TOO_OFTEN: (u16, Duration, u32) = (429, Duration::from_secs(61), 3);

/// The shortest span that is asked for where longer ones give too much.
const SPAN_MIN: Duration = Duration::from_secs(3600);

const DAY: Duration = Duration::from_secs(86_400);

/// Where the platform's interface is, and what it is shown.
struct Access {
    upstream: Upstream,
    credentials: Vec<(String, String)>,
}

/// One advertiser's report, being asked for.
struct Asking<'a> {
    home: Home,
    report: &'a Report,
    live: &'a Live,
    access: &'a Access,
    runtime: &'a tokio::runtime::Runtime,
    /// The advertiser by its legacy id, and by the report's.
    advertiser: (u64, u64),
    arguments: &'a Arguments,
}

/// Asks for the report of every advertiser that is compared.
pub(super) fn fetch(
    gathered: &mut Gathered<'_>,
    arguments: &Arguments,
    (home, report): (Home, &Report),
    period: Period,
    seen: &BTreeMap<Home, BTreeSet<u64>>,
) -> Result<(), Failure> {
    let Some(live) = &report.live else {
        return Err(format!("the dialect does not say how to ask for the report `{}`", report.name).into());
    };
    let access = Access::of(arguments, home)?;
    let runtime = crate::command::runtime()?;
    let advertisers =
        if gathered.only.is_empty() { seen.get(&home).cloned() } else { Some(gathered.only.clone()) };
    let pause = Duration::from_secs(60) / u32::try_from(live.calls_per_minute).unwrap_or(u32::MAX).max(1);
    let asked = widened(period, wall_clock());
    let mut last: Option<Instant> = None;
    for legacy_id in advertisers.unwrap_or_default() {
        let row = gathered.snapshot.directory.advertiser(legacy_id);
        let named = if report.primary_ids { row.and_then(|row| row.primary_id) } else { Some(legacy_id) };
        let Some(named) = named else {
            if gathered.only.is_empty() {
                // Without an id there it has no transaction there either.
                continue;
            }
            let why = format!(
                "no map has the id of advertiser {legacy_id} on the {home} platform: its report cannot be asked for"
            );
            return Err(why.into());
        };
        let advertiser = (legacy_id, named);
        let asking = Asking { home, report, live, access: &access, runtime: &runtime, advertiser, arguments };
        let mut spans = spans(asked, live.span_days);
        while let Some(span) = spans.pop() {
            if let Some(last) = last {
                std::thread::sleep(pause.saturating_sub(last.elapsed()));
            }
            last = Some(Instant::now());
            match asking.ask(span, gathered)? {
                Came::Whole(name, body) => {
                    let made = Made { name: &name, as_of: wall_clock(), advertiser: Some(named) };
                    gathered.report((home, report), &made, body.as_slice())?;
                }
                Came::TooMuch(_) if span.until.since(span.from) > SPAN_MIN => spans.extend(halves(span)),
                Came::TooMuch(why) => return Err(why.into()),
            }
        }
        gathered.coverage.of(home, Some(legacy_id)).asked(asked);
    }
    Ok(())
}

/// What came of one question.
enum Came {
    Whole(String, Vec<u8>),
    /// Nothing whole: too long, or it took too long.
    TooMuch(String),
}

impl Asking<'_> {
    fn ask(&self, span: Period, gathered: &Gathered<'_>) -> Result<Came, Failure> {
        let request = self.request(span, gathered)?;
        let (day, host) = (DAY, &request.host);
        let name =
            format!("{host} {} of advertiser {} from {}", self.report.name, self.advertiser.1, span.from);
        let call = Call { within: WITHIN, reuse: Reuse::AnyThenFresh, answer_bytes_max: REPORT_BYTES_MAX };
        let (status, wait, times) = TOO_OFTEN;
        for _ in 0..=times {
            let answer = match self.runtime.block_on(self.access.upstream.call(&request, call)) {
                Ok(answer) => answer,
                Err(SendFailure::Ambiguous(why)) if span.until.since(span.from) > day => {
                    return Ok(Came::TooMuch(format!("{name}: {why}")));
                }
                Err(SendFailure::NothingSent(why) | SendFailure::Ambiguous(why)) => {
                    return Err(format!("{name}: {why}").into());
                }
            };
            if answer.status == status {
                eprintln!("{host} was asked too often: waiting for {} s", wait.as_secs());
                std::thread::sleep(wait);
                continue;
            }
            return self.look(name, answer);
        }
        Err(format!("{name}: it was asked too often, {times} times: try again later").into())
    }

    fn look(&self, name: String, answer: Answer) -> Result<Came, Failure> {
        if answer.status != 200 {
            let excerpt: String = String::from_utf8_lossy(&answer.body).chars().take(200).collect();
            let (status, excerpt) = (answer.status, excerpt.replace(char::is_control, " "));
            return Err(format!("{name}: status {status}: {excerpt}").into());
        }
        let rows = answer.body.iter().filter(|byte| **byte == b'\n').count() as u64;
        // As many rows as it gives at once: there are more.
        if self.report.rows_max.is_some_and(|most| rows >= most) {
            return Ok(Came::TooMuch(format!("{name}: there are more rows than it gives at once")));
        }
        Ok(Came::Whole(name, answer.body))
    }

    fn request(&self, span: Period, gathered: &Gathered<'_>) -> Result<Outbound, Failure> {
        let clock = super::sources::clock(self.report)?;
        let (legacy_id, named) = self.advertiser;
        let caller = self.live.signed_as.as_ref().map(|_| {
            let callers = data::read_callers(&self.arguments.place.data)?;
            let found = callers.of(legacy_id).map(|(token, secret)| (token.to_owned(), secret.to_owned()));
            found.ok_or_else(|| {
                format!(
                    "callers.toml has no token and secret of advertiser {legacy_id}: add them, or name whom it has with \
                     --advertiser"
                )
                .into()
            })
        });
        let caller: Option<(String, String)> = caller.transpose().map_err(|error: Failure| error)?;
        let mut pairs = Vec::new();
        for asked in &self.live.parameters {
            let told = |at: Timestamp, format: &str| clock.write(at, format);
            let value = match &asked.says {
                Says::From(format) => told(span.from, format),
                // The last second: where the platform takes both ends to be inside, nothing is named twice.
                Says::Until(format) => told(span.until.minus(Duration::from_secs(1)), format),
                Says::Advertiser => Some(named.to_string()),
                Says::Token => caller.as_ref().map(|(token, _)| token.clone()),
                Says::Text(text) => Some(text.clone()),
            };
            let value =
                value.ok_or_else(|| format!("the report's parameter `{}` cannot be written", asked.name))?;
            pairs.push((asked.name.as_str(), value));
        }
        let mut target = self.live.path.replace("{advertiser}", &named.to_string()).into_bytes();
        for (place, (name, value)) in pairs.iter().enumerate() {
            target.push(if place == 0 { b'?' } else { b'&' });
            target.extend(name.as_bytes());
            target.push(b'=');
            query::encode_into(&mut target, value.as_bytes());
        }
        let mut headers = vec![("accept".to_owned(), b"*/*".to_vec())];
        if let Some((header, prefix)) = &self.live.credential {
            headers.push((
                header.clone(),
                format!("{prefix}{}", self.access.secret(&self.live.host)?).into_bytes(),
            ));
        }
        if let Some((token, secret)) = &caller {
            headers.extend(self.signed(gathered, token, secret)?);
        }
        Ok(Outbound {
            home: self.home,
            method: "GET".into(),
            secure: true,
            host: self.live.host.as_str().into(),
            target,
            headers,
            body: Vec::new(),
        })
    }

    /// The headers that prove who asks.
    fn signed(
        &self,
        gathered: &Gathered<'_>,
        token: &str,
        secret: &str,
    ) -> Result<Vec<(String, Vec<u8>)>, Failure> {
        let migration = &gathered.snapshot.migration;
        let dialect = match self.home {
            Home::Legacy => &migration.legacy,
            Home::Primary => &migration.primary,
        };
        let endpoint = self.live.signed_as.as_deref().and_then(|name| dialect.endpoint(name));
        let interface = endpoint.and_then(|endpoint| endpoint.interface.as_ref());
        let rule = &interface.ok_or("the report names no endpoint that says how calls are signed")?.signature;
        let action = self.live.parameters.iter().find(|asked| asked.name.eq_ignore_ascii_case(&rule.action));
        let Some(Says::Text(action)) = action.map(|asked| &asked.says) else {
            return Err("the report's question names no action, which is signed".into());
        };
        let utc = reports::Clock::new("UTC")?;
        let date = utc.write(wall_clock(), "%a, %d %b %Y %H:%M:%S GMT").unwrap_or_default();
        let signature = signed::sign(rule, [token, &date, action], secret);
        Ok(vec![
            (rule.date_header.clone(), date.into_bytes()),
            (rule.signature_header.clone(), signature.into_bytes()),
        ])
    }
}

impl Access {
    /// By the settings file, else by the note of a running `up`, whose platforms are simulated.
    fn of(arguments: &Arguments, home: Home) -> Result<Self, Failure> {
        if let Some(path) = &arguments.config {
            let settings = settings::read(path).map_err(|mistakes| all(&mistakes))?;
            let credentials = settings.credentials()?;
            let origins = upstream::Settings { origins: settings.origins, ..upstream::Settings::default() };
            return Ok(Self { upstream: Upstream::new(&origins)?, credentials });
        }
        let run = arguments.place.running()?;
        let address = match home {
            Home::Legacy => run.legacy,
            Home::Primary => run.primary,
        };
        let (Some(address), Some(control)) = (address, run.control) else {
            return Err(
                "name the settings with the platform's server and credential: --config turnout.toml".into()
            );
        };
        let world = client::ask(&control, "", client::Question::new("GET", "/world", ""))?;
        let key = world.pointer("/primary_api_keys/0").and_then(serde_json::Value::as_str);
        let endpoint = Endpoint { private_allowed: true, ..Endpoint::plain(address) };
        let origins = vec![Origin { home, host: None, endpoint }];
        let settings = upstream::Settings { origins, ..upstream::Settings::default() };
        let credentials = key.map(|key| (String::new(), key.to_owned()));
        Ok(Self { upstream: Upstream::new(&settings)?, credentials: credentials.into_iter().collect() })
    }

    fn secret(&self, host: &str) -> Result<&str, Failure> {
        let found = self.credentials.iter().find(|(of, _)| of == host || of.is_empty());
        let missing = || format!("the settings have no [[credential]] for {host}");
        Ok(found.map(|(_, secret)| secret.as_str()).ok_or_else(missing)?)
    }
}

fn all(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// What is asked for: an order at the border may be dated on another day there, and is not missing. What is still to
/// come nobody has.
fn widened(period: Period, now: Timestamp) -> Period {
    let wide = period.widened(DATE_TOLERANCE);
    Period { until: wide.until.min(now.max(period.until)), ..wide }
}

/// The period in spans of at most so many days, the last one first.
fn spans(period: Period, days: u64) -> Vec<Period> {
    let longest = DAY * u32::try_from(days).unwrap_or(u32::MAX);
    let mut spans = Vec::new();
    let mut from = period.from;
    while from < period.until {
        let until = from.plus(longest).min(period.until);
        spans.push(Period { from, until });
        from = until;
    }
    spans.reverse();
    spans
}

/// Both halves of a span, the later one first.
fn halves(span: Period) -> [Period; 2] {
    // On a whole second, which is as fine as a question can be.
    let half = Duration::from_secs(span.until.since(span.from).as_secs() / 2);
    let middle = span.from.plus(half);
    [Period { from: middle, until: span.until }, Period { from: span.from, until: middle }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_around_the_period_are_asked_for_unless_they_are_still_to_come() {
        let at = |day: i64| Timestamp::from_seconds(day * 86_400);
        let period = Period { from: at(10), until: at(20) };
        for (now, until) in [(15, 20), (20, 20), (21, 21), (22, 22), (90, 22)] {
            assert_eq!(widened(period, at(now)), Period { from: at(8), until: at(until) }, "{now}");
        }
    }

    #[test]
    fn spans_cover_the_period_without_a_gap() {
        let at = |day: i64| Timestamp::from_seconds(day * 86_400);
        let period = Period { from: at(0), until: at(65) };
        let mut spans = spans(period, 31);
        spans.reverse();
        assert_eq!(spans.len(), 3);
        assert_eq!((spans[0].from, spans[2].until), (period.from, period.until));
        assert!(spans.windows(2).all(|pair| pair[0].until == pair[1].from));
        let [later, earlier] = halves(spans[2]);
        assert_eq!((earlier.from, earlier.until, later.until), (at(62), later.from, at(65)));
    }
}
