//! What of a log the migration covers: which endpoint a request asks, and what becomes of a parameter there.

use tracking::dialect::{Dialect, Endpoint, Handling, Meaning, Unknown};
use tracking::migration::{Migration, Send};

/// A migration, asked about what a census finds.
pub(super) struct Coverage<'m> {
    migration: &'m Migration,
    hosts: Vec<&'m str>,
}

/// What becomes of a parameter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Fate {
    Mapped,
    Kept,
    Dropped,
    Passed,
    Unlisted,
    Unrecognised,
}

impl Fate {
    pub(super) const ALL: [Self; 6] =
        [Self::Mapped, Self::Kept, Self::Dropped, Self::Passed, Self::Unlisted, Self::Unrecognised];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Mapped => "mapped",
            Self::Kept => "kept",
            Self::Dropped => "dropped",
            Self::Passed => "passed",
            Self::Unlisted => "unlisted",
            Self::Unrecognised => "unrecognised",
        }
    }

    pub(super) const fn meaning(self) -> &'static str {
        match self {
            Self::Mapped => "told to the new platform in its own words",
            Self::Kept => "stays with us, by a declared rule",
            Self::Dropped => "goes no further, by a declared rule",
            Self::Passed => "its request is passed to a platform untouched",
            Self::Unlisted => "no rule of its endpoint lists it",
            Self::Unrecognised => "its request is recognised by no endpoint",
        }
    }
}

/// An endpoint that a request was recognised as.
#[derive(Clone, Copy)]
pub(super) struct Known<'m> {
    pub(super) dialect: &'m Dialect,
    pub(super) endpoint: &'m Endpoint,
    is_legacy: bool,
}

impl<'m> Coverage<'m> {
    pub(super) fn new(migration: &'m Migration) -> Self {
        Self { migration, hosts: migration.legacy.hosts().collect() }
    }

    pub(super) const fn migration(&self) -> &'m Migration {
        self.migration
    }

    /// The number of the endpoint that takes a request. A log that names no host is taken for one of ours.
    pub(super) fn recognise(&self, host: &[u8], path: &[u8]) -> Option<u32> {
        let host = std::str::from_utf8(host).ok()?;
        let legacy = if host.is_empty() {
            self.hosts.iter().find_map(|host| self.migration.legacy.recognise(host, path))
        } else {
            self.migration.legacy.recognise(host, path)
        };
        match legacy {
            Some(found) => place(&self.migration.legacy, found).map(|place| place * 2),
            None => {
                let found = self.migration.primary.recognise(host, path)?;
                place(&self.migration.primary, found).map(|place| place * 2 + 1)
            }
        }
    }

    /// The endpoint of a number.
    pub(super) fn known(&self, number: Option<u32>) -> Option<Known<'m>> {
        let number = number?;
        let is_legacy = number % 2 == 0;
        let dialect = if is_legacy { &self.migration.legacy } else { &self.migration.primary };
        let endpoint = dialect.endpoints.get((number / 2) as usize)?;
        Some(Known { dialect, endpoint, is_legacy })
    }

    /// What becomes of a parameter of a request to `known`, and where it goes or why.
    pub(super) fn fate(&self, known: Option<Known<'m>>, name: &[u8]) -> (Fate, String) {
        let Some(known) = known else { return (Fate::Unrecognised, String::new()) };
        let variants = &known.endpoint.variants;
        let is_proxied = known.endpoint.handling == Handling::Proxy && variants.by_value.is_empty();
        if !known.is_legacy || is_proxied {
            let listed =
                known.dialect.parameter(known.endpoint, name).map(|(_, parameter)| &parameter.meaning);
            let what = if let Some(Meaning::Passed(what)) = listed { what.clone() } else { String::new() };
            return (Fate::Passed, what);
        }
        if known.endpoint.handling == Handling::ShortLink {
            return (
                Fate::Kept,
                "is a short link's code, or stands behind the link that it names".to_owned(),
            );
        }
        if name.eq_ignore_ascii_case(variants.parameter.as_bytes()) {
            return (Fate::Kept, "picks what the request asks for".to_owned());
        }
        // Where a parameter's value picks what is asked for, each of those endpoints lists parameters of its own.
        let picked = variants.by_value.iter().filter_map(|(_, place)| known.dialect.endpoints.get(*place));
        let mut endpoints = std::iter::once(known.endpoint).chain(picked);
        let listed = endpoints
            .find_map(|one| known.dialect.parameter(one, name).map(|(_, parameter)| (one, parameter)));
        let Some((endpoint, parameter)) = listed else {
            let why = match &known.endpoint.unknown {
                Unknown::Pass => "passed on byte for byte".to_owned(),
                Unknown::Keep(why) => format!("stays in the original request: {why}"),
            };
            return (Fate::Unlisted, why);
        };
        let field = match &parameter.meaning {
            Meaning::Field(field) => *field,
            Meaning::Dropped(why) => return (Fate::Dropped, why.clone()),
            Meaning::Passed(what) => return (Fate::Passed, what.clone()),
        };
        let class = endpoint.class;
        let sends: Vec<&Send> = self.migration.sends.iter().filter(|send| send.class == class).collect();
        let mut names: Vec<&str> =
            sends.iter().flat_map(|send| send.carriers(field)).map(|one| one.name.as_str()).collect();
        names.dedup();
        if let Some(first) = names.first() {
            return (Fate::Mapped, format!("{} to {first}", field.name()));
        }
        if sends.iter().any(|send| send.tells(field)) {
            return (Fate::Mapped, format!("{} to the path", field.name()));
        }
        let kept = self.migration.keep(class, field).map_or("the event", |keep| keep.place.as_str());
        (Fate::Kept, format!("{} in {kept}", field.name()))
    }
}

fn place(dialect: &Dialect, endpoint: &Endpoint) -> Option<u32> {
    let place = dialect.endpoints.iter().position(|one| std::ptr::eq(one, endpoint))?;
    u32::try_from(place).ok()
}
