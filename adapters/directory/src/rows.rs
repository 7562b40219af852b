//! From tables of text to the directory's table.

use std::collections::{BTreeMap, BTreeSet};

use tracking::destination;
use tracking::dialect::Dialect;
use tracking::directory::{
    Advertiser, Builder, Built, Commission, Creative, CreativeKind, Domains, Programme, Publisher, ShortLink,
    Table,
};
use units::{Currency, Money};

use crate::mistakes::Mistakes;
use crate::records::{Row, TableFile};

/// A kind of file, with its columns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    /// `advertisers`: first, since the others name them.
    Advertisers,
    /// `publishers`.
    Publishers,
    /// `creatives`.
    Creatives,
    /// `short_links`: a migration need not have any.
    ShortLinks,
}

impl Kind {
    /// Every kind, in the order in which they are read.
    pub(crate) const ALL: [Self; 4] =
        [Self::Advertisers, Self::Publishers, Self::Creatives, Self::ShortLinks];

    /// The name that such a file begins with.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Advertisers => "advertisers",
            Self::Publishers => "publishers",
            Self::Creatives => "creatives",
            Self::ShortLinks => "short_links",
        }
    }

    /// The file of a small set.
    pub(crate) const fn file(self) -> &'static str {
        match self {
            Self::Advertisers => "advertisers.csv",
            Self::Publishers => "publishers.csv",
            Self::Creatives => "creatives.csv",
            Self::ShortLinks => "short_links.csv",
        }
    }

    const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Advertisers => &[
                "legacy_id",
                "primary_id",
                "name",
                "landing_url",
                "domains",
                "wave",
                "programme",
                "currency",
                "window_days",
                "commission",
                "deduplicates",
            ],
            Self::Publishers => &["legacy_id", "primary_id", "name"],
            Self::Creatives => &["kind", "legacy_id", "advertiser_id", "primary_id", "landing_url"],
            Self::ShortLinks => &["code", "link"],
        }
    }

    const fn holds(self, table: Table) -> bool {
        match table {
            Table::Advertisers => matches!(self, Self::Advertisers),
            Table::Publishers => matches!(self, Self::Publishers),
            Table::Creatives | Table::Deals | Table::Products => matches!(self, Self::Creatives),
            Table::ShortLinks => matches!(self, Self::ShortLinks),
        }
    }
}

/// The rows of several files on their way into one table.
pub(crate) struct Tables<'d> {
    /// Where the rows go.
    pub(crate) builder: Builder,
    /// What is wrong with them.
    pub(crate) mistakes: Mistakes,
    /// True if rows must also fit together: an imported map is held to more than a small set in a folder.
    strict: bool,
    /// What short links must be links of; none where it could not be read.
    legacy: Option<&'d Dialect>,
    domains: BTreeMap<u64, Domains<'static>>,
    read: Vec<(Kind, TableFile)>,
}

/// Ids that stand twice and are shown with their lines.
const DOUBLES_SHOWN: usize = 100;

impl<'d> Tables<'d> {
    /// Nothing yet.
    pub(crate) fn new(strict: bool, legacy: Option<&'d Dialect>) -> Self {
        let (builder, mistakes) = (Builder::default(), Mistakes::default());
        Self { builder, mistakes, strict, legacy, domains: BTreeMap::new(), read: Vec::new() }
    }

    /// Reads a file. `written` is called after each row, and may take text away from the builder.
    pub(crate) fn read(&mut self, kind: Kind, file: TableFile, written: &mut dyn FnMut(&mut Builder)) {
        let mut mistakes = std::mem::take(&mut self.mistakes);
        file.read(kind.columns(), &mut mistakes, &mut |row, mistakes| {
            let before = mistakes.total();
            let mut fields = Fields { row, before, mistakes };
            match kind {
                Kind::Advertisers => self.advertiser(&mut fields),
                Kind::Publishers => {
                    let row = fields.publisher();
                    if fields.is_sound() {
                        self.builder.publisher(&row);
                    }
                }
                Kind::Creatives => self.creative(&mut fields),
                Kind::ShortLinks => {
                    let row = fields.short_link(self.legacy);
                    if fields.is_sound() {
                        self.builder.short_link(&row);
                    }
                }
            }
            written(&mut self.builder);
        });
        self.mistakes = mistakes;
        self.read.push((kind, file));
    }

    fn advertiser(&mut self, fields: &mut Fields<'_, '_, '_>) {
        let row = fields.advertiser();
        if self.strict {
            for domain in row.domains.iter().filter(|domain| !is_domain(domain)) {
                fields
                    .wrong(format!("`domains` has `{domain}`: write a bare host name such as `example.com`"));
            }
            self.domains.insert(row.legacy_id, Domains::new(row.domains.text().to_owned()));
        }
        if fields.is_sound() {
            self.builder.advertiser(&row);
        }
    }

