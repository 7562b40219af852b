//! A census for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use census::{Census, LIMITS, Parameter};
use serde_json::{Value, json};

use super::coverage::{Coverage, Fate};

/// Endpoints, shapes of each, and patterns of a parameter that are shown unless all are asked for.
const ENDPOINTS_SHOWN: usize = 40;
const SHAPES_SHOWN: usize = 5;
const PATTERNS_SHOWN: usize = 4;

pub(super) struct Report<'a> {
    census: &'a Census,
    coverage: &'a Coverage<'a>,
    logs: usize,
    /// Places of endpoints, most requests first.
    order: Vec<usize>,
}

impl<'a> Report<'a> {
    pub(super) fn new(census: &'a Census, coverage: &'a Coverage<'a>, logs: usize) -> Self {
        let mut order: Vec<usize> = (0..census.endpoints.len()).collect();
        order.sort_by_key(|place| std::cmp::Reverse(census.endpoints.get(*place).map(|one| one.requests)));
        Self { census, coverage, logs, order }
    }

    pub(super) fn text(&self, all: bool) -> String {
        let mut out = String::new();
        self.head(&mut out);
        let shown = if all { self.order.len() } else { ENDPOINTS_SHOWN };
        for place in self.order.iter().take(shown) {
            self.endpoint(&mut out, *place, all);
        }
        let hidden = self.order.len().saturating_sub(shown);
        if hidden > 0 {
            writeln!(out, "\n{hidden} further endpoints: --all shows them").ok();
        }
        out
    }

    fn head(&self, out: &mut String) {
        let census = self.census;
        let logs = if self.logs == 1 { "1 log".to_owned() } else { format!("{} logs", self.logs) };
        writeln!(out, "{} requests in {logs}, {} bad lines", census.requests, census.bad).ok();
        for (why, count, example) in &census.bad_lines {
            writeln!(out, "  {count} with {why}, the first: {example}").ok();
        }
        for (what, count) in self.by_handling() {
            writeln!(out, "  {} {count} {what}", share(count, census.requests)).ok();
        }
        let fates = self.by_fate();
        let total: u64 = fates.values().sum();
        writeln!(out, "{total} parameters").ok();
        for (fate, count) in fates {
            writeln!(out, "  {} {count} {}: {}", share(count, total), fate.name(), fate.meaning()).ok();
        }
        if census.forgotten_endpoints + census.forgotten_shapes > 0 {
            writeln!(
                out,
                "  forgotten for want of room: {} requests of rare endpoints and {} of rare shapes, none of which \
                 had more than {} requests when it was forgotten",
                census.forgotten_endpoints, census.forgotten_shapes, census.rarest
            )
            .ok();
        }
    }

    /// Requests by what becomes of them.
    fn by_handling(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for endpoint in &self.census.endpoints {
            let what = match self.coverage.known(endpoint.recognised) {
                Some(known) => format!("{}, {}", known.endpoint.class, known.dialect.title),
                None => "recognised as nothing".to_owned(),
            };
            *counts.entry(what).or_insert(0) += endpoint.requests;
        }
        counts
    }

    fn by_fate(&self) -> BTreeMap<Fate, u64> {
        let mut counts: BTreeMap<Fate, u64> = Fate::ALL.into_iter().map(|fate| (fate, 0)).collect();
        for endpoint in &self.census.endpoints {
            let known = self.coverage.known(endpoint.recognised);
            for parameter in &endpoint.parameters {
                let (fate, _) = self.coverage.fate(known, &parameter.name);
                *counts.entry(fate).or_insert(0) += parameter.occurrences;
            }
        }
        counts
    }

    fn endpoint(&self, out: &mut String, place: usize, all: bool) {
        let Some(endpoint) = self.census.endpoints.get(place) else { return };
        let known = self.coverage.known(endpoint.recognised);
        let what = known.map_or("recognised as nothing".to_owned(), |known| {
            format!(
                "{} “{}” ({}:{})",
                known.endpoint.class, known.endpoint.name, known.dialect.file, known.endpoint.line
            )
        });
        let methods: Vec<String> = endpoint
            .methods
            .iter()
            .filter(|(method, _)| !method.is_empty())
            .map(|(method, count)| format!("{} {count}", text(method)))
            .collect();
        let address = format!("{}{}", text(&endpoint.host), text(&endpoint.path));
        let share_of_all = share(endpoint.requests, self.census.requests);
        writeln!(out, "\n{share_of_all} {} {address}: {what} {}", endpoint.requests, methods.join(", ")).ok();
        let shapes = self.census.shapes_of(place);
        let shown = if all { shapes.len() } else { SHAPES_SHOWN };
        for shape in shapes.iter().take(shown) {
            let names: Vec<String> = shape
                .parameters
                .iter()
                .filter_map(|at| endpoint.parameters.get(*at as usize))
                .map(|parameter| text(&parameter.name))
                .collect();
            let names = if names.is_empty() { "no parameters".to_owned() } else { names.join(" ") };
            writeln!(out, "    {} shape: {names}", share(shape.requests, endpoint.requests)).ok();
        }
        if shapes.len() > shown {
            writeln!(out, "    and {} further shapes", shapes.len() - shown).ok();
        }
        for parameter in &endpoint.parameters {
            let (fate, more) = self.coverage.fate(known, &parameter.name);
            let more = if more.is_empty() { more } else { format!(" ({more})") };
            let seen = share(parameter.occurrences, endpoint.requests);
            let name = text(&parameter.name);
            let example = parameter.example.as_deref().map(|value| format!(", as `{}`", text(value)));
            writeln!(
                out,
                "    {seen} {name}: {}; {}{more}{}",
                patterns(parameter),
                fate.name(),
                example.unwrap_or_default()
            )
            .ok();
        }
    }

