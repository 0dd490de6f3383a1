//! Who watches what, on this server.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use pinfold_proto::{AddWatchMode, WatcherType};
use pinfold_state::{TreeEvent, TreeEventKind};

/// A one-shot watch.
const STANDARD: u8 = 1;
/// A watch that stays, on the node and its list of children.
const PERSISTENT: u8 = 2;
/// A watch that stays, on the node and everything below it.
const RECURSIVE: u8 = 4;
/// Paths are mostly shorter.
const BYTES_OF_A_PLACE: usize = 256;
const ANY: u8 = STANDARD | PERSISTENT | RECURSIVE;

/// The number of a connection.
pub(crate) type Watcher = u64;

/// Watches by path and by connection. A connection can hold all kinds on one path.
#[derive(Debug, Default)]
pub(crate) struct WatchTable {
    data: Side,
    child: Side,
}

#[derive(Debug, Default)]
struct Side {
    by_path: HashMap<Arc<str>, BTreeMap<Watcher, u8>>,
    by_watcher: HashMap<Watcher, Held>,
    recursive: usize,
}

/// What one connection watches.
#[derive(Debug, Default)]
struct Held {
    paths: HashSet<Arc<str>>,
    places: usize,
}

/// The places that a watch takes: one, and another for each so many bytes of its path, so that a
/// limit of watches is one of memory.
fn places(path: &str) -> usize {
    1 + path.len() / BYTES_OF_A_PLACE
}

/// One-shot kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OneShot {
    /// On the node's data and existence.
    Data,
    /// On the node's list of children.
    Child,
}

impl WatchTable {
    /// Whether a connection may watch these as well and still takes at most `limit` places, which
    /// is any number if it is 0. What it watches already takes no further one.
    pub(crate) fn has_room<'a>(
        &self,
        watcher: Watcher,
        limit: usize,
        data: impl Iterator<Item = &'a str>,
        child: impl Iterator<Item = &'a str>,
    ) -> bool {
        let held = self.data.places(watcher) + self.child.places(watcher);
        let data = data.filter(|path| !self.data.has(path, watcher, ANY));
        let child = child.filter(|path| !self.child.has(path, watcher, ANY));
        let new: usize = data.chain(child).map(places).sum();
        limit == 0 || new == 0 || held + new <= limit
    }

    pub(crate) fn arm(&mut self, kind: OneShot, path: &str, watcher: Watcher) {
        match kind {
            OneShot::Data => self.data.add(path, watcher, STANDARD),
            OneShot::Child => self.child.add(path, watcher, STANDARD),
        }
    }

    pub(crate) fn add(&mut self, path: &str, watcher: Watcher, mode: AddWatchMode) {
        match mode {
            AddWatchMode::Persistent => {
                self.data.add(path, watcher, PERSISTENT);
                self.child.add(path, watcher, PERSISTENT);
            }
            AddWatchMode::PersistentRecursive => self.data.add(path, watcher, RECURSIVE),
        }
    }

    pub(crate) fn contains(&self, path: &str, watcher: Watcher, kind: WatcherType) -> bool {
        match kind {
            WatcherType::Children => self.child.has(path, watcher, STANDARD),
            WatcherType::Data => self.data.has(path, watcher, STANDARD),
            WatcherType::Persistent => self.data.has(path, watcher, PERSISTENT),
            WatcherType::PersistentRecursive => self.data.has(path, watcher, RECURSIVE),
            WatcherType::Any => {
                self.data.has(path, watcher, ANY) || self.child.has(path, watcher, ANY)
            }
        }
    }

    /// True when there was such a watch.
    pub(crate) fn remove(&mut self, path: &str, watcher: Watcher, kind: WatcherType) -> bool {
        let (data, child) = match kind {
            WatcherType::Children => (0, STANDARD),
            WatcherType::Data => (STANDARD, 0),
            WatcherType::Persistent => (PERSISTENT, PERSISTENT),
            WatcherType::PersistentRecursive => (RECURSIVE, 0),
            WatcherType::Any => (ANY, ANY),
        };
        let data = self.data.remove(path, watcher, data);
        self.child.remove(path, watcher, child) || data
    }

    /// Forgets everything of a connection that is gone.
    pub(crate) fn forget(&mut self, watcher: Watcher) {
        self.data.forget(watcher);
        self.child.forget(watcher);
    }

    /// Those who get to hear of a change, each once; their one-shot watches are used up.
    pub(crate) fn trigger(&mut self, event: &TreeEvent) -> BTreeSet<Watcher> {
        let mut heard = BTreeSet::new();
        match event.kind {
            TreeEventKind::ChildrenChanged => self.child.fire(&event.path, &mut heard),
            TreeEventKind::Created | TreeEventKind::DataChanged => {
                self.data.fire_with_parents(&event.path, &mut heard);
            }
            TreeEventKind::Deleted => {
                self.data.fire_with_parents(&event.path, &mut heard);
                self.child.fire(&event.path, &mut heard);
            }
        }
        heard
    }

    /// Connections that watch, paths that are watched, and pairs of both.
    pub(crate) fn totals(&self) -> (usize, usize, usize) {
        let watchers: BTreeSet<_> =
            self.data.by_watcher.keys().chain(self.child.by_watcher.keys()).collect();
        let paths = self.data.by_path.len() + self.child.by_path.len();
        let pairs = self.data.by_watcher.values().chain(self.child.by_watcher.values());
        (watchers.len(), paths, pairs.map(|held| held.paths.len()).sum())
    }

    /// The same without the watches on lists of children, as ZooKeeper's `wchs` counts.
    pub(crate) fn data_totals(&self) -> (usize, usize, usize) {
        let pairs = self.data.by_watcher.values().map(|held| held.paths.len()).sum();
        (self.data.by_watcher.len(), self.data.by_path.len(), pairs)
    }

    /// Paths of which each connection watches more than the list of children, sorted.
    pub(crate) fn by_watcher(&self) -> BTreeMap<Watcher, BTreeSet<Arc<str>>> {
        let sorted = |held: &Held| held.paths.iter().cloned().collect();
        self.data.by_watcher.iter().map(|(watcher, held)| (*watcher, sorted(held))).collect()
    }
}

