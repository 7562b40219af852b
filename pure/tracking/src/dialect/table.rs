//! The tables that serve requests: hosts, paths and parameter names by hash.
//!
//! A hash only leads to a candidate; the name is compared once before it counts, so that a collision
//! chosen by a client finds nothing.

use super::{Family, Parameter};

/// Hosts, and the endpoints behind them.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    /// Host names in order.
    names: Vec<String>,
    /// The group of each.
    group_of: Table,
    /// The names of the groups.
    groups: Vec<String>,
    /// By group and hash of a whole path.
    paths: Vec<(u64, Route)>,
    /// Beginnings of paths, longest first.
    prefixes: Vec<Route>,
}

#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) group: usize,
    /// In lower case.
    pub(super) path: String,
    pub(super) endpoint: usize,
}

impl Hosts {
    pub(super) fn new(
        groups: Vec<String>,
        mut names: Vec<(String, usize)>,
        exact: Vec<Route>,
        mut prefixes: Vec<Route>,
    ) -> Self {
        names.sort();
        let group_of = Table::new(names.iter().map(|(name, group)| (name.clone().into_bytes(), *group)));
        let names = names.into_iter().map(|(name, _)| name).collect();
        prefixes.sort_by_key(|route| core::cmp::Reverse(route.path.len()));
        let key = |route: Route| (hash(route.group, route.path.as_bytes()), route);
        let mut paths: Vec<_> = exact.into_iter().map(key).collect();
        paths.sort_by_key(|(hash, _)| *hash);
        Self { names, group_of, groups, paths, prefixes }
    }

    fn group(&self, host: &str) -> Option<usize> {
        self.group_of.find(host.as_bytes(), true)
    }

    pub(super) fn group_name(&self, host: &str) -> Option<&str> {
        self.groups.get(self.group(host)?).map(String::as_str)
    }

    pub(super) fn contains(&self, host: &str) -> bool {
        self.group(host).is_some()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    pub(super) fn endpoint(&self, host: &str, path: &[u8]) -> Option<usize> {
        let group = self.group(host)?;
        // Several leading slashes are one: links are glued together from parts.
        let slashes = path.iter().take_while(|byte| **byte == b'/').count();
        let path = path.get(slashes.saturating_sub(1)..).unwrap_or(path);
        let wanted = hash(group, path);
        let first = self.paths.partition_point(|(hash, _)| *hash < wanted);
        let found = self.paths.get(first..).unwrap_or_default().iter();
        let mut same = found.take_while(|(hash, _)| *hash == wanted).map(|(_, route)| route);
        if let Some(route) = same.find(|r| r.group == group && r.path.as_bytes().eq_ignore_ascii_case(path)) {
            return Some(route.endpoint);
        }
        let begins = |route: &&Route| {
            let start = path.get(..route.path.len());
            route.group == group
                && start.is_some_and(|start| start.eq_ignore_ascii_case(route.path.as_bytes()))
        };
        self.prefixes.iter().find(begins).map(|route| route.endpoint)
    }
}

/// The names of an endpoint's parameters.
#[derive(Debug, Default)]
pub(super) struct Names {
    single: Table,
    families: Vec<(Family, usize)>,
}

impl Names {
    pub(super) fn new(parameters: &[Parameter]) -> Self {
        let (mut families, mut single) = (Vec::new(), Vec::new());
        for (place, parameter) in parameters.iter().enumerate() {
            match &parameter.family {
                Some(family) => families.push((family.clone(), place)),
                None => single.extend(spelled(&parameter.name, place)),
            }
            for name in parameter.spellings.iter().chain(&parameter.glued) {
                match Family::parse(name) {
                    Some(family) => families.push((family, place)),
                    None => single.extend(spelled(name, place)),
                }
            }
        }
        Self { single: Table::new(single), families }
    }

    /// The place of the parameter called `name`, and its number if it is one of a family.
    #[inline]
    pub(super) fn find(&self, name: &[u8], exact: bool) -> Option<(usize, Option<u32>)> {
        match self.single.find(name, exact) {
            Some(place) => Some((place, None)),
            None => self.find_member(name, exact),
        }
    }

    fn find_member(&self, name: &[u8], exact: bool) -> Option<(usize, Option<u32>)> {
        let member = |(family, place): &(Family, usize)| Some((*place, Some(family.member(name, exact)?)));
        self.families.iter().find_map(member)
    }
}

/// Names, each with a place, in a table with open addresses that is at most half full.
#[derive(Debug, Default)]
struct Table {
    slots: Vec<Option<Known>>,
}

/// A name in a table.
#[derive(Clone, Debug)]
struct Known {
    ends: Ends,
    name: Vec<u8>,
    place: usize,
}

impl Table {
    fn new(names: impl IntoIterator<Item = (Vec<u8>, usize)>) -> Self {
        let names: Vec<(Vec<u8>, usize)> = names.into_iter().collect();
        let mut table = Self { slots: vec![None; names.len().saturating_mul(2).next_power_of_two()] };
        names.into_iter().for_each(|name| table.add(name));
        table
    }

