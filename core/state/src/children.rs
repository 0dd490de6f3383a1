//! The sorted set of a node's children, cheap to share with a snapshot.

use std::sync::Arc;

/// A chunk is split when it grows beyond this many paths.
const CHUNK_MAX: usize = 256;

/// The full paths of one node's children, in order.
///
/// The set is a list of sorted chunks. A snapshot keeps the chunks it saw alive; a later write
/// copies the one chunk it touches, so a parent of a million children never stops a writer. The
/// paths are the same allocations that key the node map.
#[derive(Clone, Debug, Default)]
pub struct Children {
    chunks: Vec<Arc<Vec<Arc<str>>>>,
    len: usize,
}

impl Children {
    /// Number of children.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True when there is no child.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The full paths in byte order, which is also the order of the names.
    pub fn paths(&self) -> impl Iterator<Item = &Arc<str>> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// The path at a cursor, or the first of the next chunk; `None` behind the last one.
    pub(crate) fn at(&self, cursor: &mut (usize, usize)) -> Option<&Arc<str>> {
        loop {
            let chunk = self.chunks.get(cursor.0)?;
            if let Some(path) = chunk.get(cursor.1) {
                return Some(path);
            }
            *cursor = (cursor.0 + 1, 0);
        }
    }

    fn chunk_of(&self, path: &str) -> usize {
        self.chunks.partition_point(|chunk| &*chunk[0] <= path).saturating_sub(1)
    }

    /// Adds a path; false when it was there.
    pub(crate) fn insert(&mut self, path: Arc<str>) -> bool {
        if self.chunks.is_empty() {
            self.chunks.push(Arc::new(vec![path]));
            self.len = 1;
            return true;
        }
        let index = self.chunk_of(&path);
        let Err(at) = self.chunks[index].binary_search(&path) else { return false };
        let chunk = Arc::make_mut(&mut self.chunks[index]);
        // Names usually arrive in ascending order: a full last chunk is then left full.
        if chunk.len() >= CHUNK_MAX && at == chunk.len() {
            self.chunks.insert(index + 1, Arc::new(vec![path]));
        } else {
            chunk.insert(at, path);
            if chunk.len() > CHUNK_MAX {
                let upper = chunk.split_off(CHUNK_MAX / 2);
                self.chunks.insert(index + 1, Arc::new(upper));
            }
        }
        self.len += 1;
        true
    }

    /// Takes a path out; false when it was not there.
    pub(crate) fn remove(&mut self, path: &str) -> bool {
        if self.chunks.is_empty() {
            return false;
        }
        let index = self.chunk_of(path);
        let found = self.chunks[index].binary_search_by(|p| (**p).cmp(path));
        let Ok(at) = found else { return false };
        let chunk = Arc::make_mut(&mut self.chunks[index]);
        chunk.remove(at);
        if chunk.is_empty() {
            self.chunks.remove(index);
        }
        self.len -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn behaves_as_an_ordered_set() {
        let mut children = Children::default();
        let mut model = BTreeSet::new();
        let mut seed = 7u64;
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let path = format!("/p/{}", (seed >> 33) % 3000);
            if seed & (1 << 20) == 0 {
                assert_eq!(children.insert(path.as_str().into()), model.insert(path));
            } else {
                assert_eq!(children.remove(&path), model.remove(&path));
            }
            assert_eq!(children.len(), model.len());
        }
        assert!(children.paths().map(|p| &**p).eq(model.iter().map(String::as_str)));
    }

    #[test]
    fn a_clone_does_not_see_later_changes() {
        let mut children = Children::default();
        for i in 0..1000 {
            children.insert(format!("/{i:04}").as_str().into());
        }
        let before = children.clone();
        for i in 0..1000 {
            children.remove(&format!("/{i:04}"));
        }
        assert!(children.is_empty());
        assert_eq!(before.paths().count(), 1000);
    }
}
