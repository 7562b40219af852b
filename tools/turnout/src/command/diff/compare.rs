//! Two translations of one request, compared: what an engineer would want to know differs.

use std::collections::BTreeMap;

use relay::reply::Reply;
use relay::translation::Translation;
use serde_json::Value;
use tracking::migration::{Migration, Origin};
use tracking::{Field, Outbound, query};

/// What kind of outcome changes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Kind {
    Endpoint,
    Money,
    Ids,
    Destination,
    Delivery,
    Reply,
    Cookies,
    Consent,
    Problems,
    Event,
    Parameters,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint",
            Self::Money => "money",
            Self::Ids => "ids",
            Self::Destination => "destination",
            Self::Delivery => "delivery",
            Self::Reply => "reply",
            Self::Cookies => "cookies",
            Self::Consent => "consent",
            Self::Problems => "problems",
            Self::Event => "event",
            Self::Parameters => "parameters",
        }
    }

    /// The kind of a change of this field.
    const fn of_field(field: Field) -> Self {
        match field {
            Field::Amount
            | Field::Currency
            | Field::BasketPrices
            | Field::BasketQuantities
            | Field::CommissionPercent
            | Field::LeadCommission
            | Field::HitCommission
            | Field::CommissionParts => Self::Money,
            Field::AdvertiserId
            | Field::PublisherId
            | Field::CreativeId
            | Field::DealId
            | Field::ProductId
            | Field::StoreId
            | Field::ClickId
            | Field::OrderReference => Self::Ids,
            Field::DestinationUrl => Self::Destination,
            Field::Consent
            | Field::GdprApplies
            | Field::GdprConsent
            | Field::UsPrivacy
            | Field::Gpp
            | Field::GppSections => Self::Consent,
            _ => Self::Event,
        }
    }

    /// The kind of a change of a value that a send makes.
    fn of_origin(origin: &Origin) -> Self {
        match origin {
            Origin::Field(field) => Self::of_field(*field),
            other => other.fields().first().map_or(Self::Delivery, |field| Self::of_field(*field)),
        }
    }
}

/// One difference. An absent side is something that is not there.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) kind: Kind,
    pub(super) what: String,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
}

/// Every difference between two translations, by `migrations` old and new.
pub(super) fn changes(old: &Translation, new: &Translation, migrations: [&Migration; 2]) -> Vec<Change> {
    let mut found = Found::default();
    found.text(Kind::Endpoint, "class", Some(old.class.name()), Some(new.class.name()));
    let [before, after] =
        [old, new].map(|side| side.endpoint.as_ref().map_or("none", |(name, _)| name.as_str()));
    found.text(Kind::Endpoint, &format!("{before} becomes {after}"), Some(before), Some(after));
    let phase = |side: &Translation| side.phase.map(relay::policy::Phase::name);
    found.text(Kind::Delivery, "phase of the programme", phase(old), phase(new));
    let evidence = |side: &Translation| side.evidence.map(tracking::migration::EvidenceKind::name);
    found.text(Kind::Delivery, "evidence of the click", evidence(old), evidence(new));
    let consent = |side: &Translation| {
        side.consent.map(|consent| format!("{} ({})", consent.name(), consent.reason().name()))
    };
    found.text(Kind::Delivery, "consent", consent(old).as_deref(), consent(new).as_deref());
    found.maps(&fields(old), &fields(new), |field| Kind::of_field(*field), |field| field.name().to_owned());
    found.requests(old.primary.as_ref(), new.primary.as_ref(), migrations);
    found.replies(old, new);
    found.problems(old, new);
    found.fates(old, new);
    found.0
}

fn fields(side: &Translation) -> BTreeMap<Field, String> {
    let event = side.event.as_ref();
    event
        .into_iter()
        .flat_map(|event| event.fields())
        .map(|(field, value)| (field, value.text().into_string()))
        .collect()
}

#[derive(Default)]
struct Found(Vec<Change>);

impl Found {
    fn text(&mut self, kind: Kind, what: &str, before: Option<&str>, after: Option<&str>) {
        if before != after {
            let (before, after) = (before.map(str::to_owned), after.map(str::to_owned));
            self.0.push(Change { kind, what: what.to_owned(), before, after });
        }
    }

    fn maps<K: Ord>(
        &mut self,
        old: &BTreeMap<K, String>,
        new: &BTreeMap<K, String>,
        kind: impl Fn(&K) -> Kind,
        name: impl Fn(&K) -> String,
    ) {
        for (key, before) in old {
            self.text(kind(key), &name(key), Some(before), new.get(key).map(String::as_str));
        }
        for (key, after) in new.iter().filter(|(key, _)| !old.contains_key(key)) {
            self.text(kind(key), &name(key), None, Some(after));
        }
    }