    fn add(&mut self, (name, place): (Vec<u8>, usize)) {
        let ends = Ends::of(&name);
        let mut at = self.start(ends);
        while let Some(Some(_)) = self.slots.get(at) {
            at = self.behind(at);
        }
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Some(Known { ends, name, place });
        }
    }

    /// The likeliest place of a name with these ends.
    fn start(&self, ends: Ends) -> usize {
        usize::try_from(ends.hash() >> 32).unwrap_or(0) & self.slots.len().wrapping_sub(1)
    }

    /// The place to look at when that one is taken. Half of all are free, so that every search ends.
    const fn behind(&self, at: usize) -> usize {
        at.wrapping_add(1) & self.slots.len().wrapping_sub(1)
    }

    /// The place of `name`, in any letter case unless `exact`.
    #[inline(always)]
    fn find(&self, name: &[u8], exact: bool) -> Option<usize> {
        let ends = Ends::of(name);
        let mut at = self.start(ends);
        while let Some(Some(known)) = self.slots.get(at) {
            if known.ends == ends && (ends.are_all() || known.name == name)
                || !exact && known.name.eq_ignore_ascii_case(name)
            {
                return Some(known.place);
            }
            at = self.behind(at);
        }
        None
    }
}

/// The bytes that a name is sent in: as UTF-8, and in the code page of old senders.
fn spelled(name: &str, place: usize) -> impl Iterator<Item = (Vec<u8>, usize)> + use<> {
    let latin = name.chars().map(|letter| u8::try_from(letter).ok()).collect::<Option<Vec<u8>>>();
    let latin = latin.filter(|_| !name.is_ascii());
    [Some(name.as_bytes().to_vec()), latin].into_iter().flatten().map(move |bytes| (bytes, place))
}

/// What may stand before a name and does not belong to it.
#[derive(Debug, Default)]
pub(super) struct Prefixes {
    texts: Vec<String>,
    /// Their first bytes, each once.
    starts: Vec<u8>,
}

impl Prefixes {
    pub(super) fn new(texts: Vec<String>) -> Self {
        let mut starts: Vec<u8> = texts.iter().filter_map(|text| text.bytes().next()).collect();
        starts.sort_unstable();
        starts.dedup();
        Self { texts, starts }
    }

    /// `name` without them.
    #[inline]
    pub(super) fn strip<'n>(&self, name: &'n [u8]) -> &'n [u8] {
        let begins = name.first().is_some_and(|first| self.starts.iter().any(|start| start == first));
        if begins { self.strip_each(name) } else { name }
    }

    #[inline(never)]
    fn strip_each<'n>(&self, name: &'n [u8]) -> &'n [u8] {
        let mut name = name;
        for prefix in self.texts.iter().map(String::as_bytes) {
            // The end is looked at first: more names begin like a prefix than go on like one.
            if name.get(prefix.len().saturating_sub(1)) == prefix.last() {
                name = name.strip_prefix(prefix).unwrap_or(name);
            }
        }
        name
    }
}

/// A name's first and last eight bytes, which overlap in a short one, and its length: of a name of up to sixteen
/// bytes, which nearly every one is, that is all there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Ends {
    first: u64,
    last: u64,
    length: usize,
}

impl Ends {
    fn of(name: &[u8]) -> Self {
        let length = name.len();
        if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
            return Self { first: u64::from_le_bytes(*first), last: u64::from_le_bytes(*last), length };
        }
        if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
            let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
            return Self { first: u64::from(first), last: u64::from(last), length };
        }
        let bytes = name.iter().fold(0, |bytes, byte| (bytes << 8) | u64::from(*byte));
        Self { first: bytes, last: bytes, length }
    }

    /// True if two names with these ends are the same.
    const fn are_all(self) -> bool {
        self.length <= 16
    }

    /// The same in any letter case. The table holds the dialect's names alone, so a client can choose no collision.
    fn hash(self) -> u64 {
        const LOWER: u64 = 0x2020_2020_2020_2020;
        let length = u64::try_from(self.length).unwrap_or(0);
        let first = (self.first | LOWER).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let last = ((self.last | LOWER).rotate_left(25) ^ length).wrapping_mul(0xd6e8_feb8_6659_fd93);
        first ^ last
    }
}

/// FNV-1a over the group and the bytes in lower case.
fn hash(group: usize, bytes: &[u8]) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ u64::try_from(group).unwrap_or(0);
    bytes.iter().fold(start, |hash, byte| {
        (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
