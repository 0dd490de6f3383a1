//! What clients may read, with the checks in ZooKeeper's order.

use std::sync::Arc;

use pinfold_proto::acl::{Acl, Id, Perms};
use pinfold_proto::error::ErrorCode;
use pinfold_proto::stat::Stat;

use crate::acl;
use crate::initial::ROOT;
use crate::machine::StateMachine;
use crate::node::Node;
use crate::write::is_collectable;

/// A node's data, null or not, with its Stat.
pub type DataAndStat = (Option<Arc<[u8]>>, Stat);

impl StateMachine {
    /// The node itself, without any check. The empty path is the root.
    pub fn node_at(&self, path: &str) -> Option<&Node> {
        self.tree.get(if path.is_empty() { ROOT } else { path })
    }

    fn readable(&self, path: &str, perms: i32, ids: &[Id]) -> Result<&Node, ErrorCode> {
        let node = self.node_at(path).ok_or(ErrorCode::NoNode)?;
        match acl::allows(&node.acl, perms, ids) {
            true => Ok(node),
            false => Err(ErrorCode::NoAuth),
        }
    }

    /// The node's data and Stat.
    ///
    /// # Errors
    /// `NoNode`, then `NoAuth` without READ.
    pub fn get_data(&self, path: &str, ids: &[Id]) -> Result<DataAndStat, ErrorCode> {
        let node = self.readable(path, Perms::READ, ids)?;
        Ok((node.data.clone(), node.stat()))
    }

    /// The node's Stat.
    ///
    /// # Errors
    /// `NoNode`, then `NoAuth` without READ.
    pub fn exists(&self, path: &str, ids: &[Id]) -> Result<Stat, ErrorCode> {
        Ok(self.readable(path, Perms::READ, ids)?.stat())
    }

    /// The names of the children, sorted, and the node's Stat.
    ///
    /// # Errors
    /// `NoNode`, then `NoAuth` without READ.
    pub fn get_children(&self, path: &str, ids: &[Id]) -> Result<(Vec<String>, Stat), ErrorCode> {
        let node = self.readable(path, Perms::READ, ids)?;
        let prefix = if path.len() <= 1 { 1 } else { path.len() + 1 };
        Ok((node.children().map(|child| child[prefix..].to_owned()).collect(), node.stat()))
    }

    /// The node's access list as this caller may see it, and its Stat.
    ///
    /// # Errors
    /// `NoNode`, then `NoAuth` without both READ and ADMIN.
    pub fn get_acl(&self, path: &str, ids: &[Id]) -> Result<(Vec<Acl>, Stat), ErrorCode> {
        let node = self.readable(path, Perms::READ | Perms::ADMIN, ids)?;
        Ok((acl::visible(&node.acl, ids), node.stat()))
    }

    /// Number of all nodes below this one.
    ///
    /// # Errors
    /// `NoNode`, then `NoAuth` without READ.
    pub fn count_descendants(&self, path: &str, ids: &[Id]) -> Result<usize, ErrorCode> {
        let mut open = vec![self.readable(path, Perms::READ, ids)?];
        match path {
            ROOT => return Ok(self.node_count() - 1),
            // The root under another name, and below that name everything.
            "" => return Ok(self.node_count()),
            _ => {}
        }
        let mut count = 0;
        while let Some(node) = open.pop() {
            count += node.child_count();
            open.extend(node.children().filter_map(|child| self.tree.get(child)));
        }
        Ok(count)
    }

    /// The session's ephemerals whose path starts with this text, sorted.
    pub fn ephemerals(&self, session_id: i64, prefix: &str) -> Vec<Arc<str>> {
        let owned = self.tree.ephemerals().get(&session_id).into_iter().flatten();
        owned.filter(|path| path.starts_with(prefix)).cloned().collect()
    }

    /// Every session that owns ephemerals, with their number.
    pub fn ephemeral_owners(&self) -> impl Iterator<Item = (i64, usize)> {
        self.tree.ephemerals().iter().map(|(id, paths)| (*id, paths.len()))
    }

    /// The containers and TTL nodes whose time has come. Whether they go is decided when the
    /// `Collect` entry is applied. A container that never had a child is due after
    /// `unused_after_ms` milliseconds; 0 for never.
    pub fn collectable(&self, now_ms: i64, unused_after_ms: i64) -> Vec<Arc<str>> {
        let candidates = self.tree.collectable().iter();
        candidates
            .filter(|path| {
                let node = self.tree.get(path);
                node.is_some_and(|node| is_collectable(node, now_ms, unused_after_ms))
            })
            .cloned()
            .collect()
    }

    /// Number of nodes, the root included.
    pub fn node_count(&self) -> usize {
        self.tree.len()
    }

    /// Bytes of all paths and data.
    pub fn data_size(&self) -> u64 {
        self.tree.bytes()
    }
}