    fn requests(&mut self, old: Option<&Outbound>, new: Option<&Outbound>, migrations: [&Migration; 2]) {
        let (Some(before), Some(after)) = (old, new) else {
            let what =
                if new.is_none() { "no longer sent to the primary" } else { "now sent to the primary" };
            let url = |request: Option<&Outbound>| request.map(Outbound::url);
            return self.text(Kind::Delivery, what, url(old).as_deref(), url(new).as_deref());
        };
        let line = |request: &Outbound| {
            let path = String::from_utf8_lossy(split(&request.target).0).into_owned();
            format!("{} {}{path}", request.method, request.host)
        };
        self.text(Kind::Delivery, "method, host and path", Some(&line(before)), Some(&line(after)));
        let kind = |name: &String| kind_of_parameter(name, migrations);
        self.maps(&told(before), &told(after), kind, |name| format!("`{name}` of the primary's request"));
    }

    fn replies(&mut self, old: &Translation, new: &Translation) {
        self.text(Kind::Reply, "who answers", Some(old.mode.name()), Some(new.mode.name()));
        let status = |side: &Translation| side.reply.status.to_string();
        self.text(Kind::Reply, "status", Some(&status(old)), Some(&status(new)));
        // Where both are redirects to the primary, its parameters were compared one by one.
        if old.primary.is_none() || new.primary.is_none() || old.mode != new.mode {
            let [before, after] = [old, new].map(|side| side.leads_to.as_deref());
            self.text(Kind::Destination, "where the shopper is sent", before, after);
        }
        let name = |name: &String| name.clone();
        self.maps(&cookies(&old.reply), &cookies(&new.reply), |_| Kind::Cookies, name);
        if old.reply.body != new.reply.body {
            let bytes = |side: &Translation| format!("{} bytes", side.reply.body.len());
            let (before, after) = (Some(bytes(old)), Some(bytes(new)));
            self.0.push(Change { kind: Kind::Reply, what: "body".to_owned(), before, after });
        }
    }

    fn problems(&mut self, old: &Translation, new: &Translation) {
        let all = |side: &Translation| side.problems.iter().cloned().collect::<BTreeMap<_, _>>();
        let (old, new) = (all(old), all(new));
        for (code, message) in old.iter().filter(|(code, _)| !new.contains_key(*code)) {
            self.text(Kind::Problems, &format!("{code} is gone"), Some(message), None);
        }
        for (code, message) in new.iter().filter(|(code, _)| !old.contains_key(*code)) {
            self.text(Kind::Problems, &format!("{code} is new"), None, Some(message));
        }
    }

    fn fates(&mut self, old: &Translation, new: &Translation) {
        let all = |side: &Translation| -> BTreeMap<String, String> {
            let fate = |account: &relay::translation::ParameterAccount| {
                let to = account.to.as_deref().map(|to| format!(" to {to}")).unwrap_or_default();
                (account.name.to_lowercase(), format!("{}{to}", account.fate.name()))
            };
            side.parameters.iter().map(fate).collect()
        };
        self.maps(&all(old), &all(new), |_| Kind::Parameters, |name| format!("`{name}`"));
    }
}

/// Cookies by name, with value and attributes.
fn cookies(reply: &Reply) -> BTreeMap<String, String> {
    let set = reply.headers.iter().filter(|(name, _)| name == "set-cookie");
    let split = |(_, cookie): &(String, String)| {
        let (name, rest) = cookie.split_once('=').unwrap_or((cookie, ""));
        (name.to_owned(), rest.to_owned())
    };
    set.map(split).collect()
}

fn split(target: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memchr(b'?', target).unwrap_or(target.len());
    (target.get(..end).unwrap_or_default(), target.get(end + 1..).unwrap_or_default())
}

/// Every value that a request to the primary tells, by parameter name or JSON path.
fn told(request: &Outbound) -> BTreeMap<String, String> {
    let mut told = BTreeMap::new();
    for pair in query::pairs(split(&request.target).1) {
        let value = pair.value.map(query::decode_text).unwrap_or_default();
        told.entry(query::decode_text(pair.name)).or_insert(value);
    }
    if let Ok(body) = serde_json::from_slice::<Value>(&request.body) {
        flatten("", &body, &mut told);
    }
    told
}

fn flatten(path: &str, value: &Value, told: &mut BTreeMap<String, String>) {
    let below = |part: &str| if path.is_empty() { part.to_owned() } else { format!("{path}.{part}") };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, inner)| flatten(&below(name), inner, told)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, inner)| flatten(&below(&at.to_string()), inner, told));
        }
        Value::String(text) => drop(told.insert(path.to_owned(), text.clone())),
        other => drop(told.insert(path.to_owned(), other.to_string())),
    }
}

/// The kind of a parameter of the primary, by what either join fills it with.
fn kind_of_parameter(name: &str, migrations: [&Migration; 2]) -> Kind {
    // Rows are numbered behind the name.
    let name = name.split_once('[').map_or(name, |(name, _)| name);
    let sends = migrations.into_iter().flat_map(|migration| &migration.sends);
    let mut parameters = sends.flat_map(|send| &send.parameters);
    let found = parameters.find(|parameter| parameter.name == name);
    found.map_or(Kind::Delivery, |parameter| Kind::of_origin(&parameter.from))
}
