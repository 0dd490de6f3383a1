//! The node map: sharded, copy-on-write, with the indexes that are derived from it.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::children::Children;
use crate::fingerprint::{self, Face};
use crate::node::{Node, Owner};
use crate::quota::Quotas;

/// Small enough that copying one shard never stops a writer, large enough to spread a big tree.
const SHARDS: usize = 1024;

/// A node and where it is.
#[derive(Clone, Debug)]
struct Place {
    path: Arc<str>,
    node: Arc<Node>,
}

/// The hash of a path decides both its shard and its place there.
type Shard = HashTable<Place>;

/// What was there before some changes: enough to put it back.
#[derive(Debug, Default)]
struct Undo {
    /// Each node once, as it was before the first of them: keeping it once more for every change
    /// would copy its list of children every time.
    first: Vec<(Arc<str>, Option<Arc<Node>>)>,
    touched: HashSet<Arc<str>>,
}

impl Undo {
    fn keep(&mut self, path: &Arc<str>, old: Option<&Arc<Node>>) {
        if self.touched.insert(path.clone()) {
            self.first.push((path.clone(), old.cloned()));
        }
    }
}

/// All nodes by path. A clone is a point-in-time image that costs one reference per shard.
#[derive(Debug)]
pub(crate) struct Tree {
    shards: Vec<Arc<Shard>>,
    // Decides only where a node lies, never an outcome or an order.
    hasher: RandomState,
    nodes: usize,
    bytes: u64,
    ephemerals: BTreeMap<i64, BTreeSet<Arc<str>>>,
    collectable: BTreeSet<Arc<str>>,
    quotas: Quotas,
    // The sum of the nodes' hashes.
    fingerprint: u64,
    undo: Option<Undo>,
}

/// A frozen image of the node map.
#[derive(Clone, Debug)]
pub(crate) struct Frozen {
    shards: Vec<Arc<Shard>>,
    hasher: RandomState,
    nodes: usize,
}

/// By bits that do not decide the place within a shard, which are the lowest and the highest.
fn shard_of(hash: u64) -> usize {
    (hash >> 40) as usize % SHARDS
}

impl Frozen {
    pub(crate) fn get(&self, path: &str) -> Option<(&Arc<str>, &Arc<Node>)> {
        let hash = self.hasher.hash_one(path);
        let place = self.shards[shard_of(hash)].find(hash, |place| *place.path == *path)?;
        Some((&place.path, &place.node))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<Node>)> {
        self.shards.iter().flat_map(|shard| shard.iter().map(|place| (&place.path, &place.node)))
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes
    }
}

impl Tree {
    pub(crate) fn new() -> Tree {
        Tree {
            shards: (0..SHARDS).map(|_| Arc::new(Shard::new())).collect(),
            hasher: RandomState::new(),
            nodes: 0,
            bytes: 0,
            ephemerals: BTreeMap::new(),
            collectable: BTreeSet::new(),
            quotas: Quotas::default(),
            fingerprint: 0,
            undo: None,
        }
    }

    pub(crate) fn freeze(&self) -> Frozen {
        Frozen { shards: self.shards.clone(), hasher: self.hasher.clone(), nodes: self.nodes }
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes
    }

