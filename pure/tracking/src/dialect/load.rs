//! From a dialect file to a [`Dialect`].

mod condition;
mod pages;
mod parameter;
mod postbacks;
mod report;
mod statics;

use std::sync::Arc;

use super::cookie::{read_cookie, read_cookie_domain};
use super::interface::{Operation, Variants, read_interface};
use super::table::{Hosts, Names, Prefixes, Route};
use super::{
    AnswerBody, AnswerRule, ClickIdShape, Dialect, Endpoint, Glued, Handling, Kind, Meaning, Parameter,
    Placeholder, Probe, Reading, ReplyKind, Unknown,
};
use super::{short_link, vendor};
use crate::event::{Class, Field};
use crate::source::{Mistake, Section, Source, unknown_word};
use crate::wire::{Method, Verdict};

use self::condition::{Written, read_condition, resolve};
use self::parameter::read_parameter;

/// Parameters that endpoints include, with what must hold between them.
struct Group {
    name: String,
    list: Vec<Parameter>,
    conditions: Vec<Written>,
}

pub(super) fn load(file: &str, text: &str) -> Result<Dialect, Vec<Mistake>> {
    let source = Source::new(file, text);
    let dialect = source.read(|root| read_dialect(file, root));
    let mistakes = source.into_mistakes();
    if mistakes.is_empty() { Ok(dialect) } else { Err(mistakes) }
}

#[derive(Default)]
struct Head {
    name: String,
    title: String,
    home_url: String,
    exact_names: bool,
    strip_prefixes: Vec<String>,
    splits_glued_links: bool,
    placeholders: Vec<Placeholder>,
}

fn read_dialect(file: &str, root: &Section<'_, '_>) -> Dialect {
    let head = root.section("dialect", read_head).unwrap_or_else(|| {
        root.mistake("the table `[dialect]` is missing: it names the dialect");
        Head::default()
    });
    let landing_parameter = root.section("landing", |section| section.required_text("parameter"));
    let click_id = root.section("click_id", read_click_id);
    let (click_id_shape, click_id_masks) = click_id.unwrap_or_default();
    let vendor = root.section("consent", vendor::read).flatten();
    let probe = root.section("probe", read_probe);
    let opt_out = root.section("opt_out", pages::read_opt_out).flatten();
    let short_links = root.section("short_link", short_link::read).flatten();
    let script_page = root.section("script_page", pages::read_script_page).flatten();
    let postbacks = root.section("postbacks", postbacks::read_postbacks);
    let groups: Vec<Group> = root.sections("parameters", read_group);
    let mut cookie_domains = Vec::new();
    let host_groups = root.sections("hosts", |section| {
        let group = read_hosts(section);
        cookie_domains.extend(read_cookie_domain(section, &group.1));
        group
    });
    let read = root.sections("endpoint", |section| read_endpoint(section, &groups, &host_groups));
    let cookies = root.sections("cookie", read_cookie);
    let routes: Vec<Vec<Route>> = read.iter().map(|read| read.routes.clone()).collect();
    let hosts = hosts_table(&host_groups, &routes);
    let variants: Vec<Option<Variant>> = read.iter().map(|read| read.variant.clone()).collect();
    let mut endpoints: Vec<Endpoint> = read.into_iter().map(|read| read.endpoint).collect();
    join_variants(root, &mut endpoints, &variants);
    note_double_names(root, &endpoints);
    let reports = report::read(root, &endpoints);
    let has = pages::Has {
        script_page: script_page.is_some(),
        opt_out: opt_out.is_some(),
        short_link: short_links.is_some(),
    };
    pages::note_missing(root, &endpoints, has);
    Dialect {
        name: head.name,
        title: head.title,
        file: Arc::from(file),
        home_url: head.home_url,
        landing_parameter,
        click_id_shape,
        click_id_masks,
        endpoints,
        cookies,
        vendor,
        probe,
        opt_out,
        short_links,
        script_page,
        postbacks,
        reports,
        exact_names: head.exact_names,
        strip_prefixes: Prefixes::new(head.strip_prefixes),
        splits_glued_links: head.splits_glued_links,
        placeholders: head.placeholders,
        hosts,
        cookie_domains,
    }
}