impl Side {
    fn add(&mut self, path: &str, watcher: Watcher, mode: u8) {
        let key = match self.by_path.get_key_value(path) {
            Some((key, _)) => key.clone(),
            None => Arc::from(path),
        };
        let modes = self.by_path.entry(key.clone()).or_default().entry(watcher).or_default();
        if mode == RECURSIVE && *modes & RECURSIVE == 0 {
            self.recursive += 1;
        }
        *modes |= mode;
        let held = self.by_watcher.entry(watcher).or_default();
        if held.paths.insert(key) {
            held.places += places(path);
        }
    }

    fn places(&self, watcher: Watcher) -> usize {
        self.by_watcher.get(&watcher).map_or(0, |held| held.places)
    }

    fn has(&self, path: &str, watcher: Watcher, modes: u8) -> bool {
        self.by_path.get(path).and_then(|w| w.get(&watcher)).is_some_and(|m| m & modes != 0)
    }

    fn remove(&mut self, path: &str, watcher: Watcher, modes: u8) -> bool {
        let Some(watchers) = self.by_path.get_mut(path) else { return false };
        let Some(held) = watchers.get_mut(&watcher) else { return false };
        let found = *held & modes != 0;
        if *held & modes & RECURSIVE != 0 {
            self.recursive -= 1;
        }
        *held &= !modes;
        if *held == 0 {
            watchers.remove(&watcher);
            if watchers.is_empty() {
                self.by_path.remove(path);
            }
            self.unlist(path, watcher);
        }
        found
    }

    fn unlist(&mut self, path: &str, watcher: Watcher) {
        if let Some(held) = self.by_watcher.get_mut(&watcher) {
            if held.paths.remove(path) {
                held.places -= places(path);
            }
            if held.paths.is_empty() {
                self.by_watcher.remove(&watcher);
            }
        }
    }