    /// Bytes of all paths and data.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn get(&self, path: &str) -> Option<&Node> {
        let hash = self.hasher.hash_one(path);
        let place = self.shards[shard_of(hash)].find(hash, |place| *place.path == *path);
        place.map(|place| &*place.node)
    }

    pub(crate) fn ephemerals(&self) -> &BTreeMap<i64, BTreeSet<Arc<str>>> {
        &self.ephemerals
    }

    /// Paths of container and TTL nodes.
    pub(crate) fn collectable(&self) -> &BTreeSet<Arc<str>> {
        &self.collectable
    }

    /// The sum of the hashes of all nodes.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// The nodes that have a quota.
    pub(crate) fn quotas(&self) -> &Quotas {
        &self.quotas
    }

    /// Adds a node under its parent's children, and changes the parent by `change`. The caller
    /// has checked that the parent exists.
    pub(crate) fn insert(
        &mut self,
        path: &Arc<str>,
        parent: &str,
        node: Node,
        change: impl FnOnce(&mut Node),
    ) {
        self.replace(path.clone(), Some(Arc::new(node)));
        self.update(parent, |parent| {
            let children = parent.children.get_or_insert_with(Default::default);
            Arc::<Children>::make_mut(children).insert(path.clone());
            change(parent);
        });
    }

    /// Adds a node that has no parent, or whose parent is linked by the caller.
    pub(crate) fn insert_unlinked(&mut self, path: &Arc<str>, node: Node) {
        self.replace(path.clone(), Some(Arc::new(node)));
    }

    /// Takes a childless node out, and out of its parent's children.
    pub(crate) fn remove(&mut self, path: &str, parent: &str) -> Option<Arc<Node>> {
        let key = {
            let hash = self.hasher.hash_one(path);
            let shard = &self.shards[shard_of(hash)];
            shard.find(hash, |place| *place.path == *path)?.path.clone()
        };
        let old = self.replace(key, None);
        self.update(parent, |parent| {
            if let Some(children) = parent.children.as_mut() {
                Arc::make_mut(children).remove(path);
                if children.is_empty() {
                    parent.children = None;
                }
            }
        });
        old
    }

    /// Changes a node's fields in place; its owner must stay. Nothing when there is no such node,
    /// otherwise the changed node.
    pub(crate) fn update(&mut self, path: &str, change: impl FnOnce(&mut Node)) -> Option<&Node> {
        let hash = self.hasher.hash_one(path);
        let shard = Arc::make_mut(&mut self.shards[shard_of(hash)]);
        let place = shard.find_mut(hash, |place| *place.path == *path)?;
        if let Some(undo) = self.undo.as_mut() {
            undo.keep(&place.path, Some(&place.node));
        }
        let (before, face) = (place.node.data_length() as u64, Face::of(&place.node));
        let node = Arc::make_mut(&mut place.node);
        change(node);
        self.bytes = self.bytes + node.data_length() as u64 - before;
        let change = fingerprint::difference(path, Some(&face), Some(&Face::of(node)));
        self.fingerprint = self.fingerprint.wrapping_add(change);
        Some(node)
    }

    /// From here on every change is remembered, until `commit` or `roll_back`.
    pub(crate) fn begin(&mut self) {
        self.undo = Some(Undo::default());
    }

    pub(crate) fn commit(&mut self) {
        self.undo = None;
    }

    /// Puts everything back as it was at `begin`.
    pub(crate) fn roll_back(&mut self) {
        for (path, node) in self.undo.take().unwrap_or_default().first.into_iter().rev() {
            self.replace(path, node);
        }
    }

    fn replace(&mut self, path: Arc<str>, node: Option<Arc<Node>>) -> Option<Arc<Node>> {
        let hasher = &self.hasher;
        let hash = hasher.hash_one(&*path);
        let shard = Arc::make_mut(&mut self.shards[shard_of(hash)]);
        let found =
            shard.entry(hash, |place| *place.path == *path, |place| hasher.hash_one(&*place.path));
        let old = match (found, node.clone()) {
            (Entry::Occupied(mut found), Some(node)) => {
                Some(std::mem::replace(&mut found.get_mut().node, node))
            }
            (Entry::Occupied(found), None) => Some(found.remove().0.node),
            (Entry::Vacant(place), Some(node)) => {
                place.insert(Place { path: path.clone(), node });
                None
            }
            (Entry::Vacant(_), None) => None,
        };
        self.account(&path, old.as_deref(), node.as_deref());
        if let Some(undo) = self.undo.as_mut() {
            undo.keep(&path, old.as_ref());
        }
        old
    }

    fn account(&mut self, path: &Arc<str>, old: Option<&Node>, new: Option<&Node>) {
        let size = |n: Option<&Node>| n.map_or(0, |n| (path.len() + n.data_length()) as u64);
        self.bytes = self.bytes + size(new) - size(old);
        self.nodes = self.nodes + usize::from(new.is_some()) - usize::from(old.is_some());
        let (old_face, new_face) = (old.map(Face::of), new.map(Face::of));
        let change = fingerprint::difference(path, old_face.as_ref(), new_face.as_ref());
        self.fingerprint = self.fingerprint.wrapping_add(change);
        if new.is_some() != old.is_some() {
            self.quotas.note(path, new.is_some());
        }
        let (before, after) = (old.map_or(0, |n| n.owner), new.map_or(0, |n| n.owner));
        if before == after {
            return;
        }
        match Owner::decode(before) {
            Owner::None => {}
            Owner::Session(id) => {
                if let Some(paths) = self.ephemerals.get_mut(&id) {
                    paths.remove(path);
                    if paths.is_empty() {
                        self.ephemerals.remove(&id);
                    }
                }
            }
            Owner::Container | Owner::Ttl(_) => {
                self.collectable.remove(path);
            }
        }
        match Owner::decode(after) {
            Owner::None => {}
            Owner::Session(id) => {
                self.ephemerals.entry(id).or_default().insert(path.clone());
            }
            Owner::Container | Owner::Ttl(_) => {
                self.collectable.insert(path.clone());
            }
        }
    }
}