fn read_group(section: &Section<'_, '_>) -> Group {
    section.text("source");
    Group {
        name: section.required_text("group"),
        list: section.sections("list", read_parameter),
        conditions: section.sections("conditions", read_condition).into_iter().flatten().collect(),
    }
}

fn read_head(section: &Section<'_, '_>) -> Head {
    let exact = section.choice("parameter_names", &["exact", "any case"], |name| match name {
        "exact" => Some(true),
        "any case" => Some(false),
        _ => None,
    });
    let placeholders =
        section.sections("placeholders", |item| match (item.text("contains"), item.text("equals")) {
            (Some(part), None) => Some(Placeholder::Contains(part.to_lowercase())),
            (None, Some(whole)) => Some(Placeholder::Equals(whole.to_lowercase())),
            _ => {
                item.mistake("a placeholder has either `contains` or `equals`");
                None
            }
        });
    Head {
        name: section.required_text("name"),
        title: section.required_text("title"),
        home_url: section.required_text("home_url"),
        exact_names: exact.unwrap_or(false),
        strip_prefixes: section.texts("strip_name_prefixes"),
        splits_glued_links: section.choice("glued_links", &["split"], |_| Some(())).is_some(),
        placeholders: placeholders.into_iter().flatten().collect(),
    }
}

fn read_click_id(section: &Section<'_, '_>) -> (Option<ClickIdShape>, Vec<String>) {
    section.text("source");
    let shape =
        section.choice("shape", &["number_number_hex", "number_number_time_hex"], |name| match name {
            "number_number_hex" => Some(ClickIdShape::NumberNumberHex),
            "number_number_time_hex" => Some(ClickIdShape::NumberNumberTimeHex),
            _ => None,
        });
    let masks = section.texts("masks");
    if masks.iter().any(|mask| mask.len() < 8 || mask.bytes().all(|sign| matches!(sign, b'9' | b'x'))) {
        let message = "a mask has at least eight signs, and one of them stands for itself: orders' numbers must not look so";
        section.mistake_at("masks", message);
    }
    (shape, masks)
}

fn read_probe(section: &Section<'_, '_>) -> Probe {
    Probe {
        host: section.required_text("host"),
        path: section.required_text("path"),
        status: section.numbers("status"),
    }
}

fn read_hosts(section: &Section<'_, '_>) -> (String, Vec<String>) {
    section.text("source");
    let names = section.texts("names");
    for name in &names {
        if name.bytes().any(|byte| byte.is_ascii_uppercase() || byte == b'/' || byte == b':') {
            section.mistake_at("names", format!("`{name}` must be a bare host name in lower case"));
        }
    }
    (section.required_text("group"), names)
}

fn hosts_table(groups: &[(String, Vec<String>)], endpoints: &[Vec<Route>]) -> Hosts {
    let mut names = Vec::new();
    for (place, (_, hosts)) in groups.iter().enumerate() {
        names.extend(hosts.iter().map(|host| (host.clone(), place)));
    }
    let (mut exact, mut prefixes) = (Vec::new(), Vec::new());
    for (place, routes) in endpoints.iter().enumerate() {
        for route in routes {
            let mut route = Route { endpoint: place, ..route.clone() };
            match route.path.strip_suffix('*') {
                Some(start) => {
                    route.path = start.to_owned();
                    prefixes.push(route);
                }
                None => exact.push(route),
            }
        }
    }
    let groups = groups.iter().map(|(group, _)| group.clone()).collect();
    Hosts::new(groups, names, exact, prefixes)
}

fn note_double_names(root: &Section<'_, '_>, endpoints: &[Endpoint]) {
    for (place, endpoint) in endpoints.iter().enumerate() {
        if endpoints.iter().take(place).any(|other| other.name == endpoint.name) {
            root.mistake(format!("two endpoints are called `{}`: rename one", endpoint.name));
        }
    }
}