    fn creative(&mut self, fields: &mut Fields<'_, '_, '_>) {
        let row = fields.creative();
        match self.domains.get(&row.advertiser_id) {
            Some(domains) => {
                let url = row.landing_url.as_deref();
                if let Some((url, refusal)) =
                    url.and_then(|url| destination::resolve(url, domains).err().map(|why| (url, why)))
                {
                    let (id, why) = (row.advertiser_id, refusal.name());
                    fields.wrong(format!("`landing_url` is `{url}`: no page of advertiser {id} ({why})"));
                }
            }
            None if self.strict => {
                let id = row.advertiser_id;
                fields.wrong(format!(
                    "`advertiser_id` is {id}, which is not among the advertisers: add it there"
                ));
            }
            None => {}
        }
        if fields.is_sound() {
            self.builder.creative(&row);
        }
    }

    /// Sorts what came in. An id that stands twice would be mapped by chance: it is a mistake.
    pub(crate) fn finish(self) -> (Built, Mistakes) {
        let Self { builder, mut mistakes, strict, legacy, read, .. } = self;
        let built = builder.finish();
        if let Err(error) = built.check() {
            mistakes.note("the tables", 1, error.to_string());
        }
        for kind in Kind::ALL.into_iter().filter(|kind| strict || *kind != Kind::Creatives) {
            let of_kind = |(table, _): &&(Table, u64)| kind.holds(*table);
            let doubles: Vec<_> = built.doubles().iter().filter(of_kind).copied().collect();
            if !doubles.is_empty() {
                note_doubles(kind, &doubles, &read, legacy, &mut mistakes);
            }
        }
        (built, mistakes)
    }
}

/// Reads the files of a kind once more, for the lines of the ids that stand twice.
fn note_doubles(
    kind: Kind,
    doubles: &[(Table, u64)],
    read: &[(Kind, TableFile)],
    legacy: Option<&Dialect>,
    mistakes: &mut Mistakes,
) {
    let shown: BTreeSet<(Table, u64)> = doubles.iter().take(DOUBLES_SHOWN).copied().collect();
    let mut seen = BTreeSet::new();
    // What was wrong with the rows has been told.
    let mut told = Mistakes::default();
    for (_, file) in read.iter().filter(|(of, _)| *of == kind) {
        file.read(kind.columns(), &mut told, &mut |row, _| {
            let id = |column: usize| row.text(column).parse().unwrap_or_default();
            let key = match kind {
                Kind::Advertisers => (Table::Advertisers, id(0)),
                Kind::Publishers => (Table::Publishers, id(0)),
                Kind::Creatives => match CreativeKind::parse(row.text(0)) {
                    Some(CreativeKind::Deal) => (Table::Deals, id(1)),
                    Some(CreativeKind::Product) => (Table::Products, id(1)),
                    Some(CreativeKind::Creative) | None => (Table::Creatives, id(1)),
                },
                Kind::ShortLinks => (Table::ShortLinks, Built::code_key(&canonical(legacy, row.text(0)))),
            };
            // Codes with the same key need not be the same.
            let code = if kind == Kind::ShortLinks { canonical(legacy, row.text(0)) } else { String::new() };
            if shown.contains(&key) && !seen.insert((key, code.clone())) {
                let message = match kind {
                    Kind::ShortLinks => format!("code `{code}` stands twice: keep one row"),
                    _ => format!("legacy id {} stands twice: keep one row", key.1),
                };
                mistakes.note(row.file, row.line, message);
            }
        });
    }
    if doubles.len() > shown.len() {
        let message = format!("{} ids stand twice: the first {DOUBLES_SHOWN} are told", doubles.len());
        mistakes.note(kind.name(), 1, message);
    }
}

/// A code as requests are read for it.
fn canonical(legacy: Option<&Dialect>, code: &str) -> String {
    let rule = legacy.and_then(|dialect| dialect.short_links.as_ref());
    rule.map_or_else(|| code.to_owned(), |rule| rule.canonical(code))
}

/// A host name of at least two labels, as a URL's parser writes it.
fn is_domain(text: &str) -> bool {
    let url = url::Url::parse(&format!("https://{text}/"));
    text.contains('.')
        && url.is_ok_and(|url| matches!(url.host(), Some(url::Host::Domain(host)) if host == text))
}

/// One row, read field by field; what is wrong is noted with its line.
struct Fields<'a, 'r, 'm> {
    row: &'a Row<'r>,
    /// How many mistakes there were before this row.
    before: u64,
    mistakes: &'m mut Mistakes,
}

