//! Which watches stand at the server after everything that was sent: who they are by their keys,
//! and how many share a watch of the server.

use std::collections::HashMap;
use std::sync::Arc;

use pinfold_proto::WatcherType;

use super::WatchKey;

/// Kinds of watches that the server tells apart, by `slot`.
const SLOTS: usize = 4;

#[derive(Default)]
pub(super) struct Standing {
    by_key: HashMap<WatchKey, (WatcherType, Arc<str>)>,
    /// How many stand on a path, by kind.
    counts: HashMap<Arc<str>, [u32; SLOTS]>,
}

fn slot(kind: WatcherType) -> Option<usize> {
    match kind {
        WatcherType::Children => Some(0),
        WatcherType::Data => Some(1),
        WatcherType::Persistent => Some(2),
        WatcherType::PersistentRecursive => Some(3),
        WatcherType::Any => None,
    }
}

impl Standing {
    /// The path as it is kept, so that it is kept once.
    pub(super) fn intern(&self, path: &str) -> Arc<str> {
        match self.counts.get_key_value(path) {
            Some((path, _)) => path.clone(),
            None => path.into(),
        }
    }

    pub(super) fn add(&mut self, key: WatchKey, kind: WatcherType, path: &Arc<str>) {
        self.remove(key);
        if let Some(slot) = slot(kind) {
            self.counts.entry(path.clone()).or_default()[slot] += 1;
            self.by_key.insert(key, (kind, path.clone()));
        }
    }

    /// Takes a watch out and tells what it was.
    pub(super) fn remove(&mut self, key: WatchKey) -> Option<(WatcherType, Arc<str>)> {
        let (kind, path) = self.by_key.remove(&key)?;
        if let (Some(counts), Some(slot)) = (self.counts.get_mut(&path), slot(kind)) {
            counts[slot] = counts[slot].saturating_sub(1);
            if *counts == [0; SLOTS] {
                self.counts.remove(&path);
            }
        }
        Some((kind, path))
    }

    /// Whether the server must keep its watch of that kind for others.
    pub(super) fn is_shared(&self, kind: WatcherType, path: &str) -> bool {
        let counts = self.counts.get(path);
        slot(kind).zip(counts).is_some_and(|(slot, counts)| counts[slot] > 0)
    }
}