/// Which endpoint a variant belongs to, and the values that pick it.
#[derive(Clone)]
struct Variant {
    of: String,
    values: Vec<String>,
}

/// An endpoint as it stands in the file.
struct Read {
    endpoint: Endpoint,
    routes: Vec<Route>,
    variant: Option<Variant>,
}

fn read_variant(section: &Section<'_, '_>) -> Option<Variant> {
    let values: Vec<String> = section.texts("when").iter().map(|value| value.to_lowercase()).collect();
    let of = section.text("variant_of");
    if of.is_some() == values.is_empty() {
        section
            .mistake("`variant_of` and `when` go together: the endpoint, and the values that pick this one");
    }
    of.map(|of| Variant { of, values })
}

/// Puts variants behind their endpoints, whose interface they share.
fn join_variants(root: &Section<'_, '_>, endpoints: &mut [Endpoint], variants: &[Option<Variant>]) {
    for (place, variant) in variants.iter().enumerate() {
        let Some(Variant { of, values }) = variant else { continue };
        let found = endpoints
            .iter_mut()
            .find(|endpoint| endpoint.name == *of && !endpoint.variants.parameter.is_empty());
        let Some(base) = found else {
            root.mistake(format!("`variant_of = \"{of}\"` names no endpoint with `picked_by`"));
            continue;
        };
        let interface = base.interface.clone();
        for value in values {
            if base.variants.by_value.iter().any(|(known, _)| known == value) {
                root.mistake(format!("two variants of `{of}` are picked by `{value}`: only one can"));
            }
            base.variants.by_value.push((value.clone(), place));
        }
        if let Some(endpoint) = endpoints.get_mut(place) {
            endpoint.interface = interface;
        }
    }
    for endpoint in endpoints.iter().filter(|endpoint| endpoint.handling == Handling::Serve) {
        if endpoint.interface.is_none() || endpoint.operation.is_none() {
            let name = &endpoint.name;
            root.mistake(format!("`{name}` is served, so that it needs an `interface` and an `operation`"));
        }
    }
}

fn read_endpoint(section: &Section<'_, '_>, groups: &[Group], host_groups: &[(String, Vec<String>)]) -> Read {
    section.text("source");
    let (parameters, written) = read_parameters(section, groups);
    let resolved = written.into_iter().filter_map(|written| resolve(section, written, &parameters));
    let conditions = resolved.collect();
    let names = Names::new(&parameters);
    let glued = glued_names(&parameters);
    let reading_order = reading_order(&parameters);
    let class_names = Class::ALL.map(Class::name);
    let endpoint = Endpoint {
        name: section.required_text("name"),
        class: section.choice("class", &class_names, Class::parse).unwrap_or(Class::Other),
        methods: read_methods(section),
        paths: section.texts("paths"),
        parameters,
        conditions,
        unknown: read_unknown(section),
        handling: read_handling(section),
        all_cookies: read_all_cookies(section),
        reply: read_reply(section),
        sends_on: pages::read_sends_on(section),
        keep: statics::read_keep(section),
        instead: None,
        replacement: statics::read_replacement(section, "replacement"),
        form_body: section.choice("body", &["form"], |name| (name == "form").then_some(())).is_some(),
        answers: section.sections("answers", read_answer),
        interface: section.section("interface", read_interface).flatten(),
        operation: section.choice("operation", &Operation::ALL.map(Operation::name), Operation::parse),
        variants: Variants {
            parameter: section.text("picked_by").unwrap_or_default().to_lowercase(),
            by_value: Vec::new(),
        },
        line: section.line(),
        names,
        glued,
        reading_order,
    };
    note_passed(section, &endpoint);
    let variant = read_variant(section);
    let routes = if variant.is_some() { Vec::new() } else { read_routes(section, host_groups) };
    Read { endpoint, routes, variant }
}