impl Fields<'_, '_, '_> {
    /// True if nothing is wrong with the row. Another one is left out, so that it makes no further mistakes.
    const fn is_sound(&self) -> bool {
        self.mistakes.total() == self.before
    }

    fn wrong(&mut self, message: String) {
        self.mistakes.note(self.row.file, self.row.line, message);
    }

    fn read<T>(
        &mut self,
        (place, column): Column,
        wanted: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.row.text(place);
        let value = read(text);
        if value.is_none() {
            self.mistakes.note(
                self.row.file,
                self.row.line,
                format!("`{column}` is `{text}`: {wanted} is expected"),
            );
        }
        value
    }

    fn id(&mut self, column: Column) -> u64 {
        self.read(column, "an id of digits", |text| text.parse().ok()).unwrap_or_default()
    }

    /// An id that may be absent.
    fn perhaps_id(&mut self, column: Column) -> Option<u64> {
        if self.row.text(column.0).is_empty() { None } else { Some(self.id(column)) }
    }

    fn advertiser(&mut self) -> Advertiser<'static> {
        let domains = Domains::new(self.row.text(4).to_lowercase());
        let currency = self.read((7, "currency"), "a currency code of three letters", Currency::parse);
        let currency = currency.unwrap_or(Currency::USD);
        let commission = self.read((9, "commission"), "`10%` or `5.00`", |text| commission(text, currency));
        let days = self.read((8, "window_days"), "a number of days", |text| text.parse().ok());
        let deduplicates = self.read((10, "deduplicates"), "true or false", |text| text.parse().ok());
        let programme = self.read((6, "programme"), "online, offline or closed", Programme::parse);
        let page = self.read((3, "landing_url"), "an absolute URL on one of the row's domains", |text| {
            destination::resolve(text, &domains).ok().map(|url| url.to_string())
        });
        Advertiser {
            legacy_id: self.id((0, "legacy_id")),
            primary_id: self.perhaps_id((1, "primary_id")),
            name: self.row.text(2).to_owned().into(),
            landing_url: page.unwrap_or_default().into(),
            domains,
            wave: self.row.text(5).to_owned().into(),
            programme: programme.unwrap_or(Programme::Online),
            currency,
            window_days: days.unwrap_or(30),
            commission: commission.unwrap_or(Commission::Percent { basis_points: 0 }),
            deduplicates: deduplicates.unwrap_or(false),
        }
    }

    fn publisher(&mut self) -> Publisher<'static> {
        let (legacy_id, primary_id) = (self.id((0, "legacy_id")), self.perhaps_id((1, "primary_id")));
        Publisher { legacy_id, primary_id, name: self.row.text(2).to_owned().into() }
    }

    fn creative(&mut self) -> Creative<'static> {
        let kind = self.read((0, "kind"), "creative, deal or product", CreativeKind::parse);
        let (legacy_id, advertiser_id) = (self.id((1, "legacy_id")), self.id((2, "advertiser_id")));
        let primary_id = self.perhaps_id((3, "primary_id"));
        let page = self.row.text(4);
        let landing_url = (!page.is_empty()).then(|| page.to_owned().into());
        let kind = kind.unwrap_or(CreativeKind::Creative);
        Creative { kind, legacy_id, advertiser_id, primary_id, landing_url }
    }
}

impl Fields<'_, '_, '_> {
    fn short_link(&mut self, legacy: Option<&Dialect>) -> ShortLink<'static> {
        let (code, link) = (self.row.text(0).to_owned(), self.row.text(1).to_owned());
        if code.is_empty() || code.contains(|letter: char| letter.is_whitespace() || "/?&=#".contains(letter))
        {
            self.wrong(format!(
                "`code` is `{code}`: write what stands behind the host's slash or question mark, as `4ud5g` or `~6plv`"
            ));
        }
        if let Some(dialect) = legacy {
            if dialect.short_links.is_none() {
                let title = &dialect.title;
                self.wrong(format!("{title} has no short links: its dialect has no `[short_link]`"));
            } else if let Err(why) = dialect.stored_link(&link) {
                self.wrong(format!("`link` is `{link}`: {why}"));
            }
        }
        ShortLink { code: canonical(legacy, &code).into(), link: link.into() }
    }
}

/// A column's place in its table, and its name.
type Column = (usize, &'static str);

/// `10%` or `7.25%` of the order, or a flat amount.
fn commission(text: &str, currency: Currency) -> Option<Commission> {
    match text.strip_suffix('%') {
        // Hundredths of a percent are the cents of a percentage.
        Some(percent) => {
            let hundredths = Money::parse(percent, Currency::USD).ok()?.minor;
            u64::try_from(hundredths).ok().map(|basis_points| Commission::Percent { basis_points })
        }
        None => Money::parse(text, currency).ok().map(Commission::Flat),
    }
}
