//! A migration's join as tables: from the legacy platform's parameter over the event to the primary's parameter.

use std::fmt::Write as _;

use relay::policy::Snapshot;
use tracking::dialect::{Endpoint, Handling, Meaning};
use tracking::migration::{EvidenceKind, Migration, Send};
use tracking::{Class, Field};

use super::table::{Table, code};

pub(super) fn of_migration(snapshot: &Snapshot) -> String {
    let migration = &snapshot.migration;
    let mut out = String::new();
    writeln!(out, "# {} to {}\n", migration.legacy.title, migration.primary.title).ok();
    writeln!(out, "What is sent to {}, and when:\n\n{}", migration.primary.title, sends(migration)).ok();
    for class in [Class::Click, Class::Conversion, Class::Impression, Class::Adjustment] {
        let endpoints = migration.legacy.endpoints.iter();
        let translated = |one: &&Endpoint| one.class == class && one.handling == Handling::Translate;
        let endpoints: Vec<&Endpoint> = endpoints.filter(translated).collect();
        if !endpoints.is_empty() {
            writeln!(out, "## Parameters of a {class}\n\n{}", parameters(migration, class, &endpoints)).ok();
        }
    }
    out
}

fn sends(migration: &Migration) -> String {
    let mut table = Table::new(&[
        "request",
        "class",
        "with the evidence",
        "method",
        "address",
        "written as",
        "in one request",
    ]);
    for send in &migration.sends {
        table.row(vec![
            send.name.clone(),
            send.class.name().to_owned(),
            send.evidence.name().to_owned(),
            send.method.to_string(),
            code([format!("https://{}{}", send.host, send.path)]),
            match send.format {
                tracking::migration::Format::Query => "query".to_owned(),
                tracking::migration::Format::Json => "JSON".to_owned(),
            },
            if send.batch_max > 1 { format!("up to {}", send.batch_max) } else { "1".to_owned() },
        ]);
    }
    table.markdown()
}

/// A row for each parameter that means something or is dropped; endpoints with the same parameter share it.
fn parameters(migration: &Migration, class: Class, endpoints: &[&Endpoint]) -> String {
    let mut table =
        Table::new(&["parameter", "of", "field", "told to the new platform as", "stays with us in"]);
    let mut rows: Vec<(Vec<String>, Vec<&str>)> = Vec::new();
    for endpoint in endpoints {
        for parameter in &endpoint.parameters {
            let names = code(std::iter::once(&parameter.name).chain(&parameter.spellings));
            let row = match &parameter.meaning {
                Meaning::Field(field) => vec![
                    names,
                    field.name().to_owned(),
                    carriers(migration, class, *field),
                    kept(migration, class, *field),
                ],
                Meaning::Passed(what) => {
                    vec![
                        names,
                        String::new(),
                        format!("nothing: {what}"),
                        "the request, passed on untouched".to_owned(),
                    ]
                }
                Meaning::Dropped(why) => {
                    vec![names, String::new(), format!("nothing: {why}"), "the original request".to_owned()]
                }
            };
            match rows.iter_mut().find(|(known, _)| *known == row) {
                Some((_, of)) => of.push(&endpoint.name),
                None => rows.push((row, vec![&endpoint.name])),
            }
        }
    }
    for (row, of) in rows {
        let of = if of.len() == endpoints.len() { "every endpoint".to_owned() } else { of.join(", ") };
        let mut cells = row.into_iter();
        table.row(cells.next().into_iter().chain([of]).chain(cells).collect());
    }
    table.markdown()
}

/// The parameters that carry the field, by the evidence that picks them where there is a choice.
fn carriers(migration: &Migration, class: Class, field: Field) -> String {
    let mut told: Vec<(String, Vec<&'static str>)> = Vec::new();
    let sends: Vec<&Send> = migration.sends.iter().filter(|send| send.class == class).collect();
    for send in &sends {
        let names: Vec<&str> = send.carriers(field).map(|carrier| carrier.name.as_str()).collect();
        let names = if names.is_empty() && send.tells(field) { "the path".to_owned() } else { code(names) };
        match told.iter_mut().find(|(known, _)| *known == names) {
            Some((_, evidence)) => evidence.push(send.evidence.name()),
            None => told.push((names, vec![send.evidence.name()])),
        }
    }
    told.retain(|(names, _)| !names.is_empty());
    let all = |evidence: &[&str]| evidence.len() == sends.len() || evidence.contains(&"any");
    let shown = |(names, evidence): (String, Vec<&'static str>)| {
        if all(&evidence) { names } else { format!("{names} ({})", list(&evidence)) }
    };
    told.into_iter().map(shown).collect::<Vec<_>>().join("; ")
}

fn list(evidence: &[&'static str]) -> String {
    let named = |kind: &&'static str| {
        if *kind == EvidenceKind::None.name() { "without evidence".to_owned() } else { format!("by {kind}") }
    };
    evidence.iter().map(named).collect::<Vec<_>>().join(", ")
}

fn kept(migration: &Migration, class: Class, field: Field) -> String {
    migration.keep(class, field).map(|keep| format!("{}: {}", keep.place, keep.why)).unwrap_or_default()
}