/// What we read ourselves goes nowhere untouched.
fn note_passed(section: &Section<'_, '_>, endpoint: &Endpoint) {
    let is_passed = |parameter: &&Parameter| matches!(parameter.meaning, Meaning::Passed(_));
    let proxied = matches!(endpoint.handling, Handling::Proxy | Handling::OptOut);
    if let Some(parameter) = endpoint.parameters.iter().find(is_passed).filter(|_| !proxied) {
        let name = &parameter.name;
        section.mistake(format!(
            "`{name}` has `pass`, which is for `handling = \"proxy\"`: give it a `field`, or `drop` it"
        ));
    }
}

/// The endpoint's own parameters and those of the groups that it includes.
fn read_parameters(section: &Section<'_, '_>, groups: &[Group]) -> (Vec<Parameter>, Vec<Written>) {
    let mut parameters = section.sections("parameters", read_parameter);
    let own = section.sections("conditions", read_condition);
    let mut conditions: Vec<Written> = own.into_iter().flatten().collect();
    for wanted in section.texts("include") {
        if let Some(group) = groups.iter().find(|group| group.name == wanted) {
            parameters.extend(group.list.iter().cloned());
            conditions.extend(group.conditions.iter().cloned());
        } else {
            let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
            section.mistake_at("include", unknown_word("parameter group", &wanted, &names));
        }
    }
    note_double_parameters(section, &parameters);
    (parameters, conditions)
}

/// The currency and the advertiser first: amounts are typed by them.
fn reading_order(parameters: &[Parameter]) -> Vec<Reading> {
    let rank = |parameter: &Parameter| match (&parameter.kind, &parameter.meaning) {
        (Kind::Currency, _) => 0,
        (_, Meaning::Field(Field::AdvertiserId)) => 1,
        _ => 2,
    };
    let mut order: Vec<(usize, &Parameter)> = parameters.iter().enumerate().collect();
    order.sort_by_key(|(_, parameter)| rank(parameter));
    let reading = |(place, parameter): (usize, &Parameter)| {
        let Meaning::Field(field) = parameter.meaning else { return None };
        let absence_counts = parameter.family.is_some() || parameter.default.is_some() || parameter.required;
        Some(Reading { place, field, absence_counts })
    };
    order.into_iter().filter_map(reading).collect()
}

/// A glued name in the bytes of both code pages that old senders use.
fn glued_names(parameters: &[Parameter]) -> Vec<Glued> {
    let latin =
        |name: &str| name.chars().map(|letter| u8::try_from(letter).ok()).collect::<Option<Vec<u8>>>();
    let both = |name: &String| [Some(name.clone().into_bytes()), latin(name)];
    let all = parameters.iter().flat_map(|parameter| &parameter.glued).flat_map(both);
    all.flatten().map(|bytes| Glued { bytes }).collect()
}

fn names_of<T>(rows: &[(String, T)]) -> Vec<&str> {
    rows.iter().map(|(name, _)| name.as_str()).collect()
}

fn note_double_parameters(section: &Section<'_, '_>, parameters: &[Parameter]) {
    let mut seen: Vec<(usize, &str)> = Vec::new();
    for (place, parameter) in parameters.iter().enumerate() {
        for name in core::iter::once(&parameter.name).chain(&parameter.spellings) {
            if seen.iter().any(|(of, other)| *of != place && other.eq_ignore_ascii_case(name)) {
                section.mistake(format!("parameter `{name}` stands twice in this endpoint"));
            }
            seen.push((place, name));
        }
    }
}

fn read_routes(section: &Section<'_, '_>, host_groups: &[(String, Vec<String>)]) -> Vec<Route> {
    let mut routes = Vec::new();
    let paths = section.texts("paths");
    if paths.is_empty() {
        section.mistake("`paths` is missing or empty: nothing would reach this endpoint");
    }
    for wanted in section.texts("hosts") {
        let Some(group) = host_groups.iter().position(|(name, _)| *name == wanted) else {
            section.mistake_at("hosts", unknown_word("host group", &wanted, &names_of(host_groups)));
            continue;
        };
        for path in &paths {
            if !path.starts_with('/') {
                section.mistake_at("paths", format!("path `{path}` must start with `/`"));
            }
            routes.push(Route { group, path: path.to_lowercase(), endpoint: 0 });
        }
    }
    routes
}

