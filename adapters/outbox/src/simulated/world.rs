//! All files, their names, and the faults to come.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::Loss;
use super::node::{Node, keeper};

/// What is counted, and can be planned to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Any,
    Write,
    Sync,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) names: BTreeMap<PathBuf, u64>,
    pub(super) bytes_max: Option<u64>,
    pub(super) down: bool,
    names_durable: BTreeMap<PathBuf, u64>,
    nodes: BTreeMap<u64, Node>,
    nodes_made: u64,
    locks: BTreeSet<PathBuf>,
    /// Counts restarts; a handle of an earlier life is dead.
    life: u64,
    counts: BTreeMap<Kind, u64>,
    faults: BTreeSet<(Kind, u64)>,
    dice: Dice,
    /// Decides what reaches the platter although its sync failed; none where nothing does.
    pub(super) kept_of_failed_syncs: Option<Dice>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            names: BTreeMap::new(),
            bytes_max: None,
            down: false,
            names_durable: BTreeMap::new(),
            nodes: BTreeMap::new(),
            nodes_made: 0,
            locks: BTreeSet::new(),
            life: 0,
            counts: BTreeMap::new(),
            faults: BTreeSet::new(),
            dice: Dice::new(seed),
            kept_of_failed_syncs: None,
        }
    }

    pub(super) fn plan(&mut self, kind: Kind, nth: u64) {
        let due = self.count(kind) + nth;
        self.faults.insert((kind, due));
    }

    pub(super) fn count(&self, kind: Kind) -> u64 {
        self.counts.get(&kind).copied().unwrap_or(0)
    }

    pub(super) fn draw(&mut self) -> u64 {
        self.dice.roll()
    }

    pub(super) fn alive(&self) -> io::Result<()> {
        if self.down { Err(io::Error::other("the simulated machine is down")) } else { Ok(()) }
    }

    pub(super) fn node(&mut self, node: u64, life: u64) -> io::Result<&mut Node> {
        self.alive()?;
        let found = if life == self.life { self.nodes.get_mut(&node) } else { None };
        found.ok_or_else(|| io::Error::other("the file was opened before the simulated restart"))
    }

    pub(super) fn open(&self, path: &Path) -> io::Result<(u64, u64)> {
        self.alive()?;
        let node = self.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok((*node, self.life))
    }

    pub(super) fn create(&mut self, path: &Path) -> io::Result<(u64, u64)> {
        self.begin(Kind::Any)?;
        if let Some(node) = self.names.get(path).copied() {
            self.node(node, self.life)?.resize(0);
        } else {
            self.make(path, Node::default());
        }
        self.end()?;
        self.open(path)
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.begin(Kind::Any)?;
        self.names.remove(path).ok_or(io::ErrorKind::NotFound)?;
        self.end()
    }

    pub(super) fn write(&mut self, node: u64, life: u64, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.node(node, life)?;
        let full = self.begin(Kind::Write)?;
        let room = if full {
            bytes.len() / 2
        } else {
            self.room_for(node, offset + bytes.len() as u64, bytes.len())
        };
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        self.nodes.entry(node).or_default().write(start, &bytes[..room]);
        self.end()?;
        if room < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    pub(super) fn resize(&mut self, node: u64, life: u64, bytes: u64) -> io::Result<()> {
        let seen = self.node(node, life)?.seen().len() as u64;
        self.begin(Kind::Any)?;
        let more = usize::try_from(bytes.saturating_sub(seen)).map_err(io::Error::other)?;
        if self.room_for(node, bytes, more) < more {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.nodes.entry(node).or_default().resize(usize::try_from(bytes).map_err(io::Error::other)?);
        self.end()
    }

    /// Claims what there is, as a real file system does, and fails if that is not all.
    pub(super) fn allocate(&mut self, node: u64, life: u64, bytes: u64) -> io::Result<()> {
        let seen = self.node(node, life)?.seen().len();
        let more = usize::try_from(bytes).map_err(io::Error::other)?.saturating_sub(seen);
        let room = self.room_for(node, bytes, more);
        self.resize(node, life, (seen + room) as u64)?;
        if room < more { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    pub(super) fn sync(&mut self, node: u64, life: u64) -> io::Result<()> {
        self.node(node, life)?;
        let fails = self.begin(Kind::Sync)?;
        // Stopped in the middle of a sync: any part of it may be done, which is what the restart decides.
        self.end()?;
        let node = self.nodes.entry(node).or_default();
        if fails {
            let kept = &mut self.kept_of_failed_syncs;
            node.forsake(&mut || kept.as_mut().is_some_and(|dice| dice.roll() % 2 == 0));
            return Err(io::Error::other("simulated sync error"));
        }
        node.sync();
        Ok(())
    }

    pub(super) fn sync_directory(&mut self, path: &Path) -> io::Result<()> {
        let fails = self.begin(Kind::Sync)?;
        self.end()?;
        if fails {
            return Err(io::Error::other("simulated sync error"));
        }
        let inside = |name: &Path| name.parent() == Some(path);
        self.names_durable.retain(|name, _| !inside(name));
        let named = self.names.iter().filter(|(name, _)| inside(name));
        self.names_durable.extend(named.map(|(name, node)| (name.clone(), *node)));
        Ok(())
    }

    pub(super) fn lock(&mut self, path: &Path) -> io::Result<u64> {
        self.alive()?;
        if self.locks.insert(path.to_owned()) { Ok(self.life) } else { Err(io::ErrorKind::WouldBlock.into()) }
    }

    pub(super) fn unlock(&mut self, path: &Path, life: u64) {
        if life == self.life {
            self.locks.remove(path);
        }
    }

    pub(super) fn get(&self, path: &Path) -> Option<Vec<u8>> {
        Some(self.nodes.get(self.names.get(path)?)?.seen().to_vec())
    }

    pub(super) fn put(&mut self, path: &Path, bytes: &[u8]) {
        let node = self.make(path, Node::holding(bytes));
        self.names_durable.insert(path.to_owned(), node);
    }

    pub(super) fn restart(&mut self, loss: Loss) {
        if loss != Loss::Nothing {
            self.lose(loss);
        }
        self.locks.clear();
        self.faults.clear();
        self.life += 1;
        self.down = false;
    }

    fn lose(&mut self, loss: Loss) {
        let mut keeps = keeper(loss);
        let mut names = self.names_durable.clone();
        let all: BTreeSet<_> = self.names.keys().chain(self.names_durable.keys()).cloned().collect();
        for path in all {
            match (self.names.get(&path), self.names_durable.get(&path)) {
                (now, before) if now == before || !keeps() => {}
                (Some(node), _) => drop(names.insert(path, *node)),
                (None, _) => drop(names.remove(&path)),
            }
        }
        self.names.clone_from(&names);
        self.names_durable = names;
        let kept: BTreeSet<_> = self.names.values().copied().collect();
        self.nodes.retain(|node, _| kept.contains(node));
        self.nodes.values_mut().for_each(|node| node.lose(&mut keeps));
    }

    fn make(&mut self, path: &Path, node: Node) -> u64 {
        self.nodes_made += 1;
        self.nodes.insert(self.nodes_made, node);
        self.names.insert(path.to_owned(), self.nodes_made);
        self.nodes_made
    }

    /// Counts an operation; true when it is planned to fail.
    fn begin(&mut self, kind: Kind) -> io::Result<bool> {
        self.alive()?;
        *self.counts.entry(Kind::Any).or_default() += 1;
        if kind == Kind::Any {
            return Ok(false);
        }
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        let due = (kind, *count);
        Ok(self.faults.remove(&due))
    }

    /// Stops here when that is planned.
    fn end(&mut self) -> io::Result<()> {
        let due = (Kind::Any, self.count(Kind::Any));
        self.down = self.faults.remove(&due);
        self.alive()
    }

    /// How many of the bytes that a file is to grow by, or be written with, still fit.
    fn room_for(&self, node: u64, end: u64, bytes: usize) -> usize {
        let Some(bytes_max) = self.bytes_max else { return bytes };
        let length = |node: &u64| self.nodes.get(node).map_or(0, |node| node.seen().len() as u64);
        let others: u64 = self.names.values().filter(|name| **name != node).map(length).sum();
        let over = (others + end.max(length(&node))).saturating_sub(bytes_max);
        let growth = end.saturating_sub(length(&node));
        bytes.saturating_sub(usize::try_from(over.min(growth)).unwrap_or(usize::MAX))
    }
}

/// A small generator (splitmix64): the seed is the whole state.
#[derive(Clone, Debug)]
pub(super) struct Dice {
    state: u64,
}

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(super) fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
