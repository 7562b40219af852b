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

/// The names of an endpoint's parameters.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// By hash; the name's bytes, and the place of its parameter.
    single: Vec<(u64, Vec<u8>, usize)>,
    families: Vec<(Family, usize)>,
}

impl Names {
    pub(super) fn new(parameters: &[Parameter]) -> Self {
        let mut names = Self::default();
        for (place, parameter) in parameters.iter().enumerate() {
            match &parameter.family {
                Some(family) => names.families.push((family.clone(), place)),
                None => names.add(&parameter.name, place),
            }
            for name in parameter.spellings.iter().chain(&parameter.glued) {
                match Family::parse(name) {
                    Some(family) => names.families.push((family, place)),
                    None => names.add(name, place),
                }
            }
        }
        names.single.sort();
        names
    }

    fn add(&mut self, name: &str, place: usize) {
        let latin = name.chars().map(|letter| u8::try_from(letter).ok()).collect::<Option<Vec<u8>>>();
        for bytes in
            [Some(name.as_bytes().to_vec()), latin.filter(|_| !name.is_ascii())].into_iter().flatten()
        {
            self.single.push((hash(0, &bytes), bytes, place));
        }
    }

    /// The place of the parameter called `name`, and its number if it is one of a family.
    pub(super) fn find(&self, name: &[u8], exact: bool) -> Option<(usize, Option<u32>)> {
        let wanted = hash(0, name);
        let first = self.single.partition_point(|(hash, ..)| *hash < wanted);
        let found = self.single.get(first..).unwrap_or_default().iter();
        let same = |known: &[u8]| if exact { known == name } else { known.eq_ignore_ascii_case(name) };
        let mut found = found.take_while(|(hash, ..)| *hash == wanted).filter(|(_, known, _)| same(known));
        let member = |(family, place): &(Family, usize)| Some((*place, Some(family.member(name, exact)?)));
        let single = found.next().map(|(.., place)| (*place, None));
        single.or_else(|| self.families.iter().find_map(member))
    }
}

/// FNV-1a over the group and the bytes in lower case.
fn hash(group: usize, bytes: &[u8]) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ u64::try_from(group).unwrap_or(0);
    bytes.iter().fold(start, |hash, byte| {
        (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