fn read_methods(section: &Section<'_, '_>) -> Vec<Method> {
    let parse = |name: String| {
        let method = Method::parse(&name).filter(|method| method.is_ours());
        if method.is_none() {
            let known = ["GET", "HEAD", "POST", "OPTIONS"];
            section.mistake_at("methods", unknown_word("method", &name, &known));
        }
        method
    };
    section.texts("methods").into_iter().filter_map(parse).collect()
}

fn read_unknown(section: &Section<'_, '_>) -> Unknown {
    let why = section.text("unknown_why");
    let choice = section.choice("unknown", &["pass", "keep"], |name| match name {
        "pass" => Some(true),
        "keep" => Some(false),
        _ => None,
    });
    match (choice, why) {
        (Some(false), Some(why)) => Unknown::Keep(why),
        (Some(false), None) => {
            section
                .mistake("`unknown = \"keep\"` needs `unknown_why`: no parameter is lost without a reason");
            Unknown::Pass
        }
        _ => Unknown::Pass,
    }
}

fn read_handling(section: &Section<'_, '_>) -> Handling {
    let names = ["translate", "proxy", "record", "serve", "opt out", "short link"];
    let choice = section.choice("handling", &names, |name| match name {
        "serve" => Some(Handling::Serve),
        "translate" => Some(Handling::Translate),
        "proxy" => Some(Handling::Proxy),
        "record" => Some(Handling::Record),
        "opt out" => Some(Handling::OptOut),
        "short link" => Some(Handling::ShortLink),
        _ => None,
    });
    choice.unwrap_or(Handling::Translate)
}

fn read_all_cookies(section: &Section<'_, '_>) -> bool {
    let choice = section.choice("cookies", &["declared", "all"], |name| match name {
        "declared" => Some(false),
        "all" => Some(true),
        _ => None,
    });
    let all = choice.unwrap_or(false);
    if all && section.text("handling").as_deref() != Some("proxy") {
        let message = "`cookies = \"all\"` is for `handling = \"proxy\"`: what we read ourselves needs declared cookies alone";
        section.mistake_at("cookies", message);
    }
    all
}

fn read_reply(section: &Section<'_, '_>) -> ReplyKind {
    let choice = section.choice("reply", &["pixel", "script", "page"], |name| match name {
        "pixel" => Some(ReplyKind::Pixel),
        "script" => Some(ReplyKind::Script),
        "page" => Some(ReplyKind::Page),
        _ => None,
    });
    choice.unwrap_or(ReplyKind::Page)
}

fn read_answer(section: &Section<'_, '_>) -> AnswerRule {
    let verdicts = ["confirmed", "taken", "rejected", "later", "paused", "unknown"];
    let field = read_field(section, "equals");
    let image = section.choice("body", &["image"], |name| (name == "image").then_some(()));
    let body = match (image, section.text("contains"), section.text("json"), field) {
        (Some(()), None, None, None) => AnswerBody::Image,
        (None, Some(part), None, None) => AnswerBody::Contains(part),
        (None, None, Some(path), Some(field)) => {
            AnswerBody::JsonEquals { path: path.split('.').map(str::to_owned).collect(), field }
        }
        (None, None, None, None) => AnswerBody::Any,
        _ => {
            section.mistake("an answer has one of `body`, `contains`, or `json` with `equals`");
            AnswerBody::Any
        }
    };
    AnswerRule {
        status: section.numbers("status"),
        body,
        verdict: section.choice("verdict", &verdicts, Verdict::parse).unwrap_or(Verdict::Unknown),
        why: section.text("why").unwrap_or_default(),
        line: section.line(),
    }
}

fn read_field(section: &Section<'_, '_>, key: &'static str) -> Option<Field> {
    let names: Vec<&str> = Field::ALL.iter().map(|field| field.name()).collect();
    section.choice(key, &names, Field::parse)
}
