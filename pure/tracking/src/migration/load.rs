//! From a migration's file to a [`Migration`].

mod instead;

use core::time::Duration;
use std::sync::Arc;

use self::instead::Instead;
use super::{
    Channels, CommissionGroup, EvidenceKind, Format, ItemNames, JsonKind, Keep, Migration, Origin, Send,
    SendParameter,
};
use crate::dialect::interface::Operation;
use crate::dialect::{CookieForm, CookieRule, Dialect, Handling, Meaning, read_cookie};
use crate::event::{Class, Field, Text};
use crate::query;
use crate::source::{Mistake, Section, Source, unknown_word};

#[derive(Default)]
struct Join {
    name: String,
    legacy: String,
    primary: String,
    sends: Vec<Send>,
    keeps: Vec<Keep>,
    groups: Vec<CommissionGroup>,
    cookies: Vec<CookieRule>,
    insteads: Vec<Instead>,
}

pub(super) fn load(
    file: &str,
    text: &str,
    dialect: impl Fn(&str) -> Option<(String, String)>,
) -> Result<Migration, Vec<Mistake>> {
    let source = Source::new(file, text);
    let join = source.read(read_join);
    let mut mistakes = source.into_mistakes();
    let mut read = |name: &str| {
        let Some((dialect_file, dialect_text)) = dialect(name) else {
            let message = format!("there is no dialect called `{name}`: add dialects/{name}.toml");
            mistakes.push(Mistake { file: file.to_owned(), line: 1, message });
            return None;
        };
        Dialect::load(&dialect_file, &dialect_text).map_err(|found| mistakes.extend(found)).ok()
    };
    let dialects = (read(&join.legacy), read(&join.primary));
    let (Some(mut legacy), Some(primary)) = dialects else { return Err(mistakes) };
    instead::furnish(file, &join.insteads, &mut legacy, &mut mistakes);
    let migration = finish(file, join, legacy, primary);
    check(&migration, &mut mistakes);
    mistakes.sort();
    mistakes.dedup();
    if mistakes.is_empty() { Ok(migration) } else { Err(mistakes) }
}

fn finish(file: &str, join: Join, legacy: Dialect, primary: Dialect) -> Migration {
    let of_join = join.cookies.into_iter().map(|rule| CookieRule { form: CookieForm::New, ..rule });
    let cookies = legacy.cookies.iter().cloned().chain(of_join).collect();
    Migration {
        name: join.name,
        file: Arc::from(file),
        legacy,
        primary,
        sends: join.sends,
        keeps: join.keeps,
        groups: join.groups,
        cookies,
    }
}

fn read_join(root: &Section<'_, '_>) -> Join {
    let names = root
        .section("migration", |section| ["name", "legacy", "primary"].map(|key| section.required_text(key)));
    let [name, legacy, primary] = names.unwrap_or_else(|| {
        root.mistake("the table `[migration]` is missing: it names the migration and its two dialects");
        Default::default()
    });
    Join {
        name,
        legacy,
        primary,
        sends: root.sections("send", read_send),
        keeps: root.sections("keep", read_keep),
        groups: root.sections("group", read_group),
        cookies: root.sections("cookie", read_cookie),
        insteads: root.sections("instead", instead::read),
    }
}

fn read_class(section: &Section<'_, '_>) -> Class {
    let names = Class::ALL.map(Class::name);
    let class = section.choice("class", &names, Class::parse);
    class.unwrap_or_else(|| {
        section.mistake("`class` is missing: it says which events the rule is for");
        Class::Other
    })
}

fn read_send(section: &Section<'_, '_>) -> Send {
    section.text("unknown_why");
    let kinds = EvidenceKind::ALL.map(EvidenceKind::name);
    let parse = |name: &str| EvidenceKind::ALL.into_iter().find(|kind| kind.name() == name);
    let json = section.choice("format", &["query", "json"], |name| match name {
        "query" => Some(Format::Query),
        "json" => Some(Format::Json),
        _ => None,
    });
    let pass = section.choice("unknown", &["pass"], |name| (name == "pass").then_some(()));
    let path = section.required_text("path");
    if !path.starts_with('/') {
        section.mistake_at("path", "`path` must start with `/`");
    }
    Send {
        name: section.required_text("name"),
        class: read_class(section),
        evidence: section.choice("evidence", &kinds, parse).unwrap_or(EvidenceKind::None),
        endpoint: section.required_text("endpoint").into(),
        method: section.choice("method", &["GET", "POST"], |m| Some(Text::from(m))).unwrap_or_default(),
        host: section.required_text("host").into(),
        path,
        change: section.choice("change", &["edit", "void"], Operation::parse),
        credential: section.text("credential"),
        credential_prefix: section.text("credential_prefix").unwrap_or_default(),
        format: json.unwrap_or(Format::Query),
        parameters: section.sections("parameters", read_parameter),
        batch_max: section
            .number("batch_max")
            .and_then(|most| usize::try_from(most).ok())
            .unwrap_or(1)
            .max(1),
        pace: Duration::from_millis(section.number("pace_ms").unwrap_or(0)),
        settle: Duration::from_millis(section.number("settle_ms").unwrap_or(0)),
        pass_unknown: pass.is_some(),
        line: section.line(),
    }
}