    fn forget(&mut self, watcher: Watcher) {
        for path in self.by_watcher.remove(&watcher).unwrap_or_default().paths {
            let Some(watchers) = self.by_path.get_mut(&path) else { continue };
            if watchers.remove(&watcher).is_some_and(|modes| modes & RECURSIVE != 0) {
                self.recursive -= 1;
            }
            if watchers.is_empty() {
                self.by_path.remove(&path);
            }
        }
    }

    fn fire(&mut self, path: &str, heard: &mut BTreeSet<Watcher>) {
        let Some(watchers) = self.by_path.get_mut(path) else { return };
        heard.extend(watchers.keys());
        let mut used_up = Vec::new();
        watchers.retain(|watcher, modes| {
            *modes &= !STANDARD;
            if *modes == 0 {
                used_up.push(*watcher);
            }
            *modes != 0
        });
        if watchers.is_empty() {
            self.by_path.remove(path);
        }
        used_up.into_iter().for_each(|watcher| self.unlist(path, watcher));
    }

    fn fire_with_parents(&mut self, path: &str, heard: &mut BTreeSet<Watcher>) {
        self.fire(path, heard);
        let mut at = path;
        while self.recursive > 0 && at.len() > 1 {
            at = match at.rfind('/') {
                Some(slash) => &at[..slash.max(1)],
                None => return,
            };
            let watchers = self.by_path.get(at).into_iter().flatten();
            heard.extend(watchers.filter(|(_, m)| **m & RECURSIVE != 0).map(|(w, _)| *w));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AddWatchMode::{Persistent, PersistentRecursive};
    use TreeEventKind::{ChildrenChanged, Created, DataChanged, Deleted};

    fn fire(table: &mut WatchTable, kind: TreeEventKind, path: &str) -> Vec<Watcher> {
        let event = TreeEvent { kind, path: path.into(), zxid: 1, acl: Arc::default() };
        table.trigger(&event).into_iter().collect()
    }

    #[test]
    fn one_shots_fire_once_and_a_deletion_is_told_once() {
        let mut table = WatchTable::default();
        table.arm(OneShot::Data, "/a", 1);
        table.arm(OneShot::Data, "/a", 1);
        table.arm(OneShot::Child, "/a", 1);
        table.arm(OneShot::Child, "/a", 2);
        assert_eq!(table.totals(), (2, 2, 3));
        assert_eq!(fire(&mut table, Deleted, "/a"), [1, 2]);
        assert_eq!(fire(&mut table, Deleted, "/a"), []);
        assert_eq!(table.totals(), (0, 0, 0));
    }

    #[test]
    fn persistent_watches_stay_and_recursive_ones_hear_of_descendants() {
        let mut table = WatchTable::default();
        table.add("/a", 1, Persistent);
        table.add("/a", 2, PersistentRecursive);
        table.add("/", 3, PersistentRecursive);
        assert_eq!(fire(&mut table, Created, "/a/b"), [2, 3]);
        assert_eq!(fire(&mut table, ChildrenChanged, "/a"), [1]);
        assert_eq!(fire(&mut table, DataChanged, "/a"), [1, 2, 3]);
        assert_eq!(fire(&mut table, Deleted, "/a"), [1, 2, 3]);
        assert_eq!(fire(&mut table, Created, "/ab"), [3]);
    }

    #[test]
    fn removal_is_exact() {
        let mut table = WatchTable::default();
        table.arm(OneShot::Child, "/a", 1);
        table.add("/a", 1, Persistent);
        assert!(!table.remove("/a", 1, WatcherType::Data));
        assert!(table.remove("/a", 1, WatcherType::Children));
        assert!(table.contains("/a", 1, WatcherType::Persistent));
        assert!(table.remove("/a", 1, WatcherType::Any));
        assert!(!table.remove("/a", 1, WatcherType::Any));
        table.add("/a", 1, PersistentRecursive);
        table.forget(1);
        assert_eq!(table.totals(), (0, 0, 0));
        assert_eq!(table.data.recursive, 0);
    }
}
