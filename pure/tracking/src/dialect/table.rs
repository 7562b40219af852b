//! The tables that serve requests: hosts, paths and parameter names by hash.
//!
//! A hash only leads to a candidate; the name is compared once before it counts, so that a collision
//! chosen by a client finds nothing.

use super::{Family, Parameter};

/// Hosts, and the endpoints behind them.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    /// Host names in order, each with its group.
    names: Vec<(String, usize)>,
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
        prefixes.sort_by_key(|route| core::cmp::Reverse(route.path.len()));
        let key = |route: Route| (hash(route.group, route.path.as_bytes()), route);
        let mut paths: Vec<_> = exact.into_iter().map(key).collect();
        paths.sort_by_key(|(hash, _)| *hash);
        Self { names, groups, paths, prefixes }
    }

    fn group(&self, host: &str) -> Option<usize> {
        let place = self.names.binary_search_by(|(name, _)| name.as_str().cmp(host)).ok()?;
        self.names.get(place).map(|(_, group)| *group)
    }

    pub(super) fn group_name(&self, host: &str) -> Option<&str> {
        self.groups.get(self.group(host)?).map(String::as_str)
    }

    pub(super) fn contains(&self, host: &str) -> bool {
        self.group(host).is_some()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|(name, _)| name.as_str())
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

/// The names of an endpoint's parameters, in a table with open addresses that is at most half full.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// By hash: the hash, the name's bytes, and the place of its parameter.
    single: Vec<Option<(u64, Vec<u8>, usize)>>,
    families: Vec<(Family, usize)>,
}

impl Names {
    pub(super) fn new(parameters: &[Parameter]) -> Self {
        let mut names = Self::default();
        let mut single = Vec::new();
        for (place, parameter) in parameters.iter().enumerate() {
            match &parameter.family {
                Some(family) => names.families.push((family.clone(), place)),
                None => single.extend(spelled(&parameter.name, place)),
            }
            for name in parameter.spellings.iter().chain(&parameter.glued) {
                match Family::parse(name) {
                    Some(family) => names.families.push((family, place)),
                    None => single.extend(spelled(name, place)),
                }
            }
        }
        names.single = vec![None; single.len().saturating_mul(2).next_power_of_two()];
        single.into_iter().for_each(|entry| names.add(entry));
        names
    }

    fn add(&mut self, (name, place): (Vec<u8>, usize)) {
        let hash = short_hash(&name);
        let free = self.order(hash).find(|at| self.single.get(*at).is_some_and(Option::is_none));
        if let Some(slot) = free.and_then(|at| self.single.get_mut(at)) {
            *slot = Some((hash, name, place));
        }
    }

    /// The places in which a name can stand, the likeliest first.
    fn order(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let mask = self.single.len().saturating_sub(1);
        let start = usize::try_from(hash >> 32).unwrap_or(0);
        (0..=mask).map(move |step| start.wrapping_add(step) & mask)
    }

    /// The place of the parameter called `name`, and its number if it is one of a family.
    pub(super) fn find(&self, name: &[u8], exact: bool) -> Option<(usize, Option<u32>)> {
        let same = |known: &[u8]| known == name || (!exact && known.eq_ignore_ascii_case(name));
        let hash = short_hash(name);
        let there = self.order(hash).map_while(|at| self.single.get(at)?.as_ref());
        for (of, known, place) in there {
            if *of == hash && same(known) {
                return Some((*place, None));
            }
        }
        let member = |(family, place): &(Family, usize)| Some((*place, Some(family.member(name, exact)?)));
        self.families.iter().find_map(member)
    }
}

/// The bytes that a name is sent in: as UTF-8, and in the code page of old senders.
fn spelled(name: &str, place: usize) -> impl Iterator<Item = (Vec<u8>, usize)> + use<> {
    let latin = name.chars().map(|letter| u8::try_from(letter).ok()).collect::<Option<Vec<u8>>>();
    let latin = latin.filter(|_| !name.is_ascii());
    [Some(name.as_bytes().to_vec()), latin].into_iter().flatten().map(move |bytes| (bytes, place))
}

/// A hash of the first letters in any case, the last one and the length. The table holds the dialect's names
/// alone, so a client can choose no collision; many names differ in their first eight letters.
fn short_hash(name: &[u8]) -> u64 {
    let letter = |byte: &u8| u64::from(byte | 0x20);
    let first = match name.first_chunk::<8>() {
        Some(eight) => u64::from_be_bytes(*eight) | 0x2020_2020_2020_2020,
        None => name.iter().fold(0, |hash, byte| (hash << 8) | letter(byte)),
    };
    let last = name.last().map_or(0, letter);
    let length = u64::try_from(name.len()).unwrap_or(0);
    (first ^ (last << 32) ^ (length << 40)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// FNV-1a over the group and the bytes in lower case.
fn hash(group: usize, bytes: &[u8]) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ u64::try_from(group).unwrap_or(0);
    bytes.iter().fold(start, |hash, byte| {
        (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