fn read_parameter(section: &Section<'_, '_>) -> SendParameter {
    section.text("why");
    let from = match (section.text("from"), section.text("value")) {
        (Some(name), None) => read_origin(section, &name),
        (None, Some(value)) => Origin::Constant(value),
        _ => {
            section.mistake("a parameter has either `from` or `value`");
            Origin::Constant(String::new())
        }
    };
    let json = section.choice("json", &["text", "number", "flag"], |name| match name {
        "text" => Some(JsonKind::Text),
        "number" => Some(JsonKind::Number),
        "flag" => Some(JsonKind::Flag),
        _ => None,
    });
    let name = section.required_text("name");
    let mut named = b"&".to_vec();
    query::encode_into(&mut named, name.as_bytes());
    let mut assigned = [&named[..], b"="].concat();
    if let Origin::Constant(value) = &from {
        query::encode_into(&mut assigned, value.as_bytes());
    }
    SendParameter {
        name,
        named,
        assigned,
        from,
        flag_words: section.text("yes").zip(section.text("no")),
        json: json.unwrap_or(JsonKind::Text),
        empty: section.flag("empty"),
        line: section.line(),
    }
}

const COMPUTED: [(&str, Origin); 16] = [
    ("advertiser primary id", Origin::AdvertiserPrimaryId),
    ("publisher primary id", Origin::PublisherPrimaryId),
    ("event id", Origin::EventId),
    ("landing with click id", Origin::LandingWithClickId),
    ("order reference", Origin::OrderReference),
    ("told amount", Origin::ToldAmount),
    ("group code", Origin::GroupCode),
    ("default parts", Origin::DefaultParts),
    ("first voucher", Origin::FirstVoucher),
    ("test flag", Origin::TestFlag),
    ("consent flag", Origin::ConsentFlag),
    ("platform click id", Origin::PlatformClickId),
    ("click id", Origin::ClickId),
    ("click time", Origin::ClickTime),
    ("event time", Origin::EventTime),
    ("event date and time", Origin::EventDateTime),
];

fn read_origin(section: &Section<'_, '_>, name: &str) -> Origin {
    let computed = COMPUTED.iter().find(|(known, _)| *known == name).map(|(_, origin)| origin.clone());
    let described = match name {
        "basket rows" => Some(Origin::BasketRows(section.required_text("row_start"))),
        "basket items" => Some(Origin::BasketItems(read_item_names(section))),
        "winning channel" => Some(Origin::WinningChannel(Channels {
            own: section.required_text("own"),
            unnamed: section.required_text("unnamed"),
        })),
        _ => None,
    };
    let field = || Field::parse(name).map(Origin::Field);
    computed.or(described).or_else(field).unwrap_or_else(|| {
        let fields = Field::ALL.iter().map(|field| field.name());
        let described = ["basket rows", "basket items", "winning channel"];
        let names: Vec<&str> =
            COMPUTED.iter().map(|(name, _)| *name).chain(described).chain(fields).collect();
        section.mistake_at("from", unknown_word("field or computed value", name, &names));
        Origin::Constant(String::new())
    })
}

fn read_item_names(section: &Section<'_, '_>) -> ItemNames {
    let names = section.section("members", |members| ItemNames {
        sku: members.texts("sku"),
        price: members.required_text("price"),
        quantity: members.required_text("quantity"),
    });
    names.unwrap_or_else(|| {
        section.mistake("`members` is missing: what an article's sku, price and quantity are called");
        ItemNames { sku: Vec::new(), price: String::new(), quantity: String::new() }
    })
}

fn read_group(section: &Section<'_, '_>) -> CommissionGroup {
    section.text("why");
    let amount = section.text("amount");
    if amount.as_deref().is_some_and(|text| !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')) {
        section.mistake_at("amount", "`amount` is a plain decimal number");
    }
    CommissionGroup {
        conversion_type: section.text("conversion_type"),
        code: section.required_text("code"),
        amount,
        line: section.line(),
    }
}