    pub(super) fn json(&self) -> Value {
        let census = self.census;
        let endpoints: Vec<Value> =
            self.order.iter().filter_map(|place| self.endpoint_json(*place)).collect();
        let bad = census
            .bad_lines
            .iter()
            .map(|(why, count, example)| json!({ "why": why, "lines": count, "example": example }));
        let fates: BTreeMap<&str, u64> =
            self.by_fate().into_iter().map(|(fate, count)| (fate.name(), count)).collect();
        json!({
            "requests": census.requests,
            "logs": self.logs,
            "bad_lines": census.bad,
            "bad": bad.collect::<Vec<_>>(),
            "parameters": fates,
            "endpoints": endpoints,
            "sampled": false,
            "forgotten": {
                "endpoint_requests": census.forgotten_endpoints,
                "shape_requests": census.forgotten_shapes,
                "most_requests_of_one": census.rarest,
            },
            "limits": {
                "endpoints": LIMITS.endpoints, "shapes": LIMITS.shapes, "parameters": LIMITS.parameters,
                "patterns": LIMITS.patterns,
            },
        })
    }

    fn endpoint_json(&self, place: usize) -> Option<Value> {
        let endpoint = self.census.endpoints.get(place)?;
        let known = self.coverage.known(endpoint.recognised);
        let name = |at: &u32| endpoint.parameters.get(*at as usize).map(|parameter| text(&parameter.name));
        let shapes: Vec<Value> = self
            .census
            .shapes_of(place)
            .into_iter()
            .map(|shape| {
                let names: Vec<String> = shape.parameters.iter().filter_map(name).collect();
                json!({ "parameters": names, "requests": shape.requests })
            })
            .collect();
        let parameters: Vec<Value> = endpoint
            .parameters
            .iter()
            .map(|parameter| {
                let (fate, more) = self.coverage.fate(known, &parameter.name);
                let patterns: Vec<Value> = parameter
                    .patterns
                    .iter()
                    .map(|(pattern, count)| json!({ "pattern": pattern.to_string(), "values": count }))
                    .collect();
                json!({
                    "name": text(&parameter.name), "occurrences": parameter.occurrences, "fate": fate.name(),
                    "detail": more, "patterns": patterns, "values_of_further_patterns": parameter.further_patterns,
                    "example": parameter.example.as_deref().map(text),
                })
            })
            .collect();
        let methods: BTreeMap<String, u64> =
            endpoint.methods.iter().map(|(method, count)| (text(method), *count)).collect();
        Some(json!({
            "host": text(&endpoint.host), "path": text(&endpoint.path), "requests": endpoint.requests,
            "methods": methods, "dialect": known.map(|known| known.dialect.name.as_str()),
            "endpoint": known.map(|known| known.endpoint.name.as_str()),
            "class": known.map(|known| known.endpoint.class.name()),
            "shapes": shapes, "parameters": parameters,
        }))
    }
}

/// The most frequent patterns of a parameter's values.
pub(super) fn patterns(parameter: &Parameter) -> String {
    let shown = parameter.patterns.iter().take(PATTERNS_SHOWN);
    let mut parts: Vec<String> = shown
        .map(|(pattern, count)| format!("{pattern} {}", share(*count, parameter.occurrences).trim()))
        .collect();
    if parameter.patterns.len() > PATTERNS_SHOWN || parameter.further_patterns > 0 {
        parts.push("others".to_owned());
    }
    parts.join(", ")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A part of a whole in percent, in whole numbers throughout: `  3.07 %`.
pub(super) fn share(part: u64, whole: u64) -> String {
    let hundredths = (u128::from(part) * 10_000).checked_div(u128::from(whole)).unwrap_or(0);
    format!("{:>3}.{:02} %", hundredths / 100, hundredths % 100)
}