fn read_keep(section: &Section<'_, '_>) -> Keep {
    let names: Vec<&str> = Field::ALL.iter().map(|field| field.name()).collect();
    let parse = |name: String| {
        let field = Field::parse(&name);
        if field.is_none() {
            section.mistake_at("fields", unknown_word("field", &name, &names));
        }
        field
    };
    Keep {
        class: read_class(section),
        fields: section.texts("fields").into_iter().filter_map(parse).collect(),
        place: section.required_text("in"),
        why: section.required_text("why"),
        line: section.line(),
    }
}

/// What can only be seen with all three files at hand.
fn check(migration: &Migration, mistakes: &mut Vec<Mistake>) {
    let mut note = |file: &str, line, message| {
        mistakes.push(Mistake { file: file.to_owned(), line, message });
    };
    for send in &migration.sends {
        if migration.primary.endpoint(&send.endpoint).is_none() {
            let names: Vec<&str> = migration.primary.endpoints.iter().map(|e| e.name.as_str()).collect();
            let message = unknown_word("endpoint of the primary", &send.endpoint, &names);
            note(&migration.file, send.line, message);
        }
        if !migration.primary.has_host(&send.host) {
            let hosts: Vec<&str> = migration.primary.hosts().collect();
            note(&migration.file, send.line, unknown_word("host of the primary", &send.host, &hosts));
        }
    }
    for (place, send) in migration.sends.iter().enumerate() {
        let same = |other: &&Send| {
            other.class == send.class && other.evidence == send.evidence && other.change == send.change
        };
        if let Some(first) = migration.sends.iter().take(place).find(same) {
            let message =
                format!("`{}` already sends these events (line {}): only one can", first.name, first.line);
            note(&migration.file, send.line, message);
        }
        if (send.class == Class::Adjustment) != send.change.is_some() {
            let message = "`change` goes with class = \"adjustment\": it says which change the rule tells of";
            note(&migration.file, send.line, message.to_owned());
        }
        if send.method.is_empty() {
            note(&migration.file, send.line, "`method` is missing: GET or POST".to_owned());
        }
    }
    check_groups(migration, &mut note);
    if migration.send(Class::Click, EvidenceKind::None).is_none() {
        note(&migration.file, 1, "no rule sends clicks: add a [[send]] with class = \"click\"".to_owned());
    }
    for endpoint in &migration.legacy.endpoints {
        if !matches!(endpoint.handling, Handling::Translate | Handling::Serve) {
            continue;
        }
        let served = endpoint.handling == Handling::Serve && endpoint.class == Class::Adjustment;
        if !matches!(endpoint.class, Class::Click | Class::Conversion) && !served {
            let message = "only clicks and conversions are translated: set `handling` to proxy or record";
            note(&migration.legacy.file, endpoint.line, message.to_owned());
        }
        for parameter in &endpoint.parameters {
            let Meaning::Field(field) = parameter.meaning else { continue };
            if let Some(message) = lost(migration, endpoint.class, field) {
                let message = format!("`{}` {message}", parameter.name);
                note(&migration.legacy.file, parameter.line, message);
            }
        }
    }
}

/// Commission groups: one for each kind of order, and one for all others where a rule tells one.
fn check_groups(migration: &Migration, note: &mut dyn FnMut(&str, usize, String)) {
    for (place, group) in migration.groups.iter().enumerate() {
        let same = |other: &&CommissionGroup| other.conversion_type == group.conversion_type;
        if let Some(first) = migration.groups.iter().take(place).find(same) {
            let message = format!("line {} already says which group these orders are told under", first.line);
            note(&migration.file, group.line, message);
        }
    }
    let needs_group = |parameter: &SendParameter| {
        matches!(parameter.from, Origin::DefaultParts | Origin::GroupCode | Origin::ToldAmount)
    };
    let mut parameters = migration.sends.iter().flat_map(|send| &send.parameters);
    if let Some(parameter) = parameters.find(|parameter| needs_group(parameter))
        && !migration.groups.iter().any(|group| group.conversion_type.is_none())
    {
        let message = "no commission group is for every order: add a [[group]] without `conversion_type`";
        note(&migration.file, parameter.line, message.to_owned());
    }
}

/// Why a field would be lost silently: neither sent by some rule of its class nor kept (I11).
fn lost(migration: &Migration, class: Class, field: Field) -> Option<String> {
    if migration.keep(class, field).is_some() {
        return None;
    }
    let sends = migration.sends.iter().filter(|send| send.class == class);
    let silent = sends.filter(|send| !send.tells(field)).map(|send| send.name.as_str());
    let silent: Vec<&str> = silent.collect();
    if silent.is_empty() {
        return None;
    }
    let (name, rules) = (field.name(), silent.join("`, `"));
    Some(format!(
        "would be lost: it is {name}, which `{rules}` does not send. Add it there, or a [[keep]] with the reason"
    ))
}
